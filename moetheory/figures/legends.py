"""Legends that cover no data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moetheory.figures import style
from moetheory.figures.frames import frame, letters
from moetheory.figures.obstacles import Box, free_place, outlines

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LEGEND = "legend"  # group id


def legend_beside(ax: Axes, curves: Mapping[str, Line2D]) -> Artist:
    """Write the names into a legend where no data are; if there is no place, make one above."""
    handles = list(curves.values())
    columns = [1] if len(handles) < 3 else [1, 2, 3]
    looks: dict[str, Any] = {
        "frameon": True,
        "edgecolor": "none",
        "facecolor": "white",
        "framealpha": 0.8,
        "fancybox": False,
        "fontsize": letters(ax),
        "labelcolor": style.INK,
        "borderaxespad": 0.0,
        "borderpad": 0.2,
        "handlelength": 2.8,
        "columnspacing": 1.2,
        "labelspacing": 0.3,
    }
    box = Box(*ax.get_window_extent().extents)
    drawn = outlines(ax)
    legend: Any = None
    for number in columns:
        legend = ax.legend(handles, list(curves), ncols=number, loc="lower left", **looks)
        size = legend.get_window_extent()
        place = free_place(box, size.width, size.height, drawn)
        if place is not None:
            break
    else:
        for number in range(len(handles), 0, -1):
            legend = ax.legend(handles, list(curves), ncols=number, loc="lower left", **looks)
            size = legend.get_window_extent()
            if size.width <= box.width:
                break
        room = min(size.height + 4.0, 0.6 * box.height)
        data = ax.get_ylim()
        _, high = ax.transData.inverted().transform(
            [(box.x0, box.y0), (box.x0, box.y0 + box.height**2 / (box.height - room))]
        )[:, 1]
        ax.set_ylim(data[0], high)
        frame(ax, y=data)
        place = box.x0, box.y1 - size.height
    x, y = place
    legend.set_loc(((x - box.x0) / box.width, (y - box.y0) / box.height))
    legend.set_gid(LEGEND)
    legend.set_zorder(5.0)
    found: Artist = legend
    return found
