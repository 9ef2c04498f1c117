"""The error of dense's deterministic equivalent as a function of the problem's size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from moetheory.claims import training_sets as training
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.outcomes import (
    WITH_SLACK,
    Mean,
    fitted_exponent,
    inequality_outcome,
    mean_outcome,
)
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


def _shortfall_exponent(
    family: Sequence[tuple[BlockModel, tuple[int, ...]]], setting: Setting, default: int
) -> tuple[Mean, str]:
    """The exponent of d with which the relative error of the leading order changes.

    Returns the exponent and the errors in words. ``family`` holds models of growing d with their
    sample counts.
    """
    errors = []
    for model, counts in family:
        replicates = training.replicates_of(setting, default, model, sum(counts))
        drawn = training.drawn_dense_risks(model, counts, replicates, setting.entropy)
        risk = Mean.of(drawn, WITH_SLACK)
        error = 1.0 - _leading(model, counts) / risk.value
        errors.append(risk._replace(value=error, sem=risk.sem / risk.value))
    listed = ", ".join(
        f"{100 * error.value:.2g} ± {100 * error.sem:.1g} % at d = {model.dim}"
        for error, (model, _) in zip(errors, family, strict=True)
    )
    exponent = fitted_exponent([model.dim for model, _ in family], errors)
    return exponent, f"the leading order falls short by {listed}"


def larger_blocks_outcome(_: BlockModel, setting: Setting) -> Outcome:
    """The experiment on larger blocks: the leading order's error falls at least like d^(-3/4)."""
    family = [larger_blocks(times) for times in (1, 2, 4)]
    found, note = _shortfall_exponent(family, setting, training.SETS)
    margin = found._replace(value=setting.control * -0.75 - found.value)
    return inequality_outcome(found.value, margin, setting, resolution=0.65, note=note)


def more_blocks_outcome(_: BlockModel, setting: Setting) -> Outcome:
    """The experiment on more blocks of one size: the leading order's error does not fall."""
    family = [more_blocks(experts) for experts in (1, 2, 4)]
    found, note = _shortfall_exponent(family, setting, 3 * training.SETS)
    ratio = 4.0**found.value
    margin = found._replace(
        value=setting.control * ratio - 0.75,
        sem=setting.control * ratio * math.log(4.0) * found.sem,
    )
    return inequality_outcome(ratio, margin, setting, resolution=0.5, note=note)


def scaled_excess_outcome(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on n(E R_n - R): measured at two n and extrapolated to infinite n."""
    limit = risk(Dense(), model).value
    scaled = []
    for factor in (2, 4):
        counts = tuple((factor * model.dim * np.array([2, 3])).tolist())
        replicates = training.replicates_of(setting, training.SETS, model, sum(counts))
        risks = training.drawn_dense_risks(model, counts, replicates, setting.entropy + factor)
        scaled.append(sum(counts) * (risks - limit))
    return mean_outcome(
        2.0 * scaled[1] - scaled[0],
        setting.control * excess_rate(Dense(), model),
        setting,
        resolution=0.12,
    )
