"""Names of curves at their right ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch, frame, letters
from moetheory.figures.obstacles import Box

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

NAME = "name of a curve"  # group id
_GAP = 9.0  # points between the end of a curve and its name
_MOST, _WIDEST = 7, 0.4  # names; share of the axes that they may take
_MOVED = 1.3  # heights of a line that a name may stand away from its curve
_SPACING = 1.15  # of names, in heights of a line


def name_ends(ax: Axes, curves: Mapping[str, Line2D]) -> list[Artist]:
    """Write each name beside the right end of its curve; none if one finds no place there."""
    if len(curves) > _MOST:
        return []
    box = Box(*ax.get_window_extent().extents)
    pixel = dots_per_inch(ax) / 72.0
    ends = [_right_end(ax, line, box) for line in curves.values()]
    found = [end for end in ends if end is not None]
    if len(found) < len(ends) or not found:
        return []
    rightmost = max(x for x, _ in found)
    if any(x < rightmost - 0.03 * box.width for x, _ in found):
        return []
    names = [
        ax.text(
            0.0,
            0.0,
            name,
            fontsize=letters(ax),
            color=style.ink_of(line.get_color()),
            va="center_baseline",
            ha="left",
            gid=NAME,
            zorder=5.0,
        )
        for name, line in curves.items()
    ]
    sizes = [name.get_window_extent() for name in names]
    width = max(size.width for size in sizes) + (_GAP + 3.0) * pixel
    step = _SPACING * max(size.height for size in sizes)
    wanted = np.array([y for _, y in found])
    heights = _apart(wanted, step, box.y0 + step / 2.0, box.y1 - step / 2.0)
    if (
        width > _WIDEST * box.width
        or heights is None
        or np.max(np.abs(heights - wanted)) > _MOVED * step
    ):
        for name in names:
            name.remove()
        return []
    data = ax.get_xlim()
    reach = rightmost - box.x0
    share = min(1.0, (box.width - width) / reach) if reach > 0.0 else 1.0  # that the data keep
    if share < 1.0:
        low, high = ax.transData.inverted().transform(
            [(box.x0, box.y0), (box.x0 + box.width / share, box.y0)]
        )[:, 0]
        ax.set_xlim(low, high)
        frame(ax, x=data)
    x = box.x0 + reach * share + _GAP * pixel
    for name, height in zip(names, heights, strict=True):
        name.set_transform(ax.transAxes)
        name.set_position(((x - box.x0) / box.width, (height - box.y0) / box.height))
    return list(names)


def _right_end(ax: Axes, line: Line2D, box: Box) -> tuple[float, float] | None:
    """Where a curve ends on the right, in pixels; None if it is not seen there."""
    points = ax.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    x, y = points[np.argmax(points[:, 0])]
    return (float(x), float(y)) if box.y0 <= y <= box.y1 and x <= box.x1 + 1.0 else None


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
