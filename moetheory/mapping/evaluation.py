"""The risks of both estimators at points of a map, many at once where a formula can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import NoClosedForm
from moetheory.mapping.arguments import Axis
from moetheory.mapping.grids import covers, risks_of_cells
from moetheory.mapping.sources import Source
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk
from moetheory.sweeping.points import SweepPoint, named, require_defined
from moetheory.theory.leads import ROUNDING
from moetheory.theory.risks import unchecked_risk

UNKNOWN = Risk(np.nan, np.nan, np.array([]))


class Cells(NamedTuple):
    """Excess risks of both estimators, the lead of b and the error of asymptotic risks, (N,).

    The lead is 0 where the estimators are alike, NaN where one has no formula.
    """

    above: FloatArray
    below: FloatArray
    lead: FloatArray
    error: FloatArray


class Evaluation:
    """The two estimators of a map, evaluated at points (x, y).

    Parameters
    ----------
    source : Source
    a, b : Dense or MoE
    samples : int, (K,) integers or None
    under : Perturbation or None
    drag : float
        Of errors of routing that are an axis.
    """

    def __init__(
        self,
        source: Source,
        a: Estimator,
        b: Estimator,
        samples: Any,
        under: Perturbation | None,
        drag: float = 0.0,
    ) -> None:
        self.source, self.a, self.b = source, a, b
        self.samples, self.under, self.drag = samples, under, drag
        self.names = (source.axes[0].name, source.axes[1].name)

    def defined_points(self) -> list[SweepPoint]:
        """The points at the ends; what cannot be made or is not defined is refused.

        They are those of all values of what changes the structure, with the ends of all else:
        numbers between those ends are allowed where the ends are.
        """
        ends = [self._looked_at(axis) for axis in self.source.axes]
        points = [self._point(x, y) for x in ends[0] for y in ends[1]]
        require_defined((self.a, self.b), points)
        for point in points:
            if point.samples is not None:
                with named(point.name):
                    counts_of(point.samples, point.model)
        return points

    def _point(self, x: Any, y: Any) -> SweepPoint:
        """The model, the samples and the perturbation at (x, y)."""
        values = dict(zip(self.names, (x, y), strict=True))
        return self.source.point(values, self.samples, self.under, self.drag)

    def _looked_at(self, axis: Axis) -> list[Any]:
        values: list[Any] = axis.values.tolist()
        return values if axis.name in self.source.structural else [values[0], values[-1]]

    def of_one_formula(self, model: BlockModel) -> bool:
        """Whether all points of a structure are evaluated in one call."""
        return (
            self.samples is None
            and "samples" not in self.names
            and all(covers(each, model, self.under, self.names) for each in (self.a, self.b))
        )

    def at(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        *,
        with_error: bool = False,
        report: Callable[[int], object] | None = None,
    ) -> Cells:
        """The risks at the points (x, y), (N,) each; ``report`` hears of numbers of points done."""
        found = Cells(*np.full((4, len(x)), np.nan))
        given = dict(zip(self.names, (x, y), strict=True))
        for points in self._by_structure(given):
            values = {name: each[points] for name, each in given.items()}
            model = self.source.structure({name: each[0].item() for name, each in values.items()})
            if self.of_one_formula(model):
                self._all_at_once(found, points, model, values)
                if report is not None:
                    report(len(points))
            else:
                self._one_by_one(found, points, values, with_error, report)
        return found

    def _by_structure(self, given: dict[str, NDArray[Any]]) -> list[NDArray[np.intp]]:
        """The points of each structure."""
        names = [name for name in self.names if name in self.source.structural]
        if not names:
            return [np.arange(len(given[self.names[0]]))] if len(given[self.names[0]]) else []
        rows = np.column_stack([given[name] for name in names])
        _, which = np.unique(rows, axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        return (
            np.split(order, np.flatnonzero(np.diff(which.ravel()[order])) + 1) if len(order) else []
        )

    def _all_at_once(
        self, found: Cells, points: NDArray[np.intp], model: BlockModel, values: dict[str, Any]
    ) -> None:
        # where nothing but the structure changes, all points are alike
        as_it_is = {"label_noise_variance": np.full(len(points), model.label_noise_variance)}
        changed = self.source.others(values) or as_it_is
        above, below, lead = risks_of_cells(self.a, self.b, model, self.under, changed, self.drag)
        found.above[points], found.below[points], found.lead[points] = above, below, lead
        found.error[points] = 0.0

    def _one_by_one(
        self,
        found: Cells,
        points: NDArray[np.intp],
        values: dict[str, NDArray[Any]],
        with_error: bool,
        report: Callable[[int], object] | None,
    ) -> None:
        for index, *pair in zip(
            points, *(values[name].tolist() for name in self.names), strict=True
        ):
            at = self._point(*pair)
            with named(at.name):
                risks = [self._risk(each, at, with_error=with_error) for each in (self.a, self.b)]
            above, below = (each.excess for each in risks)
            found.above[index], found.below[index] = above, below
            found.lead[index] = _lead(*risks)
            found.error[index] = sum(each.error for each in risks if each.exactness == "asymptotic")
            if report is not None:
                report(1)

    def _risk(self, estimator: Estimator, at: SweepPoint, *, with_error: bool) -> Risk:
        try:
            return unchecked_risk(estimator, at.model, at.samples, at.under, with_error=with_error)
        except NoClosedForm:
            return UNKNOWN


def _lead(one: Risk, other: Risk) -> float:
    """The lead of the second over the first; 0 where integrals do not tell."""
    if np.isinf(one.excess) and np.isinf(other.excess):
        return 0.0
    lead = one.excess - other.excess
    unknown = ROUNDING * (one.excess + other.excess)
    unknown += sum(each.error for each in (one, other) if each.exactness == "quadrature")
    return 0.0 if abs(lead) <= unknown < np.inf else lead
