"""Chi-square ratios and beta variables: moments and tails."""

import math

import numpy as np
import pytest
from mpmath import mp
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


def density_and_tail(r, s, nu, upper):
    r"""The tail of R at r, and its derivative in log r, to 40 digits."""
    a, b = (nu, s) if upper else (s, nu)
    a, b, x = mp.mpf(a) / 2, mp.mpf(b) / 2, mp.mpf(r)
    x, rest = (1 / (1 + x), x / (1 + x)) if upper else (x / (1 + x), 1 / (1 + x))
    density = mp.exp(a * mp.log(x) + b * mp.log(rest)) / mp.beta(a, b)

    def lower_tail(a, b, x):
        term, total, k = mp.mpf(1), mp.mpf(1), 0
        while term > total * mp.mpf(10) ** -35:
            term *= (a + b + k) * x / (a + 1 + k)
            total, k = total + term, k + 1
        return density / a * total

    if x <= a / (a + b):
        return density, lower_tail(a, b, x)
    return density, 1 - lower_tail(b, a, rest)


DEGREES = [1, 2, 6, 17, 50, 1000]
TAILS = [1e-300, 1e-250, 1e-200, 1e-130, 1e-90, 1e-40, 1e-12, 1e-3, 0.3, 0.8, 1.0 - 1e-6]


@pytest.mark.parametrize("s", DEGREES)
@pytest.mark.parametrize("upper", [True, False])
def test_quantiles_of_all_tails_keep_ten_digits(s, upper):
    finite = 0
    with mp.workdps(40):
        for nu in DEGREES:
            quantiles = ratios.ratio_quantile(TAILS, s, nu, upper)
            for r, tail in zip(quantiles.tolist(), TAILS, strict=True):
                if r in (0.0, math.inf):  # the leading power of the tail says the same
                    a, b = (nu / 2, s / 2) if upper else (s / 2, nu / 2)
                    log_r = -mp.log(mp.mpf(tail) * a * mp.beta(a, b)) / a
                    assert log_r > 709.0
                    continue
                density, found = density_and_tail(r, s, nu, upper)
                assert abs(found - mp.mpf(tail)) < 1e-10 * density
                finite += 1
    assert finite >= 48


def test_quantiles_at_large_degrees_undo_their_tails():
    for s, nu in ((1e6, 1.0), (1.0, 1e6), (1e6, 1e6), (1e6, 30.0)):
        for upper in (True, False):
            r = ratios.ratio_quantile(TAILS, s, nu, upper)
            finite = (r > 0.0) & (r < math.inf)
            assert finite.sum() >= 5
            tails = ratios.ratio_tails(r[finite], s, nu)[int(upper)]
            np.testing.assert_allclose(tails, np.array(TAILS)[finite], rtol=1e-8)


@pytest.mark.parametrize("upper", [True, False])
def test_tails_below_1e_250_keep_their_digits(upper):
    r"""Where the incomplete beta function itself is a third too large, or 0."""
    for s, nu, log_r in ((50, 1000, math.log(3.38)), (6, 50, math.log(1.3e12)), (74, 1288, 1.1)):
        r, at = (math.exp(log_r), (s, nu)) if upper else (math.exp(-log_r), (nu, s))
        with mp.workdps(40):
            _, wanted = density_and_tail(r, *at, upper)
            found = ratios.ratio_tails(r, *at)[int(upper)]
            assert found == pytest.approx(float(wanted), rel=1e-10)
            assert found < 1e-250


def test_beta_quantiles_undo_their_tails():
    for alpha, beta in ((0.5, 3.0), (10.0, 20.0), (300.0, 0.5)):
        for tail in (1e-300, 1e-200, 1e-100, 1e-12, 0.3, 0.9):
            b = float(ratios.beta_quantile(tail, alpha, beta, upper=False))
            if b > 0.0:
                assert ratios.beta_tails(b, alpha, beta)[0] == pytest.approx(tail, rel=1e-9)
            b = float(ratios.beta_quantile(tail, alpha, beta, upper=True))
            if b < 0.999:
                assert ratios.beta_tails(b, alpha, beta)[1] == pytest.approx(tail, rel=1e-9)
            reflected = ratios.beta_quantile(tail, beta, alpha, upper=False)
            assert b == pytest.approx(1.0 - float(reflected), rel=1e-12)
