"""Clean features as operators, against matrices of normals and products written out."""

import numpy as np
import pytest
from scipy import stats

from moetheory import kernels
from moetheory.kernels import BidiagonalRows, TriangularRows

SETS = 4000
COUNTS, SIZES = np.array([9, 3, 5, 0]), np.array([4, 7, 5, 2])
HEIGHTS = np.minimum(COUNTS, SIZES)


def generator(seed=0):
    return np.random.default_rng(seed)


def bidiagonal(sets=SETS, counts=COUNTS, heights=HEIGHTS, deviations=(1.0, 2.0, 0.5, 3.0)):
    counts = np.broadcast_to(counts, (sets, len(SIZES)))
    return BidiagonalRows.draw(generator(1), counts, SIZES, heights, np.array(deviations))


def triangular(sets=SETS):
    counts = np.broadcast_to(COUNTS, (sets, 4))
    groups, shapes = [np.array([0, 3]), np.array([1, 2])], [(2, 3), (4, 5)]
    return TriangularRows.draw(generator(2), counts, groups, shapes, np.linspace(1.0, 2.0, 16))


def written_out(clean, sets):
    """T by its products with unit vectors, (R, q, p)."""
    columns = []
    for unit in np.eye(clean.columns):
        column = np.zeros((sets, clean.rows))
        clean.add_product(np.broadcast_to(unit, (sets, clean.columns)), column)
        columns.append(column)
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("make", [bidiagonal, triangular])
def test_products_are_those_of_one_matrix(make):
    clean, rng = make(sets=6), generator()
    matrix = written_out(clean, 6)
    assert matrix.shape == (6, clean.rows, clean.columns)
    u, v = rng.standard_normal((6, clean.rows + 2)), rng.standard_normal((6, clean.columns + 3))
    start = rng.standard_normal((6, clean.rows + 4)), rng.standard_normal((6, clean.columns + 1))
    product, transposed = start[0].copy(), start[1].copy()
    clean.add_product(v, product)
    clean.add_transposed(u, transposed)
    product -= start[0]
    transposed -= start[1]
    here = np.matvec(matrix, v[:, : clean.columns])
    there = np.vecmat(u[:, : clean.rows], matrix)
    np.testing.assert_allclose(product[:, : clean.rows], here, atol=1e-13)
    np.testing.assert_allclose(transposed[:, : clean.columns], there, atol=1e-13)
    assert not product[:, clean.rows :].any()
    assert not transposed[:, clean.columns :].any()
    some = np.array([4, 1])
    np.testing.assert_array_equal(written_out(clean.select(some), 2), matrix[some])


def test_two_diagonals_are_added_to_rows_as_they_are():
    clean = bidiagonal(sets=3)
    rows = np.ones((3, clean.rows + 1, clean.columns + 2))
    clean.add_to(rows, 0.5)
    inside = rows[:, : clean.rows, : clean.columns] - 1.0
    np.testing.assert_allclose(inside, 2.0 * written_out(clean, 3), rtol=1e-12)
    assert np.all(rows[:, clean.rows :] == 1.0)
    assert np.all(rows[..., clean.columns :] == 1.0)
    np.testing.assert_array_equal(written_out(clean.divided(0.5), 3), 2.0 * written_out(clean, 3))


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_rotated_block_has_the_law_of_normals(group):
    """What rotations leave alone: all singular values, and the length of the first direction."""
    clean = bidiagonal(deviations=(1.0, 1.0, 1.0, 1.0))
    stops = np.cumsum(HEIGHTS)
    rows = np.arange(stops[group] - HEIGHTS[group], stops[group])
    matrix = written_out(clean, SETS)[:, rows]
    plain = generator(3).standard_normal((SETS, COUNTS[group], SIZES[group]))
    here, there = (np.linalg.svd(each, compute_uv=False) for each in (matrix, plain))
    for i in range(HEIGHTS[group]):
        assert stats.ks_2samp(here[:, i], there[:, i]).pvalue > 1e-6
    assert stats.ks_2samp(1.05 * here[:, 0], there[:, 0]).pvalue < 1e-6
    # M p = u, and how much of Mᵀu lies along p and across it
    first = matrix[..., rows[0]]
    assert (
        stats.ks_2samp(np.linalg.norm(first, axis=1), np.linalg.norm(plain[..., 0], axis=1))[1]
        > 1e-6
    )
    seen = np.vecmat(first, matrix)
    seen_plain = np.vecmat(plain[..., 0], plain)
    across = np.sqrt(np.vecdot(seen, seen) - seen[:, rows[0]] ** 2)
    across_plain = np.linalg.norm(seen_plain[:, 1:], axis=1)
    assert stats.ks_2samp(across, across_plain).pvalue > 1e-6


def test_rows_beyond_the_samples_are_zero():
    """Drawn counts: all blocks have the rows of the largest count."""
    counts = np.array([[4, 7, 5, 2], [1, 2, 0, 1]])
    clean = BidiagonalRows.draw(generator(), counts, SIZES, SIZES, np.ones(4))
    matrix = written_out(clean, 2)
    assert np.count_nonzero(np.any(matrix[0] != 0.0, axis=1)) == 18
    starts = np.cumsum(SIZES) - SIZES
    used = np.flatnonzero(np.any(matrix[1] != 0.0, axis=1))
    assert set(used) == {starts[0], starts[1], starts[1] + 1, starts[3]}


def test_triangular_blocks_are_wishart_roots():
    clean = triangular(sets=3)
    again = np.empty((3, 2, 2, 3))
    rng = generator(2)
    counts = np.broadcast_to(COUNTS[[0, 3]], (3, 2))
    kernels.wishart_roots(rng, counts.ravel(), again.reshape(-1, 2, 3))
    deviations = np.linspace(1.0, 2.0, 16)[:6].reshape(2, 1, 3)
    np.testing.assert_array_equal(clean.blocks[0], again * deviations)
    assert not clean.blocks[0][:, 1].any()  # a group without samples
