"""The figure of the best assignments to each number of experts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.figures import style
from moetheory.figures.series import Series
from moetheory.results.assignments import BestAssignment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_PALETTE = (style.LOOKS["oracle"].colour, "C2")
_CURVE, _MARK = "ladder", "mark of a ladder"  # group ids of what may be on the axes already
_CLOSE = 1.4  # a last tick stands apart from a power of two by at least this factor
_NARROW, _FEW_DECADES = 3.0, 30.0  # ratios of risks: linear below, ticks within decades below
_DEEPEST = 0.1  # of the risk: how far the band of its error reaches down on a logarithmic axis


def draw_ladder(found: BestAssignment, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the excess risk against the number of experts; a second ladder is a second curve."""
    colour = _PALETTE[len(_lines(ax, _CURVE)) % len(_PALETTE)]
    experts, excess, error = np.array(
        [(number, rung.excess, rung.error) for number, rung in found.ladder.items()]
    ).T
    excess[np.isinf(excess)] = np.nan
    name = "infinitely many samples" if found.samples is None else f"n = {found.samples.sum()}"
    ax.plot(experts, excess, "o-", markersize=3.5, color=colour, label=name, gid=_CURVE)
    if np.any(error > 0.0):
        low = np.maximum(excess - error, _DEEPEST * excess)
        ax.fill_between(experts, low, excess + error, color=colour, alpha=0.2, linewidth=0.0)
    mark: dict[str, Any] = {"marker": "*", "markersize": 13.0, "linestyle": "none"}
    best = found.best_experts
    ax.plot(best, excess[best - 1], color=colour, zorder=3, **mark)
    for line in _lines(ax, _MARK):
        line.remove()
    ax.plot([], [], color="0.4", label="least risk", gid=_MARK, **mark)  # the last of the legend
    ax.legend(frameon=False)
    _scale_axes(ax)
    ax.set_xlabel("number of experts")
    ax.set_ylabel("excess risk")
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def _lines(ax: Axes, group: str) -> list[Line2D]:
    """The lines on the axes that belong to a group."""
    return [line for line in ax.get_lines() if line.get_gid() == group]


def _scale_axes(ax: Axes) -> None:
    """Scale the axes logarithmically, that of risks where they are positive and far apart."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    experts, risks = np.hstack([np.array(line.get_data()) for line in _lines(ax, _CURVE)])
    most = int(experts.max())
    ticks = [float(2**power) for power in range(most.bit_length())]
    if most > _CLOSE * ticks[-1]:
        ticks.append(float(most))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    finite = risks[np.isfinite(risks)]
    wide = bool(finite.size) and finite.max() > _NARROW * finite.min() > 0.0
    ax.set_yscale("log" if wide else "linear")
    if wide and finite.max() < _FEW_DECADES * finite.min():
        ax.yaxis.set_major_locator(LogLocator(subs=[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
