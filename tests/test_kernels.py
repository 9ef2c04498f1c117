"""Draws, fits and their risks: laws, edges, and NumPy one training set at a time."""

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


SHAPES = [(7, 3), (5, 5), (6, 5), (4, 5), (2, 6), (1, 4), (1, 1)]


def training_sets(rows, dim, sets=20, seed=0):
    """Columns of very unequal scale, labels that they do not explain."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((sets, rows, dim)) * np.geomspace(1e-3, 1e3, dim)
    return features, rng.standard_normal((sets, rows))


@pytest.mark.parametrize(("rows", "dim"), SHAPES)
def test_least_squares_is_what_numpy_says_of_each_training_set(rows, dim):
    features, labels = training_sets(rows, dim)
    for fit, x, y in zip(kernels.least_squares(features, labels), features, labels, strict=True):
        wanted, *_ = np.linalg.lstsq(x, y)
        np.testing.assert_allclose(x @ fit, x @ wanted, rtol=1e-9, atol=1e-11)
        assert np.linalg.norm(fit - wanted) <= 1e-7 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("rows", "dim"), [(2, 6), (4, 5), (1, 4)])
def test_with_few_samples_the_fit_is_exact_and_in_their_span(rows, dim):
    """Which is what minimum norm means."""
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    fits = kernels.least_squares(features, labels)
    np.testing.assert_allclose(np.vecdot(features, fits[:, np.newaxis]), labels, rtol=1e-9)
    for fit, x in zip(fits, features, strict=True):
        outside = np.eye(dim) - np.linalg.pinv(x) @ x
        np.testing.assert_allclose(outside @ fit, 0.0, atol=1e-10 * np.abs(fit).max())


@pytest.mark.parametrize("ridge", [1e-3, 0.7, 1e6])
@pytest.mark.parametrize(("rows", "dim"), SHAPES)
def test_ridge_solves_the_normal_equations(rows, dim, ridge):
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    for fit, x, y in zip(kernels.ridge_fit(features, labels, ridge), features, labels, strict=True):
        gradient = x.T @ (x @ fit - y) / rows + ridge * fit
        np.testing.assert_allclose(gradient, 0.0, atol=1e-12 * np.abs(x.T @ y).max())


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 9])
def test_where_the_rank_is_deficient_the_solution_is_that_of_minimum_norm(rows):
    """A column of zeros and two that are equal, in every other training set."""
    rng = np.random.default_rng(3)
    features, labels = rng.standard_normal((20, rows, 4)), rng.standard_normal((20, rows))
    features[::2, :, 1] = 0.0
    features[::2, :, 3] = features[::2, :, 2]
    fits = kernels.least_squares(features, labels)
    for fit, x, y in zip(fits, features, labels, strict=True):
        np.testing.assert_allclose(fit, np.linalg.pinv(x) @ y, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fits[::2, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(fits[::2, 2], fits[::2, 3], rtol=1e-9)


def test_features_that_are_all_zero_predict_zero():
    for rows in (2, 3, 4):
        fits = kernels.least_squares(np.zeros((2, rows, 3)), np.ones((2, rows)))
        np.testing.assert_array_equal(fits, np.zeros((2, 3)))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_an_expert_sees_its_groups_samples_and_its_own_block(ridge):
    rng = np.random.default_rng(4)
    block_of, experts = np.array([1, 0, 1, 2, 2]), 3
    groups = rng.integers(0, experts, (30, 6))  # ragged: also groups without samples
    features, labels = rng.standard_normal((30, 6, 5)), rng.standard_normal((30, 6))
    fits = kernels.expert_fits(features, labels, groups, block_of, experts, ridge)
    assert not (groups == 0).any(axis=1).all()
    for fit, x, y, group in zip(fits, features, labels, groups, strict=True):
        for g in range(experts):
            own, here = block_of == g, group == g
            seen = x[here][:, own]
            penalty = here.sum() * ridge * np.eye(own.sum())
            wanted = np.linalg.pinv(seen.T @ seen + penalty) @ seen.T @ y[here]
            np.testing.assert_allclose(fit[own], wanted, rtol=1e-5, atol=1e-9)


def test_training_sets_have_the_second_moments_of_the_model(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=np.linspace(0.1, 0.5, 9), label_noise_variance=0.3)
    variances = kernels.clean_variances(
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


def test_the_risk_of_a_fit_is_that_on_a_fresh_test_set(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=0.2, label_noise_variance=0.3)
    variances = kernels.clean_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )
    fit = np.sin(np.arange(9.0))
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    test = model.sample(1_300_000, rng=6)
    for predictors in (fit[np.newaxis], np.where(own, fit, 0.0)):
        given_group = kernels.group_risks(predictors, variances, model.coefficients, 0.4, 0.3)
        by_group = np.broadcast_to(predictors, (model.experts, model.dim))
        predictions = np.vecdot(test.features, by_group[test.groups])
        errors = predictions - test.labels
        assert agrees(*mean_and_sem(errors**2), model.group_probabilities @ given_group)
