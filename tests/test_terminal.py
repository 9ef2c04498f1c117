"""The progress line: only for long work, only on a terminal, gone when the work is done."""

import io
import sys

import pytest

from moetheory import terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "40")
    return now


def progress_of(clock, stderr, monkeypatch, seconds):
    monkeypatch.setattr(sys, "stderr", stderr)
    with terminal.Progress("check a-theorem-with-a-very-long-name") as progress:
        for second in seconds:
            clock[0] = 100.0 + second
            progress(int(10 * second), 100)
    return stderr.getvalue()


def test_long_work_on_a_terminal_shows_a_line_and_clears_it(clock, monkeypatch):
    text = progress_of(clock, Terminal(), monkeypatch, [0.5, 1.5, 1.55, 9.0])
    *lines, cleared, end = text.split("\r")[1:]
    assert lines == [
        " 15 % of 100 replicates: check a-theore",
        " 90 % of 100 replicates: check a-theore",
    ]
    assert all(len(line) == 39 for line in (*lines, cleared))
    assert (cleared.strip(), end) == ("", "")


def test_short_work_or_a_pipe_shows_nothing(clock, monkeypatch):
    assert progress_of(clock, Terminal(), monkeypatch, [0.5, 0.9]) == ""
    clock[0] = 100.0
    assert progress_of(clock, io.StringIO(), monkeypatch, [1.5, 9.0]) == ""


def test_width_is_none_into_a_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal.width() is None
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "57")
    assert terminal.width() == 57
