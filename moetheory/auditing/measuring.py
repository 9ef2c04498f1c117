"""What predictors are worth on samples that were held out, with noise on their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moetheory.auditing.features import Features
from moetheory.auditing.predictors import Predictor
from moetheory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Measured:
    """Squared errors (n, L) by name, and, of classes, how often each was right."""

    losses: dict[str, FloatArray]
    hits: dict[str, FloatArray] | None


def measure(
    predictors: Mapping[str, Predictor],
    features: Features,
    rows: IntArray,
    labels: FloatArray,
    groups: IntArray,
    noise_variances: FloatArray,
    repeats: int,
    rng: np.random.Generator,
    boundary: float | None,
) -> Measured:
    """Averages over ``repeats`` draws of noise for each sample, the same for all predictors.

    ``boundary`` is between the labels of two classes.
    """
    shape = len(rows), len(noise_variances)
    losses = {name: np.zeros(shape) for name in predictors}
    hits = {name: np.zeros(shape) for name in predictors}
    for part, chunk in features.chunks(rows):
        truth, group = labels[rows[part]], groups[rows[part]]
        for _ in range(repeats):
            noise = rng.standard_normal(chunk.shape)
            for level, variance in enumerate(noise_variances):
                noisy = chunk + np.sqrt(variance) * noise
                for name, predictor in predictors.items():
                    said = predictor(noisy, group, level)
                    losses[name][part, level] += (said - truth) ** 2
                    if boundary is not None:
                        hits[name][part, level] += (said > boundary) == (truth > boundary)
    for each in (*losses.values(), *hits.values()):
        each /= repeats
    return Measured(losses, None if boundary is None else hits)
