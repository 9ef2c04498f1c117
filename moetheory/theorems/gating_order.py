"""Of all gates the posterior loses least; one that picks an expert may lose to dense."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.claims.assumptions import SEVERAL_GROUPS, SOME_LABELS, SOME_NOISE, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Outcome, Setting, Theorem
from moetheory.claims.quantities import dense_excess, louder, moe_excess
from moetheory.claims.training_sets import estimate_outcome, one_sided
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.gates import Hard, Soft, TopK
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate
from moetheory.simulation import simulate
from moetheory.simulation.methods.route import Method
from moetheory.theory.crossovers import crossover
from moetheory.theory.risks import risk

SOFT, HARD = MoE(gate=Soft()), MoE(gate=Hard())
TEMPERED = (Soft(0.5), Soft(2.0))
RESOLUTION = 0.02
RARE_GROUPS = 0.01  # all groups but one together: too few to learn of from samples
INPUTS = 500_000
MOST_NUMBERS = 10**9  # that a simulation may draw when replicates is not given


@lru_cache(maxsize=16)
def _soft(model: BlockModel) -> float:
    return risk(SOFT, model).excess


@lru_cache(maxsize=16)
def _hard(model: BlockModel) -> float:
    return risk(HARD, model).excess


@lru_cache(maxsize=8)
def _simulated(
    estimators: tuple[Estimator, ...],
    model: BlockModel,
    replicates: int,
    entropy: int,
    method: Method,
) -> Any:
    clean = model.replace(label_noise_variance=0.0)
    return simulate(estimators, clean, method=method, replicates=replicates, rng=entropy)


def _inputs(model: BlockModel, setting: Setting) -> int:
    return setting.replicates or max(2, min(INPUTS, MOST_NUMBERS // model.dim))


def _measured(
    estimators: tuple[Estimator, ...],
    expected: Callable[[BlockModel], float],
    method: Method,
    relative_to: str = "left",
) -> Callable[[BlockModel, Setting], Outcome]:
    """The last estimator's excess risk, less that of the first if there are two, as expected."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        found = _simulated(estimators, model, _inputs(model, setting), setting.entropy, method)
        estimate: Estimate = found.difference(1, 0) if len(estimators) == 2 else found[0]
        return estimate_outcome(
            estimate,
            setting.control * expected(model),
            setting,
            resolution=RESOLUTION,
            relative_to=relative_to,
        )

    return experiment


def _above_soft(other: Estimator) -> Callable[[BlockModel, Setting], Outcome]:
    """Whether ``other`` loses at least as much against the oracle as the soft gate."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        replicates = _inputs(model, setting)
        found = _simulated((SOFT, other), model, replicates, setting.entropy, "identity")
        met = found.combination([-1.0, setting.control])
        return one_sided(
            found[1].mean,
            met.sem,
            met.mean,
            met.replicates,
            setting,
            resolution=RESOLUTION,
            scale=found[1].mean,
        )

    return experiment


def _above_soft_top(model: BlockModel, setting: Setting) -> Outcome:
    return _above_soft(MoE(gate=TopK(min(2, model.experts))))(model, setting)


def _loud(model: BlockModel) -> Sequence[BlockModel]:
    least = 1.0 - float(model.group_probabilities.max())
    if least < RARE_GROUPS:
        return []
    return [louder(model, 0.25 * least)]


def _own_and_loud(model: BlockModel) -> Sequence[BlockModel]:
    return list(dict.fromkeys([model, *_loud(model)]))


# --- the certificate: one expert's part of the loss, as a function of its weight ----------------


def _pointwise() -> Symbolic:
    import sympy

    v, w = sympy.symbols("v w", positive=True)
    return Symbolic(
        left=w * (1 - v) ** 2 + (1 - w) * v**2,
        right=w * (1 - w) + (v - w) ** 2,
        domain={},
        draw=_weights,
        model=_as_they_are,
    )


def _weights(rng: np.random.Generator) -> dict[str, float]:
    return {"v": float(rng.uniform(0.0, 1.0)), "w": float(rng.uniform(0.0, 1.0))}


def _as_they_are(values: Values) -> Any:
    return values


def _loss(values: Any, weight: str) -> float:
    """Of an input in which the second of two experts says nothing."""
    first = np.zeros(1, dtype=np.int64)

    def weights(largest: float) -> kernels.Weights:
        rest = np.array([1.0 - largest])
        return kernels.Weights(first, np.array([largest]), rest, np.stack([0.0 * rest, rest]))

    says = np.array([[1.0], [0.0]])
    forms = kernels.Forms(says, says, says, None, None)
    return float(kernels.gate_losses(weights(values["w"]), weights(values[weight]), forms)[0][0])


def _at_least(values: Any) -> float:
    return _loss(values, "w") + float(values["v"] - values["w"]) ** 2


# --- where hard routing loses to dense -----------------------------------------------------------


@lru_cache(maxsize=8)
def _end(model: BlockModel) -> float:
    """The noise from which on the hard gate is not better than dense; inf if there is none."""
    noise = crossover(Dense(), HARD, model, over="noise_variance")
    return noise if noise > 0.0 else math.inf


def _at(factor: float) -> Callable[[BlockModel], Sequence[BlockModel]]:
    def points(model: BlockModel) -> Sequence[BlockModel]:
        end = _end(model)
        return [model.replace(noise_variance=factor * end)] if math.isfinite(end) else []

    return points


def _by_noise(model: BlockModel) -> str:
    return f"σ²={model.noise_variance:.3g}"


def _beside(
    order: str,
    left: Callable[[BlockModel], float],
    right: Callable[[BlockModel], float],
    factor: float,
) -> Claim:
    """An order that holds on one side of the crossover."""
    return Claim(
        name=f"{order} at {factor:g} of the crossover",
        relation="<=",
        left=left,
        right=right,
        experiment=_measured((HARD,), _hard, "population"),
        control=0.8,
        points=_at(factor),
        simulated=_at(factor),
        label=_by_noise,
    )


def _example() -> BlockModel:
    """Isotropic blocks, nothing else equal: sizes, probabilities, variances, coefficients."""
    sizes = [2, 3, 5]
    return BlockModel(
        [0.2, 0.3, 0.5],
        np.repeat([0, 1, 2], sizes),
        np.repeat([3.0, 1.5, 0.8], sizes),
        np.cos(np.arange(1.0, 11.0)),
        0.5,
    )


THEOREM = Theorem(
    statement=(
        "With strict blocks the posterior probabilities of the groups are the best weights of "
        "the experts, for each input: the soft gate loses no more than any other gate, and no "
        "more than dense, for it is the best of all predictors; only the oracle, who sees more, "
        "loses less. A gate that picks one expert is better than dense only while there is "
        "little noise."
    ),
    latex=(
        r"R_{\mathrm{oracle}} \le R_{\mathrm{soft}} = R_{\mathrm{oracle}} + "
        r"\mathbb E\sum_j w_j(1-w_j)q_j \le R_v = R_{\mathrm{soft}} + "
        r"\mathbb E\sum_j (v_j-w_j)^2q_j"
    ),
    guarantee="identity for each input, hence a tight ordering",
    source="docs/theory.md §6",
    assumptions=(
        STRICT_BLOCKS,
        SOME_LABELS,
        SOME_NOISE,
        SEVERAL_GROUPS,
    ),
    claims=(
        Claim(
            name="w(1-v)^2 + (1-w)v^2 == w(1-w) + (v-w)^2",
            relation="==",
            left=lambda values: _loss(values, "v"),
            right=_at_least,
            symbolic=_pointwise,
            control=1.01,
            points=lambda model: (),
            simulated=lambda model: (),
        ),
        Claim(
            name="oracle <= soft",
            relation="<=",
            left=moe_excess,
            right=_soft,
            experiment=_measured((SOFT,), _soft, "population"),
            control=0.5,
        ),
        Claim(
            name="soft <= hard",
            relation="<=",
            left=_soft,
            right=_hard,
            experiment=_measured(
                (SOFT, HARD), lambda model: _hard(model) - _soft(model), "identity", "slack"
            ),
            control=0.5,
            points=_own_and_loud,
            simulated=_loud,
        ),
        Claim(
            name="soft <= dense",
            relation="<=",
            left=_soft,
            right=dense_excess,
            experiment=_measured(
                (SOFT, Dense()),
                lambda model: dense_excess(model) - _soft(model),
                "identity",
                "slack",
            ),
            control=0.5,
            points=_own_and_loud,
            simulated=_loud,
        ),
        *(
            Claim(
                name=f"soft <= soft at T={gate.temperature:g}",
                relation="<=",
                experiment=_above_soft(MoE(gate=gate)),
                control=0.5,
                points=_loud,
                simulated=_loud,
            )
            for gate in TEMPERED
        ),
        Claim(
            name="soft <= top-2",
            relation="<=",
            experiment=_above_soft_top,
            control=0.5,
            points=_loud,
            simulated=_loud,
        ),
        _beside("hard <= dense", _hard, dense_excess, 0.8),
        _beside("dense <= hard", dense_excess, _hard, 1.25),
    ),
    example=_example,
)
