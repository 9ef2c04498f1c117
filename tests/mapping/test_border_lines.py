"""Lines of a border: each point once, joined through the squares of the grid."""

import functools

import numpy as np
import pytest

import moetheory as mt
from moetheory.mapping.border_lines import joined, joined_along, squares_of

# the squares on both sides of a side that begins in row i, column j
ROW = {(i, j): [(i - 1, j), (i, j)] for i in range(9) for j in range(9)}
COLUMN = {(i, j): [(i, j - 1), (i, j)] for i in range(9) for j in range(9)}


def lines(squares):
    """The lines through points, as lists of their numbers."""
    numbers = np.arange(len(squares), dtype=float)
    found = joined(np.column_stack([numbers, numbers]), squares)
    return [line[:, 0].astype(int).tolist() for line in found]


def test_a_border_from_one_end_to_the_other():
    # entered from the left, left at the top and then on the right
    assert lines([ROW[1, 1], COLUMN[0, 0], COLUMN[0, 1]]) == [[0, 2, 1]]


def test_a_closed_border_ends_where_it_begins():
    (found,) = lines([ROW[1, 0], ROW[1, 1], COLUMN[0, 1], COLUMN[1, 1]])
    assert found[0] == found[-1]
    assert sorted(found[:-1]) == [0, 1, 2, 3]


def test_two_borders_through_one_square_do_not_cross():
    found = lines([ROW[0, 0], ROW[1, 0], COLUMN[0, 0], COLUMN[0, 1]])
    assert sorted(map(sorted, found)) == [[0, 2], [1, 3]]


def test_points_alone_and_none_at_all():
    assert lines([ROW[0, 0], ROW[7, 5]]) == [[0], [1]]
    assert lines([]) == []


def test_points_touch_the_squares_beside_their_side_or_around_their_corner():
    grid, values = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0])
    at = np.array([4, 5])
    on_side, on_corner = squares_of("x", at, values, grid)
    assert on_side == [(3, 0), (4, 0)]
    assert on_corner == [(4, 0), (4, 1), (5, 0), (5, 1)]
    on_side, on_corner = squares_of("y", at, values, grid)
    assert on_side == [(0, 3), (0, 4)]
    assert on_corner == [(0, 4), (1, 4), (0, 5), (1, 5)]


@pytest.mark.parametrize(
    ("columns", "ahead", "expected"),
    [
        ([0, 1, 2], [True] * 3, [[0, 1, 2]]),
        ([0, 2, 3], [True] * 3, [[0], [1, 2]]),  # one column has no root
        ([0, 0, 1, 1], [True, False] * 2, [[0, 2], [1, 3]]),
        ([0, 0, 1, 2, 2], [True, False, True, True, False], [[0], [1], [2], [3], [4]]),
        ([0, 1], [True, False], [[0], [1]]),  # b wins above one, below the other
        ([], [], []),
    ],
)
def test_roots_of_neighbouring_integers_are_joined_in_order(columns, ahead, expected):
    numbers = np.arange(len(columns), dtype=float)
    points = np.column_stack([numbers, numbers])
    found = joined_along(points, np.array(columns, dtype=int), np.array(ahead, dtype=bool))
    assert [line[:, 0].tolist() for line in found] == expected


@pytest.mark.parametrize("rates", [np.linspace(0.0, 1.0, 41), np.linspace(0.0, 1.0, 43)])
@pytest.mark.parametrize("noise", [1.0, 8.0])
def test_the_border_of_a_map_is_one_line_also_through_cells_that_tie(rates, noise):
    factory = functools.partial(mt.BlockModel.isotropic, dim=64, signal_energy=64.0)
    found = mt.phase_map(
        functools.partial(factory, noise_variance=noise),
        ("experts", [2, 4, 8, 16, 32, 64]),
        ("misrouting", rates),
    )
    (line,) = found.border_lines
    assert len(line) == len(found.border)
    assert np.all(np.diff(line[:, 0]) >= 0.0)
    assert np.all(np.diff(line[:, 1]) >= 0.0)
