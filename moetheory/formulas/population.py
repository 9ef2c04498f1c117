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

from moetheory.formulas import sums
from moetheory.validation import FloatArray, IntArray

Contributions = Callable[..., tuple[FloatArray, FloatArray]]


def shrink(coefficient: Any, variance: Any, penalty: Any) -> tuple[FloatArray, FloatArray]:
    r"""Kept and lost part of a coefficient: :math:`b\,v/(v+c)` and :math:`b\,c/(v+c)`.

    At :math:`v = c = 0` nothing is kept: (0, b).
    """
    whole = variance + penalty
    if np.any(np.equal(penalty, 0.0)):
        empty = np.equal(whole, 0.0)
        scaled = coefficient / np.where(empty, 1.0, whole)
        return scaled * variance, np.where(empty, coefficient, scaled * penalty)
    scaled = coefficient / whole
    return scaled * variance, scaled * penalty


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
    return np.asarray(shrink(coefficient, moment, noise + ridge)[0])


def expert_coefficients(signal: Any, coefficient: Any, noise: Any, ridge: Any = 0.0) -> FloatArray:
    r""":math:`\theta = b\,\lambda/(\lambda+\sigma^2+\mu)`: the best one from the own block."""
    return np.asarray(shrink(coefficient, signal, noise + ridge)[0])


def dense_contributions(
    probability: Any, signal: Any, leakage: Any, coefficient: Any, noise: Any, ridge: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What a coordinate adds to the dense excess risk while its block is active, inactive.

    :math:`\lambda(b-\hat b)^2 + \sigma^2\hat b^2` and :math:`\nu(b-\hat b)^2 + \sigma^2\hat b^2`.
    Without ridge their mean is :math:`b^2h\sigma^2/(h+\sigma^2)`.
    """
    moment = second_moment(probability, signal, leakage)
    kept, lost = shrink(coefficient, moment, noise + ridge)
    passed = np.square(kept) * noise
    missed = np.square(lost)
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
    kept, lost = shrink(coefficient, signal, noise + ridge)
    charged = coefficient * noise + ridge * lost if np.any(ridge) else coefficient * noise
    return kept * charged, np.asarray(np.square(coefficient) * leakage if np.any(leakage) else 0.0)


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


def excess_by_group(
    contributions: Contributions,
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> FloatArray:
    r"""Excess risk given the group, shape (..., K); arguments as for `excess`.

    :math:`\sum_{m \in g} \mathrm{active}_m + \sum_{m \notin g} \mathrm{inactive}_m`.
    """
    active, inactive = sums.by_block(contributions, group_probabilities, block_of, *arrays)
    return active + sums.of_others(inactive)


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
    _, dense_lost = shrink(1.0, second_moment(probability, signal, leakage), noise)
    leak_kept, leak_lost = shrink(1.0, leakage, noise)
    contrast = signal - leakage
    whole = signal + noise
    filtered = contrast * (contrast / np.where(np.equal(whole, 0.0), 1.0, whole))
    filtered = probability * filtered * dense_lost * leak_lost
    unseen = leakage * leak_kept
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
