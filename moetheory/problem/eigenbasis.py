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
    matrix, tolerance = (
        real_array(name, covariance),
        by_precision(covariance, TOLERANCE, SINGLE_TOLERANCE),
    )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ArgumentError(name, f"must be a square matrix, got shape {matrix.shape}")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    eigenvalues, basis = np.linalg.eigh(matrix / 2.0 + matrix.T / 2.0)
    smallest = f"its smallest eigenvalue is {eigenvalues[0]:.6g}"
    if asymmetry > tolerance * np.abs(matrix).max():
        raise ArgumentError(
            name,
            f"must be symmetric, got entries that differ from the transpose by "
            f"{asymmetry:.3g} ({smallest} after averaging with the transpose)",
        )
    if eigenvalues[0] < -tolerance * max(abs(eigenvalues[0]), eigenvalues[-1]):
        raise ArgumentError(name, f"must be positive semidefinite, but {smallest}")
    return np.maximum(eigenvalues, 0.0), basis


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
