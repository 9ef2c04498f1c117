r"""The posterior is the best gate; a gate that picks one expert may lose to dense.

Statement:
    With strict blocks and posterior weights w, any weights v of the experts have

    .. math:: R_{\mathrm{oracle}} \le R_{\mathrm{soft}}
              = R_{\mathrm{oracle}} + \mathbb E\sum_j w_j(1-w_j)q_j
              \le R_v = R_{\mathrm{soft}} + \mathbb E\sum_j (v_j-w_j)^2q_j ,

    and :math:`R_{\mathrm{soft}} \le R_{\mathrm{dense}}`. Hard routing beats dense only below a
    crossover of the noise.

Guarantee:
    - Exact equality for each input: proved by certificate for one expert's part of the loss.
    - Orderings oracle <= soft <= hard and soft <= dense: evaluated by quadrature and checked by
      simulation; soft <= tempered and soft <= top-2: checked by simulation alone.
    - Either side of hard routing's crossover: evaluated and simulated at 0.8 and 1.25 of it.

Reference:
    docs/theory.md §6; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.claims.assumptions import (
    SEVERAL_GROUPS,
    SOME_LABEL_SIGNAL,
    SOME_NOISE,
    STRICT_BLOCKS,
)
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.gate_experiments import (
    HARD_MOE,
    SOFT_MOE,
    excess_experiment,
    hard_excess,
    no_better_than_soft,
    soft_excess,
)
from moetheory.claims.quantities import dense_excess, moe_excess, with_more_noise
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.gates import Soft, TopK
from moetheory.problem.model import BlockModel
from moetheory.theory.crossovers import crossover

TEMPERED_GATES = (Soft(0.5), Soft(2.0))
LEAST_OTHERS = 0.01  # if all groups but one are rarer together, samples hold too few of them
NO_LONE_GROUP = f"no group of probability above {1.0 - LEAST_OTHERS:g}"


def _top_2_no_better_than_soft(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on the top-2 gate against the soft gate."""
    return no_better_than_soft(MoE(gate=TopK(min(2, model.experts))))(model, setting)


def _noisy(model: BlockModel) -> Sequence[BlockModel]:
    """The model with so much noise that routing errors are common; empty if groups are too rare."""
    least = 1.0 - float(model.group_probabilities.max())
    if least < LEAST_OTHERS:
        return []
    return [with_more_noise(model, 0.25 * least)]


def _given_and_noisy(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model and the noisy one."""
    return list(dict.fromkeys([model, *_noisy(model)]))


# --- the certificate: one expert's part of the loss, as a function of its weight ----------------


def _pointwise() -> Symbolic:
    """The loss of one expert's weight v, and the least loss plus (v - w)^2, for each unit of q."""
    import sympy

    v, w = sympy.symbols("v w", positive=True)
    return Symbolic(
        left=w * (1 - v) ** 2 + (1 - w) * v**2,
        right=w * (1 - w) + (v - w) ** 2,
        domain={},
        draw=_draw_weights,
        model=_values_themselves,
    )


def _draw_weights(rng: np.random.Generator) -> dict[str, float]:
    """Random weights v and w between 0 and 1."""
    return {"v": float(rng.uniform(0.0, 1.0)), "w": float(rng.uniform(0.0, 1.0))}


def _values_themselves(values: Values) -> Any:
    """The values v and w, which stand in for a model: the claim is about one input."""
    return values


def _loss(values: Any, weight: str) -> float:
    """The gate's loss for one input, where the second of two experts predicts 0."""
    first = np.zeros(1, dtype=np.int64)

    def weights(largest: float) -> kernels.Weights:
        rest = np.array([1.0 - largest])
        return kernels.Weights(first, np.array([largest]), rest, np.stack([0.0 * rest, rest]))

    says = np.array([[1.0], [0.0]])
    forms = kernels.QuadraticForms(says, says, says, None, None)
    losses, _ = kernels.gate_losses(
        weights(values["w"]), weights(values[weight]), forms, np.ones(1)
    )
    return float(losses[0])


def _least_loss_and_rest(values: Any) -> float:
    """The loss of the posterior weight w, plus the squared difference of v and w."""
    return _loss(values, "w") + float(values["v"] - values["w"]) ** 2


# --- where hard routing loses to dense -----------------------------------------------------------


@lru_cache(maxsize=8)
def _crossover_noise(model: BlockModel) -> float:
    """The noise variance from which on hard routing is not better than dense, or inf."""
    noise = crossover(Dense(), HARD_MOE, model, over="noise_variance")
    return noise if noise > 0.0 else math.inf


def _models_at(factor: float) -> Callable[[BlockModel], Sequence[BlockModel]]:
    """The points of a claim at ``factor`` times the crossover, if there is one."""

    def points(model: BlockModel) -> Sequence[BlockModel]:
        end = _crossover_noise(model)
        return [model.replace(noise_variance=factor * end)] if math.isfinite(end) else []

    return points


def _noise_label(model: BlockModel) -> str:
    """The noise variance, as the name of a point."""
    return f"σ²={model.noise_variance:.3g}"


def _order_claim(
    order: str,
    left: Callable[[BlockModel], float],
    right: Callable[[BlockModel], float],
    factor: float,
) -> Claim:
    """The claim of an order that holds on one side of the crossover."""
    return Claim(
        name=f"{order} at {factor:g} of the crossover",
        relation="<=",
        left=left,
        right=right,
        experiment=excess_experiment((HARD_MOE,), "population"),
        control=0.8,
        points=_models_at(factor),
        simulated=_models_at(factor),
        condition="a crossover",
        label=_noise_label,
    )


def _example() -> BlockModel:
    """A model with isotropic blocks of unequal size, probability, variance and coefficients."""
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
        SOME_LABEL_SIGNAL,
        SOME_NOISE,
        SEVERAL_GROUPS,
    ),
    claims=(
        Claim(
            name="w(1-v)^2 + (1-w)v^2 == w(1-w) + (v-w)^2",
            relation="==",
            left=lambda values: _loss(values, "v"),
            right=_least_loss_and_rest,
            symbolic=_pointwise,
            control=1.01,
            points=lambda model: (),
            simulated=lambda model: (),
        ),
        Claim(
            name="oracle <= soft",
            relation="<=",
            left=moe_excess,
            right=soft_excess,
            experiment=excess_experiment((SOFT_MOE,), "population"),
            control=0.5,
        ),
        Claim(
            name="soft <= hard",
            relation="<=",
            left=soft_excess,
            right=hard_excess,
            experiment=excess_experiment((SOFT_MOE, HARD_MOE), "identity", "slack"),
            control=0.5,
            points=_given_and_noisy,
            simulated=_noisy,
        ),
        Claim(
            name="soft <= dense",
            relation="<=",
            left=soft_excess,
            right=dense_excess,
            experiment=excess_experiment((SOFT_MOE, Dense()), "identity", "slack"),
            control=0.5,
            points=_given_and_noisy,
            simulated=_noisy,
        ),
        *(
            Claim(
                name=f"soft <= soft at T={gate.temperature:g}",
                relation="<=",
                experiment=no_better_than_soft(MoE(gate=gate)),
                control=0.5,
                points=_noisy,
                simulated=_noisy,
                condition=NO_LONE_GROUP,
            )
            for gate in TEMPERED_GATES
        ),
        Claim(
            name="soft <= top-2",
            relation="<=",
            experiment=_top_2_no_better_than_soft,
            control=0.5,
            points=_noisy,
            simulated=_noisy,
            condition=NO_LONE_GROUP,
        ),
        _order_claim("hard <= dense", hard_excess, dense_excess, 0.8),
        _order_claim("dense <= hard", dense_excess, hard_excess, 1.25),
    ),
    example=_example,
)
