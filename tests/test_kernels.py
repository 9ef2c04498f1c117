"""Draws: groups never drawn, blocks of any order, and the law of the errors."""

import numpy as np
import pytest

from moetheory import kernels


def test_a_group_of_probability_zero_is_never_drawn():
    rng = np.random.default_rng(0)
    groups = kernels.draw_groups(rng, 100_000, np.array([0.0, 0.3, 0.0, 0.7, 0.0]))
    assert set(groups.tolist()) == {1, 3}
    assert abs(np.mean(groups == 1) - 0.3) < 5 * np.sqrt(0.21 / 100_000)


def test_probabilities_that_miss_one_by_rounding_still_name_a_group():
    class Edge:
        def random(self, rows):
            return np.full(rows, np.nextafter(1.0, 0.0))

    assert kernels.draw_groups(Edge(), 2, np.array([0.5, 0.5 - 1e-10, 0.0])).tolist() == [1, 1]


@pytest.mark.parametrize("leaking", [False, True])
def test_without_noise_the_true_coefficients_make_no_error(leaking):
    rng = np.random.default_rng(0)
    block_of = np.array([1, 0, 1, 2])  # interleaved, unequal
    signal, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -1.0, 2.0, 0.5])
    leakage = np.array([0.1, 0.2, 0.3, 0.4]) if leaking else None
    groups = kernels.draw_groups(rng, 500, np.array([0.2, 0.3, 0.5]))
    dense, moe = kernels.prediction_errors(
        rng, groups, block_of, signal, leakage, b, 0.0, 0.0, np.stack([b, b]), (False, True)
    )
    np.testing.assert_allclose(dense, 0.0, atol=1e-14)
    if leaking:
        assert np.all(np.abs(moe) > 1e-6)  # what the own block does not show is missed
    else:
        np.testing.assert_allclose(moe, 0.0, atol=1e-14)


def test_errors_have_the_second_moments_of_their_parts(agrees, mean_and_sem):
    """One predictor per kind, zero and one: the error is then a sum of known pieces."""
    rng = np.random.default_rng(1)
    rows, block_of = 1_200_000, np.array([0, 1])
    groups = np.zeros(rows, dtype=np.int64)
    signal, leakage, b = np.array([2.0, 5.0]), np.array([7.0, 3.0]), np.array([1.0, 1.0])
    predictors = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    null, dense, moe = kernels.prediction_errors(
        rng, groups, block_of, signal, leakage, b, 0.5, 0.25, predictors, (False, False, True)
    )
    for errors, value in ((null, 2 + 3 + 0.25), (dense, 2 * 0.5 + 0.25), (moe, 3.0 + 0.5 + 0.25)):
        assert agrees(*mean_and_sem(errors**2), value)
