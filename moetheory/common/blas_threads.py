"""One BLAS thread: many small factorisations lose more to threads than they gain."""

from __future__ import annotations

import ctypes
import importlib
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


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A block in which NumPy's BLAS uses one thread, in all threads of this process.

    Blocks may nest and overlap; when the last one ends the number is what it was before the
    first. Without effect where NumPy's BLAS has no such switch that can be found (Accelerate,
    Windows).
    """
    _blocks.enter()
    try:
        yield
    finally:
        _blocks.leave()


@cache
def controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Functions that get and set the number of threads of NumPy's BLAS, if there are any."""
    # a symbol is looked up in an extension and in all that it is linked with
    library = ctypes.CDLL(importlib.import_module("numpy.linalg._umath_linalg").__file__)
    for get, set_ in OPENBLAS + MKL:
        if hasattr(library, get) and hasattr(library, set_):
            return getattr(library, get), getattr(library, set_)
    return None


class _Blocks:
    """The blocks that are active: the number is global to the process, and so are they."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active = 0
        self._before = 1

    def enter(self) -> None:
        with self._lock:
            if self._active == 0 and (found := controls()):
                get, set_ = found
                self._before = get()
                set_(1)
            self._active += 1

    def leave(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0 and (found := controls()):
                found[1](self._before)


_blocks = _Blocks()
