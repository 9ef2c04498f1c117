"""Risks of predictors, measured on held-out samples with noise on their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moetheory.auditing.features import NOISY_CHUNK
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured squared errors (n, L) by name; of classes also the shares of correct labels.

    ``astray`` (n, L) is the share of draws in which the router sends a sample elsewhere than its
    group.
    """

    losses: dict[str, FloatArray]
    hits: dict[str, FloatArray] | None
    astray: FloatArray


def measure(
    predictors: Mapping[str, Predictor],
    task: Task,
    rows: IntArray,
    repeats: int,
    rng: np.random.Generator,
    boundary: float | None = None,
    *,
    classes: bool = False,
) -> Measured:
    """Measure losses, averaged over ``repeats`` draws of noise.

    All predictors and levels share the draws. With ``classes`` the class of a sample is that of the
    largest of m labels, or with one label on which side of the ``boundary`` it lies.
    """
    told = task.told_levels
    shape = len(rows), len(told)
    losses = {name: np.zeros(shape) for name in predictors}
    hits = {name: np.zeros(shape) for name in predictors}
    astray = np.zeros(shape)
    router = next((each.router for each in predictors.values() if each.router is not None), None)
    for part, chunk in task.features.chunks(rows, numbers=NOISY_CHUNK):
        groups, truth = task.groups[rows[part]], task.labels[rows[part]]
        right = _class_of(truth, boundary) if classes else None
        for repeat in range(repeats):
            draw = task.noise.draw(rng, len(chunk))
            for level, variance in enumerate(told.tolist()):
                task.features.report(len(chunk))
                if variance == 0.0 and repeat:  # without noise all draws are the same
                    continue
                share = 1.0 if variance == 0.0 else 1.0 / repeats
                noisy = task.noise.applied(chunk, draw, variance)
                chosen = groups if router is None else router.route(noisy, level)
                astray[part, level] += share * (chosen != groups)
                for name, each in predictors.items():
                    said = each.predict(noisy, groups if each.router is None else chosen, level)
                    losses[name][part, level] += share * np.square(said - truth).sum(axis=1)
                    if right is not None:
                        hits[name][part, level] += share * (_class_of(said, boundary) == right)
    return Measured(losses, hits if classes else None, astray)


def _class_of(labels: FloatArray, boundary: float | None) -> IntArray:
    """The class of each sample, of labels (n, m)."""
    if boundary is not None:
        return np.asarray(labels[:, 0] > boundary, dtype=np.int64)
    return np.asarray(labels.argmax(axis=1))
