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


@contextmanager
def signals_wait() -> Iterator[None]:
    """A block that no answer to SIGINT or SIGTERM interrupts; they are answered after it.

    A mask would not do: another thread may receive a signal, and Python answers in the main one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # is not interrupted
        return
    came: list[int] = []
    before, raised = {}, None
    for number in (signal.SIGINT, signal.SIGTERM):
        while number not in before:
            try:
                before[number] = signal.signal(number, lambda number, _: came.append(number))
            except BaseException as error:  # the answer to a signal that came just before
                raised = error
    try:
        yield
    finally:
        for number, answer in before.items():
            if answer is not None:  # else it is not Python's
                signal.signal(number, answer)
        for each in sorted(set(came), reverse=True):  # SIGTERM first: its answer ends all
            signal.raise_signal(each)
        if raised is not None:
            raise raised
