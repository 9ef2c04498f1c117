"""Names of curves at their right ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch, frame
from moetheory.figures.obstacles import Box

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

NAME = "name of a curve"  # group id
_GAP = 7.0  # points between the end of a curve and its name
_MOST, _WIDEST = 7, 0.4  # names; share of the axes that they may take
_MOVED = 1.3  # heights of a line that a name may stand away from its curve
_TOGETHER = 0.03  # of the width: how far ends may be apart
_SPACING = 1.15  # of names, in heights of a line


def name_ends(ax: Axes, curves: Mapping[str, Line2D]) -> list[Artist]:
    """Write each name beside the right end of its curve; none if one finds no place there."""
    box = Box(*ax.get_window_extent().extents)
    ends = _right_ends(ax, curves.values(), box)
    if ends is None or len(curves) > _MOST:
        return []
    names = [
        ax.text(
            0.0,
            0.0,
            name,
            transform=ax.transAxes,
            fontsize=style.SMALL,
            color=style.ink_of(str(line.get_color())),
            va="center_baseline",
            gid=NAME,
            zorder=5.0,
        )
        for name, line in curves.items()
    ]
    pixel = dots_per_inch(ax) / 72.0
    sizes = [name.get_window_extent() for name in names]
    gap = pixel * (_GAP + max(_half_mark(line) for line in curves.values()))
    width = gap + max(size.width for size in sizes) + 3.0 * pixel
    step = _SPACING * max(size.height for size in sizes)
    wanted, rightmost = ends[:, 1], float(ends[:, 0].max())
    heights = _apart(wanted, step, box.y0 + 0.6 * step, box.y1 - 0.6 * step)
    if (
        heights is None
        or width > _WIDEST * box.width
        or np.abs(heights - wanted).max() > _MOVED * step
    ):
        for name in names:
            name.remove()
        return []
    kept = min(1.0, (box.width - width) / (rightmost - box.x0))  # of the width, for the data
    if kept < 1.0:
        _make_room(ax, box, kept)
    x = (kept * (rightmost - box.x0) + gap) / box.width
    for name, height in zip(names, heights, strict=True):
        name.set_position((x, (height - box.y0) / box.height))
    return list(names)


def _make_room(ax: Axes, box: Box, kept: float) -> None:
    """Leave the data a share of the width, on the left."""
    data = ax.get_xlim()
    pixels = [(box.x0, box.y0), (box.x0 + box.width / kept, box.y0)]
    ax.set_xlim(*ax.transData.inverted().transform(pixels)[:, 0])
    frame(ax, x=data)


def _half_mark(line: Line2D) -> float:
    """Half of the width of the marks that are seen on a line, in points."""
    seen = str(line.get_marker()) not in ("None", "none", "") and line.get_markevery() is None
    return float(line.get_markersize()) / 2.0 if seen else 0.0


def _right_ends(ax: Axes, lines: Iterable[Line2D], box: Box) -> FloatArray | None:
    """Where curves end on the right, (n, 2) in pixels; None if one is not seen there."""
    ends = []
    for line in lines:
        points = ax.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return None
        ends.append(points[np.argmax(points[:, 0])])
    found = np.array(ends)
    inside = (found[:, 1] >= box.y0) & (found[:, 1] <= box.y1) & (found[:, 0] <= box.x1 + 1.0)
    together = found[:, 0] >= found[:, 0].max() - _TOGETHER * box.width
    return found if np.all(inside & together) else None


def _apart(wanted: FloatArray, step: float, low: float, high: float) -> FloatArray | None:
    """Heights ``step`` apart, nearest to the ``wanted`` ones, within limits; None: no room.

    >>> _apart(np.array([1.0, 1.0, 5.0]), 2.0, 0.0, 10.0).tolist()
    [0.0, 2.0, 5.0]
    """
    if (len(wanted) - 1) * step > high - low:
        return None
    order = np.argsort(wanted, kind="stable")
    shift = step * np.arange(len(wanted))
    # least squares under monotony: neighbours in the wrong order are pooled
    pools: list[list[float]] = []
    for value in wanted[order] - shift:
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, count), (last, more) = pools[-2:]
            pools[-2:] = [[(mean * count + last * more) / (count + more), count + more]]
    heights = np.repeat([mean for mean, _ in pools], [int(count) for _, count in pools])
    result = np.empty(len(wanted))
    result[order] = np.clip(heights, low, high - shift[-1]) + shift
    return result
