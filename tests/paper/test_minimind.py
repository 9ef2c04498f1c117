"""A shared expert: the joint fit by normal equations, and the crossover by a cubic."""

import numpy as np
import pytest

from moetheory.paper import minimind, rows
from moetheory.problem.estimators import MoE


@pytest.fixture(scope="module")
def facts():
    return rows["minimind"].compute(1).facts


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 4


def joint_fit(model):
    """Excess risk of regression on all coordinates, and on those of the active block once more."""
    p = model.group_probabilities[model.block_of]
    active = p * (model.signal_variances + model.noise_variance)
    clean = p * model.signal_variances + (1.0 - p) * model.leakage_variances
    total, gated = np.diag(clean + model.noise_variance), np.diag(active)
    moments = np.block([[total, gated], [gated, gated]])
    b = model.coefficients
    with_label = np.concatenate([b * clean, b * p * model.signal_variances])
    return clean @ b**2 - with_label @ np.linalg.solve(moments, with_label)


def test_the_shared_expert_is_fitted_jointly(facts):
    expected = [joint_fit(minimind._world(leakage)) for leakage in minimind.LEAKAGES]
    assert np.allclose(facts[0].numbers["shared"], expected, rtol=1e-10, atol=0.0)


def test_the_crossover_solves_its_cubic(facts):
    """p (1-a)² = a² (h+1)(λ+1), h = λ (p + (1-p) a), leakage a λ, noise 1."""
    p, strength = 1.0 / minimind.EXPERTS, minimind.ENERGY * minimind.EXPERTS / minimind.DIM
    a = np.polynomial.Polynomial([0.0, 1.0])
    cubic = p * (1.0 - a) ** 2 - a**2 * (strength * (p + (1.0 - p) * a) + 1.0) * (strength + 1.0)
    (root,) = [float(each.real) for each in cubic.roots() if each.imag == 0.0 and each.real > 0.0]
    assert facts[2].numbers["crossover"] == pytest.approx(root * strength, rel=1e-9)


def test_without_the_shared_expert_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(minimind, "SHARED", MoE())
    monkeypatch.setattr(minimind, "LEAKY", 0)
    assert [fact.holds for fact in rows["minimind"].compute(1).facts] == [False] * 4
