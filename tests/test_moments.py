"""Streaming moments against NumPy on the concatenated data."""

import numpy as np
import pytest

from moetheory.simulation.moments import Moments


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    # a mean far above the spread: naive sums of squares would lose every digit
    return 1e8 + rng.standard_normal((2, 1000)), rng.integers(0, 3, 1000)


def test_merging_equals_computing_at_once(data):
    values, groups = data
    parts = [Moments.of(values[:, a:b], groups[a:b], 4) for a, b in ((0, 1), (1, 400), (400, 1000))]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    for g in range(3):
        inside = values[:, groups == g]
        assert merged.counts[g] == inside.shape[1]
        np.testing.assert_allclose(merged.means[:, g], inside.mean(axis=1), rtol=1e-15)
        wanted = np.cov(inside, bias=True) * inside.shape[1]
        np.testing.assert_allclose(merged.comoments[..., g], wanted, rtol=1e-7, atol=1e-5)
    assert merged.counts[3] == 0
    assert np.all(merged.means[:, 3] == 0)


def test_pooling_forgets_the_groups(data):
    values, groups = data
    pooled = Moments.of(values, groups, 4).pooled()
    np.testing.assert_allclose(pooled.means[:, 0], values.mean(axis=1), rtol=1e-15)
    wanted = np.cov(values, bias=True) * values.shape[1]
    np.testing.assert_allclose(pooled.comoments[..., 0], wanted, rtol=1e-7, atol=1e-5)


def test_merging_with_nothing_changes_nothing(data):
    values, groups = data
    some, none = Moments.of(values, groups, 3), Moments.of(values[:, :0], groups[:0], 3)
    for merged in (some.merge(none), none.merge(some)):
        np.testing.assert_array_equal(merged.means, some.means)
        np.testing.assert_array_equal(merged.comoments, some.comoments)
