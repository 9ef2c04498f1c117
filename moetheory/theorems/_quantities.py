"""Quantities that theorems share: risks of a model, and one direction of them in symbols."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from moetheory.certificates import Symbolic, Values
from moetheory.estimators import Dense, MoE
from moetheory.evaluation import risk
from moetheory.gates import Hard
from moetheory.model import BlockModel
from moetheory.routers import routing_matrix

if TYPE_CHECKING:
    import sympy


def dense_excess(model: BlockModel) -> float:
    """Excess risk of the dense estimator."""
    return risk(Dense(), model).excess


def moe_excess(model: BlockModel) -> float:
    """Excess risk of the oracle-routed mixture."""
    return risk(MoE(), model).excess


@lru_cache(maxsize=64)
def misrouting(model: BlockModel) -> float:
    """How often the hard gate errs."""
    return routing_matrix(Hard(), model).misrouting


def louder(model: BlockModel, often: float) -> BlockModel:
    """With so much noise that it errs so often: a sample of rare errors holds none of them."""
    while misrouting(model) < often:
        model = model.replace(noise_variance=4.0 * model.noise_variance)
    return model


def log_uniform(rng: np.random.Generator, *names: str) -> dict[str, float]:
    """A random positive value, 0.01 to 100, for each name."""
    return {name: float(10.0 ** rng.uniform(-2.0, 2.0)) for name in names}


@dataclass(frozen=True, eq=False)
class Direction:
    """What one coordinate adds to dense and MoE excess risk, to their gap and to the bound.

    Risks are sums of such terms, so what holds for each direction holds for the risks.
    """

    dense: sympy.Expr
    moe: sympy.Expr
    gap: sympy.Expr
    bound: sympy.Expr
    null: sympy.Expr
    probability: sympy.Symbol
    leaking: bool

    def claim(self, left: sympy.Expr, right: sympy.Expr) -> Symbolic:
        """Two sides made of these terms, for models in which one direction alone has signal."""
        import sympy

        return Symbolic(
            left=left,
            right=right,
            domain={self.probability: 1 / (1 + sympy.Symbol("t", positive=True))},
            draw=self._draw,
            model=_one_direction,
        )

    def _draw(self, rng: np.random.Generator) -> dict[str, float]:
        names = ["lambda_", "b", "sigma2"] + ["nu"] * self.leaking
        return {"p": float(rng.uniform(0.01, 0.99)), **log_uniform(rng, *names)}


def direction(*, leaking: bool) -> Direction:
    """One direction in the symbols p, lambda_, b, sigma2 and, if leaking, nu."""
    import sympy

    p, lambda_, b, sigma2 = sympy.symbols("p lambda_ b sigma2", positive=True)
    nu = sympy.Symbol("nu", positive=True) if leaking else sympy.Integer(0)
    q = 1 - p
    h = p * lambda_ + q * nu
    filtered = p * sigma2**2 * (lambda_ - nu) ** 2 / ((h + sigma2) * (lambda_ + sigma2))
    return Direction(
        dense=b**2 * h * sigma2 / (h + sigma2),
        moe=b**2 * (p * lambda_ * sigma2 / (lambda_ + sigma2) + q * nu),
        gap=q * b**2 * (filtered - nu**2) / (nu + sigma2),
        bound=b**2 * (p * sigma2 + q * nu),
        null=b**2 * h,
        probability=p,
        leaking=leaking,
    )


def _one_direction(values: Values) -> BlockModel:
    """A model in which one coordinate alone has anything to predict."""
    p, nu = values["p"], values.get("nu", 0.0)
    return BlockModel(
        [p, 1.0 - p],
        [0, 1],
        [values["lambda_"], 1.0],
        [values["b"], 0.0],
        values["sigma2"],
        leakage_variances=[nu, 0.0],
    )
