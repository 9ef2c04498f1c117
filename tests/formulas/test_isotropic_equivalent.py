"""What the equivalent misses in an isotropic group, against closed forms and full-size problems."""

import math

import numpy as np
import pytest
from mpmath import mp
from scipy import integrate, stats

from moetheory.formulas import isotropic_equivalent
from moetheory.formulas.isotropic_equivalent import discrepancies


def discrepancy(n, s, ridge):
    """The errors at one ridge."""
    noise, lost = discrepancies(n, s, np.array([ridge]))
    return float(noise[0]), float(lost[0])


def series(gap):
    """1/(gap) + 1/gap² with the second term limited, the equivalent's noise for one of the rank."""
    return (1.0 + 1.0 / math.hypot(1.0, gap)) / gap


@pytest.mark.parametrize(("n", "s"), [(3, 1), (12, 8), (40, 10), (8, 12), (1, 4), (64, 30)])
def test_without_ridge_it_is_known(n, s):
    """1/(gap - 1) against its first two terms; the lost share 1 - n/s is right."""
    gap = abs(n - s)
    noise, lost = discrepancy(n, s, 0.0)
    assert noise == pytest.approx(1.0 / (gap - 1.0) / series(gap) - 1.0, rel=1e-9)
    assert lost == pytest.approx(0.0, abs=1e-14)
    assert discrepancy(n, s, 1e-30)[0] == pytest.approx(noise, rel=1e-6)


def noise_by_both_orders(n, ridge):
    """The noise that a fit of one coordinate lets through, and its 1/n term, to 30 digits.

    As in docs/theory.md §4: the free energy of the problem with the label appended, differentiated
    along a test sample t and along the label ε. Label and coordinate are independent.
    """

    def energies(t, eps):
        def slope(w):
            return 1 / (ridge + w + t) + eps / (1 + (w + t) * eps) + 1 - n / w

        w = mp.findroot(slope, start)
        d, label = ridge + w + t, 1 + (w + t) * eps
        inner = 1 - w**2 / n * (1 / d**2 + (eps / label) ** 2)
        return mp.log(d) + mp.log(label) + w - n * mp.log(w), mp.log(inner) / 2

    ridge = mp.mpf(ridge)
    linear = 1 - n + ridge
    start = (mp.sqrt(linear**2 + 4 * n * ridge) - linear) / 2
    h = mp.mpf(10) ** -12
    corners = zip(*(energies(x, y) for x, y in ((h, h), (h, -h), (-h, h), (-h, -h))), strict=True)
    leading, correction = (float((a - b - c + d) / (4 * h * h)) for a, b, c, d in corners)
    return leading - 1.0, correction


def mean_of(term, n):
    """The mean of a term of chi-square with n degrees of freedom."""

    def at(u):  # x = e^u
        return term(math.exp(u)) * stats.chi2.pdf(math.exp(u), n) * math.exp(u)

    top = math.log(n + 20.0 * math.sqrt(n) + 60.0)
    return integrate.quad(at, top - 60.0, top, limit=600, epsabs=0.0, epsrel=1e-11)[0]


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("ridge", [1e-4, 0.1, 1.0, 10.0])
def test_the_noise_of_one_coordinate_is_an_integral_over_chi_square(n, ridge):
    truth = mean_of(lambda x: x / (x + ridge) ** 2, n)
    with mp.workdps(50):
        leading, correction = noise_by_both_orders(n, ridge)
    used = leading + leading * correction / math.hypot(leading, correction)
    assert discrepancy(n, 1, ridge)[0] == pytest.approx(truth / used - 1.0, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("ridge", [0.1, 1.0, 10.0])
def test_what_is_missed_is_of_the_second_order(ridge):
    """A hundredth for ten times the samples and the ridge; a wrong 1/n term would leave a tenth."""
    errors = np.abs([discrepancy(n, 1, ridge * n) for n in (10, 100, 1000)])
    assert np.all(errors[:-1] > 32.0 * errors[1:])


@pytest.mark.parametrize(("n", "s"), [(1, 1), (2, 1), (5, 5), (6, 4), (3, 9), (64, 64), (80, 66)])
def test_it_has_no_jumps(n, s):
    """Between ridges of a fine grid it changes by what a line between two steps may change."""
    exponents = np.linspace(-12.0, 8.0, 2001)
    values = np.array([discrepancy(n, s, 10.0**e) for e in exponents])
    assert np.all(np.isfinite(values))
    # a step of it is linear: 50 of these, which may fall into two
    steepest = np.abs(values[50:] - values[:-50]).max(axis=0) / 50
    assert np.all(np.abs(np.diff(values, axis=0)).max(axis=0) <= 2.0 * steepest + 1e-15)


@pytest.mark.parametrize(
    ("n", "s"), [(128, 128), (150, 150), (131, 129), (129, 131), (160, 128), (96, 192), (400, 100)]
)
def test_a_large_problem_misses_no_more_than_its_small_copy(n, s, monkeypatch):
    ridges = 10.0 ** np.arange(-6.0, 5.0, 0.5)
    copies = np.abs([discrepancy(n, s, c) for c in ridges])
    monkeypatch.setattr(isotropic_equivalent, "LARGEST", 10**6)
    whole = np.abs([discrepancy(n, s, c) for c in ridges])
    for large, small in zip(whole.T, copies.T, strict=True):
        # running maxima: an error crosses zero at other ridges in the copy
        assert np.all(
            np.maximum.accumulate(large[::-1]) <= 1.1 * np.maximum.accumulate(small[::-1]) + 1e-12
        )


def test_far_from_the_threshold_nothing_is_missed():
    errors = [max(map(abs, discrepancy(n, 8, 1.0))) for n in (100, 10**4, 10**6, 2**62)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-15
    assert max(map(abs, discrepancy(8, 10**7, 1.0))) < 1e-5


def test_without_samples_coordinates_or_with_a_ridge_beyond_all_nothing_is_missed():
    for n, s, ridge in ((0, 4, 1.0), (4, 0, 1.0), (4, 4, math.inf)):
        assert discrepancy(n, s, ridge) == (0.0, 0.0)


def test_several_ridges_are_several_answers():
    ridges = np.array([3.0, math.inf, 0.0, 1e-5, 3.0, 1e9])
    each = [discrepancy(9, 5, ridge) for ridge in ridges.tolist()]
    np.testing.assert_allclose(np.transpose(discrepancies(9, 5, ridges)), each, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20, 64, 65, 68, 1064])
@pytest.mark.parametrize("s", [1, 2, 3, 5, 20, 64])
def test_it_is_finite_for_any_ridge(n, s):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for ridge in (0.0, 1e-300, 1e-80, 1e-20, 1e-13, 1e-5, 1.0, 1e5, 1e80, 1e300):
            noise, lost = discrepancy(n, s, ridge)
            assert math.isfinite(noise)
            assert abs(lost) <= 1.0
            assert noise > -1.0
