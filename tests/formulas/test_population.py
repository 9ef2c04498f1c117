"""Population formulas: broadcasting, limits and extreme ratios."""

import numpy as np
import pytest

from moetheory.formulas import population

P = np.array([0.3, 0.7])
BLOCK_OF = np.array([0, 0, 1])
SIGNAL = np.array([2.0, 0.5, 1.0])
LEAKAGE = np.array([0.1, 0.0, 0.3])
B = np.array([1.0, -2.0, 0.5])
CONTRIBUTIONS = [population.dense_contributions, population.expert_contributions]


@pytest.mark.parametrize("contributions", CONTRIBUTIONS)
def test_a_grid_of_noise_levels_is_one_call(contributions):
    noise = np.logspace(-12, 12, 50)
    together = population.excess(
        contributions, P, BLOCK_OF, SIGNAL, LEAKAGE, B, noise[:, np.newaxis], 0.2
    )
    one_by_one = [
        float(population.excess(contributions, P, BLOCK_OF, SIGNAL, LEAKAGE, B, n, 0.2))
        for n in noise
    ]
    np.testing.assert_allclose(together, one_by_one, rtol=1e-14)


def test_every_argument_broadcasts():
    signal = SIGNAL * np.array([1.0, 2.0]).reshape(2, 1, 1)
    coefficients = B * np.arange(1.0, 4.0).reshape(3, 1)
    got = population.gap(P, BLOCK_OF, signal, LEAKAGE, coefficients, 0.4)
    assert got.shape == (2, 3)
    alone = population.gap(P, BLOCK_OF, signal[1, 0], LEAKAGE, coefficients[2], 0.4)
    assert got[1, 2] == pytest.approx(float(alone), rel=1e-14)


@pytest.mark.parametrize("contributions", CONTRIBUTIONS)
@pytest.mark.parametrize("leakage", [0.0, LEAKAGE])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_groups_average_to_the_total(contributions, leakage, ridge):
    arrays = (P, BLOCK_OF, SIGNAL, leakage, B, 0.4, ridge)
    both, by_group = population.excess_with_groups(contributions, *arrays)
    total = float(population.excess(contributions, *arrays))
    assert float(both) == pytest.approx(total, rel=1e-14)
    assert float(P @ by_group) == pytest.approx(total, rel=1e-14)


def test_the_contributions_are_the_textbook_terms():
    """Without ridge: b²hσ²/(h+σ²) for dense, b²λσ²/(λ+σ²) on the block for experts."""
    p, q = P[BLOCK_OF], 1 - P[BLOCK_OF]
    h = p * SIGNAL + q * LEAKAGE
    active, inactive = population.dense_contributions(p, SIGNAL, LEAKAGE, B, 0.4)
    np.testing.assert_allclose(p * active + q * inactive, B**2 * h * 0.4 / (h + 0.4), rtol=1e-14)
    active, inactive = population.expert_contributions(p, SIGNAL, LEAKAGE, B, 0.4)
    np.testing.assert_allclose(active, B**2 * SIGNAL * 0.4 / (SIGNAL + 0.4), rtol=1e-14)
    np.testing.assert_allclose(inactive, B**2 * LEAKAGE, rtol=1e-14)


@pytest.mark.parametrize("contributions", CONTRIBUTIONS)
def test_the_optimum_is_a_minimum(contributions):
    """Any ridge, which moves the coefficients away from the optimum, costs."""
    arrays = (P, BLOCK_OF, SIGNAL, LEAKAGE, B, 0.4)
    ridges = np.array([[0.0], [1e-3], [0.1], [1.0], [1e6]])
    risks = population.excess(contributions, *arrays, ridges)
    assert np.all(np.diff(risks) > 0)


def test_nothing_to_see_shrinks_to_zero():
    variance, penalty = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 2.0])
    assert population.shrinkage_denominator(variance, penalty).tolist() == [1.0, 1.0, 2.0]
    assert population.lost_numerator(variance, penalty).tolist() == [1.0, 0.0, 2.0]
    assert population.dense_coefficients(0.0, 3.0, 0.0, 2.0, 0.0) == 0.0
    assert population.expert_coefficients(0.0, 2.0, 0.0) == 0.0


def test_iso_parameter_laws_and_bound():
    experts = np.array([1, 2, 4, 8])
    moe = population.iso_parameter_moe(8, experts, 4.0, 3.0, 0.5)
    np.testing.assert_allclose(moe, 3.0 * 4.0 / (4.0 * experts + 4.0))
    np.testing.assert_allclose(
        population.one_over_k_bound(8, experts, 4.0, 3.0, 0.5), 3.0 / experts
    )
    assert population.iso_parameter_dense(8, 4.0, 3.0, 0.5) == moe[0]
