"""Rows of a table: those of Python's csv module, with cells of any length."""

import csv as csv_module
import io
import random

from moetheory.datafile import csv_rows
from moetheory.datafile.csv_rows import RowError, Rows


def test_rows_are_those_of_the_csv_module():
    chance = random.Random(0)
    for _ in range(20_000):
        text = "".join(chance.choice('ab,," "" \n\r') for _ in range(chance.randrange(25)))
        ours, theirs = Rows(io.StringIO(text, newline="")), []
        rows = csv_module.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        found, errors = [], []
        try:
            theirs.extend((rows.line_num, cells) for cells in rows)
        except csv_module.Error as error:
            errors.append(str(error))
        try:
            found.extend((ours.line, cells) for cells in ours)
        except RowError as error:
            errors.append(str(error).partition(", got")[0])
        assert found == theirs, repr(text)
        assert errors in ([], errors[:1] * 2), repr(text)


def test_a_line_without_an_end_does_not_fill_the_memory(csv, monkeypatch, refusal):
    monkeypatch.setattr(csv_rows, "LONGEST_LINE", 1000)
    assert "a line has 1000 characters or more (line 1)" in refusal(csv, b"\0" * 5000)
    assert "a line has 1000 characters or more (line 3)" in refusal(
        csv, f"a,y\n1,2\n{'1' * 1000},2"
    )
