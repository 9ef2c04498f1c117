"""Blocks of features: planted ones, and the covariance of squares that gives them away."""

import math

import numpy as np
import pytest

from moetheory import BlockModel
from moetheory.auditing import spectral_blocks
from moetheory.auditing.blocks import block_counts, blocks_of, coactivation

P = [0.25, 0.35, 0.4]


def pieces(features, rows):
    """A generator: it can be read only once."""
    return (features[i : i + rows] for i in range(0, len(features), rows))


def coactive(features, rows=1000):
    return coactivation(pieces(features, rows), features.shape[1])


def named(labels):
    """The blocks, renumbered in the order of their first features."""
    numbers = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in labels]


def errors(found, truth):
    """Features in a block most of which belongs to another."""
    shares = np.zeros((max(truth) + 1, max(truth) + 1), dtype=int)
    np.add.at(shares, (found, truth), 1)
    return len(truth) - shares.max(axis=1).sum()


def planted(sizes, weights, *, decay=0.0, leakage=0.0, noise=0.0, seed=0):
    """Features in no order; leakage in parts of the signal, noise in its mean over features."""
    order = np.random.default_rng(seed).permutation(sum(sizes))
    ranks = np.concatenate([np.arange(1.0, size + 1.0) for size in sizes])
    variances = (ranks**-decay)[order]
    return BlockModel(
        np.array(weights) / np.sum(weights),
        np.repeat(np.arange(len(sizes)), sizes)[order],
        variances,
        np.ones(len(order)),
        noise * variances.mean(),
        leakage_variances=leakage * variances,
    )


def test_planted_blocks_of_256_features_are_recovered():
    model = planted([32] * 8, [1] * 8, leakage=0.1)
    correlations = coactive(model.sample(20_000, rng=1).features)
    assert blocks_of(correlations, 8).tolist() == named(model.block_of)
    assert blocks_of(correlations, samples=20_000).tolist() == named(model.block_of)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"leakage": 0.1},
        {"decay": 1.0, "leakage": 0.1},
        {"noise": 0.3},
        {"decay": 0.5, "leakage": 0.05, "noise": 0.1},
    ],
    ids=str,
)
def test_so_are_unequal_ones(changes):
    for seed, (sizes, weights) in enumerate([([30, 9, 20, 5], [4, 3, 2, 3]), ([40, 24], [1, 3])]):
        model = planted(sizes, weights, **changes, seed=seed)
        correlations = coactive(model.sample(8000, rng=seed).features)
        assert blocks_of(correlations, len(sizes)).tolist() == named(model.block_of)
        assert blocks_of(correlations, samples=8000).tolist() == named(model.block_of)


@pytest.mark.parametrize("sizes", [[2, 2], [3, 2, 3], [2] * 6], ids=str)
def test_and_the_smallest(sizes):
    model = planted(sizes, np.arange(3, 3 + len(sizes)), leakage=0.1)
    correlations = coactive(model.sample(4000, rng=0).features)
    assert blocks_of(correlations, samples=4000).tolist() == named(model.block_of)


def test_blocks_that_are_only_just_seen():
    """The largest eigenvalue of the correlations is not far above the edge of noise."""
    model = planted([32] * 2, [1] * 2, leakage=0.1, noise=2.0)
    correlations = coactive(model.sample(1000, rng=0).features)
    edge = (1.0 + math.sqrt(64 / 1000)) ** 2
    assert np.linalg.eigvalsh(correlations)[-1] < 1.6 * edge
    found = blocks_of(correlations, samples=1000)
    assert errors(found, named(model.block_of)) <= 4


def test_blocks_that_are_not_in_their_eigenbasis():
    rng = np.random.default_rng(2)
    model = planted([12, 20, 16], P, leakage=0.1, noise=0.2)
    features = model.sample(3000, rng=rng).features
    for g, size in enumerate(model.sizes):
        rotation = np.linalg.qr(rng.standard_normal((size, size)))[0]
        features[:, model.block_of == g] @= rotation
    assert blocks_of(coactive(features), samples=3000).tolist() == named(model.block_of)


def test_the_order_of_features_does_not_matter():
    model = planted([12, 20, 16], P, decay=1.0, noise=2.0)  # too noisy to be all right
    correlations = coactive(model.sample(1000, rng=0).features)
    order = np.random.default_rng(1).permutation(model.dim)
    found = blocks_of(correlations, 3)
    assert found.tolist() != named(model.block_of)
    assert blocks_of(correlations[np.ix_(order, order)], 3).tolist() == named(found[order])


@pytest.mark.parametrize("dim", [1, 2, 5, 40, 120])
def test_independent_features_are_one_block(dim):
    rng = np.random.default_rng(dim)
    for samples in (50, 400, 2000):
        features = rng.standard_normal((samples, dim)) * rng.exponential(size=dim)
        found = blocks_of(coactive(features), samples=samples)
        assert found.tolist() == [0] * dim


@pytest.mark.parametrize("dim", [4, 40])
def test_so_are_features_that_share_their_size(dim):
    rng = np.random.default_rng(0)
    sizes = rng.choice([1.0, 4.0], (2000, 1))
    correlations = coactive(rng.standard_normal((2000, dim)) * sizes)
    assert np.linalg.eigvalsh(correlations)[-1] > 1.3
    assert blocks_of(correlations, samples=2000).tolist() == [0] * dim


def test_several_numbers_of_blocks_at_once():
    model = planted([12, 20, 16], P, decay=1.0, noise=2.0)
    correlations = coactive(model.sample(1000, rng=0).features)
    found = block_counts(correlations, (number for number in (3, 1, 7, 48)))
    assert list(found) == [3, 1, 7, 48]
    for number, blocks in found.items():
        np.testing.assert_array_equal(blocks, blocks_of(correlations, number))


def test_they_share_one_eigendecomposition(monkeypatch):
    asked = []
    of = spectral_blocks.SpectralBlocks.of

    def counted(correlations, most):
        asked.append(most)
        return of(correlations, most)

    monkeypatch.setattr(spectral_blocks.SpectralBlocks, "of", counted)
    block_counts(np.eye(6), range(2, 6))
    assert asked == [5]


def test_features_themselves_tell_too_little():
    model = planted([32] * 4, [1] * 4, leakage=0.1, noise=0.5)
    features, truth = model.sample(5000, rng=0).features, named(model.block_of)
    assert errors(blocks_of(coactive(features), 4), truth) == 0
    assert errors(blocks_of(np.corrcoef(features.T), 4), truth) > 40


@pytest.mark.parametrize("kept", [lambda r: r, np.abs], ids=["as they are", "without their sign"])
def test_negative_correlations_must_be_clipped(monkeypatch, kept):
    model = planted([60, 40], [2, 3], leakage=0.1)
    correlations, truth = coactive(model.sample(5000, rng=0).features), named(model.block_of)
    assert errors(blocks_of(correlations, 2), truth) == 0

    def wrong(given):
        off = kept(given - np.diag(given.diagonal()))
        scale = np.abs(off).sum(axis=0) ** -0.5
        return off * np.multiply.outer(scale, scale), np.zeros(len(given), dtype=bool)

    monkeypatch.setattr(spectral_blocks, "affinities", wrong)
    assert errors(blocks_of(correlations, 2), truth) > 10


@pytest.mark.parametrize("rows", [1, 7, 300, 1000])
def test_correlations_are_those_of_numpy(rows):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((1000, 6)) * rng.exponential(size=(1000, 1)) + np.arange(6.0)
    kept = features.copy()
    found = coactive(features, rows)
    np.testing.assert_allclose(found, np.corrcoef(features.T**2), rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(features, kept)


@pytest.mark.parametrize("order", [1, -1])
def test_features_of_any_size(order):
    """Sizes that differ between features, and from the first rows to the last."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((600, 4))
    wanted = coactive(features)
    powers = np.array([2.0**500, 2.0**-500, 2.0**-1000, 2.0**1000])
    np.testing.assert_allclose(coactive(features * powers, 100), wanted, rtol=1e-12)
    growing = np.concatenate([features * 1e-150, features * 1e150])[::order]
    wanted = coactive(np.concatenate([np.zeros_like(features), features])[::order])
    np.testing.assert_allclose(coactive(growing, 100), wanted, rtol=1e-12)


def test_a_large_mean_costs_no_more_digits_than_squaring():
    rng = np.random.default_rng(0)
    features = 1e4 + np.array([1.0, -2.0, 0.5]) * rng.standard_normal((5000, 1))
    features += rng.standard_normal((5000, 3))
    wanted = np.corrcoef(features.T**2)
    features[:100] = features[:100][np.argsort(features[:100, 0])]  # an atypical first chunk
    np.testing.assert_allclose(coactive(features, 10), wanted, rtol=1e-10)


def test_subnormal_features_after_a_zero():
    counts = np.random.default_rng(0).integers(0, 50, (200, 3)).astype(float)
    counts[0] = 0.0
    np.testing.assert_allclose(coactive(counts * 2.0**-1070, 1), coactive(counts), rtol=1e-12)


def test_what_is_constant_at_the_end_was_not_always():
    features = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 2.0]])
    np.testing.assert_allclose(coactive(features, 2), np.corrcoef(features.T**2), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e200])
def test_a_constant_square_has_no_correlation(value):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((3000, 3))
    features[:, 1] = value * rng.choice([-1.0, 1.0], 3000)
    found = coactive(features, 1000)
    assert found[1].tolist() == found[:, 1].tolist() == [0.0] * 3
    assert found[0, 2] == pytest.approx(np.corrcoef(features.T[::2] ** 2)[0, 1], rel=1e-10)


def test_chunks_may_be_empty_and_of_any_real_type():
    rows = np.array([[1, 2], [3, 1], [0, 5]])
    given = [rows[:0], rows[:1], rows[1:].astype(np.float32), rows[:0]]
    np.testing.assert_array_equal(coactivation(given, 2), coactivation([rows[:1], rows[1:]], 2))
    assert coactivation([rows[:1]], 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_features_without_positive_correlations_join_the_largest_block():
    correlations = -0.1 * np.ones((8, 8))
    correlations[1:4, 1:4], correlations[5:7, 5:7] = 0.5, 0.6
    np.fill_diagonal(correlations, 1.0)
    assert blocks_of(correlations, 2).tolist() == [0, 0, 0, 0, 0, 1, 1, 0]
    # unless there are not enough of the others
    assert sorted(np.bincount(blocks_of(np.eye(5), 3))) == [1, 1, 3]
    assert blocks_of(np.eye(5), samples=100).tolist() == [0] * 5


@pytest.mark.parametrize("experts", [1, 2, 3, 7, 19, 20])
def test_no_block_is_empty(experts):
    rng = np.random.default_rng(experts)
    for correlations in (coactive(rng.standard_normal((50, 20))), np.ones((20, 20)), np.eye(20)):
        found = blocks_of(correlations, experts)
        assert found.dtype == np.int64
        assert found.tolist() == named(found)
        assert set(found.tolist()) == set(range(experts))


def test_the_covariance_of_squares(agrees, mean_and_sem):
    """Groups in exact proportions, 5:7:8 of 20 rows, so that only the features are random."""
    rng = np.random.default_rng(0)
    replicates, sizes = 20_000, [60, 40, 50]
    block_of = np.repeat(np.eye(3), sizes, axis=0)
    signal, leakage = rng.uniform(1.5, 2.5, 150), rng.uniform(0.0, 0.4, 150)
    observed = np.where(block_of.T, signal, leakage) + 0.3
    means, squares = P @ observed, np.zeros((replicates, 3, 3))
    for g in range(3):
        for _ in range(round(20 * P[g])):
            draws = rng.standard_normal((replicates, 150), dtype=np.float32)
            deviations = draws * draws * np.float32(observed[g]) - np.float32(means)
            sums = deviations @ np.float32(block_of)
            squares += sums[:, :, np.newaxis] * sums[:, np.newaxis]
            squares[:, range(3), range(3)] -= (deviations**2) @ np.float32(block_of)
    step = (signal - leakage) @ block_of
    own = (signal - leakage) ** 2 @ block_of
    for g, h in [(2, 2), (0, 1), (0, 2)]:
        pairs = step[g] * step[h] - (own[g] if g == h else 0.0)
        rate = P[g] * (1.0 - P[g]) if g == h else -P[g] * P[h]
        assert agrees(*mean_and_sem(squares[:, g, h] / 20), rate * pairs)


def test_the_correlation_of_squares(generic):
    """The correlation by exact moments of the mixture, and in a sample."""
    model = generic(leakage_variances=np.linspace(0.0, 0.5, 9))
    p, block = model.group_probabilities, model.block_of
    own = block == np.arange(3)[:, np.newaxis]
    observed = np.where(own, model.signal_variances, model.leakage_variances)
    observed = observed + model.noise_variance
    second, fourth = p @ observed, p @ (3.0 * observed**2)
    covariance = (observed.T * p) @ observed - np.multiply.outer(second, second)
    np.fill_diagonal(covariance, fourth - second**2)

    ours, step = p[block], model.signal_variances - model.leakage_variances
    signs = np.where(block[:, np.newaxis] == block, ours * (1 - ours), -np.outer(ours, ours))
    claimed = signs * np.multiply.outer(step, step)
    loud = model.signal_variances + model.noise_variance
    quiet = model.leakage_variances + model.noise_variance
    variance = 2 * ours * loud**2 + 2 * (1 - ours) * quiet**2 + ours * (1 - ours) * step**2
    np.fill_diagonal(claimed, variance)
    np.testing.assert_allclose(claimed, covariance, rtol=1e-12, atol=1e-15)

    deviations = np.sqrt(variance)
    found = coactive(model.sample(20_000, rng=0).features)
    correlations = claimed / np.multiply.outer(deviations, deviations)
    assert np.abs(found - correlations).max() < 6.0 / math.sqrt(20_000)


@pytest.mark.parametrize(
    ("chunks", "dim", "message"),
    [
        ([], 2, "chunks must hold at least one row, got none"),
        ([np.ones((0, 2))], 2, "chunks must hold at least one row, got none"),
        ([np.ones((3, 2))], 3, r"chunks must have shape \(rows, 3\), got \(3, 2\)"),
        ([np.ones(3)], 3, r"chunks must have shape \(rows, 3\), got \(3,\)"),
        ([np.ones((1, 2)), [[0.0, np.nan]]], 2, "chunks must be finite, got nan in column 1"),
        ([[[-np.inf, 0.0]]], 2, "chunks must be finite, got inf in column 0"),
        ([np.ones((3, 2))], 0, "dim must be at least 1, got 0"),
    ],
)
def test_bad_chunks_are_refused(chunks, dim, message):
    with pytest.raises(ValueError, match=message):
        coactivation(chunks, dim)


@pytest.mark.parametrize(
    ("correlations", "options", "message"),
    [
        (np.ones((2, 3)), {"experts": 1}, r"a square matrix, got shape \(2, 3\)"),
        (np.ones(3), {"experts": 1}, r"a square matrix, got shape \(3,\)"),
        ([[1.0, 0.5], [0.4, 1.0]], {"experts": 1}, "correlations must be symmetric, got .* 0.1"),
        ([[1.0, np.nan], [0.4, 1.0]], {"experts": 1}, "correlations must be finite, got nan"),
        (np.eye(3), {"experts": 4}, "experts must be at most 3, got 4"),
        (np.eye(3), {"experts": 0}, "experts must be at least 1, got 0"),
        (np.eye(3), {"experts": 1.5}, "experts must be an integer, got 1.5"),
        (np.eye(3), {}, "samples must be given, how many rows there were, if experts is not"),
        (np.eye(3), {"samples": 1}, "samples must be at least 2, got 1"),
    ],
)
def test_bad_correlations_are_refused(correlations, options, message):
    with pytest.raises(ValueError, match=message):
        blocks_of(correlations, **options)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([], "counts must hold at least one number of blocks, got none"),
        ([2, 4], "counts must be at most 3, got 4"),
        ([0], "counts must be at least 1, got 0"),
        ([1.5], "counts must be an integer, got 1.5"),
        (2, "counts must be a sequence of integers"),
    ],
)
def test_bad_numbers_of_blocks_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        block_counts(np.eye(3), counts)
