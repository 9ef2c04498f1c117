"""The terminal: its width, and a progress line on stderr."""

from __future__ import annotations

import shutil
import sys
import time


def width() -> int | None:
    """Columns of the terminal; None into a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Progress:
    """A line on stderr for work that takes longer than a second, if stderr is a terminal."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.shown = False

    def __enter__(self) -> Progress:
        self.started = self.last = time.monotonic()
        return self

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.started < 1.0 or now - self.last < 0.1 or not sys.stderr.isatty():
            return
        self.last, self.shown = now, True
        columns = shutil.get_terminal_size().columns - 1
        line = f"{100 * done // total:3d} % of {total} replicates: {self.title}"
        print(f"\r{line[:columns]:<{columns}}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            columns = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{columns}}\r", end="", file=sys.stderr, flush=True)
