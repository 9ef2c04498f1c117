"""Probabilities: checked and scaled to a sum of 1, once, where a user gives them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import by_precision

TOLERANCE = 1e-9  # of a sum, from 1
SINGLE_TOLERANCE = 1e-6  # of a sum of numbers in single precision
ROUNDING = 2.0**-50  # of a sum: a division by the exact sum leaves at most 2^-52


def normalised(name: str, given: ArrayLike, array: FloatArray) -> FloatArray:
    r"""Probabilities divided by their sum :math:`\sum_g p_g`, in float64.

    An array that sums to 1 up to rounding is returned as it is, so that what was normalised once
    keeps its bits.

    Parameters
    ----------
    name : str
        What error messages call the argument.
    given : array_like
        The argument as given; its type decides whether its sum may deviate from 1 by 1e-9 or, in
        single precision, by 1e-6.
    array : (K,) or (n, K) array
        The argument in float64, not negative; each row is normalised.

    Raises
    ------
    ValueError
        A sum deviates from 1 by more.
    """
    tolerance = by_precision(given, TOLERANCE, SINGLE_TOLERANCE)
    sums = np.array([_exact_sum(row) for row in np.atleast_2d(array).tolist()])
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > tolerance:
        sums_to, where = (
            ("sum", "") if array.ndim == 1 else ("have rows that sum", f" in row {worst}")
        )
        raise ArgumentError(name, f"must {sums_to} to 1, got {sums[worst]:.12g}{where}")
    scale = np.where(np.abs(sums - 1.0) > ROUNDING, sums, 1.0)
    return np.asarray(array / (scale[0] if array.ndim == 1 else scale[:, np.newaxis]))


def _exact_sum(numbers: list[float]) -> float:
    """The sum, rounded once; ``inf`` beyond all floats."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf
