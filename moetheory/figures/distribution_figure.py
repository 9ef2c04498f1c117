"""The figure of the law of a risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.frames import ACROSS, roomy
from moetheory.figures.furniture import furnish
from moetheory.figures.labels import NINETY_FIVE
from moetheory.figures.numbers import plain
from moetheory.figures.refinement import guide
from moetheory.figures.series import SERIES, Series
from moetheory.theory.risk_distributions import RiskDistribution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TAIL = 1e-3  # the least probability that is drawn
_POINTS = 40  # of the curve, which is smooth between
_FEW = 3  # laws whose numbers are written
_DECADES = 8.0  # a ratio of risks above which their axis is logarithmic
MARKS = f"circle: median; square: {NINETY_FIVE} quantile; diamond: mean"


def draw_distribution(
    result: RiskDistribution, ax: Axes, title: str | None, series: Series
) -> None:
    """Draw the probability that the risk is larger than x: tails and quantiles can be read off."""
    look = series.look
    median, high, last = (result.quantile(q) for q in (0.5, 0.95, 1.0 - _TAIL))
    if result.std == 0.0:  # a constant: a step
        x, tails = np.array([result.lower] * 2), np.array([1.0, _TAIL])
    else:
        first = result.quantile(_TAIL)
        x = result.lower + np.geomspace(first - result.lower, last - result.lower, _POINTS)
        tails = np.asarray(result.sf(x), dtype=float)
    _scale(ax, x)
    if result.std > 0.0:
        x, tails = guide(ax, x, tails)
    (line,) = ax.plot(
        x,
        tails,
        **look.curve,
        label=series.named("risk"),
        gid=SERIES,
        zorder=2,
    )
    mean = result.mean
    marks = [("o", median, 0.5), ("s", high, 0.05)]
    if np.isfinite(mean) and result.std > 0.0 and mean <= x[-1]:
        marks.append(("D", mean, result.sf(mean)))
    for marker, at, probability in marks:
        ax.plot(
            at,
            probability,
            marker,
            color=look.colour,
            markerfacecolor="white",
            markeredgewidth=1.5,
            markersize=6.5,
            zorder=3,
        )
    subject = f"{series.label}: " if series.label else ""
    mean_in_words = plain(mean) if np.isinf(mean) else f"{mean:.3g}"
    numbers = f"{subject}median {median:.3g}, mean {mean_in_words}, "
    numbers += f"{NINETY_FIVE} quantile {high:.3g}"
    notes = [MARKS, *[numbers] * (series.among <= _FEW)]
    ax.set_xlabel("risk $r$")
    ax.set_ylabel("probability of a larger risk")
    style.dress(ax, grid="both")
    furnish(ax, [line] if series.among > 1 or series.label else [], title=title, notes=notes)


def _scale(ax: Axes, risks: FloatArray) -> None:
    """Probabilities on a logarithmic axis, and risks that are far apart."""
    drawn = [line for line in ax.get_lines() if line.get_gid() == SERIES]
    x = np.concatenate([risks, *(np.asarray(line.get_xdata()) for line in drawn)])
    low, high = float(x.min()), float(x.max())
    if low > 0.0 and high > _DECADES * low:
        ax.set_xscale("log")
        ax.set_xlim(*roomy(low, high, ACROSS, log=True))
        style.log_ticks(ax.xaxis)
    else:
        ax.set_xlim(*roomy(low, high, ACROSS, log=False))
    ax.set_yscale("log")
    ax.set_ylim(0.8 * _TAIL, 1.3)
    style.set_ticks(ax.yaxis, [1.0, 0.5, 0.05, 0.01, 0.001])
