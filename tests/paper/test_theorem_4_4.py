"""Misrouting: the rates at which the order turns, by a sum over pairs with full covariances."""

import numpy as np
import pytest

from moetheory.claims.quantities import uneven_model
from moetheory.paper import rows, theorem_4_4


@pytest.fixture(scope="module")
def facts():
    return rows["theorem-4-4"].compute(1).facts


def risk(model, experts, rate, drag):
    """The excess risk where a share of the inputs, pulled by ``drag``, goes to wrong experts."""
    groups, b = range(model.experts), model.coefficients
    signal = [np.diag(np.where(model.block_of == g, model.signal_variances, 0.0)) for g in groups]
    noise, total = np.eye(model.dim) * model.noise_variance, 0.0
    mean = np.einsum("g,gij->ij", model.group_probabilities, signal)
    dense = np.linalg.solve(mean + noise, mean @ b)
    for i in groups:
        for j in groups:
            share = 1.0 - rate if i == j else rate / (model.experts - 1)
            pulled = noise + (0.0 if i == j else drag**2) * signal[j]
            w = np.linalg.solve(signal[j] + noise, signal[j] @ b) if experts else dense
            error = (b - w) @ signal[i] @ (b - w) + w @ pulled @ w
            total += model.group_probabilities[i] * share * error
    return total


@pytest.mark.parametrize("index", [0, 1])
def test_both_risks_are_equal_at_the_crossover(facts, index):
    assert [fact.holds for fact in facts] == [True, True]
    drag, rate = theorem_4_4.DRAGS[index], facts[0].numbers["crossover"][index]
    dense, moe = (risk(uneven_model(1.0), experts, rate, drag) for experts in (False, True))
    assert dense == pytest.approx(moe, rel=1e-10)


def test_the_loss_if_all_is_misrouted(facts):
    assert facts[1].numbers["moe"] == pytest.approx(
        risk(uneven_model(1.0), True, 1.0, 0.0), rel=1e-10
    )


def test_a_wrong_crossover_does_not_bear_it_out(monkeypatch):
    plain = theorem_4_4.crossover
    monkeypatch.setattr(theorem_4_4, "crossover", lambda *a, **k: 0.3 * plain(*a, **k))
    assert not rows["theorem-4-4"].compute(1).facts[0].holds


def test_a_world_in_which_drag_is_left_out_is_not_what_the_row_says(monkeypatch):
    monkeypatch.setattr(theorem_4_4, "DRAGS", (0.0, 0.0))
    assert not rows["theorem-4-4"].compute(1).facts[0].holds
