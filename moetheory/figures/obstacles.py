"""Where data are on axes, in pixels, and where there is a place without any."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEP = 2.0  # pixels between two points of an outline
_CLEAR = 6.0  # pixels that a place keeps away from data: markers are not points
_PLACES = 12  # tried along each side


class Box(NamedTuple):
    """A rectangle, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0


def outlines(ax: Axes) -> FloatArray:
    """Points along all that is drawn on axes as data: lines, points, bars and edges of bands.

    Returns
    -------
    (N, 2) array
        In pixels, inside the axes.
    """
    found = [np.empty((0, 2))]
    for line in ax.get_lines():
        path = line.get_transform().transform_path(line.get_path())
        joined = str(line.get_linestyle()) not in ("None", "none", "", " ")
        found.append(_along(path.vertices) if joined else np.asarray(path.vertices))
    for collection in ax.collections:
        if _is_background(collection):
            continue
        to_pixels = collection.get_transform()
        for each in collection.get_paths():
            for part in to_pixels.transform_path(each).to_polygons(closed_only=False):
                found.append(_along(part))
        offsets = np.asarray(collection.get_offsets(), dtype=float)
        if offsets.size and np.any(offsets):
            found.append(np.asarray(collection.get_offset_transform().transform(offsets)))
    for patch in ax.patches:
        if not _is_background(patch):
            path = patch.get_transform().transform_path(patch.get_path())
            found.append(_along(path.vertices))
    points = np.concatenate(found)
    x0, y0, x1, y1 = ax.get_window_extent().extents
    inside = (points >= (x0, y0)) & (points <= (x1, y1))
    return np.asarray(points[inside.all(axis=1)])


def _is_background(artist: object) -> bool:
    """Whether words may stand on it: shades over the whole height."""
    return getattr(artist, "get_gid", lambda: None)() == BACKGROUND


BACKGROUND = "background"


def _along(vertices: object) -> FloatArray:
    """Points along a line of straight pieces, not across its gaps."""
    points = np.asarray(vertices, dtype=float)
    starts, steps = points[:-1], np.diff(points, axis=0)
    seen = np.isfinite(steps).all(axis=1)
    starts, steps = starts[seen], steps[seen]
    numbers = np.minimum(np.hypot(*steps.T) / _STEP, 5000.0).astype(int) + 1
    pieces = [
        start + step * (np.arange(number + 1) / number)[:, None]
        for start, step, number in zip(starts, steps, numbers, strict=True)
    ]
    return np.concatenate([np.empty((0, 2)), *pieces])


def hits(box: Box, points: FloatArray) -> bool:
    """Whether a rectangle, with the room that it needs around it, has a point in it.

    >>> hits(Box(0.0, 0.0, 10.0, 10.0), np.array([[5.0, 30.0], [12.0, 8.0]]))
    True
    """
    low, high = np.array(box[:2]) - _CLEAR, np.array(box[2:]) + _CLEAR
    return bool(np.any(np.all((points >= low) & (points <= high), axis=1)))


def free_place(
    box: Box, width: float, height: float, points: FloatArray
) -> tuple[float, float] | None:
    """The lower left corner of a free rectangle of that size inside ``box``, at its edge if it can.

    >>> free_place(Box(0.0, 0.0, 100.0, 100.0), 20.0, 20.0, np.array([[90.0, 90.0]]))
    (4.0, 76.0)
    """
    margin = 4.0
    most = np.array([box.width - width, box.height - height]) - 2.0 * margin
    if np.any(most < 0.0):
        return None
    x = box.x0 + margin + most[0] * np.linspace(0.0, 1.0, _PLACES)
    y = box.y0 + margin + most[1] * np.linspace(1.0, 0.0, _PLACES)
    # corners first, then edges, then the inside; above before below, left before right
    places = [(i, j) for i in range(_PLACES) for j in range(_PLACES)]
    places.sort(key=lambda place: sum(0 < each < _PLACES - 1 for each in place))
    for i, j in places:
        found = float(x[j]), float(y[i])
        if not hits(Box(*found, found[0] + width, found[1] + height), points):
            return found
    return None
