"""A pool of processes; a file of its own because its imports take a while."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any


class Processes(ProcessPoolExecutor):
    """A pool of processes that ignore Ctrl-C from their first instruction."""

    def __init__(self, workers: int) -> None:
        # spawned, not forked: this process may have threads
        super().__init__(workers, multiprocessing.get_context("spawn"), initializer=_begin)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # submitting starts processes, which inherit the mask under which they start
        with no_interrupts():
            future = super().submit(fn, *args, **kwargs)
        future.__class__ = _Cancellable
        return future


class _Cancellable(Future[Any]):
    """A future that may be cancelled before its pool breaks.

    A pool that breaks fails all that it has not done, and in Python 3.11 its thread ends at one
    that was cancelled; then the pool is never cleaned up.
    """

    def set_exception(self, exception: BaseException | None) -> None:
        with suppress(InvalidStateError):
            super().set_exception(exception)


@contextmanager
def no_interrupts() -> Iterator[None]:
    """A block during which Ctrl-C and SIGTERM wait, also in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Initialise a process of the pool: ignore Ctrl-C, and end with the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
