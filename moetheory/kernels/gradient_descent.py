r"""Gradient descent on least squares in many training sets at once, at any number of steps.

From zero with a constant step a on :math:`\tfrac1{2n}\|X\beta - y\|^2 + \tfrac\mu2\|\beta\|^2`,
with :math:`X^\top X/n = \sum_i l_iv_iv_i^\top` and :math:`c = X^\top y/n`,

.. math:: \beta_t = \sum_i v_i \frac{1-(1-a(l_i+\mu))^t}{l_i+\mu}\, v_i^\top c .
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.least_squares import ILL_CONDITIONED, gram, transposed_product
from moetheory.kernels.workspace import Workspace

GONE = -800.0  # the logarithm of what is zero, and not -inf: no step at all leaves it as it is


class Spectrum(NamedTuple):
    r"""The normal equations of R training sets in the directions that descent can take.

    The minimiser of least norm is ``moments / curvatures`` times ``directions``.

    Attributes
    ----------
    curvatures : (R, q) array
        :math:`l_i`; zero in directions that no sample has.
    moments : (R, q) array
        :math:`v_i^\top c` in units of the length of row i of ``directions``; zero there, too.
    directions : (R, q, d) array
        Rows are multiples of :math:`v_i`.
    """

    curvatures: FloatArray
    moments: FloatArray
    directions: FloatArray


class Pace(NamedTuple):
    r"""A constant step :math:`2/(h+l)` in each of R sets: curvatures h and l contract alike.

    It is stable on curvatures less than h + l. Kept as a pair, from which both :math:`ah` and
    :math:`2-ah` have all their digits.

    Attributes
    ----------
    high, low : (R,) arrays
    """

    high: FloatArray
    low: FloatArray


def spectrum(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    samples: IntArray,
    work: Workspace,
    unit: float = 1.0,
) -> Spectrum:
    r"""Of training sets that are given as for `normal_fits`, or by fewer rows than coordinates.

    Eigenvectors of :math:`M^\top M` or, where it is smaller, of :math:`MM^\top`. Where their
    eigenvalues are spread too far for the smallest to have half of its digits it is singular
    values of M, of which those that are rounding errors of the largest count as zero.

    Parameters
    ----------
    parts : (R, q_i, d) arrays
        M, one above the other; ``unit`` times M is X.
    targets : (R, q) array
        What stands for y, zero where it ends before the rows do.
    samples : (R,) integer array
        n in each set.
    work : Workspace
        Of which "system" and "product" are used.
    unit : float
    """
    if sum(part.shape[1] for part in parts) >= parts[0].shape[2]:
        values, basis = np.linalg.eigh(gram([(part.mT, part) for part in parts], work))
        moments = np.vecmat(transposed_product(parts, targets), basis)
        # a product with the transpose takes half as long again
        directions = np.ascontiguousarray(basis.mT)
    else:
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        values, vectors = np.linalg.eigh(gram([(rows, rows.mT)], work))
        moments = np.vecmat(targets, vectors[:, : targets.shape[1]])
        directions = np.matmul(vectors.mT, rows)
    # ascending; written so that a set of zeros is doubtful as well
    doubtful = ~(values[:, 0] * ILL_CONDITIONED > values[:, -1])
    if doubtful.any():
        rows = np.concatenate([part[doubtful] for part in parts], axis=1)
        values[doubtful], moments[doubtful], directions[doubtful] = _from_rows(
            rows, targets[doubtful], values.shape[1]
        )
    sizes = np.maximum(samples, 1)[:, np.newaxis]
    return Spectrum(values * (unit**2 / sizes), moments * (unit / sizes), directions)


def _from_rows(
    rows: FloatArray, targets: FloatArray, number: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Squared singular values, moments and right singular vectors, filled up to ``number``."""
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    rounding = np.finfo(float).eps * max(rows.shape[1:])
    singular = np.where(singular > rounding * singular[:, :1], singular, 0.0)
    heard = np.vecmat(targets, left[:, : targets.shape[1]])
    missing = [(0, 0), (0, number - singular.shape[1])]
    return (
        np.pad(np.square(singular), missing),
        np.pad(singular * heard, missing),
        np.pad(right, [*missing, (0, 0)]),
    )


def extremes(curvatures: FloatArray, ridge: float) -> tuple[FloatArray, FloatArray]:
    """The largest and the smallest of those that are not zero, with the ridge; (R,) and (R,).

    Where nothing can be learned they are 0 and infinite.
    """
    learned = curvatures > 0.0
    largest = np.where(learned, curvatures + ridge, 0.0).max(axis=-1)
    smallest = np.where(learned, curvatures + ridge, np.inf).min(axis=-1)
    return largest, smallest


def best_pace(largest: FloatArray, smallest: FloatArray) -> Pace:
    """The fastest constant step for curvatures between these; any where there are none."""
    return Pace(largest, np.where(largest > 0.0, smallest, 1.0))


def descend(
    given: Spectrum, ridge: float, pace: Pace, steps: IntArray, out: FloatArray
) -> FloatArray:
    r"""Coefficients :math:`\beta_t` after each of T numbers of steps, (R, T, d).

    With :math:`x = a(l+\mu)`, :math:`|1-x|^t` is the exponential of t times the logarithm of
    1 less :math:`\min(x, 2-x)`, which keeps its digits where x is near 0 or near 2.

    Parameters
    ----------
    given : Spectrum
        Of R sets.
    ridge : float
    pace : Pace
        Stable in all sets.
    steps : (T,) integer array
    out : (R, T, d) array
        What they are written into.
    """
    # a direction that no sample has is not learned, whatever its ridge
    curvatures = np.where(given.curvatures > 0.0, given.curvatures + ridge, 0.0)
    high, low = (end[:, np.newaxis] for end in pace)
    step = 2.0 / (high + low)
    covered, left = step * curvatures, step * ((high - curvatures) + low)
    with np.errstate(divide="ignore"):
        logarithms = np.maximum(np.log1p(-np.minimum(covered, left)), GONE)
    # |1-x|^t - 1, and what is made of it in the same memory: it is as large as the result
    shares: FloatArray = np.multiply(steps[:, np.newaxis], logarithms[:, np.newaxis])
    np.expm1(shares, out=shares)
    # of an odd number of steps beyond the minimum the power itself changes its sign
    beyond = (steps % 2 == 1)[:, np.newaxis] & (covered > left)[:, np.newaxis]
    np.subtract(-2.0, shares, out=shares, where=beyond)
    shares *= (-given.moments / np.where(curvatures > 0.0, curvatures, 1.0))[:, np.newaxis]
    return np.matmul(shares, given.directions, out=out)
