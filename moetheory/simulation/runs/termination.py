"""SIGTERM, which else ends a process on the spot."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def ends_orderly() -> Iterator[None]:
    """A block that SIGTERM leaves before it ends the process, so that nothing leaks.

    Nothing changes in other threads than the main one, or where SIGTERM is handled already.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    came = False

    def leave(*_: object) -> None:
        nonlocal came
        if not came:  # what it leaves may take a moment to end
            came = True
            raise _Terminated

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if came:
            signal.raise_signal(signal.SIGTERM)
