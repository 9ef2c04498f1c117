"""Streamed sums against plain ones, across tile boundaries, leading axes and interleaved blocks."""

import tracemalloc

import numpy as np
import pytest

from moetheory.formulas import sums


@pytest.fixture
def tiny_tiles(monkeypatch):
    monkeypatch.setattr(sums, "TILE", 7)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.usefixtures("tiny_tiles")
@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 9)])
@pytest.mark.parametrize("contiguous", [True, False])
def test_sums_equal_plain_ones(rng, lead, contiguous):
    block_of = rng.integers(0, 4, 23)
    block_of = np.sort(block_of) if contiguous else block_of
    p, a, b = rng.random((*lead, 4)), rng.random(23), rng.random((*lead, 1))

    def terms(probability, x, y):
        return probability * x + y, y

    first = p[..., block_of] * a + b
    second = np.broadcast_to(b, first.shape)
    total = sums.total(lambda *inputs: terms(*inputs)[0], p, block_of, a, b)
    by_block = sums.by_block(terms, p, block_of, a, b)
    assert total.shape == lead
    np.testing.assert_allclose(total, first.sum(axis=-1), rtol=1e-13)
    for got, plain in zip(by_block, (first, second), strict=True):
        wanted = np.stack([plain[..., block_of == g].sum(axis=-1) for g in range(4)], axis=-1)
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_a_constant_term_counts_each_coordinate():
    block_of = np.array([0, 0, 1])
    (counted,) = sums.by_block(lambda p: (np.float64(2.0),), [0.5, 0.5], block_of)
    assert counted.tolist() == [4.0, 2.0]
    assert sums.total(lambda p: np.float64(2.0), [0.5, 0.5], block_of) == 6.0


def test_sum_over_others_keeps_a_tiny_sum_beside_a_huge_one():
    found = sums.sum_over_others(np.array([1e30, 1e-30, 0.0]))
    np.testing.assert_array_equal(found, [1e-30, 1e30, 1e30])
    assert sums.sum_over_others(np.array([3.0])).tolist() == [0.0]


def test_memory_does_not_grow_with_levels_times_coordinates():
    dim, levels = 20_000, 1_000
    block_of = np.repeat(np.arange(10), dim // 10)
    p, x, level = np.full(10, 0.1), np.ones(dim), np.ones((levels, 1))
    tracemalloc.start()
    try:
        sums.total(lambda p, x, y: p * x * y, p, block_of, x, level)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 8 * sums.TILE < dim * levels * 8 / 10


def test_a_total_over_others_keeps_digits_where_a_probability_is_near_1():
    block_of = np.array([0, 1, 1])

    def total(p, x):
        return float(sums.total_over_others(lambda p, x: x, p, block_of, np.array(x)))

    assert total([1.0, 1e-40], [1.0, 0.0, 0.0]) == pytest.approx(1e-40, rel=1e-15)
    assert total([1.0, 1e-40], [1.0, 2.0, 3.0]) == 5.0
    # what probabilities lack to 1 counts, as in risks
    lacking = total([0.25, 0.75 - 1e-9], [1.0, 2.0, 3.0])
    assert lacking == pytest.approx(0.75 + 5.0 * (0.25 + 1e-9), rel=1e-15)
