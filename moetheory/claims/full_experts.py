"""Certificates about full experts, which know the group and see all coordinates.

They are about any risk that equals theirs: ``risk`` is the term of one direction in it, an
expression in the symbols of `full_direction`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from moetheory.claims.certificates import Symbolic
from moetheory.claims.quantities import Direction, direction, draw_direction, uneven_model
from moetheory.claims.rational_functions import evaluate
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy


def leaking_example() -> BlockModel:
    """A model with leakage and interference, all of it unequal."""
    ranks = np.arange(1.0, 11.0)
    return uneven_model(
        0.5, leakage_variances=0.4 / ranks, interference_variances=0.3 + np.sin(ranks) ** 2
    )


def leaking(model: BlockModel) -> list[BlockModel]:
    """The user's model if it leaks, as the points of a claim."""
    return [] if model.strict else [model]


# --- certificates: one direction ------------------------------------------------------------------


def full_direction() -> tuple[Direction, sympy.Expr]:
    """A direction with leakage and interference, and the term of full experts."""
    one = direction(leaking=True, interfering=True)
    b, q, idle = one.coefficient, 1 - one.probability, _idle_noise(one)
    active = one.active * one.noise / (one.signal + one.noise)
    return one, b**2 * (active + q * one.leakage * idle / (one.leakage + idle))


def _idle_noise(one: Direction) -> sympy.Expr:
    """The noise of the coordinate while its block is inactive."""
    return one.noise + one.interference


def below_dense(one: Direction, risk: sympy.Expr) -> list[Symbolic]:
    r"""The claim that ``risk`` is not above dense, in two cases that cover any model.

    The ratio of signal to noise is larger while the block is active, :math:`\lambda/n \ge
    \nu/(n+\kappa)`, or while it is not.
    """
    import sympy

    u, idle, both = sympy.Symbol("u", positive=True), _idle_noise(one), one.claim(risk, one.dense)

    def case(larger: sympy.Symbol, value: sympy.Expr) -> Symbolic:
        def draw(rng: np.random.Generator) -> dict[str, float]:
            values = draw_direction(rng, "nu", "kappa", "u")
            return {**values, str(larger): float(evaluate(value, values))}

        return replace(both, domain={**both.substitutions, larger: value}, draw=draw)

    return [
        case(one.signal, one.leakage * one.noise / idle + u),
        case(one.leakage, one.signal * idle / one.noise + u),
    ]


def below_dense_by_noise(one: Direction, risk: sympy.Expr) -> Symbolic:
    """The claim that dense minus ``risk`` is the `filtered_noise`."""
    p, b, q, idle = one.probability, one.coefficient, 1 - one.probability, _idle_noise(one)
    contrast = one.signal * idle - one.leakage * one.noise
    mean = one.moment + one.noise + q * one.interference
    both = (one.signal + one.noise) * (one.leakage + idle)
    return one.claim(one.dense - risk, b**2 * p * q * contrast**2 / (mean * both))


def below_moe_by_leakage(one: Direction, risk: sympy.Expr) -> Symbolic:
    """The claim that MoE minus ``risk`` is the `unseen_signal`."""
    unseen = one.leakage**2 / (one.leakage + _idle_noise(one))
    return one.claim(one.moe - risk, (1 - one.probability) * one.coefficient**2 * unseen)
