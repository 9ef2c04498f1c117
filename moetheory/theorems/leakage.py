"""Blocks that overlap: the MoE does not see what leaks, and beyond some overlap dense is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Theorem, as_trained
from moetheory.claims.quantities import (
    PERTURBED,
    Points,
    alone,
    beside,
    dense_excess,
    direction,
    log_uniform,
    moe_excess,
    one_direction,
    uneven,
)
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.crossovers import crossover


def _leaking(model: BlockModel, overlap: float) -> BlockModel:
    return model.replace(leakage_variances=overlap**2 * model.signal_variances)


def _own_and(overlap: float) -> Points:
    def points(model: BlockModel) -> Sequence[BlockModel]:
        return list(dict.fromkeys([model, _leaking(model, overlap)]))

    return points


def _label(model: BlockModel) -> str:
    """The overlap, if there is one that leads to this leakage."""
    signal, leakage = model.signal_variances, model.leakage_variances
    overlap = math.sqrt(float(leakage.max()) / (float(signal.max()) or 1.0))
    if np.allclose(leakage, overlap**2 * signal, rtol=1e-9, atol=0.0):
        return f"α={overlap:.3g}"
    return f"K={model.experts}"


# --- what the mixture loses -----------------------------------------------------------------------


def _strict_and_unseen(model: BlockModel) -> float:
    unseen = (1.0 - model.group_probabilities[model.block_of]) * model.leakage_variances
    strict = model.replace(leakage_variances=0.0)
    return moe_excess(strict) + float(unseen @ model.coefficients**2)


def _loss() -> Symbolic:
    one, strict = direction(leaking=True), direction(leaking=False)
    return one.claim(one.moe, strict.moe + (one.moment - one.active) * one.coefficient**2)


# --- the gap falls --------------------------------------------------------------------------------


def _falling() -> Symbolic:
    """Leakage nu + u against leakage nu; the gaps with all signs positive."""
    import sympy

    one, more = direction(leaking=True), sympy.Symbol("u", positive=True)
    dense, moe = (risk.subs(one.leakage, one.leakage + more) for risk in (one.dense, one.moe))

    def draw(rng: np.random.Generator) -> dict[str, float]:
        names = ("lambda_", "b", "sigma2", "nu", "u")
        return {"p": float(rng.uniform(0.01, 0.99)), **log_uniform(rng, *names)}

    return one.claim(dense + one.moe, one.dense + moe, draw=draw, model=_more)


def _more(values: Values) -> Any:
    """Both models: with leakage nu, and with u more."""
    return one_direction(values), one_direction({**values, "nu": values["nu"] + values["u"]})


def _across(pair: Any, dense: int) -> float:
    """Dense for one of two models, the mixture for the other."""
    return dense_excess(pair[dense]) + moe_excess(pair[1 - dense])


def _all_leaks() -> Symbolic:
    one = direction(leaking=True)
    alike = {one.leakage: one.signal}

    def model(values: Values) -> BlockModel:
        return one_direction({**values, "nu": values["lambda_"]})

    return one.claim(one.dense.subs(alike), one.moe.subs(alike), model=model)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _end(model: BlockModel) -> float:
    """The overlap from which on dense is better; 0 if it is never worse."""
    return crossover(Dense(), MoE(), model, over="leakage")


def _beside(factor: float) -> Claim:
    def points(model: BlockModel) -> Sequence[BlockModel]:
        end = _end(model)
        return [_leaking(model, factor * end)] if 0.0 < end < math.inf else []

    return beside(factor, as_trained, points, _label)


THEOREM = Theorem(
    statement=(
        "When coordinates leak with variance nu while their block is inactive, the mixture's loss "
        "is graceful: it is what it does not see, linear in nu, so quadratic in the overlap "
        "alpha, nu = alpha^2 lambda. Dense loses less by it: its disadvantage falls strictly with "
        "nu, in every direction, and has changed sign before alpha = 1. So there is one "
        "overlap, below 1, beyond which the mixture is LESS robust than dense."
    ),
    latex=(
        r"R_{\mathrm{MoE}}(\alpha) = R_{\mathrm{MoE}}(0) + \alpha^2\sum_m(1-p)\lambda b^2,\quad "
        r"\frac{\partial}{\partial\nu}(R_{\mathrm{dense}} - R_{\mathrm{MoE}}) < 0,\quad "
        r"R_{\mathrm{dense}}(1) \le R_{\mathrm{MoE}}(1)"
    ),
    guarantee="identity; one crossover",
    source="docs/theory.md §2",
    assumptions=(),
    claims=(
        Claim(
            name="MoE == MoE of strict blocks + sum (1-p) nu b^2",
            relation="==",
            left=moe_excess,
            right=_strict_and_unseen,
            symbolic=_loss,
            weights=alone(MoE()),
            resolution=PERTURBED,
            control=1.01,
            points=_own_and(0.5),
            simulated=_own_and(0.5),
            label=_label,
        ),
        Claim(
            name="dense(nu+u) + MoE(nu) <= dense(nu) + MoE(nu+u)",
            relation="<=",
            left=lambda pair: _across(pair, dense=1),
            right=lambda pair: _across(pair, dense=0),
            symbolic=_falling,
            control=0.5,
            points=lambda model: (),
            simulated=lambda model: (),
        ),
        Claim(
            name="dense <= MoE at alpha = 1",
            relation="<=",
            left=dense_excess,
            right=moe_excess,
            symbolic=_all_leaks,
            control=0.5,
            points=lambda model: [_leaking(model, 1.0)],
            label=_label,
        ),
        _beside(0.8),
        _beside(1.25),
    ),
    example=lambda: uneven(1.0),
)
