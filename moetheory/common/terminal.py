"""The terminal: its width, and a progress line on stderr."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from moetheory.common.errors import ArgumentTypeError
from moetheory.common.escapes import printable
from moetheory.common.validation import shown

Report = Callable[[int, int], object]


def width() -> int | None:
    """The number of columns of the terminal; None if the output is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(text: str = "") -> None:
    """Print text on stdout; all that could command the terminal is escaped."""
    print(printable(text))


def note(text: str) -> None:
    """Print one line on stderr; all that could command the terminal is escaped."""
    if Progress.on_screen is not None:
        Progress.on_screen.clear()
    print(printable(text, lines=False), file=sys.stderr, flush=True)


class Progress:
    """A progress line on stderr for work longer than a second: share, rate and time left.

    ``unit`` names the counted things; without a name the line has the share alone. On a terminal
    the line is overwritten. Elsewhere no line is printed, unless ``always`` is true: then there is
    a new line every ten seconds.
    """

    on_screen: ClassVar[Progress | None] = None

    def __init__(self, title: str, *, unit: str = "replicates", always: bool = False) -> None:
        self.title, self.unit, self.always = title, unit, always

    def __enter__(self) -> Progress:
        self.started = self.last = time.monotonic()
        self.since, self.before = self.started, 0.0
        return self

    def __call__(self, done: int, total: int) -> None:
        now, share = time.monotonic(), done / max(total, 1)
        if now - self.started < 1.0:
            # replicates that are there this soon may come from a checkpoint: they give no rate
            self.since, self.before = now, share
        elif sys.stderr.isatty():
            if now - self.last >= 0.1:
                self.last, Progress.on_screen = now, self
                columns = shutil.get_terminal_size().columns - 1
                line = self._line(share, total, now)
                print(f"\r{line[:columns]:<{columns}}", end="", file=sys.stderr, flush=True)
        elif self.always and now - self.last >= 10.0:
            self.last = now
            print(self._line(share, total, now), file=sys.stderr, flush=True)

    def _line(self, share: float, total: int, now: float) -> str:
        """The text of the line at time ``now``."""
        # rates are in shares of the total, as an estimated total changes
        rate = (share - self.before) / (now - self.since)
        of, speed = "", ""
        if self.unit:
            of, speed = f" of {total} {self.unit}", f", {rate * total:.3g}/s" * (rate > 0.0)
        left = f", {duration((1.0 - share) / rate)} left" if rate > 0.0 else ""
        line = f"{math.floor(100 * share):3d} %{of}{speed}{left}: {self.title}"
        return printable(line, lines=False)

    def clear(self) -> None:
        """Take the line off the terminal; the next call shows it again."""
        if Progress.on_screen is self:
            Progress.on_screen = None
            columns = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{columns}}\r", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        self.clear()


@contextmanager
def reporting(progress: Any, title: str, *, unit: str = "replicates") -> Iterator[Report | None]:
    """The function to call with what is done and the total: ``progress``, or a line if it is True.

    Other values of ``progress`` than a function, True, False and None are refused.

    >>> with reporting(None, "sweep") as report:
    ...     report is None
    True
    """
    require_progress(progress)
    if progress is True:
        with Progress(title, unit=unit, always=True) as line:
            yield line
    else:
        yield progress if callable(progress) else None


def require_progress(progress: Any) -> None:
    """Refuse what `reporting` cannot use, before the work."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ArgumentTypeError(
            "progress", f"must be a function, True, False or None, got {shown(progress)}"
        )


def duration(seconds: float) -> str:
    """A time as text with a unit that suits its length.

    >>> duration(42.0), duration(780.0), duration(20_000.0), duration(1e9)
    ('42 s', '13 min', '5.6 h', '11574 d')
    """
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    if seconds < 6000.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h" if seconds < 172_800.0 else f"{seconds / 86_400.0:.0f} d"
