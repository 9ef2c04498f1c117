"""The figure of where a gate sends the samples of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch
from moetheory.figures.furniture import furnish
from moetheory.figures.numbers import plain
from moetheory.figures.series import Series
from moetheory.results.risks import RoutingMatrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

NUMBER = "number of a cell"  # group id
_NUMBERS = 12  # experts up to which cells have numbers
_RARE = 0.02  # errors below which colours are those of logarithms
_DEEPEST = 1e-15  # the least probability that logarithms tell from 0
_SMALLEST = 5.5  # points of letters that can be read


def draw_routing(result: RoutingMatrix, ax: Axes, title: str | None, series: Series) -> None:
    """Draw a heat map of groups and experts, with numbers where there is room."""
    matrix = result.matrix
    experts = len(matrix)
    norm, scale = _norm(matrix)
    seen = np.clip(matrix, norm.vmin, norm.vmax)
    ax.imshow(seen, cmap=style.shades(), norm=norm, aspect="auto")
    ax.set_xlabel("expert")
    ax.set_ylabel("group")
    style.dress(ax, grid="none")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    _tick(ax, experts)
    facts = [f"$K$ = {experts}", f"misrouting {plain(float(f'{result.misrouting:.3g}'))}"]
    furnish(ax, title=title, facts=[series.label, *facts] if series.label else facts, notes=[scale])
    texts = _texts(matrix)
    size = _room(ax, experts, max(len(text.replace("$", "")) for row in texts for text in row))
    if experts <= _NUMBERS and size >= _SMALLEST:
        _write_numbers(ax, np.asarray(norm(seen)), texts, min(size, style.SMALL + 1.0))


def _norm(matrix: FloatArray) -> tuple[Normalize, str]:
    """The scale of colours, and its name: of logarithms where errors are rare."""
    from matplotlib.colors import LogNorm, Normalize

    wrong = matrix[~np.eye(len(matrix), dtype=bool)]
    wrong = wrong[wrong > 0.0]
    if wrong.size and wrong.max() < _RARE:
        low = 10.0 ** np.floor(np.log10(max(float(wrong.min()), _DEEPEST)))
        return LogNorm(low, 1.0), f"colours: logarithmic, from white at {plain(low)} to dark at 1"
    top = float(f"{matrix.max():.2g}") if len(matrix) > _NUMBERS else 1.0
    return Normalize(0.0, top), f"colours: from white at 0 to dark at {plain(top)}"


def _tick(ax: Axes, experts: int) -> None:
    """A tick for each group and expert where there are few."""
    from matplotlib.ticker import MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        if experts <= _NUMBERS:
            style.set_ticks(axis, range(experts))
        else:
            axis.set_major_locator(MaxNLocator(8, integer=True))
        axis.set_tick_params(length=0)


def _texts(matrix: FloatArray) -> list[list[str]]:
    """The numbers of all cells: two digits."""
    return [[_short(float(value)) for value in row] for row in matrix]


def _short(value: float) -> str:
    """A probability in few letters.

    >>> [_short(value) for value in (0.0, 1.0, 0.25, 0.99999, 0.004, 2e-7, 3e-200)]
    ['0', '1', '0.25', '1.00', '0.004', '2e-7', '3e-200']
    """
    if value in (0.0, 1.0):
        return f"{value:.0f}"
    if value >= 0.0095:
        return f"{value:.2f}"
    if value >= 0.00095:
        return f"{value:.3f}"
    digits, power = f"{value:.0e}".split("e")
    return f"{digits}e{int(power)}"


def _room(ax: Axes, experts: int, letters: int) -> float:
    """The size of letters, in points, with which a number fits into a cell."""
    box = ax.get_window_extent()
    points = 72.0 / dots_per_inch(ax) / max(experts, 1)
    return float(min(box.width * points / (0.62 * (letters + 1)), 0.6 * box.height * points))


def _write_numbers(ax: Axes, shades: FloatArray, texts: list[list[str]], size: float) -> None:
    """Write a number into each cell, white upon dark."""
    for group, row in enumerate(texts):
        for expert, text in enumerate(row):
            shade = float(shades[group, expert])
            ax.text(
                expert,
                group,
                text,
                ha="center",
                va="center",
                fontsize=size,
                color="white" if shade > 0.5 else style.INK,
                gid=NUMBER,
            )
