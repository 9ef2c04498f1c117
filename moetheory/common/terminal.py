"""The terminal: its width, and a progress line on stderr."""

from __future__ import annotations

import math
import shutil
import sys
import time


def width() -> int | None:
    """The number of columns of the terminal; None if the output is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Progress:
    """A progress line on stderr for work longer than a second: share, rate and time left.

    ``unit`` names the counted things. On a terminal the line is overwritten. Elsewhere no line is
    printed, unless ``always`` is true: then there is a new line every ten seconds.
    """

    def __init__(self, title: str, *, unit: str = "replicates", always: bool = False) -> None:
        self.title, self.unit, self.always = title, unit, always
        self.shown = False

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
                self.last, self.shown = now, True
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
        speed = f", {rate * total:.3g}/s, {duration((1.0 - share) / rate)} left" if rate > 0 else ""
        return f"{math.floor(100 * share):3d} % of {total} {self.unit}{speed}: {self.title}"

    def __exit__(self, *_: object) -> None:
        if self.shown:
            columns = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{columns}}\r", end="", file=sys.stderr, flush=True)


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
