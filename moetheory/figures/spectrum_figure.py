"""The figures of a spiked spectrum: observed singular values, and overlaps with clean vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.figures import style
from moetheory.figures.furniture import data_limits, furnish, set_heights
from moetheory.figures.numbers import plain
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.series import SERIES, Series
from moetheory.theory.spiked_spectra import SpikedSpectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_NO_NOISE = "no noise"
_SHADES = 4  # thresholds that are shaded, at most
_POINTS = 200
_ROOM = 1.3  # a factor beyond the least and the largest
HIDDEN = "open points: hidden in noise"


def draw_values(result: SpikedSpectrum, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the squared singular values observed against the clean ones."""
    look = series.look
    low, high = _limits(ax, result)
    bottom, top = min(low, float(result.values.min())), max(high, float(result.values.max()))
    ax.set_yscale("log")
    set_heights(ax, bottom, top * _ROOM)
    style.log_ticks(ax.yaxis)
    lines: list[Line2D] = []
    for predictor in _predictors(result):
        threshold, edge = result.threshold[predictor], result.edge[predictor]
        x = np.unique(np.append(np.geomspace(low, high, _POINTS), threshold))
        x = x[x > 0.0]
        # (l + s)(l + cs)/l, of which edge and threshold know s + cs and cs^2
        seen = x + (edge - 2.0 * threshold) + threshold**2 / x
        lines += ax.plot(
            x,
            np.where(x > threshold, seen, edge),
            **look.curve,
            label=series.named("observed"),
            gid=SERIES,
            zorder=2,
        )
    _draw_spikes(ax, result, result.values, look)
    lines += ax.plot(
        [low, high],
        [low, high],
        color=style.MUTED,
        linestyle=style.DASHES[1],
        linewidth=1.2,
        label=_NO_NOISE,
        zorder=1.5,
    )
    ax.set_ylabel("observed in noise")
    _finish(ax, result, [lines[0], lines[-1]], title, series)


def draw_overlaps(result: SpikedSpectrum, ax: Axes, title: str | None, series: Series) -> None:
    """Draw the squared inner products of clean and noisy singular vectors."""
    low, high = _limits(ax, result)
    lines: list[Line2D] = []
    for order, (side, overlaps) in enumerate((("left", result.left), ("right", result.right))):
        look = series.look.another(order)
        named: list[Line2D] = []
        for predictor in _predictors(result):
            threshold = result.threshold[predictor]
            x = np.unique(np.append(np.geomspace(low, high, _POINTS), threshold))
            x = x[x > 0.0]
            noise = _noise(result, overlaps, predictor)
            if noise is None:
                continue
            seen = (x**2 - threshold**2) / (x * (x + noise))
            named += ax.plot(
                x,
                np.where(x > threshold, seen, 0.0),
                **look.curve,
                label=f"{side} vectors, {series.label}" if series.label else f"{side} vectors",
                gid=SERIES,
                zorder=2,
            )
        _draw_spikes(ax, result, overlaps, look)
        lines += named[:1]
    ax.set_ylim(-0.05, 1.05)
    ax.set_ylabel("squared overlap")
    _finish(ax, result, lines, title, series)


def _noise(result: SpikedSpectrum, overlaps: FloatArray, predictor: int) -> float | None:
    """The variance s of (l^2 - cs^2)/(l(l + s)), from the least spike that is seen."""
    own = np.flatnonzero((_owners(result) == predictor) & result.detectable)
    if not own.size:
        return None
    spike = own[np.argmin(result.signal[own])]
    clean, threshold = float(result.signal[spike]), float(result.threshold[predictor])
    return (clean**2 - threshold**2) / (clean * float(overlaps[spike])) - clean


def _owners(result: SpikedSpectrum) -> IntArray:
    """The predictor that observes each spike."""
    return result.groups if len(result.threshold) > 1 else np.zeros_like(result.groups)


def _predictors(result: SpikedSpectrum) -> list[int]:
    """Predictors that observe spikes, one of each threshold and edge."""
    found: dict[tuple[str, str], int] = {}
    for predictor in np.unique(_owners(result)).tolist():
        key = f"{result.threshold[predictor]:.9g}", f"{result.edge[predictor]:.9g}"
        found.setdefault(key, predictor)
    return list(found.values())


def _draw_spikes(ax: Axes, result: SpikedSpectrum, heights: FloatArray, look: style.Look) -> None:
    """Draw a point for each spike, an open one where it is not seen in the noise."""
    for chosen, face in ((result.detectable, look.colour), (~result.detectable, "white")):
        if chosen.any():
            points = {**look.points, "markerfacecolor": face}
            ax.plot(result.signal[chosen], heights[chosen], linestyle="none", zorder=3, **points)


def _limits(ax: Axes, result: SpikedSpectrum) -> tuple[float, float]:
    """The range of clean values, as it is drawn on a logarithmic axis."""
    thresholds = result.threshold[_predictors(result)]
    positive = np.concatenate([result.signal, thresholds[thresholds > 0.0]])
    low, high = float(positive.min()) / _ROOM, float(positive.max()) * _ROOM
    if any(line.get_gid() == SERIES for line in ax.get_lines()):
        (least, most), _ = data_limits(ax)
        low, high = min(low, least), max(high, most)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    style.log_ticks(ax.xaxis)
    return low, high


def _finish(
    ax: Axes, result: SpikedSpectrum, lines: list[Line2D], title: str | None, series: Series
) -> None:
    """Shade what is below the thresholds, and write what there is to be read."""
    thresholds = sorted({float(result.threshold[each]) for each in _predictors(result)})
    for threshold in thresholds[-_SHADES:]:
        ax.axvspan(
            ax.get_xlim()[0],
            threshold,
            color=style.MUTED,
            alpha=0.12 / len(thresholds[-_SHADES:]),
            linewidth=0.0,
            zorder=0,
            gid=BACKGROUND,
        )
    shown = plain(float(f"{thresholds[0]:.3g}"))
    if len(thresholds) > 1:
        shown += f" to {plain(float(f'{thresholds[-1]:.3g}'))}"
    subject = f" of {series.label}" if series.label else ""
    notes = [f"shaded: below the threshold{subject}, {shown}"] + [HIDDEN] * (
        not result.detectable.all()
    )
    ax.set_xlabel("squared singular value, clean")
    style.dress(ax)
    facts = [f"{len(result.signal)} spikes", f"contraction {result.worst:.3g}"]
    furnish(ax, lines, title=title, facts=facts, notes=notes)
