r"""Where blocks leak the MoE misses what leaks, and beyond some leakage dense is better.

Statement:
    With leakage :math:`\nu = \alpha^2\lambda` in inactive blocks,

    .. math:: R_{\mathrm{MoE}}(\alpha) = R_{\mathrm{MoE}}(0) + \alpha^2\sum_m(1-p)\lambda b^2, \quad
              \frac{\partial}{\partial\nu}(R_{\mathrm{dense}} - R_{\mathrm{MoE}}) < 0, \quad
              R_{\mathrm{dense}}(1) \le R_{\mathrm{MoE}}(1),

    so one amplitude :math:`\alpha` below 1 separates where MoE and where dense is better.

Guarantee:
    - Exact equality of the MoE's loss: proved by certificate, checked by simulation, also with a
      single group (``otherwise``).
    - Orderings (the gap falls with every :math:`\nu`; dense wins at :math:`\alpha = 1`): proved by
      certificate, direction by direction.
    - Either side of the crossover: evaluated and simulated at 0.8 and 1.25 of it.

Reference:
    docs/theory.md §2; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.claims.assumptions import NO_INTERFERENCE, SEVERAL_GROUPS, SOME_LABEL_SIGNAL
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, accepted_models, as_trained
from moetheory.claims.domains import Values
from moetheory.claims.quantities import (
    PERTURBED,
    Points,
    crossover_claim,
    dense_excess,
    direction,
    draw_direction,
    moe_excess,
    one_direction_model,
    uneven_model,
    weight_of,
)
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.order_changes import crossover


def _leaking(model: BlockModel, amplitude: float) -> BlockModel:
    """The model with leakage of an amplitude alpha."""
    return model.replace(leakage_variances=amplitude**2 * model.signal_variances)


def _given_and_leaking(amplitude: float) -> Points:
    """The points of a claim: the user's model, and that with leakage of an amplitude."""

    def points(model: BlockModel) -> Sequence[BlockModel]:
        leakages = (model.leakage_variances, amplitude**2 * model.signal_variances)
        models = accepted_models(lambda nu: model.replace(leakage_variances=nu), leakages)
        return list(dict.fromkeys(models))

    return points


def _amplitude_label(model: BlockModel) -> str:
    """The amplitude, or K if no single one leads to the leakage, as the name of a point."""
    signal, leakage = model.signal_variances, model.leakage_variances
    amplitude = math.sqrt(float(leakage.max()) / (float(signal.max()) or 1.0))
    if np.allclose(leakage, amplitude**2 * signal, rtol=1e-9, atol=0.0):
        return f"α={amplitude:.3g}"
    return f"K={model.experts}"


# --- what the mixture loses -----------------------------------------------------------------------


def _strict_excess_and_leaked_signal(model: BlockModel) -> float:
    """The MoE's excess risk with strict blocks plus the leaked signal outside the active block."""
    leaked = (1.0 - model.group_probabilities[model.block_of]) * model.leakage_variances
    strict = model.replace(leakage_variances=0.0)
    return moe_excess(strict) + float(leaked @ model.coefficients**2)


def _loss_identity(*, interfering: bool) -> Symbolic:
    """The MoE's excess risk with leakage, and with strict blocks plus the leaked signal."""
    one, strict = (direction(leaking=each, interfering=interfering) for each in (True, False))
    return one.claim(one.moe, strict.moe + (one.moment - one.active) * one.coefficient**2)


# --- the gap falls --------------------------------------------------------------------------------


def _falling_gap() -> Symbolic:
    """The gaps with leakage nu + u and nu, rearranged so that all signs are positive."""
    import sympy

    one, more = direction(leaking=True), sympy.Symbol("u", positive=True)
    dense, moe = (risk.subs(one.leakage, one.leakage + more) for risk in (one.dense, one.moe))

    return one.claim(
        dense + one.moe,
        one.dense + moe,
        draw=lambda rng: draw_direction(rng, "nu", "u"),
        model=_less_and_more_leakage,
    )


def _less_and_more_leakage(values: Values) -> Any:
    """Two models: with leakage nu, and with leakage nu + u."""
    return one_direction_model(values), one_direction_model(
        {**values, "nu": values["nu"] + values["u"]}
    )


def _sum_across(pair: Any, dense: int) -> float:
    """Dense's excess risk for model ``dense`` of two plus the MoE's for the other."""
    return dense_excess(pair[dense]) + moe_excess(pair[1 - dense])


def _full_leakage() -> Symbolic:
    """The risks of dense and MoE where nu = lambda."""
    one = direction(leaking=True)
    alike = {one.leakage: one.signal}

    def model(values: Values) -> BlockModel:
        return one_direction_model({**values, "nu": values["lambda_"]})

    return one.claim(one.dense.subs(alike), one.moe.subs(alike), model=model)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _crossover_amplitude(model: BlockModel) -> float:
    """The amplitude from which on dense is better; 0 if dense is never worse."""
    return crossover(Dense(), MoE(), model, over="leakage")


def _crossover_claim(factor: float) -> Claim:
    """The claim on which is better at ``factor`` times the amplitude of the crossover."""

    def points(model: BlockModel) -> Sequence[BlockModel]:
        end = _crossover_amplitude(model)
        return [_leaking(model, factor * end)] if 0.0 < end < math.inf else []

    return crossover_claim(factor, as_trained, points, _amplitude_label)


def _loss_claim(*, interfering: bool) -> Claim:
    """The claim of what the mixture loses by leakage, whatever else disturbs the features."""
    return Claim(
        name="MoE == MoE of strict blocks + sum (1-p) nu b^2",
        relation="==",
        left=moe_excess,
        right=_strict_excess_and_leaked_signal,
        symbolic=lambda: _loss_identity(interfering=interfering),
        weights=weight_of(MoE()),
        resolution=PERTURBED,
        control=1.01,
        points=_given_and_leaking(0.5),
        simulated=_given_and_leaking(0.5),
        label=_amplitude_label,
    )


THEOREM = Theorem(
    statement=(
        "When coordinates leak with variance nu while their block is inactive, the mixture's loss "
        "is graceful: it is what it does not see, linear in nu, so quadratic in the amplitude "
        "alpha, nu = alpha^2 lambda. Dense loses less by it: its disadvantage falls strictly with "
        "nu, in every direction with labels and p < 1, and has changed sign before alpha = 1. So "
        "there is one amplitude, below 1, beyond which the mixture is LESS robust than dense."
    ),
    latex=(
        r"R_{\mathrm{MoE}}(\alpha) = R_{\mathrm{MoE}}(0) + \alpha^2\sum_m(1-p)\lambda b^2,\quad "
        r"\frac{\partial}{\partial\nu}(R_{\mathrm{dense}} - R_{\mathrm{MoE}}) < 0,\quad "
        r"R_{\mathrm{dense}}(1) \le R_{\mathrm{MoE}}(1)"
    ),
    guarantee="identity; one crossover",
    source="docs/theory.md §2",
    assumptions=(SEVERAL_GROUPS, SOME_LABEL_SIGNAL, NO_INTERFERENCE),
    claims=(
        _loss_claim(interfering=False),
        Claim(
            name="dense(nu+u) + MoE(nu) <= dense(nu) + MoE(nu+u)",
            relation="<=",
            left=lambda pair: _sum_across(pair, dense=1),
            right=lambda pair: _sum_across(pair, dense=0),
            symbolic=_falling_gap,
            control=0.5,
            points=lambda model: (),
            simulated=lambda model: (),
        ),
        Claim(
            name="dense <= MoE at alpha = 1",
            relation="<=",
            left=dense_excess,
            right=moe_excess,
            symbolic=_full_leakage,
            control=0.5,
            points=lambda model: [_leaking(model, 1.0)],
            label=_amplitude_label,
        ),
        _crossover_claim(0.8),
        _crossover_claim(1.25),
    ),
    otherwise=(_loss_claim(interfering=True),),
    example=lambda: uneven_model(1.0),
)
