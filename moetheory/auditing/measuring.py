"""Risks of predictors, measured on held-out samples with noise on their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moetheory.auditing.predictors import Predictor
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray, block_sums


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured squared errors (n, L) by name; for two classes also shares of correct labels."""

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
    r"""Measure losses, averaged over ``repeats`` draws of noise that all predictors share.

    A draw serves all levels: predictors are linear, so that :math:`f(x + \sigma e)` needs the
    responses to :math:`x` and to :math:`e` once. ``boundary`` lies between the labels of two
    classes.
    """
    features, block_of = task.features, task.block_of
    shape = len(rows), len(task.noise_variances)
    losses = {name: np.zeros(shape) for name in predictors}
    hits = {name: np.zeros(shape) for name in predictors}
    for part, chunk in features.chunks(rows):
        samples = rows[part]
        truth, group, energies = task.labels[samples], task.groups[samples], task.energies[samples]
        clean = _responses(predictors, chunk)
        for _ in range(repeats):
            noise = rng.standard_normal(chunk.shape)
            added = _responses(predictors, noise)
            cross_terms = 2.0 * block_sums(chunk * noise, block_of)
            noise_energies = block_sums(np.square(noise), block_of)
            for level, variance in enumerate(task.noise_variances):
                sigma = np.sqrt(variance)
                noisy = energies + sigma * cross_terms + variance * noise_energies
                for name, predictor in predictors.items():
                    responses = clean[name][:, level] + sigma * added[name][:, level]
                    outputs = predictor.choose(responses, noisy, group, level)
                    losses[name][part, level] += (outputs - truth) ** 2
                    if boundary is not None:
                        hits[name][part, level] += (outputs > boundary) == (truth > boundary)
            features.report(len(chunk))
    for each in (*losses.values(), *hits.values()):
        each /= repeats
    return Measured(losses, None if boundary is None else hits)


def _responses(predictors: Mapping[str, Predictor], features: FloatArray) -> dict[str, FloatArray]:
    """The responses of each predictor, computed once for predictors that share coefficients."""
    computed: dict[int, FloatArray] = {}
    for predictor in predictors.values():
        key = id(predictor.coefficients)
        if key not in computed:
            computed[key] = predictor.respond(features)
    return {name: computed[id(predictor.coefficients)] for name, predictor in predictors.items()}
