"""Draws of groups, inputs and training sets: their laws, edges and errors of predictions."""

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


@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_errors_are_those_of_the_inputs_that_are_left(radius):
    """Each input and predictor by itself: dense, the routed expert, a function."""
    rng = np.random.default_rng(5)
    block_of, taken = np.array([1, 0, 1, 2, 0, 1]), np.array([2, 0, 1, 1, 0])
    features, labels, weights = (rng.standard_normal(n) for n in ((5, 6), 5, (3, 6)))
    shares = rng.random((3, 5))

    drawn = kernels.draw_inputs(rng, np.zeros(5, int), block_of, *np.ones((3, 6)), 1.0, 1.0)
    assert drawn.features.shape == features.shape
    inputs = kernels.Inputs(features, labels, kernels.BlockEntries.of(block_of, taken), radius)
    routes = (False, True, lambda given: shares)[: 2 if radius else 3]
    errors = kernels.prediction_errors(inputs, block_of, weights[: len(routes)], routes)
    for x, y, j, share, found in zip(features, labels, taken, shares.T, errors.T, strict=True):
        used = (weights[0], weights[1] * (block_of == j), weights[2] * share[block_of])
        wanted = [y - x @ w for w in used[: len(routes)]]
        if radius:  # the shift along w, away from the label
            shifts = [
                -np.sign(e) * radius * w / np.linalg.norm(w)
                for e, w in zip(wanted, used, strict=False)
            ]
            wanted = [abs(y - (x + s) @ w) for s, w in zip(shifts, used, strict=False)]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_training_sets_have_the_second_moments_of_the_model(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=np.linspace(0.1, 0.5, 9), label_noise_variance=0.3)
    variances = kernels.group_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )
    groups = np.tile([2, 0], (550_000, 1))
    x, y = kernels.draw_training_sets(
        np.random.default_rng(5), groups, variances, model.coefficients, 0.4, 0.3
    )
    b, weights = model.coefficients, np.arange(1.0, 10.0)
    own = model.block_of == np.array([[2], [0]])
    clean = np.where(own, model.signal_variances, model.leakage_variances)
    for drawn, variance in (
        (x @ weights, (clean + 0.4) @ weights**2),
        (y, clean @ b**2 + 0.3),
        (y - x @ b, 0.4 * b @ b + 0.3),  # the labels are those of the clean features
    ):
        assert agrees(*mean_and_sem((drawn**2 / variance).mean(axis=1)), 1.0)


def test_noise_is_that_of_the_coordinate_and_of_the_group():
    """The same draws as for noise of variance 1, entry by entry."""
    noise, interference = np.array([0.0, 1e-4, 0.3, 50.0]), np.array([0.7, 0.0, 2.0, 1.0])
    block_of, groups = np.array([1, 0, 2, 1]), np.array([2, 0, 1, 1, 0])
    silent = np.zeros(4)
    for n, kappa in (
        (0.3, 0.0),
        (noise, 0.0),
        (0.3, 0.7),
        (0.0, interference),
        (noise, interference),
    ):
        both = [np.broadcast_to(each, 4) for each in (n, kappa)]
        wanted = [[np.sqrt(v + k * (g != j)) for v, k, j in zip(*both, block_of, strict=True)]
                  for g in groups]  # fmt: skip
        plain, drawn = (
            kernels.draw_inputs(
                np.random.default_rng(0), groups, block_of, silent, None, silent, v, 0.0, k
            ).features
            for v, k in ((1.0, 0.0), (n, kappa))
        )
        np.testing.assert_allclose(drawn, wanted * plain, rtol=1e-14)
        by_group = kernels.group_variances(block_of, n, np.add(n, kappa), 3)
        plain, drawn = (
            kernels.draw_training_sets(
                np.random.default_rng(0), groups[np.newaxis], np.zeros((3, 4)), silent, v, 0.0
            )[0]
            for v in (1.0, by_group if np.any(kappa) else n)
        )
        np.testing.assert_allclose(drawn[0], wanted * plain[0], rtol=1e-14)
