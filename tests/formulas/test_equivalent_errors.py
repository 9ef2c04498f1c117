"""The isotropic problems that stand for blocks and for the whole."""

import math

import numpy as np
import pytest

from moetheory.formulas import equivalent
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent_correction import with_correction
from moetheory.formulas.equivalent_errors import joint_error, shift_alone
from moetheory.formulas.wishart_ridge import ridge_traces

NOISE = 0.2


def alone(signal, n, ridge, b, residual_noise=0.0):
    """Moments of one group with a single block, and what is added to them."""
    s = len(signal)
    layout = BlockLayout(np.zeros(s, dtype=int), 1, coupled=False)
    own, best = signal + NOISE, b * signal / (signal + NOISE)
    counts, unexplained, a, c = np.array([n, residual_noise, 1.0, ridge]).reshape(4, 1, 1)
    arrays = signal, np.zeros(s), b
    found = equivalent.moments(layout, counts, *arrays, NOISE, NOISE, unexplained, a, c)
    mean, _, variance = with_correction(found, b)
    rho = residual_noise + b @ (best * NOISE)
    share = rho / (rho + own @ np.square(best - found.mean))
    shift, off = shift_alone(layout, counts, own, found, variance, np.full(s, share), best)
    return own, best, rho, mean, variance + shift, off, variance


@pytest.mark.parametrize(("n", "s"), [(3, 8), (8, 8), (9, 8), (10, 8), (40, 8), (1, 1), (2, 1)])
@pytest.mark.parametrize("step", [-6, -2, 0, 3])
def test_noise_in_an_isotropic_block_is_exact(n, s, step):
    """Without anything to learn the whole variance is noise; the ridge is one of the steps."""
    c = 10.0 ** (step / 2)
    signal, b = np.full(s, 1.3), np.zeros(s)
    own, _, rho, _, variance, off, before = alone(signal, n, c * (1.3 + NOISE), b, 0.7)
    exact = ridge_traces(n, s, c).noise_trace * rho
    assert own @ variance == pytest.approx(exact, rel=1e-10)
    np.testing.assert_allclose(off, np.abs(variance - before), rtol=1e-6, atol=1e-12 * exact)


@pytest.mark.parametrize(("n", "s"), [(3, 8), (8, 8), (9, 8), (10, 8), (40, 8)])
@pytest.mark.parametrize("step", [-6, -2, 0, 3])
def test_the_risk_in_an_isotropic_block_is_nearly_exact(n, s, step):
    """Closer than before, and within the error; signal and noise share the variance."""
    c = 10.0 ** (step / 2)
    signal, b = np.full(s, 1.3), np.cos(np.arange(s))
    own, best, rho, mean, variance, off, before = alone(signal, n, c * (1.3 + NOISE), b)
    traces = ridge_traces(n, s, c)
    exact = own @ best**2 * traces.missed_square + rho * traces.noise_trace
    value, plain = (own @ (np.square(best - mean) + each) for each in (variance, before))
    assert abs(value - exact) <= own @ off
    assert abs(value - exact) <= 0.5 * abs(plain - exact) + 1e-3 * exact


def coupled(seed, scale=1.0, order=None, relabel=(0, 1, 2)):
    """The error of dense on three blocks; in the order of the coordinates."""
    rng = np.random.default_rng(seed)
    block_of = np.repeat([0, 1, 2], [3, 5, 2])
    signal, leakage, b = 0.2 + rng.random((3, 10)) * np.array([[3.0], [0.3], [1.0]])
    counts, order = np.array([2.0, 6.0, 3.0]), np.arange(10) if order is None else order
    labels = np.array(relabel)
    counts = counts[np.argsort(labels)]
    layout = BlockLayout(labels[block_of][order], 3, coupled=True)
    signal, leakage, b = (layout.sort(each[order]) for each in (signal, leakage, b))
    signal, leakage, b = scale * signal, scale * leakage, b / math.sqrt(scale)
    noise, ridge = scale * NOISE, scale * 0.02 * 11
    rows = counts.reshape(1, 3)
    a, c = np.ones((1, 1)), np.full((1, 1), ridge)
    unexplained = np.full((1, 3), 0.1)
    arrays = signal, leakage, b, noise, noise
    found = equivalent.moments(layout, rows, *arrays, unexplained, a, c)
    _, _, variance = with_correction(found, b)
    best = b * signal / (signal + noise)
    own, other = signal + noise, leakage + noise
    off = layout.unsort(joint_error(layout, rows, own, other, 1.0, ridge, found, variance, best))
    result = np.empty(10)
    result[order] = off
    return result


def test_names_of_groups_and_order_of_coordinates_do_not_matter():
    order = np.random.default_rng(5).permutation(10)
    np.testing.assert_allclose(coupled(1, order=order, relabel=(2, 0, 1)), coupled(1), rtol=1e-9)


def test_the_unit_of_the_features_does_not_matter():
    """Coefficients have the unit of one over the features."""
    np.testing.assert_allclose(2.0**10 * coupled(2, scale=2.0**10), coupled(2), rtol=1e-9)


def test_strong_coordinates_are_a_problem_of_their_own():
    """Two strong coordinates, two samples: weak ones are a ridge to them, and the error grows."""
    offs = []
    for weak in (1e4, 1e2, 1.0):
        signal = np.array([1e4, 1e4, weak, weak])
        *_, off, before = alone(signal, 2.0, 1e-4, np.zeros(4), 0.5)
        offs.append((off[:2] / before[:2]).max())
    assert offs[0] < offs[1] < offs[2]


def test_a_block_that_does_not_vary_misses_nothing():
    layout = BlockLayout(np.array([0, 1, 1]), 2, coupled=False)
    signal, b = np.array([0.0, 1.0, 1.0]), np.ones(3)
    counts, a, c = np.array([[4.0], [5.0]]), np.ones((2, 1)), np.full((2, 1), 0.3)
    found = equivalent.moments(
        layout, counts, signal, np.zeros(3), b, 0.0, 0.0, np.full((2, 1), 0.1), a, c
    )
    _, _, variance = with_correction(found, b)
    shift, off = shift_alone(layout, counts, signal, found, variance, np.ones(3), b)
    assert (shift[0], off[0]) == (0.0, 0.0)
    assert np.all(off[1:] > 0.0)
