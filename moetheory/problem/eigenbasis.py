"""The eigenbasis of a block, in which its covariance is diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.validation import members, read_only, real_array


def diagonalise(name: str, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The eigenvalues (ascending, clipped at zero) and orthonormal eigenvectors of a covariance."""
    matrix = real_array(name, covariance)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"{name} must be a square matrix, got shape {matrix.shape}")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    eigenvalues, basis = np.linalg.eigh(matrix / 2.0 + matrix.T / 2.0)
    smallest = f"its smallest eigenvalue is {eigenvalues[0]:.6g}"
    if asymmetry > 1e-10 * np.abs(matrix).max():
        raise ValueError(
            f"{name} must be symmetric, got entries that differ from the transpose by "
            f"{asymmetry:.3g} ({smallest} after averaging with the transpose)"
        )
    if eigenvalues[0] < -1e-10 * max(abs(eigenvalues[0]), eigenvalues[-1]):
        raise ValueError(f"{name} must be positive semidefinite, but {smallest}")
    return np.maximum(eigenvalues, 0.0), basis


def orthogonal(rotations: Sequence[ArrayLike], sizes: IntArray) -> tuple[FloatArray, ...]:
    """Read-only copies of ``rotations``, one orthogonal (s_g, s_g) matrix for each block."""
    matrices = members("rotations", rotations)
    if len(matrices) != len(sizes):
        raise ValueError(
            f"rotations must hold one matrix per expert, {len(sizes)}, got {len(matrices)}"
        )
    bases = []
    for g, (rotation, size) in enumerate(zip(matrices, sizes, strict=True)):
        basis = real_array(f"rotations[{g}]", rotation)
        if basis.shape != (size, size):
            raise ValueError(
                f"rotations[{g}] must have shape {(int(size), int(size))}, got {basis.shape}"
            )
        if np.abs(basis.T @ basis - np.eye(size)).max() > 1e-9:
            raise ValueError(f"rotations[{g}] must be orthogonal")
        read_only(basis)
        bases.append(basis)
    return tuple(bases)
