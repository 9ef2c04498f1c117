"""Errors and signs of predictions, against predictors written out for each input."""

import numpy as np
import pytest

from moetheory import kernels


@pytest.mark.parametrize("leaking", [False, True])
def test_without_noise_the_true_coefficients_make_no_error(leaking):
    rng = np.random.default_rng(0)
    block_of = np.array([1, 0, 1, 2])  # interleaved, unequal
    signal, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -1.0, 2.0, 0.5])
    leakage = np.array([0.1, 0.2, 0.3, 0.4]) if leaking else None
    groups = kernels.draw_groups(rng, 500, np.array([0.2, 0.3, 0.5]))
    inputs = kernels.draw_inputs(rng, groups, block_of, signal, leakage, b, 0.0, 0.0)
    dense, moe = kernels.prediction_errors(inputs, block_of, np.stack([b, b]), (False, True))
    np.testing.assert_allclose(dense, 0.0, atol=1e-14)
    if leaking:
        assert np.all(np.abs(moe) > 1e-6)  # what the own block does not show is missed
    else:
        np.testing.assert_allclose(moe, 0.0, atol=1e-14)


def test_errors_have_the_second_moments_of_their_parts(agrees, mean_and_sem):
    """Predictors of each kind with coefficients 0 or 1, whose errors are sums of variances."""
    rng = np.random.default_rng(1)
    rows, block_of = 1_200_000, np.array([0, 1])
    groups = np.zeros(rows, dtype=np.int64)
    signal, leakage, b = np.array([2.0, 5.0]), np.array([7.0, 3.0]), np.array([1.0, 1.0])
    predictors = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    inputs = kernels.draw_inputs(rng, groups, block_of, signal, leakage, b, 0.5, 0.25)
    routes = (False, False, True)
    null, dense, moe = kernels.prediction_errors(inputs, block_of, predictors, routes)
    for errors, value in ((null, 2 + 3 + 0.25), (dense, 2 * 0.5 + 0.25), (moe, 3.0 + 0.5 + 0.25)):
        assert agrees(*mean_and_sem(errors**2), value)


BLOCK_OF, TAKEN = np.array([1, 0, 1, 2, 0, 1]), np.array([2, 0, 1, 1, 0])
EXPERT_OF = np.array([1, 0, 1])  # of the groups 0, 1, 2


@pytest.fixture
def drawn():
    """Inputs, and for each of five predictors the coefficients that every input meets, (5, 6)."""
    rng = np.random.default_rng(5)
    features, labels, weights = (rng.standard_normal(n) for n in ((5, 6), 5, (5, 6)))
    shares, rest = rng.random((3, 5)), rng.standard_normal((5, 6))
    own = EXPERT_OF[BLOCK_OF] == EXPERT_OF[TAKEN][:, np.newaxis]
    met = [
        np.broadcast_to(weights[0], (5, 6)),
        weights[1] * (TAKEN[:, np.newaxis] == BLOCK_OF),
        np.where(own, weights[2], 0.0),
        np.where(own, weights[3], rest[3]),
        rest[4] + shares[BLOCK_OF].T * (weights[4] - rest[4]),
    ]
    routes = (False, True, EXPERT_OF, EXPERT_OF, lambda given: shares)
    shared = [None, None, None, rest[3], rest[4]]
    return features, labels, weights, routes, shared, met


def shifted(features, labels, met, radius):
    """Inputs moved by ``radius`` along the coefficients they meet, away from the label."""
    errors = labels - np.vecdot(features, met)
    steps = -np.sign(errors)[:, np.newaxis] * met
    return features + radius * steps / np.linalg.norm(met, axis=1, keepdims=True)


@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_errors_are_those_of_the_inputs_that_are_left(drawn, radius):
    """Dense, the routed expert, an expert of several groups, with a shared one, a function."""
    features, labels, weights, routes, shared, met = drawn
    last = 4 if radius else 5
    entries = kernels.BlockEntries.of(BLOCK_OF, TAKEN)
    inputs = kernels.Inputs(features, labels, entries, radius)
    given = BLOCK_OF, weights[:last], routes[:last], shared[:last]
    found = kernels.prediction_errors(inputs, *given)
    for errors, used in zip(found, met, strict=False):
        seen = shifted(features, labels, used, radius) if radius else features
        wanted = labels - np.vecdot(seen, used)
        np.testing.assert_allclose(errors, np.abs(wanted) if radius else wanted, rtol=1e-12)


@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_signs_are_wrong_if_a_shift_can_make_them_wrong(drawn, radius):
    features, labels, weights, routes, shared, met = drawn
    last = 4 if radius else 5
    entries = kernels.BlockEntries.of(BLOCK_OF, TAKEN)
    inputs = kernels.Inputs(features, labels, entries, radius)
    given = BLOCK_OF, weights[:last], routes[:last], shared[:last]
    found = kernels.sign_mistakes(inputs, *given)
    for mistakes, used in zip(found, met, strict=False):
        lengths = np.linalg.norm(used, axis=1, keepdims=True)
        ends = [np.vecdot(features + s * radius * used / lengths, used) for s in (-1.0, 1.0)]
        wrong = np.any([labels * end < 0.0 for end in ends], axis=0)
        np.testing.assert_array_equal(mistakes, wrong)
    assert 0.0 < found.mean() < 1.0


def test_a_prediction_of_zero_is_half_wrong():
    entries = kernels.BlockEntries.of(np.array([0, 1]), np.array([0, 1]))
    inputs = kernels.Inputs(np.ones((2, 2)), np.array([3.0, -1.0]), entries)
    weights = np.array([[1.0, 0.0]])
    found = kernels.sign_mistakes(inputs, np.array([0, 1]), weights, (True,))
    np.testing.assert_array_equal(found, [[0.0, 0.5]])
