r"""Differences of slopes over the rate of misrouting that keep their digits (docs/theory.md §7).

Arguments and symbols are those of `gaps`. Errors are spread evenly over the K - 1 wrong groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.gaps import common_ridge, kept_shares
from moetheory.formulas.shrinkage import (
    lost_numerator,
    mean_noise,
    second_moment,
    shrinkage_denominator,
)


def gap_of_misrouting_slopes(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    dense_ridge: ArrayLike,
    expert_ridge: ArrayLike,
    drag: Any,
) -> FloatArray:
    r"""Slope of dense minus that of the MoE over the rate of misrouting, shape (...).

    Errors are spread evenly over the K - 1 wrong groups. What the input's own expert explained is
    lost; a wrong expert adds noise, and explains some of what leaks into its block; both predictors
    are dragged:

    .. math:: -\sum_jp_j\sum_{m\in j}\theta\big(2\lambda b-(\lambda+n)\theta\big)
              -\sum_j\frac{q_j}{K-1}\sum_{m\in j}\big((n+\kappa)\theta^2-\nu\theta(2b-\theta)
              +\eta^2\lambda(\theta^2-\hat b^2)\big) ,

    .. math:: \theta^2-\hat b^2 = b^2\Big(\frac\lambda{\lambda+n+\mu}
              + \frac h{h+\bar n+\mu'}\Big)
              \frac{q((\lambda-\nu)n+\lambda\kappa)+\lambda\mu'-h\mu}
              {(\lambda+n+\mu)(h+\bar n+\mu')}

    with :math:`\mu'` the ridge of dense. Arguments as for `population.gap` with
    :math:`K \ge 2`, both ridges, and the drag :math:`\eta`, a scalar or (..., 1);
    docs/theory.md §7.
    """

    def terms(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> tuple[FloatArray, ...]:
        dense_ridge, ridge = ridges
        moment = second_moment(p, signal, leakage)
        expert = shrinkage_denominator(signal, noise + ridge)
        dense = shrinkage_denominator(moment, mean_noise(p, noise, interference) + dense_ridge)
        kept = signal / expert
        lost = b**2 * kept * signal * ((signal + noise + 2.0 * ridge) / expert)
        wrong = b**2 * kept * (kept * (noise + interference) - leakage * (2.0 - kept))
        dragged = b**2 * (kept + moment / dense) * (signal / dense)
        common = common_ridge(dense_ridge, ridge)
        by_share = dragged * ((signal - leakage) * ((noise + common) / expert))
        if np.any(interference):
            by_share = by_share + dragged * kept * interference
        by_ridge = kept * (dense_ridge - common) - moment / expert * (ridge - common)
        return lost, wrong, by_share, dragged * by_ridge

    arrays = (signal, leakage, coefficients, noise, interference, dense_ridge, expert_ridge)
    p = np.asarray(group_probabilities)
    lost, wrong, by_share, by_ridge = sums.by_block(terms, p, block_of, *arrays)
    q = sums.sum_over_others(p)
    cost_of_wrong = wrong + drag**2 * (q * by_share + by_ridge)
    return np.asarray(-np.vecdot(p, lost) - np.vecdot(q, cost_of_wrong) / (p.shape[-1] - 1))


def dense_misrouting_slope_difference(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike,
    drag: Any,
) -> FloatArray:
    r"""Slope over the rate of misrouting of dense with a ridge minus dense with another, (...).

    Only the drag of wrong groups matters, and :math:`\hat b-\hat b'
    = bh(\mu'-\mu)/\big((h+\bar n+\mu)(h+\bar n+\mu')\big)`:

    .. math:: \sum_j\frac{q_j}{K-1}\sum_{m\in j}
              \eta^2\lambda(\hat b-\hat b')(\hat b+\hat b') .

    Arguments as for `gap_of_misrouting_slopes`, with ``ridge`` :math:`\mu` and ``other``
    :math:`\mu'`; docs/theory.md §7.
    """

    def terms(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> tuple[FloatArray, ...]:
        ridge, other = ridges
        moment, noise = second_moment(p, signal, leakage), mean_noise(p, noise, interference)
        difference, total = kept_shares(moment, noise, ridge, other)
        return (b**2 * signal * difference * total,)

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other)
    p = np.asarray(group_probabilities)
    (drag_gain,) = sums.by_block(terms, p, block_of, *arrays)
    return np.asarray(np.vecdot(sums.sum_over_others(p), drag**2 * drag_gain) / (p.shape[-1] - 1))


def expert_misrouting_slope_difference(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike,
    drag: Any,
) -> FloatArray:
    r"""Slope over the rate of misrouting of experts with a ridge minus that with another, (...).

    With :math:`\Delta = \theta-\theta'
    = b\lambda(\mu'-\mu)/\big((\lambda+n+\mu)(\lambda+n+\mu')\big)`

    .. math:: \sum_jp_j\sum_{m\in j}\Delta\,\lambda b
              \Big(\frac\mu D+\frac{\mu'}{D'}\Big)
              + \sum_j\frac{q_j}{K-1}\sum_{m\in j}\Delta\Big((n+\kappa+\eta^2\lambda)
              (\theta+\theta') - \nu b\Big(\frac{n+\mu}D
              + \frac{n+\mu'}{D'}\Big)\Big)

    with the denominators :math:`D = \lambda+n+\mu` and :math:`D' = \lambda+n+\mu'`. Arguments as
    for `dense_misrouting_slope_difference`; docs/theory.md §7.
    """

    def terms(
        _: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> tuple[FloatArray, ...]:
        ridge, other = ridges
        difference, total = kept_shares(signal, noise, ridge, other)
        ridged, unlike = (shrinkage_denominator(signal, noise + each) for each in (ridge, other))
        lost_to_ridge = ridge / ridged + other / unlike
        lost = lost_numerator(signal, noise + ridge) / ridged
        lost = lost + lost_numerator(signal, noise + other) / unlike
        scaled = b**2 * difference
        return (
            scaled * signal * lost_to_ridge,
            scaled * ((noise + interference) * total - leakage * lost),
            scaled * signal * total,
        )

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other)
    p = np.asarray(group_probabilities)
    lost, wrong, drag_gain = sums.by_block(terms, p, block_of, *arrays)
    cost_of_wrong = np.vecdot(sums.sum_over_others(p), wrong + drag**2 * drag_gain)
    return np.asarray(np.vecdot(p, lost) + cost_of_wrong / (p.shape[-1] - 1))
