"""The order over test-time perturbations and amplitudes, one function for each quantity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.formulas.sums import TILE, sum_over_others
from moetheory.predictors.optimal import (
    formula_arguments,
    interference_of,
    unchecked_optimal_coefficients,
)
from moetheory.predictors.perturbed_risks import UNCHANGED, erasure_terms, optimal_losses
from moetheory.problem import limits
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.finite_sample_risks import fitted_risk
from moetheory.theory.leads import (
    PER_DECADE,
    Order,
    lead,
    lead_in_misrouting,
    lead_in_noise,
    lead_without_test_noise,
    linear_order,
    oracle_leads,
    order_on_grid,
)
from moetheory.theory.risks import unchecked_risk

AMPLITUDES = (1e-10, 1e30)  # the smallest that is compared beside 0, and the largest
MOST_NOISE = 2.0**60  # test noise, relative to noise or signal of training
NO_TEST_NOISE = Perturbation(noise_variance=0.0)


def sharp_snr_condition(model: BlockModel) -> NDArray[np.bool_]:
    r"""The directions with :math:`\lambda_m \ge \sigma^2/\sqrt{p}`, booleans (d,).

    With interference :math:`\lambda_m \ge \big(n_m+(1+\sqrt p)\kappa_m\big)/\sqrt p`.

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
    root = np.sqrt(model.group_probabilities[model.block_of])
    needed = model.noise_variance + (1.0 + root) * interference_of(model)
    return np.asarray(root * model.signal_variances >= needed)


def over_test_noise(a: Estimator, b: Estimator, model: BlockModel, samples: Any) -> Order:
    r"""The order over :math:`\sigma_o^2`: a linear lead, with slope :math:`N_a-N_b`."""
    if samples is None:
        arguments = formula_arguments(model)
        start = float(lead_without_test_noise(a, b, arguments))
        return linear_order(start, float(lead_in_noise(a, b, arguments)))
    # at this noise the risks are nothing but noise, so that the slopes keep their digits
    scale = max(float(np.max(model.noise_variance)), float(model.signal_variances.max())) or 1.0
    far = min(MOST_NOISE * scale, limits.NUMBERS[1])
    noisy = Perturbation(noise_variance=far)
    return _fitted_order(a, b, model, samples, NO_TEST_NOISE, noisy, far, math.inf)


def over_misrouting(
    a: Estimator, b: Estimator, model: BlockModel, drag: float, samples: Any
) -> Order:
    """The order over the misrouting rate up to 1: a linear lead."""
    one_expert = model.experts == 1  # there is no wrong group
    if samples is None:
        arguments = formula_arguments(model)
        slope = 0.0 if one_expert else float(lead_in_misrouting(a, b, arguments, drag))
        return linear_order(lead(a, b, model), slope, 1.0)
    confusion = None if one_expert else even_confusion(model.experts, 1.0)
    always = Perturbation(confusion=confusion, drag=0.0 if one_expert else drag)
    return _fitted_order(a, b, model, samples, Perturbation(), always, 1.0, 1.0)


def over_radius(a: Estimator, b: Estimator, model: BlockModel) -> Order:
    """The order over the radius: a quadratic lead, with up to two positive roots."""
    start = lead(a, b, model)
    linear = math.sqrt(8.0 / math.pi) * (_radius_slope(a, model) - _radius_slope(b, model))
    square = float(lead_in_noise(a, b, formula_arguments(model)))
    # roots of start + linear x + square x^2, without cancellation
    size = max(abs(linear), math.sqrt(abs(square)) * math.sqrt(abs(start)))  # no square overflows
    discriminant = (linear / size) ** 2 - 4.0 * (square / size) * (start / size) if size else 0.0
    if discriminant <= 0.0:  # a double root is no change
        return Order(start > 0.0, iter([]))
    far_numerator = -0.5 * (linear + math.copysign(size * math.sqrt(discriminant), linear))
    roots = [start / far_numerator] if far_numerator else []
    roots += [far_numerator / square] if square else []
    return Order(start > 0.0, iter(sorted(root for root in roots if 0.0 < root < math.inf)))


def over_erasure(a: Estimator, b: Estimator, model: BlockModel) -> Order:
    r"""The order over :math:`\tau` below 1: the lead is :math:`1-\tau` times a linear function.

    This function is constant for uncorrelated coordinates.
    """
    slope = _erasure_cost(a, model) - _erasure_cost(b, model)
    return linear_order(lead(a, b, model), slope, math.nextafter(1.0, 0.0))


def over_amplitude(a: Estimator, b: Estimator, model: BlockModel, over: str) -> Order:
    r"""The order over an amplitude :math:`\alpha`, on a grid.

    :math:`\alpha^2\lambda` is the leakage ("leakage"), the interference ("interference"), or is
    added to the noise ("overlap").
    """
    p, block_of, signal, leakage, coefficients, noise, interference = formula_arguments(model)

    def leads_at(amplitudes: Any) -> FloatArray:
        # not through a model, which refuses the smallest variances and the largest
        added = amplitudes**2 * signal
        variances = {
            "leakage": (added, coefficients, noise, interference),
            "interference": (leakage, coefficients, noise, added),
            "overlap": (leakage, coefficients, noise + added, interference),
        }
        return oracle_leads(a, b, (p, block_of, signal, *variances[over]))

    steps = PER_DECADE * round(math.log10(AMPLITUDES[1] / AMPLITUDES[0])) + 1
    grid = np.append(0.0, np.geomspace(*AMPLITUDES, steps))
    parts = np.array_split(grid, min(-(-len(grid) * model.dim // TILE), len(grid)))
    leads = (found for part in parts for found in leads_at(part[:, np.newaxis]).tolist())
    return order_on_grid(lambda amplitude: float(leads_at(amplitude)), grid.tolist(), leads)


def _fitted_order(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    samples: Any,
    near: Perturbation,
    far: Perturbation,
    distance: float,
    most: float,
) -> Order:
    """The order of fitted estimators up to ``most``, from risks at 0 and at ``distance``."""
    counts = counts_of(samples, model)

    def risk_and_slope(estimator: Estimator) -> tuple[float, float]:
        start, end = (fitted_risk(estimator, model, counts, u).excess for u in (near, far))
        return start, (end - start) / distance if math.isfinite(end) else math.inf

    (start_a, slope_a), (start_b, slope_b) = risk_and_slope(a), risk_and_slope(b)
    if not (math.isfinite(start_b) and math.isfinite(slope_b)):
        return Order(False, iter([]))
    if not (math.isfinite(start_a) and math.isfinite(slope_a)):
        return Order(True, iter([]))
    return linear_order(start_a - start_b, slope_a - slope_b, most)


def _radius_slope(estimator: Estimator, model: BlockModel) -> float:
    r"""The linear term in the radius, up to a constant: :math:`\sum_gp_g\|c_g\|\sqrt{R_g}`."""
    gain = optimal_losses(estimator, model).noise_gain
    if isinstance(estimator, Dense):
        gain = gain.sum()
    deviation = np.sqrt(unchecked_risk(estimator, model).per_group)
    return float(model.group_probabilities @ (np.sqrt(gain) * deviation))


def _erasure_cost(estimator: Estimator, model: BlockModel) -> float:
    """The mean over groups of the terms that erasure adds for correlated coordinates."""
    if model.rotations is None:
        return 0.0
    coefficients = unchecked_optimal_coefficients(estimator, model)
    clean, leaked, noise, added = erasure_terms(model, UNCHANGED, coefficients)
    per_group = clean + noise
    if isinstance(estimator, Dense):
        per_group = per_group + sum_over_others(leaked + noise + added)
    return float(model.group_probabilities @ per_group)
