"""The arguments of `phase_map`: its axes and its estimators."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.validation import number, regular_array, shown, text, whole
from moetheory.problem.estimators import Estimator, checked_estimator, routes_by_input
from moetheory.sweeping.quantities import OF_A_MODEL, PERTURBED

STRUCTURE = ("experts", "dim")  # what a factory alone can change
INTEGERS = (*STRUCTURE, "samples")
QUANTITIES = (*INTEGERS, *OF_A_MODEL, *PERTURBED)
# two that set the same numbers: the second would leave nothing of the first
CLASHES = (
    {"noise_variance", "signal_to_noise"},
    {"leakage", "leakage_variances"},
    {"interference", "interference_variances"},
)


class Axis(NamedTuple):
    """A quantity and its values, ascending; integers for `INTEGERS`."""

    name: str
    values: NDArray[Any]

    @property
    def counts(self) -> bool:
        """Whether the quantity is an integer: between two neighbours there is no model."""
        return self.name in INTEGERS


def checked_axis(argument: str, given: Any) -> Axis:
    """The axis of a pair (name, values), checked; ``argument`` is its name in errors."""
    if isinstance(given, str) or not isinstance(given, tuple | list) or len(given) != 2:
        raise ArgumentTypeError(
            argument, f'must be a pair (name, values), as ("experts", [1, 2]), got {shown(given)}'
        )
    name = text(argument, given[0])
    if name not in QUANTITIES:
        raise ArgumentError(argument, f"must name one of {', '.join(QUANTITIES)}, got {name!r}")
    values = regular_array(argument, given[1])
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ArgumentTypeError(
            argument, f"must have a sequence of numbers as values, got {shown(given[1])}"
        )
    if not np.all(np.isfinite(values)):
        bad = values[~np.isfinite(values)][0]
        raise ArgumentError(argument, f"must have finite values, got {bad}")
    if len(values) < 2:
        raise ArgumentError(argument, f"must have two values or more, got {len(values)}")
    if name in INTEGERS:
        integers = [whole(argument, value, minimum=1) for value in values.tolist()]
        values = np.array(integers, dtype=np.int64)
    else:
        values = values.astype(np.float64) + 0.0
    steps = np.flatnonzero(values[1:] <= values[:-1])
    if steps.size:
        one, other = values[steps[0]], values[steps[0] + 1]
        raise ArgumentError(argument, f"must have ascending values, got {one:g} before {other:g}")
    return Axis(name, values)


def checked_axes(x: Any, y: Any, samples: Any) -> tuple[Axis, Axis]:
    """Both axes, checked, also against each other and against ``samples``."""
    across, up = checked_axis("x", x), checked_axis("y", y)
    names = {across.name, up.name}
    if len(names) == 1:
        raise ArgumentError("y", f"must name another quantity than x, got {up.name!r} twice")
    if names in CLASHES:
        raise ArgumentError(
            "y",
            f"must not be {up.name!r} where x is {across.name!r}: both set the same variances",
        )
    if samples is not None and "samples" in names:
        raise ArgumentError(
            "samples", 'must not be given where "samples" is an axis of the map, got ', samples
        )
    return across, up


def checked_drag(drag: float, axes: tuple[Axis, Axis]) -> float:
    """The drag, checked; it belongs to errors of routing that are an axis."""
    drag = number("drag", drag)
    names = [axis.name for axis in axes]
    if drag and "misrouting" not in names:
        raise ArgumentError(
            "drag",
            f'is for "misrouting" as an axis only, got {drag:g} over {" and ".join(names)}; '
            "elsewhere it is a part of ",
            Mention("under"),
        )
    return drag


def checked_pair(a: Estimator, b: Estimator) -> tuple[Estimator, Estimator]:
    """Two different estimators."""
    a, b = checked_estimator(a, "a"), checked_estimator(b, "b")
    if a == b:
        raise ArgumentError("b", "must differ from ", Mention("a"), ", got ", b, " twice")
    if a.label == b.label:  # of long assignments, or ridges alike in their digits
        raise ArgumentError("b", f"must have another label than a, got {b.label!r} twice")
    return a, b


def require_routing_known(axes: tuple[Axis, Axis], a: Estimator, b: Estimator) -> None:
    """Refuse gates that read the input where the errors of routing are an axis, or a radius."""
    for argument, axis in zip(("x", "y"), axes, strict=True):
        for estimator in (a, b):
            if axis.name in ("misrouting", "radius") and routes_by_input(estimator):
                raise ArgumentError(
                    argument,
                    f"must not be {axis.name!r} with a gate that reads the input, whose errors "
                    "depend on the input, got ",
                    estimator,
                )
