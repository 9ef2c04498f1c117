"""The points of a border joined to lines, square by square of the grid."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray

Side = tuple[str, int, int]  # "x" or "y", the row and the column of the cell where it begins


def sides_of(
    along: str, lines: NDArray[np.int64], values: FloatArray, grid: NDArray[np.float64]
) -> list[Side]:
    """The side of the grid on which each border point of a row ("x") or a column ("y") lies."""
    at = np.clip(np.searchsorted(grid, values, side="right") - 1, 0, len(grid) - 2)
    if along == "x":
        return [("x", int(i), int(j)) for i, j in zip(lines, at, strict=True)]
    return [("y", int(i), int(j)) for i, j in zip(at, lines, strict=True)]


def joined(points: FloatArray, sides: list[Side]) -> tuple[FloatArray, ...]:
    """The points (N, 2) in lines: two points on the sides of one square of the grid are joined.

    Of four points on the sides of a square, where the border crosses itself as far as the grid
    tells, those on neighbouring sides are joined.

    >>> points = np.array([[0.5, 0.0], [0.6, 1.0], [0.7, 2.0]])
    >>> [line.tolist() for line in joined(points, [("x", 0, 0), ("x", 1, 0), ("x", 2, 0)])]
    [[[0.5, 0.0], [0.6, 1.0], [0.7, 2.0]]]
    """
    squares: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (along, i, j) in enumerate(sides):
        squares[(i, j)].append(number)
        squares[(i - 1, j) if along == "x" else (i, j - 1)].append(number)
    neighbours: dict[int, list[int]] = defaultdict(list)
    for members in squares.values():
        # sides in the order bottom, top, left, right: the pairs of a crossing are neighbours
        pairs = list(zip(members[0::2], members[1::2], strict=False))
        if len(members) == 4:
            across = sorted(members, key=lambda n: sides[n])
            pairs = [(across[0], across[2]), (across[1], across[3])]
        for one, other in pairs:
            neighbours[one].append(other)
            neighbours[other].append(one)
    return tuple(points[line] for line in _walks(len(points), neighbours))


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
