"""Systems of products of rows, solved one by one and all at once, against their rows."""

import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from moetheory.common.blas_threads import SCIPY, controls
from moetheory.kernels import Workspace
from moetheory.kernels.gram_systems import ONE_BY_ONE, gram, gram_solutions

SIZES = [5, ONE_BY_ONE - 1, ONE_BY_ONE, 90]


def systems(size, sets=3, seed=0):
    """Two parts, of which the second is not contiguous, right sides and penalties."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((sets, size, size)), rng.standard_normal((sets, size, 40))
    right = rng.standard_normal((sets, size))
    penalties = np.array([[0.0], [0.5], [20.0]]) * np.arange(1.0, sets + 1.0)
    return [first, second.mT], right, penalties


def test_a_gram_matrix_is_the_sum_of_its_parts_products():
    parts, _, _ = systems(5)
    rows = np.concatenate(parts, axis=1)
    wanted = np.einsum("rki, rkj -> rij", rows, rows)
    np.testing.assert_allclose(gram(parts, Workspace()), wanted, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_solutions_solve_the_equations_of_their_rows(size):
    """With the rows' singular values: no product of rows with themselves is formed."""
    parts, right, penalties = systems(size)
    solved, doubtful = gram_solutions(parts, right, penalties, Workspace())
    assert not doubtful.any()
    _, lengths, bases = np.linalg.svd(np.concatenate(parts, axis=1), full_matrices=False)
    for found, penalty in zip(solved, penalties, strict=True):
        inverse = 1.0 / (lengths**2 + penalty[:, np.newaxis])
        wanted = np.vecmat(inverse * np.matvec(bases, right), bases)
        error = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
        condition = inverse.max(axis=1) / inverse.min(axis=1)
        assert np.all(error < 100 * np.finfo(float).eps * condition)


@pytest.mark.parametrize("size", SIZES)
def test_a_system_has_the_same_bits_alone_and_whatever_was_there_before(size):
    parts, right, penalties = systems(size)
    together, _ = gram_solutions(parts, right, penalties, Workspace())
    work = Workspace()
    for i in range(len(right)):
        for name in ("system", "product"):
            work.array(name, (size, size)).fill(np.nan)
        here = slice(i, i + 1)
        alone, _ = gram_solutions(
            [part[here] for part in parts], right[here], penalties[:, here], work
        )
        np.testing.assert_array_equal(alone, together[:, here])


@pytest.mark.parametrize("size", SIZES)
def test_systems_that_are_ill_conditioned_are_doubtful_and_no_others(size):
    (first, second), right, _ = systems(size, sets=6)
    rows = np.concatenate([first, second], axis=1)
    rows[1, :, 2] = rows[1, :, 3] * (1.0 + 1e-6)
    rows[2] *= 1e170  # its squares overflow
    rows[3, :, 1] = np.nan
    rows[4] *= np.geomspace(1e-9, 1e9, size)  # units do not matter
    _, doubtful = gram_solutions([rows], right, np.zeros((1, 6)), Workspace())
    assert doubtful.tolist() == [[False, True, True, True, False, False]]


def test_one_system_that_is_singular_takes_no_other_with_it():
    (first, _), right, _ = systems(ONE_BY_ONE)
    first[1, :, 2] = first[1, :, 3]
    first[2, :, 4] = 0.0
    solved, doubtful = gram_solutions([first], right, np.zeros((1, 3)), Workspace())
    assert doubtful.tolist() == [[False, True, False]]
    # a coordinate that no row has gets what stands on its right side
    assert solved[0, 2, 4] == right[2, 4]


def test_systems_are_solved_in_one_thread_also_when_scipy_is_loaded_for_them():
    code = f"""
import sys
from importlib import import_module
import numpy as np
from moetheory.common.blas_threads import SCIPY, controls, one_blas_thread
from moetheory.kernels import Workspace, blas_routines
from moetheory.kernels.gram_systems import gram_solutions

seen, add_gram = [], blas_routines.add_gram
def watched(*given):
    seen.append(controls(SCIPY)[0]())
    add_gram(*given)
blas_routines.add_gram = watched
assert "scipy" not in sys.modules
with one_blas_thread():
    gram_solutions([np.ones((2, 3, {ONE_BY_ONE}))], np.ones((2, {ONE_BY_ONE})), np.ones((1, 2)),
                   Workspace())
print(*seen, controls(SCIPY)[0]())
"""
    import_module(SCIPY)
    if controls(SCIPY) is None:
        pytest.skip("SciPy's BLAS has no switch for its threads that can be found")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    *inside, afterwards = done.stdout.split()
    if afterwards == "1":
        pytest.skip("SciPy's BLAS has but one thread here")
    assert inside == ["1", "1"]
