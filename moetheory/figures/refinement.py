"""Theory on a grid of its own: fine where curves bend, so that they are smooth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.results.tables import Columns, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHOLE = ("experts", "samples", "steps")  # quantities that are counted
_LEVELS = 6  # of halving
_BEND = 1.0 / 500.0  # of the height of the curves: a chord that is nearer is straight to the eye
_MOST = 400  # points
_PIECES = 16  # of a guide between two points


class Grid(NamedTuple):
    """Values of the swept quantity, and the columns of theory there."""

    x: FloatArray
    columns: dict[str, FloatArray]


def refined(
    table: Sweep, names: list[str], *, log_x: bool, log_y: bool, beside: Sequence[str] = ()
) -> Grid:
    """The columns ``names`` of a table, sorted, with values in between where curves bend.

    So are those ``beside``, which do not say where.

    The middle of an interval is computed if a neighbouring interval turned out to bend there, on
    the scales on which the curves are seen; at first in all intervals. A table that knows no
    other values than its own keeps them.

    Examples
    --------
    >>> from moetheory import BlockModel, Dense, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0)
    >>> table = sweep(model, "noise_variance", [0.1, 10.0], [Dense()])
    >>> grid = refined(table, ["dense"], log_x=True, log_y=True)
    >>> len(grid.x) > 10, grid.x[[0, -1]].tolist()
    (True, [0.1, 10.0])
    """
    whole = table.over in WHOLE
    own = Grid(
        np.unique(np.asarray(table[table.over], dtype=float)), _sorted(table, [*names, *beside])
    )
    x, columns = own
    if table.theory_at is None or len(x) < 2:
        return own
    span = _span(table, names, log_y=log_y)
    bends = np.ones(len(x) - 1, dtype=bool)
    for _ in range(_LEVELS):
        middles = _middles(x, whole=whole, log_x=log_x)
        chosen = bends & (middles > x[:-1]) & (middles < x[1:])
        if not chosen.any() or len(x) + int(chosen.sum()) > _MOST:
            break
        try:
            found = table.theory_at(middles[chosen].astype(int if whole else float))
        except ValueError:  # not every value between two makes a model
            break
        places = np.flatnonzero(chosen) + 1
        x = np.insert(x, places, middles[chosen])
        columns = {
            name: np.insert(column, places, found.columns[name]) for name, column in columns.items()
        }
        curves = {name: columns[name] for name in names}
        bends = _bends(Grid(x, curves), span, log_x=log_x, log_y=log_y)
    if len(x) == len(own.x):
        return _guided(own, log_x=log_x, log_y=log_y)
    return Grid(x, columns)


def _guided(grid: Grid, *, log_x: bool, log_y: bool) -> Grid:
    """Smooth guides for the eye between values that have none between them, such as divisors.

    They are monotone cubics, which do not overshoot.
    """
    from scipy.interpolate import PchipInterpolator

    if len(grid.x) < 3 or (log_x and grid.x[0] <= 0.0):
        return grid
    x = _seen(grid.x, log=log_x)
    fine = np.unique(np.concatenate([x, *(np.linspace(x[:-1], x[1:], _PIECES))]))
    columns = {}
    for name, column in grid.columns.items():
        if not np.isfinite(column).all() or (log_y and np.any(column <= 0.0)):
            return grid
        guide = PchipInterpolator(x, _seen(column, log=log_y))(fine)
        columns[name] = np.exp(guide) if log_y else guide
    return Grid(np.exp(fine) if log_x else fine, columns)


def guide(ax: Axes, x: FloatArray | IntArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A smooth line through points, on the scales that the axes have now; not across gaps.

    It is a monotone cubic, which does not overshoot and has the points themselves on it.
    """
    from scipy.interpolate import PchipInterpolator

    across, up = ax.xaxis.get_transform(), ax.yaxis.get_transform()
    seen = np.isfinite(y) & ((y > 0.0) | (ax.get_yscale() != "log"))
    changes = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]])))
    pieces = []
    for start, stop in zip(changes[::2], changes[1::2], strict=True):
        own = np.column_stack([x[start:stop], y[start:stop]]).astype(float)
        if len(own) > 2:
            knots, heights = across.transform(own[:, 0]), up.transform(own[:, 1])
            fine = np.append(
                np.linspace(knots[:-1], knots[1:], _PIECES, endpoint=False).T, knots[-1]
            )
            line = PchipInterpolator(knots, heights)(fine)
            line = np.column_stack(
                [across.inverted().transform(fine), up.inverted().transform(line)]
            )
            line[::_PIECES] = own
            own = line
        pieces += [own, np.full((1, 2), np.nan)]
    joined = np.concatenate([np.empty((0, 2)), *pieces[:-1]])
    return joined[:, 0], joined[:, 1]


def _sorted(table: Columns, names: list[str]) -> dict[str, FloatArray]:
    """The columns in the order of the first one, without repetitions."""
    first = next(iter(table.columns.values()))
    _, order = np.unique(np.asarray(first, dtype=float), return_index=True)
    return {name: np.asarray(table[name], dtype=float)[order] for name in names}


def _middles(x: FloatArray, *, whole: bool, log_x: bool) -> FloatArray:
    """The middles of intervals on the scale of the axis, rounded to what is counted."""
    positive = log_x & (x[:-1] > 0.0)
    middles = np.where(positive, np.sqrt(np.abs(x[:-1] * x[1:])), (x[:-1] + x[1:]) / 2.0)
    return np.rint(middles) if whole else middles


def _span(table: Sweep, names: list[str], *, log_y: bool) -> float:
    """The height of the curves on the scale on which they are seen."""
    heights = np.concatenate([np.asarray(table[name], dtype=float) for name in names])
    heights = _seen(heights[np.isfinite(heights) & ((heights > 0.0) | (not log_y))], log=log_y)
    return float(np.ptp(heights)) if heights.size else 0.0


def _seen(values: FloatArray, *, log: bool) -> FloatArray:
    """Values on the scale of an axis."""
    if not log:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(values))


def _bends(grid: Grid, span: float, *, log_x: bool, log_y: bool) -> NDArray[np.bool_]:
    """Which intervals touch a point that is off the chord of its neighbours, in any column."""
    x = _seen(np.maximum(grid.x, np.finfo(float).tiny), log=log_x)
    bent = np.zeros(len(x), dtype=bool)
    with np.errstate(invalid="ignore"):
        for column in grid.columns.values():
            y = _seen(column, log=log_y)
            share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
            off = np.abs(y[1:-1] - (y[:-2] + share * (y[2:] - y[:-2])))
            ends = np.isfinite(y[:-1]) != np.isfinite(y[1:])  # where a curve goes to infinity
            bent[1:-1] |= off > _BEND * span
            bent[:-1] |= ends
            bent[1:] |= ends
    return bent[:-1] | bent[1:]
