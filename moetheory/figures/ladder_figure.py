"""The figure of the best assignments to each number of experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.figures import style
from moetheory.figures.frames import ACROSS, UP, roomy
from moetheory.figures.furniture import furnish
from moetheory.figures.labels import BAND
from moetheory.figures.quantities import axis_label, facts
from moetheory.figures.series import SERIES, Series
from moetheory.results.assignments import BestAssignment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = 3.0  # a ratio of risks above which the axis is logarithmic
_DEEPEST = 0.1  # of the risk: how far the band of its error reaches down on a logarithmic axis
STAR = "star: least risk"


def draw_ladder(result: BestAssignment, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the excess risk against the number of experts; a second ladder is a second curve."""
    look = series.own or style.LOOKS["oracle"].another(series.order)
    experts, excess, error = np.array(
        [(number, rung.excess, rung.error) for number, rung in result.ladder.items()]
    ).T
    excess[np.isinf(excess)] = np.nan
    samples = facts({"samples": np.inf if result.samples is None else int(result.samples.sum())})
    (line,) = ax.plot(
        experts,
        excess,
        label=series.label or samples[0],
        gid=SERIES,
        linestyle=look.line,
        linewidth=style.LINE,
        zorder=2,
        **{**look.points, "markersize": 4.5},
    )
    _scale_axes(ax)
    if np.any(error > 0.0):
        low = np.maximum(excess - error, _DEEPEST * excess)
        ax.fill_between(
            experts, low, excess + error, color=look.colour, alpha=0.2, linewidth=0.0, zorder=1
        )
    best = result.best_experts
    ax.plot(best, excess[best - 1], "*", markersize=10.0, color=look.colour, zorder=3)
    ax.set_xlabel(axis_label("experts"))
    ax.set_ylabel("excess risk")
    style.dress(ax)
    notes = [STAR] + [BAND] * bool(np.any(error > 0.0))
    furnish(ax, [line], title=title, facts=[f"{len(result.assignment)} groups"], notes=notes)


def _scale_axes(ax: Axes) -> None:
    """Scale the axes logarithmically, that of risks where they are positive and far apart."""
    curves = [line for line in ax.get_lines() if line.get_gid() == SERIES]
    experts, risks = np.hstack([np.array(line.get_data()) for line in curves])
    most = float(experts.max())
    ax.set_xscale("log")
    ax.set_xlim(*roomy(1.0, most, ACROSS, log=True, least=1.05))
    ticks = style.spaced(2 ** np.arange(int(most).bit_length()), 2.0)
    style.set_ticks(ax.xaxis, [*ticks, *[most] * (most > 1.4 * ticks[-1])])
    finite = risks[np.isfinite(risks)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    wide = high > _WIDE * low > 0.0
    ax.set_yscale("log" if wide else "linear")
    ax.set_ylim(*roomy(low, high, UP, log=wide))
    if wide:
        style.log_ticks(ax.yaxis)
