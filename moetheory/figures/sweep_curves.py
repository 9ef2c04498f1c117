"""The curves of an estimator in the figure of a sweep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.numbers import plain
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.quantities import symbol
from moetheory.figures.refinement import Grid
from moetheory.figures.series import Series
from moetheory.problem.estimators import Simulated
from moetheory.results.estimates import student_quantile
from moetheory.results.tables import Sweep, column_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


@dataclass(frozen=True)
class Curve:
    """The curve of one estimator: its theory and its simulations.

    ``series`` tells the sweep from others on the same axes.
    """

    sweep: Sweep
    estimator: Simulated
    series: Series

    @property
    def name(self) -> str:
        name = name_in_legend(self.estimator, self.sweep.estimators)
        label = self.series.label
        if label and len(self.sweep.estimators) == 1:
            return label
        return f"{name}, {label}" if label else name

    @property
    def look(self) -> style.Look:
        look = style.look_of(self.estimator, self.sweep.estimators)
        return look.another(self.series.order) if self.series.order else look

    @property
    def x(self) -> NDArray[Any]:
        return self.sweep[self.sweep.over]

    @property
    def theory(self) -> NDArray[Any]:
        return self._drawn(self.sweep.theory(self.estimator))

    def theory_on(self, grid: Grid) -> NDArray[Any]:
        """The theory on a grid of its own."""
        return self._drawn(grid.columns[column_names(self.estimator).theory])

    @property
    def error(self) -> NDArray[Any] | None:
        return self.sweep.error(self.estimator)

    @property
    def simulated(self) -> NDArray[Any]:
        """The simulated means; NaN where the expectation is infinite."""
        means = self.sweep.simulated(self.estimator)
        if means is None:
            return np.array([])
        return np.where(np.isinf(self.theory), np.nan, self._drawn(means))

    @property
    def half_intervals(self) -> NDArray[Any]:
        """Half of the 95 % intervals of the simulated means; NaN where the variance is infinite."""
        sem = self.sweep.sem(self.estimator)
        if sem is None:
            return np.array([])
        half = student_quantile(0.025, self.sweep.replicates - 1) * sem
        return np.where(np.isfinite(half), half, np.nan)

    @property
    def lacks_formula(self) -> bool:
        """Whether theory has no formula at some of the values."""
        return bool(np.isnan(self.theory).any())

    @property
    def heights(self) -> NDArray[Any]:
        """All finite heights, of theory and of simulations."""
        every = np.concatenate([self.theory, self.simulated])
        finite: NDArray[Any] = every[np.isfinite(every)]
        return finite

    def _drawn(self, column: NDArray[Any]) -> NDArray[Any]:
        """What is drawn of a column: of misclassifications the accuracy."""
        return 1.0 - column if self.sweep.loss == "sign" else column

    def draw_theory(self, ax: Axes, grid: Grid) -> Line2D:
        """Draw theory as a line; without theory, a thin line joins the simulations."""
        look = self.look
        x, y = grid.x, self.theory_on(grid)
        # the marker of the points is seen in a legend alone
        marks: dict[str, Any] = {**look.points, "markevery": []} if self.simulated.size else {}
        marks = {"color": look.colour, **marks}
        if self.lacks_formula and self.simulated.size:
            (joined,) = ax.plot(self.x, self.simulated, ":", linewidth=1.0, zorder=2, **marks)
            if np.isnan(self.theory).all():
                joined.set_label(self.name)
                return joined
        if len(x) == 1:
            marks = {"color": look.colour, "marker": "_", "markersize": 16.0}
        y = np.where(np.isfinite(y), y, np.nan)
        (line,) = ax.plot(
            x,
            y,
            linestyle=look.line,
            linewidth=style.LINE,
            label=self.name,
            zorder=2.0 + (look.line != "-") * 0.2,  # dashes are seen upon lines, not below
            **marks,
        )
        if not self.simulated.size and self.sweep.over == "experts":
            ax.plot(self.x, self.theory, linestyle="none", zorder=3, **look.points)
        return line

    def draw_simulations(self, ax: Axes) -> None:
        """Draw simulations, if there are any, as points with 95 % intervals."""
        if not self.simulated.size:
            return
        half = self.half_intervals
        known = np.where(np.isfinite(half), self.simulated, np.nan)
        ax.errorbar(self.x, known, yerr=half, zorder=3, **self.look.intervals)
        if np.isnan(half).any():
            hollow = replace(self.look, filled=False).intervals
            del hollow["elinewidth"]
            unknown = np.where(np.isfinite(half), np.nan, self.simulated)
            ax.plot(self.x, unknown, zorder=3, **hollow)

    def draw_errors(self, ax: Axes, grid: Grid) -> None:
        """Draw the error of an asymptotic formula as a band."""
        names = column_names(self.estimator)
        if names.error not in grid.columns:
            return
        theory, error = grid.columns[names.theory], grid.columns[names.error]
        bottom, top = ax.get_ylim()
        # an error may be infinite, and the band is not seen beyond the axes
        low, high = np.clip(theory - error, bottom, top), np.clip(theory + error, bottom, top)
        ax.fill_between(
            grid.x,
            low,
            high,
            where=np.isfinite(theory).tolist(),
            color=self.look.colour,
            alpha=0.2,
            linewidth=0.0,
            zorder=1,
        )

    def shade_infinities(self, ax: Axes, grid: Grid) -> None:
        """Shade where the risk is infinite."""
        for low, high in self.infinite_ranges(grid):
            half = 0.5 if self.sweep.over == "samples" else 0.0
            ax.axvspan(
                low - half,
                high + half,
                color=self.look.colour,
                alpha=0.12,
                linewidth=0.0,
                zorder=0,
                gid=BACKGROUND,
            )

    def where_infinite(self, grid: Grid) -> str:
        """Where the risk is infinite, in words; empty if nowhere."""
        ranges = self.infinite_ranges(grid)
        if not ranges:
            return ""
        shown = [
            plain(low) if low == high else f"{plain(low)} to {plain(high)}"
            for low, high in ranges[:2]
        ]
        values = ", ".join(shown + ["..."] * (len(ranges) > 2))
        return f"{self.name} at {symbol(self.sweep.over)} = {values}"

    def infinite_ranges(self, grid: Grid) -> list[tuple[float, float]]:
        """The first and the last value of each run of infinite risks."""
        column = grid.columns[column_names(self.estimator).theory]
        infinite = np.concatenate([[False], np.isinf(column), [False]])
        changes = np.flatnonzero(infinite[1:] != infinite[:-1])
        starts, stops = changes[::2], changes[1::2] - 1
        return list(zip(grid.x[starts].tolist(), grid.x[stops].tolist(), strict=True))
