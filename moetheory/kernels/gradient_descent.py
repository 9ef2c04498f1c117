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
from moetheory.kernels.gram_systems import ILL_CONDITIONED, gram
from moetheory.kernels.least_squares import transposed_product
from moetheory.kernels.workspace import Workspace

# stands for log 0: its exponential is 0, and times zero steps it is 0, which -inf is not
LOG_OF_ZERO = -800.0


class Spectrum(NamedTuple):
    r"""The normal equations of R training sets in their eigenvectors.

    The minimiser of minimum norm is ``moments / curvatures`` times ``directions``.

    Attributes
    ----------
    curvatures : (R, q) array
        :math:`l_i`; zero in directions that no sample has.
    moments : (R, q) array
        :math:`v_i^\top c` in units of the length of row i of ``directions``; zero where
        :math:`l_i` is zero.
    directions : (R, q, d) array
        Rows are multiples of :math:`v_i`.
    """

    curvatures: FloatArray
    moments: FloatArray
    directions: FloatArray


class StepSizes(NamedTuple):
    r"""Constant step sizes :math:`a = 2/(h+l)`, one for each of R training sets.

    Curvatures h and l contract alike, and descent is stable on curvatures less than h + l. The
    pair is kept instead of a, so that both :math:`ah` and :math:`2-ah` keep all their digits.

    Attributes
    ----------
    high, low : (R,) arrays
        h and l.
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
    r"""The spectrum of training sets with rows M and targets, as for `normal_fits`.

    There may also be fewer rows than coordinates. The spectrum is from eigenvectors of
    :math:`M^\top M` or, where this is smaller, of :math:`MM^\top`. If the smallest eigenvalue
    would lose more than half of its digits, it is from singular values of M, where rounding
    errors of the largest count as zero.

    Parameters
    ----------
    parts : (R, q_i, d) arrays
        M, one above the other; ``unit`` times M is X.
    targets : (R, q) array
        What stands for y; rows beyond the last target have target zero.
    samples : (R,) integer array
        n in each set.
    work : Workspace
        Its arrays "system" and "product" are overwritten.
    unit : float
    """
    if sum(part.shape[1] for part in parts) >= parts[0].shape[2]:
        values, basis = np.linalg.eigh(gram(parts, work))
        moments = np.vecmat(transposed_product(parts, targets), basis)
        # a product with the transpose takes half as long again
        directions = np.ascontiguousarray(basis.mT)
    else:
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        values, vectors = np.linalg.eigh(gram([rows.mT], work))
        moments = np.vecmat(targets, vectors[:, : targets.shape[1]])
        directions = np.matmul(vectors.mT, rows)
    # eigenvalues ascend; written so that a set of zeros counts as well
    ill_conditioned = ~(values[:, 0] * ILL_CONDITIONED > values[:, -1])
    if ill_conditioned.any():
        rows = np.concatenate([part[ill_conditioned] for part in parts], axis=1)
        values[ill_conditioned], moments[ill_conditioned], directions[ill_conditioned] = _from_rows(
            rows, targets[ill_conditioned], values.shape[1]
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
    projected = np.vecmat(targets, left[:, : targets.shape[1]])
    missing = [(0, 0), (0, number - singular.shape[1])]
    return (
        np.pad(np.square(singular), missing),
        np.pad(singular * projected, missing),
        np.pad(right, [*missing, (0, 0)]),
    )


def extreme_curvatures(curvatures: FloatArray, ridge: float) -> tuple[FloatArray, FloatArray]:
    """The largest and the smallest curvature that is not zero, plus the ridge; (R,) and (R,).

    In a set whose curvatures (R, q) are all zero they are 0 and infinite.
    """
    learned = curvatures > 0.0
    largest = np.where(learned, curvatures + ridge, 0.0).max(axis=-1)
    smallest = np.where(learned, curvatures + ridge, np.inf).min(axis=-1)
    return largest, smallest


def optimal_step_sizes(largest: FloatArray, smallest: FloatArray) -> StepSizes:
    """The step sizes that contract fastest for curvatures between ``smallest`` and ``largest``.

    In a set without curvatures any step size will do.
    """
    return StepSizes(largest, np.where(largest > 0.0, smallest, 1.0))


def descent_iterates(
    given: Spectrum, ridge: float, step_sizes: StepSizes, steps: IntArray, out: FloatArray
) -> FloatArray:
    r"""Coefficients :math:`\beta_t` after each of T numbers of steps, (R, T, d).

    With :math:`x = a(l+\mu)`, :math:`|1-x|^t` is the exponential of t times the logarithm of
    1 less :math:`\min(x, 2-x)`, which keeps its digits where x is near 0 or near 2.

    Parameters
    ----------
    given : Spectrum
        The spectrum of each of R sets.
    ridge : float
        :math:`\mu`.
    step_sizes : StepSizes
        :math:`a`, stable in all sets.
    steps : (T,) integer array
        t.
    out : (R, T, d) array
        What the coefficients are written into.
    """
    # a direction without samples is not learned, whatever the ridge
    curvatures = np.where(given.curvatures > 0.0, given.curvatures + ridge, 0.0)
    high, low = (end[:, np.newaxis] for end in step_sizes)
    step = 2.0 / (high + low)
    x, two_minus_x = step * curvatures, step * ((high - curvatures) + low)
    with np.errstate(divide="ignore"):
        logarithms = np.maximum(np.log1p(-np.minimum(x, two_minus_x)), LOG_OF_ZERO)
    # |1-x|^t - 1; all that follows is done in its memory, which is as large as the result
    shares: FloatArray = np.multiply(steps[:, np.newaxis], logarithms[:, np.newaxis])
    np.expm1(shares, out=shares)
    # where x > 1 descent overshoots: after an odd number of steps (1-x)^t is negative
    overshot = (steps % 2 == 1)[:, np.newaxis] & (x > two_minus_x)[:, np.newaxis]
    np.subtract(-2.0, shares, out=shares, where=overshot)
    shares *= (-given.moments / np.where(curvatures > 0.0, curvatures, 1.0))[:, np.newaxis]
    return np.matmul(shares, given.directions, out=out)
