"""The function `phase_map`: which of two estimators wins, over two quantities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentTypeError
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import shown
from moetheory.mapping import borders
from moetheory.mapping.arguments import (
    Axis,
    checked_axes,
    checked_drag,
    checked_pair,
    require_routing_known,
)
from moetheory.mapping.border_lines import joined, joined_along, squares_of
from moetheory.mapping.evaluation import Evaluation
from moetheory.mapping.sources import Source
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.maps import NO_FORMULA, TIE, PhaseMap, stepped_axis
from moetheory.sweeping.points import setting_of

PER_ROOT = 10  # evaluations that a point of the border takes, for the time left


def phase_map(
    model: BlockModel | Callable[..., BlockModel],
    x: tuple[str, Sequence[Any] | NDArray[Any]],
    y: tuple[str, Sequence[Any] | NDArray[Any]],
    a: Estimator = Dense(),  # noqa: B008 - it is frozen
    b: Estimator = MoE(),  # noqa: B008 - it is frozen
    *,
    samples: ArrayLike | None = None,
    under: Perturbation | None = None,
    drag: float = 0.0,
    progress: Report | bool | None = None,
) -> PhaseMap:
    r"""Which of two estimators has the smaller risk over two quantities, by how much, the border.

    Every cell of the grid has the risks that `risk` has there. The border is not read off the grid:
    along every row and every column of it, between neighbours of different order, the root of
    :math:`R_a - R_b` is found. Two changes of the order between neighbours are missed. Between two
    integers there is no model: over an integer and a real quantity roots are those of the real one.

    Parameters
    ----------
    model : BlockModel or callable
        The model; or a factory, of which quantities that it has as parameters are arguments by
        name. ``functools.partial(BlockModel.isotropic, dim=64, noise_variance=1.0)`` takes
        ``experts``. All other quantities are changed in the model.
    x, y : pair (name, values)
        Two different quantities, each with two or more ascending values:

        - "experts", "dim": arguments of a factory. "samples": the size of the training sets;
        - "noise_variance", "leakage_variances", "interference_variances",
          "label_noise_variance": one number for all coordinates;
        - "smallest_probability", at most 1/K: the smallest :math:`p_g` becomes the value, the
          others keep their proportions;
        - "signal_to_noise": all noise variances are scaled, so that
          :math:`\sum_mp_{g(m)}\lambda_m / \sum_mp_{g(m)}n_m`, for isotropic blocks
          :math:`\lambda/\sigma^2`, is the value;
        - "leakage", "interference", "overlap": the amplitude :math:`\alpha`, as for `sweep`;
        - "test_noise_variance", "misrouting", "erasure", "radius": at test time, as for `sweep`.

        If both are of the model they are changed in the order of this list.
    a, b : Dense or MoE
    samples : int or (K,) integers, optional
        Fit both estimators on so many samples. Infinitely many if not given.
    under : Perturbation, optional
        What differs at test time; its quantities that are axes are replaced.
    drag : float
        :math:`\eta` of inputs that are misrouted, where "misrouting" is an axis; the drag of
        ``under`` if not given.
    progress : callable or bool, optional
        Called as ``progress(done, total)`` in risks of cells and of the search of the border; the
        total is an estimate. True: a line on stderr.

    Returns
    -------
    PhaseMap
        ``print`` says who wins where. Where an estimator has no formula the cell is NaN. The
        border over two integers has, for each value of the axis with fewer values, the middles
        between neighbours on the other one, of those that can be made, of different orders.

    Raises
    ------
    ValueError
        An axis has an unknown quantity, or one that the model cannot take, fewer than two values,
        or values that are not ascending or out of range; both axes have one quantity, or two that
        set the same numbers; ``a`` is ``b``; an estimator is not defined at a point; there is a
        drag without misrouting as an axis.
    NoClosedForm
        An estimator is a function.

    Notes
    -----
    At infinitely many samples, and with oracle routing, all cells of one structure are evaluated
    in one call, in bounded memory; else they are evaluated one by one. Source: docs/theory.md §7.

    Examples
    --------
    >>> from functools import partial
    >>> factory = partial(BlockModel.isotropic, dim=16, noise_variance=1.0, signal_energy=16.0)
    >>> found = phase_map(factory, ("experts", [2, 4, 8, 16]), ("misrouting", [0.1, 0.5, 0.9]))
    >>> print(found)
    dense or moe over experts (2 to 16) and misrouting (0.1 to 0.9), 12 cells
    moe wins in 33.3 % of the cells, by up to a factor of 3.16 (at experts 16, misrouting 0.1)
    dense wins in 66.7 % of the cells, by up to a factor of 2.27 (at experts 2, misrouting 0.9)
    the order changes at 4 points of the border

    The oracle may err at a rate of :math:`(K-1)(1+r)/((K+r)(2+r))`, with the signal-to-noise ratio
    r, here K, before dense is better:

    >>> found.border[:, 0].tolist(), found.border[:, 1].tolist()
    ([2.0, 4.0, 8.0, 16.0], [0.1875, 0.3125, 0.39375, 0.442708])
    """
    with reporting(progress, "map", unit="risks") as report:
        a, b = checked_pair(a, b)
        if under is not None and not isinstance(under, Perturbation):
            raise ArgumentTypeError("under", f"must be a Perturbation, got {shown(under)}")
        axes = checked_axes(x, y, samples)
        require_routing_known(axes, a, b)
        source = Source(model, axes)
        evaluation = Evaluation(source, a, b, samples, under, checked_drag(drag, axes))
        setting = setting_of(evaluation.defined_points())
        return _Mapper(evaluation, axes, setting, report).map()


class _Mapper:
    """A map in the making: its cells, then its border."""

    def __init__(
        self,
        evaluation: Evaluation,
        axes: tuple[Axis, Axis],
        setting: dict[str, float],
        report: Report | None,
    ) -> None:
        self.evaluation, self.axes, self.setting, self.report = evaluation, axes, setting, report
        self.done, self.total = 0, len(axes[0].values) * len(axes[1].values)

    def map(self) -> PhaseMap:
        """The whole map."""
        (x, y), asked = self.axes, self.evaluation
        across, up = (each.ravel() for each in np.meshgrid(x.values, y.values))
        cells = asked.at(across, up, with_error=True, report=self._count)
        points, lines = self._border(cells.lead.reshape(len(y.values), len(x.values)))
        if self.report is not None:
            self.report(self.total, self.total)
        columns = {
            x.name: across,
            y.name: up,
            asked.a.label: cells.above,
            asked.b.label: cells.below,
            "winner": _winners(cells.lead, asked.a.label, asked.b.label),
        }
        if np.any(cells.error > 0.0):
            columns["error"] = cells.error
        return PhaseMap(
            x.name,
            y.name,
            asked.a,
            asked.b,
            columns,
            points,
            lines,
            np.array(asked.samples) if np.ndim(asked.samples) else asked.samples,
            asked.under,
            self.setting,
        )

    def _count(self, risks: int) -> None:
        self.done += risks
        if self.report is not None:
            self.report(min(self.done, self.total - 1), self.total)

    def _border(self, lead: FloatArray) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        """The points (N, 2) of the border, those of rows first, and the lines through them."""
        stepped = stepped_axis(*(axis.values for axis in self.axes))
        sought = [0, 1] if stepped is None else [1 - stepped]
        brackets = {along: borders.brackets(lead if along == 0 else lead.T) for along in sought}
        self.total += PER_ROOT * sum(len(each.line) for each in brackets.values())
        found = [self._points(each, along) for along, each in brackets.items()]
        points = np.concatenate([each for each, _ in found])
        known = [each for _, each in found]
        if stepped is not None:
            return points, joined_along(points, known[0].line, known[0].ahead)
        squares = [
            places
            for along, (roots, each) in enumerate(found)
            for places in squares_of(
                "xy"[along], each.line, roots[:, along], self.axes[along].values.astype(np.float64)
            )
        ]
        return points, joined(points, squares)

    def _points(
        self, brackets: borders.Brackets, along: int
    ) -> tuple[FloatArray, borders.Brackets]:
        """The points (E, 2) at which the order changes along an axis, and their brackets."""
        roots = self._roots(brackets, along)
        known = np.isfinite(roots)
        brackets = brackets.only(known)
        others = self.axes[1 - along].values[brackets.line].astype(np.float64)
        pair = (roots[known], others) if along == 0 else (others, roots[known])
        return np.column_stack(pair), brackets

    def _roots(self, brackets: borders.Brackets, along: int) -> FloatArray:
        """The values of an axis at which the order changes, (E,), along its lines."""
        if not brackets.line.size:
            return np.empty(0)
        axis, other = self.axes[along], self.axes[1 - along]
        fixed = other.values[brackets.line]

        def pair(values: Any, index: Any) -> tuple[Any, Any]:
            given = (values, fixed[index])
            return given if along == 0 else (given[1], given[0])

        def share_at(values: NDArray[Any], index: NDArray[np.int64]) -> FloatArray:
            cells = self.evaluation.at(*pair(values, index), report=self._count)
            return borders.relative(cells.above, cells.below, cells.lead)

        ends = axis.values[brackets.left], axis.values[brackets.right]
        if not axis.counts:
            return borders.real_roots(*ends, share_at)

        def can_be_made(value: int, index: int) -> bool:
            values = dict(zip(self.evaluation.names, pair(value, index), strict=True))
            return self.evaluation.source.can_be_made(values)

        return borders.integer_changes(*ends, brackets.ahead, share_at, can_be_made)


def _winners(lead: FloatArray, a: str, b: str) -> NDArray[np.str_]:
    """The labels of the better estimators."""
    return np.select([lead > 0.0, lead < 0.0, lead == 0.0], [b, a, TIE], NO_FORMULA)
