"""The points of a sweep: at each value a model, its samples and its perturbation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import block_sums
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention, NoClosedForm
from moetheory.common.validation import number, shown
from moetheory.predictors.perturbed_risks import require_defined_perturbation
from moetheory.problem.estimators import MoE, Simulated, resolved_gate
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.order_changes import AMPLITUDES

NUMBERS = (  # of a model
    "noise_variance",
    "leakage_variances",
    "interference_variances",
    "label_noise_variance",
)
PERTURBED = ("test_noise_variance", "misrouting", "erasure", "radius")
QUANTITIES = (*NUMBERS, *AMPLITUDES, "samples", "steps", *PERTURBED)


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
    """What is the same at all points and one number, as `Sweep.setting` has it."""
    settings = [dict(_facts(point)) for point in points]
    return {
        name: value
        for name, value in settings[0].items()
        if all(each.get(name) == value for each in settings)
    }


def _facts(point: SweepPoint) -> Iterator[tuple[str, float]]:
    """Names and values of what is one number at a point."""
    model, under = point.model, point.under
    yield "dim", model.dim
    yield "experts", model.experts
    if isinstance(model.noise_variance, float):
        yield "noise_variance", model.noise_variance
    energies = block_sums(model.signal_variances, model.block_of)
    if np.allclose(energies, energies[0], rtol=1e-9):
        yield "signal_energy", float(energies[0])
    samples = np.inf if point.samples is None else np.sum(point.samples)
    yield "samples", float(samples)
    if under is not None:
        if isinstance(under.noise_variance, float):
            yield "test_noise_variance", under.noise_variance
        for name in ("drag", "erasure", "radius"):
            if getattr(under, name):
                yield name, float(getattr(under, name))


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
            return SweepPoint(name, checked_model(model(value)), samples, under)
        if over in PERTURBED:
            under = _perturbed(under or Perturbation(), over, value, model.experts, drag)
        elif over in AMPLITUDES:
            amplitude = number(over, value, minimum=0.0, below=1e150)  # it will be squared
            model = _with_amplitude(model, over, amplitude)
        elif over in NUMBERS:
            model = model.replace(**{over: value})
    return SweepPoint(name, model, samples, under)


def _with_amplitude(model: BlockModel, over: str, amplitude: float) -> BlockModel:
    r"""The model with leakage, interference or overlap of an ``amplitude`` :math:`\alpha`."""
    variances = amplitude**2 * model.signal_variances
    if over == "overlap":
        return model.replace(noise_variance=model.noise_variance + variances)
    return model.replace(**{f"{over}_variances": variances})


def _perturbed(
    under: Perturbation, over: str, value: Any, experts: int, drag: float
) -> Perturbation:
    """The perturbation ``under`` with ``value`` for the swept quantity."""
    if over == "test_noise_variance":
        return under.replace(noise_variance=value)
    if over == "misrouting":
        return under.replace(confusion=even_confusion(experts, value), drag=drag or under.drag)
    return under.replace(**{over: value})


@contextmanager
def named(place: str) -> Iterator[None]:
    """Begin the messages of errors with the point at which they are raised."""
    try:
        yield
    except (ArgumentError, NoClosedForm) as error:
        error.place = f"at {place}: "
        raise
