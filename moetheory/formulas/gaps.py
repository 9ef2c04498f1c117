r"""Differences of risks, and slopes, from forms that keep their digits (docs/theory.md §2 and §7).

Arguments and symbols are those of `population`, in the order of `population.gap`: all arrays
broadcast over leading axes, ``group_probabilities`` (..., K), ``block_of`` (d,), the others
(..., d) or (..., 1), and results have shape (...). With :math:`h = p\lambda + q\nu`,
:math:`\hat b = bh/(h+\sigma^2+\mu)` are the optimal coefficients of dense, and
:math:`\theta = b\lambda/(\lambda+\sigma^2+\mu)` are those of the experts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.population import (
    dense_coefficients,
    expert_coefficients,
    lost_numerator,
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
) -> FloatArray:
    r"""Dense minus MoE excess risk (no ridge) at :math:`\sigma_o = 0`, shape (...).

    .. math:: \sum_m h(b-\hat b)^2 - p\lambda(b-\theta)^2 - q\nu b^2
              = \sum_m qb^2\Big(p\lambda(\lambda-\nu)\,uv\Big(\frac1{h+\sigma^2} +
              \frac1{\lambda+\sigma^2}\Big) - \nu(1-u^2)\Big),

    with the lost shares :math:`u = \sigma^2/(h+\sigma^2)` and
    :math:`v = \sigma^2/(\lambda+\sigma^2)`. With little noise in training both risks are small,
    so they are not subtracted. Arguments as for `population.gap`; docs/theory.md §7.
    """

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any) -> FloatArray:
        moment = second_moment(p, signal, leakage)
        dense, expert = shrinkage_denominator(moment, noise), shrinkage_denominator(signal, noise)
        u, v = lost_numerator(moment, noise) / dense, lost_numerator(signal, noise) / expert
        filtered = p * u * v * (signal - leakage) * (signal / dense + signal / expert)
        return np.asarray(b**2 * (filtered - leakage * moment / dense * (1.0 + u)))

    arrays = (signal, leakage, coefficients, noise)
    return sums.total_over_others(term, group_probabilities, block_of, *arrays)


def gap_of_noise_gains(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
) -> FloatArray:
    r"""Noise gain of dense minus that of the MoE (no ridge) from its factors, shape (...).

    .. math:: \sum_m\hat b^2 - p\theta^2 = \sum_m b^2\,(u-v)(u+v), \quad
              u - v = \frac{(1-\sqrt p)h\lambda + \sigma^2(h-\sqrt p\lambda)}
                           {(h+\sigma^2)(\lambda+\sigma^2)}, \quad
              1-\sqrt p = \frac q{1+\sqrt p}, \quad
              h-\sqrt p\lambda = q\Big(\nu-\frac{\sqrt p}{1+\sqrt p}\lambda\Big),

    with the kept shares :math:`u = h/(h+\sigma^2)` and
    :math:`v = \sqrt p\lambda/(\lambda+\sigma^2)`. Arguments as for `population.gap`;
    docs/theory.md §7.
    """

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any) -> FloatArray:
        moment, root = second_moment(p, signal, leakage), np.sqrt(p)
        dense_denominator = shrinkage_denominator(moment, noise)
        expert_denominator = shrinkage_denominator(signal, noise)
        surplus = leakage - root / (1.0 + root) * signal
        dense, expert = moment / dense_denominator, signal / expert_denominator
        lower = dense * expert / (1.0 + root)
        lower = lower + noise / dense_denominator * (surplus / expert_denominator)
        return np.asarray(b**2 * lower * (dense + root * expert))

    arrays = (signal, leakage, coefficients, noise)
    return sums.total_over_others(term, group_probabilities, block_of, *arrays)


def dense_ridge_excess(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    ridge: ArrayLike,
) -> FloatArray:
    r"""Excess of dense with a ridge over dense without, as one positive sum, shape (...).

    .. math:: \sum_m\frac{b^2h^2\mu^2}{(h+\sigma^2)(h+\sigma^2+\mu)^2} .

    Arguments as for `population.gap`, and the ridge :math:`\mu`; docs/theory.md §2.
    """

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any, ridge: Any) -> FloatArray:
        return np.asarray(b**2 * _ridge_loss(second_moment(p, signal, leakage), noise, ridge))

    arrays = (signal, leakage, coefficients, noise, ridge)
    return sums.total(term, group_probabilities, block_of, *arrays)


def expert_ridge_excess(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    ridge: ArrayLike,
) -> FloatArray:
    r"""Excess of oracle-routed experts with a ridge over those without, shape (...).

    .. math:: \sum_m\frac{p\,b^2\lambda^2\mu^2}{(\lambda+\sigma^2)(\lambda+\sigma^2+\mu)^2} ,

    whatever leaks: no expert sees it. Arguments as for `dense_ridge_excess`; docs/theory.md §2.
    """

    def term(p: Any, signal: Any, _: Any, b: Any, noise: Any, ridge: Any) -> FloatArray:
        return np.asarray(p * b**2 * _ridge_loss(signal, noise, ridge))

    arrays = (signal, leakage, coefficients, noise, ridge)
    return sums.total(term, group_probabilities, block_of, *arrays)


def _ridge_loss(moment: Any, noise: Any, ridge: Any) -> Any:
    r"""The term :math:`v^2\mu^2/((v+\sigma^2)(v+\sigma^2+\mu)^2)` of a second moment v."""
    optimal = shrinkage_denominator(moment, noise)
    ridged = shrinkage_denominator(moment, noise + ridge)
    return ridge / ridged * (moment / ridged) * (moment / optimal) * ridge


def dense_misrouting_slope(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    ridge: ArrayLike,
    drag: Any,
) -> FloatArray:
    r"""Excess risk of dense for each unit of the misrouting rate, shape (...).

    Errors are spread evenly over the K - 1 wrong groups. Only their drag :math:`\eta` matters:

    .. math:: \sum_ip_i\,\frac1{K-1}\sum_{j\ne i}\sum_{m\in j}\eta^2\lambda\hat b^2 .

    Arguments as for `dense_ridge_excess` with :math:`K \ge 2`, and :math:`\eta`, a scalar or
    (..., 1); docs/theory.md §7.
    """

    def terms(
        p: Any, signal: Any, leakage: Any, b: Any, noise: Any, ridge: Any
    ) -> tuple[FloatArray, ...]:
        return (signal * np.square(dense_coefficients(p, signal, leakage, b, noise, ridge)),)

    p, arrays = np.asarray(group_probabilities), (signal, leakage, coefficients, noise, ridge)
    (drag_gain,) = sums.by_block(terms, p, block_of, *arrays)
    return np.asarray(np.vecdot(p, _mean_over_wrong(drag**2 * drag_gain)))


def expert_misrouting_slope(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: Any,
    ridge: ArrayLike,
    drag: Any,
) -> FloatArray:
    r"""Excess risk of experts for each unit of the rate at which the oracle errs, shape (...).

    Errors are spread evenly over the K - 1 wrong groups. What the input's own expert explained is
    lost; a wrong expert adds noise and drag, and explains some of what leaks into its block:

    .. math:: \sum_ip_i\Big(\sum_{m\in i}\theta\big(2\lambda b-(\lambda+\sigma^2)\theta\big)
              + \frac1{K-1}\sum_{j\ne i}\sum_{m\in j}
              (\sigma^2+\eta^2\lambda)\theta^2 - \nu\theta(2b-\theta)\Big) .

    Arguments as for `dense_misrouting_slope`, except that ``noise`` is a scalar or (..., 1).
    """

    def terms(
        _: Any, signal: Any, leakage: Any, b: Any, noise: Any, ridge: Any
    ) -> tuple[FloatArray, ...]:
        theta = expert_coefficients(signal, b, noise, ridge)
        explained = theta * (2.0 * signal * b - (signal + noise) * theta)
        explained_by_wrong = theta * (2.0 * b - theta) * leakage
        return explained, explained_by_wrong, np.square(theta), signal * np.square(theta)

    p, arrays = np.asarray(group_probabilities), (signal, leakage, coefficients, noise, ridge)
    lost, explained_by_wrong, noise_gain, drag_gain = sums.by_block(terms, p, block_of, *arrays)
    cost_of_wrong = drag**2 * drag_gain + noise * noise_gain - explained_by_wrong
    return np.asarray(np.vecdot(p, lost + _mean_over_wrong(cost_of_wrong)))


def _mean_over_wrong(values: FloatArray) -> FloatArray:
    r"""The means :math:`\sum_{j\ne i}a_j/(K-1)` over the wrong groups of every group i."""
    return np.asarray(sums.sum_over_others(values) / (values.shape[-1] - 1))
