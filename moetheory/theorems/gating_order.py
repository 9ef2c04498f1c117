r"""The posterior is the best gate; a gate that picks one expert may lose to dense.

Statement:
    With strict blocks and posterior weights w, any weights v of the experts have

    .. math:: R_{\mathrm{oracle}} \le R_{\mathrm{soft}}
              = R_{\mathrm{oracle}} + \mathbb E\sum_j w_j(1-w_j)q_j
              \le R_v = R_{\mathrm{soft}} + \mathbb E\sum_j (v_j-w_j)^2q_j ,

    and :math:`R_{\mathrm{soft}} \le R_{\mathrm{dense}}`. If more than one group is ever
    drawn, hard routing beats dense in all noise that is small enough, and dense hard routing in
    all that is large enough; between, the order changes an odd number of times, if finitely
    often: in some models three times.

Guarantee:
    - Exact equality for each input: proved by certificate for one expert's part of the loss.
    - Orderings oracle <= soft <= hard and soft <= dense: evaluated by quadrature and checked by
      simulation; soft <= tempered and soft <= top-2: checked by simulation alone.
    - Hard routing and dense: evaluated and simulated at 0.8 of the first crossover and at 1.25
      of the last, and between the crossovers of a model with three. That these are the orders in
      very little and in very much noise is proved in docs/theory.md §6.

Reference:
    docs/theory.md §6; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.claims.assumptions import (
    NO_INTERFERENCE,
    ONE_NOISE,
    SEVERAL_GROUPS,
    SOME_LABEL_SIGNAL,
    SOME_NOISE,
    STRICT_BLOCKS,
)
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.domains import Values
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
from moetheory.simulation.methods.route import Method
from moetheory.theory.leads import lead
from moetheory.theory.order_changes import crossovers

BEFORE = 0.9  # of the first crossover: noise in which the order is the first one
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
        scope="any input and any weights",
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
def _crossovers(model: BlockModel) -> tuple[float, ...]:
    """The noise variances at which hard routing and dense change places.

    Empty unless hard routing leads at the least noise that is looked at and dense at the most.
    """
    found = crossovers(Dense(), HARD_MOE, model, over="noise_variance")
    if len(found) % 2 == 0:
        return ()
    # the order before the first change is that of the least noise, to look for which takes as long
    before = model.replace(noise_variance=BEFORE * found[0])
    return found if lead(Dense(), HARD_MOE, before) > 0.0 else ()


def _models_at(factor: float, which: int) -> Callable[[BlockModel], Sequence[BlockModel]]:
    """The points of a claim at ``factor`` times a crossover, if there is one."""

    def points(model: BlockModel) -> Sequence[BlockModel]:
        ends = _crossovers(model)
        return [model.replace(noise_variance=factor * ends[which])] if ends else []

    return points


def _with_three_crossovers() -> BlockModel:
    """A rare group of strong signal beside two that are lost in noise much earlier.

    Dense gains on hard routing where the weak groups are no longer told apart. In more noise
    nothing of them is left to gain, and hard routing finds the inputs of the strong one. The
    order changes at the noise variances 0.082, 0.327 and 18.8.
    """
    return BlockModel(
        [0.15, 0.34, 0.51],
        np.repeat([0, 1, 2], 2),
        np.repeat([30.0, 0.1, 0.003], 2),
        np.repeat([0.3, 3.0, 3.0], 2),
        1.0,
    )


def _between(noise: float) -> Callable[[BlockModel], Sequence[BlockModel]]:
    """The point of a claim in a noise between two neighbours among three crossovers."""
    return lambda _: [_with_three_crossovers().replace(noise_variance=noise)]


def _noise_label(model: BlockModel) -> str:
    """The noise variance, as the name of a point."""
    return f"σ²={model.noise_variance:.3g}"


def _order_claim(
    better: str,
    place: str,
    points: Callable[[BlockModel], Sequence[BlockModel]],
    method: Method = "flips",
    **more: Any,
) -> Claim:
    """The claim that ``better``, "hard" or "dense", is no worse than the other at the points."""
    names = {"hard": hard_excess, "dense": dense_excess}
    other = "dense" if better == "hard" else "hard"
    return Claim(
        name=f"{better} <= {other} at {place}",
        relation="<=",
        left=names[better],
        right=names[other],
        experiment=excess_experiment((HARD_MOE,), method),
        control=0.8,
        points=points,
        simulated=points,
        label=_noise_label,
        **more,
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
        "loses less. If more than one group is ever drawn, a gate that picks the most probable "
        "expert is better than dense in all noise that is small enough and worse in all that is "
        "large enough; between, the order changes an odd number of times, if finitely often: in "
        "some models three times."
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
        ONE_NOISE,
        NO_INTERFERENCE,
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
            experiment=excess_experiment((SOFT_MOE,), "flips"),
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
        _order_claim(
            "hard", "0.8 of the first crossover", _models_at(0.8, 0), condition="a crossover"
        ),
        _order_claim(
            "dense", "1.25 of the last crossover", _models_at(1.25, -1), condition="a crossover"
        ),
        *(
            _order_claim(
                better,
                f"a noise between the {which} of three crossovers",
                _between(noise),
                "identity",
                fixed=True,
            )
            for better, which, noise in (("dense", "first two", 0.164), ("hard", "last two", 2.48))
        ),
    ),
    example=_example,
)
