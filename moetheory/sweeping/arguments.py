"""The arguments of `sweep`: their types and checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.seeding import RNG
from moetheory.common.validation import members, number, regular_array, shown, text, whole
from moetheory.problem.custom_estimators import Fit
from moetheory.problem.descent_schedule import StepSize, TrainingMode, checked_training
from moetheory.problem.estimators import Dense, MoE, Simulated, checked_simulated
from moetheory.problem.losses import Loss, checked_loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.tables import column_names
from moetheory.simulation.runs.options import ExecutionOptions, WorkKeywords
from moetheory.sweeping.points import SweepPoint, points_of


class SweepKeywords(WorkKeywords, total=False):
    """The keyword arguments of `sweep`."""

    samples: ArrayLike | None
    under: Perturbation | None
    drag: float
    loss: Loss
    step_size: StepSize
    training: TrainingMode
    replicates: int | None
    rng: RNG


@dataclass(frozen=True, eq=False)
class SweepArguments:
    """The arguments of `sweep`, checked; ``work`` has those that say how it is simulated."""

    model: BlockModel | Callable[[Any], BlockModel]
    over: str
    grid: np.ndarray[Any, Any]
    estimators: list[Simulated]
    samples: ArrayLike | None
    under: Perturbation | None
    drag: float
    loss: Loss
    step_size: StepSize
    training: TrainingMode
    replicates: int | None
    rng: RNG
    work: WorkKeywords

    @classmethod
    def of(
        cls,
        model: BlockModel | Callable[[Any], BlockModel],
        over: str,
        values: Sequence[Any] | np.ndarray[Any, Any],
        estimators: Sequence[Simulated | Fit] = (Dense(), MoE()),
        *,
        samples: ArrayLike | None = None,
        under: Perturbation | None = None,
        drag: float = 0.0,
        loss: Loss = "squared",
        step_size: StepSize = "optimal",
        training: TrainingMode = "own",
        replicates: int | None = None,
        rng: RNG = None,
        **work: Unpack[WorkKeywords],
    ) -> Self:
        """The arguments, checked as far as they can be without the points."""
        if not (isinstance(model, BlockModel) or callable(model)):
            raise ArgumentTypeError(
                "model", f"must be a BlockModel or a function of a value, got {shown(model)}"
            )
        grid = _grid(text("over", over), values)
        checked = [
            checked_simulated(estimator, f"estimators[{i}]")
            for i, estimator in enumerate(members("estimators", estimators, of="estimators"))
        ]
        labels = [estimator.label for estimator in checked]
        if not labels or len(set(labels)) < len(labels):
            raise ArgumentError("estimators", f"must be different and at least one, got {labels}")
        _require_free_name(over, checked)
        drag, loss = number("drag", drag), checked_loss(loss)
        ExecutionOptions(rng=rng, **work)  # checks them
        if drag and not (over == "misrouting" and isinstance(model, BlockModel)):
            raise ArgumentError(
                "drag",
                "is for ",
                Mention("over", "misrouting"),
                f" of a BlockModel only, got {drag:g} with ",
                Mention("over", over),
                "; elsewhere it is a part of ",
                Mention("under"),
            )
        checked_training(training)
        if over != "steps":
            _require_defaults(over, step_size=(step_size, "optimal"), training=(training, "own"))
        elif loss == "sign":
            raise ArgumentError(
                "loss",
                'must be "squared" with ',
                Mention("over", "steps"),
                ', along which misclassification is not known, got "sign"',
            )
        return cls(
            model,
            over,
            grid,
            checked,
            samples,
            under,
            drag,
            loss,
            step_size,
            training,
            replicates,
            rng,
            work,
        )

    def at(self, values: Any) -> Self:
        """The question in theory alone, at other ``values``."""
        return replace(self, grid=_grid(self.over, values), replicates=None)

    def points(self) -> list[SweepPoint]:
        """The points of the sweep, one for each value; not over steps."""
        return points_of(self.model, self.over, self.grid, self.samples, self.under, self.drag)


def _require_defaults(over: str, **settings: tuple[Any, str]) -> None:
    """Refuse settings of gradient descent, each with its default, where nothing descends."""
    for name, (value, default) in settings.items():
        if not (isinstance(value, str) and value == default):
            raise ArgumentError(
                name,
                "is for ",
                Mention("over", "steps"),
                f" only, got {shown(value)} with ",
                Mention("over", over),
            )


def _require_free_name(over: str, estimators: Sequence[Simulated]) -> None:
    """Refuse a name of the swept quantity that another column may have."""
    if over in {"bound"}.union(*map(column_names, estimators)):
        labels = ", ".join(estimator.label for estimator in estimators)
        raise ArgumentError(
            "over", f"must be a name that is no other column's (bound, {labels}), got {over!r}"
        )


def _grid(over: str, values: Any) -> np.ndarray[Any, Any]:
    """The values as a new array; integers if they are numbers of samples."""
    grid = regular_array("values", values)
    if grid.ndim != 1 or grid.size == 0 or grid.dtype.kind not in "iuf":
        raise ArgumentError(
            "values", f"must be a non-empty sequence of numbers, got {shown(values)}"
        )
    if not np.all(np.isfinite(grid)):
        raise ArgumentError("values", f"must be finite, got {grid[~np.isfinite(grid)][0]}")
    if over != "samples":
        return grid.copy()
    return np.array([whole("values", value, minimum=1) for value in grid.tolist()], dtype=np.int64)
