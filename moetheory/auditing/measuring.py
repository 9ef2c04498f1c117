"""What predictors are worth on samples that were held out, with noise on their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moetheory.auditing.predictors import Predictor
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray, block_sums


@dataclass(frozen=True, eq=False)
class Measured:
    """Squared errors (n, L) by name, and, of classes, how often each was right."""

    losses: dict[str, FloatArray]
    hits: dict[str, FloatArray] | None


def measure(
    predictors: Mapping[str, Predictor],
    task: Task,
    rows: IntArray,
    repeats: int,
    rng: np.random.Generator,
    boundary: float | None,
) -> Measured:
    r"""Averages over ``repeats`` draws of noise for each sample, the same for all predictors.

    A draw serves all levels: predictors are linear, so that :math:`f(x + \sigma e)` needs the
    responses to :math:`x` and to :math:`e` once. ``boundary`` is between the labels of two
    classes.
    """
    features, block_of = task.features, task.block_of
    shape = len(rows), len(task.noise_variances)
    losses = {name: np.zeros(shape) for name in predictors}
    hits = {name: np.zeros(shape) for name in predictors}
    for part, chunk in features.chunks(rows):
        here = rows[part]
        truth, group, energies = task.labels[here], task.groups[here], task.energies[here]
        clean = _responses(predictors, chunk)
        for _ in range(repeats):
            noise = rng.standard_normal(chunk.shape)
            added = _responses(predictors, noise)
            crossed = 2.0 * block_sums(chunk * noise, block_of)
            own = block_sums(np.square(noise), block_of)
            for level, variance in enumerate(task.noise_variances):
                sigma = np.sqrt(variance)
                noisy = energies + sigma * crossed + variance * own
                for name, predictor in predictors.items():
                    responses = clean[name][:, level] + sigma * added[name][:, level]
                    said = predictor.choose(responses, noisy, group, level)
                    losses[name][part, level] += (said - truth) ** 2
                    if boundary is not None:
                        hits[name][part, level] += (said > boundary) == (truth > boundary)
            features.report(len(chunk))
    for each in (*losses.values(), *hits.values()):
        each /= repeats
    return Measured(losses, None if boundary is None else hits)


def _responses(predictors: Mapping[str, Predictor], features: FloatArray) -> dict[str, FloatArray]:
    """Those of each predictor, once for those that share their coefficients."""
    once: dict[int, FloatArray] = {}
    for predictor in predictors.values():
        key = id(predictor.coefficients)
        if key not in once:
            once[key] = predictor.respond(features)
    return {name: once[id(predictor.coefficients)] for name, predictor in predictors.items()}
