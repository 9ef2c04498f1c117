"""Regressions from moments, against least squares and against really leaving samples out."""

import itertools

import numpy as np
import pytest

from moetheory.auditing.ridge_path import LEAST_PENALTY, RidgePath, SampleMoments

PENALTIES = np.array([0.01, 0.3, 20.0])


def data(n, d, seed=0, offset=1.0):
    """Correlated, skewed features that are not centred; labels that are not linear in them."""
    rng = np.random.default_rng(seed)
    features = rng.exponential(size=(n, d)) @ rng.normal(size=(d, d)) + offset
    return features, features @ rng.normal(size=d) + rng.normal(size=n) + 0.1 * features[:, 0] ** 2


def fitted(features, labels, total, intercept):
    """Intercept and coefficients by lstsq: the penalty as more rows, the intercept as a column."""
    n, d = features.shape
    constant = np.full((n, int(intercept)), 1.0)
    design = np.block(
        [[constant, features], [np.zeros((d, int(intercept))), np.sqrt(total) * np.eye(d)]]
    )
    solution = np.linalg.lstsq(design, np.concatenate([labels, np.zeros(d)]), rcond=None)[0]
    return (solution[0], solution[1:]) if intercept else (0.0, solution)


def path(features, labels, intercept=True, penalties=PENALTIES):
    return RidgePath(
        SampleMoments.of(features, labels), intercept, np.asarray(penalties, dtype=float)
    )


# --- moments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 13], [5, 6, 30, 31]])
def test_moments_of_chunks_are_those_of_the_whole(cuts, intercept):
    features, labels = data(40, 5)
    labels += 1e4
    parts = zip(np.split(features, cuts), np.split(labels, cuts), strict=True)
    moments = None
    for part in parts:
        moments = (
            SampleMoments.of(*part)
            if moments is None
            else moments.__iadd__(SampleMoments.of(*part))
        )
    joint = np.column_stack([features, labels])
    expected = np.cov(joint.T, bias=True) if intercept else joint.T @ joint / 40
    centred = moments.centred(intercept)
    assert moments.count == 40
    np.testing.assert_allclose(centred.second, expected[:5, :5], rtol=1e-11)
    np.testing.assert_allclose(centred.cross, expected[5, :5], rtol=1e-10)
    assert centred.label == pytest.approx(expected[5, 5], rel=1e-11)
    np.testing.assert_allclose(centred.centre, intercept * features.mean(axis=0), rtol=1e-13)
    assert centred.label_centre == pytest.approx(intercept * labels.mean(), rel=1e-14)


def test_moments_of_a_block_are_those_of_its_features():
    features, labels = data(30, 6)
    block = np.array([4, 0, 5])
    found = SampleMoments.of(features, labels).of_block(block)
    expected = SampleMoments.of(features[:, block], labels)
    for name in ("count", "mean", "label_mean", "scatter", "cross", "label_scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)


# --- coefficients ------------------------------------------------------------------------------


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(40, 7), (7, 7), (8, 7), (9, 7), (4, 7), (2, 7), (1, 3)])
def test_coefficients_are_those_of_least_squares_with_a_penalty(n, d, intercept):
    features, labels = data(n, d)
    found = path(features, labels, intercept)
    for level, penalty in enumerate(PENALTIES):
        expected = fitted(features, labels, n * penalty, intercept)
        np.testing.assert_allclose(found.coefficients[level], expected[1], rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(found.intercepts[level], expected[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(40, 7), (7, 7), (8, 7), (4, 7), (2, 7), (1, 3)])
def test_no_penalty_is_least_squares_of_the_least_norm(n, d, intercept):
    features, labels = data(n, d)
    away = features - intercept * features.mean(axis=0)
    expected = np.linalg.pinv(away, rcond=1e-10) @ (labels - intercept * labels.mean())
    found = path(features, labels, intercept, [0.0])
    spectrum = np.linalg.svd(away, compute_uv=False) ** 2
    real = spectrum[spectrum > 1e-10 * spectrum[0]] if n > 1 or not intercept else np.ones(1)
    shrunk = 2 * LEAST_PENALTY * spectrum[0] / real[-1]  # what the least penalty takes, at most
    np.testing.assert_allclose(
        found.coefficients[0], expected, rtol=0, atol=shrunk * np.linalg.norm(expected) + 1e-12
    )


def test_ridge_of_the_noise_is_least_squares_in_expectation_over_it():
    """Exactly: the normal equations averaged over all signs of a noise of +-sigma."""
    features, labels = data(3, 2)
    sigma = 0.7
    gram, cross = np.zeros((3, 3)), np.zeros(3)
    for signs in itertools.product([-sigma, sigma], repeat=6):
        noisy = np.column_stack([np.ones(3), features + np.reshape(signs, (3, 2))])
        gram += noisy.T @ noisy / 2**6
        cross += noisy.T @ labels / 2**6
    expected = np.linalg.solve(gram, cross)
    found = path(features, labels, True, [sigma**2])
    assert found.intercepts[0] == pytest.approx(expected[0], rel=1e-11)
    np.testing.assert_allclose(found.coefficients[0], expected[1:], rtol=1e-11)


def test_large_means_cost_the_digits_they_must_and_no_more():
    """Means of a million spreads: the features themselves have lost ten digits, not sixteen."""
    features, labels = data(60, 4)
    near, far = path(features, labels), path(features + 1e6, labels)
    np.testing.assert_allclose(far.coefficients, near.coefficients, rtol=1e-8)
    shifted = near.intercepts - 1e6 * near.coefficients.sum(axis=1)
    np.testing.assert_allclose(far.intercepts, shifted, rtol=1e-8)
    left_out = near.left_out(features, labels)
    np.testing.assert_allclose(far.left_out(features + 1e6, labels), left_out, rtol=1e-6)


@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_features_that_do_not_vary_are_not_fitted_to_the_rounding_of_their_means(penalty):
    _, labels = data(32, 1)
    moments = SampleMoments.of(np.full((5, 3), 0.1), labels[:5])
    moments += SampleMoments.of(np.full((27, 3), 0.1), labels[5:])
    found = RidgePath(moments, True, np.array([penalty]))
    assert np.abs(found.coefficients).max() < 1e-9
    assert found.intercepts[0] == pytest.approx(labels.mean())
    expected = (labels - labels.mean()) * 32 / 31
    left_out = found.left_out(np.full((32, 3), 0.1), labels)
    np.testing.assert_allclose(left_out[:, 0], expected, rtol=1e-9)


# --- samples left out --------------------------------------------------------------------------


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(25, 4), (6, 6), (7, 6), (4, 6), (2, 3)])
def test_left_out_is_what_refitting_without_the_sample_says(n, d, intercept):
    features, labels = data(n, d)
    found = path(features, labels, intercept).left_out(features, labels)
    assert found.shape == (n, len(PENALTIES))
    for i in range(n):
        others = np.arange(n) != i
        for level, penalty in enumerate(PENALTIES):
            constant, slopes = fitted(features[others], labels[others], n * penalty, intercept)
            expected = labels[i] - constant - features[i] @ slopes
            assert found[i, level] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(30, 4), (4, 6)])
def test_left_out_without_a_penalty_has_the_least_one(n, d, intercept):
    features, labels = data(n, d)
    away = features - intercept * features.mean(axis=0)
    least = LEAST_PENALTY * np.linalg.norm(away, 2) ** 2
    found = path(features, labels, intercept, [0.0]).left_out(features, labels)[:, 0]
    for i in range(0, n, 3):
        others = np.arange(n) != i
        constant, slopes = fitted(features[others], labels[others], least, intercept)
        expected = labels[i] - constant - features[i] @ slopes
        assert found[i] == pytest.approx(expected, rel=1e-9 if n > d else 1e-5)


def test_a_sample_alone_leaves_nothing_to_fit():
    features, labels = data(1, 3)
    found = path(features, labels)
    np.testing.assert_array_equal(found.coefficients, 0.0)
    np.testing.assert_array_equal(found.intercepts, labels[0])
    assert np.isnan(found.left_out(features, labels)).all()
    without = path(features, labels, intercept=False)  # an intercept: nothing says 0
    np.testing.assert_allclose(without.left_out(features, labels), labels[0], rtol=1e-6)


def test_chunks_of_left_out_samples_are_rows_of_the_whole():
    features, labels = data(20, 3)
    found = path(features, labels)
    whole = found.left_out(features, labels)
    parts = [found.left_out(features[i : i + 7], labels[i : i + 7]) for i in (0, 7, 14)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)
