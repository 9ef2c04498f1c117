"""Spectral clustering of features, for any number of blocks (docs/theory.md §9)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray


class SpectralBlocks(NamedTuple):
    """The leading eigenvectors of the affinities A of features, from which blocks are read.

    ``vectors`` (d, K) come from the largest eigenvalue on, K the most blocks that can be read;
    ``isolated`` (d,) marks the features without a positive correlation to another.
    """

    vectors: FloatArray
    isolated: NDArray[np.bool_]

    @classmethod
    def of(cls, correlations: FloatArray, most: int) -> SpectralBlocks:
        """What it takes to find up to ``most`` blocks."""
        from scipy.linalg import eigh

        dim = len(correlations)
        affinity, isolated = affinities(correlations)
        vectors = eigh(affinity, subset_by_index=[dim - most, dim - 1])[1]
        return cls(vectors[:, ::-1], isolated)

    def blocks(self, experts: int) -> IntArray:
        """The block of each feature, (d,), of ``experts`` blocks, numbered by first features."""
        return _in_order_of_first_features(assigned(self.vectors[:, :experts], self.isolated))


def affinities(correlations: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The matrix A, and the mask of features without a positive correlation to another."""
    positive = np.maximum(correlations, 0.0)
    np.fill_diagonal(positive, 0.0)
    degrees = positive.sum(axis=0)
    isolated = degrees == 0.0
    inverse = 1.0 / np.sqrt(np.where(isolated, 1.0, degrees))
    return positive * np.multiply.outer(inverse, inverse), isolated


def assigned(vectors: FloatArray, isolated: NDArray[np.bool_]) -> IntArray:
    """The block of each feature: the pivot nearest in direction, by the rows of ``vectors``."""
    from scipy.linalg import polar, qr

    experts = vectors.shape[1]
    # rows are not normalised, so that pivots are features with large correlations
    pivots = qr(vectors.T, mode="r", pivoting=True)[1][:experts]
    directions = polar(vectors[pivots])[0]
    blocks: IntArray = np.argmax(vectors @ directions.T, axis=1)
    blocks[isolated] = np.bincount(blocks[~isolated], minlength=experts).argmax()
    blocks[pivots] = np.arange(experts)
    return blocks


def _in_order_of_first_features(blocks: IntArray) -> IntArray:
    """The blocks, renumbered in the order of their first features."""
    _, first, inverse = np.unique(blocks, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
