"""Models beside the user's own, for a claim that nothing but evaluations speaks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from moetheory.checking.decisions import Evaluation
from moetheory.claims.assumptions import Assumption
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.random_models import corners, random_models
from moetheory.common.errors import NoClosedForm, OutOfRangeError
from moetheory.common.seeding import stream
from moetheory.problem.model import BlockModel

MANY = 24  # models
MORE = (1,)  # their random streams
ISO_PARAMETER = ModelSpace(strict=True, interference=False, iso_parameter=True)


def evaluate_more(theorem: Theorem, evaluations: Mapping[Claim, Evaluation], entropy: int) -> None:
    """Evaluate claims at many models if nothing else than one evaluation speaks for them.

    Claims of a user's own theorem are so in any case: the scope of its proofs is the user's word.
    """
    found: dict[tuple[Assumption, ...], list[BlockModel]] = {}
    for claim, evaluation in evaluations.items():
        holds = all(point.holds is True for point in evaluation.points.values())
        if not holds or len(evaluation.points) != 1 or claim.fixed:
            continue
        if theorem.is_placed and not is_only_evaluated(claim):
            continue
        needed = (*theorem.assumptions, *claim.assumptions)
        if needed not in found:
            found[needed] = models_that_meet(needed, stream(entropy, len(found), MORE))
        evaluation.evaluate_more(claim, points_at(claim, found[needed]))


def is_only_evaluated(claim: Claim) -> bool:
    """Whether a claim has neither proof nor simulation."""
    routes = claim.symbolic, claim.weights, claim.experiment
    return all(route is None for route in routes)


def models_that_meet(
    assumptions: Sequence[Assumption], rng: np.random.Generator
) -> list[BlockModel]:
    """Corners and random models that meet all assumptions.

    Some theorems are about the iso-parameter regime alone, in which no model is by chance.
    """
    models: list[BlockModel] = []
    for space in (ModelSpace(), ISO_PARAMETER):
        found = corners(space, assumptions)
        chosen = np.sort(rng.permutation(len(found))[: MANY // 4])
        models += [found[i] for i in chosen.tolist()]
        models += random_models(rng, (MANY - len(models)) // 2, space, assumptions)
    return models


def points_at(claim: Claim, models: Sequence[BlockModel]) -> list[BlockModel]:
    """The points of a claim that follow from each of the models."""
    points: dict[BlockModel, None] = {}
    for model in models:
        with suppress(OutOfRangeError, NoClosedForm):  # the points of a claim may have neither
            points |= dict.fromkeys(claim.points(model))
    return list(points)[:MANY]
