"""The figure of a sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.figures import style
from moetheory.figures.labels import NINETY_FIVE, literal
from moetheory.figures.sweep_curves import SYMBOLS, Curve
from moetheory.problem.estimators import routes_by_input
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AXES = {
    "experts": "number of experts K",
    "noise_variance": r"noise variance $\sigma^2$",
    "samples": "training samples n",
    "steps": "steps t of gradient descent",
    "test_noise_variance": f"test noise variance {SYMBOLS['test_noise_variance']}",
    "misrouting": r"misrouting rate $\varepsilon$",
    "leakage": r"leakage $\alpha$ ($\nu = \alpha^2\lambda$)",
    "interference": r"interference $\alpha$ ($\kappa = \alpha^2\lambda$)",
    "overlap": r"overlap $\alpha$ (noise $+\,\alpha^2\lambda$)",
    "smallest_probability": "smallest group probability",
    "signal_to_noise": r"signal-to-noise ratio $\lambda/\sigma^2$",
    "erasure": r"erasure probability $\tau$",
    "radius": "radius of the worst-case shift",
}
COUNTS = ("samples", "steps")
RATES = ("misrouting", "erasure")
AMPLITUDES = ("leakage", "interference", "overlap")
LINEAR_RISKS = (*RATES, "test_noise_variance")  # over these risks are straight lines
DECADES = 10.0  # a span of amplitudes and radii, or of steps from 0, drawn logarithmically
RATE_TICKS = 6  # at most, so that small ones have room for their digits
FEW_TICKS, MANY_DECADES = 4, 1e4  # values that are all named; a span of powers of ten alone
MANY_ENTRIES, LONG_ENTRY = 6, 20  # of a legend, which is then above; letters, of three columns
SPIKE, SPIKE_LOG = 6.0, 60.0  # heights are drawn up to so many times the median one


def draw_sweep(result: Sweep, ax: Axes) -> None:
    """Draw the curves of a sweep, as `plot` says."""
    order_of_x = np.argsort(result[result.over], kind="stable")
    columns = {name: column[order_of_x] for name, column in result.columns.items()}
    result = replace(result, columns=columns)
    x = result[result.over]
    curves = [Curve(result, each, order) for order, each in enumerate(result.estimators)]
    look: dict[str, Any] = {"marker": "_", "markersize": 14.0} if len(x) == 1 else {}
    for curve in curves:
        curve.draw_theory(ax, look)
        curve.draw_simulations(ax)
    if "bound" in columns:
        bound = columns["bound"]
        by_k = result.over == "experts" and np.allclose(bound * x, bound[0] * x[0])
        subject = "oracle gate" if any(map(routes_by_input, result.estimators)) else "experts"
        ax.plot(
            x,
            bound,
            color="0.45",
            linestyle="--",
            label="1/K bound" if by_k else f"upper bound for {subject}",
            zorder=1,
            **look,
        )
    heights = np.concatenate([*(c.heights for c in curves), columns.get("bound", x[:0])])
    _scale_axes(ax, result, heights)
    _label_axes(ax, result)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    may_be_infinite = result.over == "samples" and result.loss == "squared"
    if may_be_infinite or any(curve.has_errors_or_infinities for curve in curves):
        _limit_heights(ax, curves)
        marked: list[list[tuple[float, float]]] = []
        for curve in curves:
            curve.draw_errors(ax)
            if curve.infinite_ranges not in marked:  # fitted experts share them, whatever the gate
                marked.append(curve.infinite_ranges)
                curve.draw_infinities(ax, curves)
    elif len(ax.get_legend_handles_labels()[0]) < MANY_ENTRIES:
        ax.legend(frameon=False)
        return
    _legend_above(ax, curves)


def _limit_heights(ax: Axes, curves: list[Curve]) -> None:
    """Limit the heights by the closed forms, so that a spike does not flatten all curves."""
    finite = np.concatenate(
        [
            curve.heights if curve.lacks_formula else curve.theory[np.isfinite(curve.theory)]
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


def _legend_above(ax: Axes, curves: list[Curve]) -> None:
    """Put the legend above the axes, where peaks or many entries leave no room inside.

    The entries of a curve stand together; more than two curves have one entry each.
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
        others = (curve.name_of_simulations, curve.name_of_infinities(curves))
        entries.append([(name, handle), *((o, found.pop(o)) for o in others if o in found)])
    if points is not None:
        found[f"points: simulated ({NINETY_FIVE})"] = blank[1]
    longest = 0 if many else max(map(len, entries))
    # blanks let each curve begin a column; all other entries come last
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


def _scale_axes(ax: Axes, result: Sweep, heights: NDArray[Any]) -> None:
    """Scale positive values logarithmically, except rates, short spans, lines and accuracies."""
    over, x = result.over, result[result.over]
    narrow = over in (*AMPLITUDES, "radius") and x[-1] < DECADES * x[0]
    in_decades = np.all(x > 0) and over not in RATES and not narrow
    if in_decades:
        ax.set_xscale("log")
    elif _spans_decades_from_zero(over, x):
        ax.set_xscale("symlog", linthresh=1.0)
    if result.loss == "sign":
        return
    straight = over in LINEAR_RISKS and not in_decades
    if heights.size and np.all(heights > 0) and not straight:
        ax.set_yscale("log")
    elif straight and np.all(heights >= 0):
        ax.set_ylim(bottom=0.0)


def _spans_decades_from_zero(over: str, x: NDArray[Any]) -> bool:
    """Whether steps from 0 span decades, so that only the first is drawn linearly."""
    return bool(over == "steps" and x[0] == 0 and x[-1] >= DECADES)


def _label_axes(ax: Axes, result: Sweep) -> None:
    """Name the axes, and place ticks where numbers are counted."""
    from matplotlib.ticker import (
        FixedLocator,
        LogLocator,
        MaxNLocator,
        NullLocator,
        StrMethodFormatter,
        SymmetricalLogLocator,
    )

    over, x = result.over, result[result.over]
    span = x[-1] / max(x[0], 1.0)  # of what is counted
    if over == "experts":
        ax.xaxis.set_major_locator(FixedLocator(style.spaced(x)))
    elif over in COUNTS and len(x) <= FEW_TICKS:
        if x[0] > 0:
            ax.set_xlim(x[0] / 1.5, x[-1] * 1.5)
        ax.xaxis.set_major_locator(FixedLocator([float(n) for n in x]))
    elif over in COUNTS and span < 10.0:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif over in COUNTS and span < MANY_DECADES:
        subs = [1.0, 2.0, 5.0]
        ax.xaxis.set_major_locator(
            SymmetricalLogLocator(base=10.0, linthresh=1.0, subs=subs)
            if _spans_decades_from_zero(over, x)
            else LogLocator(subs=subs)
        )
    elif over in RATES:
        ax.xaxis.set_major_locator(MaxNLocator(RATE_TICKS))
    if over in ("experts", *COUNTS) and span < MANY_DECADES:
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.set_xlabel(_AXES.get(over, literal(over.replace("_", " "))))
    ax.set_ylabel("accuracy" if result.loss == "sign" else "excess risk")
