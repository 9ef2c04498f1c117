"""Roots of Wishart matrices: their shape and their moments."""

import numpy as np
import pytest

from moetheory import kernels


def roots_of(degrees, columns, rows, seed=0):
    rng = np.random.default_rng(seed)
    out = np.empty((len(degrees), rows, columns))
    return kernels.wishart_roots(rng, np.asarray(degrees), out)


@pytest.mark.parametrize(("degrees", "columns"), [(9, 4), (4, 4), (3, 4), (1, 4), (10**9, 3)])
def test_roots_are_trapezoids_with_the_moments_of_a_wishart(degrees, columns):
    """Moments of a Wishart matrix: E W = mI, var w_ij = m (1 + [i = j])."""
    rows, sets = min(degrees, columns), 40_001  # odd: one triangle of the last square is left
    roots = roots_of(np.full(sets, degrees), columns, rows)
    assert np.all(np.tril(roots, -1) == 0.0)
    products = (roots.mT @ roots).reshape(sets, -1)
    flat, eye = products.mean(axis=0).reshape(columns, columns), np.eye(columns)
    limit = 6 * np.sqrt(degrees / sets)
    np.testing.assert_allclose(flat, degrees * eye, atol=2 * limit)
    spread = products.var(axis=0).reshape(columns, columns) / degrees
    np.testing.assert_allclose(spread, 1 + eye, rtol=0.2)
    # the two triangles of a square are different factors
    assert abs(np.corrcoef(products[:20_000, 1], products[20_001:, 1])[0, 1]) < 0.05


def test_roots_of_several_degrees_have_as_many_rows_as_there_are():
    degrees = np.array([0, 1, 2, 3, 50])
    roots = roots_of(degrees, 3, 3)
    ranks = [np.linalg.matrix_rank(root) for root in roots]
    assert ranks == [0, 1, 2, 3, 3]
    for root, degree in zip(roots, degrees, strict=True):
        assert np.all(root[degree:] == 0.0)
