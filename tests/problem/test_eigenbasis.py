"""Correlated blocks: what is refused, and the way back to the original coordinates."""

import re

import numpy as np
import pytest

from moetheory import BlockModel
from moetheory.problem.eigenbasis import diagonalise, inverse_root, orthogonal, semidefinite

PAIR = [[2.0, 1.0], [1.0, 2.0]]
NEGATIVE = "c must be positive semidefinite, but its smallest eigenvalue is "
UNEVEN = (
    "c must be symmetric, got entries that differ from the transpose by 1 "
    "(its smallest eigenvalue is 2 after averaging with the transpose)"
)


def refuses(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 0.0]], "c must be a square matrix, got shape (1, 2)"),
        (4.0, "c must be a square matrix, got shape ()"),
        (np.ones((0, 0)), "c must be a square matrix, got shape (0, 0)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "c must be finite, got nan at index (0, 1)"),
        ([[1.0, 2.0], [2.0, 1.0]], NEGATIVE + "-1"),
        (np.diag([1.0, -1e-9]), NEGATIVE + "-1e-09"),
        ([[3.0, 1.5], [0.5, 3.0]], UNEVEN),
    ],
)
def test_what_is_no_covariance_is_refused(matrix, message):
    with refuses(message):
        diagonalise("c", matrix)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_rounding_below_zero_is_clipped_and_rounding_off_symmetry_forgiven(scale):
    below, _ = diagonalise("c", scale * np.diag([1.0, -1e-12]))
    assert below.tolist() == [0.0, scale]
    uneven, _ = diagonalise("c", scale * np.array([[2.0, 1.0 + 1e-12], [1.0, 2.0]]))
    np.testing.assert_allclose(uneven, [scale, 3.0 * scale], rtol=1e-11)


def test_a_covariance_keeps_its_entries_unless_an_eigenvalue_is_negative():
    graded = np.diag([1e12, 3e-12])
    np.testing.assert_array_equal(semidefinite("c", graded), graded)
    uneven = semidefinite("c", [[2.0, 1.0 + 1e-12], [1.0, 2.0]])
    np.testing.assert_array_equal(uneven, uneven.T)
    np.testing.assert_allclose(semidefinite("c", np.diag([1.0, -1e-12])), np.diag([1.0, 0.0]))
    assert semidefinite("c", np.diag([1.0, -1e-12]))[1, 1] == 0.0
    with refuses(NEGATIVE + "-1"):
        semidefinite("c", [[1.0, 2.0], [2.0, 1.0]])


def test_units_of_coordinates_hide_no_fault():
    """A loud coordinate beside a matrix that is none, or is one, changes nothing."""
    for loud in (1.0, 1e6, 1e12):
        matrix = np.diag([loud, 1.0, 1.0])
        matrix[1, 2] = matrix[2, 1] = 3.0
        for check in (diagonalise, semidefinite):
            with refuses(NEGATIVE + "-2"):
                check("c", matrix)
        matrix[1, 2], matrix[2, 1] = 0.9, 0.1
        with refuses("c must be symmetric"):
            semidefinite("c", matrix)
    for share in (1.0, 1e-12, 1e-30):
        root, inverse = inverse_root("c", np.diag([1.0, share]), 2)
        np.testing.assert_allclose(root @ root.T, np.diag([1.0, share]), rtol=1e-14)
        np.testing.assert_allclose(inverse @ root, np.eye(2), atol=1e-14)
        with refuses("c must be positive definite"):
            inverse_root("c", [[1.0, share**0.5], [share**0.5, share]], 2)


def test_single_precision_is_forgiven_what_it_rounds_and_no_more():
    factor = np.random.default_rng(0).standard_normal((50, 5))
    single = factor.astype(np.float32)
    rounded, basis = diagonalise("c", single @ single.T)
    exact, _ = diagonalise("c", factor @ factor.T)
    np.testing.assert_allclose(rounded, exact, atol=1e-6 * exact[-1])
    np.testing.assert_allclose(basis.T @ basis, np.eye(50), atol=1e-13)
    for wrong, message in (
        (np.diag([1.0, -1e-4]), NEGATIVE),
        ([[1.0, 0.5], [0.5001, 1.0]], "c must be symmetric"),
    ):
        with refuses(message):
            diagonalise("c", np.array(wrong, dtype=np.float32))
    with refuses(NEGATIVE):  # and double precision is not forgiven what single precision is
        diagonalise("c", np.diag([1.0, -1e-6]))


def test_rotations_in_single_precision_become_orthogonal():
    given = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0].astype(np.float32)
    (basis,) = orthogonal([given], np.array([6]))
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-14)
    np.testing.assert_allclose(basis, given, atol=1e-6)
    with refuses("rotations[0] must be orthogonal"):
        orthogonal([given * np.float32(1.001)], np.array([6]))
    with refuses("rotations[0] must be orthogonal"):
        orthogonal([given.astype(np.float64)], np.array([6]))


@pytest.mark.parametrize("size", [2, 5, 40])
def test_a_singular_covariance_has_no_negative_variance(size):
    direction = np.random.default_rng(size).standard_normal(size)
    eigenvalues, _ = diagonalise("c", np.outer(direction, direction))
    assert (eigenvalues >= 0.0).all()
    assert eigenvalues[-1] == pytest.approx(direction @ direction, rel=1e-12)
    assert eigenvalues[:-1].max() < 1e-12 * eigenvalues[-1]


@pytest.mark.parametrize(
    ("covariances", "coefficients", "message"),
    [
        ([], [], "covariances must hold at least one matrix, got none"),
        ([PAIR], [], "coefficients must hold one vector for each of the 1 covariances, got 0"),
        ([PAIR], [[1, 2], [3]], "coefficients must hold one vector for each of the 1"),
        ([PAIR, [[1]]], [[1, 2], [3, 4]], "coefficients[1] must have shape (1,), got (2,)"),
        ([PAIR], [[[1, 2]]], "coefficients[0] must have shape (2,), got (1, 2)"),
        ([PAIR], [[1, np.inf]], "coefficients[0] must be finite, got inf at index 1"),
        ([PAIR, [[-3]]], [[1, 2], [3]], "covariances[1] must be positive semidefinite, but "),
        ([[[1]], [[1, 0], [1, 1]]], [[1], [1, 2]], "covariances[1] must be symmetric, got"),
    ],
)
def test_bad_lists_of_blocks_are_refused(covariances, coefficients, message):
    with refuses(message):
        BlockModel.from_covariances(covariances, coefficients, noise_variance=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_probabilities": [0.5, 0.5]}, "group_probabilities must have shape (1,), got (2,)"),
        ({"group_probabilities": [0.9]}, "group_probabilities must sum to 1, got 0.9"),
        ({"leakage_variances": [1.0]}, "leakage_variances must have shape (2,), got (1,)"),
        ({"noise_variance": -1}, "noise_variance must be at least 0, got -1"),
    ],
)
def test_bad_options_are_refused(change, message):
    with refuses(message):
        BlockModel.from_covariances([PAIR], [[1.0, 2.0]], **{"noise_variance": 1.0, **change})


@pytest.mark.parametrize("probabilities", [None, [0.5, 0.0, 0.125, 0.375]])
def test_rotations_lead_back_to_the_covariances_and_coefficients(probabilities):
    rng, sizes = np.random.default_rng(5), [3, 1, 6, 2]
    factors = [rng.standard_normal((size, size)) for size in sizes]
    covariances = [factor @ factor.T for factor in factors]
    coefficients = [rng.standard_normal(size) for size in sizes]
    model = BlockModel.from_covariances(
        covariances, coefficients, 0.5, group_probabilities=probabilities, leakage_variances=0.25
    )
    assert model.group_probabilities.tolist() == (probabilities or [0.25] * 4)
    assert model.sizes.tolist() == sizes
    for g, basis in enumerate(model.rotations):
        mine = model.block_of == g
        back = (basis * model.signal_variances[mine]) @ basis.T
        np.testing.assert_allclose(back, covariances[g], rtol=0.0, atol=1e-12)
        beta = basis @ model.coefficients[mine]
        np.testing.assert_allclose(beta, coefficients[g], rtol=0.0, atol=1e-12)
    power = sum(
        p * beta @ sigma @ beta + (1.0 - p) * 0.25 * beta @ beta
        for p, sigma, beta in zip(model.group_probabilities, covariances, coefficients, strict=True)
    )
    assert model.null_risk == pytest.approx(power, rel=1e-12)


@pytest.mark.parametrize(
    ("rotations", "message"),
    [
        ([], "rotations must hold one matrix per expert, 2, got 0"),
        ([PAIR, [[1.0]]], "rotations[0] must be orthogonal"),
        ([np.eye(2), [[1.0 + 1e-8]]], "rotations[1] must be orthogonal"),
        ([np.eye(2), np.eye(2)], "rotations[1] must have shape (1, 1), got (2, 2)"),
        ([np.eye(2), [1.0]], "rotations[1] must have shape (1, 1), got (1,)"),
        ([np.eye(2), [[np.nan]]], "rotations[1] must be finite, got nan at index (0, 0)"),
    ],
)
def test_what_is_no_rotation_is_refused(rotations, message):
    with refuses(message):
        orthogonal(rotations, np.array([2, 1]))
