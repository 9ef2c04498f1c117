"""Who contracts faster: in one direction at a common step, and over all at its own best one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim
from moetheory.claims.gradient_descent import TrainedEstimator, lone_direction
from moetheory.claims.quantities import about, direction, log_uniform
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import descent


def contraction(steeper: TrainedEstimator, flatter: TrainedEstimator) -> tuple[Claim, Claim, Claim]:
    r"""Which of two contracts faster in a direction, on both sides of the threshold.

    With curvatures :math:`H_1 > H_2` the steeper one does for :math:`a < 2/(H_1+H_2)`, and the
    flatter one from there to :math:`2/H_1`, beyond which the steeper one diverges.
    """
    return (
        _faster(steeper, flatter, "a <= 1/H_max", lambda h1, h2, u: 1 / h1 / (1 + u)),
        _faster(
            steeper, flatter, "a below the threshold", lambda h1, h2, u: 2 / (h1 + h2) / (1 + u)
        ),
        _faster(flatter, steeper, "a above it", lambda h2, h1, u: 2 / (h1 + h2 / (1 + u))),
    )


def _faster(
    faster: TrainedEstimator,
    slower: TrainedEstimator,
    where: str,
    steps: Callable[[Any, Any, Any], Any],
) -> Claim:
    """What a step leaves of one direction, for all sizes ``steps(faster's H, slower's, u > 0)``."""

    def symbolic() -> Symbolic:
        import sympy

        one, u = direction(leaking=False), sympy.Symbol("u", positive=True)
        given = one.probability, one.signal, one.noise
        fast, slow = (learner.curvature(*given) for learner in (faster, slower))
        a = steps(fast, slow, u)
        step = sympy.lambdify((*given, u), a)

        def draw(rng: np.random.Generator) -> dict[str, float]:
            values = log_uniform(rng, "lambda_", "sigma2", "u")
            return {"p": float(rng.uniform(0.01, 0.99)), **values}

        def model(values: Values) -> Any:
            size = step(*(values[name] for name in ("p", "lambda_", "sigma2", "u")))
            return lone_direction({**values, "b": 1.0}), float(size)

        return one.claim((1 - a * fast) ** 2, (1 - a * slow) ** 2, draw=draw, model=model)

    return Claim(
        name=f"{faster.name} <= {slower.name}: factor of a direction, {where}",
        relation="<=",
        left=lambda pair: _share_left(faster, pair),
        right=lambda pair: _share_left(slower, pair),
        symbolic=symbolic,
        control=0.5,
        points=lambda model: (),
        simulated=lambda model: (),
    )


def _share_left(learner: TrainedEstimator, pair: Any) -> float:
    model, size = pair
    path = descent(learner.estimator, model, [0, 1], step_size=size, training=learner.training)
    return float(path.remaining[1] / path.remaining[0])


def best_step(
    faster: TrainedEstimator, slower: TrainedEstimator, model: BlockModel, what: str, **more: Any
) -> Claim:
    """Who contracts faster at its own best step, for a model that says something."""
    return about(
        model,
        name=f"{faster.name} <= {slower.name}: factor at own best step, {what}",
        relation="<=",
        left=faster.factor,
        right=slower.factor,
        **{"control": 0.5, **more},
    )


def alike() -> BlockModel:
    """Blocks with the same spectrum, of which dense sees the half and the same noise."""
    return BlockModel([0.5, 0.5], [0, 0, 1, 1], [4.0, 1.0, 4.0, 1.0], np.ones(4), 1.0)


def same_spectra() -> Symbolic:
    """Factors at own best steps, of dense and of experts: K blocks with two directions each."""
    import sympy

    p, low, more, noise = sympy.symbols("p low more sigma2", positive=True)

    def factor(share: Any) -> Any:
        return share * more / (share * (2 * low + more) + 2 * noise)

    return Symbolic(
        left=factor(p),
        right=factor(1),
        domain={p: 1 / (1 + sympy.Symbol("t", positive=True))},
        draw=_spectrum,
        model=_repeated,
    )


def opposite() -> Symbolic:
    """The false claim that experts never contract more slowly."""
    claim = same_spectra()
    return replace(claim, left=claim.right, right=claim.left)


def _spectrum(rng: np.random.Generator) -> dict[str, float]:
    return {"p": 1.0 / int(rng.integers(2, 6)), **log_uniform(rng, "low", "more", "sigma2")}


def _repeated(values: Values) -> BlockModel:
    experts = round(1.0 / values["p"])
    spectrum = [values["low"], values["low"] + values["more"]]
    return BlockModel(
        np.full(experts, 1.0 / experts),
        np.repeat(np.arange(experts), 2),
        np.tile(spectrum, experts),
        np.ones(2 * experts),
        values["sigma2"],
    )
