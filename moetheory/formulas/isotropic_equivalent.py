r"""What the deterministic equivalent misses in one isotropic group, where the truth is known.

See docs/theory.md §4. Variance 1, n samples of s coordinates, ridge c on the sum over samples.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import equivalent
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent_correction import with_correction
from moetheory.formulas.finite import estimation_cost
from moetheory.formulas.wishart_ridge import ridge_traces

LARGEST = 512  # of samples and coordinates, the smaller number: larger problems are scaled down
WIDEST = 1000  # difference of these numbers
NEAR = 4  # a difference up to which scaling down leaves it as it is
STEPS_PER_DECADE = 2  # of the ridges at which the error is measured; between them it is linear
DECADES = (-100.0, 100.0)  # of these ridges
LEAST = 1e-12  # least ridge for each of n = s samples: without ridge the equivalent is singular


def discrepancies(samples: int, size: int, ridges: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""The errors of the equivalent with its 1/n term in one isotropic group, for several ridges.

    With :math:`T` the noise :math:`E\operatorname{tr}WQ^2` that a fit lets through and L the mean
    squared share of a coefficient that is lost, T' and L' those of the equivalent, these are
    :math:`\delta_1 = T/T' - 1` and :math:`\delta_2 = L - L'`.

    A large problem is scaled down to ``LARGEST``, with the ratios of n, s and c: errors fall
    with the size, mostly like its square. A small difference of n and s stays as it is: what it
    does is the same at any size. Between ridges at which the errors are computed they are
    interpolated, so that they are continuous.

    Parameters
    ----------
    samples, size : int
        n and s; nothing is missed where one of them is 0.
    ridges : (m,) array
        c, may be 0 or infinite.

    Returns
    -------
    two (m,) arrays

    Examples
    --------
    Noise s/(n-s-1) instead of s/(n-s) + s/(n-s)²:

    >>> discrepancies(40, 10, np.zeros(1))
    (array([0.00113027]), array([0.]))
    """
    small, gap = min(samples, size), abs(samples - size)
    errors = np.zeros((2, len(ridges)))
    finite = ridges < math.inf
    if small == 0 or not finite.any():
        return errors[0], errors[1]
    factor = min(1.0, LARGEST / small)
    scaled_gap = max(min(gap, NEAR), round(gap * factor))
    smaller, wide = round(small * factor), min(scaled_gap, WIDEST)
    share = wide / scaled_gap if gap else 1.0  # far from n = s errors fall at least like 1/n
    n, s = (smaller + wide, smaller) if samples >= size else (smaller, smaller + wide)
    if gap == 0:  # where the equivalent has no solution without ridge
        ridges = np.maximum(ridges, LEAST * small)
    without = ridges == 0.0
    if without.any():
        errors[:, without] = np.array(_at_step(n, s, None))[:, np.newaxis]
    exponents = np.log10(ridges[finite & ~without])
    exponents += math.log10((smaller + wide) / (small + gap))
    steps = np.clip(exponents, *DECADES) * STEPS_PER_DECADE
    low = np.floor(steps)
    known, which = np.unique([low, low + 1.0], return_inverse=True)
    if len(known):
        table = np.array([_at_step(n, s, int(step)) for step in known]).T
        below, above = table[:, which.reshape(2, -1)].swapaxes(0, 1)
        errors[:, finite & ~without] = below + (steps - low) * (above - below)
    return share * errors[0], share * errors[1]


def size_ratios(samples: FloatArray, sizes: FloatArray) -> FloatArray:
    """The size of the problems that stand for those of `discrepancies`, relative to them."""
    return np.asarray(LARGEST / np.maximum(np.minimum(samples, sizes), LARGEST))


@lru_cache(maxsize=1 << 14)
def _at_step(n: int, s: int, step: int | None) -> tuple[float, float]:
    """The errors at one of the ridges; None for no ridge."""
    if step is None:
        lost, noise = (float(estimation_cost(n, s, rho, 1.0 - rho)) for rho in (0.0, 1.0))
        a, c = (1.0, 0.0) if n > s else (0.0, 1.0)
    else:
        a, c = 1.0, 10.0 ** (step / STEPS_PER_DECADE)
        exact = ridge_traces(n, s, c)
        lost, noise = exact.missed_square, exact.noise_trace
    through, missed = (_by_equivalent(n, s, a, c, *part) for part in ((0.0, 1.0), (s**-0.5, 0.0)))
    # within one of n = s the truth is infinite without ridge, unless nothing passes anyway
    return (noise / through - 1.0 if noise < math.inf else 0.0), lost - missed


def _by_equivalent(n: int, s: int, a: float, c: float, b: float, residual: float) -> float:
    """The excess risk by the equivalent, with all coefficients equal to b and this residual."""
    layout = BlockLayout(np.zeros(s, dtype=np.int64), 1, coupled=False)
    arrays = np.ones(s), np.zeros(s), np.full(s, b)
    counts, unexplained, a_column, c_column = np.array([n, residual, a, c]).reshape(4, 1, 1)
    found = equivalent.moments(layout, counts, *arrays, 0.0, 0.0, unexplained, a_column, c_column)
    _, error, variance = with_correction(found, arrays[-1])
    return float(np.sum(np.square(error) + variance))
