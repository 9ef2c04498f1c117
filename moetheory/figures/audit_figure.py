"""The figure of an audit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from moetheory.auditing.contenders import contenders
from moetheory.auditing.leads import Lead
from moetheory.auditing.outcome import Audit
from moetheory.auditing.predictors import NAMES, ROUTED
from moetheory.figures import style
from moetheory.figures.labels import NINETY_FIVE
from moetheory.figures.series import Series
from moetheory.results.estimates import student_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE_SPAN = 8.0  # a ratio of risks above which the axis is logarithmic


class _Look(NamedTuple):
    colour: str
    line: str
    width: float
    marker: str
    size: float


# thin lines lie on thick ones, so that both are seen where they are one
_LOOKS = {
    "dense": _Look(style.LOOKS["dense"].colour, "-", 3.0, "s", 7.0),
    "dense(tuned)": _Look("black", ":", 1.5, "x", 4.0),
    "moe(block)": _Look(style.LOOKS["oracle"].colour, "-", 3.0, "o", 5.5),
    "moe(block, router)": _Look(style.LOOKS["oracle"].colour, "--", 1.2, "^", 5.5),
    "moe(all)": _Look(style.LOOKS["soft"].colour, "-", 1.5, "+", 6.0),
    "moe(all, router)": _Look(style.LOOKS["soft"].colour, "-.", 1.2, "v", 5.5),
}


def draw_audit(audit: Audit, ax: Axes, title: str | None, series: Series) -> None:
    """Draw predicted risks as lines, measured ones as points with intervals, and leads."""
    noise = audit.noise_variances
    held_out = int(audit.held_out.sum())
    for name, look in _LOOKS.items():
        if name not in audit.shown:
            continue
        ax.plot(
            noise,
            audit[f"{name}_predicted"],
            color=look.colour,
            linestyle=look.line,
            linewidth=look.width,
            alpha=0.5 if look.width > 2.0 else 1.0,
            label=NAMES[name] + ", told the group" * (name in ROUTED),
            zorder=2,
        )
        ax.errorbar(
            noise,
            audit[f"{name}_measured"],
            yerr=student_quantile(0.025, held_out - 1) * audit[f"{name}_sem"],
            fmt=look.marker,
            markersize=look.size,
            markerfacecolor="none",
            color=look.colour,
            elinewidth=1.0,
            zorder=3,
        )
    told = contenders(audit).told.name
    # of others the bands would lie upon these
    for name in (told, ROUTED[told]) if len(audit.names) > 1 else ():
        predicted, measured, _ = audit.crossovers[name]
        if measured.is_sure:  # the bands of what may be chance would cover everything
            _draw_leads(ax, predicted, measured, noise[-1], _LOOKS[name].colour)
    if len(noise) > 1:
        _scale_axes(audit, ax)
    ax.set_xlabel(audit.level_name)
    ax.set_ylabel("risk")
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.plot([], [], linestyle="none", label=f"points: held out ({NINETY_FIVE})")
    if ax.patches:
        ax.axvspan(
            0, 0, color="0.5", alpha=0.2, linewidth=0.0, label=f"lead changes ({NINETY_FIVE})"
        )
        ax.plot([], [], color="0.4", linestyle="--", linewidth=1.0, label="as predicted")
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),  # above the axes: it hides no data
        ncols=2,
        columnspacing=1.0,
        handlelength=1.6,
        handletextpad=0.5,
        frameon=False,
        fontsize="small",
    )


def _draw_leads(ax: Axes, predicted: Lead, measured: Lead, end: float, colour: str) -> None:
    """Draw a dashed line at each predicted change of lead, a band over each measured one."""
    for theory, found in zip(predicted, measured, strict=True):
        if 0.0 < found.value < math.inf:
            high = min(found.high, end)
            ax.axvspan(found.low, high, color=colour, alpha=0.15, linewidth=0.0, zorder=0)
        if 0.0 < theory.value < math.inf:
            ax.axvline(theory.value, color=colour, linestyle="--", linewidth=1.0, zorder=1)


def _scale_axes(audit: Audit, ax: Axes) -> None:
    noise = audit.noise_variances
    if audit.noise == "dropout":
        ax.set_xscale("linear")  # probabilities are of one size
    elif noise[0] > 0.0:
        ax.set_xscale("log")
    else:
        ax.set_xscale("symlog", linthresh=noise[1])
        # below the first level the scale is linear: no decades beside 0
        exponents = np.arange(math.ceil(math.log10(noise[1]) - 0.2), math.log10(noise[-1]) + 0.2)
        ax.set_xticks([0.0, *10.0**exponents])
        ax.set_xlim(-0.2 * noise[1], 1.25 * noise[-1])  # so that the outer points are whole
    risks = np.array(
        [audit[f"{name}_{what}"] for name in _LOOKS for what in ("predicted", "measured")]
    )
    if risks.min() > 0.0 and risks.max() > WIDE_SPAN * risks.min():
        ax.set_yscale("log")
