"""Every method of BlockLayout against plain arrays over groups and coordinates."""

import numpy as np
import pytest

from moetheory.formulas.block_layout import BlockLayout

BLOCKS = {
    "sorted": np.repeat([0, 1, 2, 3], [2, 1, 4, 3]),
    "interleaved": np.array([2, 0, 3, 2, 1, 2, 0, 3, 2, 3]),
    "one": np.zeros(5, dtype=np.int64),
    "two": np.array([1, 0, 0, 1, 1]),
}


class Plain:
    """The matrix a_gm as a (K, d) array, in the order in which the layout takes coordinates."""

    def __init__(self, block_of, coupled, seed):
        rng = np.random.default_rng(seed)
        self.k, self.coupled = block_of.max() + 1, coupled
        self.layout = BlockLayout(block_of, self.k, coupled=coupled)
        self.block_of = self.layout.sort(block_of)
        self.own, self.other, self.own_right, self.other_right, self.weights = rng.standard_normal(
            (5, len(block_of))
        )
        self.values = rng.standard_normal(self.layout.shape)
        half = rng.standard_normal((self.layout.shape[0], *2 * self.layout.shape[1:]))
        self.matrix = half + half.swapaxes(1, 2)

    def dense(self, own, other):
        inside = self.block_of == np.arange(self.k)[:, np.newaxis]
        return np.where(inside, own, other if self.coupled else 0.0)

    def whole(self, blocks):
        """(sets, k, k) matrices as one (K, K) matrix."""
        return blocks[0] if self.coupled else np.diag(blocks[:, 0, 0])


@pytest.fixture(params=BLOCKS)
def block_of(request):
    return BLOCKS[request.param]


@pytest.fixture(params=[True, False], ids=["coupled", "apart"])
def plain(request, block_of):
    return Plain(block_of, request.param, seed=len(block_of))


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


def test_coordinates_are_sorted_by_block_and_keep_their_order(block_of):
    layout = BlockLayout(block_of, block_of.max() + 1, coupled=True)
    order = sorted(range(len(block_of)), key=lambda m: (block_of[m], m))
    assert layout.sort(np.arange(len(block_of))).tolist() == order
    assert layout.sort(2.5) == 2.5
    assert layout.sizes.tolist() == np.bincount(block_of).tolist()


def test_unsort_undoes_sort(plain):
    layout = plain.layout
    given = np.random.default_rng(1).standard_normal(len(plain.block_of))
    kept = given.copy()
    np.testing.assert_array_equal(layout.unsort(layout.sort(given)), given)
    np.testing.assert_array_equal(layout.sort(layout.unsort(given)), given)
    np.testing.assert_array_equal(given, kept)


def test_unsort_puts_blocks_where_they_were(block_of):
    layout = BlockLayout(block_of, block_of.max() + 1, coupled=True)
    assert layout.unsort(layout.sort(block_of)).tolist() == block_of.tolist()
    assert layout.unsort(np.sort(block_of)).tolist() == block_of.tolist()


def test_shapes_say_who_shares_a_set(plain):
    assert plain.layout.shape == ((1, plain.k) if plain.coupled else (plain.k, 1))


def test_per_coordinate_gives_each_coordinate_the_value_of_its_block(plain):
    close(plain.layout.per_coordinate(plain.values), plain.values.ravel()[plain.block_of])
    close(plain.layout.per_coordinate(np.full((1, 1), 3.0)), np.full(len(plain.block_of), 3.0))


def test_sums_over_blocks_and_over_all_coordinates(plain):
    layout, zero = plain.layout, np.zeros(len(plain.block_of))
    close(layout.sum_over_block(plain.own).ravel(), plain.dense(plain.own, zero).sum(axis=1))
    sums = layout.sum_over_coordinates(plain.own, plain.other)
    assert sums.shape == layout.shape
    close(sums.ravel(), plain.dense(plain.own, plain.other).sum(axis=1))


def test_sums_over_groups(plain):
    expected = plain.values.ravel() @ plain.dense(plain.own, plain.other)
    close(plain.layout.sum_over_groups(plain.values, plain.own, plain.other), expected)
    scalar = plain.values.ravel() @ plain.dense(2.0, 0.5)
    close(plain.layout.sum_over_groups(plain.values, 2.0, 0.5), scalar)


def test_gram_is_the_matrix_of_products(plain):
    a = plain.dense(plain.own, plain.other)
    close(plain.whole(plain.layout.gram(plain.own, plain.other)), a @ a.T)
    weighted = plain.layout.gram(plain.own, plain.other, plain.weights)
    close(plain.whole(weighted), a * plain.weights @ a.T)


def test_quadratic_form_is_the_quadratic_form_at_each_coordinate(plain):
    a, right = (
        plain.dense(plain.own, plain.other),
        plain.dense(plain.own_right, plain.other_right),
    )
    matrix = plain.whole(plain.matrix)
    one = plain.layout.quadratic_form(plain.matrix, plain.own, plain.other)
    two = plain.layout.quadratic_form(
        plain.matrix, plain.own, plain.other, plain.own_right, plain.other_right
    )
    close(one, np.einsum("gm,gh,hm->m", a, matrix, a))
    close(two, np.einsum("gm,gh,hm->m", a, matrix, right))


def test_nothing_is_lost_beside_a_value_that_is_larger_by_far():
    """Sums over the others add, they do not subtract from the total."""
    layout = BlockLayout(np.array([0, 1, 2]), 3, coupled=True)
    huge, tiny = np.array([1e30, 1.0, 1.0]), np.array([1e30, 1e-30, 2e-30])
    close(layout.sum_over_coordinates(np.zeros(3), tiny)[0, 0], 3e-30)
    close(layout.sum_over_groups(huge.reshape(1, 3), np.zeros(3), np.ones(3))[0], 2.0)
    gram = layout.gram(np.zeros(3), np.sqrt(tiny))[0]
    assert gram[0, 0] == pytest.approx(3e-30, rel=1e-12)
    assert gram[0, 1] == pytest.approx(2e-30, rel=1e-12)
