"""Crossovers over test-time perturbations and leakage, one function for each quantity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import gaps, population
from moetheory.formulas.sums import sum_over_others
from moetheory.predictors.optimal import formula_arguments, unchecked_optimal_coefficients
from moetheory.predictors.perturbed_risks import erasure_terms, optimal_losses
from moetheory.problem import limits
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.finite_sample_risks import fitted_risk
from moetheory.theory.gate_risks import gate_losses
from moetheory.theory.risks import unchecked_gap, unchecked_risk

Arguments = tuple[FloatArray, IntArray, FloatArray, Any, FloatArray, float]  # of formulas

MOST_OVERLAP = 2.0**100  # the largest overlap tried
MOST_NOISE = 2.0**60  # test noise, relative to noise or signal of training
NO_TEST_NOISE = Perturbation(noise_variance=0.0)


def sharp_snr_condition(model: BlockModel) -> NDArray[np.bool_]:
    r"""The directions with :math:`\lambda_m \ge \sigma^2/\sqrt{p}`, booleans (d,).

    With strict blocks, the noise gain of an expert in such a direction is at most that of dense,
    :math:`p\,\theta_m^2 \le \hat b_m^2`. In any other direction the noise gain of the expert is
    larger (unless p is 1 or 0, or :math:`b_m\lambda_m = 0`). If all directions meet the condition,
    dense is better at no :math:`\sigma_o^2`, and at no radius of a shift if all groups are alike.
    With leakage the condition is still sufficient for the smaller noise gain, but not necessary,
    and dense may be better even so.

    Examples
    --------
    >>> model = BlockModel([0.25, 0.75], [0, 0, 1], [1.9, 2.1, 1.2], [1.0, 1.0, 1.0], 1.0)
    >>> sharp_snr_condition(model)
    array([False,  True,  True])
    """
    model = checked_model(model)
    p = model.group_probabilities[model.block_of]
    return np.asarray(np.sqrt(p) * model.signal_variances >= model.noise_variance)


def lead(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The lead of ``b`` over ``a``, the difference of risks, at infinitely many samples."""
    # risks may be nearly equal, so they are not subtracted
    between_kinds = _sign_of_gap(a, b) * unchecked_gap(model)
    return between_kinds + _excess_over_best(a, model) - _excess_over_best(b, model)


def _sign_of_gap(a: Estimator, b: Estimator) -> int:
    """The sign of the gap in the lead: 1 for dense and mixture, -1 reversed, 0 for equal kinds."""
    return isinstance(a, Dense) - isinstance(b, Dense)


def _sign_of_gap_without_ridge(a: Estimator, b: Estimator) -> int:
    """The `_sign_of_gap` of two estimators without ridge; 0 if one has a ridge."""
    return 0 if a.ridge or b.ridge else _sign_of_gap(a, b)


def _excess_over_best(estimator: Estimator, model: BlockModel) -> float:
    """The excess over the best of its kind, which has no ridge and is routed by the oracle."""
    if routes_by_input(estimator) and estimator.ridge:
        best = unchecked_risk(MoE(), model)
        return unchecked_risk(estimator, model).excess - best.excess
    if isinstance(estimator, MoE) and not estimator.ridge:
        return float(model.group_probabilities @ gate_losses(estimator.gate, model).per_group)
    return _ridge_excess(estimator, formula_arguments(model))


def _ridge_excess(estimator: Estimator, arguments: Arguments) -> float:
    """The excess of a ridge over no ridge with oracle routing, for the ``arguments`` of a gap."""
    dense = isinstance(estimator, Dense)
    excess = gaps.dense_ridge_excess if dense else gaps.expert_ridge_excess
    return float(excess(*arguments, estimator.ridge))


def over_test_noise(a: Estimator, b: Estimator, model: BlockModel, samples: Any) -> float:
    r"""The crossover over :math:`\sigma_o^2`: a linear lead, with slope :math:`N_a-N_b`."""
    if samples is None:
        start = _lead_without_test_noise(a, b, model)
        return _end_of_lead(start, _noise_gain_difference(a, b, model))
    # at this noise the risks are nothing but noise, so that the slopes keep their digits
    scale = max(model.noise_variance, float(model.signal_variances.max())) or 1.0
    far = min(MOST_NOISE * scale, limits.NUMBERS[1])
    noisy = Perturbation(noise_variance=far)
    return _fitted_crossover(a, b, model, samples, NO_TEST_NOISE, noisy, far)


def over_misrouting(
    a: Estimator, b: Estimator, model: BlockModel, drag: float, samples: Any
) -> float:
    """The crossover over the misrouting rate: a linear lead; ``inf`` beyond a rate of 1."""
    one_expert = model.experts == 1  # there is no wrong group
    if samples is None:
        slopes = [0.0 if one_expert else _misrouting_slope(each, model, drag) for each in (a, b)]
        end = _end_of_lead(lead(a, b, model), slopes[0] - slopes[1])
    else:
        confusion = None if one_expert else even_confusion(model.experts, 1.0)
        always = Perturbation(confusion=confusion, drag=0.0 if one_expert else drag)
        end = _fitted_crossover(a, b, model, samples, Perturbation(), always, 1.0)
    return end if end <= 1.0 else math.inf


def over_radius(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The crossover over the radius: the first positive root of a quadratic lead."""
    start = lead(a, b, model)
    if start <= 0.0:
        return 0.0
    linear = math.sqrt(8.0 / math.pi) * (_radius_slope(a, model) - _radius_slope(b, model))
    square = _noise_gain_difference(a, b, model)
    # roots of start + linear r + square r^2, without cancellation
    size = max(abs(linear), math.sqrt(abs(square)) * math.sqrt(start))  # no square overflows
    discriminant = (linear / size) ** 2 - 4.0 * (square / size) * (start / size) if size else -1.0
    if discriminant < 0.0:
        return math.inf
    far_numerator = -0.5 * (linear + math.copysign(size * math.sqrt(discriminant), linear))
    roots = [start / far_numerator] if far_numerator else []
    roots += [far_numerator / square] if square else []
    return min((root for root in roots if root > 0.0), default=math.inf)


def over_erasure(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r"""The crossover over q: the lead is :math:`1-q` times a linear function.

    This function is constant for uncorrelated coordinates.
    """
    end = _end_of_lead(lead(a, b, model), _erasure_cost(a, model) - _erasure_cost(b, model))
    return end if end < 1.0 else math.inf


def over_leakage(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r"""The crossover over the overlap :math:`\alpha`, :math:`\nu = \alpha^2\lambda`."""
    from scipy import optimize

    p, block_of, signal, _, coefficients, noise = formula_arguments(model)

    def lead_at(overlap: float) -> float:
        # not through a model, which refuses the smallest leakage and the largest
        arguments = p, block_of, signal, overlap**2 * signal, coefficients, noise
        between_kinds = _sign_of_gap(a, b) * float(population.gap(*arguments))
        return between_kinds + _ridge_excess(a, arguments) - _ridge_excess(b, arguments)

    if lead_at(0.0) <= 0.0:
        return 0.0
    low = high = 1.0
    while lead_at(high) > 0.0:
        low, high = high, 2.0 * high
        if high > MOST_OVERLAP:
            return math.inf
    while lead_at(low) <= 0.0:
        low, high = low / 2.0, low
    return float(optimize.brentq(lead_at, low, high, xtol=1e-14 * low))


def _end_of_lead(value: float, slope: float) -> float:
    """The least x from 0 on at which value + slope x is not positive."""
    if value <= 0.0:
        return 0.0
    return value / -slope if slope < 0.0 else math.inf


def _fitted_crossover(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    samples: Any,
    near: Perturbation,
    far: Perturbation,
    distance: float,
) -> float:
    """The crossover of fitted estimators, from their risks at 0 and at ``distance``."""
    counts = counts_of(samples, model)

    def risk_and_slope(estimator: Estimator) -> tuple[float, float]:
        start, end = (fitted_risk(estimator, model, counts, u).excess for u in (near, far))
        return start, (end - start) / distance if math.isfinite(end) else math.inf

    (start_a, slope_a), (start_b, slope_b) = risk_and_slope(a), risk_and_slope(b)
    if not (math.isfinite(start_b) and math.isfinite(slope_b)):
        return 0.0
    if not (math.isfinite(start_a) and math.isfinite(slope_a)):
        return math.inf
    return _end_of_lead(start_a - start_b, slope_a - slope_b)


def _lead_without_test_noise(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The lead of ``b`` over ``a`` without test noise."""
    if sign := _sign_of_gap_without_ridge(a, b):
        return sign * float(gaps.gap_without_test_noise(*formula_arguments(model)))
    risks = [unchecked_risk(each, model, under=NO_TEST_NOISE).excess for each in (a, b)]
    return risks[0] - risks[1]


def _noise_gain_difference(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r"""The difference :math:`N_a - N_b` of noise gains."""
    if sign := _sign_of_gap_without_ridge(a, b):
        return sign * float(gaps.gap_of_noise_gains(*formula_arguments(model)))
    return _noise_gain(a, model) - _noise_gain(b, model)


def _noise_gain(estimator: Estimator, model: BlockModel) -> float:
    """The noise gain N: the excess risk for each unit of test noise, a sum of squares."""
    gain = optimal_losses(estimator, model).noise_gain
    return float(gain.sum() if isinstance(estimator, Dense) else model.group_probabilities @ gain)


def _radius_slope(estimator: Estimator, model: BlockModel) -> float:
    r"""The linear term in the radius, up to a constant: :math:`\sum_gp_g\|c_g\|\sqrt{R_g}`."""
    gain = optimal_losses(estimator, model).noise_gain
    if isinstance(estimator, Dense):
        gain = gain.sum()
    deviation = np.sqrt(unchecked_risk(estimator, model).per_group)
    return float(model.group_probabilities @ (np.sqrt(gain) * deviation))


def _erasure_cost(estimator: Estimator, model: BlockModel) -> float:
    """The mean over groups of the terms that erasure adds for correlated coordinates."""
    active, inactive = erasure_terms(model, unchecked_optimal_coefficients(estimator, model))
    if isinstance(estimator, Dense):
        active = active + sum_over_others(inactive)
    return float(model.group_probabilities @ active)


def _misrouting_slope(estimator: Estimator, model: BlockModel, drag: float) -> float:
    """The excess risk for each unit of the misrouting rate, for errors that are spread evenly."""
    dense = isinstance(estimator, Dense)
    slope = gaps.dense_misrouting_slope if dense else gaps.expert_misrouting_slope
    return float(slope(*formula_arguments(model), estimator.ridge, drag))
