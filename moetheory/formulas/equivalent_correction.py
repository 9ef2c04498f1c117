r"""The deterministic equivalent with its 1/n term, within limits (docs/theory.md §4)."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.equivalent import EquivalentMoments


def with_correction(
    found: EquivalentMoments, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""The mean, its error :math:`b - \bar\beta` and the variance, with the 1/n term added, (d,).

    A term x is added to a value v as :math:`v + xl/\sqrt{x^2+l^2}`: this is v + x up to a relative
    :math:`(x/l)^2` of x, and never more than l away from v. For a variance v this limit l is v
    itself, so that the sum is not negative, and for positive x the misfit in addition, which
    the term is small beside if samples are many. For a mean kb it is :math:`k(1-k)|b|`: the
    share k of the coefficient that is kept stays between 0 and 1.
    """
    mean, error = found.mean, found.coefficient_error
    b = np.where(coefficients == 0.0, 1.0, coefficients)
    shift = limited(found.mean_correction, np.abs(mean * (error / b)))
    term, variance = found.variance_correction, found.variance
    gain = limited(term, variance + np.where(term > 0.0, found.misfit, 0.0))
    return mean + shift, error - shift, variance + gain


def limited(term: FloatArray, limit: FloatArray) -> FloatArray:
    """The term where it is small beside the limit; nowhere larger than the limit."""
    length = np.hypot(term, limit)
    relative = np.divide(term, length, out=np.zeros(length.shape), where=length > 0.0)
    return np.asarray(limit * relative)
