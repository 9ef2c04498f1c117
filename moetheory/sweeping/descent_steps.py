"""Tables of risks along gradient descent."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, Call, Mention, NoClosedForm
from moetheory.common.seeding import entropy_of
from moetheory.common.validation import shown
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.descent_schedule import checked_steps
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.tables import Sweep, column_names
from moetheory.simulation import simulate_descent
from moetheory.simulation.descents import DescentQuestion
from moetheory.sweeping.arguments import SweepArguments
from moetheory.sweeping.points import SweepPoint, setting_of
from moetheory.theory.descents import descent


def sweep_over_steps(asked: SweepArguments) -> Sweep:
    """The table of `sweep` over steps: from theory, or simulated on ``samples``."""
    model, steps, schedule = _checked(asked)
    estimators = _known(asked)
    columns: dict[str, Any] = {"steps": steps.copy()}
    setting = setting_of([SweepPoint("", model, asked.samples, asked.under)])
    if asked.samples is None:
        for estimator in estimators:
            columns[column_names(estimator).theory] = descent(
                estimator, model, steps, **schedule
            ).excess
        theory_at = partial(_at_other_steps, asked)
        return Sweep(
            "steps", columns, 0, None, tuple(estimators), setting=setting, theory_at=theory_at
        )
    entropy, training_sets = entropy_of(asked.rng), checked_replicates(asked.replicates)
    paths = simulate_descent(
        estimators,
        model,
        steps,
        samples=asked.samples,
        under=asked.under,
        replicates=training_sets,
        rng=entropy,
        **asked.work,
        **schedule,
    )
    for estimator, path in zip(estimators, paths, strict=True):
        names = column_names(estimator)
        columns[names.theory] = np.full(len(steps), np.nan)
        columns[names.simulated] = path.mean - model.label_noise_variance
        columns[names.sem] = path.sem
    return Sweep("steps", columns, training_sets, entropy, tuple(estimators), setting=setting)


def _at_other_steps(asked: SweepArguments, values: Any) -> Sweep:
    """The table in theory at other steps."""
    return sweep_over_steps(asked.at(values))


def descent_simulation(asked: SweepArguments) -> DescentQuestion:
    """What a sweep over steps asks `simulate_descent`; it must have ``samples``."""
    model, steps, schedule = _checked(asked)
    assert asked.samples is not None, "replicates need them"
    return DescentQuestion.of(
        _known(asked),
        model,
        steps,
        samples=asked.samples,
        under=asked.under,
        replicates=checked_replicates(asked.replicates),
        rng=asked.rng,
        **asked.work,
        **schedule,
    )


def _known(asked: SweepArguments) -> list[Estimator]:
    """The estimators, none of which is one's own: it is not known how that descends."""
    found = [each for each in asked.estimators if not isinstance(each, Custom)]
    if len(found) < len(asked.estimators):
        raise ArgumentError(
            "estimators",
            "must be Dense or MoE with ",
            Mention("over", "steps"),
            ", got ",
            next(each for each in asked.estimators if isinstance(each, Custom)),
        )
    return found


def _checked(asked: SweepArguments) -> tuple[BlockModel, IntArray, dict[str, Any]]:
    """The model, the steps and the schedule of a sweep over steps."""
    model, samples = asked.model, asked.samples
    if not isinstance(model, BlockModel):
        raise ArgumentError(
            "model", "must be a BlockModel with ", Mention("over", "steps"), f", got {shown(model)}"
        )
    steps = checked_steps(asked.grid, name="values")
    if samples is None:
        for name, value in (("replicates", asked.replicates), ("under", asked.under)):
            if value is not None:
                raise ArgumentError(
                    name,
                    "needs ",
                    Mention("samples"),
                    " with ",
                    Mention("over", "steps"),
                    ": without them descent is on infinitely many samples and known in closed "
                    f"form, got {value!r}",
                )
    elif asked.replicates is None:
        raise NoClosedForm(
            "risks along descent on finitely many samples are known by simulation only; give ",
            Mention("replicates"),
            ", or ",
            Call(f"simulate_descent(estimator, model, steps, samples={samples!r})"),
        )
    return model, steps, {"step_size": asked.step_size, "training": asked.training}
