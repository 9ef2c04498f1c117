"""The eigenbasis of a block, in which its covariance is diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import by_precision, members, read_only, real_array

# relative to the largest entry, eigenvalue, or 1: beyond what rounding explains
TOLERANCE, SINGLE_TOLERANCE = 1e-10, 1e-5
ORTHOGONAL, SINGLE_ORTHOGONAL = 1e-9, 1e-5


def diagonalise(name: str, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The eigenvalues (ascending, clipped at zero) and orthonormal eigenvectors of a covariance.

    It may be asymmetric and have negative eigenvalues up to rounding: 1e-10 of the largest entry
    and of the largest eigenvalue, in single precision 1e-5.
    """
    _, eigenvalues, basis = _decomposed(name, covariance)
    return np.maximum(eigenvalues, 0.0), basis


def semidefinite(name: str, covariance: ArrayLike) -> FloatArray:
    """A covariance without what rounding made of it: symmetric, with no negative eigenvalue.

    It may be off by as much as in `diagonalise`. Small variances keep their digits beside large
    ones: no entry changes, unless an eigenvalue is more negative than double precision explains.
    """
    matrix, eigenvalues, basis = _decomposed(name, covariance)
    if eigenvalues[0] < -len(matrix) * np.finfo(np.float64).eps * eigenvalues[-1]:
        return np.asarray((basis * np.maximum(eigenvalues, 0.0)) @ basis.T)
    return matrix


def _decomposed(name: str, covariance: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A covariance, symmetric, with its eigenvalues (ascending) and its eigenvectors."""
    matrix, tolerance = (
        real_array(name, covariance),
        by_precision(covariance, TOLERANCE, SINGLE_TOLERANCE),
    )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ArgumentError(name, f"must be a square matrix, got shape {matrix.shape}")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    symmetric = matrix / 2.0 + matrix.T / 2.0
    eigenvalues, basis = np.linalg.eigh(symmetric)
    smallest = f"its smallest eigenvalue is {eigenvalues[0]:.6g}"
    if asymmetry > tolerance * np.abs(matrix).max():
        raise ArgumentError(
            name,
            f"must be symmetric, got entries that differ from the transpose by "
            f"{asymmetry:.3g} ({smallest} after averaging with the transpose)",
        )
    if eigenvalues[0] < -tolerance * max(abs(eigenvalues[0]), eigenvalues[-1]):
        raise ArgumentError(name, f"must be positive semidefinite, but {smallest}")
    return symmetric, eigenvalues, basis


def positive_definite(name: str, covariance: ArrayLike, size: int) -> tuple[FloatArray, FloatArray]:
    """The positive eigenvalues (ascending) and eigenvectors of a matrix of shape (size, size)."""
    eigenvalues, basis = diagonalise(name, covariance)
    if len(eigenvalues) != size:
        raise ArgumentError(
            name,
            f"must have the shape of the signal's covariance, {(size, size)}, got {basis.shape}",
        )
    tolerance = by_precision(covariance, TOLERANCE, SINGLE_TOLERANCE)
    if eigenvalues[0] <= tolerance * eigenvalues[-1]:
        raise ArgumentError(
            name,
            "must be positive definite, but its smallest eigenvalue is "
            f"{eigenvalues[0]:.6g} beside {eigenvalues[-1]:.6g}",
        )
    return eigenvalues, basis


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
