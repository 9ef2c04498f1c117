"""The 1/K law: sums over eigenvalues in plain numbers, and worlds in which it fails."""

from types import SimpleNamespace

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


def test_the_quantiles_are_those_of_drawn_ratios(facts):
    """The fitted mixture is a mean over experts of independent ratios of chi-squares."""
    numbers, rng, sets = facts[2].numbers, np.random.default_rng(0), 200_000
    for experts in (4, 16):
        size, n = one_over_k.DIM // experts, one_over_k.SAMPLES // experts
        ratios = rng.chisquare(size, (sets, experts)) / rng.chisquare(n - size + 1, (sets, experts))
        risks = numbers["best"][experts] * (1.0 + ratios.mean(axis=1))
        share = np.mean(risks < numbers["quantiles"][experts])
        assert abs(share - 0.95) < 5.5 * np.sqrt(0.95 * 0.05 / sets)
        assert np.mean(risks < numbers["bounds"][experts]) > 0.95


def test_half_a_bound_is_none(monkeypatch):
    plain = one_over_k.high_probability_bound

    def half(*arguments):
        return SimpleNamespace(excess=0.5 * plain(*arguments).excess)

    monkeypatch.setattr(one_over_k, "high_probability_bound", half)
    assert not rows["one-over-k"].compute(1).facts[2].holds


def test_a_signal_that_does_not_grow_with_k_follows_no_law(monkeypatch):
    def shrinking(experts):
        energy = one_over_k.DIM / experts
        return BlockModel.isotropic(one_over_k.DIM, experts, 1.0, signal_energy=energy)

    monkeypatch.setattr(one_over_k, "_world", shrinking)
    held = [fact.holds for fact in rows["one-over-k"].compute(1).facts]
    assert held[:2] == [False, False]
    assert np.any(held)  # the last fact is about another world
