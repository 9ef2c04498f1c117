"""The figures of gradient descent: theory, and estimates with the best stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.figures import style
from moetheory.figures.frames import ACROSS, UP, roomy
from moetheory.figures.furniture import furnish, set_heights
from moetheory.figures.labels import SIMULATED
from moetheory.figures.numbers import plain
from moetheory.figures.quantities import axis_label, facts
from moetheory.figures.series import SERIES, Series
from moetheory.results.descents import Descent, DescentEstimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 30  # steps up to which each is a point
_WIDE = 3.0  # a ratio of risks above which their axis is logarithmic
_DEEP = 1e6  # times the highest risk: how far down the axis goes
LIMIT = "dotted: after infinitely many steps"


def draw_descent(result: Descent, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the excess risk against the steps, and the one that is never passed below."""
    look = series.look
    _scale(ax, result.steps, result.excess)
    (line,) = ax.plot(
        result.steps,
        result.excess,
        **look.curve,
        label=series.named("descent"),
        gid=SERIES,
        zorder=2,
    )
    if len(result) <= _FEW:
        ax.plot(result.steps, result.excess, linestyle="none", zorder=3, **look.points)
    notes = []
    last = float(result.excess[-1] - result.remaining[-1])
    low, high = ax.get_ylim()
    if low < last < high:
        ends = result.steps[[0, -1]]
        ax.plot(
            ends, [last] * 2, color=look.colour, linestyle=style.DASHES[2], linewidth=1.0, zorder=1
        )
        notes.append(LIMIT)
    ax.set_xlabel(axis_label("steps"))
    ax.set_ylabel("excess risk")
    style.dress(ax)
    furnish(
        ax, [line], title=title, facts=[*facts(result.setting), _step_size(result)], notes=notes
    )


def draw_descent_estimate(
    result: DescentEstimate, ax: Axes, title: str | None, series: Series
) -> None:
    """Draw the mean risk with its interval at each step, and the best stop."""
    look = series.look
    intervals = np.array([each.interval(0.95) for each in result.estimates])
    half = np.abs(intervals - result.mean[:, None]).T
    half[~np.isfinite(half)] = np.nan
    _scale(ax, result.steps, np.append(result.mean, np.nan_to_num(result.mean + half[1])))
    best = result.best
    (line,) = ax.plot(
        result.steps,
        result.mean,
        color=look.colour,
        linestyle=look.line,
        linewidth=1.0,
        label=series.named("mean"),
        gid=SERIES,
        zorder=2,
    )
    ax.errorbar(
        result.steps,
        result.mean,
        yerr=half,
        zorder=3,
        **look.intervals,
    )
    ring: dict[str, Any] = {
        "marker": "o",
        "markersize": 14.0,
        "markerfacecolor": "none",
        "markeredgewidth": 1.5,
    }
    ax.plot(best.steps, best.risk.mean, color=look.colour, linestyle="none", zorder=3.5, **ring)
    subject = f" of {series.label}" if series.label else ""
    notes = [
        SIMULATED,
        f"circle: best stop{subject}, risk {best.risk.mean:.3g} at $t$ = {plain(best.steps)}",
    ]
    ax.set_xlabel(axis_label("steps"))
    ax.set_ylabel("risk")
    style.dress(ax)
    sets = f"{int(result.estimates.replicates.min())} training sets"
    furnish(ax, [line], title=title, facts=[*facts(result.setting), sets], notes=notes)


def _step_size(result: Descent) -> str:
    """The step size in words."""
    sizes = np.unique(np.atleast_1d(result.step_size))
    if len(sizes) == 1 or np.ptp(sizes) < 1e-9 * sizes[-1]:
        return f"step size {plain(float(sizes[0]))}"
    return f"step sizes {plain(float(sizes[0]))} to {plain(float(sizes[-1]))}"


def _scale(ax: Axes, steps: FloatArray | IntArray, risks: FloatArray) -> None:
    """Scale both axes logarithmically, that of steps from 1 on; what is there stays in view."""
    drawn = [line for line in ax.get_lines() if line.get_gid() == SERIES]
    first = np.concatenate([steps, *(np.asarray(line.get_xdata()) for line in drawn)])
    low, high = float(np.nanmin(first)), max(float(np.nanmax(first)), 1.0)
    if low == 0.0:
        ax.set_xscale("symlog", linthresh=1.0)
        ax.set_xlim(-0.15, high * 1.25)
        powers = 10.0 ** np.arange(np.floor(np.log10(high)) + 1)
        style.set_ticks(ax.xaxis, [0.0, *powers.tolist()[:: 1 + len(powers) // 7]])
    else:
        ax.set_xscale("log")
        ax.set_xlim(*roomy(low, high, ACROSS, log=True, least=1.05))
        style.log_ticks(ax.xaxis)
    heights = np.concatenate([risks, *(np.asarray(line.get_ydata()) for line in drawn)])
    heights = heights[np.isfinite(heights) & (heights > 0.0)]
    if not heights.size:
        return
    top = float(heights.max())
    bottom = max(float(heights.min()), top / _DEEP)
    wide = top > _WIDE * bottom
    if wide:
        ax.set_yscale("log")
    set_heights(ax, *roomy(bottom, top, UP, log=wide))
    if wide:
        style.log_ticks(ax.yaxis)
