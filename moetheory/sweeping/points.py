"""The points of a sweep: at each value a model, its samples and its perturbation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention, NoClosedForm
from moetheory.common.validation import shown
from moetheory.predictors.perturbed_risks import require_defined_perturbation
from moetheory.problem import settings
from moetheory.problem.estimators import MoE, Simulated, resolved_gate
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.settings import shared
from moetheory.sweeping.quantities import (
    NUMBERS,
    OF_A_MODEL,
    PERTURBED,
    SCALED,
    perturbed_by,
    with_quantity,
)
from moetheory.theory.order_changes import AMPLITUDES

QUANTITIES = (*NUMBERS, *AMPLITUDES, *SCALED, "samples", "steps", *PERTURBED)


class SweepPoint(NamedTuple):
    """One point of a sweep, at which estimators are evaluated; ``name`` has its value."""

    name: str
    model: BlockModel
    samples: ArrayLike | None
    under: Perturbation | None


def points_of(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    grid: np.ndarray[Any, Any],
    samples: ArrayLike | None,
    under: Perturbation | None,
    drag: float,
) -> list[SweepPoint]:
    """The points of a sweep, one for each value of ``grid``."""
    if over == "samples" and samples is not None:
        raise ArgumentError(
            "samples",
            "must not be given with ",
            Mention("over", "samples"),
            f", whose values they are, got {samples!r}",
        )
    if under is not None and not isinstance(under, Perturbation):
        raise ArgumentTypeError("under", f"must be a Perturbation, got {shown(under)}")
    if isinstance(model, BlockModel):
        if over not in QUANTITIES:
            raise ArgumentError("over", f"must be one of {', '.join(QUANTITIES)}, got {over!r}")
        if over == "interference" and model.experts == 1:
            raise ArgumentError(
                "over",
                'must not be "interference" for one group, whose block is never inactive',
            )
    return [_point(model, over, value, samples, under, drag) for value in grid.tolist()]


def setting_of(points: Sequence[SweepPoint]) -> dict[str, float]:
    """What is the same at all points, as `Sweep.setting` has it."""
    return shared([settings.setting_of(*point[1:]) for point in points])


def require_defined(estimators: Sequence[Simulated], points: Sequence[SweepPoint]) -> None:
    """Refuse, before the work, estimators that are not defined at one of the points."""
    for estimator in estimators:
        for point in points:
            with named(point.name):
                if isinstance(estimator, MoE):  # refuse too many experts, and another assignment
                    resolved_gate(estimator, point.model)
                if point.under is not None:
                    require_defined_perturbation(point.under, estimator, point.model)


def _point(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    value: Any,
    samples: ArrayLike | None,
    under: Perturbation | None,
    drag: float,
) -> SweepPoint:
    """The point of a sweep at one value."""
    name = f"{over}={value}"
    if over == "samples":
        samples = value
    with named(name):
        if not isinstance(model, BlockModel):
            return SweepPoint(name, checked_model(_made(model, over, value)), samples, under)
        return point_with(model, {over: value}, samples, under, drag, name=name)


def _made(factory: Callable[..., Any], over: str, value: Any) -> Any:
    """What a factory makes of a value: by name if it has such a parameter, else as its first."""
    try:
        named_so = inspect.signature(factory).parameters.get(over)
    except (TypeError, ValueError):  # of a builtin
        named_so = None
    if named_so is None or named_so.kind is named_so.POSITIONAL_ONLY:
        return factory(value)
    return factory(**{over: value})


def point_with(
    model: BlockModel,
    values: Mapping[str, Any],
    samples: ArrayLike | None,
    under: Perturbation | None,
    drag: float = 0.0,
    *,
    name: str,
) -> SweepPoint:
    """The point at the ``values`` of quantities other than steps and samples, by their names."""
    for over in OF_A_MODEL:
        if over in values:
            model = with_quantity(model, over, values[over])
    for over in PERTURBED:
        if over in values:
            given = under or Perturbation()
            under = perturbed_by(given, over, values[over], model.experts, drag)
    return SweepPoint(name, model, samples, under)


@contextmanager
def named(place: str) -> Iterator[None]:
    """Begin the messages of errors with the point at which they are raised."""
    try:
        yield
    except (ArgumentError, NoClosedForm) as error:
        error.place = f"at {place}: "
        raise
