"""The points of a border joined to lines: square by square of the grid, or column by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray

Square = tuple[int, int]  # the row and the column of the cell at its lower left corner


def squares_of(
    along: str, lines: IntArray, values: FloatArray, grid: NDArray[np.float64]
) -> list[list[Square]]:
    """The squares that each point of rows (``along`` "x") or columns ("y") of the grid touches.

    Parameters
    ----------
    along : {"x", "y"}
    lines : (E,) integer array
        The row or the column of each point.
    values, grid : arrays
        Where it lies on the line, and the values of the cells along the line.

    Returns
    -------
    list of lists
        Two squares of a point on a side, four of a point on a corner.
    """
    found = []
    for line, value in zip(lines.tolist(), values.tolist(), strict=True):
        # on a corner the sides before and after it
        first = int(np.searchsorted(grid, value, side="left")) - 1
        last = int(np.searchsorted(grid, value, side="right")) - 1
        places = [(i, j) for i in (line - 1, line) for j in dict.fromkeys((first, last))]
        found.append(places if along == "x" else [(j, i) for i, j in places])
    return found


def joined(points: FloatArray, squares: Sequence[Sequence[Square]]) -> tuple[FloatArray, ...]:
    """The points (N, 2) in lines: two points on the sides of one square of the grid are joined.

    Points of rows come before those of columns, in ascending order. Of four points on the sides of
    a square, where the border crosses itself as far as the grid tells, those on neighbouring sides
    are joined.

    >>> points = np.array([[0.5, 0.0], [0.6, 1.0], [0.7, 2.0]])
    >>> squares = squares_of("x", np.arange(3), points[:, 0], np.arange(2.0))
    >>> [line.tolist() for line in joined(points, squares)]
    [[[0.5, 0.0], [0.6, 1.0], [0.7, 2.0]]]
    """
    members: dict[Square, list[int]] = defaultdict(list)
    for number, places in enumerate(squares):
        for square in places:
            members[square].append(number)
    neighbours: dict[int, list[int]] = defaultdict(list)
    for inside in sorted(members.values(), key=len):
        left = set(inside)
        pairs = list(combinations(inside, 2))
        if len(inside) == 4:  # bottom, top, left, right
            pairs = [(inside[0], inside[2]), (inside[1], inside[3]), *pairs]
        for one, other in pairs:
            open_ends = max(len(neighbours[one]), len(neighbours[other])) < 2
            if {one, other} <= left and open_ends and one not in neighbours[other]:
                neighbours[one].append(other)
                neighbours[other].append(one)
                left -= {one, other}
    return tuple(points[line] for line in _walks(len(points), neighbours))


def joined_along(
    points: FloatArray, columns: IntArray, ahead: NDArray[np.bool_]
) -> tuple[FloatArray, ...]:
    """The roots (N, 2) of the columns of an integer in lines, from one column to the next.

    Neighbouring columns with as many roots, at which the order changes the same way, have theirs
    joined in order. Else the lines end.

    Parameters
    ----------
    points : (N, 2) array
        Those of one column after another, ascending.
    columns : (N,) integer array
    ahead : (N,) array of booleans
        Whether b is better beyond the point.

    >>> points = np.array([[2.0, 0.1], [4.0, 0.2], [8.0, 0.3], [8.0, 0.5]])
    >>> lines = joined_along(points, np.array([0, 1, 2, 2]), np.array([True, True, True, False]))
    >>> [line.tolist() for line in lines]
    [[[2.0, 0.1], [4.0, 0.2]], [[8.0, 0.3]], [[8.0, 0.5]]]
    """
    members: dict[int, list[int]] = defaultdict(list)
    for number, column in enumerate(columns.tolist()):
        members[column].append(number)
    lines: list[list[int]] = []
    open_lines: list[list[int]] = []
    for column, inside in members.items():
        before = members.get(column - 1, [])
        if ahead[before].tolist() != ahead[inside].tolist():
            open_lines = [[] for _ in inside]
            lines += open_lines
        for line, number in zip(open_lines, inside, strict=True):
            line.append(number)
    return tuple(points[line] for line in lines)


def _walks(size: int, neighbours: dict[int, list[int]]) -> list[list[int]]:
    """Walks through all points: from the ends of lines first, then around closed ones."""
    seen: set[int] = set()
    walks = []
    ends = [n for n in range(size) if len(neighbours[n]) != 2]
    for start in (*ends, *range(size)):
        if start in seen:
            continue
        walk, here = [start], start
        seen.add(start)
        while True:
            onward = [n for n in neighbours[here] if n not in seen]
            if not onward:
                break
            here = onward[0]
            seen.add(here)
            walk.append(here)
        if len(walk) > 2 and start in neighbours[here]:
            walk.append(start)
        walks.append(walk)
    return walks
