"""The figure of how far gates follow the 1/K law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.problem.estimators import MoE
from moetheory.problem.gates import Gate, Hard, Soft
from moetheory.results.routed_law import LawEnds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_COLOURS: dict[Gate, str] = {Soft(): style.VARIANTS[0], Hard(): style.VARIANTS[1]}
_OTHER_COLOURS = style.VARIANTS[2:]
_BOUND_COLOUR = "0.45"
_STYLES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))  # of infinitely many samples first
_MARK: dict[str, Any] = {
    "marker": "o",
    "markersize": 8.0,
    "markerfacecolor": "white",
    "linestyle": "none",
}
_CURVE, _END = "law", "end of a law"  # group ids of what may be on the axes already
_HEADROOM = 1.5  # factor between the highest risk and the top; bounds beyond are cut off


def draw_law(ends: LawEnds, ax: Axes) -> None:
    """Draw a gate, the oracle and the bound against K; what is on the axes already stays."""
    name = name_in_legend(MoE(gate=ends.gate), [MoE(gate=ends.gate)])
    n = "infinitely many samples" if ends.samples is None else f"n = {ends.samples}"
    drawn = {str(line.get_label()): line for line in _lines(ax, _CURVE)}
    colour = _COLOURS.get(ends.gate) or _other_colour(name, drawn)
    samples = list(dict.fromkeys(each.split(", ", 1)[1] for each in drawn))
    if n not in samples:
        samples.append(n)
    look: dict[str, Any] = {"linestyle": _style(samples, n), "gid": _CURVE}
    for what, column, its_colour, width in (
        ("bound for gates", "bound", _BOUND_COLOUR, 1.2),
        ("oracle gate", "oracle", style.EXPERTS, 1.8),
        (name, "gate", colour, 1.8),
    ):
        heights = _finite(ends[column])
        label = f"{what}, {n}"
        if label in drawn and np.array_equal(drawn[label].get_ydata(), heights, equal_nan=True):
            continue
        zorder = 1.5 if column == "bound" else 2.0
        ax.plot(
            ends["experts"],
            heights,
            color=its_colour,
            linewidth=width,
            label=label,
            zorder=zorder,
            **look,
        )
    for column, end, its_colour in (
        ("bound", ends.guaranteed, _BOUND_COLOUR),
        ("gate", ends.experts, colour),
    ):
        if 1 < end < ends["experts"][-1]:
            height = ends[column][ends["experts"] == end]
            label = f"last K within {ends.factor:g} times the oracle"
            ax.plot(end, height, color=its_colour, label=label, gid=_END, zorder=3, **_MARK)
    _scale_axes(ax)
    _legend(ax)


def _other_colour(name: str, drawn: dict[str, Line2D]) -> str:
    """The colour that the gate has on the axes, or the next of those that are left."""
    taken: dict[str, str] = {}
    for label, line in drawn.items():
        if (colour := str(line.get_color())) in _OTHER_COLOURS:
            taken.setdefault(label.split(", ", 1)[0], colour)
    return taken.get(name, _OTHER_COLOURS[len(taken) % len(_OTHER_COLOURS)])


def _finite(heights: FloatArray) -> FloatArray:
    """Heights with gaps where they are infinite."""
    return np.where(np.isfinite(heights), heights, np.nan)


def _style(samples: list[str], n: str) -> Any:
    """The line style of a number of samples, in the order in which they come to the axes."""
    finite = [each for each in samples if each.startswith("n")]
    return _STYLES[0] if n not in finite else _STYLES[1 + finite.index(n) % (len(_STYLES) - 1)]


def _lines(ax: Axes, group: str) -> list[Line2D]:
    """The lines on the axes that belong to a group."""
    return [line for line in ax.get_lines() if line.get_gid() == group]


def _scale_axes(ax: Axes) -> None:
    """Scale both axes logarithmically, up to the highest risk; a bound may lie above."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    curves = _lines(ax, _CURVE)
    experts = np.unique(np.concatenate([np.asarray(line.get_xdata()) for line in curves]))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(style.spaced(experts)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    risks = np.concatenate(
        [np.asarray(each.get_ydata()) for each in curves if each.get_color() != _BOUND_COLOUR]
    )
    risks = risks[np.isfinite(risks) & (risks > 0.0)]
    if risks.size:
        ax.set_yscale("log")
        ax.set_ylim(risks.min() / _HEADROOM, risks.max() * _HEADROOM)
    ax.set_xlabel("number of experts K")
    ax.set_ylabel("excess risk")
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def _legend(ax: Axes) -> None:
    """Name each colour once, each line style where there are several, and the mark of an end."""
    from matplotlib.lines import Line2D

    entries: dict[str, Line2D] = {}
    styles: dict[str, Any] = {}
    for line in _lines(ax, _CURVE):
        what, n = str(line.get_label()).split(", ", 1)
        look = Line2D([], [], color=line.get_color(), linewidth=line.get_linewidth())
        entries.setdefault(what, look)
        styles.setdefault(n, line)
    entries["bound for gates"] = entries.pop("bound for gates")  # the last of the curves
    if len(styles) > 1 or "infinitely many samples" not in styles:
        names = list(styles)
        for n in names:
            entries[n] = Line2D([], [], color="0.2", linestyle=_style(names, n))
    for mark in _lines(ax, _END):
        entries[str(mark.get_label())] = Line2D([], [], color="0.2", **_MARK)
    ax.legend(list(entries.values()), list(entries), frameon=False, fontsize="small")
