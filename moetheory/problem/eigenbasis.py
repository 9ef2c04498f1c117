"""The eigenbasis of a block, in which its covariance is diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import by_precision, members, read_only, real_array

# relative to a diagonal of ones, or to 1: beyond what rounding explains
TOLERANCE, SINGLE_TOLERANCE = 1e-10, 1e-5
ORTHOGONAL, SINGLE_ORTHOGONAL = 1e-9, 1e-5
SMALLEST = 1e-80  # share of the largest variance that counts as one: the range of a model


def diagonalise(name: str, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The eigenvalues (ascending, clipped at zero) and orthonormal eigenvectors of a covariance.

    It may be asymmetric and have negative eigenvalues up to rounding: as `semidefinite`.
    """
    eigenvalues, basis = np.linalg.eigh(_checked(name, covariance))
    return np.maximum(eigenvalues, 0.0), basis


def semidefinite(name: str, covariance: ArrayLike) -> FloatArray:
    """A covariance without what rounding made of it: symmetric, with no negative eigenvalue.

    It may be off by 1e-10 (in single precision 1e-5) once its diagonal has been scaled to ones, so
    that the units of its coordinates do not matter. No entry changes, unless an eigenvalue is more
    negative than double precision explains.
    """
    matrix = _checked(name, covariance)
    scale = _deviations(matrix, TOLERANCE)
    units = np.outer(scale, scale)
    eigenvalues, basis = np.linalg.eigh(matrix / units)
    if eigenvalues[0] < -len(matrix) * np.finfo(np.float64).eps * eigenvalues[-1]:
        return np.asarray((basis * np.maximum(eigenvalues, 0.0)) @ basis.T * units)
    return matrix


def inverse_root(name: str, covariance: ArrayLike, size: int) -> tuple[FloatArray, FloatArray]:
    r"""A root R of a positive definite (size, size) matrix, :math:`RR^\top`, and its inverse.

    The matrix is scaled to a diagonal of ones first: the units of coordinates do not matter.
    """
    matrix = _checked(name, covariance)
    if len(matrix) != size:
        raise ArgumentError(
            name,
            f"must have the shape of the signal's covariance, {(size, size)}, got {matrix.shape}",
        )
    scale = _deviations(matrix, SMALLEST)
    eigenvalues, basis = np.linalg.eigh(matrix / np.outer(scale, scale))
    if eigenvalues[0] <= by_precision(covariance, TOLERANCE, SINGLE_TOLERANCE):
        raise ArgumentError(
            name,
            f"must be positive definite, but its smallest eigenvalue is {eigenvalues[0]:.6g} "
            "with its diagonal scaled to ones",
        )
    roots = np.sqrt(eigenvalues)
    return scale[:, np.newaxis] * basis * roots, (basis / roots).T / scale


def _checked(name: str, covariance: ArrayLike) -> FloatArray:
    """A covariance, symmetric; ValueError unless it is one up to rounding."""
    matrix, tolerance = (
        real_array(name, covariance),
        by_precision(covariance, TOLERANCE, SINGLE_TOLERANCE),
    )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ArgumentError(name, f"must be a square matrix, got shape {matrix.shape}")
    top = tolerance * float(np.abs(matrix).max())
    symmetric = matrix / 2.0 + matrix.T / 2.0
    # what rounding makes of a coordinate that does not vary
    still = (np.diagonal(symmetric) < 0.0) & (np.abs(symmetric).max(axis=0) <= top)
    symmetric[still], symmetric[:, still] = 0.0, 0.0
    # a small variance counts beside a large one, but not what rounding makes of zero there
    scale = _deviations(symmetric, tolerance)
    units = np.outer(scale, scale)
    asymmetry = np.abs(matrix - matrix.T)
    if (asymmetry > tolerance * units).any():
        raise ArgumentError(
            name,
            f"must be symmetric, got entries that differ from the transpose by "
            f"{asymmetry.max():.3g} ({_smallest(symmetric)} after averaging with the transpose)",
        )
    try:  # a tenth of the cost of the eigenvalues
        np.linalg.cholesky(symmetric / units + tolerance * np.eye(len(symmetric)))
    except np.linalg.LinAlgError:
        raise ArgumentError(
            name, f"must be positive semidefinite, but {_smallest(symmetric)}"
        ) from None
    return symmetric


def _smallest(matrix: FloatArray) -> str:
    """The smallest eigenvalue in words."""
    return f"its smallest eigenvalue is {np.linalg.eigvalsh(matrix)[0]:.6g}"


def _deviations(matrix: FloatArray, least: float) -> FloatArray:
    """The roots of the diagonal, of at least a share ``least`` of the largest entry, or 1."""
    top = float(np.abs(matrix).max()) or 1.0
    return np.asarray(np.sqrt(np.maximum(np.diagonal(matrix), least * top)))


def orthogonal(rotations: Sequence[ArrayLike], sizes: IntArray) -> tuple[FloatArray, ...]:
    """Read-only copies of ``rotations``, one orthogonal (s_g, s_g) matrix for each block.

    Those in single precision become orthogonal in double precision: the nearest such matrices.
    """
    matrices = members("rotations", rotations)
    if len(matrices) != len(sizes):
        raise ArgumentError(
            "rotations", f"must hold one matrix per expert, {len(sizes)}, got {len(matrices)}"
        )
    bases = []
    for g, (rotation, size) in enumerate(zip(matrices, sizes, strict=True)):
        basis = real_array(f"rotations[{g}]", rotation)
        if basis.shape != (size, size):
            raise ArgumentError(
                f"rotations[{g}]", f"must have shape {(int(size), int(size))}, got {basis.shape}"
            )
        tolerance = by_precision(rotation, ORTHOGONAL, SINGLE_ORTHOGONAL)
        if np.abs(basis.T @ basis - np.eye(size)).max() > tolerance:
            raise ArgumentError(f"rotations[{g}]", "must be orthogonal")
        if tolerance == SINGLE_ORTHOGONAL:
            left, _, right = np.linalg.svd(basis)
            basis = left @ right
        read_only(basis)
        bases.append(basis)
    return tuple(bases)
