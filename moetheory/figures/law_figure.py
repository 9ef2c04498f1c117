"""The figure of how far gates follow the 1/K law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.series import Series
from moetheory.problem.estimators import MoE
from moetheory.problem.gates import Gate, Hard, Soft
from moetheory.results.routed_law import LawEnds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


class _Look(NamedTuple):
    """How a curve is drawn; those that coincide are seen one inside the other."""

    colour: str
    marker: str
    width: float
    ring: float  # diameter of the mark at its end


_ORACLE = _Look(style.LOOKS["oracle"].colour, "o", 3.4, 0.0)
_BOUND = _Look("0.45", "", 1.0, 8.0)
_GATES: dict[Gate, _Look] = {
    Soft(): _Look(style.LOOKS["soft"].colour, "^", 2.2, 13.0),
    Hard(): _Look(style.LOOKS["soft"].colour, "v", 1.1, 9.5),
}
_OTHERS = tuple(
    _Look(colour, marker, 1.6, ring)
    for colour, marker, ring in zip(("C1", "C2", "C3"), "DXP", (16.0, 19.0, 22.0), strict=True)
)
_DASHES = ((4.0, 2.0), (1.5, 1.5), (8.0, 2.0, 1.5, 2.0))  # in points
_CURVE, _LAW, _END = "law", "one over K", "end of a law"  # beginnings of group ids
_BEYOND, _ALL = "o", "s"  # marks of a law that ends before the last K, and of one that does not
_INFINITE = r"$n = \infty$"
_HEADROOM = 1.5  # factor between the highest risk and the top; bounds beyond are cut off
_NARROW = 3.2  # inches of the axes, below which letters and marks are smaller
_FEW_DECADES = 60.0  # ratio of risks, below which there are ticks within decades
_TICK = 0.4  # inches between two ticks, at least


def draw_law(ends: LawEnds, ax: Axes, title: str | None, series: Series) -> None:
    """Draw a gate, the oracle and the bound against K; what is on the axes already stays."""
    group = _group(ends, ax)
    name = name_in_legend(MoE(gate=ends.gate), [MoE(gate=ends.gate)])
    n = _INFINITE if ends.samples is None else f"$n = {ends.samples}$"
    drawn = {str(line.get_label()): line for line in _lines(ax, _CURVE)}
    samples = list(dict.fromkeys(each.split(", ", 1)[1] for each in drawn))
    if n not in samples:
        samples.append(n)
    scale = _scale(ax)
    shown = (
        ("bound for gates", "bound", _BOUND, ends.guaranteed),
        ("oracle gate", "oracle", _ORACLE, 1),
        (name, "gate", _GATES.get(ends.gate) or _other_look(name, drawn), ends.experts),
    )
    for what, column, look, end in shown:
        heights = _finite(ends[column])
        label = f"{what}, {n}"
        if label in drawn and np.array_equal(drawn[label].get_ydata(), heights, equal_nan=True):
            continue
        ax.plot(
            ends["experts"],
            heights,
            color=look.colour,
            linewidth=scale * look.width,
            linestyle=_dashes(samples, n, look.width),
            marker=look.marker,
            markerfacecolor=look.colour if look is _ORACLE else "none",
            markersize=scale * 6.0,
            markeredgewidth=scale,
            label=label,
            gid=group,
            zorder=1.5 if look is _BOUND else 3.0 - 0.1 * look.width,  # the narrower in front
        )
        if end > 1:
            height = ends[column][ends["experts"] == end]
            _mark_end(ax, ends, end, height, look)
    if not _lines(ax, _LAW) and ends.noise_variance > 0.0:
        dim, experts = ends["experts"][-1], ends["experts"]
        law = dim * ends.noise_variance / (ends.signal_energy * experts)
        ax.plot(experts, law, ":", color="0.2", linewidth=0.8, label="$1/K$", gid=_LAW, zorder=1.4)
    _scale_axes(ax)
    _legend(ax, ends)


def _group(ends: LawEnds, ax: Axes) -> str:
    """The group id of the curves, which names the law; another law on the axes is refused."""
    law = (
        f"d = {ends['experts'][-1]}, signal energy {ends.signal_energy:g}, "
        f"noise variance {ends.noise_variance:g}, factor {ends.factor:g}"
    )
    found = f"{_CURVE}: {law}"
    for line in _lines(ax, _CURVE):
        if (other := str(line.get_gid())) != found:
            raise ArgumentError(
                "result",
                f"must be of the law that is on the axes, with {other.split(': ', 1)[1]}, "
                f"got {law}",
            )
    return found


def _other_look(name: str, drawn: dict[str, Line2D]) -> _Look:
    """The look that the gate has on the axes, or the next of those that are left."""
    looks = {look.colour: look for look in _OTHERS}
    taken: dict[str, _Look] = {}
    for label, line in drawn.items():
        if (colour := str(line.get_color())) in looks:
            taken.setdefault(label.split(", ", 1)[0], looks[colour])
    return taken.get(name, _OTHERS[len(taken) % len(_OTHERS)])


def _finite(heights: FloatArray) -> FloatArray:
    """Heights with gaps where they are infinite."""
    return np.where(np.isfinite(heights), heights, np.nan)


def _dashes(samples: list[str], n: str, width: float) -> Any:
    """The line style of a number of samples, in the order in which they come to the axes."""
    if n == _INFINITE:
        return "-"
    order = [each for each in samples if each != _INFINITE].index(n)
    # in units of the width of a line, so that curves that coincide have their dashes together
    return 0, tuple(points / width for points in _DASHES[order % len(_DASHES)])


def _mark_end(ax: Axes, ends: LawEnds, end: int, height: FloatArray, look: _Look) -> None:
    """Mark the last K of a law: a square if no K with a finite risk is beyond, else a circle."""
    last = ends["experts"][np.isfinite(ends["oracle"])][-1]
    which, marker = ("last $K$", _BEYOND) if end < last else ("all $K$", _ALL)
    if ends["experts"][-1] > end == last:
        which = "all finite"
    ax.plot(
        end,
        height,
        color=look.colour,
        label=rf"risk $\leq {ends.factor:g}\times$ oracle: {which}",
        gid=_END,
        zorder=3.5,
        **_hollow(marker, _scale(ax) * look.ring),
    )


def _hollow(marker: str, size: float) -> dict[str, Any]:
    """The look of a mark that hides nothing."""
    hollow = {"markerfacecolor": "none", "markeredgewidth": 1.3, "linestyle": "none"}
    return {"marker": marker, "markersize": size, **hollow}


def _lines(ax: Axes, group: str) -> list[Line2D]:
    """The lines on the axes that belong to a group."""
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith(group)]


def _scale(ax: Axes) -> float:
    """The size of marks and lines: smaller in narrow axes."""
    return 0.7 if _inches(ax) < _NARROW else 1.0


def _inches(ax: Axes) -> float:
    """The width of the axes."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def _scale_axes(ax: Axes) -> None:
    """Scale both axes logarithmically, up to the highest risk; a bound may lie above."""
    from matplotlib.ticker import (
        FixedLocator,
        LogFormatterMathtext,
        LogLocator,
        NullFormatter,
        NullLocator,
        StrMethodFormatter,
    )

    curves = _lines(ax, _CURVE)
    experts = np.unique(np.concatenate([np.asarray(line.get_xdata()) for line in curves]))
    factor = max(1.4, float(experts[-1]) ** (_TICK / _inches(ax)))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(style.spaced(experts, factor)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    risks = np.concatenate(
        [np.asarray(each.get_ydata()) for each in curves if each.get_color() != _BOUND.colour]
    )
    risks = risks[np.isfinite(risks) & (risks > 0.0)]
    if risks.size:
        ax.set_yscale("log")
        ax.set_ylim(risks.min() / _HEADROOM, risks.max() * _HEADROOM)
        if risks.max() < _FEW_DECADES * risks.min():
            ax.yaxis.set_major_locator(LogLocator(subs=[1.0, 2.0, 5.0]))
            ax.yaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        else:
            ax.yaxis.set_major_locator(LogLocator())
            ax.yaxis.set_major_formatter(LogFormatterMathtext())
            ax.yaxis.set_minor_locator(LogLocator(subs="auto"))
            ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("number of experts K")
    ax.set_ylabel("excess risk")
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def _legend(ax: Axes, ends: LawEnds) -> None:
    """Name above the axes the law, each curve once, each line style, and the marks of ends."""
    from matplotlib.lines import Line2D

    entries: dict[str, Line2D] = {}
    infinite_from: dict[str, float] = {}
    for line in _lines(ax, _CURVE):
        what, n = str(line.get_label()).split(", ", 1)
        look = Line2D([], [], linestyle="-")
        look.update_from(line)
        look.set_linestyle("-")
        entries.setdefault(what, look)
        gaps = np.asarray(line.get_xdata())[np.isnan(np.asarray(line.get_ydata()))]
        infinite_from.setdefault(n, float(gaps[0]) if gaps.size else np.inf)
    entries["bound for gates"] = entries.pop("bound for gates")  # the last of the curves
    entries |= {str(line.get_label()): line for line in _lines(ax, _LAW)}
    samples = list(infinite_from)
    for n, first in infinite_from.items():
        if len(samples) > 1 or first < np.inf:
            label = n if first == np.inf else rf"{n}, $\infty$ from $K = {first:g}$"
            style_ = _dashes(samples, n, 1.5)
            entries[label] = Line2D([], [], color="0.2", linewidth=1.5, linestyle=style_)
    for mark in _lines(ax, _END):
        look = Line2D([], [], color="0.2", **_hollow(str(mark.get_marker()), 7.0 * _scale(ax)))
        entries[str(mark.get_label())] = look
    law = [
        f"$d = {ends['experts'][-1]}$",
        f"$S = {ends.signal_energy:g}$",
        rf"$\sigma^2 = {ends.noise_variance:g}$",
        *(samples if len(samples) == 1 else []),
    ]
    narrow = _inches(ax) < _NARROW
    size = "x-small" if narrow else "small"
    ax.legend(
        list(entries.values()),
        list(entries),
        title=", ".join(law),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2 if narrow else 3,
        frameon=False,
        fontsize=size,
        title_fontsize=size,
        columnspacing=1.0,
        handlelength=1.8,
        labelspacing=0.3,
    )
