"""A pool of processes of our own; apart, as importing what it needs takes a while."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any


class Processes(ProcessPoolExecutor):
    """Processes that are deaf to Ctrl-C from their first instruction."""

    def __init__(self, workers: int) -> None:
        # spawned, not forked: this process may have threads
        super().__init__(workers, multiprocessing.get_context("spawn"), initializer=_begin)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # submitting starts processes, which inherit the mask under which they start
        with _no_interrupts():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """In a process of the pool, before it works."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
