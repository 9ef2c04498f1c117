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
    np.testing.assert_allclose(tally.means, values.mean(axis=1), rtol=1e-14)
    wanted = np.cov(values, bias=True) * values.shape[1]
    np.testing.assert_allclose(tally.comoments, wanted, rtol=1e-7, atol=1e-5)
    np.testing.assert_allclose(tally.covariance, np.cov(values) / values.shape[1], rtol=1e-7)


def test_merging_equals_computing_at_once(data):
    values, _ = data
    given = values[..., np.newaxis]
    cuts = ((0, 1), (1, 400), (400, 1000))
    assert_moments(merged(Tally.of(values[:, a:b], given[:, a:b]) for a, b in cuts), values)


def test_replicates_with_a_value_in_every_group(data):
    values, _ = data
    given = np.stack([values - 1.0, values + 1.0], axis=-1)
    cuts = ((0, 700), (700, 1000))
    parts = [Tally.of(values[:, a:b], given[:, a:b], keep=True) for a, b in cuts]
    tally = merged(parts)
    assert_moments(tally, values)
    np.testing.assert_allclose(tally.group_means, given.mean(axis=1), rtol=1e-14)
    assert tally.group_counts.tolist() == [1000, 1000]
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], axis=1), values)
    assert tally.values.shape == (2, 0)
    assert Tally.of(values, given).values.shape == (2, 0)


def test_one_replicate_has_no_covariance(data):
    values, _ = data
    assert np.all(np.isnan(Tally.of(values[:, :1], values[:, :1, np.newaxis]).covariance))


# --- strata ---------------------------------------------------------------------------------------

SHARES, SPREADS = np.array([0.9, 0.0999, 0.0001]), np.array([1.0, 0.1, 500.0])


def drawn(rng, counts):
    """Two correlated values for each input, whose spread is that of its stratum."""
    noise = rng.standard_normal((2, counts.sum())) + rng.standard_normal(counts.sum())
    return 1e6 + np.repeat(np.arange(len(counts)), counts) + noise * np.repeat(SPREADS, counts)


def test_strata_that_are_merged_have_the_covariance_of_their_means():
    rng, counts = np.random.default_rng(1), np.array([60, 3, 40])
    tallies = [
        merged(Tally.of_strata(drawn(rng, counts), counts, SHARES) for _ in range(3))
        for _ in range(4000)
    ]
    means = np.stack([tally.means for tally in tallies], axis=1)
    exact = float(SHARES**2 * SPREADS**2 @ (1.0 / counts)) * np.array([[2.0, 1.0], [1.0, 2.0]]) / 3
    # 4000 normal variances: standard error of 2.2 %
    np.testing.assert_allclose(np.cov(means), exact, rtol=0.12)
    np.testing.assert_allclose(np.mean([t.covariance for t in tallies], axis=0), exact, rtol=0.03)
    assert abs(means.mean() - 1e6 - SHARES @ [0, 1, 2]) < 5 * np.sqrt(exact[0, 0] / 4000)


def test_kept_numbers_have_the_mean_and_the_comoments_of_the_strata():
    rng, counts = np.random.default_rng(2), np.array([60, 3, 40])
    parts = [Tally.of_strata(drawn(rng, counts), counts, SHARES, keep=True) for _ in range(2)]
    assert_moments(merged(parts), np.concatenate([part.values for part in parts], axis=1))
    assert Tally.of_strata(drawn(rng, counts), counts, SHARES).values.shape == (2, 0)


def test_degrees_of_freedom_are_those_of_the_strata_that_matter():
    rng = np.random.default_rng(3)
    counts, shares = np.array([1000, 4]), np.array([0.5, 0.5])
    spread = np.repeat([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], counts, axis=1)
    tally = Tally.of_strata(rng.standard_normal((3, 1004)) * spread, counts, shares)
    alone, many, both = tally.degrees
    assert (alone, many) == (pytest.approx(3.0), pytest.approx(999.0))
    assert 3.0 < both < 4.0
    twice = tally.merge(tally).degrees
    np.testing.assert_allclose(twice, [6.0, 2 * 999.0, 2 * both], rtol=0.3)
    values = rng.standard_normal((1, 50))
    assert Tally.of(values, values[..., np.newaxis]).degrees[0] == pytest.approx(49.0)


def test_equal_values_have_no_spread_and_nobody_is_counted_who_was_not_drawn():
    counts = np.array([5, 0, 7])
    tally = Tally.of_strata(np.full((1, 12), 0.1), counts, np.array([0.3, 0.0, 0.7]))
    assert (tally.means.tolist(), tally.covariance.tolist()) == ([0.1], [[0.0]])
    assert tally.degrees[0] == pytest.approx(11.0)
    assert tally.group_counts.tolist() == [5, 0, 7]
    np.testing.assert_allclose(tally.group_means, [[0.1, 0.0, 0.1]], rtol=1e-14)
