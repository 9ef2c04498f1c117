"""The curves of an estimator in the figure of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.figures.labels import NINETY_FIVE, literal
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.gates import Gate, Learned, Oracle, Soft
from moetheory.results.estimates import student_quantile
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: dict[Estimator, str] = {Dense(): "#b2432f", MoE(): "#1f5f8b"}
_OTHER_COLOURS = ("C2", "C4", "C1", "C5", "C6")  # not the red and blue of the two above
_MARKERS = ("s", "o", "^", "v", "D")
GATE_COLOURS = ("#3a8f5c", "#d98500", "#7b4fa3", "#2b9fb3", "#8c6d46")
_GATE_LINES = ("-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)))
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
    estimator: Estimator
    order: int

    @property
    def name(self) -> str:
        if self.gate is not None:
            return _gate_in_words(self.gate, self.estimator.ridge)
        if self.estimator == MoE():
            among_gates = any(map(routes_by_input, self.sweep.estimators))
            return "oracle gate" if among_gates else "mixture of experts"
        return literal(self.estimator.label)

    @property
    def name_with_error(self) -> str:
        return f"{self.name} $\\pm$ error of the formula"

    @property
    def name_of_simulations(self) -> str:
        return f"{self.name}, simulated ({NINETY_FIVE})"

    @property
    def name_of_infinities(self) -> str:
        ends = self._infinite_ranges()
        shown = [f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ends[:2]]
        values = ", ".join(shown + ["..."] * (len(ends) > 2))
        over = self.sweep.over
        return f"{self.name} infinite at {SYMBOLS.get(over, literal(over))} = {values}"

    @property
    def gate(self) -> Gate | None:
        """The gate that routes by the input, if there is one."""
        found = self.estimator.gate if isinstance(self.estimator, MoE) else Oracle()
        return None if isinstance(found, Oracle) else found

    @property
    def colour(self) -> str:
        if self.gate is not None:
            return GATE_COLOURS[(self.order - 2) % len(GATE_COLOURS)]
        return COLOURS.get(self.estimator, _OTHER_COLOURS[self.order % len(_OTHER_COLOURS)])

    @property
    def line(self) -> Any:
        return "-" if self.gate is None else _GATE_LINES[(self.order - 2) % len(_GATE_LINES)]

    @property
    def x(self) -> NDArray[Any]:
        return self.sweep[self.sweep.over]

    @property
    def theory(self) -> NDArray[Any]:
        return self.sweep.theory(self.estimator)

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
        return np.array([]) if means is None else np.where(np.isinf(self.theory), np.nan, means)

    @property
    def lacks_formula(self) -> bool:
        """Whether theory has no formula at some of the values."""
        return bool(np.isnan(self.theory).any())

    @property
    def heights(self) -> NDArray[Any]:
        """All finite risks, of theory and of simulations."""
        every = np.concatenate([self.theory, self.simulated])
        finite: NDArray[Any] = every[np.isfinite(every)]
        return finite

    def draw_theory(self, ax: Axes, look: Mapping[str, Any]) -> None:
        """Draw theory as a line; without theory, a thin line joins the simulations."""
        style: dict[str, Any] = {"color": self.colour, "zorder": 2, **look}
        if self.lacks_formula and self.simulated.size:
            ax.plot(self.x, self.simulated, linestyle=":", linewidth=1.0, label=self.name, **style)
            style["label"] = "_"  # its values of theory need no entry of their own
        ax.plot(self.x, self.theory, **{"label": self.name, "linestyle": self.line, **style})

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
            markersize=6.5 - 2.5 * self.order if self.order < 2 else 6 if self.gate else 4,
            markerfacecolor="none" if self.order == 0 or self.gate else self.colour,
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

    def draw_infinities(self, ax: Axes) -> None:
        """Draw dotted lines around each range of values at which the risk is infinite."""
        label: str | None = self.name_of_infinities
        for low, high in self._infinite_ranges():
            ax.axvspan(low, high, color=self.colour, alpha=0.05, linewidth=0.0, zorder=0)
            for end in sorted({low, high}):
                ax.axvline(end, color=self.colour, ls=":", lw=1.0, zorder=1, label=label)
                label = None

    def _infinite_ranges(self) -> list[tuple[float, float]]:
        """The first and the last value of each run of infinite risks."""
        infinite = np.concatenate([[False], np.isinf(self.theory), [False]])
        changes = np.flatnonzero(infinite[1:] != infinite[:-1])
        starts, stops = changes[::2], changes[1::2] - 1
        return list(zip(self.x[starts].tolist(), self.x[stops].tolist(), strict=True))


def _gate_in_words(gate: Gate, ridge: float) -> str:
    """The gate and the settings that are not the default, as an entry of a legend."""
    match gate:
        case Soft():
            name, settings = "soft", [f"temperature {gate.temperature:g}"] * (gate != Soft())
        case Learned():
            name, settings = "learned", [f"{gate.samples} samples"] * (gate.samples is not None)
            settings += [f"{gate.moments} moments"] * (gate.moments != "blocks")
        case _:
            name, settings = gate.label, []
    settings += [f"ridge {str(ridge).removesuffix('.0')}"] * (ridge > 0.0)
    return ", ".join([f"{name} gate", *settings])
