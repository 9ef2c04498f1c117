"""The figure of an audit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.auditing.contenders import contenders
from moetheory.auditing.leads import Lead
from moetheory.auditing.outcome import Audit
from moetheory.auditing.predictors import ROUTED
from moetheory.common.text import counted
from moetheory.figures import style
from moetheory.figures.frames import ACROSS, UP, roomy
from moetheory.figures.furniture import furnish, set_heights
from moetheory.figures.labels import NINETY_FIVE
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.refinement import guide
from moetheory.figures.series import Series
from moetheory.results.estimates import student_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

WIDE_SPAN = 8.0  # a ratio of risks above which the axis is logarithmic
NAMES = {
    "dense": "dense",
    "dense(tuned)": "tuned dense",
    "moe(block)": "block experts",
    "moe(block, router)": "block experts, router",
    "moe(all)": "full experts",
    "moe(all, router)": "full experts, router",
}
_LOOKS = {
    "dense": style.LOOKS["dense"],
    "dense(tuned)": style.LOOKS["tuned"],
    "moe(block)": style.LOOKS["oracle"],
    "moe(block, router)": style.LOOKS["learned"],
    "moe(all)": style.LOOKS["all features"],
    "moe(all, router)": style.LOOKS["all features"].another(1),
}
POINTS = f"points: held out, {NINETY_FIVE} intervals"
EXPERTS = "block experts see their block, full experts all; told the group if there is no router"
LEADS = f"vertical: predicted change of lead; shaded: measured, {NINETY_FIVE} interval"


def draw_audit(result: Audit, ax: Axes, title: str | None, series: Series) -> None:
    """Draw predicted risks as lines, measured ones as points with intervals, and leads."""
    shown = [name for name in _LOOKS if name in result.shown]
    _scale(ax, result, shown)
    lines = [_draw(result, ax, name, series) for name in shown]
    _limit_heights(ax, result, shown)
    leads = len(result.names) > 1 and _draw_all_leads(result, ax)
    notes = [POINTS] + [LEADS] * leads + [EXPERTS] * (len(shown) > 2)
    ax.set_xlabel(result.level_name)
    ax.set_ylabel("risk")
    style.dress(ax)
    held_out = int(result.held_out.sum())
    facts = [
        counted(len(result.held_out) - held_out, "training sample"),
        f"{held_out} held out",
        counted(len(result.block_of), "feature"),
        counted(len(result.names), "group"),
    ]
    furnish(ax, lines, title=title, facts=facts, notes=notes)


def _draw(result: Audit, ax: Axes, name: str, series: Series) -> Line2D:
    """Draw one predictor; its line is named."""
    look = _LOOKS[name].another(series.order) if series.order else _LOOKS[name]
    noise, measured = result.noise_variances, result[f"{name}_measured"]
    label = f"{NAMES[name]}, {series.label}" if series.label else NAMES[name]
    behind = 0.5 * (look.colour == style.LOOKS["all features"].colour)  # of what costs less
    (line,) = ax.plot(
        *guide(ax, noise, result[f"{name}_predicted"]),
        **look.curve,
        label=label,
        marker="_" if len(noise) == 1 else "",
        markersize=16.0,
        zorder=2.0 + (look.line != "-") * 0.2 - behind,
    )
    quantile = student_quantile(0.025, int(result.held_out.sum()) - 1)
    ax.errorbar(
        noise,
        measured,
        yerr=quantile * result[f"{name}_sem"],
        zorder=3.0 - behind,
        **look.intervals,
    )
    return line


def _draw_all_leads(result: Audit, ax: Axes) -> bool:
    """Draw where the mixture that a verdict speaks of begins or ceases to lead, if anywhere."""
    told = contenders(result).told.name
    drawn = False
    for name in (told, ROUTED[told]):
        predicted, measured, _ = result.crossovers[name]
        if measured.is_sure:  # the bands of what may be chance would cover everything
            drawn |= _draw_leads(ax, predicted, measured, _LOOKS[name].colour)
    return drawn


def _draw_leads(ax: Axes, predicted: Lead, measured: Lead, colour: str) -> bool:
    """Draw a dashed line at each predicted change of lead, a band over each measured one."""
    limits, heights = ax.get_xlim(), ax.get_ylim()
    drawn = False
    for theory, found in zip(predicted, measured, strict=True):
        if 0.0 < found.value < math.inf:
            high = min(found.high, limits[1])
            drawn = True
            ax.axvspan(
                found.low, high, color=colour, alpha=0.12, linewidth=0.0, zorder=0, gid=BACKGROUND
            )
        if 0.0 < theory.value < math.inf:
            drawn = True
            # up to where the data are: a legend may stand above
            ax.plot(
                [theory.value] * 2, heights, color=colour, linestyle="--", linewidth=1.0, zorder=1
            )
    ax.set_xlim(*limits)
    ax.set_ylim(*heights)
    return drawn


def _scale(ax: Axes, result: Audit, shown: list[str]) -> None:
    """Scale noise logarithmically, from 0 on below the first level; risks where far apart."""
    noise = result.noise_variances
    if len(noise) > 1 and result.noise != "dropout":  # probabilities are of one size
        if noise[0] > 0.0:
            ax.set_xscale("log")
            ax.set_xlim(*roomy(noise[0], noise[-1], ACROSS, log=True))
            style.log_ticks(ax.xaxis)
        else:
            ax.set_xscale("symlog", linthresh=noise[1])
            # below the first level the scale is linear: no decades beside 0
            exponents = np.arange(
                math.ceil(math.log10(noise[1]) - 0.2), math.log10(noise[-1]) + 0.2
            )
            style.set_ticks(ax.xaxis, [0.0, *(10.0**exponents).tolist()])
            ax.set_xlim(-0.2 * noise[1], 1.25 * noise[-1])  # so that the outer points are whole
    elif len(noise) > 1:
        ax.set_xlim(*roomy(noise[0], noise[-1], ACROSS, log=False))
    risks = _risks(result, shown)
    if risks.min() > 0.0 and risks.max() > WIDE_SPAN * risks.min():
        ax.set_yscale("log")


def _limit_heights(ax: Axes, result: Audit, shown: list[str]) -> None:
    """Limit the heights by what is predicted and measured: intervals may leave the axes."""
    risks = _risks(result, shown)
    low, high = float(risks.min()), float(risks.max())
    if ax.get_yscale() == "log":
        set_heights(ax, *roomy(low, high, UP, log=True, least=1.05))
        style.log_ticks(ax.yaxis)
    else:
        set_heights(ax, 0.0, 1.06 * high or 1.0)


def _risks(result: Audit, shown: list[str]) -> np.ndarray:
    """All risks that are drawn."""
    return np.array(
        [result[f"{name}_{what}"] for name in shown for what in ("predicted", "measured")]
    )
