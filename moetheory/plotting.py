"""Figures of results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.estimates import student_quantile
from moetheory.results import Sweep
from moetheory.sweeping import SUFFIXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"dense": "#b2432f", "moe": "#1f5f8b"}
_OTHER_COLOURS = ("C2", "C4", "C1", "C5", "C6")  # not the red and blue of the two above
_MARKERS = ("s", "o", "^", "v", "D")
_GATE = re.compile(r"moe\((hard|soft|top-\d+|learned)( .*)?\)")  # labels of mixtures with gates
_GATE_COLOURS = ("#3a8f5c", "#d98500", "#7b4fa3", "#2b9fb3", "#8c6d46")
_GATE_LINES = ("-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)))
_NAMES = {"dense": "dense", "moe": "mixture of experts"}
_AXES = {
    "experts": "number of experts K",
    "noise_variance": "noise variance σ²",
    "samples": "training samples n",
}
_SYMBOLS = {"experts": "K", "noise_variance": "σ²", "samples": "n"}
FEW_TICKS, MANY_DECADES = 4, 1e4  # values that are all named; a span of powers of ten alone
MANY_ENTRIES, LONG_ENTRY = 6, 20  # of a legend, which is then above; letters, of three columns
SPIKE, SPIKE_LOG = 6.0, 60.0  # heights are drawn up to so many times the median one


def plot(result: Sweep, ax: Axes | None = None) -> Axes:
    """Draw a result; what is drawn depends on its type.

    Sweep: excess risk against the swept quantity, both axes logarithmic where all values are
    positive; theory as lines, with a band of ± its estimated error where it is asymptotic;
    simulations as points with 95 % intervals (none where the variance is infinite), joined by a
    dotted line where theory has no formula; the upper bound dashed. Where a risk is infinite its
    line has a gap between dotted verticals, and its simulation, which estimates nothing there, is
    left out; heights far above the others are cut off.

    Parameters
    ----------
    result : Sweep
    ax : matplotlib.axes.Axes, optional
        A new figure's if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from moetheory import BlockModel, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> ax = plot(sweep(model, "noise_variance", [0.5, 1.0, 2.0]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('noise variance σ²', 'excess risk')
    """
    if not isinstance(result, Sweep):
        raise ValueError(f"result must be a Sweep, got {type(result).__name__}")
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    _draw_sweep(result, ax)
    return ax


def _draw_sweep(result: Sweep, ax: Axes) -> None:
    order_of_x = np.argsort(result[result.over], kind="stable")
    columns = {name: column[order_of_x] for name, column in result.columns.items()}
    x = columns[result.over]
    curves = [
        _Curve(label, order, result.over, columns) for order, label in enumerate(_labels(result))
    ]
    lone: dict[str, Any] = {"marker": "_", "markersize": 14.0} if len(x) == 1 else {}
    for curve in curves:
        curve.draw_theory(ax, lone)
        if result.replicates:
            curve.draw_simulations(ax, result.replicates)
    if "bound" in columns:
        bound = columns["bound"]
        by_k = result.over == "experts" and np.allclose(bound * x, bound[0] * x[0])
        whose = "oracle gate" if any(curve.has_gate for curve in curves) else "experts"
        ax.plot(
            x,
            bound,
            color="0.45",
            linestyle="--",
            label="1/K bound" if by_k else f"upper bound for {whose}",
            zorder=1,
            **lone,
        )
    if np.all(x > 0):
        ax.set_xscale("log")
    heights = np.concatenate([*(c.heights for c in curves), columns.get("bound", x[:0])])
    if heights.size and np.all(heights > 0):
        ax.set_yscale("log")
    _label_axes(ax, result.over, x)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    if result.over == "samples" or any(curve.is_rough for curve in curves):
        _limit_heights(ax, curves)
        for curve in curves:
            curve.draw_errors(ax)
            curve.draw_infinities(ax)
    elif len(ax.get_legend_handles_labels()[0]) < MANY_ENTRIES:
        ax.legend(frameon=False)
        return
    _legend_above(ax, curves)


@dataclass(frozen=True)
class _Curve:
    """What is drawn of one estimator."""

    label: str
    order: int
    over: str
    columns: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        gate = _GATE.fullmatch(self.label)
        if gate is None:
            among_gates = self.label == "moe" and any(map(_GATE.fullmatch, self.columns))
            return "oracle gate" if among_gates else _NAMES.get(self.label, self.label)
        said = re.sub(r"samples=(\d+)", r"\1 samples", gate[2] or "")
        said = re.sub(r"moments=(\w+)", r"\1 moments", said)
        settings = re.findall(r"\d+ samples|\w+ moments|\w+=\S+", said)
        return ", ".join([f"{gate[1]} gate", *(each.replace("=", " ") for each in settings)])

    @property
    def name_with_error(self) -> str:
        return f"{self.name} ± error of the formula"

    @property
    def name_of_simulations(self) -> str:
        return f"{self.name}, simulated (95 %)"

    @property
    def name_of_infinities(self) -> str:
        ends = self._stretches()
        shown = [f"{low:g}" if low == high else f"{low:g}–{high:g}" for low, high in ends[:2]]
        values = ", ".join(shown + ["…"] * (len(ends) > 2))
        return f"{self.name} infinite at {_SYMBOLS.get(self.over, self.over)} = {values}"

    @property
    def has_gate(self) -> bool:
        return _GATE.fullmatch(self.label) is not None

    @property
    def colour(self) -> str:
        if self.has_gate:
            return _GATE_COLOURS[(self.order - 2) % len(_GATE_COLOURS)]
        return _COLOURS.get(self.label, _OTHER_COLOURS[self.order % len(_OTHER_COLOURS)])

    @property
    def line(self) -> Any:
        return _GATE_LINES[(self.order - 2) % len(_GATE_LINES)] if self.has_gate else "-"

    @property
    def x(self) -> NDArray[Any]:
        return self.columns[self.over]

    @property
    def theory(self) -> NDArray[Any]:
        return self.columns[self.label]

    @property
    def error(self) -> NDArray[Any] | None:
        return self.columns.get(f"{self.label}_error")

    @property
    def is_rough(self) -> bool:
        """Whether there are errors or infinities to draw."""
        return self.error is not None or bool(np.isinf(self.theory).any())

    @property
    def simulated(self) -> NDArray[Any]:
        """NaN where the expectation is infinite, so that its mean estimates nothing."""
        means = self.columns.get(f"{self.label}_simulated", np.array([]))
        return np.where(np.isinf(self.theory), np.nan, means) if means.size else means

    @property
    def is_unknown(self) -> bool:
        """Whether theory has no formula, somewhere."""
        return bool(np.isnan(self.theory).any())

    @property
    def heights(self) -> NDArray[Any]:
        """All finite heights."""
        every = np.concatenate([self.theory, self.simulated])
        finite: NDArray[Any] = every[np.isfinite(every)]
        return finite

    def draw_theory(self, ax: Axes, lone: Mapping[str, Any]) -> None:
        """A line; a thin one through the simulations where there is no theory."""
        look: dict[str, Any] = {"color": self.colour, "zorder": 2, **lone}
        if self.is_unknown and self.simulated.size:
            ax.plot(self.x, self.simulated, linestyle=":", linewidth=1.0, label=self.name, **look)
            look["label"] = "_"  # what is known of it needs no entry of its own
        ax.plot(self.x, self.theory, **{"label": self.name, "linestyle": self.line, **look})

    def draw_simulations(self, ax: Axes, replicates: int) -> None:
        """Points with 95 % intervals."""
        half = student_quantile(0.025, replicates - 1) * self.columns[f"{self.label}_sem"]
        half = np.where(np.isfinite(half), half, np.nan)  # infinite variance: a point, no bar
        ax.errorbar(
            self.x,
            self.simulated,
            yerr=half,
            fmt=_MARKERS[self.order % len(_MARKERS)],
            markersize=6.5 - 2.5 * self.order if self.order < 2 else 6 if self.has_gate else 4,
            markerfacecolor="none" if self.order == 0 or self.has_gate else self.colour,
            capsize=3,
            color=self.colour,
            label=self.name_of_simulations,
            zorder=3,
        )

    def draw_errors(self, ax: Axes) -> None:
        """A band where the formula is asymptotic."""
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
        """Dotted lines around each stretch of values at which the risk is infinite."""
        label: str | None = self.name_of_infinities
        for low, high in self._stretches():
            ax.axvspan(low, high, color=self.colour, alpha=0.05, linewidth=0.0, zorder=0)
            for end in sorted({low, high}):
                ax.axvline(end, color=self.colour, ls=":", lw=1.0, zorder=1, label=label)
                label = None

    def _stretches(self) -> list[tuple[float, float]]:
        """First and last value of each run of infinite risks."""
        infinite = np.concatenate([[False], np.isinf(self.theory), [False]])
        changes = np.flatnonzero(infinite[1:] != infinite[:-1])
        starts, stops = changes[::2], changes[1::2] - 1
        return list(zip(self.x[starts].tolist(), self.x[stops].tolist(), strict=True))


def _labels(result: Sweep) -> list[str]:
    """The estimators, each by the name of its column."""
    others = (result.over, "bound")
    return [name for name in result.columns if name not in others and not name.endswith(SUFFIXES)]


def _limit_heights(ax: Axes, curves: list[_Curve]) -> None:
    """Limits from the closed forms, so that a spike does not flatten everything else."""
    finite = np.concatenate(
        [
            curve.heights if curve.is_unknown else curve.theory[np.isfinite(curve.theory)]
            for curve in curves
        ]
    )
    if not finite.size:
        ax.set_yticks([])
        ax.text(0.5, 0.5, "infinite at every value", transform=ax.transAxes, ha="center")
        return
    low, middle, high = (float(each) for each in np.quantile(finite, [0.0, 0.5, 1.0]))
    if ax.get_yscale() == "log":
        ax.set_ylim(low / 1.5, 1.5 * min(high, SPIKE_LOG * middle))
    else:
        ax.set_ylim(min(low, 0.0), 1.1 * min(high, SPIKE * middle) or 1.0)


def _legend_above(ax: Axes, curves: list[_Curve]) -> None:
    """Outside, where peaks, bands or many entries leave no room inside.

    What belongs to a curve together; of more than two curves in one entry.
    """
    from matplotlib.lines import Line2D

    artists, labels = ax.get_legend_handles_labels()
    found: dict[str, Any] = dict(zip(labels, artists, strict=True))
    entries: list[list[tuple[str, Any]]] = []
    blank = ("", Line2D([], [], linestyle="none"))
    many, points = len(curves) > 2, None
    for curve in curves:
        line, band = found.pop(curve.name), found.pop(curve.name_with_error, None)
        name = curve.name if band is None else curve.name_with_error
        if many:
            points = found.pop(curve.name_of_simulations, (None,))[0]  # without their intervals
        handle = tuple(each for each in (band, line, points) if each is not None)
        others = (curve.name_of_simulations, curve.name_of_infinities)
        entries.append([(name, handle), *((o, found.pop(o)) for o in others if o in found)])
    if points is not None:
        found["points: simulated (95 %)"] = blank[1]
    longest = 0 if many else max(map(len, entries))
    # blanks let each curve begin a column; what else was drawn on the axes comes last
    shown = [entry for each in entries for entry in each + [blank] * (longest - len(each))]
    names, handles = zip(*shown, *found.items(), strict=True)
    ax.legend(
        handles,
        names,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3 if many and max(map(len, names)) <= LONG_ENTRY else 2,
        frameon=False,
        fontsize="small",
    )


def _label_axes(ax: Axes, over: str, x: NDArray[Any]) -> None:
    from matplotlib.ticker import (
        FixedLocator,
        LogLocator,
        MaxNLocator,
        NullLocator,
        StrMethodFormatter,
    )

    span = x[-1] / x[0] if x[0] > 0 else 1.0
    if over == "experts":
        ax.xaxis.set_major_locator(FixedLocator([float(k) for k in _spread(x)]))
    elif over == "samples" and len(x) <= FEW_TICKS:
        ax.set_xlim(x[0] / 1.5, x[-1] * 1.5)
        ax.xaxis.set_major_locator(FixedLocator([float(n) for n in x]))
    elif over == "samples" and span < 10.0:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif over == "samples" and span < MANY_DECADES:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    if over in ("experts", "samples") and span < MANY_DECADES:
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.set_xlabel(_AXES.get(over, over.replace("_", " ")))
    ax.set_ylabel("excess risk")


def _spread(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float]:
    """Those of ``values`` that are at least a factor 1.4 above the last one kept."""
    kept: list[float] = []
    for value in sorted(values.tolist()):
        if not kept or value >= 1.4 * kept[-1]:
            kept.append(value)
    return kept
