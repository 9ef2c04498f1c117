"""Least squares against NumPy, one training set at a time."""

from importlib import import_module

import numpy as np
import pytest

from moetheory import kernels

SHAPES = [(7, 3), (5, 5), (6, 5), (4, 5), (2, 6), (1, 4), (1, 1)]


def training_sets(rows, dim, sets=20, seed=0):
    """Features with columns of very unequal scale, and labels that they do not explain."""
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
    """An exact fit in the span of the samples is the solution of minimum norm."""
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


@pytest.fixture(params=["one by one", "all at once"])
def either_way(request, monkeypatch):
    """Systems of any size are solved one by one, or all at once."""
    least = 1 if request.param == "one by one" else 10**9
    monkeypatch.setattr(import_module("moetheory.kernels.gram_systems"), "ONE_BY_ONE", least)


def solver(rows, dim):
    """Normal equations for enough rows, else dual ones; and a split of the rows or columns."""
    if rows >= dim:
        return kernels.normal_fits, lambda x: (x[:, : rows // 2], x[:, rows // 2 :])
    return kernels.dual_fits, lambda x: (x[..., : dim // 2], x[..., dim // 2 :])


@pytest.mark.parametrize(("rows", "dim"), [(12, 5), (5, 5), (3, 5), (1, 1)])
def test_normal_equations_give_what_least_squares_gives(rows, dim, either_way):
    rng = np.random.default_rng(4)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    penalties = np.array([0.0, 0.3])[:, np.newaxis] * np.arange(1.0, 21.0)
    solve, split = solver(rows, dim)
    for parts in ((features,), split(features)):
        fits = solve(parts, labels, penalties, kernels.Workspace())
        for penalty, fit in zip(penalties, fits, strict=True):
            for x, y, a, each in zip(features, labels, penalty, fit, strict=True):
                stacked = np.concatenate([x, np.sqrt(a) * np.eye(dim)])
                wanted, *_ = np.linalg.lstsq(stacked, np.append(y, np.zeros(dim)))
                np.testing.assert_allclose(each, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rows", [3, 6, 9])
def test_ill_conditioned_systems_are_solved_from_their_rows(rows, either_way):
    """Nearly or exactly dependent columns and empty systems, too hard for normal equations."""
    rng = np.random.default_rng(5)
    features, labels = rng.standard_normal((8, rows, 6)), rng.standard_normal((8, rows))
    features[1, :, 2] = features[1, :, 3] * (1 + 1e-9)
    features[2, :, 2] = features[2, :, 3]
    features[3, :, 2] = 0.0
    features[4] = 0.0
    features[5] *= np.geomspace(1.0, 1e-7, 6)
    solve, _ = solver(rows, 6)
    fits = solve((features,), labels, np.zeros((1, 8)), kernels.Workspace())
    for i, (fit, x, y) in enumerate(zip(fits[0], features, labels, strict=True)):
        wanted, *_ = np.linalg.lstsq(x, y, rcond=1e-10)
        if i == 1 and rows >= 6:  # which of two nearly equal columns is a matter of rounding
            np.testing.assert_allclose(x @ fit, x @ wanted, rtol=1e-4, atol=1e-6)
        else:
            np.testing.assert_allclose(fit, wanted, rtol=1e-4, atol=1e-8 * np.abs(wanted).max())


def test_two_columns_that_are_nearly_the_same_are_noticed(either_way):
    """A probe of ones would be orthogonal to what is badly determined."""
    rng = np.random.default_rng(8)
    features, labels = rng.standard_normal((50, 9, 2)), rng.standard_normal((50, 9))
    features[..., 1] = features[..., 0] + 1e-6 * features[..., 1]
    for solve, x, y in (
        (kernels.normal_fits, features, labels),
        (kernels.dual_fits, features.mT, labels[:, :2]),
    ):
        fits = solve((np.ascontiguousarray(x),), y, np.zeros((1, 50)), kernels.Workspace())[0]
        np.testing.assert_allclose(fits, kernels.least_squares(x, y), rtol=1e-7)


@pytest.mark.parametrize("iterations", [60, 3])
def test_conjugate_gradients_give_what_normal_equations_give(iterations):
    """Fits agree also where the iteration does not converge in time, and for targets of zero."""
    rng = np.random.default_rng(7)
    features = rng.standard_normal((10, 60, 8)) * np.geomspace(1e-3, 1e3, 8)
    labels = rng.standard_normal((10, 30))  # the last targets are zero
    labels[3] = 0.0
    penalties, work = (
        np.array([0.0, 2.0])[:, np.newaxis] * np.arange(1.0, 11.0),
        kernels.Workspace(),
    )
    parts, scale = (features[:, :25], features[:, 25:]), 1.0 / np.geomspace(1e-3, 1e3, 8)
    wanted = kernels.normal_fits(parts, labels, penalties, work)
    fits = kernels.conjugate_fits(parts, labels, penalties, scale, work, iterations)
    alike = np.abs(wanted / scale).max()
    np.testing.assert_allclose(fits / scale, wanted / scale, rtol=0.0, atol=1e-11 * alike)
    assert np.all(fits[:, 3] == 0.0)
