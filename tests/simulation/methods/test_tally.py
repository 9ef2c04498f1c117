"""Streaming moments against NumPy on the concatenated data."""

import numpy as np
import pytest

from moetheory.simulation.methods.tally import Tally, merged


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    # a mean far above the spread: naive sums of squares would lose every digit
    return 1e8 + rng.standard_normal((2, 1000)), rng.integers(0, 3, 1000)


def assert_moments(tally, values):
    assert tally.replicates == values.shape[1]
    np.testing.assert_allclose(tally.means, values.mean(axis=1), rtol=1e-15)
    wanted = np.cov(values, bias=True) * values.shape[1]
    np.testing.assert_allclose(tally.comoments, wanted, rtol=1e-7, atol=1e-5)
    np.testing.assert_allclose(tally.covariance, np.cov(values) / values.shape[1], rtol=1e-7)


def test_merging_equals_computing_at_once(data):
    values, groups = data
    cuts = ((0, 1), (1, 400), (400, 1000))
    tally = merged(Tally.by_group(values[:, a:b], groups[a:b], 4) for a, b in cuts)
    assert_moments(tally, values)
    for g in range(3):
        inside = values[:, groups == g]
        assert tally.group_counts[g] == inside.shape[1]
        np.testing.assert_allclose(tally.group_means[:, g], inside.mean(axis=1), rtol=1e-15)
    assert tally.group_counts[3] == 0
    assert np.all(tally.group_means[:, 3] == 0)


def test_replicates_with_a_value_in_every_group(data):
    values, _ = data
    given = np.stack([values - 1.0, values + 1.0], axis=-1)
    cuts = ((0, 700), (700, 1000))
    parts = [Tally.of(values[:, a:b], given[:, a:b], keep=True) for a, b in cuts]
    tally = merged(parts)
    assert_moments(tally, values)
    np.testing.assert_allclose(tally.group_means, given.mean(axis=1), rtol=1e-15)
    assert tally.group_counts.tolist() == [1000, 1000]
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], axis=1), values)
    assert tally.values.shape == (2, 0)
    assert Tally.of(values, given).values.shape == (2, 0)


def test_one_replicate_has_no_covariance(data):
    values, groups = data
    assert np.all(np.isnan(Tally.by_group(values[:, :1], groups[:1], 3).covariance))
