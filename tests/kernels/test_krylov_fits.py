"""LSQR on matrices that are known, where it can be held against least squares written out."""

import numpy as np
import pytest
from scipy import stats

from moetheory import kernels
from moetheory.kernels import Workspace
from moetheory.kernels.krylov_fits import krylov_fits as fits_of

SETS = 5


class Known:
    """Matrices (R, q, p) in the place of clean features and noise together."""

    def __init__(self, matrices):
        self.matrices = matrices
        self.rows, self.columns = matrices.shape[1:]

    def add_product(self, vectors, out):
        out += np.matvec(self.matrices, vectors)

    def add_transposed(self, vectors, out):
        out += np.vecmat(vectors, self.matrices)

    def select(self, sets):
        return Known(self.matrices[sets])


class Silent:
    """A generator of zeros: no noise but that in the matrices."""

    def standard_normal(self, out):
        out[:] = 0.0


def problem(rows, columns, seed=0, sets=SETS, spread=1.0):
    rng = np.random.default_rng(seed)
    matrices = rng.standard_normal((sets, rows, columns)) * np.geomspace(1.0, spread, columns)
    return matrices, rng.standard_normal((sets, rows))


def found(matrices, targets, penalties=(0.0,), goal=1e-9, capacity=40, **others):
    _rows, columns = matrices.shape[1:]
    return fits_of(
        Silent(),
        Known(matrices),
        targets,
        None,
        0,
        columns,
        0,
        np.array(penalties),
        goal,
        capacity,
        Workspace(),
        **others,
    )


def exact(matrices, targets, penalty):
    return np.stack(
        [
            np.linalg.lstsq(
                np.vstack([m, np.sqrt(penalty) * np.eye(m.shape[1])]),
                np.append(t, np.zeros(m.shape[1])),
            )[0]
            for m, t in zip(matrices, targets, strict=True)
        ]
    )


@pytest.mark.parametrize(
    "shape", [(120, 12), (12, 120), (40, 30), (30, 40), (7, 7), (1, 3), (3, 1)]
)
def test_solutions_are_those_of_least_squares(shape):
    """For all penalties from the same vectors, near the threshold too."""
    matrices, targets = problem(*shape)
    penalties = [0.0, 0.3, 20.0] if shape[0] != shape[1] else [0.1, 20.0]
    result = found(matrices, targets, penalties)
    for fit, penalty in zip(result.fits, penalties, strict=True):
        np.testing.assert_allclose(fit, exact(matrices, targets, penalty), atol=1e-9)
    assert result.steps.max() <= min(shape)
    assert not result.beyond.any()


@pytest.mark.parametrize("goal", [1e-2, 1e-4, 1e-7, 1e-10])
@pytest.mark.parametrize("shape", [(200, 20), (150, 60), (60, 150)])
@pytest.mark.parametrize("spread", [1.0, 0.2])
def test_what_is_missing_is_shorter_than_the_goal(shape, goal, spread):
    """And not by many digits: steps would be wasted."""
    matrices, targets = problem(*shape, seed=1, sets=40, spread=spread)
    result = found(matrices, targets, goal=goal)
    errors = np.linalg.norm(result.fits[0] - exact(matrices, targets, 0.0), axis=1)
    assert errors.max() <= goal
    full = result.steps == min(shape)
    assert np.median(errors) > 1e-3 * goal or np.any(full)


def test_sets_that_are_done_leave_and_memory_grows():
    """Neither changes a bit of the others."""
    easy, targets = problem(300, 24, sets=6)
    hard = easy * np.geomspace(1.0, 0.05, 24)
    both = np.concatenate([easy, hard[:1]])
    all_targets = np.concatenate([targets, targets[:1]])
    apart = found(hard[:1], targets[:1])
    for options in ({}, {"capacity": 3}, {"together": True}):
        result = found(both, all_targets, **options)
        assert result.steps[-1] > result.steps[:-1].max()
        np.testing.assert_array_equal(result.fits[:, -1:], apart.fits)
        np.testing.assert_array_equal(result.steps[-1:], apart.steps)


class NoRows(Known):
    """No clean features: every entry is noise."""

    def add_product(self, vectors, out):
        """Nothing to add."""

    add_transposed = add_product

    def select(self, sets):
        return NoRows(self.matrices[sets])


def noise(sets, rows, columns, named, first, other=None):
    """Fits of labels (first, 0, ...) to noise of which only ``named`` coordinates have names."""
    return fits_of(
        np.random.default_rng(5),
        NoRows(np.zeros((sets, 1, named))),
        np.full((sets, 1), first),
        None if other is None else np.full(sets, other),
        rows - 1,
        named,
        columns - named,
        np.zeros(1),
        1e-9,
        min(rows, columns),
        Workspace(),
    )


def squares(result):
    """Squared lengths of fits, and the shares of them in the named coordinates."""
    inside = np.vecdot(result.fits[0], result.fits[0])
    total = inside + np.square(result.beyond[0])
    return total, inside / total


@pytest.mark.parametrize(("rows", "columns"), [(30, 8), (8, 30)])
@pytest.mark.parametrize(("first", "other"), [(5.0, None), (3.0, 4.0)])
def test_noise_that_is_never_drawn_in_full_has_the_law_of_noise_that_is(
    rows, columns, first, other
):
    """Labels, too: only the length of those in rows without a name counts."""
    sets, named = 4000, 3
    drawn = np.random.default_rng(6).standard_normal((sets, rows, columns))
    labels = np.zeros((sets, rows))
    labels[:, 0], labels[:, -1] = first, other or 0.0
    plain = kernels.least_squares(drawn, labels)
    length = np.vecdot(plain, plain)
    share = np.vecdot(plain[:, :named], plain[:, :named]) / length
    here = squares(noise(sets, rows, columns, named, first, other))
    for mine, theirs in zip(here, (length, share), strict=True):
        assert stats.ks_2samp(mine, theirs).pvalue > 1e-6
        assert stats.ks_2samp(1.2 * mine, theirs).pvalue < 1e-6


def test_labels_of_zero_have_coefficients_of_zero():
    result = noise(4, 30, 8, 3, 0.0)
    assert not result.fits.any()
    assert not result.beyond.any()
