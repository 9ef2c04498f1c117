"""The curves of an estimator in the figure of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.labels import NINETY_FIVE, literal
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, MoE, Simulated, one_each, routes_by_input
from moetheory.results.estimates import student_quantile
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: dict[Simulated, str] = {Dense(): style.DENSE, MoE(): style.EXPERTS}
_OTHER_COLOURS = ("C2", "C4", "C1", "C5", "C6")  # not the red and blue of the two above
_MARKERS = ("s", "o", "^", "v", "D")
_VARIANT_LINES = ("-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)))
SYMBOLS = {
    "experts": "K",
    "noise_variance": r"$\sigma^2$",
    "samples": "n",
    "steps": "t",
    "test_noise_variance": r"$\sigma_o^2$",
    "misrouting": r"$\varepsilon$",
    "leakage": r"$\alpha$",
    "interference": r"$\alpha$",
    "overlap": r"$\alpha$",
    "erasure": r"$\tau$",
    "radius": "radius",
}


@dataclass(frozen=True)
class Curve:
    """The curve of one estimator: its theory and its simulations."""

    sweep: Sweep
    estimator: Simulated
    order: int

    @property
    def name(self) -> str:
        return name_in_legend(self.estimator, self.sweep.estimators)

    @property
    def name_with_error(self) -> str:
        return f"{self.name} $\\pm$ error of the formula"

    @property
    def name_of_simulations(self) -> str:
        return f"{self.name}, simulated ({NINETY_FIVE})"

    def name_of_infinities(self, among: Sequence[Curve] = ()) -> str:
        """Where the risk is infinite; of several mixtures that share these values, as experts."""
        ends = self.infinite_ranges
        shown = [f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ends[:2]]
        values = ", ".join(shown + ["..."] * (len(ends) > 2))
        over = self.sweep.over
        alike = [each for each in among if each.infinite_ranges == ends]
        experts = len(alike) > 1 and all(isinstance(each.estimator, MoE) for each in alike)
        name = "experts" if experts else self.name
        return f"{name} infinite at {SYMBOLS.get(over, literal(over))} = {values}"

    @property
    def is_variant(self) -> bool:
        """Whether it is a mixture with another gate, with groups that share, or a shared expert."""
        if isinstance(self.estimator, Custom):
            return False
        return routes_by_input(self.estimator) or not one_each(self.estimator)

    @property
    def colour(self) -> str:
        if self.is_variant:
            return style.VARIANTS[(self.order - 2) % len(style.VARIANTS)]
        return _COLOURS.get(self.estimator, _OTHER_COLOURS[self.order % len(_OTHER_COLOURS)])

    @property
    def line(self) -> Any:
        # variants may coincide with what they derive from, which must be seen below
        return _VARIANT_LINES[(self.order - 2) % len(_VARIANT_LINES)] if self.is_variant else "-"

    @property
    def x(self) -> NDArray[Any]:
        return self.sweep[self.sweep.over]

    @property
    def theory(self) -> NDArray[Any]:
        return self._drawn(self.sweep.theory(self.estimator))

    @property
    def error(self) -> NDArray[Any] | None:
        return self.sweep.error(self.estimator)

    @property
    def has_errors_or_infinities(self) -> bool:
        """Whether the curve has errors or infinities to draw."""
        return self.error is not None or bool(np.isinf(self.theory).any())

    @property
    def simulated(self) -> NDArray[Any]:
        """The simulated means; NaN where the expectation is infinite."""
        means = self.sweep.simulated(self.estimator)
        if means is None:
            return np.array([])
        return np.where(np.isinf(self.theory), np.nan, self._drawn(means))

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

    def draw_theory(self, ax: Axes, look: Mapping[str, Any]) -> None:
        """Draw theory as a line; without theory, a thin line joins the simulations."""
        looks: dict[str, Any] = {"color": self.colour, "zorder": 2, **look}
        if self.lacks_formula and self.simulated.size:
            ax.plot(self.x, self.simulated, linestyle=":", linewidth=1.0, label=self.name, **looks)
            looks["label"] = "_"  # its values of theory need no entry of their own
        ax.plot(self.x, self.theory, **{"label": self.name, "linestyle": self.line, **looks})

    def draw_simulations(self, ax: Axes) -> None:
        """Draw simulations, if there are any, as points with 95 % intervals."""
        sem = self.sweep.sem(self.estimator)
        if sem is None:
            return
        half = student_quantile(0.025, self.sweep.replicates - 1) * sem
        half = np.where(np.isfinite(half), half, np.nan)  # infinite variance: a point, no bar
        ax.errorbar(
            self.x,
            self.simulated,
            yerr=half,
            fmt=_MARKERS[self.order % len(_MARKERS)],
            markersize=6.5 - 2.5 * self.order if self.order < 2 else 6 if self.is_variant else 4,
            markerfacecolor="none" if self.order == 0 or self.is_variant else self.colour,
            capsize=3,
            color=self.colour,
            label=self.name_of_simulations,
            zorder=3,
        )

    def draw_errors(self, ax: Axes) -> None:
        """Draw the error of an asymptotic formula as a band."""
        if self.error is None:
            return
        bottom, top = ax.get_ylim()
        # an error may be infinite, and the band is not seen beyond the axes
        below = bottom / 10.0 if ax.get_yscale() == "log" else 2.0 * bottom - top
        low = np.maximum(self.theory - self.error, below)
        high = np.minimum(self.theory + self.error, 10.0 * top)
        ax.fill_between(
            self.x,
            low,
            high,
            where=np.isfinite(self.theory).tolist(),
            color=self.colour,
            alpha=0.2,
            linewidth=0.0,
            zorder=1,
            label=self.name_with_error,
        )

    def draw_infinities(self, ax: Axes, among: Sequence[Curve] = ()) -> None:
        """Draw dotted lines around each range of values at which the risk is infinite."""
        label: str | None = self.name_of_infinities(among)
        for low, high in self.infinite_ranges:
            ax.axvspan(low, high, color=self.colour, alpha=0.05, linewidth=0.0, zorder=0)
            for end in sorted({low, high}):
                ax.axvline(end, color=self.colour, ls=":", lw=1.0, zorder=1, label=label)
                label = None

    @property
    def infinite_ranges(self) -> list[tuple[float, float]]:
        """The first and the last value of each run of infinite risks."""
        infinite = np.concatenate([[False], np.isinf(self.theory), [False]])
        changes = np.flatnonzero(infinite[1:] != infinite[:-1])
        starts, stops = changes[::2], changes[1::2] - 1
        return list(zip(self.x[starts].tolist(), self.x[stops].tolist(), strict=True))
