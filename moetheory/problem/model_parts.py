"""Parts of a model: some of its groups alone."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.validation import number_or_vector
from moetheory.problem.model import BlockModel, unchecked_model


def part(
    model: BlockModel, groups: IntArray, coordinates: IntArray, label_noise_variance: float
) -> BlockModel:
    """The model of some groups alone, on the coordinates of their blocks.

    It is not validated: beside fewer groups, a noise variance may lie outside its range.
    """
    place = np.full(model.experts, -1)
    place[groups] = np.arange(len(groups))
    p = model.group_probabilities[groups]
    total, alone = float(p.sum()), len(groups) == 1
    noise = model.noise_variance
    zeros = np.broadcast_to(0.0, len(coordinates))
    leakage = zeros if alone or model.strict else model.leakage_variances[coordinates]
    interference = (
        model.interference_variances[coordinates] if model.interferes and not alone else zeros
    )
    rotations = model.rotations
    variance = noise if isinstance(noise, float) else noise[coordinates]
    return unchecked_model(
        {
            "group_probabilities": p / total if total > 0.0 else np.full(len(p), 1.0 / len(p)),
            "block_of": place[model.block_of[coordinates]],
            "signal_variances": model.signal_variances[coordinates],
            "coefficients": model.coefficients[coordinates],
            "noise_variance": number_or_vector("noise_variance", variance),
            "leakage_variances": leakage,
            "interference_variances": interference,
            "label_noise_variance": label_noise_variance,
            "rotations": None if rotations is None else tuple(rotations[g] for g in groups),
        }
    )
