"""The models of a map: one for each value of what changes the structure, from a factory."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import shown
from moetheory.mapping.arguments import INTEGERS, STRUCTURE, Axis
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.sweeping.points import SweepPoint, named, point_with

FACTORY = "functools.partial(BlockModel.isotropic, dim=64, noise_variance=1.0)"
# what these constructors keep as it is given, so that it may be changed in their models too
KEEPING = (BlockModel.isotropic, BlockModel.power_law)
KEPT = ("noise_variance", "label_noise_variance", "interference_variances")


class Source:
    """Where the models of the cells come from: a `BlockModel`, or a factory called by name.

    A factory is called once for each value of what it takes. All other quantities are changed in
    the models that it returns.

    Parameters
    ----------
    model : BlockModel or callable
    axes : pair of Axis
    """

    def __init__(self, model: BlockModel | Callable[..., BlockModel], axes: tuple[Axis, Axis]):
        self.model, self.axes = model, axes
        self._made: dict[tuple[Any, ...], BlockModel | ArgumentError] = {}
        if isinstance(model, BlockModel):
            self.taken: tuple[str, ...] = ()
            self._require_no_structure()
        elif callable(model):
            self.taken = self._taken(model)
        else:
            raise ArgumentTypeError(
                "model",
                f"must be a BlockModel or a factory such as {FACTORY}, got {shown(model)}",
            )

    def _require_no_structure(self) -> None:
        """Refuse axes that no model takes: it has so many experts and coordinates as it has."""
        for argument, axis in zip(("x", "y"), self.axes, strict=True):
            if axis.name in STRUCTURE:
                raise ArgumentError(
                    argument,
                    f"must not be {axis.name!r} for a BlockModel, in which it is fixed; give as "
                    f"the model a factory that takes {axis.name}, such as {FACTORY}",
                )

    def _taken(self, factory: Callable[..., BlockModel]) -> tuple[str, ...]:
        """The quantities on which the structure depends: those that the factory takes."""
        try:
            parameters = inspect.signature(factory).parameters
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "model", f"must be a factory with a signature, got {shown(factory)}"
            ) from None
        open_to_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        byname = {
            name
            for name, each in parameters.items()
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        }
        for argument, axis in zip(("x", "y"), self.axes, strict=True):
            if axis.name in STRUCTURE and axis.name not in byname and not open_to_all:
                raise ArgumentError(
                    argument,
                    f"must not be {axis.name!r} for a factory without a parameter of this name, "
                    f"got one of ({', '.join(parameters)})",
                )
        names = tuple(
            axis.name
            for axis in self.axes
            if axis.name != "samples"
            and (axis.name in byname or (open_to_all and axis.name in STRUCTURE))
        )
        self._require_callable(factory, names)
        return names

    def _require_callable(self, factory: Callable[..., BlockModel], names: tuple[str, ...]) -> None:
        """Refuse a factory that needs more than the quantities that it is given."""
        try:
            inspect.signature(factory).bind(**dict.fromkeys(names))
        except TypeError as error:
            given = ", ".join(f"{name}=..." for name in names)
            raise ArgumentError(
                "model", f"must be a factory that can be called with ({given}): {error}"
            ) from None

    @functools.cached_property
    def structural(self) -> tuple[str, ...]:
        """The quantities for whose values models are made anew."""
        factory: Any = self.model
        while isinstance(factory, functools.partial):
            factory = factory.func
        kept = KEPT if factory in KEEPING else ()
        return tuple(name for name in self.taken if name not in kept)

    def structure(self, values: Mapping[str, Any]) -> BlockModel:
        """The model before those quantities are changed that do not change the structure."""
        if isinstance(self.model, BlockModel):
            return self.model
        first = {axis.name: axis.values.tolist()[0] for axis in self.axes}
        given = {name: (values if name in self.structural else first)[name] for name in self.taken}
        given = {name: int(v) if name in INTEGERS else v for name, v in given.items()}
        key = tuple(given[name] for name in self.structural)
        if key not in self._made:
            try:
                self._made[key] = checked_model(self.model(**given))
            except ArgumentError as error:
                self._made[key] = error
        found = self._made[key]
        if isinstance(found, ArgumentError):
            raise found
        return found

    def can_be_made(self, values: Mapping[str, Any]) -> bool:
        """Whether the factory makes a model of these values."""
        try:
            self.structure(values)
        except ArgumentError:
            return False
        return True

    def others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that are changed in the model of the `structure`."""
        apart = (*self.structural, "samples")
        return {name: value for name, value in values.items() if name not in apart}

    def point(
        self,
        values: Mapping[str, Any],
        samples: Any,
        under: Perturbation | None,
        drag: float = 0.0,
    ) -> SweepPoint:
        """The model, the samples and the perturbation at values of both quantities, checked."""
        name = ", ".join(f"{key}={value:g}" for key, value in values.items())
        with named(name):
            model = self.structure(values)
            samples = int(values["samples"]) if "samples" in values else samples
            return point_with(model, self.others(values), samples, under, drag, name=name)
