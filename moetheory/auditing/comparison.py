"""Predicted and measured losses side by side: the columns of an audit, and who leads where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.auditing.fitting import Fitted
from moetheory.auditing.leads import Crossovers, lead
from moetheory.auditing.measuring import Measured
from moetheory.auditing.noise import told_level
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.routing import interpolation
from moetheory.auditing.sample_sets import mean_and_sem, summed
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray

TIE = 1e-12  # of the variance of labels: smaller differences of squared errors are rounding
SAME = 1e-12  # relative difference of levels that is rounding
AGAINST = {  # what each mixture has to beat
    "moe(block)": "dense",
    "moe(all)": "dense",
    "moe(block, router)": "dense",
    "moe(all, router)": "dense",
    "moe(all, tuned)": "dense(tuned)",
}


def columns_of(
    told: FloatArray,
    task: Task,
    fitted: Fitted,
    measured: Measured,
    rows: IntArray,
    held: IntArray,
) -> dict[str, NDArray[Any]]:
    """The columns of the table: mean losses with their standard errors, and accuracies."""
    columns: dict[str, NDArray[Any]] = {"noise_variance": told}
    for name in NAMES:
        predicted = mean_and_sem(fitted.losses[name][:, task.told], task.sets[rows])
        columns[f"{name}_predicted"], columns[f"{name}_predicted_sem"] = predicted
        observed = mean_and_sem(measured.losses[name], task.sets[held])
        columns[f"{name}_measured"], columns[f"{name}_sem"] = observed
        if measured.hits is not None:
            columns[f"{name}_accuracy"] = measured.hits[name].mean(axis=0)
    return columns


def crossovers_of(
    told: FloatArray,
    task: Task,
    fitted: Fitted,
    measured: Measured,
    rows: IntArray,
    held: IntArray,
    rng: np.random.Generator,
) -> dict[str, Crossovers]:
    """Where each mixture leads over what it has to beat, predicted and measured.

    The measured differences at the levels that are told correct the predicted curve between them.
    """
    found, weights = {}, interpolation(task.levels, task.told)

    def told_at(level: float) -> float:
        """A level as it is told; one that was asked for is that one, without rounding."""
        value = told_level(level, task.noise)
        nearest = float(told[np.abs(told - value).argmin()]) if math.isfinite(value) else value
        return nearest if math.isclose(nearest, value, rel_tol=SAME) else value

    tie = TIE * float(task.labels.var(axis=0).sum())
    for name, other in AGAINST.items():
        gains = _gains(fitted.losses[other], fitted.losses[name], tie)
        seen = _gains(measured.losses[other], measured.losses[name], tie)
        curve = gains.mean(axis=0)
        base = curve - curve[task.told] @ weights
        predicted = lead(task.levels, summed(gains, task.sets[rows]), rng)
        observed = lead(task.levels, summed(seen, task.sets[held]), rng, base, weights)
        found[name] = Crossovers(predicted.mapped(told_at), observed.mapped(told_at), other)
    return found


def _gains(other: FloatArray, experts: FloatArray, tie: float) -> FloatArray:
    """The squared errors that experts save; 0 where the difference is rounding."""
    gains = other - experts
    return np.where(np.abs(gains) <= tie, 0.0, gains)
