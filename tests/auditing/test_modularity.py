"""Shares of energy and the leakage that they stand for, on numbers that can be counted by hand."""

import itertools
import math
import re

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

import moetheory as mt
from moetheory.auditing.blocks import blocks_of, coactivation
from moetheory.auditing.modularity import (
    MOST_ROWS,
    Chance,
    chance_share,
    equivalent_leakage,
    group_share,
    how_modular,
    loudest_blocks,
)
from moetheory.auditing.structure import blocks_of_groups

ENERGIES = np.array([[8.0, 1.0, 1.0], [4.0, 0.0, 2.0], [1.0, 6.0, 3.0], [2.0, 0.0, 12.0]])
GROUPS = np.array([0, 0, 1, 2])


def test_shares():
    assert group_share(ENERGIES, GROUPS) == (8 + 4 + 6 + 12) / 40


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


BLOCKS = np.arange(12) // 4


def strict(rng, samples=3000):
    groups = rng.integers(3, size=samples)
    on = groups[:, np.newaxis] == BLOCKS
    return rng.standard_normal((samples, 12)) * np.where(on, math.sqrt(3.0), 0.0), groups


def energies_of(features, blocks):
    each = range(int(blocks.max()) + 1)
    return np.stack([np.square(features[:, blocks == g]).sum(axis=1) for g in each], axis=1)


def share_of_independent_ids(energies, groups):
    """Each block has its mean energy in every group."""
    means = energies.mean(axis=0)
    return means[groups].mean() / means.sum()


def three_blocks(features):
    return blocks_of(coactivation([features], features.shape[1]), 3)


def test_chance_of_groups_found_by_energy():
    """Against fresh draws of features with these marginal laws, independent from the start."""
    rng = np.random.default_rng(0)
    features, groups = strict(rng)
    chance = chance_share(features, BLOCKS, groups, loudest_blocks, rng=rng)
    shares = []
    for _ in range(200):
        fresh = (
            rng.standard_normal((MOST_ROWS, 12))
            * math.sqrt(3.0)
            * (rng.random((MOST_ROWS, 12)) < 1 / 3)
        )
        energies = energies_of(fresh, BLOCKS)
        shares.append(
            energies[np.arange(MOST_ROWS), (energies / energies.mean(axis=0)).argmax(axis=1)].sum()
            / energies.sum()
        )
    assert abs(chance.share - np.mean(shares)) < 5.0 * np.std(shares)
    assert 0.3 * np.std(shares) < chance.spread < 3.0 * np.std(shares)
    assert chance.how == "features shuffled, groups found again"


def test_chance_of_ids_that_features_do_not_tell():
    """Given blocks and ids: each block has its mean energy in all groups."""
    rng = np.random.default_rng(1)
    features, groups = (
        rng.standard_normal((1500, 12)) * np.arange(1, 13),
        rng.choice(3, 1500, p=[0.2, 0.3, 0.5]),
    )
    chance = chance_share(features, BLOCKS, groups, None, draws=20, rng=rng)
    wanted = share_of_independent_ids(energies_of(features, BLOCKS), groups)
    assert abs(chance.share - wanted) < 5.0 * chance.spread / math.sqrt(20)
    assert chance.how == "group ids shuffled"


def test_more_rows_than_are_shuffled_change_little():
    rng = np.random.default_rng(2)
    features, groups = strict(rng, 3 * MOST_ROWS)
    seen = []
    chance_share(
        features,
        BLOCKS,
        groups,
        lambda x, blocks: seen.append(x) or np.zeros(len(x), dtype=int),
        draws=2,
        rng=rng,
    )
    assert [len(x) for x in seen] == [MOST_ROWS] * 2
    # every feature keeps its values, and no sample its features
    rows = {tuple(row) for row in features.round(12)}
    assert not rows & {tuple(row) for row in seen[0].round(12) if np.any(row)}
    assert all(np.isin(seen[0][:, m], features[:, m]).all() for m in range(12))


def test_groups_are_found_again_by_the_blocks_that_are_found_again():
    rng = np.random.default_rng(7)
    features, groups = strict(rng, 500)
    other, seen = np.arange(12) % 3, []

    def regroup(x, blocks):
        seen.append((x, blocks))
        return loudest_blocks(x, blocks)

    def find(x):
        seen.append(x)
        return other

    chance = chance_share(features, BLOCKS, groups, regroup, find_blocks=find, draws=2, rng=rng)
    assert chance.how == "features shuffled, blocks and groups found again"
    shares = []
    for found, (x, blocks) in zip(seen[::2], seen[1::2], strict=True):
        assert found is x
        assert blocks is other
        shares.append(group_share(energies_of(x, other), loudest_blocks(x, other)))
    assert chance.share == pytest.approx(np.mean(shares), rel=1e-12)


def test_clusters_of_heavy_tails_are_not_modular():
    """K-means takes the outliers of each feature for a cluster: half of the energy is in it."""
    rng = np.random.default_rng(3)
    blocks = np.arange(8)
    for _ in range(5):
        features = rng.lognormal(size=(1500, 8))
        features = (features - features.mean(axis=0)) / features.std(axis=0)
        groups = kmeans2(features, 8, minit="++", rng=rng)[1].astype(np.int64)
        energies = np.square(features)
        energies = energies[:, blocks_of_groups(energies, groups, 8)]
        share = group_share(energies, groups)
        naive = Chance(share_of_independent_ids(energies, groups), 0.0, "ids are independent")
        assert how_modular(share, naive) != "not modular"
        chance = chance_share(
            features, blocks, groups, None, find_blocks=lambda x: np.arange(8), rng=rng
        )
        told = r"features shuffled, groups told by a rule, nearest centre, that gives your group "
        assert re.fullmatch(rf"{told}for \d+ % of the samples", chance.how)
        assert how_modular(share, chance) == "not modular"


@pytest.mark.parametrize("find", [None, three_blocks], ids=["blocks given", "blocks found"])
@pytest.mark.parametrize("regroup", [None, loudest_blocks], ids=["ids", "by energy"])
def test_planted_blocks_are_modular(find, regroup):
    rng = np.random.default_rng(4)
    model = mt.BlockModel.isotropic(24, 3, 0.0, signal_energy=24.0).replace(leakage_variances=0.05)
    drawn = model.sample(3000, rng)
    features = drawn.features / np.sqrt(np.square(drawn.features).mean(axis=0))
    blocks = model.block_of if find is None else find(features)
    groups = drawn.groups if regroup is None else regroup(features, blocks)
    energies = energies_of(features, blocks)
    energies = energies[:, blocks_of_groups(energies, groups, 3)]
    chance = chance_share(features, blocks, groups, regroup, find_blocks=find, rng=rng)
    assert how_modular(group_share(energies, groups), chance) == "modular"


def test_one_block_is_not_modular():
    rng = np.random.default_rng(5)
    one = np.zeros(12, dtype=int)
    features = rng.standard_normal((100, 12))
    chance = chance_share(features, one, np.zeros(100, dtype=int), loudest_blocks, rng=rng)
    assert how_modular(1.0, chance) == "not modular"


@pytest.mark.parametrize(
    ("share", "spread", "word"),
    [
        (0.61, 0.02, "modular"),
        (0.59, 0.02, "weakly modular"),
        (0.27, 0.01, "not modular"),
        (0.3, 0.02, "weakly modular"),
        (0.61, 0.11, "not modular"),
        (0.1, 0.0, "not modular"),
    ],
)
def test_words_say_how_far_from_chance(share, spread, word):
    assert how_modular(share, Chance(0.2, spread, "by hand")) == word


def test_each_group_gets_the_block_that_is_loud_in_it():
    rng = np.random.default_rng(6)
    energies = rng.exponential(size=(60, 4)) * [1.0, 10.0, 0.1, 3.0]
    groups = rng.integers(4, size=60)
    relative = energies / energies.mean(axis=0)
    means = np.array([relative[groups == g].mean(axis=0) for g in range(4)])
    best = max(itertools.permutations(range(4)), key=lambda p: means[range(4), list(p)].sum())
    assert blocks_of_groups(energies, groups, 4).tolist() == list(best)
