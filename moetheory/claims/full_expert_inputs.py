"""The experiment on experts that know the group and see all coordinates, on drawn inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.fresh_inputs import inputs_of, most_inputs
from moetheory.claims.outcomes import Mean, mean_outcome
from moetheory.claims.stages import Experiment, in_stages
from moetheory.common.arrays import FloatArray
from moetheory.problem.model import BlockModel

INPUTS = 1_000_000
ROWS = 1 << 17  # numbers that are drawn at once, few enough that memory is used again
RESOLUTION = 0.02


def full_expert_experiment(
    excess_per_group: Callable[[BlockModel], FloatArray],
) -> Experiment:
    """The experiment that holds their simulated excess risk against theory, given the group."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        p, risks = model.group_probabilities, excess_per_group(model)
        # given the group an error is normal: its square has the moments r, 3 r^2 and 15 r^3
        first, second, third = (
            factor * float(p @ risks**power) for factor, power in ((1.0, 1), (3.0, 2), (15.0, 3))
        )
        deviation = math.sqrt(second - first**2)
        skewness = (third - 3.0 * first * second + 2.0 * first**3) / (deviation**3 or 1.0)
        errors = _squared_errors(model, inputs_of(setting, model), setting.entropy)
        return mean_outcome(
            Mean.of(errors, (deviation, skewness)),
            setting.control * first,
            setting,
            resolution=RESOLUTION,
        )

    return in_stages(experiment, partial(most_inputs, default=INPUTS))


def _squared_errors(model: BlockModel, inputs: int, entropy: int) -> FloatArray:
    """The squared errors on drawn inputs, (inputs,), without label noise."""
    rng, weights = np.random.default_rng(entropy), _weights(model)
    clean, rows = model.replace(label_noise_variance=0.0), max(ROWS // model.dim, 1)
    errors = []
    for start in range(0, inputs, rows):
        sample = clean.sample(min(rows, inputs - start), rng)
        predictions = np.vecdot(sample.features, weights[sample.groups])
        errors.append(np.square(predictions - sample.labels))
    return np.concatenate(errors)


def _weights(model: BlockModel) -> FloatArray:
    """The coefficients of the expert of each group, (K, d)."""
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    signal = np.where(own, model.signal_variances, model.leakage_variances)
    noise = model.noise_variance + np.where(own, 0.0, model.interference_variances)
    total = signal + noise
    return np.asarray(model.coefficients * (signal / np.where(total > 0.0, total, 1.0)))
