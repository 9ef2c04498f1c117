"""How much of a perturbation it takes until one estimator is no longer better than another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.formulas import sums
from moetheory.formulas.population import second_moment, shrinkage
from moetheory.predictors.optimal import leakage_of, optimal_coefficients
from moetheory.predictors.perturbed_risks import erasure_terms, optimal_losses
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.gate_risks import gate_losses
from moetheory.theory.risks import gap, risk

FARTHEST = 2.0**200  # overlap that is looked at, and its inverse
LOUD = 2.0**60  # test noise, in noise or signal of training
SILENT = Perturbation(noise_variance=0.0)


def sharp_snr_condition(model: BlockModel) -> NDArray[np.bool_]:
    r"""Which directions meet :math:`\lambda_m \ge \sigma^2/\sqrt{p}`, shape (d,).

    With strict blocks, noise that is louder at test time passes an expert in such a direction no
    more than it passes dense, :math:`p\,\theta_m^2 \le \hat b_m^2`, and in any other direction it
    does (unless p is 1 or 0, or :math:`b_m\lambda_m = 0`). If all directions meet it, dense is
    better at no :math:`\sigma_o^2`, and for no radius of a shift if all groups are alike. With
    leakage the condition is still enough for an expert to pass no more, and no longer necessary,
    but dense may be better all the same.

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
    """What ``b`` is ahead of ``a`` by at infinitely many samples."""
    # no difference of risks that are nearly equal
    return _kinds(a, b) * gap(model) + _above_best(a, model) - _above_best(b, model)


def _kinds(a: Estimator, b: Estimator) -> int:
    """1 for dense beside a mixture, -1 for a mixture beside dense, 0 for two of a kind."""
    return isinstance(a, Dense) - isinstance(b, Dense)


def _kinds_without_ridge(a: Estimator, b: Estimator) -> int:
    """The same; 0 if one of them has a ridge."""
    return 0 if a.ridge or b.ridge else _kinds(a, b)


def _above_best(estimator: Estimator, model: BlockModel) -> float:
    r"""What an estimator loses against the best of its kind: without ridge, routed by the oracle.

    .. math:: \sum_m(h+\sigma^2)(c-\hat b)^2
              = \sum_m\frac{b^2h^2\mu^2}{(h+\sigma^2)(h+\sigma^2+\mu)^2},

    experts: with :math:`\lambda` for h, p times.
    """
    if routes_by_input(estimator) and estimator.ridge:
        return risk(estimator, model).excess - risk(MoE(), model).excess
    if isinstance(estimator, MoE) and not estimator.ridge:
        return float(model.group_probabilities @ gate_losses(estimator.gate, model).per_group)
    dense, ridge = isinstance(estimator, Dense), estimator.ridge

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any) -> FloatArray:
        moment = second_moment(p, signal, leakage) if dense else signal
        whole, _ = shrinkage(moment, noise)
        ridged, _ = shrinkage(moment, noise + ridge)
        lost = ridge / ridged * (moment / ridged) * (moment / whole) * ridge
        return np.asarray((1.0 if dense else p) * b**2 * lost)

    return _total(term, model)


def over_test_noise(a: Estimator, b: Estimator, model: BlockModel, samples: Any) -> float:
    r"""The root of a linear function, from its value at 0 and its slope :math:`N_a-N_b`."""
    if samples is None:
        return _root(_silent_lead(a, b, model), _gains(a, b, model))
    # so far away that risks are all noise: slopes keep their digits, and risks at 0 theirs
    far = LOUD * (max(model.noise_variance, float(model.signal_variances.max())) or 1.0)
    return _linear(a, b, model, samples, SILENT, Perturbation(noise_variance=far), far)


def over_misrouting(
    a: Estimator, b: Estimator, model: BlockModel, drag: float, samples: Any
) -> float:
    """The root of a linear function, if it is at most 1."""
    alone = model.experts == 1  # no other group to be taken for
    if samples is None:
        slopes = [0.0 if alone else _misrouting_slope(each, model, drag) for each in (a, b)]
        end = _root(lead(a, b, model), slopes[0] - slopes[1])
    else:
        wrong = None if alone else even_confusion(model.experts, 1.0)
        always = Perturbation(confusion=wrong, drag=0.0 if alone else drag)
        end = _linear(a, b, model, samples, Perturbation(), always, 1.0)
    return end if end <= 1.0 else math.inf


def over_radius(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The first positive root of a quadratic function."""
    start = lead(a, b, model)
    if start <= 0.0:
        return 0.0
    linear = math.sqrt(8.0 / math.pi) * (_crossed(a, model) - _crossed(b, model))
    square = _gains(a, b, model)
    # start + linear r + square r^2: without cancellation, in the order in which they are met
    size = max(abs(linear), math.sqrt(abs(square)) * math.sqrt(start))  # no square overflows
    inner = (linear / size) ** 2 - 4.0 * (square / size) * (start / size) if size else -1.0
    if inner < 0.0:
        return math.inf
    big = -0.5 * (linear + math.copysign(size * math.sqrt(inner), linear))
    roots = [start / big] if big else []
    roots += [big / square] if square else []
    return min((root for root in roots if root > 0.0), default=math.inf)


def over_erasure(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r"""The lead is :math:`1-q` times a linear function, constant for uncorrelated coordinates."""
    end = _root(lead(a, b, model), _scatter(a, model) - _scatter(b, model))
    return end if end < 1.0 else math.inf


def over_leakage(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r"""The overlap :math:`\alpha`, :math:`\nu = \alpha^2\lambda`, from a bracket."""
    from scipy import optimize

    def ahead(overlap: float) -> float:
        leaking = model.replace(leakage_variances=overlap**2 * model.signal_variances)
        return lead(a, b, leaking)

    if ahead(0.0) <= 0.0:
        return 0.0
    low = high = 1.0
    while ahead(high) > 0.0:
        low, high = high, 2.0 * high
        if high > FARTHEST:
            return math.inf
    while ahead(low) <= 0.0:
        low, high = low / 2.0, low
    return float(optimize.brentq(ahead, low, high, xtol=1e-14 * low))


def _root(value: float, slope: float) -> float:
    """From 0 on, the end of the stretch on which value + slope x is positive."""
    if value <= 0.0:
        return 0.0
    return value / -slope if slope < 0.0 else math.inf


def _linear(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    samples: Any,
    near: Perturbation,
    far: Perturbation,
    distance: float,
) -> float:
    """Of fitted estimators, from risks at 0 and at ``distance``."""

    def risks(estimator: Estimator) -> tuple[float, float]:
        start, end = (risk(estimator, model, samples=samples, under=u).excess for u in (near, far))
        return start, (end - start) / distance if math.isfinite(end) else math.inf

    (start_a, slope_a), (start_b, slope_b) = risks(a), risks(b)
    if not (math.isfinite(start_b) and math.isfinite(slope_b)):
        return 0.0
    if not (math.isfinite(start_a) and math.isfinite(slope_a)):
        return math.inf
    return _root(start_a - start_b, slope_a - slope_b)


def _silent_lead(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """What ``b`` is ahead of ``a`` by without test noise."""
    if kinds := _kinds_without_ridge(a, b):
        return kinds * _silent_gap(model)
    return risk(a, model, under=SILENT).excess - risk(b, model, under=SILENT).excess


def _gains(a: Estimator, b: Estimator, model: BlockModel) -> float:
    r""":math:`N_a - N_b`, N what a unit of test noise costs."""
    if kinds := _kinds_without_ridge(a, b):
        return kinds * _noise_gap(model)
    return _gain(a, model) - _gain(b, model)


def _gain(estimator: Estimator, model: BlockModel) -> float:
    gain = optimal_losses(estimator, model).gain
    return float(gain.sum() if isinstance(estimator, Dense) else model.group_probabilities @ gain)


def _silent_gap(model: BlockModel) -> float:
    r"""Dense less the experts without test noise, no ridge: with little noise in training both
    lose next to nothing.

    .. math:: \sum_m qb^2\Big(p\lambda(\lambda-\nu)\,uv\Big(\frac1{h+\sigma^2} +
              \frac1{\lambda+\sigma^2}\Big) - \nu(1-u^2)\Big), \quad
              u = \frac{\sigma^2}{h+\sigma^2}, \quad v = \frac{\sigma^2}{\lambda+\sigma^2} .
    """

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any) -> FloatArray:
        moment = second_moment(p, signal, leakage)
        whole, lost = shrinkage(moment, noise)
        expert_whole, expert_lost = shrinkage(signal, noise)
        u, v = lost / whole, expert_lost / expert_whole
        filtered = p * u * v * (signal - leakage) * (signal / whole + signal / expert_whole)
        return np.asarray((1.0 - p) * b**2 * (filtered - leakage * moment / whole * (1.0 + u)))

    return _total(term, model)


def _noise_gap(model: BlockModel) -> float:
    r"""Of dense less that of the experts, no ridge: each direction's difference from factors.

    .. math:: \hat b^2 - p\theta^2 = b^2\,(u-v)(u+v), \quad u = \frac h{h+\sigma^2},\
              v = \frac{\sqrt p\lambda}{\lambda+\sigma^2}, \quad
              u - v = \frac{(1-\sqrt p)h\lambda + \sigma^2(h-\sqrt p\lambda)}
                           {(h+\sigma^2)(\lambda+\sigma^2)} .
    """

    def term(p: Any, signal: Any, leakage: Any, b: Any, noise: Any) -> FloatArray:
        moment, root = second_moment(p, signal, leakage), np.sqrt(p)
        whole, _ = shrinkage(moment, noise)
        expert_whole, _ = shrinkage(signal, noise)
        # h - sqrt(p) lambda without cancellation at p near 1
        surplus = (1.0 - p) * leakage - root * (1.0 - root) * signal
        dense, expert = moment / whole, signal / expert_whole
        lower = (1.0 - root) * dense * expert + noise / whole * (surplus / expert_whole)
        return np.asarray(b**2 * lower * (dense + root * expert))

    return _total(term, model)


def _total(term: Callable[..., FloatArray], model: BlockModel) -> float:
    """Over all coordinates."""
    arrays = (model.signal_variances, leakage_of(model), model.coefficients, model.noise_variance)
    return float(sums.total(term, model.group_probabilities, model.block_of, *arrays))


def _crossed(estimator: Estimator, model: BlockModel) -> float:
    r""":math:`\sum_gp_g\|c_g\|\sqrt{R_g}`."""
    gain = optimal_losses(estimator, model).gain
    if isinstance(estimator, Dense):
        gain = gain.sum()
    return float(
        model.group_probabilities @ (np.sqrt(gain) * np.sqrt(risk(estimator, model).per_group))
    )


def _scatter(estimator: Estimator, model: BlockModel) -> float:
    active, inactive = erasure_terms(model, optimal_coefficients(estimator, model))
    if isinstance(estimator, Dense):
        active = active + sums.of_others(inactive)
    return float(model.group_probabilities @ active)


def _misrouting_slope(estimator: Estimator, model: BlockModel, drag: float) -> float:
    """What errors that are spread evenly cost for each unit of their rate."""
    fit, losses = optimal_coefficients(estimator, model), optimal_losses(estimator, model)
    pulled = drag**2 * losses.pulled
    wrong, right = pulled, np.zeros(model.experts)
    if isinstance(estimator, MoE):

        def terms(_: Any, signal: Any, leak: Any, b: Any, c: Any) -> tuple[FloatArray, ...]:
            explained = c * (2.0 * signal * b - (signal + model.noise_variance) * c)
            return explained, c * (2.0 * b - c) * leak  # that by luck, of a wrong expert

        arrays = (model.signal_variances, model.leakage_variances, model.coefficients, fit)
        p, block_of = model.group_probabilities, model.block_of
        right, luck = sums.by_block(terms, p, block_of, *arrays)
        wrong = pulled + model.noise_variance * losses.gain - luck
    elsewhere = sums.of_others(wrong) / (model.experts - 1)
    return float(model.group_probabilities @ (right + elsewhere))
