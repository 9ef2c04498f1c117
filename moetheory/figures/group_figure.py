"""The figure of what is known of each group: risks, misclassifications, estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.figures import style
from moetheory.figures.frames import UP, roomy
from moetheory.figures.furniture import furnish
from moetheory.figures.labels import NINETY_FIVE
from moetheory.figures.numbers import plain
from moetheory.figures.series import SERIES, Series
from moetheory.results.estimates import Estimate
from moetheory.results.risks import Misclassification, Risk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

GID = "dots of groups"
_SPREAD = 0.6  # of the width of a group, for the dots of several results
_WIDE = 30.0  # a ratio of numbers above which their axis is logarithmic
MEANS = "dots: each group; lines: mean over the groups"
BAND = f"shaded: {NINETY_FIVE} interval of the mean"


def draw_groups(
    result: Risk | Misclassification | Estimate, ax: Axes, title: str | None, series: Series
) -> None:
    """Draw a dot for each group beside the mean of all as a line."""
    mean = result.mean if isinstance(result, Estimate) else result.value
    look, groups = series.look, np.arange(len(result.per_group))
    known = np.isfinite(result.per_group)
    shift = _SPREAD * ((series.order + 0.5) / series.among - 0.5)
    ax.plot(
        groups[known] + shift,
        np.asarray(result.per_group)[known],
        linestyle="none",
        markeredgewidth=1.2,
        zorder=3,
        gid=GID,
        **look.points,
    )
    edge = len(groups) - 0.5
    lines: list[Line2D] = []
    notes = [MEANS]
    if np.isfinite(mean):
        line = ax.plot(
            [-0.5, edge],
            [mean, mean],
            **look.curve,
            label=f"{series.named('mean')}, {plain(_rounded(mean))}",
            gid=SERIES,
            zorder=2,
        )
        lines += line
    else:
        notes.append(f"{series.named('mean')}: infinite")
    if isinstance(result, Estimate) and np.isfinite(result.sem):
        low, high = result.interval(0.95)
        ax.fill_between([-0.5, edge], low, high, color=look.colour, alpha=0.2, linewidth=0.0)
        notes.append(BAND)
    infinite = np.flatnonzero(np.isposinf(result.per_group)).tolist()
    if infinite:
        named = ", ".join(map(str, infinite[:5])) + ", ..." * (len(infinite) > 5)
        notes.append(f"infinite: {series.named('mean')} in group {named}")
    _scale(ax, len(groups))
    ax.set_xlabel("group")
    ax.set_ylabel(_height_name(result))
    style.dress(ax)
    furnish(ax, lines, title=title, facts=[f"$K$ = {len(groups)}", *_facts(result)], notes=notes)


def _rounded(value: float) -> float:
    """Three digits, as many as the eye takes in."""
    return float(f"{value:.3g}")


def _height_name(result: Risk | Misclassification | Estimate) -> str:
    signs = isinstance(result, Misclassification) or (
        isinstance(result, Estimate) and result.loss == "sign"
    )
    return "probability of a wrong sign" if signs else "risk given the group"


def _facts(result: Risk | Misclassification | Estimate) -> list[str]:
    """What the numbers are."""
    if isinstance(result, Estimate):
        return [f"simulated, {result.replicates} replicates"]
    if isinstance(result, Risk):
        return [{"exact": "closed form"}.get(result.exactness, result.exactness)]
    return ["theory"]


def _scale(ax: Axes, groups: int) -> None:
    """Scale heights from 0 on, or logarithmically where they are far apart; a tick for a group."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    drawn = [line for line in ax.get_lines() if line.get_gid() in (GID, SERIES)]
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in drawn])
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=0.0))
    if low > 0.0 and high > _WIDE * low and np.isfinite(low):
        ax.set_yscale("log")
        ax.set_ylim(*roomy(low, high, UP, log=True))
        style.log_ticks(ax.yaxis)
    else:
        ax.set_yscale("linear")
        ax.set_ylim(min(1.1 * low, 0.0) if np.isfinite(low) else 0.0, 1.1 * high or 1.0)
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        ax.yaxis.set_minor_locator(NullLocator())
    widths = [float(np.max(line.get_xdata(), initial=0.0)) for line in drawn]
    ax.set_xlim(-0.5, max(groups - 0.5, *widths))
    if groups <= 12:
        style.set_ticks(ax.xaxis, range(groups))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
