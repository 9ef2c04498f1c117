"""Lines of a border: each point once, joined through the squares of the grid."""

import numpy as np

from moetheory.mapping.border_lines import joined, sides_of


def lines(places):
    """The lines through points on sides, as lists of the numbers of the points."""
    numbers = np.arange(len(places), dtype=float)
    return [line[:, 0].astype(int).tolist() for line in joined(np.c_[numbers, numbers], places)]


def test_a_border_from_one_end_to_the_other():
    # through a row of squares, entered from the left and left at the top
    assert lines([("y", 0, 0), ("x", 1, 1), ("y", 0, 1)]) == [[0, 2, 1]]


def test_a_closed_border_ends_where_it_begins():
    around = [("x", 1, 0), ("y", 0, 1), ("x", 1, 1), ("y", 1, 1)]
    (found,) = lines(around)
    assert found[0] == found[-1]
    assert sorted(found[:-1]) == [0, 1, 2, 3]


def test_two_borders_through_one_square_do_not_cross():
    assert sorted(map(sorted, lines([("x", 0, 0), ("x", 1, 0), ("y", 0, 0), ("y", 0, 1)]))) == [
        [0, 2],
        [1, 3],
    ]


def test_points_alone_and_none_at_all():
    assert lines([("x", 0, 0), ("x", 7, 5)]) == [[0], [1]]
    assert lines([]) == []


def test_points_lie_on_the_side_that_holds_their_value():
    grid, values = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 2.0])
    at = np.array([4, 5, 6])
    assert sides_of("x", at, values, grid) == [("x", 4, 0), ("x", 5, 1), ("x", 6, 1)]
    assert sides_of("y", at, values, grid) == [("y", 0, 4), ("y", 1, 5), ("y", 1, 6)]
