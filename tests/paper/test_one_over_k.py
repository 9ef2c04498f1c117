"""The 1/K law: sums over eigenvalues in plain numbers, and worlds in which it fails."""

import numpy as np
import pytest

from moetheory import BlockModel
from moetheory.paper import one_over_k, rows


@pytest.fixture(scope="module")
def facts():
    return rows["one-over-k"].compute(1).facts


def test_the_risks_are_those_of_wiener_filters(facts):
    assert [fact.holds for fact in facts] == [True] * 4
    for experts, dense, moe in zip(
        one_over_k.EXPERTS, facts[0].numbers["dense"], facts[1].numbers["moe"], strict=True
    ):
        signal = float(experts)  # variance in the active block: energy d over d / K coordinates
        assert dense == pytest.approx(1.0 / (1.0 + signal / experts), rel=1e-12)
        assert moe == pytest.approx(1.0 / (1.0 + signal), rel=1e-12)


def test_a_signal_that_does_not_grow_with_k_follows_no_law(monkeypatch):
    def shrinking(experts):
        energy = one_over_k.DIM / experts
        return BlockModel.isotropic(one_over_k.DIM, experts, 1.0, signal_energy=energy)

    monkeypatch.setattr(one_over_k, "_world", shrinking)
    held = [fact.holds for fact in rows["one-over-k"].compute(1).facts]
    assert held[:2] == [False, False]
    assert np.any(held)  # the last fact is about another world
