"""Tables of risks along gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.errors import ArgumentError, Call, Mention, NoClosedForm
from moetheory.common.seeding import RNG, entropy_of
from moetheory.common.terminal import Report
from moetheory.common.validation import shown
from moetheory.problem.descent_schedule import StepSize, TrainingMode, checked_steps
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.tables import Sweep, column_names
from moetheory.simulation import simulate_descent
from moetheory.theory.descents import descent


def sweep_over_steps(
    model: BlockModel | Callable[[Any], BlockModel],
    values: ArrayLike,
    estimators: Sequence[Estimator],
    *,
    step_size: StepSize,
    training: TrainingMode,
    samples: ArrayLike | None,
    under: Perturbation | None,
    replicates: int | None,
    rng: RNG,
    progress: Report | None,
) -> Sweep:
    """The table of `sweep` over steps: from theory, or simulated on ``samples``."""
    if not isinstance(model, BlockModel):
        raise ArgumentError(
            "model", "must be a BlockModel with ", Mention("over", "steps"), f", got {shown(model)}"
        )
    steps = checked_steps(values, name="values")
    schedule: dict[str, Any] = {"step_size": step_size, "training": training}
    columns: dict[str, Any] = {"steps": steps.copy()}
    if samples is None:
        for name, value in (("replicates", replicates), ("under", under)):
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
        for estimator in estimators:
            columns[column_names(estimator).theory] = descent(
                estimator, model, steps, **schedule
            ).excess
        return Sweep("steps", columns, 0, None, tuple(estimators))
    if replicates is None:
        raise NoClosedForm(
            "risks along descent on finitely many samples are known by simulation only; give ",
            Mention("replicates"),
            ", or ",
            Call(f"simulate_descent(estimator, model, steps, samples={samples!r})"),
        )
    entropy, training_sets = entropy_of(rng), checked_replicates(replicates)
    paths = simulate_descent(
        list(estimators),
        model,
        steps,
        samples=samples,
        under=under,
        replicates=training_sets,
        rng=entropy,
        progress=progress,
        **schedule,
    )
    for estimator, path in zip(estimators, paths, strict=True):
        names = column_names(estimator)
        columns[names.theory] = np.full(len(steps), np.nan)
        columns[names.simulated] = path.mean - model.label_noise_variance
        columns[names.sem] = path.sem
    return Sweep("steps", columns, training_sets, entropy, tuple(estimators))
