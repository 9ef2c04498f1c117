"""Experts behind a router: the router, and the losses of samples sent to another expert."""

from __future__ import annotations

import dataclasses

import numpy as np

from moetheory.auditing.features import NOISY_CHUNK
from moetheory.auditing.fitting import Fitted
from moetheory.auditing.predictors import ROUTED
from moetheory.auditing.routers import (
    Chosen,
    EnergyRouter,
    Router,
    RouterKind,
    fitted_router,
    some_samples,
)
from moetheory.auditing.structure import CompleteStructure
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray


def router_to(
    asked: RouterKind | Chosen,
    task: Task,
    found: CompleteStructure,
    rows: IntArray,
    rng: np.random.Generator,
) -> Router:
    """The router that is asked for, fitted to training samples at the levels that are told."""
    if callable(asked):
        return found.routed_by(asked)
    chosen = some_samples(rows, rng)
    features = np.concatenate([chunk for _, chunk in task.features.chunks(chosen)])
    router = fitted_router(
        asked,
        features,
        task.groups[chosen],
        task.blocks,
        task.noise,
        task.told_levels,
        rng,
        task.features.report,
    )
    first = task.told_levels[0] == 0.0 and found.source == "found"
    if isinstance(router, EnergyRouter) and first and not found.merged:
        # without noise it is the rule that found the groups
        means = found.energies[rows].mean(axis=0)
        return router.with_rule(np.where(means > 0.0, means, 1.0))
    return router


def add_routed(
    fitted: Fitted,
    task: Task,
    rows: IntArray,
    router: Router,
    repeats: int,
    rng: np.random.Generator,
) -> None:
    r"""Add the experts behind a router to what was fitted, with predictions of their losses.

    Where the router sends a sample depends on the noise, which is drawn ``repeats`` times for each
    training sample. The loss of a sample is that at its own expert, which needs no draws, plus the
    mean change by other experts: where the router makes no error, nothing is random. At other
    levels than those that are told, this change is interpolated.
    """
    told = task.told_levels
    changes = {name: np.zeros((len(rows), len(told))) for name in ROUTED}
    experts = {name: fitted.predictors[name] for name in ROUTED}
    for part, chunk in task.features.chunks(rows, numbers=NOISY_CHUNK):
        groups, truth = task.groups[rows[part]], task.labels[rows[part]]
        for _ in range(repeats):
            draw = task.noise.draw(rng, len(chunk))
            for level, variance in enumerate(told.tolist()):
                noisy = task.noise.applied(chunk, draw, variance)
                chosen = router.route(noisy, level)
                task.features.report(len(chunk))
                moved = np.flatnonzero(chosen != groups)
                if not len(moved):
                    continue
                seen, own = noisy[moved], groups[moved]
                for name, expert in experts.items():
                    shift = expert.predict(seen, own, level)
                    shift -= expert.predict(chunk[moved], own, level)
                    # at its own expert the sample was left out
                    at_own = fitted.left_out[name][part][moved, level] - shift
                    error = truth[moved] - expert.predict(seen, chosen[moved], level)
                    change = np.square(error).sum(axis=1) - np.square(at_own).sum(axis=1)
                    changes[name][part.start + moved, level] += change / repeats
    for name, routed in ROUTED.items():
        fitted.predictors[routed] = dataclasses.replace(experts[name], router=router)
        fitted.losses[routed] = fitted.losses[name] + _interpolated(changes[name], task)


def _interpolated(changes: FloatArray, task: Task) -> FloatArray:
    """Changes at all levels, (n, F), from those at the levels that are told."""
    return changes @ interpolation(task.levels, task.told)


def interpolation(levels: FloatArray, told: IntArray) -> FloatArray:
    """The weights (L, F) by which values at the levels that are told become values at all."""
    weights = np.eye(len(told))
    return np.stack([np.interp(levels, levels[told], row) for row in weights])
