"""Stratified sampling: how many draws each stratum gets, and what their mean is worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

LEAST = 2  # draws of a stratum: with fewer there is no spread to observe
SPARE = 8  # draws for each stratum that leave room for shares


def stratum_counts(draws: int, shares: FloatArray, least: int = LEAST) -> IntArray:
    """Draws of each stratum, (S,): in proportion to ``shares``, at least ``least``.

    A stratum of share zero gets none. ``draws`` is at least ``least`` for each of the others.

    >>> stratum_counts(100, np.array([0.72, 0.28, 1e-9, 0.0]))
    array([71, 27,  2,  0])
    """
    needed = np.where(shares > 0.0, least, 0)
    spare = draws - int(needed.sum())
    wanted = np.maximum(shares * (draws / shares.sum()) - needed, 0.0)
    total = float(wanted.sum())
    exact = (wanted if total > 0.0 else needed) * (spare / (total or float(needed.sum())))
    counts = np.floor(exact).astype(np.int64)
    # the largest remainders get what rounding left over
    left = spare - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts + needed


class StratifiedMean(NamedTuple):
    r"""The mean of E quantities over strata, :math:`\sum_s P_s\bar v_s`, and how sure it is.

    Attributes
    ----------
    mean : (E,) array
    given_stratum : (E, S) array
        The mean of each stratum; 0 without draws.
    influences : (E, n) array
        :math:`\frac{P_s}{n_s}\sqrt{\frac{n_s}{n_s-1}}(v_i-\bar v_s)` of each draw: the sum of
        their products is the estimated covariance of the means.
    variance_spread : (E,) array
        :math:`\sqrt{\sum_s A_s^2/(n_s-1)}`, :math:`A_s` a stratum's part of the variance V of the
        mean: V has :math:`V^2` over its square degrees of freedom (Satterthwaite 1946).
    """

    mean: FloatArray
    given_stratum: FloatArray
    influences: FloatArray
    variance_spread: FloatArray


def stratified_mean(
    values: FloatArray, counts: IntArray, probabilities: FloatArray
) -> StratifiedMean:
    """The mean of ``values`` (E, n), which hold ``counts`` (S,) draws of each stratum in turn.

    ``probabilities`` (S,) weigh the strata. A single draw of a stratum has no influence.
    """
    drawn = counts > 0
    sizes, weights = counts[drawn], probabilities[drawn]
    starts = np.cumsum(sizes) - sizes
    # from the first value of each stratum: equal values have no spread at all
    firsts = values[:, starts]
    influences = values - np.repeat(firsts, sizes, axis=1)
    shifts = np.add.reduceat(influences, starts, axis=1) / sizes
    influences -= np.repeat(shifts, sizes, axis=1)
    scale = weights / np.sqrt(sizes * np.maximum(sizes - 1.0, 1.0))
    influences *= np.repeat(scale, sizes)
    parts = np.add.reduceat(np.square(influences), starts, axis=1)
    variances = parts.sum(axis=1)
    # shares of the variance, for its square may underflow
    parts /= np.where(variances > 0.0, variances, 1.0)[:, np.newaxis]
    spread = variances * np.sqrt((parts**2 / np.maximum(sizes - 1.0, 1.0)).sum(axis=1))
    given = np.zeros((len(values), len(counts)))
    given[:, drawn] = means = firsts + shifts
    mean = means[:, 0] + np.vecdot(means - means[:, :1], weights)
    return StratifiedMean(mean, given, influences, spread)
