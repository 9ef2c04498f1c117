"""One BLAS thread for many small factorisations, which several threads make slower."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product

OPENBLAS = [  # how builds of OpenBLAS spell its names: NumPy's own first
    (f"{prefix}openblas_get_num_threads{suffix}", f"{prefix}openblas_set_num_threads{suffix}")
    for prefix, suffix in product(("scipy_", ""), ("64_", ""))
]
MKL = [("MKL_Get_Max_Threads", "MKL_Set_Num_Threads")]
NUMPY, SCIPY = "numpy.linalg._umath_linalg", "scipy.linalg._flapack"  # linked with their BLAS


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context in which BLAS uses one thread, in all threads of this process.

    It holds the BLAS of NumPy, and that of SciPy if `scipy.linalg` is loaded when a context begins,
    be it an inner one. Contexts may nest and overlap. When the last one ends, the numbers of
    threads are what they were before the first. There is no effect where a BLAS has no function
    that sets the number of threads (Accelerate, Windows).
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


@cache
def controls(extension: str = NUMPY) -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The functions that get and set the number of threads of an extension's BLAS, or None."""
    # a symbol is looked up in an extension and in all that it is linked with
    library = ctypes.CDLL(importlib.import_module(extension).__file__)
    for get, set_ in OPENBLAS + MKL:
        if hasattr(library, get) and hasattr(library, set_):
            return getattr(library, get), getattr(library, set_)
    return None


class _ThreadLimit:
    """A count of the active contexts, one for the process like the numbers of threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._nested = 0
        self._own = threading.local()  # the contexts of each thread
        self._threads_before: dict[str, int] = {}  # of each extension that is held

    def enter(self) -> None:
        """Set one thread wherever no context has done so."""
        with self._lock:
            for extension in (NUMPY, SCIPY):
                # what is not loaded yet is not loaded for this
                if extension in sys.modules and extension not in self._threads_before:
                    self._hold(extension)
            self._nested += 1
            self._own.nested = self._nested_here() + 1

    def _hold(self, extension: str) -> None:
        if functions := controls(extension):
            get, set_ = functions
            self._threads_before[extension] = get()
            set_(1)

    def leave(self) -> None:
        """Restore the numbers of threads if this was the last context."""
        with self._lock:
            self._nested -= 1
            self._own.nested = self._nested_here() - 1
            if self._nested == 0:
                self._release()

    def _release(self) -> None:
        # in reverse order, for both may have the same BLAS
        while self._threads_before:
            extension, threads = self._threads_before.popitem()
            if functions := controls(extension):
                functions[1](threads)

    def _nested_here(self) -> int:
        nested: int = getattr(self._own, "nested", 0)
        return nested

    def stop(self) -> None:
        """Let no thread enter or leave: to fork amid that would freeze the child, or BLAS in it."""
        self._lock.acquire()

    def go_on(self) -> None:
        """End what `stop` began."""
        self._lock.release()

    def begin_forked(self) -> None:
        """Begin in a forked child: of all contexts only those of its one thread are there."""
        self._lock = threading.RLock()
        self._nested = self._nested_here()
        if self._nested == 0:
            self._release()


_limit = _ThreadLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_limit.stop, after_in_parent=_limit.go_on, after_in_child=_limit.begin_forked
    )
