"""The figure of a sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from moetheory.figures import style
from moetheory.figures.frames import ACROSS, UP, inches, roomy
from moetheory.figures.furniture import furnish, set_heights, set_widths
from moetheory.figures.labels import BAND, SIMULATED
from moetheory.figures.quantities import RATES, axis_label, facts
from moetheory.figures.refinement import WHOLE, Grid, refined
from moetheory.figures.series import SERIES, Series
from moetheory.figures.sweep_curves import Curve
from moetheory.problem.estimators import routes_by_input
from moetheory.results.tables import Sweep, column_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

AMPLITUDES = ("leakage", "interference", "overlap")
LINEAR_RISKS = (*RATES, "test_noise_variance")  # over these risks are straight lines
DECADES = 10.0  # a span of amplitudes and radii, or of steps from 0, drawn logarithmically
_TICK = 0.42  # inches between two ticks
SPIKE, SPIKE_LOG = 6.0, 60.0  # heights are drawn up to so many times the median one
NOTHING = "no curve"  # group id


def draw_sweep(result: Sweep, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the curves of a sweep, as `plot` says."""
    order_of_x = np.argsort(result[result.over], kind="stable")
    columns = {name: column[order_of_x] for name, column in result.columns.items()}
    result = replace(result, columns=columns)
    curves = [Curve(result, each, series) for each in result.estimators]
    heights = np.concatenate([each.heights for each in curves])
    _scale_axes(ax, result, heights)
    grid = _grid(result, ax)
    lines = [curve.draw_theory(ax, grid) for curve in curves]
    lines[0].set_gid(SERIES)
    for curve in curves:
        curve.draw_simulations(ax)
    bound = _draw_bound(result, grid, ax) if "bound" in columns and series.among == 1 else []
    _limit_heights(ax, curves, grid)
    for line in bound:  # what leaves the axes would run into words above the data
        heights = np.asarray(line.get_ydata())
        line.set_ydata(np.where(heights <= ax.get_ylim()[1], heights, np.nan))
    for curve in curves:
        curve.draw_errors(ax, grid)
        curve.shade_infinities(ax, grid)
    _tick(ax, result)
    ax.set_xlabel(axis_label(result.over))
    ax.set_ylabel("accuracy" if result.loss == "sign" else "excess risk")
    style.dress(ax)
    furnish(
        ax, [*lines, *bound], title=title, facts=facts(result.setting), notes=_notes(curves, grid)
    )


def _grid(result: Sweep, ax: Axes) -> Grid:
    """Theory on its own grid."""
    names = [column_names(each).theory for each in result.estimators]
    beside = [column_names(each).error for each in result.estimators] + ["bound"]
    known = [name for name in beside if name in result.columns]
    log_x, log_y = ax.get_xscale() != "linear", ax.get_yscale() == "log"
    return refined(result, names, log_x=log_x, log_y=log_y, beside=known)


def _draw_bound(result: Sweep, grid: Grid, ax: Axes) -> list[Line2D]:
    """Draw the bound of the theorem, which may leave the axes."""
    x, bound = result[result.over], result["bound"]
    by_k = result.over == "experts" and np.allclose(bound * x, bound[0] * x[0])
    subject = "oracle gate" if any(map(routes_by_input, result.estimators)) else "experts"
    return ax.plot(
        grid.x,
        grid.columns["bound"],
        color="0.45",
        linestyle=(0, (2.5, 1.5)),
        linewidth=1.2,
        label="1/K bound" if by_k else f"bound for {subject}",
        zorder=1,
        marker="_" if len(x) == 1 else "",
        markersize=16.0,
        gid="bound",
    )


def _notes(curves: list[Curve], grid: Grid) -> list[str]:
    """How to read the figure."""
    notes = [SIMULATED] if any(curve.simulated.size for curve in curves) else []
    if any(np.any(np.isnan(each.half_intervals) & np.isfinite(each.simulated)) for each in curves):
        notes[0] += "; open: of infinite variance"
    if any(curve.error is not None for curve in curves):
        notes.append(BAND)
    places: dict[str, list[str]] = {}
    for curve in curves:
        if found := curve.where_infinite(grid):
            name, values = found.rsplit(" at ", 1)
            places.setdefault(values, []).append(name)
    infinite = [f"{' and '.join(names)} at {values}" for values, names in places.items()]
    return notes + [f"shaded: infinite risk, {'; '.join(infinite)}"] * bool(infinite)


def _limit_heights(ax: Axes, curves: list[Curve], grid: Grid) -> None:
    """Limit the heights by curves and points: bounds may leave the axes, a spike is cut off."""
    theory = [curve.theory_on(grid) for curve in curves]
    # what is simulated beside an infinite risk is left to the spike
    spiky = any(np.isinf(each).any() for each in theory)
    points = [
        curve.simulated + sign * np.nan_to_num(curve.half_intervals)
        for curve in curves
        if curve.simulated.size and (not spiky or curve.lacks_formula)
        for sign in (-1.0, 1.0)
    ]
    finite = np.concatenate([*theory, *points])
    finite = finite[np.isfinite(finite)]
    log = ax.get_yscale() == "log"
    if log:
        finite = finite[finite > 0.0]
    if not finite.size:
        ax.text(
            *(0.5, 0.5, "infinite at every value"),
            transform=ax.transAxes,
            ha="center",
            color=style.MUTED,
            gid=NOTHING,
        )
        return
    low, high = float(finite.min()), float(finite.max())
    own = np.concatenate([curve.heights for curve in curves])
    middle = float(np.median(own)) if own.size else high
    if log:
        top = min(high, SPIKE_LOG * middle) if spiky else high
        limits = roomy(low, top, UP, log=True, least=1.05)
    else:
        top = min(high, SPIKE * middle) if spiky else high
        room = 0.06 * (top - min(low, 0.0) if low >= 0.0 else top - low) or 0.5
        straight = curves[0].sweep.loss != "sign"
        bottom = 0.0 if low >= 0.0 and straight else low - room
        limits = bottom, top + room
    set_heights(ax, *limits)


def _scale_axes(ax: Axes, result: Sweep, heights: NDArray[np.float64]) -> None:
    """Scale positive values logarithmically, except rates, short spans, lines and accuracies."""
    over, x = result.over, result[result.over]
    narrow = over in (*AMPLITUDES, "radius") and x[-1] < DECADES * x[0]
    in_decades = np.all(x > 0) and over not in RATES and not narrow
    if in_decades:
        ax.set_xscale("log")
    elif over in WHOLE and x[0] == 0 and x[-1] >= DECADES:
        ax.set_xscale("symlog", linthresh=1.0)
    if result.loss == "sign":
        return
    straight = over in LINEAR_RISKS and not in_decades
    if heights.size and np.all(heights > 0) and not straight:
        ax.set_yscale("log")


def _tick(ax: Axes, result: Sweep) -> None:
    """Ticks that can be read: the values themselves where these are few and counted."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    x = result[result.over]
    if len(x) > 1:
        low, high = float(x[0]), float(x[-1])
        if ax.get_xscale() != "symlog":
            set_widths(ax, *roomy(low, high, ACROSS, log=ax.get_xscale() == "log"))
    if ax.get_xscale() == "log":
        if result.over in WHOLE and len(x) <= 12:
            # far enough apart for their numbers
            style.set_ticks(
                ax.xaxis, style.spaced(x, max(1.4, (x[-1] / x[0]) ** (_TICK / inches(ax))))
            )
        else:
            style.log_ticks(ax.xaxis)
    elif ax.get_xscale() == "symlog":
        powers = 10.0 ** np.arange(np.floor(np.log10(x[-1])) + 1)
        style.set_ticks(ax.xaxis, [0.0, *powers])
    else:
        ax.xaxis.set_major_locator(
            MaxNLocator(5, steps=[1, 2, 5, 10], integer=result.over in WHOLE)
        )
    if any(text.get_gid() == NOTHING for text in ax.texts):
        ax.set_yticks([])
    elif ax.get_yscale() == "log":
        style.log_ticks(ax.yaxis)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        ax.yaxis.set_minor_locator(NullLocator())
