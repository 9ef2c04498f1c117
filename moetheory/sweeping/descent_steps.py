"""Tables of risks along gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.errors import NoClosedForm
from moetheory.common.seeding import RNG, entropy_of
from moetheory.common.validation import count
from moetheory.problem.descent_schedule import StepSize, TrainingMode, checked_steps
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
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
    progress: Callable[[int, int], None] | None,
) -> Sweep:
    """The table of `sweep` over steps: from theory, or simulated on ``samples``."""
    if not isinstance(model, BlockModel):
        raise ValueError(f'model must be a BlockModel with over="steps", got {model!r}')
    steps = checked_steps(values, name='values with over="steps"')
    schedule: dict[str, Any] = {"step_size": step_size, "training": training}
    columns: dict[str, Any] = {"steps": steps.copy()}
    if samples is None:
        for name, value in (("replicates", replicates), ("under", under)):
            if value is not None:
                raise ValueError(
                    f'{name} needs samples with over="steps": without them descent is on '
                    f"infinitely many samples and known in closed form, got {name}={value!r}"
                )
        for estimator in estimators:
            columns[column_names(estimator).theory] = descent(
                estimator, model, steps, **schedule
            ).excess
        return Sweep("steps", columns, 0, None, tuple(estimators))
    if replicates is None:
        raise NoClosedForm(
            "risks along descent on finitely many samples are known by simulation only; give "
            f"replicates, or call simulate_descent(estimator, model, steps, samples={samples!r})"
        )
    entropy, training_sets = entropy_of(rng), count("replicates", replicates, minimum=2)
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
