"""Louder test noise: the threshold by noise gains in plain numbers, and conditions that fail."""

import math

import numpy as np
import pytest

from moetheory.paper import rows, theorem_4_3


@pytest.fixture(scope="module")
def computed():
    return rows["theorem-4-3"].compute(1)


def test_all_facts_hold(computed):
    assert [fact.holds for fact in computed.facts] == [True] * 3


def crossover(p, strength):
    """Where both risks, straight lines over the test noise, meet; noise 1, b = 1, one direction."""
    dense, expert = p * strength / (p * strength + 1.0), strength / (strength + 1.0)
    missed = p * strength * ((1.0 - dense) ** 2 - (1.0 - expert) ** 2)
    gain = p * expert**2 - dense**2
    return missed / gain if gain > 0.0 else math.inf


def test_the_map_is_that_of_straight_lines(computed):
    expected = [
        [crossover(1.0 / k, strength) for strength in theorem_4_3.STRENGTHS]
        for k in theorem_4_3.GROUPS
    ]
    assert np.isfinite(expected).any()
    assert np.isinf(expected).any()
    assert np.allclose(computed.drawn, expected, rtol=1e-10)


def test_the_counterexample_is_that_of_straight_lines(computed):
    numbers = computed.facts[0].numbers
    assert math.isclose(numbers["crossover"], crossover(1 / 64, 5.0), rel_tol=1e-10)
    assert numbers["dense"] < numbers["moe"]


def test_a_strong_direction_is_no_counterexample(monkeypatch):
    monkeypatch.setattr(theorem_4_3, "STRONG", 8.5)
    assert not rows["theorem-4-3"].compute(1).facts[0].holds


def test_the_condition_of_the_paper_is_not_enough_for_rarer_groups(monkeypatch):
    monkeypatch.setattr(theorem_4_3, "PAPER", 5.0)  # enough for p >= 1/25 with a λ of 5 σ²
    assert rows["theorem-4-3"].compute(1).facts[2].holds
    monkeypatch.setattr(theorem_4_3, "CLOSE", -0.1)
    assert not rows["theorem-4-3"].compute(1).facts[2].holds
