"""Shares of energy and the leakage that they stand for, on numbers that can be counted by hand."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.features import Features
from moetheory.auditing.modularity import (
    equivalent_leakage,
    group_share,
    share_by_chance,
    share_when_shuffled,
)

ENERGIES = np.array([[8.0, 1.0, 1.0], [4.0, 0.0, 2.0], [1.0, 6.0, 3.0], [2.0, 0.0, 12.0]])
GROUPS = np.array([0, 0, 1, 2])


def test_shares():
    assert group_share(ENERGIES, GROUPS) == (8 + 4 + 6 + 12) / 40
    # half of the samples has the first block's 15/40 of all, a quarter the second's, …
    assert share_by_chance(ENERGIES, GROUPS) == pytest.approx((2 * 15 + 7 + 18) / 160, rel=1e-14)


def test_leakage_is_off_over_on():
    on = 12 / 2 + 6 + 12
    off = 3 / 2 + 1 / 3 + 6 / 3
    assert equivalent_leakage(ENERGIES, GROUPS) == pytest.approx(math.sqrt(off / on), rel=1e-14)
    assert equivalent_leakage(ENERGIES[:, :1], np.zeros(4, dtype=int)) == 0.0
    assert equivalent_leakage(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])) == math.inf


def test_the_amplitude_of_a_model_comes_back():
    model = mt.BlockModel.power_law(12, 3, 0.0, decay=1.0, signal_energy=12.0)
    model = model.replace(leakage_variances=0.3**2 * model.signal_variances)
    drawn = model.sample(100_000, rng=0)
    energies = np.stack(
        [np.square(drawn.features[:, model.block_of == g]).sum(axis=1) for g in range(3)], axis=1
    )
    # a sample of energies has a spread of about its mean
    assert equivalent_leakage(energies, drawn.groups) == pytest.approx(0.3, abs=5 * 0.3 / 300)
    share = 1.0 / (1.0 + 2.0 * 0.3**2)
    assert group_share(energies, drawn.groups) == pytest.approx(share, abs=5 / 300)


def test_shuffled_features_are_together_no_more():
    rng = np.random.default_rng(0)
    block_of, groups = np.arange(12) // 4, rng.integers(3, size=3000)
    strict = rng.standard_normal((3000, 12)) * (groups[:, np.newaxis] == block_of)
    features = Features(strict, lambda rows: None)
    chance = share_when_shuffled(features, np.arange(3000), block_of, 2000, rng)
    # each feature alone is on in a third of the rows: loudest of three sums of four such numbers
    alone = strict[
        rng.permuted(np.tile(np.arange(3000), (12, 1)), axis=1), np.arange(12)[:, None]
    ].T
    sums = np.square(alone).reshape(3000, 3, 4).sum(axis=2)
    relative = sums / sums.mean(axis=0)
    wanted = sums[np.arange(3000), relative.argmax(axis=1)].sum() / sums.sum()
    assert chance == pytest.approx(wanted, abs=0.03)
    assert 0.5 < chance < 0.95
