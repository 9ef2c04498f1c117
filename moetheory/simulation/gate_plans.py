"""Plans for fitted experts behind gates that read the input: the route of each estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    MoE,
    one_each,
    resolved_gate,
    routes_by_input,
)
from moetheory.problem.gates import Learned, MomentKind
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.heavy_tails import heavy_tail
from moetheory.simulation.methods.gated_data import GatedDataRoute
from moetheory.simulation.methods.gated_fits import GatedFitsRoute
from moetheory.simulation.methods.learned_fits import LearnedFitsRoute
from moetheory.simulation.methods.route import Family, Method


def fitted_gate_families(
    estimators: Sequence[Estimator],
    models: tuple[BlockModel, ...],
    samples: IntArray,
    counts: Counts,
    method: Method | None,
    under: Perturbation | None,
    loss: Loss,
) -> list[Family]:
    """The families of fitted estimators with gates, or of all for ``method="identity"``.

    "identity" where it is known for an estimator, else "data" unless ``method`` asks for the first.
    """
    by_law, drawn = [], []
    learned: dict[Learned, list[int]] = {}
    for i, estimator in enumerate(estimators):
        if not (method == "identity" or routes_by_input(estimator)):
            continue
        obstacle = _obstacle(estimator, models, samples, counts, under, loss)
        if obstacle is not None:
            if method == "identity":
                raise ArgumentError(
                    Mention("method", method),
                    f"is not known with samples for {obstacle}, got ",
                    estimator,
                    "; leave out ",
                    Mention("method"),
                )
            drawn.append(i)
            continue
        gate = resolved_gate(estimator, models[0]) if isinstance(estimator, MoE) else None
        if isinstance(gate, Learned):
            learned.setdefault(gate, []).append(i)
        else:
            by_law.append(i)

    def chosen(members: list[int]) -> tuple[Estimator, ...]:
        return tuple(estimators[i] for i in members)

    result = []
    if by_law:
        fits = GatedFitsRoute(models, chosen(by_law), samples, counts, under)
        result.append(Family("gates", tuple(by_law), fits, (5,)))
    for gate, members in learned.items():
        router = LearnedFitsRoute(models, chosen(members), gate, under=under, samples=samples)
        # the salt depends on the gate alone, so that other estimators do not change its draws
        assert gate.samples is not None
        salt = (5, gate.samples, get_args(MomentKind).index(gate.moments))
        result.append(Family(gate.label, tuple(members), router, salt))
    if drawn:
        data = GatedDataRoute(models, chosen(drawn), samples, counts, under, loss)
        result.append(Family("gates on data", tuple(drawn), data, (6,)))
    return result


def _obstacle(
    estimator: Estimator,
    models: tuple[BlockModel, ...],
    samples: IntArray,
    counts: Counts,
    under: Perturbation | None,
    loss: Loss,
) -> str | None:
    """Why "identity" is not known for a fitted estimator; None where it is."""
    if loss == "sign":
        return "signs"
    if isinstance(estimator, Dense):
        return "dense"
    if not one_each(estimator):
        return "experts that serve several groups, or a shared one"
    if estimator.retrained:
        return "experts that are retrained on what their router sends them"
    if under is not None and under.confusion is not None:
        return "confusion"
    if under is not None and under.radius:
        return "a worst-case shift"
    if under is not None and under.erasure:
        return "erasure"
    if under is not None and under.noise is not None:
        return "noise that is not normal"
    if isinstance(resolved_gate(estimator, models[0]), Learned):
        return _moments_obstacle(estimator, models, samples, counts)
    return None


def _moments_obstacle(
    estimator: MoE, models: tuple[BlockModel, ...], samples: IntArray, counts: Counts
) -> str | None:
    """Why the experts behind a learned gate have no moments in closed form; None: they have."""
    if estimator.ridge > 0.0:
        return "a gate that learns and a ridge"
    if counts != "fixed":
        return "a gate that learns and drawn counts"
    for model in models:
        tail = heavy_tail(estimator, model, samples)
        if tail is not None and tail.infinite != "skewness":
            return f"a gate that learns where {tail.cause}"
        exact = ExpertMoments.of(model, Regressions.of(model, samples)).exact
        if not np.all(exact | (model.group_probabilities == 0.0)):
            return "a gate that learns and a block with several variances and too few samples"
    return None
