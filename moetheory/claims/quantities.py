"""Quantities that several theorems share: risks of a model, and one direction in symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Side, Under
from moetheory.claims.domains import Values
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.gates import Hard
from moetheory.problem.model import BlockModel
from moetheory.theory.gate_risks import routing_matrix
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    import sympy

Points = Callable[[BlockModel], Sequence[BlockModel]]

PERTURBED = 0.025  # resolution of simulations under a perturbation: there are many of them


def dense_excess(model: BlockModel) -> float:
    """Excess risk of the dense estimator."""
    return risk(Dense(), model).excess


def moe_excess(model: BlockModel) -> float:
    """Excess risk of the oracle-routed mixture."""
    return risk(MoE(), model).excess


def excess_under(estimator: Estimator, under: Under) -> Side:
    """Excess risk of an estimator under the perturbation ``under(model)``, as a side of a claim."""
    return lambda model: risk(estimator, model, under=under(model)).excess


def weight_of(estimator: Estimator) -> Callable[[BlockModel], Sequence[float]]:
    """The ``weights`` of a `Claim` whose left side is the risk of one estimator, dense or MoE."""
    weights = (1.0, 0.0) if isinstance(estimator, Dense) else (0.0, 1.0)
    return lambda model: weights


def ordering_claim(
    name: str, left: Estimator, right: Estimator, under: Under, control: float, **more: Any
) -> Claim:
    """The claim that ``left`` has no larger excess risk than ``right`` under a perturbation."""
    return Claim(
        name=name,
        relation="<=",
        left=excess_under(left, under),
        right=excess_under(right, under),
        weights=weight_of(left),
        under=under,
        resolution=PERTURBED,
        control=control,
        **more,
    )


def claim_about(model: BlockModel, **claim: Any) -> Claim:
    """A claim that is evaluated at ``model``, whatever model the user checks."""

    def points(_: BlockModel) -> Sequence[BlockModel]:
        return (model,)

    return Claim(points=points, simulated=points, fixed=True, **claim)


def crossover_claim(
    factor: float, under: Under, points: Points, label: Callable[[BlockModel], str], what: str = ""
) -> Claim:
    """The claim that MoE is better before a crossover (``factor`` < 1) and dense beyond it."""
    name, left, right = (
        ("MoE <= dense", MoE(), Dense()) if factor < 1.0 else ("dense <= MoE", Dense(), MoE())
    )
    return ordering_claim(
        f"{name} at {factor:g} of the crossover{what}",
        left,
        right,
        under,
        control=0.8,
        points=points,
        simulated=points,
        condition="a crossover",
        label=label,
    )


@lru_cache(maxsize=64)
def misrouting(model: BlockModel) -> float:
    """The misrouting probability of the hard gate."""
    return routing_matrix(Hard(), model).misrouting


def with_more_noise(model: BlockModel, least_misrouting: float) -> BlockModel:
    """The model with its noise raised until the hard gate errs at rate ``least_misrouting``.

    A sample in which routing errors are rare would hold none of them.
    """
    while misrouting(model) < least_misrouting:
        model = model.replace(noise_variance=4.0 * model.noise_variance)
    return model


def uneven_model(
    noise_variance: float, sizes: tuple[int, int, int] = (2, 3, 5), **more: Any
) -> BlockModel:
    """A model with unequal sizes, probabilities, variances and coefficients in three blocks.

    ``more`` are further arguments of `BlockModel`.
    """
    ranks = np.arange(1.0, sum(sizes) + 1.0)
    return BlockModel(
        [0.2, 0.3, 0.5],
        np.repeat([0, 1, 2], sizes),
        3.0 / ranks,
        np.cos(ranks),
        noise_variance,
        **more,
    )


def log_uniform(rng: np.random.Generator, *names: str) -> dict[str, float]:
    """A random positive value, 0.01 to 100, for each name."""
    return {name: float(10.0 ** rng.uniform(-2.0, 2.0)) for name in names}


def noise_of(model: BlockModel) -> float:
    """The noise variance of a model that has one for all coordinates."""
    assert isinstance(model.noise_variance, float)
    return model.noise_variance


def draw_direction(rng: np.random.Generator, *more: str) -> dict[str, float]:
    """Random values of the symbols of a direction in strict blocks, and of ``more`` symbols."""
    p = float(rng.uniform(0.01, 0.99))
    return {"p": p, **log_uniform(rng, "lambda_", "b", "sigma2", *more)}


@dataclass(frozen=True, eq=False)
class Direction:
    """The terms of one coordinate in the sums of theory.md §2, as SymPy expressions.

    Risks are sums of such terms: an identity or inequality of every direction's terms is one of
    the risks. `direction` makes the terms.

    Attributes
    ----------
    dense, moe, gap, bound, null : sympy.Expr
        Terms of the excess risks of dense and MoE, of their difference, of `moe_bound` and of
        the risk of predicting zero.
    dense_fit, moe_fit : sympy.Expr
        Optimal coefficients of dense and MoE.
    moment, active : sympy.Expr
        h = pλ + (1-p)ν, and pλ, the part of h while the block is active.
    coefficient, signal, leakage, noise, interference, probability : sympy.Symbol
        b, λ, ν (0 without leakage), σ², κ (0 without interference) and p.
    leaking, interfering : bool
        Whether ν and κ are symbols.
    """

    dense: sympy.Expr
    moe: sympy.Expr
    gap: sympy.Expr
    bound: sympy.Expr
    null: sympy.Expr
    dense_fit: sympy.Expr
    moe_fit: sympy.Expr
    moment: sympy.Expr
    active: sympy.Expr
    coefficient: sympy.Symbol
    signal: sympy.Symbol
    leakage: sympy.Expr
    noise: sympy.Symbol
    interference: sympy.Expr
    probability: sympy.Symbol
    leaking: bool
    interfering: bool

    @property
    def more_symbols(self) -> list[str]:
        """The names of the symbols of leakage and interference, if any."""
        return ["nu"] * self.leaking + ["kappa"] * self.interfering

    def claim(
        self,
        left: sympy.Expr,
        right: sympy.Expr,
        *,
        scope: str = "",
        domain: Mapping[sympy.Symbol, sympy.Expr] | None = None,
        draw: Callable[[np.random.Generator], dict[str, float]] | None = None,
        model: Callable[[Values], Any] | None = None,
    ) -> Symbolic:
        """Two sides made of these terms, as the symbolic form of a claim.

        The random models are those in which one direction alone has labels: all of them, unless
        ``domain`` and ``draw`` restrict the values of the symbols. The risks of any model are
        sums of such terms, so that the ``scope`` is by default any model (with strict blocks,
        unless the direction leaks, and without interference, unless it interferes). With a
        ``domain`` of its own a claim must say its scope.
        """
        import sympy

        if domain is not None and not scope:
            raise ValueError("a claim with a domain of its own must say its scope, got none")
        return Symbolic(
            left=left,
            right=right,
            scope=scope or self._scope,
            domain=domain or {self.probability: 1 / (1 + sympy.Symbol("t", positive=True))},
            draw=draw or (lambda rng: draw_direction(rng, *self.more_symbols)),
            model=model or one_direction_model,
            covers=lambda given: (
                (self.leaking or given.strict) and (self.interfering or not given.interferes)
            ),
        )

    @property
    def _scope(self) -> str:
        """The models whose risks are sums of such terms, in words."""
        models = "any model" if self.leaking else "any strict model"
        return models if self.interfering else f"{models} without interference"

    def noise_gains(self) -> tuple[sympy.Expr, sympy.Expr]:
        """The noise gains N of dense and MoE: the risk that a unit of test noise adds."""
        return self.dense_fit**2, self.probability * self.moe_fit**2

    def at_noise(self, noise: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """The terms of dense and MoE excess risk with the noise variance ``noise`` at test time."""
        b, active, unseen = self.coefficient, self.active, self.moment - self.active
        noise_gains = self.noise_gains()
        idle = (1 - self.probability) * self.interference
        dense = self.moment * (b - self.dense_fit) ** 2 + (noise + idle) * noise_gains[0]
        moe = active * (b - self.moe_fit) ** 2 + unseen * b**2 + noise * noise_gains[1]
        return dense, moe


def direction(*, leaking: bool, interfering: bool = False) -> Direction:
    """The terms of one direction in the symbols p, lambda_, b, sigma2 and, if any, nu and kappa."""
    import sympy

    p, lambda_, b, sigma2 = sympy.symbols("p lambda_ b sigma2", positive=True)
    nu = sympy.Symbol("nu", positive=True) if leaking else sympy.Integer(0)
    kappa = sympy.Symbol("kappa", positive=True) if interfering else sympy.Integer(0)
    q = 1 - p
    h, idle, noise = p * lambda_ + q * nu, sigma2 + kappa, sigma2 + q * kappa
    filtered = p * (lambda_ * idle - nu * sigma2) ** 2 / ((h + noise) * (lambda_ + sigma2))
    return Direction(
        dense=b**2 * h * noise / (h + noise),
        moe=b**2 * (p * lambda_ * sigma2 / (lambda_ + sigma2) + q * nu),
        gap=q * b**2 * (filtered - nu**2) / (nu + idle),
        bound=b**2 * (p * sigma2 + q * nu),
        null=b**2 * h,
        dense_fit=b * h / (h + noise),
        moe_fit=b * lambda_ / (lambda_ + sigma2),
        moment=h,
        active=p * lambda_,
        coefficient=b,
        signal=lambda_,
        leakage=nu,
        noise=sigma2,
        interference=kappa,
        probability=p,
        leaking=leaking,
        interfering=interfering,
    )


def one_direction_model(values: Values, others: Sequence[float] | None = None) -> BlockModel:
    """A model in which one coordinate alone has anything to predict.

    ``others`` are the probabilities of the groups without labels, of which there is one if they
    are not given.
    """
    shares = [values["p"], *([1.0 - values["p"]] if others is None else others)]
    zeros = [0.0] * (len(shares) - 1)
    return BlockModel(
        shares,
        range(len(shares)),
        [values["lambda_"], *(1.0 for _ in zeros)],
        [values["b"], *zeros],
        values["sigma2"],
        leakage_variances=[values.get("nu", 0.0), *zeros],
        interference_variances=[values.get("kappa", 0.0), *zeros],
    )
