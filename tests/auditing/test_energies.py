"""Energies in noise against explicit noise; the fitted gate against the Bayes gate."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

import moetheory as mt
from moetheory.auditing.energies import MAX_FITTED_SAMPLES, EnergyGate, noisy_energies
from moetheory.common.arrays import block_sums

SIZES = np.array([3, 5, 8])
BLOCK_OF = np.repeat([0, 1, 2], SIZES)
SIGNALS = np.array([1.0, 2.0, 0.7])
LEVEL = 1e-7  # of each Kolmogorov-Smirnov test


def model(noise_variance, **changes):
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        BLOCK_OF,
        SIGNALS[BLOCK_OF],
        np.cos(np.arange(16.0)) + 0.3,
        noise_variance,
        **changes,
    )


def drawn(samples, noise_variance, rng):
    """Groups, and energies with and without noise, by chi-squares alone (theory §5)."""
    groups = rng.choice(3, samples, p=model(0.0).group_probabilities)
    mine = groups[:, np.newaxis] == np.arange(3)
    squares = rng.chisquare(SIZES, (samples, 3))
    return groups, squares * (mine * SIGNALS), squares * (mine * SIGNALS + noise_variance)


# --- noise -------------------------------------------------------------------------------------


def test_noisy_energies_have_their_exact_moments():
    """u + s sigma^2 and 2 s sigma^4 + 4 u sigma^2, for one feature and for no energy too."""
    sizes, energies = np.array([1, 2, 7, 1]), np.array([2.0, 0.5, 3.0, 0.0])
    draws, noise = 200_000, 0.6
    found = noisy_energies(np.tile(energies, (draws, 1)), sizes, noise, np.random.default_rng(0))
    variance = 2 * sizes * noise**2 + 4 * energies * noise
    z = (found.mean(axis=0) - energies - sizes * noise) / np.sqrt(variance / draws)
    assert np.abs(z).max() < 5
    away = (found - found.mean(axis=0)) ** 2
    z = (away.mean(axis=0) - variance) / (away.std(axis=0) / np.sqrt(draws))
    assert np.abs(z).max() < 5
    correlations = np.corrcoef(found.T) - np.eye(4)
    assert np.abs(correlations).max() < 5 / np.sqrt(draws)


def test_noisy_energies_have_the_law_of_explicit_noise():
    rng = np.random.default_rng(1)
    sample, draws = rng.exponential(size=16), 10_000
    noisy = sample + np.sqrt(0.4) * rng.normal(size=(draws, 16))
    explicit = block_sums(noisy**2, BLOCK_OF)
    energies = np.tile(block_sums(sample[np.newaxis] ** 2, BLOCK_OF), (draws, 1))
    found = noisy_energies(energies, SIZES, 0.4, rng)
    for direction in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0.5]):
        assert ks_2samp(found @ direction, explicit @ direction).pvalue > LEVEL


def test_no_noise_changes_nothing():
    energies = np.random.default_rng(0).exponential(size=(5, 3))
    found = noisy_energies(energies, SIZES, 0.0, np.random.default_rng(1))
    np.testing.assert_allclose(found, energies, rtol=1e-14)


# --- gates -------------------------------------------------------------------------------------


def test_a_gate_sends_to_the_largest_score():
    gate = EnergyGate(np.array([[0.0, 1.0], [5.0, 0.0]]), np.array([[2.0, 1.0], [0.0, 1.0]]))
    energies = np.array([[2.0, 2.0], [0.4, 0.1], [9.0, 6.0]])
    np.testing.assert_array_equal(gate.route(energies, 0), [0, 1, 0])
    np.testing.assert_array_equal(gate.route(energies, 1), [0, 0, 1])


def test_relative_energies_and_a_block_that_is_silent():
    gate = EnergyGate.relative(np.array([4.0, 1.0, 0.0]))
    energies = np.array([[4.0, 0.9, 0.0], [4.0, 1.1, 9.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(gate.route(energies, 0), [0, 1, 0])


def test_only_the_first_level_is_replaced_without_noise():
    gate = EnergyGate(np.arange(6.0).reshape(3, 2), np.arange(6.0, 12.0).reshape(3, 2))
    found = gate.with_first_level(EnergyGate.relative(np.array([2.0, 4.0])))
    np.testing.assert_array_equal(found.offsets, [[0, 0], [2, 3], [4, 5]])
    np.testing.assert_array_equal(found.slopes, [[0.5, 0.25], [8, 9], [10, 11]])


@pytest.mark.parametrize("noise", [0.1, 1.0, 5.0])
def test_the_fitted_gate_is_all_but_the_bayes_gate(noise):
    """Blocks, probabilities and signals unequal. The error of the Bayes gate is a closed form.

    2 K numbers from n samples: the excess is of order 2 K/n of the error, if the form is right;
    a wrong offset or slope costs a multiple of it.
    """
    rng = np.random.default_rng(2)
    groups, clean, _ = drawn(8000, 0.0, rng)
    gate = EnergyGate.fitted(clean, SIZES, groups, np.array([99.0, noise]), rng)
    groups, _, noisy = drawn(400_000, noise, rng)
    wrong = gate.route(noisy, 1) != groups
    bayes = mt.routing_matrix(mt.Hard(), model(noise)).misrouting
    sem = wrong.std() / np.sqrt(len(wrong))
    assert -5 * sem < wrong.mean() - bayes < 5 * sem + 10 * 6 / 8000 * bayes


def test_the_numbers_of_the_fitted_gate_are_those_of_the_posterior():
    """Isotropic blocks: c_j known, a_j up to a common number (theory §5); errors seen by seeds."""
    noise, posterior = 0.8, []
    slopes = SIGNALS / (2 * noise * (noise + SIGNALS))
    offsets = np.log([0.2, 0.5, 0.3]) - 0.5 * SIZES * np.log1p(SIGNALS / noise)
    for seed in range(16):
        rng = np.random.default_rng(seed)
        groups, clean, _ = drawn(4000, 0.0, rng)
        gate = EnergyGate.fitted(clean, SIZES, groups, np.array([noise]), rng)
        posterior.append([*gate.slopes[0], *np.diff(gate.offsets[0])])
    found = np.array(posterior)
    sem = found.std(axis=0, ddof=1) / np.sqrt(16)
    expected = np.array([*slopes, *np.diff(offsets)])
    z = np.abs((found.mean(axis=0) - expected) / sem)
    assert z.max() < 9  # Student's t with 15 degrees of freedom: 1e-7
    assert (sem[:3] / slopes).max() < 0.02
    assert sem[3:].max() < 0.05


def test_groups_that_energies_tell_without_error():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 300)
    energies = 1e-3 * rng.exponential(size=(300, 3))
    energies[np.arange(300), groups] += 1.0 + rng.exponential(size=300)
    gate = EnergyGate.fitted(energies, SIZES, groups, np.array([0.0]), rng)
    assert np.isfinite(gate.slopes).all()
    np.testing.assert_array_equal(gate.route(energies, 0), groups)


def test_one_group_and_blocks_that_are_silent():
    rng = np.random.default_rng(0)
    energies = np.column_stack([rng.exponential(size=50), np.zeros(50)])
    gate = EnergyGate.fitted(
        energies, np.array([2, 2]), np.arange(50) % 2, np.array([0.0, 0.3]), rng
    )
    assert np.isfinite(gate.slopes).all()
    assert np.isfinite(gate.offsets).all()
    one = EnergyGate.fitted(energies[:, :1], np.array([2]), np.zeros(50, int), np.array([0.3]), rng)
    np.testing.assert_array_equal(one.route(energies[:, :1], 0), 0)


def test_the_units_of_energy_do_not_matter():
    groups, clean, _ = drawn(2000, 0.0, np.random.default_rng(0))
    plain, scaled = (
        EnergyGate.fitted(c * clean, SIZES, groups, np.array([c * 0.5]), np.random.default_rng(1))
        for c in (1.0, 2.0**20)
    )
    np.testing.assert_array_equal(scaled.offsets, plain.offsets)
    np.testing.assert_array_equal(2.0**20 * scaled.slopes, plain.slopes)


def test_a_gate_is_fitted_on_some_of_very_many_samples():
    rng = np.random.default_rng(0)
    groups, clean, _ = drawn(MAX_FITTED_SAMPLES + 5000, 0.0, rng)
    order = np.argsort(groups)  # were the first ones taken, the last group would be unknown
    gate = EnergyGate.fitted(clean[order], SIZES, groups[order], np.array([0.3]), rng)
    groups, _, noisy = drawn(50_000, 0.3, rng)
    wrong = (gate.route(noisy, 0) != groups).mean()
    bayes = mt.routing_matrix(mt.Hard(), model(0.3)).misrouting
    assert abs(wrong - bayes) < 6 * np.sqrt(bayes / 50_000)
