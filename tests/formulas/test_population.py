"""Population formulas: broadcasting, limits, extreme ratios, and 120 digits."""

import numpy as np
import pytest
from mpmath import mp

from moetheory.formulas import population, shrinkage

P = np.array([0.3, 0.7])
BLOCK_OF = np.array([0, 0, 1])
SIGNAL = np.array([2.0, 0.5, 1.0])
LEAKAGE = np.array([0.1, 0.0, 0.3])
B = np.array([1.0, -2.0, 0.5])
NOISE = np.array([0.01, 100.0, 0.4])
INTERFERENCE = np.array([0.7, 0.0, 3.0])
CONTRIBUTIONS = [population.dense_contributions, population.expert_contributions]
ALL = [*CONTRIBUTIONS, population.full_expert_contributions]
NOISES = {"one": (0.4, 0.0), "several": (NOISE, 0.0), "interference": (NOISE, INTERFERENCE)}


@pytest.fixture(params=NOISES)
def noises(request):
    """The noise variances while blocks are active, and the interference."""
    return NOISES[request.param]


@pytest.mark.parametrize("contributions", ALL)
def test_a_grid_of_noise_levels_is_one_call(contributions, noises):
    levels, (noise, interference) = np.logspace(-12, 12, 50), noises
    arrays = (P, BLOCK_OF, SIGNAL, LEAKAGE, B)
    together = population.excess(
        contributions, *arrays, levels[:, np.newaxis] * noise, interference, 0.2
    )
    one_by_one = [
        float(population.excess(contributions, *arrays, level * noise, interference, 0.2))
        for level in levels
    ]
    np.testing.assert_allclose(together, one_by_one, rtol=1e-14)


@pytest.mark.parametrize("formula", [population.gap, population.full_expert_gap])
def test_every_argument_broadcasts(formula, noises):
    signal = SIGNAL * np.array([1.0, 2.0]).reshape(2, 1, 1)
    coefficients = B * np.arange(1.0, 4.0).reshape(3, 1)
    got = formula(P, BLOCK_OF, signal, LEAKAGE, coefficients, *noises)
    assert got.shape == (2, 3)
    alone = formula(P, BLOCK_OF, signal[1, 0], LEAKAGE, coefficients[2], *noises)
    assert got[1, 2] == pytest.approx(float(alone), rel=1e-14)


@pytest.mark.parametrize("contributions", ALL)
@pytest.mark.parametrize("leakage", [0.0, LEAKAGE])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_groups_average_to_the_total(contributions, leakage, noises, ridge):
    arrays = (P, BLOCK_OF, SIGNAL, leakage, B, *noises, ridge)
    both, by_group = population.excess_with_groups(contributions, *arrays)
    total = float(population.excess(contributions, *arrays))
    assert float(both) == pytest.approx(total, rel=1e-14)
    assert float(P @ by_group) == pytest.approx(total, rel=1e-14)


def test_the_contributions_are_the_textbook_terms(noises):
    """Without ridge, parallel sums x:y = xy/(x+y): b²(h:n̄), b²(λ:n), b²(ν:(n+κ))."""
    p, q, (noise, interference) = P[BLOCK_OF], 1 - P[BLOCK_OF], noises
    h, mean, idle = p * SIGNAL + q * LEAKAGE, noise + q * interference, noise + interference
    arguments = p, SIGNAL, LEAKAGE, B, noise, interference, 0.0
    active, inactive = population.dense_contributions(*arguments)
    fit = B * h / (h + mean)
    np.testing.assert_allclose(p * active + q * inactive, B**2 * h * mean / (h + mean), rtol=1e-14)
    np.testing.assert_allclose(active, SIGNAL * (B - fit) ** 2 + noise * fit**2, rtol=1e-12)
    np.testing.assert_allclose(inactive, LEAKAGE * (B - fit) ** 2 + idle * fit**2, rtol=1e-12)
    own = B**2 * SIGNAL * noise / (SIGNAL + noise)
    active, inactive = population.expert_contributions(*arguments)
    np.testing.assert_allclose(active, own, rtol=1e-14)
    np.testing.assert_allclose(inactive, B**2 * LEAKAGE, rtol=1e-14)
    active, inactive = population.full_expert_contributions(*arguments)
    np.testing.assert_allclose(active, own, rtol=1e-14)
    np.testing.assert_allclose(inactive, B**2 * LEAKAGE * idle / (LEAKAGE + idle), rtol=1e-14)


@pytest.mark.parametrize("contributions", ALL)
def test_the_optimum_is_a_minimum(contributions, noises):
    """Any ridge, which moves the coefficients away from the optimum, costs."""
    arrays = (P, BLOCK_OF, SIGNAL, LEAKAGE, B, *noises)
    ridges = np.array([[0.0], [1e-3], [0.1], [1.0], [1e6]])
    risks = population.excess(contributions, *arrays, ridges)
    assert np.all(np.diff(risks) > 0)


def exact_gaps(p, signal, leakage, b, noise, interference):
    """The gap and the gap to full experts of one direction, by subtracting risks to 120 digits."""
    with mp.workdps(120):
        p, signal, leakage, b, noise, interference = (
            mp.mpf(x) for x in (p, signal, leakage, b, noise, interference)
        )

        def parallel(x, y):
            return x * y / (x + y) if x + y else mp.mpf(0)

        q = 1 - p
        dense = parallel(p * signal + q * leakage, noise + q * interference)
        own = p * parallel(signal, noise)
        gap = b**2 * (dense - own - q * leakage)
        return float(gap), float(b**2 * (dense - own - q * parallel(leakage, noise + interference)))


@pytest.mark.parametrize("leakage", [0.0, 1e-20, 0.3, 2.0])
@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-4, 1.0, 1e12])
@pytest.mark.parametrize("interference", [0.0, 1e-18, 1e-6, 0.7, 1e12])
def test_gaps_have_the_digits_of_120(leakage, noise, interference):
    """Of one direction: where the gap is a difference, its two parts keep their digits."""
    one = np.array([0.25, 0.75]), np.array([0, 1])
    arrays = [np.array([x, 0.0]) for x in (2.0, leakage, -3.0, noise, interference)]
    gap, full = exact_gaps(0.25, 2.0, leakage, -3.0, noise, interference)
    found = float(population.full_expert_gap(*one, *arrays))
    assert found == pytest.approx(full, rel=1e-12, abs=0.0)
    assert full >= 0.0
    unseen = full - gap
    assert float(population.gap(*one, *arrays)) == pytest.approx(gap, rel=1e-12, abs=1e-12 * unseen)


def test_the_full_expert_gap_vanishes_where_the_ratio_of_signal_to_noise_is_one():
    """λ/n = ν/(n+κ) = 2 in the middle: nothing to filter; less leakage or more is something."""
    for leakage in (1.2, 1.5, 1.8):
        found = float(population.full_expert_gap(P, BLOCK_OF, 1.0, leakage, B, 0.5, 0.25))
        assert found == 0.0 if leakage == 1.5 else found > 1e-3


def test_the_bound_is_the_noise_that_true_coefficients_pass():
    p, q = P[BLOCK_OF], 1 - P[BLOCK_OF]
    found = population.moe_bound(P, BLOCK_OF, LEAKAGE, B, NOISE)
    assert float(found) == pytest.approx(B**2 @ (p * NOISE + q * LEAKAGE), rel=1e-14)


def test_nothing_to_see_shrinks_to_zero():
    variance, penalty = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 2.0])
    assert shrinkage.shrinkage_denominator(variance, penalty).tolist() == [1.0, 1.0, 2.0]
    assert shrinkage.lost_numerator(variance, penalty).tolist() == [1.0, 0.0, 2.0]
    assert population.dense_coefficients(0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0) == 0.0
    assert population.expert_coefficients(0.0, 2.0, 0.0) == 0.0
    # interference alone: what is never active is not believed, what always is, is
    assert population.dense_coefficients(0.0, 3.0, 0.0, 2.0, 0.0, 1.0, 0.0) == 0.0
    assert population.dense_coefficients(1.0, 3.0, 0.0, 2.0, 0.0, 1.0, 0.0) == 2.0


def test_the_mean_noise_of_quiet_blocks_is_their_noise_itself():
    assert shrinkage.mean_noise(P[BLOCK_OF], NOISE, 0.0) is NOISE
    found = shrinkage.mean_noise(P[BLOCK_OF], NOISE, INTERFERENCE)
    np.testing.assert_allclose(found, NOISE + np.array([0.49, 0.0, 0.9]), rtol=1e-14)


def test_iso_parameter_laws_and_bound():
    experts = np.array([1, 2, 4, 8])
    moe = population.iso_parameter_moe(8, experts, 4.0, 3.0, 0.5)
    np.testing.assert_allclose(moe, 3.0 * 4.0 / (4.0 * experts + 4.0))
    np.testing.assert_allclose(
        population.one_over_k_bound(8, experts, 4.0, 3.0, 0.5), 3.0 / experts
    )
    assert population.iso_parameter_dense(8, 4.0, 3.0, 0.5) == moe[0]
