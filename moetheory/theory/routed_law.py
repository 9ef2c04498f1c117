"""The 1/K law with routing from the data: a bound on the risk, and where the law ends."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.validation import count, number
from moetheory.formulas import routed_law
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.gates import Gate, Hard, Oracle, TopK, checked_gate
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.results.routed_law import LawEnds
from moetheory.theory.risks import unchecked_risk

MOST_DIM = 2**22  # of law_ends: more coordinates would take minutes
ROUNDING = 1e-12  # relative: a ratio that equals the factor up to rounding is within it


def law_ends(
    dim: int,
    noise_variance: float,
    *,
    signal_energy: float,
    factor: float = 2.0,
    gate: Gate = Hard(),  # noqa: B008 - immutable
    samples: int | None = None,
) -> LawEnds:
    r"""The number of experts up to which a gate follows the 1/K law.

    In the iso-parameter regime oracle routing has the excess risk
    :math:`d\sigma^2/(KS+d\sigma^2)`. A gate that routes by the input follows it while blocks of
    :math:`s = d/K` coordinates still tell the groups apart. All K that divide d are compared. With
    :math:`\varrho = 1+\lambda/\sigma^2`, :math:`\lambda = KS/d`, the gate's excess risk is at most

    .. math:: R_{\mathrm{oracle}} + (K-1)\sigma^2\big((2c-e)\varrho P_1 + eP_2\big), \qquad
              P_1 = P(\chi^2_s > \varrho\chi^2_{s+2}), \quad
              P_2 = P(\chi^2_{s+2} > \varrho\chi^2_s),

    :math:`c = \theta^\top E\hat\theta` and :math:`e = E\|\hat\theta\|^2` of an expert,
    :math:`R_{\mathrm{oracle}}` the excess risk of the same experts with oracle routing; and at most
    :math:`2R_{\mathrm{oracle}}` while
    :math:`s \ge 2\ln K/\ln\frac{(1+\varrho)^2}{4\varrho}`.

    Parameters
    ----------
    dim, noise_variance, signal_energy : int, float, float
        As for `BlockModel.isotropic`: d at most 2²², and one noise variance for all coordinates.
    factor : float
        How many times the oracle's excess risk the gate's may be; more than 1.
    gate : Hard, Soft or TopK
        The gate. ``TopK(k)`` is `Soft` for fewer than k experts.
    samples : int, optional
        Training samples, divided among the experts; the oracle's experts are fitted on them too.
        Infinitely many if not given. At each K above :math:`|n-d|/2` the oracle's own risk is
        infinite, as an expert has within 1 as many samples as coordinates. Such a K says nothing
        about routing: it is passed over, so it does not end the law and is never its end.

    Returns
    -------
    LawEnds
        The K that is asked for is ``.experts``; ``.guaranteed``, up to which the bound is within
        the factor; ``.rule``, the K up to which s is as large as in the last formula. As a text
        it is the table of all K.

    Raises
    ------
    ValueError
        The ``factor`` is not above 1; the gate is not within the factor of the oracle at the
        smallest divisor of ``dim`` above 1, or the ``samples`` leave the oracle's risk infinite
        there.
    NoClosedForm
        `risk` has no formula for the gate.

    Notes
    -----
    Source: docs/theory.md §6.

    Examples
    --------
    >>> ends = law_ends(256, 1.0, signal_energy=256.0)
    >>> ends
    <LawEnds of hard: within 2 times the oracle up to K=128, guaranteed to 64, by the rule to 64>
    >>> law_ends(256, 1.0, signal_energy=256.0, factor=1.1, samples=1024).experts
    64
    """
    import sympy

    dim = count("dim", dim, minimum=2, maximum=MOST_DIM)
    noise = number("noise_variance", noise_variance, minimum=0.0)
    factor = number("factor", factor, above=1.0)
    gate = checked_gate(gate)
    if isinstance(gate, Oracle):
        raise ArgumentError("gate", "must read the input, as Hard() and Soft() do, got Oracle()")
    if samples is not None:
        samples = count("samples", samples, minimum=1)
    BlockModel.isotropic(2, 1, noise, signal_energy=signal_energy)  # refuses what is no model
    energy = float(signal_energy)
    experts = np.array([int(each) for each in sympy.divisors(dim)])
    rows = [
        _risks(BlockModel.isotropic(dim, k, noise, signal_energy=energy), gate, samples)
        for k in experts.tolist()
    ]
    oracle, gated, error, bound = np.array(rows).T
    allowed = factor * (1.0 + ROUNDING)
    ratio = _ratios(gated, oracle)
    within = ratio <= allowed
    with np.errstate(divide="ignore"):
        surplus = np.divide(experts * energy / dim, noise)
    compared = np.isfinite(oracle) & (experts > 1)
    if not compared[1]:  # the infinite risks are those of all K above some K
        raise ArgumentError(
            "samples",
            f"must leave the oracle a finite risk at K = {experts[1]}, the smallest divisor of ",
            Mention("dim", dim),
            f", got {samples}",
        )
    if not within[1]:
        raise ArgumentError(
            "dim",
            f"must have a divisor K of at least 2 at which {gate!r} is within {factor:g} times the "
            f"oracle's excess risk, got {dim}, whose smallest divisor K = {experts[1]} is at "
            f"{ratio[1]:.4g} times",
        )
    columns = {
        "experts": experts,
        "oracle": oracle,
        "gate": gated,
        "error": error,
        "bound": bound,
        "ratio": ratio,
    }
    by_bound = _ratios(bound, oracle) <= allowed
    by_rule = dim / experts >= routed_law.least_size(experts, surplus)
    return LawEnds(
        experts=_last(experts[compared], within[compared]),
        guaranteed=_last(experts[compared], by_bound[compared]),
        rule=_last(experts[compared], by_rule[compared]),
        factor=factor,
        gate=gate,
        columns=columns,
        samples=samples,
        noise_variance=noise,
        signal_energy=energy,
    )


def _ratios(risks: FloatArray, oracle: FloatArray) -> FloatArray:
    """Risks in units of those of the oracle: 1 where both are 0, NaN where both are infinite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(risks == oracle, 1.0, risks / oracle)
    return np.where(np.isinf(oracle), np.nan, ratios)


def _last(experts: IntArray, met: Any) -> int:
    """The number of ``experts`` up to which a condition is ``met`` at all of them; else 1."""
    broken = np.flatnonzero(~met)
    if not broken.size:
        return int(experts[-1])
    return int(experts[broken[0] - 1]) if broken[0] else 1


def _risks(model: BlockModel, gate: Gate, samples: int | None) -> tuple[float, float, float, float]:
    """Excess risks of the oracle and of the gate, the latter's error, and the bound on it."""
    oracle = unchecked_risk(MoE(), model, samples).excess
    if model.experts == 1:
        return oracle, oracle, 0.0, oracle
    if isinstance(gate, TopK):
        gate = replace(gate, k=min(gate.k, model.experts))
    gated = unchecked_risk(MoE(gate=gate), model, samples)
    return oracle, gated.excess, gated.error, oracle + routing_cost_bound(model, samples)


def routing_cost_bound(model: BlockModel, samples: int | None = None) -> float:
    r"""Upper bound on what routing adds to the oracle's risk, for a model of the 1/K law.

    .. math:: (K-1)\,\sigma^2\big((2c-e)\,\varrho P_1 + e\,P_2\big)

    with the means over experts of c and e. The model has equal isotropic strict blocks, equal
    probabilities and one noise variance. Source: docs/theory.md §6.

    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> routing_cost_bound(model), unchecked_risk(MoE(gate=Hard()), model).excess - 1 / 3
    (0.0920139, 0.0920139)
    """
    noise, signal = float(np.ravel(model.noise_variance)[0]), float(model.signal_variances[0])
    if noise == 0.0:
        return 0.0
    energies = routed_law.wrong_energies(model.dim / model.experts, signal / noise)
    best = unchecked_optimal_coefficients(MoE(), model)
    mean, variance = best, np.zeros(model.dim)
    if samples is not None:
        fitted = ExpertMoments.of(model, Regressions.of(model, counts_of(samples, model)))
        mean, variance = fitted.mean, fitted.variance
        if np.isinf(variance).any():
            return math.inf
    sums = block_sums(np.stack([best * mean, mean**2 + variance]), model.block_of)
    return float(routed_law.routing_cost(model.experts, noise, energies, *sums.mean(axis=-1)))
