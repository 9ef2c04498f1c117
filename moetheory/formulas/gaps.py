r"""Differences of risks and of noise gains that keep their digits (docs/theory.md §2, §7, §10).

Arguments and symbols are those of `population`, in the order of `population.gap`: all arrays
broadcast over leading axes, ``group_probabilities`` (..., K), ``block_of`` (d,), the others
(..., d) or (..., 1), and results have shape (...). With :math:`h = p\lambda + q\nu` and
:math:`\bar n = n + q\kappa`, :math:`\hat b = bh/(h+\bar n+\mu)` are the optimal coefficients of
dense, and :math:`\theta = b\lambda/(\lambda+n+\mu)` are those of the experts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.shrinkage import (
    lost_numerator,
    mean_noise,
    second_moment,
    shrinkage_denominator,
)


def gap_without_test_noise(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike = 0.0,
    dense_ridge: ArrayLike = 0.0,
    expert_ridge: ArrayLike = 0.0,
) -> FloatArray:
    r"""Dense minus MoE excess risk where the test has no noise but interference, shape (...).

    .. math:: \sum_m h(b-\hat b)^2 + q\kappa\hat b^2 - p\lambda(b-\theta)^2 - q\nu b^2
              = \sum_m b^2\Big(p\lambda(u-v)(u+v) - q\nu(1-u^2) + q\kappa(1-u)^2\Big),

    .. math:: u - v = \frac{q((\lambda-\nu)n+\lambda\kappa)+\lambda\mu'-h\mu}
              {(h+\bar n+\mu')(\lambda+n+\mu)},

    with the lost shares :math:`u = (\bar n+\mu')/(h+\bar n+\mu')` and
    :math:`v = (n+\mu)/(\lambda+n+\mu)`, :math:`\mu'` the ridge of dense and
    :math:`\mu` that of the experts. With little noise in training both risks are small, so they
    are not subtracted. Arguments as for `population.gap`; docs/theory.md §7.
    """

    def terms(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> tuple[FloatArray, ...]:
        dense_ridge, ridge = ridges
        moment = second_moment(p, signal, leakage)
        dense_penalty = mean_noise(p, noise, interference) + dense_ridge
        penalty = noise + ridge
        dense = shrinkage_denominator(moment, dense_penalty)
        expert = shrinkage_denominator(signal, penalty)
        u = lost_numerator(moment, dense_penalty) / dense
        v = lost_numerator(signal, penalty) / expert
        scaled = b**2 * p * (u + v) * (signal / dense)
        unseen = b**2 * leakage * moment / dense * (1.0 + u)
        common = common_ridge(dense_ridge, ridge)
        by_share = scaled * ((noise + common) / expert) * (signal - leakage) - unseen
        if np.any(interference):
            by_share = by_share + scaled * (signal / expert) * interference
            by_share = by_share + b**2 * interference * np.square(moment / dense)
        by_ridge = signal / expert * (dense_ridge - common) - moment / expert * (ridge - common)
        return by_share, scaled * by_ridge

    arrays = (signal, leakage, coefficients, noise, interference, dense_ridge, expert_ridge)
    return _by_share_and_ridge(terms, group_probabilities, block_of, *arrays)


def gap_of_noise_gains(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike = 0.0,
    dense_ridge: ArrayLike = 0.0,
    expert_ridge: ArrayLike = 0.0,
    units: ArrayLike = 1.0,
) -> FloatArray:
    r"""Noise gain of dense minus that of the MoE from its factors, shape (...).

    .. math:: \sum_m t_m(\hat b^2 - p\theta^2) = \sum_m t_mb^2\,(u-v)(u+v), \quad
              u - v = \frac{(1-\sqrt p)h\lambda + n(h-\sqrt p\lambda) - q\sqrt p\lambda\kappa
                            + h\mu - \sqrt p\lambda\mu'}
                           {(h+\bar n+\mu')(\lambda+n+\mu)},

    .. math:: 1-\sqrt p = \frac q{1+\sqrt p}, \qquad
              h-\sqrt p\lambda = q\Big(\nu-\frac{\sqrt p}{1+\sqrt p}\lambda\Big),

    with the kept shares :math:`u = h/(h+\bar n+\mu')` and
    :math:`v = \sqrt p\lambda/(\lambda+n+\mu)`, and the ``units`` :math:`t_m` of the test noise.
    Arguments as for `gap_without_test_noise`; docs/theory.md §7.
    """

    def terms(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *more: Any
    ) -> tuple[FloatArray, ...]:
        dense_ridge, ridge, units = more
        moment, root = second_moment(p, signal, leakage), np.sqrt(p)
        dense_penalty = mean_noise(p, noise, interference) + dense_ridge
        dense_denominator = shrinkage_denominator(moment, dense_penalty)
        expert_denominator = shrinkage_denominator(signal, noise + ridge)
        surplus = leakage - root / (1.0 + root) * signal
        dense, expert = moment / dense_denominator, signal / expert_denominator
        lower = dense * expert / (1.0 + root)
        common = common_ridge(dense_ridge, ridge)
        lower = lower + (noise + common) / dense_denominator * (surplus / expert_denominator)
        if np.any(interference):
            lower = lower - root * expert * (interference / dense_denominator)
        scaled = units * b**2 * (dense + root * expert)
        by_ridge = dense * ((ridge - common) / expert_denominator)
        by_ridge = by_ridge - root * expert * ((dense_ridge - common) / dense_denominator)
        return scaled * lower, scaled * by_ridge

    ridges = dense_ridge, expert_ridge
    arrays = (signal, leakage, coefficients, noise, interference, *ridges, units)
    return _by_share_and_ridge(terms, group_probabilities, block_of, *arrays)


def common_ridge(dense_ridge: ArrayLike, expert_ridge: ArrayLike) -> FloatArray:
    r"""The part of both ridges that is counted with the noise where they are compared.

    .. math:: \lambda\mu'-h\mu = q(\lambda-\nu)\,c + \lambda(\mu'-c) - h(\mu-c)

    for any c. With :math:`c = \mu` nothing cancels where the ridges are alike; with c = 0 nothing
    does where that of dense is the smaller one.
    """
    dense_ridge, expert_ridge = np.asarray(dense_ridge), np.asarray(expert_ridge)
    return np.where(2.0 * dense_ridge >= expert_ridge, expert_ridge, 0.0)


def _by_share_and_ridge(
    terms: Any, group_probabilities: ArrayLike, block_of: IntArray, *arrays: ArrayLike
) -> FloatArray:
    r"""The sum of one term times :math:`q`, which keeps its digits, and of another, shape (...)."""
    p = np.asarray(group_probabilities)
    by_share, by_ridge = sums.by_block(terms, p, block_of, *arrays)
    return np.asarray(np.vecdot(sums.sum_over_others(p), by_share) + by_ridge.sum(axis=-1))


def dense_ridge_excess(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike = 0.0,
) -> FloatArray:
    r"""Excess of dense with a ridge over dense with another or none, shape (...).

    .. math:: \sum_mb^2h^2\frac{\mu-\mu'}{(H+\mu)(H+\mu')}
              \Big(\frac\mu{H+\mu}+\frac{\mu'}{H+\mu'}\Big), \qquad H = h+\bar n ,

    one positive sum if the ridge :math:`\mu` is larger than the ``other`` ridge :math:`\mu'`.
    Arguments as for `population.gap`, and both ridges; docs/theory.md §2.
    """

    def term(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> FloatArray:
        noise = mean_noise(p, noise, interference)
        return np.asarray(b**2 * _ridge_loss(second_moment(p, signal, leakage), noise, *ridges))

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other)
    return sums.total(term, group_probabilities, block_of, *arrays)


def expert_ridge_excess(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike = 0.0,
) -> FloatArray:
    r"""Excess of oracle-routed experts with a ridge over those with another or none, shape (...).

    The sum of `dense_ridge_excess` with :math:`\lambda` for h and :math:`p\,b^2` for
    :math:`b^2`, whatever leaks: no expert sees it. Arguments as there; docs/theory.md §2.
    """

    def term(
        p: Any, signal: Any, _: Any, b: Any, noise: Any, interference: Any, *ridges: Any
    ) -> FloatArray:
        return np.asarray(p * b**2 * _ridge_loss(signal, noise, *ridges))

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other)
    return sums.total(term, group_probabilities, block_of, *arrays)


def _ridge_loss(moment: Any, noise: Any, ridge: Any, other: Any) -> Any:
    r"""The loss of a second moment v by :math:`\mu` beyond that by :math:`\mu'`, for b = 1."""
    ridged, unlike = (shrinkage_denominator(moment, noise + each) for each in (ridge, other))
    shares = ridge / ridged + other / unlike
    return (ridge - other) / ridged * (moment / unlike) * moment * shares


def dense_noise_gain_difference(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike,
    units: ArrayLike = 1.0,
) -> FloatArray:
    r"""Noise gain of dense with a ridge minus that with another, shape (...).

    .. math:: \sum_mt_m\frac{bh(\mu'-\mu)}{(h+\bar n+\mu)(h+\bar n+\mu')}(\hat b+\hat b') .

    Arguments as for `dense_ridge_excess`, and the ``units`` of `gap_of_noise_gains`;
    docs/theory.md §7.
    """

    def term(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, interference: Any, *more: Any
    ) -> FloatArray:
        ridge, other, units = more
        moment, noise = second_moment(p, signal, leakage), mean_noise(p, noise, interference)
        difference, total = kept_shares(moment, noise, ridge, other)
        return np.asarray(units * b**2 * difference * total)

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other, units)
    return sums.total(term, group_probabilities, block_of, *arrays)


def expert_noise_gain_difference(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    ridge: ArrayLike,
    other: ArrayLike,
    units: ArrayLike = 1.0,
) -> FloatArray:
    r"""Noise gain of the MoE with a ridge minus that with another, shape (...).

    The sum of `dense_noise_gain_difference` with :math:`\lambda` for h and :math:`p\,b^2` for
    :math:`b^2`. Arguments as there; docs/theory.md §7.
    """

    def term(
        p: Any, signal: Any, _: Any, b: Any, noise: Any, interference: Any, *more: Any
    ) -> FloatArray:
        ridge, other, units = more
        difference, total = kept_shares(signal, noise, ridge, other)
        return np.asarray(units * p * b**2 * difference * total)

    arrays = (signal, leakage, coefficients, noise, interference, ridge, other, units)
    return sums.total(term, group_probabilities, block_of, *arrays)


def kept_shares(moment: Any, noise: Any, ridge: Any, other: Any) -> tuple[Any, Any]:
    r"""The kept shares :math:`v/(v+n+\mu)` of two ridges: their difference and their sum.

    The difference comes from that of the ridges. The arguments are :math:`v, n, \mu, \mu'`.
    """
    ridged, unlike = (shrinkage_denominator(moment, noise + each) for each in (ridge, other))
    difference = (other - ridge) / ridged * (moment / unlike)
    return difference, moment / ridged + moment / unlike
