"""Rates and sums of exponentials, against forty digits."""

import mpmath
import numpy as np
import pytest

from moetheory.formulas.contraction import FASTEST, decay_rate, exponential_sums, extreme_curvatures


def rates_in_forty_digits(curvature, step, headroom):
    with mpmath.workdps(40):
        pairs = zip(curvature.tolist(), headroom.tolist(), strict=True)
        # whichever of the two is smaller is known to more digits
        factors = [1 - mpmath.mpf(step) * min(mpmath.mpf(h), mpmath.mpf(r)) for h, r in pairs]
        return [float(-mpmath.log(factor)) for factor in factors]


def test_rates_keep_their_digits_next_to_standing_still_and_next_to_the_edge():
    curvature = np.array([1e-12, 1e-3, 0.3, 0.7, 1.1, 1.9, 2.0 - 1e-9])
    headroom = np.array([2.0, 2.0, 1.7, 1.3, 0.9, 0.1, 1e-9])
    np.testing.assert_allclose(
        decay_rate(curvature, 1.0, headroom),
        rates_in_forty_digits(curvature, 1.0, headroom),
        rtol=1e-13,
    )


def test_rates_keep_their_digits_where_nearly_all_is_learned_in_one_step():
    curvature = np.array([0.3, 0.7])
    headroom = curvature * (1.0 + np.array([1e-12, -3e-9]))
    # the step is 2 over their sum, and the factor their difference over it
    found = decay_rate(curvature, 2.0 / (curvature + headroom), headroom)
    expected = np.log((curvature + headroom) / np.abs(headroom - curvature))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_sums_of_what_is_hardly_there_are_not_zero():
    found = exponential_sums(np.array([300.0, 700.0]), np.ones(1), np.ones((1, 1)))
    np.testing.assert_allclose(found, np.exp([[-300.0, -700.0]]), rtol=1e-14)


def test_a_direction_that_is_learned_in_one_step_leaves_nothing():
    assert decay_rate(np.array([0.3]), 1 / 0.3, np.array([0.3])) == FASTEST
    assert exponential_sums(
        np.array([0.0, 1.0]), np.array([FASTEST]), np.ones((1, 1))
    ).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(("directions", "times"), [(3, 5), (70_000, 3), (5, 70_000), (300, 400)])
def test_sums_in_tiles_are_the_sums(directions, times):
    rng = np.random.default_rng(0)
    rates, weights = rng.exponential(size=directions), rng.random((2, directions))
    at = np.sort(rng.exponential(scale=300.0, size=times)).round()
    found = exponential_sums(at, rates, weights)
    for i in (0, times // 2, times - 1):
        np.testing.assert_allclose(found[:, i], weights @ np.exp(-at[i] * rates), rtol=1e-12)


def test_extremes_skip_what_does_not_vary():
    largest, smallest = extreme_curvatures(
        np.array([0.0, 2.0, 0.5, 0.0]), np.array([0, 0, 0, 1]), 2
    )
    assert largest.tolist() == [2.0, 0.0]
    assert smallest.tolist() == [0.5, 0.0]
