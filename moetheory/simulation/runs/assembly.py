"""Estimates put together from the tallies of families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.problem.losses import Loss
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.route import Family
from moetheory.simulation.methods.tally import Tally


def assembled(
    plan: Sequence[Family],
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
    for number, (family, (tally, kept)) in enumerate(zip(plan, parts, strict=True)):
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
        for place, row in zip(places, kept, strict=True):
            values[place] = row
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
            )
        )
    return result
