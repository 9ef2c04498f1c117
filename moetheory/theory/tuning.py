"""The ridge and the number of experts that minimise the expected risk."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.errors import NoClosedForm
from moetheory.common.validation import count
from moetheory.formulas import population
from moetheory.formulas.finite import estimation_cost
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem import limits
from moetheory.problem.estimators import Estimator, MoE, checked_oracle
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk
from moetheory.theory.finite_sample_risks import fitted_risk
from moetheory.theory.risks import unchecked_risk

DECADES = (-12, 8)  # powers of ten of ridge over the least and the mean variance of a coordinate
STEPS_PER_DECADE = 2


class OptimalRidge(NamedTuple):
    """The best ``ridge`` and its ``risk``."""

    ridge: float
    risk: Risk


class BestExperts(NamedTuple):
    """The best number of ``experts`` and its ``risk``."""

    experts: int
    risk: Risk


def optimal_ridge(estimator: Estimator, model: BlockModel, samples: Any) -> OptimalRidge:
    r"""The ridge that minimises the expected risk of a fitted estimator.

    Parameters
    ----------
    estimator : Dense or MoE
        The estimator; its ridge does not matter. The experts of a mixture share one ridge.
    model : BlockModel
    samples : int or (K,) integers
        As for `risk`.

    Returns
    -------
    OptimalRidge
        ``.ridge`` is 0 where least squares (below the threshold of minimum norm) cannot be
        improved, and ``inf`` where predicting zero is best.

    Raises
    ------
    NoClosedForm
        `risk` has no formula for a ridge of the grid. Zero is left out where it has none.

    Notes
    -----
    The risk that `risk` gives is minimised over a grid from 10⁻¹² times the least to 10⁸ times the
    mean variance of a coordinate, as far as an estimator may have such a ridge, refined around its
    best point; zero and infinity are compared last. It is exact up to an integral for experts
    in isotropic blocks; else the best ridge is as good as the ``error`` of its risk is small.
    Source: docs/theory.md §4.

    Examples
    --------
    >>> from moetheory import Dense, risk
    >>> model = BlockModel.isotropic(64, 8, noise_variance=1.0, signal_energy=64.0)
    >>> tuned = optimal_ridge(Dense(), model, 128)
    >>> f"{tuned.ridge:.2f} {tuned.risk.value:.3f} {risk(Dense(), model, samples=128).value:.3f}"
    '1.02 0.714 1.018'
    """
    from scipy import optimize

    estimator, model = checked_oracle(estimator, "the best ridge"), checked_model(model)
    counts = counts_of(samples, model)

    def risk_of(ridge: float) -> Risk:
        return fitted_risk(replace(estimator, ridge=ridge), model, counts)

    def ridge_at(exponent: float) -> float:
        return float(np.clip(scale * 10.0**exponent, *limits.NUMBERS))

    def excess_at(exponent: float) -> float:
        return risk_of(ridge_at(exponent)).excess

    p = model.group_probabilities[model.block_of]
    second_moments = p * model.signal_variances + (1.0 - p) * model.leakage_variances
    variances = second_moments + model.noise_variance
    scale = float(variances.mean()) or 1.0
    low, high = map(float, DECADES)
    if variances.any():
        low += math.log10(float(variances[variances > 0.0].min()) / scale)
    grid = np.linspace(low, high, math.ceil((high - low) * STEPS_PER_DECADE) + 1)
    best = grid[int(np.argmin([excess_at(exponent) for exponent in grid]))]
    step = 1.0 / STEPS_PER_DECADE
    found = optimize.minimize_scalar(
        excess_at,
        bounds=(max(best - step, low), min(best + step, high)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    ridge = ridge_at(float(found.x))
    candidates = [
        OptimalRidge(math.inf, _risk_of_zero(model, counts)),
        OptimalRidge(ridge, risk_of(ridge)),
    ]
    with contextlib.suppress(NoClosedForm):  # without feature noise, least squares may have none
        candidates.insert(0, OptimalRidge(0.0, risk_of(0.0)))
    return min(candidates, key=lambda candidate: candidate.risk.excess)


def _risk_of_zero(model: BlockModel, counts: IntArray) -> Risk:
    """The risk of predicting zero, total and per group."""
    per_group = Regressions.of(model, counts).null_excess + model.label_noise_variance
    return Risk(model.null_risk, model.label_power, per_group)


def best_experts(
    dim: int,
    samples: int,
    noise_variance: float,
    *,
    signal_energy: float = 1.0,
    label_power: float = 1.0,
    label_noise_variance: float = 0.0,
) -> BestExperts:
    r"""The number of experts K that minimises the expected risk in the iso-parameter regime.

    If K divides d and n,
    :math:`\mathbb E R/V = \frac{d\sigma^2}{KS+d\sigma^2}\, \frac{n-K}{n-d-K}`. This is stationary
    at :math:`n - \sqrt{d(n+d\sigma^2/S)}`, but K is a divisor of d, and with fewer than
    :math:`s_g+2` samples for an expert of :math:`s_g` coordinates the risk is infinite or that of
    minimum-norm interpolation. All divisors of d are compared by their exact risk, also divisors
    beyond the threshold and divisors that do not divide n.

    Parameters
    ----------
    dim, samples : int
    noise_variance, signal_energy, label_power, label_noise_variance
        As for `BlockModel.isotropic`.

    Raises
    ------
    ValueError
        The risk is infinite for every K, as at n = d.

    Notes
    -----
    Source: docs/theory.md §4.

    Examples
    --------
    >>> best = best_experts(64, 256, noise_variance=1.0, signal_energy=64.0)
    >>> best.experts, best.risk.value
    (64, 0.0230769)
    """
    import sympy

    dim = count("dim", dim, minimum=1, maximum=2**48)
    samples = count("samples", samples, minimum=1)

    def model_of(experts: int) -> BlockModel:
        return BlockModel.isotropic(
            dim,
            experts,
            noise_variance,
            signal_energy=signal_energy,
            label_power=label_power,
            label_noise_variance=label_noise_variance,
        )

    one_expert = model_of(1)  # which also checks the other arguments
    energy, power, noise = signal_energy, label_power, one_expert.noise_variance

    def excess(k: int) -> float:
        """The excess risk of k experts with n/k samples each, one more for the remainder."""
        inherent = population.iso_parameter_moe(dim, k, energy, power, noise)
        residual = inherent + one_expert.label_noise_variance
        quotient, remainder = divmod(samples, k)
        costs = estimation_cost([quotient, quotient + 1], dim // k, residual, power - inherent)
        shares = np.array([k - remainder, remainder]) / k
        return float(inherent + shares[shares > 0.0] @ costs[shares > 0.0])

    best = min(map(int, sympy.divisors(dim)), key=excess)
    if math.isinf(excess(best)):
        raise ValueError(
            f"no number of experts has a finite risk at dim={dim} and samples={samples}; "
            "samples must differ from dim by more than 1"
        )
    return BestExperts(best, unchecked_risk(MoE(), model_of(best), samples))
