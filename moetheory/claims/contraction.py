"""Claims on contraction factors: in one direction at a common step, and at own best steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim
from moetheory.claims.domains import Values
from moetheory.claims.gradient_descent import TrainedEstimator, steepest_direction_model
from moetheory.claims.quantities import claim_about, direction, log_uniform
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import descent


def contraction_claims(
    steeper: TrainedEstimator, flatter: TrainedEstimator
) -> tuple[Claim, Claim, Claim]:
    r"""Claims on which of two learners contracts faster in a direction, for every step size.

    With curvatures :math:`H_1 > H_2` the steeper learner contracts faster for
    :math:`a < 2/(H_1+H_2)`. The flatter one does from there to :math:`a = 2/H_1`, beyond which
    the steeper one diverges.
    """
    return (
        _factor_claim(steeper, flatter, "a <= 1/H_max", lambda h1, h2, u: 1 / h1 / (1 + u)),
        _factor_claim(
            steeper, flatter, "a below the threshold", lambda h1, h2, u: 2 / (h1 + h2) / (1 + u)
        ),
        _factor_claim(flatter, steeper, "a above it", lambda h2, h1, u: 2 / (h1 + h2 / (1 + u))),
    )


def _factor_claim(
    faster: TrainedEstimator,
    slower: TrainedEstimator,
    where: str,
    step_size_of: Callable[[Any, Any, Any], Any],
) -> Claim:
    """The claim that one step leaves less of a direction with ``faster`` than with ``slower``.

    The step sizes are ``step_size_of(H of faster, H of slower, u)`` for all u > 0.
    """

    def symbolic() -> Symbolic:
        import sympy

        one, u = direction(leaking=False), sympy.Symbol("u", positive=True)
        given = one.probability, one.signal, one.noise
        fast, slow = (learner.curvature(*given) for learner in (faster, slower))
        a = step_size_of(fast, slow, u)
        step = sympy.lambdify((*given, u), a, "math")

        def draw(rng: np.random.Generator) -> dict[str, float]:
            values = log_uniform(rng, "lambda_", "sigma2", "u")
            return {"p": float(rng.uniform(0.01, 0.99)), **values}

        def model(values: Values) -> Any:
            size = step(*(values[name] for name in ("p", "lambda_", "sigma2", "u")))
            return steepest_direction_model({**values, "b": 1.0}), float(size)

        sides = (1 - a * fast) ** 2, (1 - a * slow) ** 2
        return one.claim(*sides, scope="any direction and step", draw=draw, model=model)

    return Claim(
        name=f"{faster.name} <= {slower.name}: factor of a direction, {where}",
        relation="<=",
        left=lambda model_and_step: _remaining_share(faster, model_and_step),
        right=lambda model_and_step: _remaining_share(slower, model_and_step),
        symbolic=symbolic,
        control=0.5,
        points=lambda model: (),
        simulated=lambda model: (),
    )


def _remaining_share(learner: TrainedEstimator, model_and_step: Any) -> float:
    """The share of the initial excess above the limit that one step leaves."""
    model, size = model_and_step
    path = descent(learner.estimator, model, [0, 1], step_size=size, training=learner.training)
    return float(path.remaining[1] / path.remaining[0])


def best_step_claim(
    faster: TrainedEstimator, slower: TrainedEstimator, model: BlockModel, what: str, **more: Any
) -> Claim:
    """The claim that ``faster`` contracts faster than ``slower``, each at its own best step."""
    return claim_about(
        model,
        name=f"{faster.name} <= {slower.name}: factor at own best step, {what}",
        relation="<=",
        left=faster.factor,
        right=slower.factor,
        **{"control": 0.5, **more},
    )


def same_spectra_model() -> BlockModel:
    """A model of two equal blocks: dense sees half of the signal and all of the noise."""
    return BlockModel([0.5, 0.5], [0, 0, 1, 1], [4.0, 1.0, 4.0, 1.0], np.ones(4), 1.0)


def best_factors() -> Symbolic:
    """Contraction factors of dense and experts at own best steps: K blocks of one spectrum."""
    import sympy

    p, low, more, noise = sympy.symbols("p low more sigma2", positive=True)

    def factor(share: Any) -> Any:
        return share * more / (share * (2 * low + more) + 2 * noise)

    return Symbolic(
        left=factor(p),
        right=factor(1),
        scope="equal blocks and groups, any spectrum",
        domain={p: 1 / (1 + sympy.Symbol("t", positive=True))},
        draw=_draw_spectrum,
        model=_model_of_spectrum,
    )


def reversed_best_factors() -> Symbolic:
    """A false claim: experts never contract more slowly at their own best step."""
    claim = best_factors()
    return replace(claim, left=claim.right, right=claim.left)


def _draw_spectrum(rng: np.random.Generator) -> dict[str, float]:
    """Random values of p = 1/K, of the eigenvalues low to low + more, and of sigma2."""
    inner = float(rng.uniform(0.0, 1.0))  # where another eigenvalue lies between them
    values = log_uniform(rng, "low", "more", "sigma2")
    # sums of these keep the digits of each
    values["more"] *= values["low"]
    values["sigma2"] *= values["more"]
    return {"p": 1.0 / int(rng.integers(2, 6)), "inner": inner, **values}


def _model_of_spectrum(values: Values) -> BlockModel:
    """The model of K equal blocks with eigenvalues from low to low + more."""
    experts = round(1.0 / values["p"])
    shares = np.array([0.0, values["inner"], 1.0])
    return BlockModel(
        np.full(experts, 1.0 / experts),
        np.repeat(np.arange(experts), len(shares)),
        np.tile(values["low"] + shares * values["more"], experts),
        np.ones(experts * len(shares)),
        values["sigma2"],
    )
