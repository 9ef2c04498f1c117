"""Borders: brackets between cells, roots of reals and of integers."""

import numpy as np
import pytest

from moetheory.mapping.borders import brackets, integer_changes, real_roots, relative

NAN = np.nan


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ([1.0, 2.0, 3.0], []),
        ([1.0, -2.0, 3.0], [(0, 1, False), (1, 2, True)]),
        ([-1.0, 0.0, 0.0, 2.0], [(0, 3, True)]),
        ([-1.0, 0.0, -2.0], []),
        ([-1.0, NAN, 2.0], []),
        ([-1.0, 0.0, NAN, 0.0, 2.0], []),
        ([-np.inf, np.inf], [(0, 1, True)]),
        ([0.0, 0.0], []),
    ],
)
def test_brackets_join_cells_of_different_order(lead, expected):
    lines = brackets(np.array([[1.0] * len(lead), lead]))
    found = zip(lines.left.tolist(), lines.right.tolist(), lines.ahead.tolist(), strict=True)
    assert sorted(found) == expected
    assert set(lines.line.tolist()) <= {1}


def test_no_lines_have_no_brackets():
    assert brackets(np.empty((0, 3))).line.size == 0


def test_shares_are_bounded():
    above = np.array([2.0, np.inf, 1.0, np.inf, 0.0, NAN])
    below = np.array([1.0, 1.0, np.inf, np.inf, 0.0, 1.0])
    lead = np.array([1.0, np.inf, -np.inf, 0.0, 0.0, NAN])
    np.testing.assert_array_equal(relative(above, below, lead), [1 / 3, 1.0, -1.0, 0.0, 0.0, NAN])


def test_roots_and_jumps_are_found_together():
    wanted = np.array([0.3, 1e-9, 7.0])

    def share_at(values, index):
        smooth = np.tanh(np.log(values / wanted[index]))
        return np.where(index == 1, np.sign(smooth), smooth)  # one jumps

    found = real_roots(np.array([0.1, 1e-12, 1.0]), np.array([1.0, 1e-6, 1e6]), share_at)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_a_lead_that_is_rounding_at_an_end_has_its_root_there():
    found = real_roots(
        np.array([1.0, 1.0]),
        np.array([2.0, 2.0]),
        lambda values, index: (
            np.where(index == 0, values - 1.0 + 1e-16, values - 2.0 - 1e-16) + 1e-17
        ),
    )
    assert found.tolist() == [1.0, 2.0]


def test_a_root_behind_what_is_not_known_is_not_known():
    def share_at(values, index):
        return np.where(np.abs(values - 0.5) < 0.49, NAN, values - 0.5)

    assert np.isnan(real_roots(np.array([0.0]), np.array([1.0]), share_at)).all()


def changes(low, high, ahead, last, made=lambda value: True, unknown=()):
    """Where b becomes better right of ``last``, or worse if ``ahead`` is false."""

    def share_at(values, index):
        right = np.where(values > np.array(last)[index], 1.0, -1.0)
        shares = np.where(np.array(ahead)[index], right, -right)
        return np.where(np.isin(values, unknown), NAN, shares)

    return integer_changes(
        np.array(low), np.array(high), np.array(ahead), share_at, lambda value, _: made(value)
    ).tolist()


def test_changes_of_integers_lie_between_two_of_them():
    assert changes([1, 10, 5], [100, 11, 90], [True, True, False], [41, 10, 88]) == [
        41.5,
        10.5,
        88.5,
    ]


def test_integers_that_cannot_be_made_are_passed_over():
    powers = [2**k for k in range(12)]
    assert changes([1], [2048], [True], [100], lambda value: value in powers) == [96.0]
    assert changes([32], [64], [True], [40], lambda value: value in powers) == [48.0]


def test_integers_without_a_formula_end_the_search():
    (found,) = changes([1], [9], [True], [3], unknown=[5])
    assert 1 <= found <= 9
