"""Moments summed over chunks, against those of all samples at once."""

import numpy as np
import pytest

from moetheory.auditing.moments import SampleMoments

NAMES = ("count", "mean", "label_mean", "scatter", "cross", "label_scatter")


def data(n, d, m=1, seed=0):
    """Correlated, skewed features that are not centred, and labels."""
    rng = np.random.default_rng(seed)
    features = rng.exponential(size=(n, d)) @ rng.normal(size=(d, d)) + 1.0
    return features, features @ rng.normal(size=(d, m)) + rng.normal(size=(n, m))


def merged(features, labels, cuts):
    pieces = zip(np.split(features, cuts), np.split(labels, cuts), strict=True)
    return SampleMoments.total(SampleMoments.of(*piece) for piece in pieces)


def require_equal(found, expected, rtol=1e-12):
    for name in NAMES:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol)


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 13], [5, 6, 30, 31]])
def test_moments_of_chunks_are_those_of_the_whole(cuts, intercept, m):
    features, labels = data(40, 5, m)
    labels += 1e4
    found = merged(features, labels, cuts)
    joint = np.column_stack([features, labels])
    expected = np.cov(joint.T, bias=True) if intercept else joint.T @ joint / 40
    centred = found.centred(intercept)
    assert found.count == 40
    np.testing.assert_allclose(centred.second, expected[:5, :5], rtol=1e-11)
    np.testing.assert_allclose(centred.cross, expected[:5, 5:], rtol=1e-10)
    np.testing.assert_allclose(centred.label, expected[5:, 5:].diagonal(), rtol=1e-11)
    np.testing.assert_allclose(centred.centre, intercept * features.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(centred.label_centre, intercept * labels.mean(axis=0), rtol=1e-14)


@pytest.mark.parametrize("cuts", [[], [7], [1, 2, 30]])
def test_large_means_take_no_digits_from_the_spread(cuts):
    """Integers, so that features 2**30 away are the features moved, with all their digits."""
    features = np.random.default_rng(0).integers(-50, 50, size=(40, 4)).astype(float)
    labels = features[:, :1] ** 2
    near, far = merged(features, labels, []), merged(features + 2.0**30, labels + 2.0**30, cuts)
    for name in ("scatter", "cross", "label_scatter"):
        largest = np.abs(getattr(near, name)).max()
        np.testing.assert_allclose(getattr(far, name), getattr(near, name), atol=1e-6 * largest)
    np.testing.assert_allclose(far.mean - 2.0**30, near.mean, atol=2.0**-20)


@pytest.mark.parametrize("cuts", [[], [5], [1, 2, 13]])
def test_what_never_varies_has_no_scatter_at_all(cuts):
    """The mean of many 0.1 is rounded: its distance from 0.1 is no scatter."""
    features, labels = data(32, 3)
    features[:, 1] = 0.1
    found = merged(features, labels, cuts)
    assert found.mean[1] == 0.1
    np.testing.assert_array_equal(found.scatter[1], 0.0)
    np.testing.assert_array_equal(found.cross[1], 0.0)


def test_moments_of_some_features_are_those_of_their_columns():
    features, labels = data(30, 6, 2)
    seen = np.array([4, 0, 5])
    found = SampleMoments.of(features, labels).of_features(seen)
    require_equal(found, SampleMoments.of(features[:, seen], labels))


def test_moments_in_other_units_are_those_of_scaled_features():
    features, labels = data(30, 4, 2)
    scale = np.array([1e-6, 3.0, 1e12, 0.5])
    found = SampleMoments.of(features, labels).rescaled(scale)
    require_equal(found, SampleMoments.of(features * scale, labels), rtol=1e-11)


def test_scatter_within_groups_is_the_sum_of_their_own():
    features, labels = data(30, 4, 2)
    within = SampleMoments.of(features[:11], labels[:11])
    within.add_within(SampleMoments.of(features[11:], labels[11:]))
    parts = [(features[:11], labels[:11]), (features[11:], labels[11:])]
    away = [np.column_stack([x - x.mean(axis=0), y - y.mean(axis=0)]) for x, y in parts]
    expected = sum(each.T @ each for each in away)
    assert within.count == 30
    np.testing.assert_allclose(within.scatter, expected[:4, :4], rtol=1e-11)
    np.testing.assert_allclose(within.cross, expected[:4, 4:], rtol=1e-11)
    np.testing.assert_allclose(within.label_scatter, expected[4:, 4:].diagonal(), rtol=1e-11)
