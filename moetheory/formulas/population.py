r"""Population-optimal coefficients and their excess risks (docs/theory.md §2, §3, §10).

Arrays broadcast: ``group_probabilities`` (..., K), ``block_of`` (d,), the others (..., d) or
(..., 1), so that a ``noise_variance`` of shape (G, 1) gives G risks in one call. Memory stays
bounded whatever d and G are (see `sums`). Throughout, for coordinate m of block g:
:math:`p = p_g`, :math:`q = 1-p`, :math:`\lambda` and :math:`\nu` its clean variance while the
block is active and inactive, :math:`h = p\lambda + q\nu`, :math:`b` its coefficient, :math:`n` and
:math:`n+\kappa` the variance of its noise while the block is active and inactive,
:math:`\bar n = n + q\kappa`, and :math:`\mu` the ridge. With :math:`n = \sigma^2` and
:math:`\kappa = 0`, these are the formulas of §2; the others are in §10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.shrinkage import (
    lost_numerator,
    mean_noise,
    second_moment,
    shrinkage,
    shrinkage_denominator,
    with_ridge,
)

Contributions = Callable[..., tuple[FloatArray, FloatArray]]


def dense_coefficients(
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> FloatArray:
    r"""Dense coefficients :math:`\hat b = b\,h/(h+\bar n+\mu)`, the best on all of x̄.

    Parameters
    ----------
    probability, signal, leakage, coefficient, noise, interference, ridge : arrays or scalars
        :math:`p, \lambda, \nu, b, n, \kappa, \mu` of each coordinate.
    """
    moment = second_moment(probability, signal, leakage)
    penalty = with_ridge(mean_noise(probability, noise, interference), ridge)
    return np.asarray(coefficient / shrinkage_denominator(moment, penalty) * moment)


def dense_errors(
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> FloatArray:
    r"""The errors :math:`b-\hat b = b(\bar n+\mu)/(h+\bar n+\mu)`, not by a difference.

    Arguments as for `dense_coefficients`.
    """
    moment = second_moment(probability, signal, leakage)
    penalty = with_ridge(mean_noise(probability, noise, interference), ridge)
    denominator, lost = shrinkage(moment, penalty)
    return np.asarray(coefficient / denominator * lost)


def expert_coefficients(signal: Any, coefficient: Any, noise: Any, ridge: Any = 0.0) -> FloatArray:
    r"""Expert coefficients :math:`\theta = b\,\lambda/(\lambda+n+\mu)`, the best on a block.

    Parameters
    ----------
    signal, coefficient, noise, ridge : arrays or scalars
        :math:`\lambda, b, n, \mu` of each coordinate.
    """
    return np.asarray(coefficient / shrinkage_denominator(signal, noise + ridge) * signal)


def expert_errors(signal: Any, coefficient: Any, noise: Any, ridge: Any = 0.0) -> FloatArray:
    r"""The errors :math:`b-\theta = b(n+\mu)/(\lambda+n+\mu)`, not by a difference.

    Arguments as for `expert_coefficients`.
    """
    denominator, lost = shrinkage(signal, noise + ridge)
    return np.asarray(coefficient / denominator * lost)


def dense_contributions(
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the dense excess risk while its block is active, inactive.

    :math:`\lambda(b-\hat b)^2 + n\hat b^2` and :math:`\nu(b-\hat b)^2 + (n+\kappa)\hat b^2`.
    Without ridge their mean is :math:`b^2h\bar n/(h+\bar n)`. Arguments as for
    `dense_coefficients`.
    """
    moment = second_moment(probability, signal, leakage)
    penalty = with_ridge(mean_noise(probability, noise, interference), ridge)
    denominator, lost = shrinkage(moment, penalty)
    scaled = coefficient / denominator
    squared_fit = np.square(scaled * moment)
    passed_noise = squared_fit * noise
    squared_error = np.square(scaled * lost)
    active = squared_error * signal + passed_noise
    if np.any(interference):
        passed_noise = passed_noise + squared_fit * interference
    inactive = squared_error * leakage + passed_noise if np.any(leakage) else passed_noise
    return active, inactive


def expert_contributions(
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the excess risk of oracle-routed experts, active and inactive.

    :math:`\lambda(b-\theta)^2 + n\theta^2 = \theta(nb + \mu(b-\theta))` with
    :math:`\theta = b\lambda/(\lambda+n+\mu)`, and :math:`\nu b^2`: the other experts do
    not see the coordinate, nor its interference. Arguments as for `dense_coefficients`.
    """
    penalty = with_ridge(noise, ridge)
    scaled = coefficient / shrinkage_denominator(signal, penalty)
    factor = coefficient * noise  # n b + mu (b - theta)
    if np.any(ridge):
        factor = factor + ridge * lost_numerator(signal, penalty) * scaled
    inactive = np.square(coefficient) * leakage if np.any(leakage) else 0.0
    return scaled * signal * factor, np.asarray(inactive)


def full_expert_contributions(
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the excess risk of experts that know the group and see all of x̄.

    Without ridge :math:`b^2\lambda n/(\lambda+n)` while its block is active, and
    :math:`b^2\nu(n+\kappa)/(\nu+n+\kappa)` while it is not: an expert for each of both cases.
    Arguments as for `dense_coefficients`.
    """
    active, _ = expert_contributions(
        probability, signal, 0.0, coefficient, noise, interference, ridge
    )
    idle_noise = noise + interference
    inactive, _ = expert_contributions(
        probability, leakage, 0.0, coefficient, idle_noise, interference, ridge
    )
    return active, inactive


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
        `dense_contributions`, `expert_contributions` or `full_expert_contributions`.
    group_probabilities : (..., K) array
        :math:`p_g`.
    block_of : (d,) integer array
        The block of each coordinate.
    *arrays : (..., d) or (..., 1) arrays or scalars
        :math:`\lambda, \nu, b, n, \kappa, \mu`.
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
    interference: ArrayLike = 0.0,
) -> FloatArray:
    r"""Dense minus MoE excess risk (no ridge) without subtracting the risks, shape (...).

    .. math:: \sum_m q b^2 \Big( \frac{p\,(\lambda(n+\kappa)-\nu n)^2}
              {(h+\bar n)(\lambda+n)(\nu+n+\kappa)} - \frac{\nu^2}{\nu+n+\kappa} \Big),

    for strict blocks the positive
    :math:`\sum_m pq\,(n+\kappa)b^2\lambda^2/((p\lambda+\bar n)(\lambda+n))`. The first part is
    the `full_expert_gap`, the second the leaked signal that no expert sees.

    Parameters
    ----------
    group_probabilities : (..., K) array
        :math:`p_g`.
    block_of : (d,) integer array
        The block of each coordinate.
    signal, leakage, coefficients, noise, interference : (..., d) or (..., 1) arrays or scalars
        :math:`\lambda, \nu, b, n, \kappa`.
    """
    arrays = (signal, leakage, coefficients, noise, interference)

    def term(p: Any, signal: Any, leakage: Any, b: Any, *noises: Any) -> FloatArray:
        unseen = leakage * (leakage / shrinkage_denominator(leakage, sum(noises)))
        return np.asarray(b**2 * (_jensen_gap(p, signal, leakage, *noises) - unseen))

    return sums.total_over_others(term, group_probabilities, block_of, *arrays)


def full_expert_gap(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike = 0.0,
) -> FloatArray:
    r"""Dense excess risk minus that of experts that know the group and see all of x̄, (...).

    .. math:: \sum_m b^2\frac{pq\,(\lambda(n+\kappa)-\nu n)^2}
              {(h+\bar n)(\lambda+n)(\nu+n+\kappa)} \ge 0 .

    No ridge; arguments as for `gap`.
    """
    arrays = (signal, leakage, coefficients, noise, interference)

    def term(p: Any, signal: Any, leakage: Any, b: Any, *noises: Any) -> FloatArray:
        return np.asarray(b**2 * _jensen_gap(p, signal, leakage, *noises))

    return sums.total_over_others(term, group_probabilities, block_of, *arrays)


def _jensen_gap(
    probability: Any, signal: Any, leakage: Any, noise: Any, interference: Any
) -> FloatArray:
    """The term of one coordinate in the sum of `full_expert_gap`, over q and for b = 1."""
    moment = second_moment(probability, signal, leakage)
    dense = shrinkage_denominator(moment, mean_noise(probability, noise, interference))
    active = shrinkage_denominator(signal, noise)
    idle = shrinkage_denominator(leakage, noise + interference)
    contrast = signal - leakage
    if np.any(interference):
        contrast = signal * interference + noise * contrast
        return np.asarray(probability * (contrast / dense) * (contrast / idle) / active)
    # shares, so that no square of the noise is needed
    lost, lost_idle = lost_numerator(moment, noise) / dense, lost_numerator(leakage, noise) / idle
    return np.asarray(probability * contrast * (contrast / active) * lost * lost_idle)


def moe_bound(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    noise: ArrayLike,
) -> FloatArray:
    r"""Upper bound on the MoE excess risk, shape (...).

    :math:`\sum_m p\,n b^2 + q\,\nu b^2`; strict blocks and one noise variance:
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
