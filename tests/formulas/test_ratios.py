"""Chi-square ratios and beta variables: moments and tails."""

import numpy as np
import pytest
from scipy import stats

from moetheory.formulas import ratios


def test_tails_of_one_ratio_keep_their_digits():
    low, high = ratios.ratio_tails(np.array([1e-20, 1e20]), 2, 2)
    np.testing.assert_allclose(low, [1e-20, 1.0], rtol=1e-14)
    np.testing.assert_allclose(high, [1.0, 1e-20], rtol=1e-14)
    x = ratios.ratio_quantile(1e-100, 6, 30, upper=True)
    np.testing.assert_allclose(ratios.ratio_tails(x, 6, 30)[1], 1e-100, rtol=1e-9)


@pytest.mark.parametrize(("s", "nu"), [(3, 7), (10, 5), (1, 40)])
def test_moments_are_those_of_scipy(s, nu):
    mean, variance = stats.betaprime.stats(s / 2, nu / 2)
    assert float(ratios.ratio_mean(s, nu)) == pytest.approx(mean)
    assert float(ratios.ratio_variance(s, nu)) == pytest.approx(variance)
    mean, variance = stats.beta.stats(s / 2, nu / 2)
    assert float(ratios.beta_mean(s / 2, nu / 2)) == pytest.approx(mean)
    assert float(ratios.beta_variance(s / 2, nu / 2)) == pytest.approx(variance)
