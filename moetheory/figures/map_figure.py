"""The figure of a map: who wins where, by how much, and the border."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.frames import dots_per_inch, figure_of
from moetheory.figures.furniture import furnish
from moetheory.figures.numbers import plain
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.quantities import RATES, axis_label, facts
from moetheory.figures.region_names import name_regions
from moetheory.figures.series import Series
from moetheory.problem.estimators import Estimator, MoE
from moetheory.results.maps import NO_FORMULA, TIE, PhaseMap, stepped_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import QuadMesh
    from matplotlib.lines import Line2D

COUNTED = ("experts", "dim")
DECADE = 10.0  # a span of positive values that is drawn logarithmically
LEAST, MOST = 1.25, 100.0  # factors at the ends of the colours; what is beyond looks like them
TICKS = (1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
TICK_GAP = 0.2  # between two ticks of the colour bar, of half of it
LETTER = 0.52  # width of a letter, of its size
BORDER = "border"  # group id


def draw_map(result: PhaseMap, ax: Axes, title: str | None, series: Series) -> None:
    """Draw a map as `plot` says; of a second one on the same axes the border alone.

    Colours are those of the first, and with several no words name regions.
    """
    if series.order == 0:
        mesh, limit = _draw_cells(result, ax)
        _scale(ax, result)
    lines = _draw_border(result, ax, series)
    if series.order:
        furnish(ax, lines, title=title, facts=facts(result.setting))
        return
    ax.set_xlabel(axis_label(result.x))
    ax.set_ylabel(axis_label(result.y))
    style.dress(ax, grid="none")
    _draw_colour_bar(result, ax, mesh, limit)
    notes = _hatch(result, ax)
    several = series.among > 1
    if several:
        notes.insert(0, f"colours: {series.label or 'the first map'}")
    if np.any(np.isinf(result.excess_a) != np.isinf(result.excess_b)):
        notes.append("darkest: an infinite risk")
    furnish(ax, lines, title=title, facts=facts(result.setting), notes=notes)
    if several:  # of the others they do not hold
        return
    among = [result.a, result.b]
    words = {each.label: f"{_short_name(each, among)} wins" for each in among}
    name_regions(ax, words, result.winner, *_edges_of(result))


def _short_name(estimator: Estimator, among: list[Estimator]) -> str:
    """The name of an estimator inside its region."""
    return (
        "mixture"
        if estimator == MoE() and len(among) == 2 and not _gated(among)
        else (name_in_legend(estimator, among))
    )


def _gated(among: list[Estimator]) -> bool:
    """Whether both are mixtures, so that one needs a name of its own."""
    return all(isinstance(each, MoE) for each in among)


def _draw_cells(result: PhaseMap, ax: Axes) -> tuple[QuadMesh, float]:
    """Colour each cell by the logarithm of the ratio of both risks; its largest size."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    with np.errstate(divide="ignore"):
        ratio = np.log(result.advantage)
    finite = np.abs(ratio[np.isfinite(ratio)])
    # the farthest of nearly all cells, so that a spike does not leave the others pale
    far = float(np.quantile(finite, 0.99)) if finite.size else 0.0
    limit = float(np.clip(far, math.log(LEAST), math.log(MOST)))
    one, other = (style.look_of(each, [result.a, result.b]).colour for each in (result.a, result.b))
    if one == other:
        one = style.LOOKS["other"].colour
    colours = LinearSegmentedColormap.from_list("map", [one, "white", other])
    ratio[result.winner == TIE] = 0.0
    shown = np.ma.masked_invalid(np.clip(ratio, -limit, limit))
    across, up = _edges_of(result)
    norm = Normalize(-limit, limit)
    mesh = ax.pcolormesh(
        across, up, shown, cmap=colours, norm=norm, rasterized=True, gid=BACKGROUND
    )
    return mesh, limit


def _edges_of(result: PhaseMap) -> tuple[FloatArray, FloatArray]:
    """The edges of the cells along x and along y."""
    return (
        _edges(result.x_values.astype(float), log=_is_logarithmic(result.x, result.x_values)),
        _edges(result.y_values.astype(float), log=_is_logarithmic(result.y, result.y_values)),
    )


def _edges(values: FloatArray, *, log: bool) -> FloatArray:
    """The edges of cells around values: middles, on the scale on which they are drawn."""
    places = np.log(values) if log else values
    middles = (places[1:] + places[:-1]) / 2.0
    ends = places[0] - (middles[0] - places[0]), places[-1] + (places[-1] - middles[-1])
    edges = np.concatenate([[ends[0]], middles, [ends[1]]])
    return np.exp(edges) if log else edges


def _is_logarithmic(name: str, values: NDArray[Any]) -> bool:
    """Whether an axis is logarithmic: positive values that span a decade, no rates."""
    if name in RATES or values[0] <= 0:
        return False
    return name == "experts" or bool(values[-1] >= DECADE * values[0])


def _scale(ax: Axes, result: PhaseMap) -> None:
    """Scale both axes and place their ticks; cells at the ends are drawn whole."""
    axes: tuple[tuple[Axis, str, NDArray[Any], FloatArray], ...] = tuple(
        zip(
            (ax.xaxis, ax.yaxis),
            (result.x, result.y),
            (result.x_values, result.y_values),
            _edges_of(result),
            strict=True,
        )
    )
    for axis, name, values, edges in axes:
        logarithmic = _is_logarithmic(name, values)
        if logarithmic:
            (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log")
        (ax.set_xlim if axis is ax.xaxis else ax.set_ylim)(edges[0], edges[-1])
        if name in COUNTED and len(values) <= 12:
            style.set_ticks(axis, style.spaced(values) if logarithmic else values.tolist())
        elif logarithmic:
            style.log_ticks(axis)


def _draw_border(result: PhaseMap, ax: Axes, series: Series) -> list[Line2D]:
    """Draw the border; a result among several has a line of its own."""
    look = series.look if series.among > 1 else style.neutral(0)
    drawn: list[Line2D] = []
    integer = stepped_axis(result.x_values, result.y_values)
    for points in result.border_lines:
        steps = points if integer is None else _steps(points, integer, _edges_of(result)[integer])
        drawn += ax.plot(
            *steps.T,
            color=look.colour,
            linewidth=1.8,
            linestyle=look.line,
            marker="." if len(steps) == 1 else "",
            label=series.label,
            gid=BORDER,
            zorder=3,
        )
    return drawn if series.label else []


def _steps(points: FloatArray, integer: int, edges: FloatArray) -> FloatArray:
    """A line of the border over integers as steps that are as wide as the cells.

    >>> _steps(np.array([[2.0, 0.3], [4.0, 0.5]]), 0, np.array([1.0, 3.0, 6.0])).tolist()
    [[1.0, 0.3], [3.0, 0.3], [3.0, 0.5], [6.0, 0.5]]
    """
    cells = np.searchsorted(edges, points[:, integer]) - 1
    steps = np.repeat(points, 2, axis=0)
    steps[:, integer] = edges[np.column_stack([cells, cells + 1]).ravel()]
    return np.asarray(steps)


def _factors(limit: float) -> list[float]:
    """The factors at the ticks on one side of a colour bar, none near another or the middle.

    >>> _factors(math.log(100.0)), _factors(math.log(1.25))
    ([3.0, 10.0, 30.0, 100.0], [1.1, 1.2])
    """
    chosen: list[float] = []
    last = limit * (1.0 + TICK_GAP) + 1e-9
    for each in reversed(TICKS):
        if TICK_GAP * limit <= math.log(each) <= last - TICK_GAP * limit:
            chosen.append(each)
            last = math.log(each)
    return chosen[::-1]


def _draw_colour_bar(result: PhaseMap, ax: Axes, mesh: QuadMesh, limit: float) -> None:
    """Draw the bar of colours, with factors on both sides."""
    with np.errstate(divide="ignore"):
        far = float(np.nanmax(np.abs(np.log(result.advantage)), initial=0.0))
    bar = figure_of(ax).colorbar(
        mesh, ax=ax, extend="both" if far > limit else "neither", pad=0.02, aspect=28
    )
    side = _factors(limit)
    names = [rf"{plain(each)}$\times$" for each in side]
    places = [math.log(each) for each in side]
    bar.set_ticks(
        [*(-each for each in reversed(places)), 0.0, *places],
        labels=[*reversed(names), "equal", *names],
    )
    bar.ax.tick_params(labelsize=style.SMALL, colors=style.MUTED, labelcolor=style.INK)
    bar.outline.set_visible(False)
    among = [result.a, result.b]
    low, high = (_short_name(each, among) for each in among)
    room = 72.0 * ax.get_window_extent().height / dots_per_inch(ax)
    for words in (
        (f"{low} better", "risk ratio", f"{high} better"),
        (f"{low} better", "", f"{high} better"),
        (low, "", high),
    ):
        text = f"{words[0]}  $\\leftarrow$  {words[1]}  $\\rightarrow$  {words[2]}"
        if LETTER * style.SMALL * (sum(map(len, words)) + 8) <= room:
            bar.set_label(text, fontsize=style.SMALL, color=style.INK)
            return


def _hatch(result: PhaseMap, ax: Axes) -> list[str]:
    """Mark cells without formula, with infinite risks only, or no certain winner; say so."""
    from matplotlib.collections import PolyCollection

    notes = []
    for cells, hatch, note in (
        (result.winner == NO_FORMULA, "////", "hatched: no formula"),
        (result.both_infinite, "xxxx", "crossed: both infinite"),
        (result.uncertain, "....", "dotted: difference within the error of the formula"),
    ):
        if cells.any():
            notes.append(note)
            corners = list(_stretches(cells, *_edges_of(result)))
            look: dict[str, Any] = {"facecolor": "none", "edgecolor": style.MUTED, "linewidth": 0.0}
            ax.add_collection(PolyCollection(corners, hatch=hatch, gid=hatch, **look))
    return notes


def _stretches(
    cells: NDArray[np.bool_], across: FloatArray, up: FloatArray
) -> Iterator[list[tuple[float, float]]]:
    """The corners of each stretch of marked cells in a row.

    >>> marked = np.array([[False, True, True]])
    >>> [len(each) for each in _stretches(marked, np.arange(4.0), np.arange(2.0))]
    [4]
    """
    for i, row in enumerate(cells):
        steps = np.flatnonzero(np.diff(row.astype(int), prepend=0, append=0))
        for start, end in zip(steps[::2], steps[1::2], strict=True):
            low, high = float(up[i]), float(up[i + 1])
            left, right = float(across[start]), float(across[end])
            yield [(left, low), (right, low), (right, high), (left, high)]
