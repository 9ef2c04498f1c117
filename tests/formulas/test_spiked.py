"""Limits of spikes in noise, against roots of the equation of Marchenko and Pastur."""

import mpmath
import numpy as np
import pytest

from moetheory.formulas import spiked

ASPECTS = [1e-6, 0.3, 1.0, 4.0, 1e5]
NOISES = [1e-12, 0.7, 1e12]


def by_resolvents(signal, aspect, noise):
    r"""Value and overlaps of a spike from D(w) = w g(w) h(w) = 1/l, in 60 digits.

    g and h are the Stieltjes transforms of the noise, of its right and its left side: g solves
    c s w g^2 + (s (1-c) - w) g + 1 = 0, h = c g + (1-c)/w. The overlaps are l w'(l) h and
    l w'(l) g, where w'(l) = -1/(l^2 D'(w)).
    """
    with mpmath.workdps(60):
        ell, c, s = (mpmath.mpf(each) for each in (signal, aspect, noise))

        def right(w):
            b = w - s * (1 - c)
            return 2 / (b + mpmath.sqrt(b * b - 4 * c * s * w))

        def left(w):
            return c * right(w) + (1 - c) / w

        def product(w):
            return w * right(w) * left(w)

        edge = s * (1 + mpmath.sqrt(c)) ** 2
        ends = edge * (1 + mpmath.mpf(10) ** -40), ell + edge
        w = mpmath.findroot(lambda w: ell * product(w) - 1, ends, solver="anderson", tol=1e-90)
        slope = -1 / (ell * ell * mpmath.diff(product, w, h=w * mpmath.mpf(10) ** -20))
        return float(w), float(ell * slope * left(w)), float(ell * slope * right(w))


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("factor", [1.01, 3.0, 1e12])
def test_limits_are_those_of_the_resolvents_of_the_noise(aspect, factor):
    for noise in NOISES:
        signal = factor * np.sqrt(aspect) * noise
        expected = by_resolvents(signal, aspect, noise)
        found = (
            spiked.observed(signal, aspect, noise),
            spiked.left_overlap(signal, aspect, noise),
            spiked.right_overlap(signal, aspect, noise),
        )
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_just_above_the_threshold_no_digits_are_lost():
    for excess in (1e-3, 1e-9, 1e-14):
        signal = 1.5 * (1 + excess)  # threshold 1.5
        with mpmath.workdps(50):
            ell, s = mpmath.mpf(signal), mpmath.mpf(3)
            left = 1 - s * (s / 4 + ell) / (ell * (ell + s))
            right = 1 - s / 4 * (s + ell) / (ell * (ell + s / 4))
        found = spiked.left_overlap(signal, 0.25, 3.0), spiked.right_overlap(signal, 0.25, 3.0)
        np.testing.assert_allclose(found, (float(left), float(right)), rtol=1e-14)


@pytest.mark.parametrize("signal", [0.0, 1e-300, 0.75, 1.5])
def test_at_and_below_it_a_spike_sticks_to_the_edge(signal):
    assert spiked.threshold(0.25, 3.0) == 1.5
    assert spiked.observed(signal, 0.25, 3.0) == spiked.edge(0.25, 3.0) == 3.0 * 1.5**2
    assert spiked.left_overlap(signal, 0.25, 3.0) == 0.0
    assert spiked.right_overlap(signal, 0.25, 3.0) == 0.0


def test_the_values_are_continuous_there():
    above = spiked.observed(1.5 * (1 + 1e-7), 0.25, 3.0)
    assert above == pytest.approx(spiked.edge(0.25, 3.0), rel=1e-13)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_without_noise_a_spike_is_seen_as_it_is(aspect):
    signal = np.array([1e-300, 2.0, 1e300])
    np.testing.assert_array_equal(spiked.observed(signal, aspect, 0.0), signal)
    np.testing.assert_array_equal(spiked.left_overlap(signal, aspect, 0.0), np.ones(3))
    np.testing.assert_array_equal(spiked.right_overlap(signal, aspect, 0.0), np.ones(3))
    assert spiked.observed(0.0, aspect, 0.0) == spiked.right_overlap(0.0, aspect, 0.0) == 0.0


def test_the_transpose_swaps_sides():
    """d rows of n: aspect 1/c, and noise sigma^2/n = (c sigma^2)/d."""
    signal, aspect, noise = np.array([0.5, 2.0, 9.0]), 0.4, 1.3
    other = signal, 1 / aspect, aspect * noise
    mine = signal, aspect, noise
    np.testing.assert_allclose(spiked.observed(*mine), spiked.observed(*other), rtol=1e-14)
    np.testing.assert_allclose(spiked.left_overlap(*mine), spiked.right_overlap(*other), rtol=1e-14)


def test_arguments_broadcast():
    signal, aspect, noise = np.array([1.0, 5.0]), np.ones((3, 1)), np.full((4, 1, 1), 0.5)
    for formula in (spiked.observed, spiked.left_overlap, spiked.right_overlap):
        found = formula(signal, aspect, noise)
        assert found.shape == (4, 3, 2)
        assert found[2, 1, 1] == formula(5.0, 1.0, 0.5)
        np.testing.assert_array_equal(formula([1.0, 5.0], [1.0, 1.0], 0.5), found[0, 0])
    assert spiked.threshold(aspect, noise).shape == spiked.edge(aspect, noise).shape == (4, 3, 1)
