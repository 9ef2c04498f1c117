"""The ridge and the number of experts that minimise the expected risk."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, Mention, NoClosedForm, OutOfRangeError
from moetheory.common.text import short_repr
from moetheory.common.validation import count, number
from moetheory.formulas import population, shrinkage
from moetheory.formulas.finite import estimation_cost
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import interference_of
from moetheory.problem import limits
from moetheory.problem.estimators import Dense, Estimator, checked_oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk
from moetheory.theory.finite_sample_risks import fitted_risk

DECADES = (-12, 8)  # powers of ten of ridge over the least and the mean variance of a coordinate
STEPS_PER_DECADE = 2
MOST_COORDINATES = 2**24  # of `best_experts`


class OptimalRidge(NamedTuple):
    """The best ``ridge`` and its ``risk``."""

    ridge: float
    risk: Risk

    def __repr__(self) -> str:
        return short_repr(self)


class BestExperts(NamedTuple):
    """The best number of ``experts`` and its ``risk``."""

    experts: int
    risk: Risk

    def __repr__(self) -> str:
        return short_repr(self)


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

    estimator = checked_oracle(estimator, model, "the best ridge")
    counts = counts_of(samples, model)

    def risk_of(ridge: float) -> Risk:
        return fitted_risk(replace(estimator, ridge=ridge), model, counts)

    def ridge_at(exponent: float) -> float:
        return float(np.clip(scale * 10.0**exponent, *limits.NUMBERS))

    def excess_at(exponent: float) -> float:
        return risk_of(ridge_at(exponent)).excess

    p = model.group_probabilities[model.block_of]
    second_moments = p * model.signal_variances + (1.0 - p) * model.leakage_variances
    # no expert sees interference
    interference = interference_of(model) if isinstance(estimator, Dense) else 0.0
    variances = second_moments + shrinkage.mean_noise(p, model.noise_variance, interference)
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
        The risk is infinite for every K, as at n = d; ``dim`` is beyond 2²⁴.

    Notes
    -----
    This asks how many groups the world should have, with an expert for each. `best_assignment` asks
    how many experts should serve the groups of a given model, and which of them share one.

    No model is made: the cost is that of the divisors, and of one number for each expert of the
    answer, at most 128 MiB for the largest ``dim``, 2²⁴. Source: docs/theory.md §4.

    Examples
    --------
    >>> best = best_experts(64, 256, noise_variance=1.0, signal_energy=64.0)
    >>> best.experts, best.risk.value
    (64, 0.0230769)
    """
    import sympy

    dim = count("dim", dim, minimum=1, maximum=MOST_COORDINATES)
    samples = count("samples", samples, minimum=1)
    noise = number("noise_variance", noise_variance, minimum=0.0)
    # checks the other arguments; in this regime they do not depend on the size of the model
    smallest = BlockModel.isotropic(
        1,
        1,
        noise,
        signal_energy=signal_energy,
        label_power=label_power,
        label_noise_variance=label_noise_variance,
    )
    energy, power, omega = float(signal_energy), float(label_power), smallest.label_noise_variance
    if energy / dim < limits.NUMBERS[0]:
        raise OutOfRangeError(
            "signal_energy",
            f"must leave every coordinate a variance of at least {limits.NUMBERS[0]:g}, "
            f"got {energy / dim:g}",
        )

    def excesses(k: int) -> tuple[FloatArray, FloatArray]:
        """The excess risks of experts with n/k samples and with one more, and their shares."""
        inherent = population.iso_parameter_moe(dim, k, energy, power, noise)
        quotient, remainder = divmod(samples, k)
        costs = estimation_cost(
            [quotient, quotient + 1], dim // k, inherent + omega, power - inherent
        )
        return inherent + costs, np.array([k - remainder, remainder]) / k

    def excess(k: int) -> float:
        """The excess risk of k experts."""
        given, shares = excesses(k)
        return float(shares[shares > 0.0] @ given[shares > 0.0])

    best = min(map(int, sympy.divisors(dim)), key=excess)
    if math.isinf(excess(best)):
        raise ArgumentError(
            "samples",
            "must differ from ",
            Mention("dim"),
            f" by more than 1 for a finite risk with some number of experts, got {samples} and ",
            Mention("dim", dim),
        )
    fewer, more = excesses(best)[0] + omega
    per_group = np.where(np.arange(best) < samples % best, more, fewer)
    return BestExperts(best, Risk(excess(best) + omega, excess(best), per_group))
