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


def shrinkage(variance: Any, penalty: Any) -> tuple[Any, Any]:
    r"""Denominator :math:`v+c` and numerator :math:`c` of the lost share :math:`c/(v+c)`.

    The kept share is :math:`v/(v+c)`. At :math:`v = c = 0` both are 1: nothing is kept.
    """
    whole = variance + penalty
    if np.any(np.equal(penalty, 0.0)):
        empty = np.equal(whole, 0.0)
        return np.where(empty, 1.0, whole), np.where(empty, 1.0, penalty)
    return whole, penalty


def second_moment(probability: Any, signal: Any, leakage: Any) -> FloatArray:
    r""":math:`h = p\lambda + (1-p)\nu`: clean second moment of a coordinate over the mixture."""
    moment = probability * signal
    if np.any(leakage):
        moment = moment + (1.0 - probability) * leakage
    return np.asarray(moment)


def dense_coefficients(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> FloatArray:
    r""":math:`\hat b = b\,h/(h+\sigma^2+\mu)`: the best linear predictor from all of x̄."""
    moment = second_moment(probability, signal, leakage)
    whole, _ = shrinkage(moment, noise + ridge)
    return np.asarray(coefficient / whole * moment)


def expert_coefficients(signal: Any, coefficient: Any, noise: Any, ridge: Any = 0.0) -> FloatArray:
    r""":math:`\theta = b\,\lambda/(\lambda+\sigma^2+\mu)`: the best one from the own block."""
    whole, _ = shrinkage(signal, noise + ridge)
    return np.asarray(coefficient / whole * signal)


def dense_contributions(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the dense excess risk while its block is active, inactive.

    :math:`\lambda(b-\hat b)^2 + \sigma^2\hat b^2` and :math:`\nu(b-\hat b)^2 + \sigma^2\hat b^2`.
    Without ridge their mean is :math:`b^2h\sigma^2/(h+\sigma^2)`.
    """
    moment = second_moment(probability, signal, leakage)
    whole, penalty = shrinkage(moment, noise + ridge)
    scaled = coefficient / whole
    passed = np.square(scaled * moment) * noise
    missed = np.square(scaled * penalty)
    active = missed * signal + passed
    return active, (missed * leakage + passed if np.any(leakage) else passed)


def expert_contributions(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the excess risk of oracle-routed experts, active and inactive.

    :math:`\lambda(b-\theta)^2 + \sigma^2\theta^2 = \theta(\sigma^2 b + \mu(b-\theta))` with
    :math:`\theta = b\lambda/(\lambda+\sigma^2+\mu)`, and :math:`\nu b^2`: the other experts do
    not see the coordinate.
    """
    whole, penalty = shrinkage(signal, noise + ridge)
    scaled = coefficient / whole
    charge = coefficient * noise
    if np.any(ridge):
        charge = charge + ridge * penalty * scaled
    inactive = np.square(coefficient) * leakage if np.any(leakage) else 0.0
    return scaled * signal * charge, np.asarray(inactive)


def excess(
    contributions: Contributions,
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> FloatArray:
    r"""Excess risk :math:`\sum_m p\,\mathrm{active}_m + (1-p)\,\mathrm{inactive}_m`, shape (...).

    ``contributions`` is `dense_contributions` or `expert_contributions`; ``arrays`` are signal
    variances, leakage variances, coefficients, noise variance and, if any, the ridge.
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
    r"""The same as `excess`, shape (...), and the excess risk given the group, shape (..., K).

    Given the group: :math:`\sum_{m \in g} \mathrm{active}_m + \sum_{m \notin g}
    \mathrm{inactive}_m`. Arguments as for `excess`.
    """
    p = np.asarray(group_probabilities)
    active, inactive = sums.by_block(contributions, p, block_of, *arrays)
    total = (p * active + (1.0 - p) * inactive).sum(axis=-1)
    return total, active + sums.of_others(inactive)


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
    """
    return sums.total(
        _gap_term, group_probabilities, block_of, signal, leakage, coefficients, noise
    )


def _gap_term(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any
) -> FloatArray:
    dense_whole, dense_lost = shrinkage(second_moment(probability, signal, leakage), noise)
    expert_whole, _ = shrinkage(signal, noise)
    leak_whole, leak_lost = shrinkage(leakage, noise)
    contrast = signal - leakage
    filtered = probability * contrast * (contrast / expert_whole)
    filtered = filtered * (dense_lost / dense_whole) * (leak_lost / leak_whole)
    unseen = leakage * (leakage / leak_whole)
    return np.asarray((1.0 - probability) * coefficient**2 * (filtered - unseen))


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
    :math:`V(d\sigma^2/S)/K`.
    """

    def term(probability: Any, leak: Any, coefficient: Any, noise: Any) -> FloatArray:
        return np.asarray(coefficient**2 * (probability * noise + (1.0 - probability) * leak))

    return sums.total(term, group_probabilities, block_of, leakage, coefficients, noise)


def iso_parameter_dense(dim: Any, signal_energy: Any, label_power: Any, noise: Any) -> Any:
    r""":math:`V\,d\sigma^2/(S+d\sigma^2)`: dense excess risk in the iso-parameter regime."""
    return label_power * (dim * noise / (signal_energy + dim * noise))


def iso_parameter_moe(
    dim: Any, experts: Any, signal_energy: Any, label_power: Any, noise: Any
) -> Any:
    r""":math:`V\,d\sigma^2/(KS+d\sigma^2)`: MoE excess risk in the iso-parameter regime."""
    return label_power * (dim * noise / (experts * signal_energy + dim * noise))


def one_over_k_bound(
    dim: Any, experts: Any, signal_energy: Any, label_power: Any, noise: Any
) -> Any:
    r""":math:`V(d\sigma^2/S)/K`: the 1/K law's upper bound on `iso_parameter_moe`."""
    return label_power * (dim * noise / signal_energy) / experts
