"""Estimates put together from the tallies of families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.problem.losses import Loss
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.route import Family
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.chunks import Run


class Origin(NamedTuple):
    """Where an estimate by "data" comes from: its run, and its place among the values of it."""

    run: Run
    place: int


def assembled(
    plan: Sequence[Family],
    runs: Sequence[Run],
    parts: Sequence[tuple[Tally | None, FloatArray | None]],
    models: int,
    infinite: Any,
    entropy: int,
    loss: Loss = "squared",
) -> Estimates:
    """Estimates of all estimators, model by model; families are independent: covariance zero."""
    size = len(infinite)
    each = size // models
    experts = plan[0].route.models[0].experts
    means, replicates = np.full(size, np.nan), np.zeros(size, dtype=np.int64)
    draws, methods = np.empty(size, dtype=np.int64), [""] * size
    covariance, per_group = np.zeros((size, size)), np.full((size, experts), np.nan)
    degrees = np.full(size, np.nan)
    values = [np.empty(0)] * size
    origins: list[Origin | None] = [None] * size
    for number, (family, run, (tally, kept)) in enumerate(zip(plan, runs, parts, strict=True)):
        places = [model * each + member for model in range(models) for member in family.members]
        draws[places] = number
        for place in places:
            methods[place] = family.route.method
        if tally is None or kept is None:  # a part without chunks of this family
            covariance[places, places] = np.nan
            continue
        means[places], replicates[places] = tally.means, tally.replicates
        covariance[np.ix_(places, places)] = tally.covariance
        degrees[places] = tally.degrees
        per_group[places] = np.where(tally.group_counts > 0, tally.group_means, np.nan)
        for row, place in enumerate(places):
            values[place] = kept[row]
            if family.route.method == "data":
                origins[place] = Origin(run, row)
    return Estimates(
        means=means,
        covariance=covariance,
        per_group=per_group,
        replicates=replicates,
        methods=tuple(methods),
        draws=draws,
        entropy=entropy,
        infinite=infinite,
        values=tuple(values),
        degrees=degrees,
        loss=loss,
        origins=tuple(origins),
    )


def by_model(estimates: Estimates, models: int) -> list[Estimates]:
    """The estimates of each model."""
    each = len(estimates) // models
    result = []
    for start in range(0, len(estimates), each):
        own = slice(start, start + each)
        result.append(
            Estimates(
                means=estimates.means[own],
                covariance=estimates.covariance[own, own],
                per_group=estimates.per_group[own],
                replicates=estimates.replicates[own],
                methods=estimates.methods[own],
                draws=estimates.draws[own],
                entropy=estimates.entropy,
                infinite=estimates.infinite[own],
                values=None if estimates.values is None else estimates.values[own],
                degrees=None if estimates.degrees is None else estimates.degrees[own],
                loss=estimates.loss,
                origins=None if estimates.origins is None else estimates.origins[own],
                names=estimates.names[own],
            )
        )
    return result
