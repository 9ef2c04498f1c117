r"""Ladders of assignments from MoE to dense: their rungs, and certificates about them.

The *ladder* of a model merges experts in pairs until one is left. What a direction adds to the risk
hangs on one number of the assignment, P: how often the expert is used that sees the direction.
Claims are about a rung, (model, estimator), or about a step from a finer assignment to a coarser
one, (model, estimator, estimator).
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from moetheory.claims.certificates import Symbolic
from moetheory.claims.domains import Values
from moetheory.claims.quantities import (
    Direction,
    direction,
    draw_direction,
    one_direction_model,
)
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    import sympy

Rung = tuple[BlockModel, Estimator]
Step = tuple[BlockModel, Estimator, Estimator]  # the finer assignment first


def ladder(model: BlockModel) -> tuple[Estimator, ...]:
    """The estimators of the model's ladder: MoE, experts of 2, 4, … groups, dense.

    >>> ladder(BlockModel.isotropic(5, 5, noise_variance=1.0))[1:3]
    (MoE(gate=Oracle(), ridge=0.0, assignment=(0, 0, 1, 1, 2)), \
MoE(gate=Oracle(), ridge=0.0, assignment=(0, 0, 0, 0, 1)))
    """
    return _ladder(model.experts)


@lru_cache(maxsize=8)
def _ladder(groups: int) -> tuple[Estimator, ...]:
    """The ladder of models with so many groups."""
    last = (groups - 1).bit_length()
    between = [MoE(assignment=tuple((np.arange(groups) >> j).tolist())) for j in range(1, last)]
    return (MoE(), *between, *([Dense()] if last else []))


def middle(model: BlockModel) -> Estimator:
    """The estimator in the middle of the model's ladder."""
    estimators = ladder(model)
    return estimators[len(estimators) // 2]


@lru_cache(maxsize=32)
def tightest_step(model: BlockModel) -> Step:
    """The step of the model's ladder that raises the risk by the smallest factor."""
    steps = list(itertools.pairwise(ladder(model)))
    shares = [
        risk(finer, model).excess / (risk(coarser, model).excess or 1.0) for finer, coarser in steps
    ]
    finer, coarser = steps[int(np.argmax(shares))]
    return model, finer, coarser


# --- certificates: one direction ------------------------------------------------------------------


def _met(one: Direction, used: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """The signal and the noise of the direction while its expert is used, times P."""
    idle = used - one.probability
    return one.active + idle * one.leakage, used * one.noise + idle * one.interference


def _served(one: Direction, used: sympy.Expr) -> sympy.Expr:
    """The term of a rung in closed form, by the parallel sum of what its expert meets."""
    signal, noise = _met(one, used)
    return one.coefficient**2 * (signal * noise / (signal + noise) + (1 - used) * one.leakage)


def _fitted(one: Direction, used: sympy.Expr) -> sympy.Expr:
    """The risk of the best coefficient, case by case: block active, inactive, not seen."""
    b, idle = one.coefficient, used - one.probability
    signal, noise = _met(one, used)
    fit = b * signal / (signal + noise)
    active = one.signal * (b - fit) ** 2 + one.noise * fit**2
    inactive = one.leakage * (b - fit) ** 2 + (one.noise + one.interference) * fit**2
    return one.probability * active + idle * inactive + (1 - used) * one.leakage * b**2


def rung_risk(*, leaking: bool) -> Symbolic:
    """The risk of the best coefficient of a rung, and its closed form."""
    one, used = _rung_symbols(leaking)
    return _about_rungs(one, _fitted(one, used), _served(one, used))


def end_risk(*, dense: bool) -> Symbolic:
    """The risk of dense or MoE, and the closed form of a rung at the end of the ladder."""
    import sympy

    one = direction(leaking=False, interfering=True)
    if dense:
        return one.claim(one.dense, _served(one, sympy.Integer(1)))
    return one.claim(one.moe, _served(one, one.probability))


def sharing_cost(*, leaking: bool) -> Symbolic:
    """The difference of a rung and MoE, and what sharing experts costs, in positive form."""
    one, used = _rung_symbols(leaking)
    others, idle_noise = used - one.probability, one.noise + one.interference
    alone, idle = one.probability * (one.signal + one.noise), one.leakage + idle_noise
    contrast = one.signal * idle_noise - one.leakage * one.noise
    spread = one.probability * contrast**2 / ((one.signal + one.noise) * idle)
    cost = spread / (alone + others * idle) - one.leakage**2 / idle
    return _about_rungs(one, _served(one, used) - one.moe, others * one.coefficient**2 * cost)


def _rung_symbols(leaking: bool) -> tuple[Direction, sympy.Symbol]:
    """A direction with interference, and P."""
    import sympy

    return direction(leaking=leaking, interfering=True), sympy.Symbol("P", positive=True)


def _about_rungs(one: Direction, left: sympy.Expr, right: sympy.Expr) -> Symbolic:
    """A claim about a rung of any ladder: any P from p to 1."""

    def draw(rng: np.random.Generator) -> dict[str, float]:
        values = draw_direction(rng, *one.more_symbols)
        return {**values, "P": float(rng.uniform(values["p"], 1.0))}

    def point(values: Values) -> Rung:
        used = values["P"]
        groups = one_direction_model(values, [used - values["p"], 1.0 - used])
        return groups, MoE(assignment=(0, 0, 1))

    return one.claim(left, right, draw=draw, model=point)


def step_order() -> Symbolic:
    """The risks of the finer and the coarser assignment of any step in strict blocks."""
    one, used, used_more = _step_symbols()
    return _about_steps(one, _served(one, used), _served(one, used_more))


def step_difference() -> Symbolic:
    """The difference of the risks of a step in strict blocks, and its positive form."""
    one, used, used_more = _step_symbols()
    met = [sum(_met(one, each)) for each in (used, used_more)]
    idle_noise = one.noise + one.interference
    cost = one.active**2 * idle_noise * (used_more - used) / (met[0] * met[1])
    difference = _served(one, used_more) - _served(one, used)
    return _about_steps(one, difference, one.coefficient**2 * cost)


def _step_symbols() -> tuple[Direction, sympy.Symbol, sympy.Symbol]:
    """A direction in strict blocks, and P of the finer and of the coarser assignment."""
    import sympy

    return direction(leaking=False, interfering=True), *sympy.symbols("P P_coarser", positive=True)


def _about_steps(one: Direction, left: sympy.Expr, right: sympy.Expr) -> Symbolic:
    """A claim about any step: P of the finer assignment from p on, of the coarser from this on."""
    import sympy

    _, used, used_more = _step_symbols()
    t, u = sympy.symbols("t u", positive=True)

    def draw(rng: np.random.Generator) -> dict[str, float]:
        values = draw_direction(rng, *one.more_symbols)
        finer, coarser = np.sort(rng.uniform(values["p"], 1.0, 2)).tolist()
        return {**values, "P": finer, "P_coarser": coarser}

    def point(values: Values) -> Step:
        finer, coarser = values["P"], values["P_coarser"]
        groups = one_direction_model(values, [finer - values["p"], coarser - finer, 1.0 - coarser])
        return groups, MoE(assignment=(0, 0, 1, 2)), MoE(assignment=(0, 0, 0, 1))

    return one.claim(
        left,
        right,
        scope="any strict model",
        domain={used: one.probability + t, used_more: one.probability + t + u},
        draw=draw,
        model=point,
    )
