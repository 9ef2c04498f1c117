r"""Population-optimal coefficients and their excess risks (docs/theory.md §2 and §3).

Arrays broadcast: ``group_probabilities`` (..., K), ``block_of`` (d,), the others (..., d) or
(..., 1), so that a ``noise_variance`` of shape (G, 1) gives G risks in one call. Memory stays
bounded whatever d and G are (see `sums`). Throughout, for coordinate m of block g:
:math:`p = p_g`, :math:`q = 1-p`, :math:`\lambda` and :math:`\nu` its clean variance while the
block is active and inactive, :math:`h = p\lambda + q\nu`, :math:`b` its coefficient,
:math:`\sigma^2` the noise variance and :math:`\mu` the ridge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums

Contributions = Callable[..., tuple[FloatArray, FloatArray]]


def shrinkage_denominator(variance: Any, penalty: Any) -> Any:
    r"""The denominator :math:`v+c` of the kept share :math:`v/(v+c)` and of the lost share.

    At :math:`v = c = 0` the denominator is 1: the kept share is 0.

    Parameters
    ----------
    variance, penalty : arrays or scalars
        :math:`v`, the clean variance or second moment; :math:`c`, the noise variance plus the
        ridge.
    """
    total = variance + penalty
    if np.any(np.equal(penalty, 0.0)):
        return np.where(np.equal(total, 0.0), 1.0, total)
    return total


def lost_numerator(variance: Any, penalty: Any) -> Any:
    r"""The numerator :math:`c` of the lost share :math:`c/(v+c)`.

    At :math:`v = c = 0` the numerator is 1, as is `shrinkage_denominator`: all is lost. Arguments
    as for `shrinkage_denominator`.
    """
    if np.any(np.equal(penalty, 0.0)):
        return np.where(np.equal(variance + penalty, 0.0), 1.0, penalty)
    return penalty


def second_moment(probability: Any, signal: Any, leakage: Any) -> FloatArray:
    r"""Clean second moment of a coordinate over the mixture, :math:`h = p\lambda + (1-p)\nu`.

    The arguments are :math:`p, \lambda, \nu`.
    """
    moment = probability * signal
    if np.any(leakage):
        moment = moment + (1.0 - probability) * leakage
    return np.asarray(moment)


def dense_coefficients(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> FloatArray:
    r"""Dense coefficients :math:`\hat b = b\,h/(h+\sigma^2+\mu)`, the best on all of x̄.

    Parameters
    ----------
    probability, signal, leakage, coefficient, noise, ridge : arrays or scalars
        :math:`p, \lambda, \nu, b, \sigma^2, \mu` of each coordinate.
    """
    moment = second_moment(probability, signal, leakage)
    return np.asarray(coefficient / shrinkage_denominator(moment, noise + ridge) * moment)


def expert_coefficients(signal: Any, coefficient: Any, noise: Any, ridge: Any = 0.0) -> FloatArray:
    r"""Expert coefficients :math:`\theta = b\,\lambda/(\lambda+\sigma^2+\mu)`, the best on a block.

    Parameters
    ----------
    signal, coefficient, noise, ridge : arrays or scalars
        :math:`\lambda, b, \sigma^2, \mu` of each coordinate.
    """
    return np.asarray(coefficient / shrinkage_denominator(signal, noise + ridge) * signal)


def dense_contributions(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the dense excess risk while its block is active, inactive.

    :math:`\lambda(b-\hat b)^2 + \sigma^2\hat b^2` and :math:`\nu(b-\hat b)^2 + \sigma^2\hat b^2`.
    Without ridge their mean is :math:`b^2h\sigma^2/(h+\sigma^2)`. Arguments as for
    `dense_coefficients`.
    """
    moment, penalty = second_moment(probability, signal, leakage), noise + ridge
    scaled = coefficient / shrinkage_denominator(moment, penalty)
    passed_noise = np.square(scaled * moment) * noise
    squared_error = np.square(scaled * lost_numerator(moment, penalty))
    active = squared_error * signal + passed_noise
    inactive = squared_error * leakage + passed_noise if np.any(leakage) else passed_noise
    return active, inactive


def expert_contributions(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the excess risk of oracle-routed experts, active and inactive.

    :math:`\lambda(b-\theta)^2 + \sigma^2\theta^2 = \theta(\sigma^2 b + \mu(b-\theta))` with
    :math:`\theta = b\lambda/(\lambda+\sigma^2+\mu)`, and :math:`\nu b^2`: the other experts do
    not see the coordinate. Arguments as for `dense_coefficients`.
    """
    scaled = coefficient / shrinkage_denominator(signal, noise + ridge)
    factor = coefficient * noise  # sigma^2 b + mu (b - theta)
    if np.any(ridge):
        factor = factor + ridge * lost_numerator(signal, noise + ridge) * scaled
    inactive = np.square(coefficient) * leakage if np.any(leakage) else 0.0
    return scaled * signal * factor, np.asarray(inactive)


def excess(
    contributions: Contributions,
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> FloatArray:
    r"""Excess risk :math:`\sum_m p\,\mathrm{active}_m + (1-p)\,\mathrm{inactive}_m`, shape (...).

    Parameters
    ----------
    contributions : callable
        `dense_contributions` or `expert_contributions`.
    group_probabilities : (..., K) array
        :math:`p_g`.
    block_of : (d,) integer array
        The block of each coordinate.
    *arrays : (..., d) or (..., 1) arrays or scalars
        :math:`\lambda, \nu, b, \sigma^2` and, if any, :math:`\mu`.
    """

    def term(probability: FloatArray, *rest: Any) -> FloatArray:
        active, inactive = contributions(probability, *rest)
        return np.asarray(probability * active + (1.0 - probability) * inactive)

    return sums.total(term, group_probabilities, block_of, *arrays)


def excess_with_groups(
    contributions: Contributions,
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    r"""Excess risk, shape (...), and excess risk given the group, shape (..., K).

    The first is `excess`; given the group it is :math:`\sum_{m \in g} \mathrm{active}_m +
    \sum_{m \notin g} \mathrm{inactive}_m`. Arguments as for `excess`.
    """
    p = np.asarray(group_probabilities)
    active, inactive = sums.by_block(contributions, p, block_of, *arrays)
    total = (p * active + (1.0 - p) * inactive).sum(axis=-1)
    return total, active + sums.sum_over_others(inactive)


def gap(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
) -> FloatArray:
    r"""Dense minus MoE excess risk (no ridge) without subtracting the risks, shape (...).

    .. math:: \sum_m q b^2 \Big( \frac{p\,\sigma^4 (\lambda-\nu)^2}
              {(h+\sigma^2)(\lambda+\sigma^2)(\nu+\sigma^2)} - \frac{\nu^2}{\nu+\sigma^2} \Big),

    for strict blocks the positive
    :math:`\sum_m pq\,\sigma^2b^2\lambda^2/((p\lambda+\sigma^2)(\lambda+\sigma^2))`.

    Parameters
    ----------
    group_probabilities : (..., K) array
        :math:`p_g`.
    block_of : (d,) integer array
        The block of each coordinate.
    signal, leakage, coefficients, noise : (..., d) or (..., 1) arrays or scalars
        :math:`\lambda, \nu, b, \sigma^2`.
    """
    arrays = (signal, leakage, coefficients, noise)
    return sums.total_over_others(_gap_term, group_probabilities, block_of, *arrays)


def _gap_term(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any
) -> FloatArray:
    """The term of one coordinate in the sum of `gap`, over q."""
    moment = second_moment(probability, signal, leakage)
    leakage_denominator = shrinkage_denominator(leakage, noise)
    dense_lost = lost_numerator(moment, noise) / shrinkage_denominator(moment, noise)
    leakage_lost = lost_numerator(leakage, noise) / leakage_denominator
    contrast = signal - leakage
    jensen_gap = probability * contrast * (contrast / shrinkage_denominator(signal, noise))
    jensen_gap = jensen_gap * dense_lost * leakage_lost
    unseen = leakage * (leakage / leakage_denominator)
    return np.asarray(coefficient**2 * (jensen_gap - unseen))


def moe_bound(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
) -> FloatArray:
    r"""Upper bound on the MoE excess risk, shape (...).

    :math:`\sum_m p\,\sigma^2 b^2 + q\,\nu b^2`; strict blocks:
    :math:`\sigma^2\sum_g p_g\|b_g\|^2`, in the iso-parameter regime
    :math:`V(d\sigma^2/S)/K`. Arguments as for `gap`.
    """

    def term(probability: Any, leak: Any, coefficient: Any, noise: Any) -> FloatArray:
        return np.asarray(coefficient**2 * (probability * noise + (1.0 - probability) * leak))

    return sums.total(term, group_probabilities, block_of, leakage, coefficients, noise)


def iso_parameter_dense(dim: Any, signal_energy: Any, label_power: Any, noise: Any) -> Any:
    r"""Dense excess risk in the iso-parameter regime, :math:`V\,d\sigma^2/(S+d\sigma^2)`.

    The arguments are :math:`d, S, V, \sigma^2`.
    """
    return label_power * (dim * noise / (signal_energy + dim * noise))


def iso_parameter_moe(
    dim: Any, experts: Any, signal_energy: Any, label_power: Any, noise: Any
) -> Any:
    r"""MoE excess risk in the iso-parameter regime, :math:`V\,d\sigma^2/(KS+d\sigma^2)`.

    The arguments are :math:`d, K, S, V, \sigma^2`.
    """
    return label_power * (dim * noise / (experts * signal_energy + dim * noise))


def one_over_k_bound(
    dim: Any, experts: Any, signal_energy: Any, label_power: Any, noise: Any
) -> Any:
    r"""The 1/K law's upper bound on `iso_parameter_moe`, :math:`V(d\sigma^2/S)/K`.

    The arguments are :math:`d, K, S, V, \sigma^2`.
    """
    return label_power * (dim * noise / signal_energy) / experts
