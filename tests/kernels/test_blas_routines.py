"""Routines of BLAS and LAPACK called by their addresses, against plain products."""

import numpy as np
import pytest

from moetheory.kernels import blas_routines

LAYOUTS = {
    "rows": lambda rows: rows,
    "columns": lambda rows: np.asfortranarray(rows),
    "neither": lambda rows: np.repeat(np.repeat(rows, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda rows: rows[::-1, ::-1].copy()[::-1, ::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("count", "size"), [(7, 4), (3, 6), (1, 5), (5, 1), (0, 3), (1, 1)])
def test_products_are_added_to_the_upper_half(layout, count, size):
    rng = np.random.default_rng(0)
    rows, before = rng.standard_normal((count, size)), rng.standard_normal((size, size))
    system = before.copy()
    blas_routines.add_gram(LAYOUTS[layout](rows), system)
    np.testing.assert_allclose(np.triu(system), np.triu(before + rows.T @ rows), atol=1e-14)
    np.testing.assert_array_equal(np.tril(system, -1), np.tril(before, -1))


@pytest.mark.parametrize("sides", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 9, 80])
def test_solutions_take_the_place_of_right_sides(size, sides):
    rng = np.random.default_rng(1)
    rows, wanted = rng.standard_normal((3 * size, size)), rng.standard_normal((sides, size))
    system = rows.T @ rows
    given = wanted @ system
    # what is below the diagonal is never read
    assert blas_routines.solve_positive(
        np.triu(system) + np.tril(np.full_like(system, 7), -1), given
    )
    np.testing.assert_allclose(given, wanted, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("entry", [0.0, -1.0])
def test_a_matrix_that_is_not_positive_is_noticed(entry):
    sides = np.arange(6.0).reshape(2, 3)
    assert not blas_routines.solve_positive(np.diag([1.0, entry, 1.0]), sides)
    np.testing.assert_array_equal(sides, np.arange(6.0).reshape(2, 3))
