"""Experiments that hold squared errors of raw data, routed by energy, against a risk."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from moetheory.claims import routed_inputs as raw
from moetheory.claims.declaration import Side
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.outcomes import mean_outcome
from moetheory.claims.stages import Experiment, in_stages
from moetheory.common.arrays import FloatArray
from moetheory.problem.model import BlockModel

RESOLUTION = 0.025
TEST_INPUTS = 500_000
SETS, INPUTS_OF_SETS = 4000, 200_000  # training sets, and their test inputs together
MOST_INPUTS, MOST_OF_SETS = 2 * 10**8, 2 * 10**7  # numbers drawn when replicates is not given
SORTED, MOST_SORTED = 400, 3 * 10**7  # samples a coordinate that the router sorts, and numbers


def optimal_experiment(
    experts_of: Callable[[BlockModel], FloatArray], expected: Side
) -> Experiment:
    """The experiment on experts with given coefficients, (d,), and fresh inputs."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        rng = np.random.default_rng(setting.entropy)
        experts = raw.by_block(model, experts_of(model))
        values = raw.errors_of(model, experts, setting.replicates or _most_inputs(model), rng)
        return _outcome(values, model, expected(model), setting)

    return in_stages(experiment, _most_inputs)


def fitted_experiment(samples_of: Callable[[BlockModel], int], expected: Side) -> Experiment:
    """The experiment on experts that are fitted by least squares, each on samples of its group.

    The samples are divided evenly among the groups.
    """

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        rng = np.random.default_rng(setting.entropy)
        samples, affordable = samples_of(model), most_sets(model)
        sets = setting.replicates or affordable
        inputs = math.ceil(INPUTS_OF_SETS / max(sets, affordable))
        values = raw.fitted_errors(model, samples // model.experts, sets, inputs, rng)
        return _outcome(values, model, expected(model), setting)

    def most_sets(model: BlockModel) -> int:
        numbers = samples_of(model) * model.dim // model.experts
        return max(2, min(SETS, MOST_OF_SETS // numbers))

    return in_stages(experiment, most_sets)


def sorted_experiment(expected: Side) -> Experiment:
    """The experiment on experts that are fitted on inputs that the router has sorted.

    ``expected`` is their risk with infinitely many samples. With n it is about d/n larger.
    """

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        rng = np.random.default_rng(setting.entropy)
        samples = min(SORTED * model.dim, MOST_SORTED // model.dim)
        experts = raw.sorted_experts(model, samples, rng)
        values = raw.errors_of(model, experts, setting.replicates or _most_inputs(model), rng)
        excess = expected(model)
        rounding = 2.0 * model.dim / samples * (excess + model.label_noise_variance)
        return _outcome(values, model, excess, setting, rounding)

    return in_stages(experiment, _most_inputs)


def _most_inputs(model: BlockModel) -> int:
    """The number of fresh inputs that is affordable."""
    return max(2, min(TEST_INPUTS, MOST_INPUTS // model.dim))


def _outcome(
    values: FloatArray, model: BlockModel, expected: float, setting: Setting, rounding: float = 0.0
) -> Outcome:
    """Squared errors, or their means, against an excess risk."""
    return mean_outcome(
        values - model.label_noise_variance,
        setting.control * expected,
        setting,
        resolution=RESOLUTION,
        rounding=rounding,
    )
