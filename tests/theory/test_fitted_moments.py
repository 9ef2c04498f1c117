"""Moments of each fitted coefficient, against simulated fits and by kind of expert."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.theory import fitted_moments
from moetheory.theory.fitted_moments import ModelInLayout, dense_moments, experts_moments


def group(s=5, noise=0.3):
    return mt.BlockModel(
        [1.0], [0] * s, [1.2] * s, 0.5 + np.arange(s), noise, label_noise_variance=0.4
    )


@pytest.mark.parametrize("n", [3, 5, 6, 12])
@pytest.mark.parametrize("ridge", [0.05, 2.0])
def test_the_moments_of_an_isotropic_expert_are_those_of_simulated_fits(
    agrees, mean_and_sem, n, ridge
):
    """Averaged over labels and, as no law changes with them, over signs of coefficients."""
    model, rng, chunk = group(), np.random.default_rng(n), 100_000
    theta = model.coefficients * 1.2 / 1.5
    rho = 0.4 + model.coefficients @ theta * 0.3
    kept, squares = [], []
    for _ in range(5):
        x = np.sqrt(1.5) * rng.standard_normal((chunk, n, 5))
        inverse = np.linalg.solve(x.mT @ x + n * ridge * np.eye(5), x.mT)
        fit = inverse @ x
        kept.append(np.diagonal(fit, axis1=1, axis2=2))
        squares.append(np.square(fit) @ theta**2 + rho * np.square(inverse).sum(axis=2))
    found = experts_moments(np.array([n * ridge]), model, np.array([n]))
    assert found.integrated.tolist() == [True]
    mean, error, variance = found.moments[:3]
    np.testing.assert_allclose(mean + error, model.coefficients, rtol=1e-12)
    for values, expected in (
        (np.concatenate(kept), mean / theta),
        (np.concatenate(squares), mean**2 + variance),
    ):
        for m in (0, 4):
            assert agrees(*mean_and_sem(values[:, m]), expected[m])


def test_the_kinds_of_experts():
    """No samples, isotropic, anisotropic; with ridge and without."""
    model = mt.BlockModel(
        [0.2, 0.4, 0.4], [0, 0, 1, 1, 1, 2, 2, 2], [1, 2, 3, 3, 3, 1, 2, 3], [1.0] * 8, 0.5
    )
    counts = np.array([0, 2, 2])
    ridge = experts_moments(0.1 * counts, model, counts)
    assert ridge.exact.tolist() == [True, False, False]
    assert ridge.integrated.tolist() == [False, True, False]
    assert ridge.uncorrelated.tolist() == [True, False, False]
    none = experts_moments(0.0 * counts, model, np.array([0, 1, 1]))
    assert none.exact.tolist() == [True, True, False]
    assert not none.integrated.any()
    off = ridge.moments.error_variance
    assert np.all(off[:2] == 0.0)
    assert np.all((off[2:5] > 0.0) & (off[2:5] < 1e-10))
    assert np.all(off[5:] > 1e-4)


def test_equal_problems_are_integrated_once(monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return traces(*arguments)

    traces = fitted_moments.ridge_traces
    monkeypatch.setattr(fitted_moments, "ridge_traces", counted)
    model = mt.BlockModel.isotropic(48, 16, 1.0)
    for estimator in (mt.MoE(ridge=0.1), mt.Dense(ridge=0.1)):
        mt.risk(estimator, model, samples=16 * 5)
    assert calls == [(5, 3, pytest.approx(0.5 / (1.0 / 3.0 + 1.0)))]


def test_the_leading_moments_are_without_the_correction():
    model = mt.BlockModel([0.4, 0.6], [0, 0, 1, 1], [1, 2, 3, 4], [1.0] * 4, 0.5)
    counts = np.array([4, 6])
    arranged = ModelInLayout.of(model, coupled=True)
    found = dense_moments(0.2, arranged, counts, True, with_error=True)
    assert np.all(found.variance > found.leading_variance)
    assert np.all(found.leading_mean != found.mean)
    np.testing.assert_allclose(found.mean + found.coefficient_error, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.leading_mean + found.leading_error, 1.0, rtol=1e-12)


@pytest.mark.parametrize("n", [300, 598, 600, 601, 1200])
@pytest.mark.parametrize("ridge", [1e-5, 1e-2, 1.0])
def test_beyond_the_integral_a_large_block_is_asymptotic(n, ridge, monkeypatch):
    """600 coordinates: a smaller problem stands in the place of this one."""
    model = mt.BlockModel.isotropic(600, 1, 1.0, signal_energy=600.0)
    exact = mt.risk(mt.MoE(ridge=ridge), model, samples=n)
    monkeypatch.setattr(fitted_moments, "MOST_INTEGRATED", 100)
    found = mt.risk(mt.MoE(ridge=ridge), model, samples=n)
    assert [exact.exactness, found.exactness] == ["quadrature", "asymptotic"]
    off = abs(found.excess - exact.excess)
    assert off <= found.error
    if n in (300, 1200):  # far from the threshold next to nothing is missed
        assert off <= 0.01 * found.error
