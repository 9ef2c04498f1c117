"""Both risks: against full normal equations, and an order that leakage breaks."""

import numpy as np

from moetheory.claims.quantities import uneven_model
from moetheory.paper import rows, theorem_4_2


def excess(model, experts):
    """The excess risk by normal equations with full covariances: of dense, or of experts."""
    total = 0.0
    second = [
        np.diag(np.where(model.block_of == g, model.signal_variances, 0.0))
        for g in range(model.experts)
    ]
    noise, p = np.eye(model.dim) * model.noise_variance, model.group_probabilities
    b = model.coefficients
    mean = np.einsum("g,gij->ij", p, second)
    dense = np.linalg.solve(mean + noise, mean @ b)
    for g, own in enumerate(second):
        block = model.block_of == g
        w = dense
        if experts:
            w = np.zeros(model.dim)
            w[block] = np.linalg.solve((own + noise)[np.ix_(block, block)], (own @ b)[block])
        total += p[g] * ((b - w) @ own @ (b - w) + w @ noise @ w)
    return total


def test_the_gap_is_that_of_normal_equations():
    facts = rows["theorem-4-2"].compute(1).facts
    assert [fact.holds for fact in facts] == [True, True]
    model = uneven_model(1.0)
    at = [model.replace(noise_variance=noise) for noise in facts[0].numbers["noise"]]
    expected = [excess(each, False) - excess(each, True) for each in at]
    assert np.allclose(facts[0].numbers["gap"], expected, rtol=1e-10)


def test_leakage_breaks_the_order(monkeypatch):
    monkeypatch.setattr(
        theorem_4_2, "uneven_model", lambda noise: uneven_model(noise, leakage_variances=0.5)
    )
    assert not rows["theorem-4-2"].compute(1).facts[0].holds
