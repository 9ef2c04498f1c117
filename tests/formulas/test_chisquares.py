"""Weighted sums of chi-squares: published values, Ruben's series, mpmath, gamma laws, draws."""

import math

import mpmath as mp
import numpy as np
import pytest

from moetheory.formulas import chisquare_paths, chisquares
from moetheory.formulas.chisquares import cdf, exponent_point, log_cdf, log_pdf

W, NU = np.array([0.6, 0.3, 0.1]), np.array([1, 1, 1])
WEIGHTS = np.array([3.0, 0.7, 0.02, 1.1])
DEGREES = np.array([1, 4, 30, 3])
LOADS = np.array([0.3, 0.0, 2.0, 0.9])


def precise(x, weights, degrees, pole, loads=None, digits=30):
    """The logarithm by mpmath, along a hyperbola of its own, in many digits."""
    with mp.workdps(digits):
        x, w = mp.mpf(float(x)), [mp.mpf(float(v)) for v in weights]
        m = [mp.mpf(float(v)) / 2 for v in degrees]
        unit = 2 * max(w)

        def slope(log_b):
            z = (mp.exp(log_b) - (not pole)) / unit
            terms = (a * 2 * v / (1 + 2 * v * z) for v, a in zip(w, m, strict=True))
            return mp.fsum(terms) + (1 / z if pole else 0) - x

        low, high = mp.mpf(-30), mp.log(2 * (sum(m) + 1) * unit / x)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if slope(middle) > 0 else (low, middle)
        z0 = (mp.exp(low) - (not pole)) / unit
        terms = (a * (2 * v / (1 + 2 * v * z0)) ** 2 for v, a in zip(w, m, strict=True))
        scale = 2 / mp.sqrt(mp.fsum(terms) + (1 / z0**2 if pole else 0))
        lean, rise = scale * mp.sin(0.45), scale * mp.cos(0.45)

        def power(z):
            return z * x - mp.fsum(a * mp.log(1 + 2 * v * z) for v, a in zip(w, m, strict=True))

        top, total, k, step = power(z0), mp.mpf(0), 0, mp.mpf(1) / 24
        while True:
            u = k * step
            z = z0 + mp.mpc(-2 * lean * mp.sinh(u / 2) ** 2, rise * mp.sinh(u))
            value = mp.exp(power(z) - top) * mp.mpc(rise * mp.cosh(u), lean * mp.sinh(u))
            value /= z if pole else 1
            if loads is not None:
                value *= sum(
                    mp.mpf(float(c)) / (1 + 2 * v * z) for c, v in zip(loads, w, strict=True)
                )
            total += mp.re(value) / (1 if k else 2)
            k += 1
            if k > 4 and abs(value) < mp.mpf(10) ** -20 * abs(total):
                return top + mp.log(total * step / mp.pi)


def ruben(x, weights, degrees):
    """P(Q <= x) by Ruben (1962): a mixture of chi-squares over the smallest weight, and a bound."""
    from scipy.special import gammainc

    least, most = weights.min(), 4000
    g = 0.5 * ((1.0 - least / weights) ** np.arange(1, most)[:, np.newaxis]) @ degrees
    mixture = np.zeros(most)
    mixture[0] = total = math.exp(0.5 * degrees @ np.log(least / weights))
    for k in range(1, most):
        mixture[k] = g[k - 1 :: -1] @ mixture[:k] / k
        total += mixture[k]
        if total > 1.0 - 1e-13:
            break
    shapes = 0.5 * degrees.sum() + np.arange(k + 1)
    terms = gammainc(shapes, 0.5 * np.asarray(x)[..., np.newaxis] / least)
    # what the other terms have in common is to be smaller than the last; and rounding
    return terms @ mixture[: k + 1], np.max((1.0 - total) * terms[..., -1], initial=0.0) + 1e-13


def relative(got, wanted):
    return abs(float(mp.expm1(mp.mpf(float(got)) - wanted)))


# Imhof (1961), table 1: quadratic forms Q1, Q2 and Q3, and P(Q > x)
@pytest.mark.parametrize(
    ("weights", "degrees", "x", "above"),
    [
        (W, [1, 1, 1], [0.1, 0.7, 2.0], [0.9458, 0.5064, 0.1240]),
        (W, [2, 2, 2], [0.2, 2.0, 6.0], [0.9936, 0.3998, 0.0161]),
        (W, [6, 4, 2], [1.0, 5.0, 12.0], [0.9973, 0.4353, 0.0088]),
    ],
)
def test_published_values(weights, degrees, x, above):
    np.testing.assert_allclose(1.0 - cdf(x, weights, degrees).value, above, atol=6e-5)


def test_the_bound_of_cdf_holds_against_rubens_series():
    rng, n = np.random.default_rng(1), 0
    for _ in range(130):
        count = rng.integers(2, 7)
        weights = 10 ** rng.uniform(-0.8, 0.8, count)
        degrees = rng.integers(1, 9, count)
        x = weights @ degrees * 10 ** rng.uniform(-2, 0.8, 4)
        got = cdf(x, weights, degrees)
        assert got.error <= 1e-10
        wanted, left = ruben(x, weights, degrees)
        assert left < 1e-12
        assert np.all(np.abs(got.value - wanted) <= got.error + left)
        n += len(x)
    assert n >= 500


def test_the_bound_and_the_errors_hold_over_many_decades():
    rng = np.random.default_rng(2)
    for number in range(24):
        count = rng.integers(2, 5)
        weights = 10 ** rng.uniform(-9, 9, count)
        degrees = np.round(10 ** rng.uniform(0, 5, count))
        upper = bool(number % 2)
        x = exponent_point(10 ** rng.uniform(-1, 2.8), weights, degrees, upper=upper)
        x = max(x, 1e-230 * weights.max())
        loads = rng.uniform(0, 1, count) if number % 3 == 0 else None
        pole = number % 4 < 2
        wanted = precise(x, weights, degrees, pole, loads)
        got = (log_cdf if pole else log_pdf)(x, weights, degrees, loads)
        assert relative(got.values, wanted) <= got.error < 1e-10
        if pole and loads is None:
            value, error = cdf(x, weights, degrees)
            assert abs(value - mp.exp(wanted)) <= error <= 1e-10


@pytest.mark.parametrize(
    ("weights", "degrees"),
    [(WEIGHTS, DEGREES), ([1.0, 0.999], [1, 1]), ([1.0, 1e-6, 1e6], [1, 3, 2])],
)
@pytest.mark.parametrize("loads", [None, LOADS])
def test_logarithms_keep_relative_accuracy_in_both_tails(weights, degrees, loads):
    loads = None if loads is None else loads[: len(weights)]
    drops = [1000.0, 30.0]
    low = [max(exponent_point(drop, weights, degrees), 1e-280) for drop in drops]
    high = [exponent_point(drop, weights, degrees, upper=True) for drop in drops]
    for function, pole, x in ((log_pdf, False, low + high), (log_cdf, True, low + high[1:])):
        got = function(x, weights, degrees, loads)
        assert got.error < 1e-11
        wanted = [precise(a, weights, degrees, pole, loads) for a in x]
        assert min(wanted) < -600 or len(weights) == 2
        errors = [relative(a, b) for a, b in zip(got.values, wanted, strict=True)]
        assert max(errors) <= got.error


@pytest.mark.parametrize("degrees", [1, 2, 7, 300, 10**6])
def test_one_weight_is_a_gamma_law(degrees):
    shape, unit = mp.mpf(degrees) / 2, 1.4
    x = unit * 0.5 * degrees * np.array([0.02, 0.5, 1.0, 1.003, 1.05])
    x = np.append(x, [1e-200 * unit] if degrees < 10 else [])
    values, error = log_cdf(x, [0.7], [degrees])
    density, density_error = log_pdf(x, [0.7], [degrees])
    for a, value, log in zip(x, values, density, strict=True):
        with mp.workdps(30):
            y = mp.mpf(float(a)) / unit
            log_term = shape * mp.log(y) - y - mp.loggamma(shape + 1)
            term, total, k = mp.mpf(1), mp.mpf(1), 0
            while term > 1e-20 * total:
                k += 1
                term *= y / (shape + k)
                total += term
            if value < -2000.0:  # of these the errors say nothing
                continue
            assert relative(value, log_term + mp.log(total)) <= error
            wanted = log_term + mp.log(shape / y / mp.mpf(unit))
            assert relative(log, wanted) <= density_error
    assert max(error, density_error) < (1e-12 if degrees < 1000 else 1e-8)


def test_near_certainty_keeps_its_distance_from_it_for_one_weight():
    value = log_cdf(2.0 * 60.0, [1.0], [2]).values  # 1 - e^-60
    assert value == pytest.approx(-math.exp(-60.0), rel=1e-13)


def test_loads_are_distribution_functions_with_two_degrees_more():
    x = np.array([1e-6, 0.3, 5.0, 9.0, 40.0])
    for function in (log_pdf, log_cdf):
        parts = [
            load * np.exp(function(x, WEIGHTS, DEGREES + 2 * np.eye(4, dtype=int)[i]).values)
            for i, load in enumerate(LOADS)
        ]
        got = function(x, WEIGHTS, DEGREES, LOADS).values
        np.testing.assert_allclose(np.exp(got), sum(parts), rtol=1e-12)
    # with loads wν the load is Q itself
    own = log_pdf(x, WEIGHTS, DEGREES, WEIGHTS * DEGREES).values
    np.testing.assert_allclose(own, np.log(x) + log_pdf(x, WEIGHTS, DEGREES).values, atol=1e-11)
    assert np.all(log_cdf(x, WEIGHTS, DEGREES, np.zeros(4)).values == -math.inf)


def test_the_density_is_the_slope_of_the_distribution_function():
    x, h = np.array([0.5, 4.0, 11.0]), 1e-3
    for loads in (None, LOADS):
        f = [np.exp(log_cdf(x + k * h, WEIGHTS, DEGREES, loads).values) for k in (-2, -1, 1, 2)]
        slope = (f[0] - 8.0 * f[1] + 8.0 * f[2] - f[3]) / (12.0 * h)
        density = np.exp(log_pdf(x, WEIGHTS, DEGREES, loads).values)
        np.testing.assert_allclose(slope, density, rtol=1e-8)


def test_draws_agree(agrees, mean_and_sem):
    rng, x = np.random.default_rng(3), 7.0
    draws = rng.chisquare(DEGREES, (1_150_000, 4))
    inside = draws @ WEIGHTS <= x
    assert agrees(*mean_and_sem(inside), float(cdf(x, WEIGHTS, DEGREES).value))
    loaded = (draws @ (LOADS / DEGREES)) * inside
    wanted = math.exp(log_cdf(x, WEIGHTS, DEGREES, LOADS).values)
    assert agrees(*mean_and_sem(loaded), wanted)


def test_splitting_ordering_and_scaling_change_nothing():
    x = np.array([[1e-9, 0.3], [5.0, 40.0]])
    split = ([0.02, 3.0, 0.7, 0.02, 1.1, 0.7], [10, 1, 1, 20, 3, 3], [1.5, 0.3, 0, 0.5, 0.9, 0])
    for function in (log_pdf, log_cdf):
        for loads, other in ((None, None), (LOADS, split[2])):
            base = function(x, WEIGHTS, DEGREES, loads).values
            assert base.shape == x.shape
            got = function(x, *split[:2], other).values
            np.testing.assert_allclose(got, base, atol=1e-12)
            for scale in (1e-100, 1e100):
                got = function(x * scale, WEIGHTS * scale, DEGREES, loads).values
                got = got + math.log(scale) * (function is log_pdf)
                np.testing.assert_allclose(got, base, atol=1e-11)


def test_a_perturbed_weight_is_noticed():
    wrong = cdf(2.0, W * [1.0, 1.0, 1.0 + 1e-8], NU)
    right, left = ruben(2.0, W, NU)
    assert abs(cdf(2.0, W, NU).value - right) <= cdf(2.0, W, NU).error + left
    assert abs(wrong.value - right) > wrong.error + left


def rises(values, error):
    """Whether no step of numbers that have this error is further down than the errors reach."""
    return bool(np.all(np.diff(values) >= -2.0 * error))


def test_distribution_functions_rise_within_their_errors():
    x = np.linspace(0.01, 400.0, 4000)  # also where they no longer change
    for loads in (None, LOADS):
        values, error = log_cdf(x, WEIGHTS, DEGREES, loads)
        assert error < 1e-11
        assert rises(values, error)
        assert not rises(log_pdf(x, WEIGHTS, DEGREES, loads).values, error)
    assert rises(*cdf(x, WEIGHTS, DEGREES))


def test_many_weights_of_many_sizes_rise_within_their_errors():
    rng = np.random.default_rng(4)
    weights, degrees = 10 ** rng.uniform(-12, 12, 256), np.round(10 ** rng.uniform(0, 6, 256))
    x = weights.max() * 10 ** np.linspace(-14, 9, 60)
    values, error = log_cdf(x, weights, degrees)
    assert error < 1e-10
    assert rises(values[values > chisquares.NOTHING], error)
    assert values[0] < -1000.0
    assert values[-1] == pytest.approx(0.0, abs=1e-10)
    assert np.isfinite(log_pdf(x, weights, degrees).values).all()


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("tilt", [0.0, -0.15, 40.0])
def test_exponent_points(tilt, upper):
    def cumulant(u):
        return -0.5 * DEGREES @ np.log1p(2.0 * WEIGHTS * u)

    for drop in (0.5, 40.0):
        x = exponent_point(drop, WEIGHTS, DEGREES, tilt, upper)
        low, high = (-1.0 / 6.0, tilt) if upper else (tilt, 1e12)
        for _ in range(200):
            u = 0.5 * (low + high)
            beyond = WEIGHTS @ (DEGREES / (1.0 + 2.0 * WEIGHTS * u)) > x
            low, high = (u, high) if beyond else (low, u)
        got = cumulant(u) + (u - tilt) * x - cumulant(tilt)
        assert got == pytest.approx(-drop, rel=1e-3)
        assert (u < tilt) == upper
    peak = WEIGHTS @ (DEGREES / (1.0 + 2.0 * WEIGHTS * tilt))
    assert exponent_point(0.0, WEIGHTS, DEGREES, tilt, upper) == pytest.approx(peak)


def test_edges():
    x = [-1.0, 0.0, math.inf]
    assert log_pdf(x, W, NU).values.tolist() == [-math.inf] * 3
    assert log_cdf(x, W, NU).values.tolist() == [-math.inf, -math.inf, 0.0]
    assert cdf(x, W, NU).value.tolist() == [0.0, 0.0, 1.0]
    assert log_cdf([], W, NU).values.shape == (0,)
    assert exponent_point(1e4, [1.0], [1]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cdf(1.0, [1.0, 0.0], [1, 1]), "weights must be positive"),
        (lambda: cdf(1.0, [1.0], [1, 1]), "degrees must be at least 1, one for each"),
        (lambda: log_pdf(1.0, W, NU, [-1, 0, 0]), "loads must not be negative"),
        (lambda: log_pdf(math.nan, W, NU), "x must not hold NaN"),
        (lambda: exponent_point(1.0, W, NU, -1.0), "tilt must be greater than -0.833"),
        (lambda: exponent_point(-1.0, W, NU), "drop must be from 0"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_convergence_is_an_error(monkeypatch):
    with pytest.raises(ArithmeticError, match="below the largest weight"):
        cdf(1e-200, [1e100, 1.0], [1, 1])
    monkeypatch.setattr(chisquare_paths, "NODES", 4)
    monkeypatch.setattr(chisquare_paths, "MOST_LEVELS", 1)
    with pytest.raises(ArithmeticError, match="has not converged"):
        cdf(1.0, W, NU)
    monkeypatch.setattr(chisquare_paths, "MOST_STEPS", 1)
    with pytest.raises(ArithmeticError, match="no saddle point"):
        cdf(1.0, W, NU)
