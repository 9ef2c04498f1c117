"""Rows of a table: cells of any length, and no trace of that in the process."""

import csv as csv_module
import io
import os
import threading

import pytest

from moetheory.datafile import csv_rows
from moetheory.datafile.csv_rows import Rows

LIMIT = csv_module.field_size_limit()
LONG = "x" * (LIMIT + 1)


def test_cells_of_any_length_are_read_and_the_limit_of_the_process_stays():
    with Rows(io.StringIO(f"a,b\n{LONG},2\n")) as rows:
        assert list(rows) == [["a", "b"], [LONG, "2"]]
        assert rows.line == 2
    assert csv_module.field_size_limit() == LIMIT
    with pytest.raises(csv_module.Error, match="field larger"):
        list(csv_module.reader([LONG]))


def test_the_limit_stays_after_an_error():
    with pytest.raises(csv_module.Error), Rows(io.StringIO('a,"b')) as rows:
        list(rows)
    assert csv_module.field_size_limit() == LIMIT


def test_a_reader_that_ends_takes_nothing_from_another():
    with Rows(io.StringIO(f"a\n{LONG}\n")) as outer:
        next(outer)
        thread = threading.Thread(target=lambda: [None for _ in Rows(io.StringIO("b\n"))])
        thread.start()
        thread.join()
        with Rows(io.StringIO("b\n")) as inner:
            assert list(inner) == [["b"]]
        assert next(outer) == [LONG]
    assert csv_module.field_size_limit() == LIMIT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_begins_anew():
    with Rows(io.StringIO("a\n")):
        child = os.fork()
        if child == 0:
            limit = csv_module.field_size_limit()
            with Rows(io.StringIO(LONG)) as rows:
                right = list(rows) == [[LONG]] and limit == LIMIT
            os._exit(0 if right else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert csv_module.field_size_limit() == LIMIT


def test_a_line_without_an_end_does_not_fill_the_memory(csv, monkeypatch, refusal):
    monkeypatch.setattr(csv_rows, "LONGEST_LINE", 1000)
    assert "a line has 1000 characters or more (line 1)" in refusal(csv, b"\0" * 5000)
    assert "a line has 1000 characters or more (line 3)" in refusal(
        csv, f"a,y\n1,2\n{'1' * 1000},2"
    )
