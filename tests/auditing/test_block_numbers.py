"""The number of blocks: the true one in planted blocks, one where there are none."""

import math

import numpy as np
import pytest

from moetheory import BlockModel
from moetheory.auditing.block_numbers import best_number, blocks_show, correlation_inside
from moetheory.auditing.blocks import LARGEST_SIZE, block_counts, blocks_of, coactivation


def standardised(features):
    return (features - features.mean(axis=0)) / features.std(axis=0)


def number(features, limit=LARGEST_SIZE):
    cut = np.clip(standardised(features), -limit, limit)
    return int(blocks_of(coactivation([cut], cut.shape[1]), samples=len(cut)).max()) + 1


def planted(seed):
    """K from 2 to 16; noise up to three times the mean square of the features."""
    rng = np.random.default_rng(seed)
    experts, samples = int(rng.integers(2, 17)), int(rng.integers(2000, 8001))
    block_of = np.repeat(np.arange(experts), rng.integers(4, 17, experts))
    signals = rng.uniform(0.5, 1.5, len(block_of))
    model = BlockModel(
        np.ones(experts) / experts,
        block_of,
        signals,
        np.ones(len(signals)),
        rng.uniform(0.0, 3.0) / experts,
        leakage_variances=rng.uniform(0.0, 0.1) * signals,
    )
    return experts, model.sample(samples, rng).features


def test_the_number_of_blocks_is_within_one_of_the_truth():
    off = []
    for seed in range(40):
        experts, features = planted(seed)
        off.append(abs(number(features) - experts))
    assert np.sum(np.array(off) <= 1) >= 38
    assert np.sum(np.array(off) == 0) >= 36


def test_blocks_of_unlike_strength_are_not_merged():
    """The largest fall of the eigenvalues comes after the strong ones."""
    rng = np.random.default_rng(0)
    block_of = np.repeat(np.arange(6), [16, 16, 4, 4, 4, 4])
    active = rng.integers(6, size=4000)[:, np.newaxis] == block_of
    features = rng.standard_normal(active.shape) * np.sqrt(active + 0.15)
    assert number(features) == 6


def test_merging_adds_negative_and_splitting_loses_positive_correlations():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 6)
    active = rng.integers(4, size=4000)[:, np.newaxis] == truth
    correlations = coactivation([rng.standard_normal(active.shape) * (active + 0.3)], 24)
    sums = []
    for blocks in (truth, np.minimum(truth, 2), np.where(np.arange(24) > 20, 4, truth)):
        one_hot = blocks[:, np.newaxis] == np.arange(5)
        inside = np.trace(one_hot.T @ (correlations - np.eye(24)) @ one_hot)
        sums.append(correlation_inside(correlations, blocks))
        assert sums[-1] == pytest.approx(inside, rel=1e-12)
    assert sums[0] > max(sums[1:])


LAWS = {
    "Gaussian": lambda rng, shape: rng.standard_normal(shape),
    "rectified": lambda rng, shape: np.maximum(rng.standard_normal(shape) - 1.0, 0.0),
    "Student": lambda rng, shape: rng.standard_t(3, shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
}


@pytest.mark.parametrize("law", LAWS)
def test_independent_features_are_one_block(law):
    rng = np.random.default_rng(0)
    found = [
        number(LAWS[law](rng, (int(rng.integers(500, 4000)), int(rng.integers(8, 80)))))
        for _ in range(20)
    ]
    assert found == [1] * 20


def test_without_a_limit_heavy_tails_look_like_blocks():
    rng = np.random.default_rng(0)
    found = [number(rng.standard_t(3, (2000, 40)), limit=np.inf) for _ in range(10)]
    assert np.sum(np.array(found) > 1) >= 3


def test_features_that_go_together_everywhere_are_one_block():
    rng = np.random.default_rng(0)
    size = rng.choice([1.0, 2.0], (4000, 1))
    assert number(rng.standard_normal((4000, 60)) * size) == 1
    factors = rng.standard_normal((4000, 8)) @ rng.standard_normal((8, 200))
    assert number(factors + rng.standard_normal((4000, 200))) == 1
    # blocks are found behind a size
    active = rng.integers(5, size=4000)[:, np.newaxis] == np.arange(60) // 12
    assert number(rng.standard_normal((4000, 60)) * np.where(active, 1.0, 0.3) * size) == 5


def test_the_best_of_given_numbers():
    experts, features = planted(3)
    correlations = coactivation([features], features.shape[1])
    for counts, best in (([experts, 2, 30], experts), ([2, experts + 1, 40], experts + 1)):
        assert best_number(correlations, block_counts(correlations, counts)) == best
    assert best_number(np.eye(6), block_counts(np.eye(6), [3, 2])) == 3  # no sum is larger


def test_independent_features_are_beyond_the_edge_of_noise_once_in_a_thousand():
    rng = np.random.default_rng(0)
    beyond = [blocks_show(np.corrcoef(rng.standard_normal((60, 400))), 400) for _ in range(1000)]
    assert sum(beyond) <= 8  # a Poisson law with mean 1 exceeds it with probability 1e-6


def test_the_edge_is_that_of_tracy_and_widom():
    """Their law for real matrices has 3.27 as the 99.9 % point."""
    n, d = 400, 60
    centre = (math.sqrt(n - 1) + math.sqrt(d)) ** 2
    scale = (math.sqrt(n - 1) + math.sqrt(d)) * (1 / math.sqrt(n - 1) + 1 / math.sqrt(d)) ** (1 / 3)
    for point, shows in ((3.2, False), (3.4, True)):
        spiked = np.eye(d)
        spiked[:8, :8] += ((centre + point * scale) / n - 1.0) / 7.0 * (1.0 - np.eye(8))
        assert blocks_show(spiked, n) is shows
