"""The progress line: only for long work, fit for the terminal, gone when the work is done."""

import io
import sys

import pytest

from moetheory.common import terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "80")
    return now


@pytest.fixture
def shown(clock, monkeypatch):
    """What stands on a stderr after calls ``(second, done, total)``."""

    def of(stderr: io.StringIO, *calls: tuple[float, int, int], always: bool = False) -> str:
        monkeypatch.setattr(sys, "stderr", stderr)
        clock[0] = 100.0
        with terminal.Progress("work", always=always) as progress:
            for second, done, total in calls:
                clock[0] = 100.0 + second
                progress(done, total)
        return stderr.getvalue()

    return of


def test_long_work_on_a_terminal_shows_a_line_and_clears_it(shown):
    text = shown(Terminal(), (1.5, 15, 100), (1.55, 16, 100), (9.0, 90, 100))
    *lines, cleared, end = text.split("\r")[1:]
    assert [line.rstrip() for line in lines] == [
        " 15 % of 100 replicates, 10/s, 8 s left: work",
        " 90 % of 100 replicates, 10/s, 1 s left: work",
    ]
    assert all(len(line) == 79 for line in (*lines, cleared))
    assert (cleared.strip(), end) == ("", "")


def test_a_narrow_terminal_gets_as_much_of_the_line_as_fits(shown, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    _, line, cleared, _ = shown(Terminal(), (2.0, 20, 100)).split("\r")
    assert line == " 20 % of 100 replicates, 10/s"
    assert cleared == " " * 29


def test_what_is_counted_has_a_name(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.Progress("work", unit="rows") as progress:
        clock[0] += 2.0
        progress(20, 100)
        assert " 20 % of 100 rows, 10/s, 8 s left: work" in sys.stderr.getvalue()


def test_parts_without_a_name_are_not_counted(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.Progress("work", unit="") as progress:
        clock[0] += 2.0
        progress(20, 100)
        assert " 20 %, 8 s left: work" in sys.stderr.getvalue()


def test_short_work_or_a_pipe_shows_nothing(shown):
    assert shown(Terminal(), (0.5, 50, 100), (0.9, 90, 100)) == ""
    assert shown(io.StringIO(), (1.5, 15, 100), (99.0, 90, 100)) == ""


def test_a_pipe_gets_a_line_every_ten_seconds_if_always(shown):
    calls = ((5.0, 50, 1000), (10.0, 100, 1000), (19.0, 190, 1000), (20.5, 205, 1000))
    assert shown(io.StringIO(), *calls, always=True) == (
        " 10 % of 1000 replicates, 10/s, 90 s left: work\n"
        " 20 % of 1000 replicates, 10/s, 80 s left: work\n"
    )
    assert shown(io.StringIO(), (0.9, 5, 10), (9.0, 9, 10), always=True) == ""


def test_no_rate_and_no_time_left_where_nothing_has_been_done(shown):
    _, line, *_ = shown(Terminal(), (2.0, 0, 100)).split("\r")
    assert line.rstrip() == "  0 % of 100 replicates: work"
    _, line, *_ = shown(Terminal(), (0.5, 30, 100), (3.0, 30, 100)).split("\r")
    assert line.rstrip() == " 30 % of 100 replicates: work"


def test_what_is_there_at_once_says_nothing_of_the_rate(shown):
    """Replicates that are there at once come from a resumed checkpoint."""
    _, line, *_ = shown(Terminal(), (0.0, 400, 1000), (0.5, 500, 1000), (10.5, 600, 1000)).split(
        "\r"
    )
    assert line.rstrip() == " 60 % of 1000 replicates, 10/s, 40 s left: work"


def test_the_time_left_follows_a_total_that_changes(shown):
    """The total is an estimate where there is a target for the standard error."""
    _, _, line, *_ = shown(Terminal(), (2.0, 50, 100), (4.0, 800, 1000)).split("\r")
    assert line.rstrip() == " 80 % of 1000 replicates, 200/s, 1 s left: work"


def test_width_is_none_into_a_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal.width() is None
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "57")
    assert terminal.width() == 57


def test_text_is_printed_and_what_commands_a_terminal_escaped(capsys):
    terminal.show("one\n\x1b[31mtwo\r\x9b")
    terminal.show()
    terminal.note("a\nb\u202e\udcff")
    assert capsys.readouterr() == ("one\n\\x1b[31mtwo\\r\\x9b\n\n", "a\\nb\\u202e\\udcff\n")


def test_a_title_commands_nothing_either(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.Progress("a\x1b[31m\n") as progress:
        clock[0] += 2.0
        progress(20, 100)
        assert r"a\x1b[31m\n" in sys.stderr.getvalue()
        assert "\x1b" not in sys.stderr.getvalue()


def test_a_note_takes_the_place_of_the_line_which_comes_back(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.Progress("work") as progress:
        for second in (2.0, 3.0):
            clock[0] = 100.0 + second
            progress(int(10 * second), 100)
            if second == 2.0:
                terminal.note("a warning")
    _, first, blank, noted, second, cleared, end = sys.stderr.getvalue().split("\r")
    assert first.startswith(" 20 % of 100")
    assert (blank.strip(), noted) == ("", "a warning\n")
    assert second.startswith(" 30 % of 100")
    assert (cleared.strip(), end) == ("", "")
