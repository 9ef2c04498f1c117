"""Draws of strata, and their mean against plain sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moetheory import kernels


@given(st.integers(0, 2**32 - 1), st.integers(0, 200), st.sampled_from([1, 2]))
def test_every_stratum_is_drawn_and_the_rest_is_in_proportion(seed, spare, least):
    rng = np.random.default_rng(seed)
    shares = 10.0 ** rng.uniform(-9.0, 0.0, 5) * (rng.random(5) < 0.7)
    shares[2] = 1.0
    draws = least * np.count_nonzero(shares) + spare
    counts = kernels.stratum_counts(draws, shares, least)
    assert counts.sum() == draws
    assert np.all(counts[shares > 0.0] >= least)
    assert not counts[shares == 0.0].any()
    # what small strata need is taken from the others in proportion
    large = shares * draws / shares.sum() > least
    wanted = shares / shares.sum() * draws
    assert np.all(counts[large] <= wanted[large] + 1.0)
    assert np.all(np.diff(counts[np.argsort(shares)]) >= -1)


def test_equal_shares_are_equal_counts():
    assert kernels.stratum_counts(12, np.full(4, 0.25)).tolist() == [3, 3, 3, 3]
    assert kernels.stratum_counts(8, np.full(4, 0.25)).tolist() == [2, 2, 2, 2]
    assert sorted(kernels.stratum_counts(11, np.full(4, 0.25)).tolist()) == [2, 3, 3, 3]


def test_the_mean_and_its_variance_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    counts, shares = np.array([4, 0, 7, 2]), np.array([0.2, 0.0, 0.5, 0.3])
    values = rng.standard_normal((3, 13))
    found = kernels.stratified_mean(values, counts, shares)
    strata = np.split(values, np.cumsum(counts)[:-1], axis=1)
    mean, covariance, spread = np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    for stratum, share in zip(strata, shares, strict=True):
        if n := stratum.shape[1]:
            mean += share * stratum.mean(axis=1)
            part = share**2 * np.cov(stratum) / n
            covariance += part
            spread += np.diagonal(part) ** 2 / (n - 1)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(found.influences @ found.influences.T, covariance, rtol=1e-12)
    np.testing.assert_allclose(found.variance_spread, np.sqrt(spread), rtol=1e-12)
    assert found.given_stratum[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_shares_of_a_tiny_variance_do_not_underflow():
    values = 1e-100 * np.random.default_rng(0).standard_normal((1, 10))
    counts, shares = np.array([5, 5]), np.array([0.5, 0.5])
    tiny, plain = (
        kernels.stratified_mean(scale * values, counts, shares) for scale in (1.0, 1e100)
    )
    assert tiny.variance_spread * 1e200 == pytest.approx(plain.variance_spread, rel=1e-12)
