"""Noise of each kind: what it adds to features, against draws; its levels; what is refused."""

import math
import re

import numpy as np
import pytest

from moetheory.auditing.features import Features
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.noise import (
    DROPOUTS,
    LEVELS,
    FeatureNoise,
    checked_levels,
    feature_noise,
    internal_levels,
    own_factor,
    told_level,
    unlike_units,
)
from moetheory.auditing.tabular import table_of

SCALE = np.array([1.0, 30.0, 0.2, 5.0])


def prepared(array=None, rows=None):
    array = plain() if array is None else array
    found = Features(table_of(array), lambda rows: None)
    found.check()
    rows = np.arange(len(array)) if rows is None else rows
    found.prepare(rows, center=True, keep_constant=False)
    return found


def plain(samples=50):
    rng = np.random.default_rng(0)
    mixed = rng.exponential(size=(samples, 4)) @ (np.eye(4) + 0.4 * rng.normal(size=(4, 4)))
    return mixed * SCALE + 7.0


COVARIANCE = np.diag(SCALE) @ (0.3 * np.ones((4, 4)) + np.eye(4)) @ np.diag(SCALE)


def expected_covariance(kind, features):
    """Of one unit of noise, in the units of the data."""
    match kind:
        case "equal":
            return np.median(features.std(axis=0)) ** 2 * np.eye(4)
        case "relative":
            return np.diag(features.var(axis=0))
        case "own":
            return np.cov(features.T, bias=True)
        case "variances":
            return np.diag([1.0, 2.0, 0.0, 4.0])
    return COVARIANCE


def asked(kind, x):
    if kind == "own":
        return FeatureNoise("own", own_factor(x, np.arange(x.samples)))
    given = {"variances": [1.0, 2.0, 0.0, 4.0], "covariance": COVARIANCE}.get(kind, kind)
    return feature_noise(given, x)


KINDS = ["equal", "relative", "own", "variances", "covariance"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_factor_has_the_covariance_that_is_meant(kind):
    x = prepared()
    factor = asked(kind, x).factor
    root = x.scale[:, np.newaxis] * (np.diag(factor) if factor.ndim == 1 else factor)
    np.testing.assert_allclose(
        root @ root.T, expected_covariance(kind, plain()), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_noise_has_the_mean_0_and_the_covariance_of_its_level(kind):
    """By z-scores of the means, variances and covariances of 40 000 draws."""
    x, level, draws = prepared(), 0.37, 40_000
    noise = asked(kind, x)
    chunk = np.tile(np.concatenate([c for _, c in x.chunks(np.arange(1))]), (draws, 1))
    rng = np.random.default_rng(1)
    added = (noise.applied(chunk, noise.draw(rng, draws), level) - chunk) * x.scale
    expected = level * expected_covariance(kind, plain())
    products = added[:, :, np.newaxis] * added[:, np.newaxis]
    for values, truth in ((added, np.zeros(4)), (products, expected)):
        sem = values.std(axis=0) / math.sqrt(draws)
        noisy = sem > 0.0
        np.testing.assert_array_equal(values.mean(axis=0)[~noisy], truth[~noisy])
        z = (values.mean(axis=0) - truth)[noisy] / sem[noisy]
        assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("probability", [0.02, 0.3, 0.9])
def test_a_feature_is_dropped_with_its_probability(probability):
    """Then it is at its mean, else larger by 1/(1-q); its mean stays, its variance is q/(1-q)x²."""
    x, draws = prepared(), 40_000
    noise = feature_noise("dropout", x)
    level = float(internal_levels(np.array([probability]), noise)[0])
    first = np.concatenate([chunk for _, chunk in x.chunks(np.arange(1))])
    found = noise.applied(
        np.tile(first, (draws, 1)), noise.draw(np.random.default_rng(2), draws), level
    )
    dropped = found == 0.0
    np.testing.assert_allclose(
        found[~dropped], np.broadcast_to(first, found.shape)[~dropped] / (1.0 - probability)
    )
    share, sem = dropped.mean(axis=0), math.sqrt(probability * (1.0 - probability) / draws)
    assert np.abs(share - probability).max() < 4.5 * sem
    moments = SampleMoments.of(first, np.zeros((1, 1)))
    added = np.square(found - first)
    variance = level * np.square(noise.factor_on(moments))
    z = (added.mean(axis=0) - variance) / (added.std(axis=0) / math.sqrt(draws))
    assert np.abs(z).max() < 4.5


def test_dropout_takes_from_a_group_what_it_has():
    """Its second moment about the mean of all, not its variance nor that of all."""
    x, noise = prepared(), FeatureNoise("dropout", np.ones(4))
    some = plain()[:9]
    chunk = np.concatenate([c for _, c in x.chunks(np.arange(9))])
    factor = noise.factor_on(SampleMoments.of(chunk, np.zeros((9, 1))))
    expected = np.square(some - plain().mean(axis=0)).mean(axis=0) / plain().var(axis=0)
    np.testing.assert_allclose(np.square(factor), expected, rtol=1e-12)
    other = FeatureNoise("relative", np.ones(4))
    assert other.factor_on(SampleMoments.of(chunk, np.zeros((9, 1)))) is other.factor


def test_a_level_of_0_adds_nothing():
    chunk = np.ones((3, 4))
    for kind in ("relative", "dropout"):
        noise = FeatureNoise(kind, np.ones(4))
        assert noise.applied(chunk, noise.draw(np.random.default_rng(0), 3), 0.0) is chunk


def test_noise_of_features_that_are_left_out_is_left_out():
    array = np.insert(plain(), 2, 1.5, axis=1)
    covariance = np.insert(np.insert(COVARIANCE, 2, 0.0, axis=0), 2, 0.0, axis=1)
    x = prepared(array)
    for given, smaller in (
        (np.arange(1.0, 6.0), np.array([1.0, 2.0, 4.0, 5.0])),
        (covariance, COVARIANCE),
    ):
        found, expected = feature_noise(given, x).factor, feature_noise(smaller, prepared()).factor
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_own_noise_is_that_of_the_rows_it_is_asked_for():
    x = prepared()
    root = own_factor(x, np.arange(7, 30)) * x.scale[:, np.newaxis]
    np.testing.assert_allclose(root @ root.T, np.cov(plain()[7:30].T, bias=True), rtol=1e-10)


# --- levels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["equal", "relative", "dropout"])
def test_levels_are_told_in_one_unit_and_worked_with_in_another(kind):
    noise = feature_noise(kind, prepared())
    told = checked_levels(None, noise)
    expected = {"equal": LEVELS * np.median(plain().std(axis=0)) ** 2, "relative": LEVELS}
    np.testing.assert_allclose(told, expected.get(kind, DROPOUTS), rtol=1e-12)
    internal = internal_levels(told, noise)
    again = [told_level(level, noise) for level in internal.tolist()]
    np.testing.assert_allclose(again, told, rtol=1e-13)
    assert told_level(math.inf, noise) == math.inf


def test_levels_are_sorted_and_those_of_dropout_are_below_1():
    x = prepared()
    np.testing.assert_array_equal(
        checked_levels([3.0, 0.0, 3.0, 1.0], feature_noise("relative", x)), [0.0, 1.0, 3.0]
    )
    np.testing.assert_array_equal(checked_levels(2.0, feature_noise("relative", x)), [2.0])
    with pytest.raises(ValueError, match=r'probabilities below 1 with noise="dropout", got 1'):
        checked_levels([0.5, 1.0], feature_noise("dropout", x))


def test_one_loud_feature_does_not_move_the_levels():
    array = plain()
    before = checked_levels(None, feature_noise("equal", prepared(array)))
    array[:, 1] *= 1e6  # the loudest already
    np.testing.assert_array_equal(
        checked_levels(None, feature_noise("equal", prepared(array))), before
    )


def test_units_are_unlike_where_deviations_differ_a_hundredfold():
    even = plain() / SCALE
    assert not unlike_units(prepared(even))
    assert unlike_units(prepared(even * [1.0, 1.0, 1e4, 1.0]))


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gaussian", "'dropout', a variance for each feature or a covariance, got 'gaussian'"),
        (np.zeros(4), "must be positive for one feature at least, got 0 for all"),
        ([1.0, 2.0, -1.0, 0.0], "noise must be at least 0, got -1 at index 2"),
        (np.ones(3), "noise must have shape (4,), got (3,)"),
        (np.ones((3, 4)), "(4,) variances or a (4, 4) covariance, got shape (3, 4)"),
        (np.diag([1.0, 1.0, 1.0, -1.0]), "got a matrix with a negative eigenvalue"),
        (np.zeros((4, 4)), "must be a covariance, got a matrix with no positive eigenvalue"),
        (np.triu(np.ones((4, 4))), "must be a covariance, got a matrix that is not symmetric"),
        (np.full((4, 4), np.nan), "noise must be finite, got nan at index (0, 0)"),
        (np.full((4, 4), np.inf), "noise must be finite, got inf at index (0, 0)"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        feature_noise(given, prepared())


def test_variances_of_one_unit_of_noise():
    factor = np.array([[1.0, 2.0], [0.0, 3.0]])
    np.testing.assert_array_equal(FeatureNoise("given", factor).variances, [5.0, 9.0])
    np.testing.assert_array_equal(FeatureNoise("equal", factor[0]).variances, [1.0, 4.0])
