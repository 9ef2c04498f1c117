"""The figure of how far gates follow the 1/K law."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.common.errors import ArgumentError
from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.frames import ACROSS, roomy
from moetheory.figures.furniture import furnish, set_heights
from moetheory.figures.numbers import plain
from moetheory.figures.quantities import axis_label, facts
from moetheory.figures.refinement import guide
from moetheory.figures.series import Series
from moetheory.problem.estimators import MoE
from moetheory.results.routed_law import LawEnds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_CURVE, _LAW, _END = "law", "one over K", "end of a law"  # beginnings of group ids
_BOUND = style.Look(style.MUTED, "", "-")
_HEADROOM = 1.5  # factor between the highest risk and the top; bounds beyond leave the axes
_RING, _BOUND_RING = 10.0, 8.0  # points
_LINES = ("solid lines", "dashes", "dots", "dashes and dots")  # of the numbers of samples


def draw_law(result: LawEnds, ax: Axes, title: str | None, series: Series) -> None:
    """Draw a gate, the oracle and the bound against K; what is on the axes already stays."""
    group = _group(result, ax)
    estimator = MoE(gate=result.gate)
    name = series.label or name_in_legend(estimator, [estimator])
    n = _n(result)
    samples = _samples(ax, n)
    order = samples.index(n)
    _scale_axes(ax, result)
    shown = (
        ("bound for gates", "bound", _BOUND, result.guaranteed),
        ("oracle gate", "oracle", style.LOOKS["oracle"], 1),
        (name, "gate", series.own or style.look_of(estimator), result.experts),
    )
    lines = []
    for what, column, look, end in shown:
        key = f"{group}: {column} {name if column == 'gate' else ''}: {n}"
        if any(line.get_gid() == key for line in _lines(ax, _CURVE)):
            continue
        lines.append(_draw(ax, result, column, _dashed(look, order), what, key))
        if end > 1:
            _mark_end(ax, result, column, end, look)
    lines += _draw_falling(ax, result)
    ax.set_xlabel(axis_label("experts"))
    ax.set_ylabel("excess risk")
    style.dress(ax)
    furnish(ax, lines, title=title, facts=_facts(result), notes=_notes(ax, result, samples))


def _group(result: LawEnds, ax: Axes) -> str:
    """The group id of the curves, which names the law; another law on the axes is refused."""
    law = (
        f"d = {result['experts'][-1]}, signal energy {result.signal_energy:g}, "
        f"noise variance {result.noise_variance:g}, factor {result.factor:g}"
    )
    for line in _lines(ax, _CURVE):
        other = str(line.get_gid()).split(": ")[1]
        if other != law:
            raise ArgumentError(
                "result", f"must be of the law that is on the axes, with {other}, got {law}"
            )
    return f"{_CURVE}: {law}"


def _n(result: LawEnds) -> float:
    """The training samples of the experts."""
    return math.inf if result.samples is None else float(result.samples)


def _samples(ax: Axes, n: float) -> list[float]:
    """The numbers of samples on the axes, and ``n``: each has dashes of its own."""
    drawn = [float(str(line.get_gid()).rsplit(": ", 1)[1]) for line in _lines(ax, _CURVE)]
    return list(dict.fromkeys([*drawn, n]))


def _dashed(look: style.Look, order: int) -> style.Look:
    """A look whose dashes say the number of samples, as its colour says the gate."""
    line = style.DASHES[order % len(style.DASHES)]
    return replace(look, line=line, filled=look.filled and not order)


def _draw(ax: Axes, result: LawEnds, column: str, look: style.Look, label: str, key: str) -> Line2D:
    """Draw a column: a smooth guide, which is named, and points at the divisors of d."""
    x, y = result["experts"], result[column]
    bound = column == "bound"
    (line,) = ax.plot(
        *guide(ax, x, y),
        color=look.colour,
        linestyle=look.line,
        linewidth=1.2 if bound else style.LINE,
        label=label,
        gid=key,
        zorder=1.5 if bound else 2.0 + (look.line != "-") * 0.2,
    )
    if not bound:
        finite = np.where(np.isfinite(y), y, np.nan)
        ax.plot(x, finite, linestyle="none", zorder=3, **look.points)
    return line


def _mark_end(ax: Axes, result: LawEnds, column: str, end: int, look: style.Look) -> None:
    """Mark the last K of a law: a square if no K with a finite risk is beyond, else a circle."""
    last = result["experts"][np.isfinite(result["oracle"])][-1]
    ax.plot(
        end,
        result[column][result["experts"] == end],
        color=look.colour,
        marker="o" if end < last else "s",
        markersize=_BOUND_RING if column == "bound" else _RING,
        markerfacecolor="none",
        markeredgewidth=1.3,
        linestyle="none",
        gid=_END,
        zorder=3.5,
    )


def _draw_falling(ax: Axes, result: LawEnds) -> list[Line2D]:
    """Draw the line that falls like 1/K, once."""
    if _lines(ax, _LAW) or result.noise_variance == 0.0:
        return []
    experts = result["experts"]
    law = experts[-1] * result.noise_variance / (result.signal_energy * experts)
    look: dict[str, Any] = {
        "color": style.INK,
        "linestyle": (0, (1.2, 1.2)),
        "linewidth": 1.0,
        "zorder": 1.4,
    }
    return ax.plot(experts, law, label="$1/K$", gid=_LAW, **look)


def _facts(result: LawEnds) -> list[str]:
    """What the figure holds for."""
    return facts(
        {
            "dim": int(result["experts"][-1]),
            "signal_energy": result.signal_energy,
            "noise_variance": result.noise_variance,
            "samples": _n(result),
        }
    )


def _notes(ax: Axes, result: LawEnds, samples: list[float]) -> list[str]:
    """What marks and dashes are, and where risks are infinite."""
    markers = {str(line.get_marker()) for line in _lines(ax, _END)}
    within = f"within {result.factor:g} times the oracle"
    notes = [f"circle: the last $K$ {within}"] * ("o" in markers)
    notes += [f"square: {within} at all $K$"] * ("s" in markers)
    shown = [facts({"samples": n})[0] for n in samples]
    if len(shown) > 1:
        order = [f"{what}: {n}" for what, n in zip(_LINES, shown, strict=False)]
        notes.append("; ".join(order if len(order) == 2 else order[-1:]))
    infinite = result["experts"][np.isinf(result["oracle"])]
    if infinite.size:
        at = shown[samples.index(_n(result))]
        notes.append(f"infinite risks from $K$ = {plain(float(infinite[0]))} on for {at}")
    return notes


def _lines(ax: Axes, group: str) -> list[Line2D]:
    """The lines on the axes that belong to a group."""
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith(group)]


def _scale_axes(ax: Axes, result: LawEnds) -> None:
    """Scale both axes logarithmically, with room for gate and oracle; the bound may leave."""
    last = float(result["experts"][-1])
    ax.set_xscale("log")
    ax.set_xlim(*roomy(1.0, last, ACROSS, log=True, least=1.05))
    style.set_ticks(ax.xaxis, style.spaced(result["experts"], 1.8))
    risks = np.concatenate([result["gate"], result["oracle"]])
    risks = risks[np.isfinite(risks) & (risks > 0.0)]
    if risks.size:
        ax.set_yscale("log")
        set_heights(ax, risks.min() / _HEADROOM, risks.max() * _HEADROOM)
        style.log_ticks(ax.yaxis)
