"""Words inside the regions of a map, where they fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REGION = "region"  # group id
_ACROSS, _UP = 96, 64  # places that are looked at
_LETTER, _LINE = 0.62, 1.5  # width and height of a letter, of its size, with room around


def name_regions(
    ax: Axes,
    words: Mapping[str, str],
    winner: NDArray[np.str_],
    across: FloatArray,
    up: FloatArray,
) -> None:
    """Write for each winner its words inside its region, if there is a place for them.

    Parameters
    ----------
    ax : Axes
        Its limits and scales are set.
    words : mapping of labels to words
    winner : (rows, columns) array of labels
    across, up : (columns + 1,) and (rows + 1,) arrays
        The edges of the cells.
    """
    from matplotlib.patheffects import withStroke

    seen = _labels_at_places(ax, winner, across, up)
    box = ax.get_window_extent()
    points = 72.0 / dots_per_inch(ax)
    for label, text in words.items():
        for size in (style.TITLE, style.SMALL):
            width = _LETTER * size * len(text) / (box.width * points)
            height = _LINE * size / (box.height * points)
            place = _roomiest(seen == label, width, height)
            if place is not None:
                ax.text(
                    *place,
                    text,
                    transform=ax.transAxes,
                    ha="center",
                    va="center",
                    fontsize=size,
                    fontweight="bold",
                    color=style.INK,
                    path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
                    zorder=4,
                    gid=REGION,
                )
                break


def _labels_at_places(
    ax: Axes, winner: NDArray[Any], across: FloatArray, up: FloatArray
) -> NDArray[Any]:
    """The winners at places that are spread evenly over the axes, (_UP, _ACROSS)."""
    x, y = np.meshgrid((np.arange(_ACROSS) + 0.5) / _ACROSS, (np.arange(_UP) + 0.5) / _UP)
    pixels = ax.transAxes.transform(np.column_stack([x.ravel(), y.ravel()]))
    data = np.asarray(ax.transData.inverted().transform(pixels))
    columns = np.clip(np.searchsorted(across, data[:, 0]) - 1, 0, winner.shape[1] - 1)
    rows = np.clip(np.searchsorted(up, data[:, 1]) - 1, 0, winner.shape[0] - 1)
    return np.asarray(winner[rows, columns].reshape(_UP, _ACROSS))


def _roomiest(free: NDArray[np.bool_], width: float, height: float) -> tuple[float, float] | None:
    """The centre of the rectangle that lies in a region, nearest to the middle of the region.

    Sizes and places are shares of the axes.

    >>> free = np.zeros((64, 96), dtype=bool)
    >>> free[:32, :48] = True
    >>> x, y = _roomiest(free, 0.2, 0.1)
    >>> round(x, 1), round(y, 1)
    (0.2, 0.2)
    """
    w, h = int(np.ceil(width * _ACROSS)) + 2, int(np.ceil(height * _UP)) + 2
    if w > _ACROSS or h > _UP or not free.any():
        return None
    total = np.zeros((_UP + 1, _ACROSS + 1))
    total[1:, 1:] = free.cumsum(axis=0).cumsum(axis=1)
    inside = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w] == w * h
    if not inside.any():
        return None
    rows, columns = np.nonzero(inside)
    y, x = (rows + h / 2.0) / _UP, (columns + w / 2.0) / _ACROSS
    middle_y, middle_x = (np.argwhere(free).mean(axis=0) + 0.5) / (_UP, _ACROSS)
    nearest = int(np.argmin(np.hypot(y - middle_y, x - middle_x)))
    return float(x[nearest]), float(y[nearest])
