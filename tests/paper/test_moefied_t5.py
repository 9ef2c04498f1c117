"""Many experts of which some are active: what is lost without the others, from energies alone."""

import math

import numpy as np
import pytest

from moetheory.paper import moefied_t5, rows
from moetheory.problem.gates import TopK


@pytest.fixture(scope="module")
def facts():
    return rows["moefied-t5"].compute(1).facts


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 3


def lost_by_top(active, inputs=30_000):
    """What the k most probable experts lose beside all of them, for each input."""
    rng = np.random.default_rng(2)
    groups, noise, signal = moefied_t5.EXPERTS, 1.0, moefied_t5.ENERGY / moefied_t5.BLOCK
    energies = rng.chisquare(moefied_t5.BLOCK, (inputs, groups))
    energies[:, 0] *= signal + noise
    logs = 0.5 * energies * (1.0 / noise - 1.0 / (signal + noise))
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    least = np.partition(weights, groups - active, axis=1)[:, groups - active]
    kept = weights * (weights >= least[:, np.newaxis])
    used = kept / kept.sum(axis=1, keepdims=True)
    # a label of power 1: squared coefficients are 1 over the signal energy
    squares = energies * (signal / (signal + noise)) ** 2 / moefied_t5.ENERGY
    return np.sum((used - weights) ** 2 * squares, axis=1)


@pytest.mark.parametrize("active", [1, 20])
def test_what_is_lost_follows_from_energies(facts, active):
    at = moefied_t5.ACTIVE.index(active)
    mean, sem = (facts[2].numbers[name][at] for name in ("above", "sem"))
    lost = lost_by_top(active)
    spread = math.hypot(sem, np.std(lost) / math.sqrt(len(lost)))
    assert spread < 0.02 * mean  # an error of 15 % is seen
    assert abs(np.mean(lost) - mean) < 5.0 * spread


def test_one_active_expert_is_not_many(monkeypatch):
    monkeypatch.setattr(moefied_t5, "TopK", lambda k: TopK(1))
    monkeypatch.setattr(moefied_t5, "INPUTS", 10_000)
    assert [fact.holds for fact in rows["moefied-t5"].compute(1).facts] == [False] * 3
