"""The error of dense's deterministic equivalent as a function of the problem's size."""

from __future__ import annotations

import math

import numpy as np

from moetheory.claims import training_sets as training
from moetheory.claims.experiments import Outcome, Setting
from moetheory.problem.estimators import Dense
from moetheory.problem.model import BlockModel
from moetheory.theory.finite_sample_risks import leading_excess
from moetheory.theory.rates import excess_rate
from moetheory.theory.risks import risk


def _leading(model: BlockModel, counts: tuple[int, ...]) -> float:
    """Dense's risk to leading order of the deterministic equivalent."""
    return leading_excess(model, counts) + model.label_noise_variance


def larger_blocks(times: int) -> tuple[BlockModel, tuple[int, ...]]:
    """A model of two blocks and its samples: 4 coordinates and 7 samples each, times ``times``."""
    sizes = times * np.array([4, 4])
    variances = np.repeat([2.0, 1.0], sizes)
    blocks = np.repeat([0, 1], sizes)
    model = BlockModel([0.4, 0.6], blocks, variances, np.full(8 * times, 0.5), 0.2)
    return model, (7 * times, 7 * times)


def more_blocks(experts: int) -> tuple[BlockModel, tuple[int, ...]]:
    """A model of blocks of 4 coordinates with a strong signal, and 10 samples of each group."""
    model = BlockModel.isotropic(4 * experts, experts, 1.0, signal_energy=4000.0)
    return model, (10,) * experts


def larger_blocks_outcome(_: BlockModel, setting: Setting) -> Outcome:
    """The experiment on larger blocks: the leading order's error falls at least like d^(-3/4)."""
    family = [larger_blocks(times) for times in (1, 2, 4)]
    found, sem, replicates, note = training.shortfall_exponent(
        family, _leading, setting, training.SETS
    )
    return training.inequality_outcome(
        found, sem, setting.control * -0.75 - found, replicates, setting, resolution=0.65, note=note
    )


def more_blocks_outcome(_: BlockModel, setting: Setting) -> Outcome:
    """The experiment on more blocks of one size: the leading order's error does not fall."""
    family = [more_blocks(experts) for experts in (1, 2, 4)]
    found, sem, replicates, note = training.shortfall_exponent(
        family, _leading, setting, 3 * training.SETS
    )
    ratio = 4.0**found
    return training.inequality_outcome(
        ratio,
        setting.control * ratio * math.log(4.0) * sem,
        setting.control * ratio - 0.75,
        replicates,
        setting,
        resolution=0.5,
        note=note,
    )


def scaled_excess_outcome(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on n(E R_n - R): measured at two n and extrapolated to infinite n."""
    limit = risk(Dense(), model).value
    scaled = []
    for factor in (2, 4):
        counts = tuple((factor * model.dim * np.array([2, 3])).tolist())
        replicates = training.replicates_of(setting, training.SETS, model, sum(counts))
        risks = training.drawn_dense_risks(model, counts, replicates, setting.entropy + factor)
        scaled.append(sum(counts) * (risks - limit))
    return training.mean_outcome(
        2.0 * scaled[1] - scaled[0],
        setting.control * excess_rate(Dense(), model),
        setting,
        resolution=0.12,
    )
