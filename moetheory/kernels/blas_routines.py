"""Routines of BLAS and LAPACK that NumPy has not: symmetric positive matrices, one at a time.

Functions of `scipy.linalg.blas` and `scipy.linalg.lapack` would do the same, but keep the
interpreter to themselves, and threads would wait for each other. So the routines are called by
their addresses. For Fortran, an array of NumPy is the transpose, and its upper half the lower.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import AbstractContextManager
from ctypes import byref, c_double, c_int
from functools import cache
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.blas_threads import one_blas_thread

ONE = byref(c_double(1.0))


def one_thread() -> AbstractContextManager[None]:
    """A context in which the routines use one BLAS thread, and so does NumPy."""
    _routine("dposv")  # SciPy's BLAS is held only if it is loaded
    return one_blas_thread()


def add_gram(rows: FloatArray, system: FloatArray) -> None:
    r"""Add :math:`A^\top A` for ``rows`` A, (q, n), to the upper half of ``system``, (n, n)."""
    if not rows.flags.forc:
        rows = np.ascontiguousarray(rows)
    count, size = rows.shape
    transposed, leading = (b"N", size) if rows.flags.c_contiguous else (b"T", max(1, count))
    _routine("dsyrk")(
        b"L",
        transposed,
        _integer(size),
        _integer(count),
        ONE,
        rows.ctypes.data,
        _integer(leading),
        ONE,
        system.ctypes.data,
        _integer(size),
    )


def solve_positive(system: FloatArray, sides: FloatArray) -> bool:
    r"""Replace ``sides`` (m, n), one a row, by solutions with ``system`` (n, n), by Cholesky.

    Only the upper half of ``system`` is read; its factor takes its place. Both are contiguous. If
    ``system`` is not positive, ``sides`` are left as they are.

    Returns
    -------
    bool
        Whether ``system`` is positive.
    """
    size, failed = _integer(len(system)), c_int()
    _routine("dposv")(
        b"L",
        size,
        _integer(len(sides)),
        system.ctypes.data,
        size,
        sides.ctypes.data,
        size,
        byref(failed),
    )
    return failed.value == 0


@cache
def _integer(value: int) -> Any:
    """A reference to an integer that nobody changes."""
    return byref(c_int(value))


@cache
def _routine(name: str) -> Callable[..., None]:
    """The routine of SciPy's BLAS or LAPACK, whose arguments are addresses."""
    from scipy.linalg import cython_blas, cython_lapack

    capsule = {**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__}[name]
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi)
    )
    address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    arguments = signature(capsule).count(b",") + 1
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
    return prototype(address(capsule, signature(capsule)))
