"""How many blocks features have (docs/theory.md §9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

_TRACY_WIDOM = 3.3  # exceeded with probability 1e-3


def blocks_show(correlations: FloatArray, samples: int) -> bool:
    """Whether correlations of squares over so many samples are beyond those of independent ones.

    By the largest eigenvalue, at a level of 0.001 (Johnstone 2001); see `blocks_of`.
    """
    from scipy.linalg import eigvalsh

    dim = len(correlations)
    sides = np.array([samples - 1.0, dim])
    width = np.sqrt(sides).sum()
    fluctuation = _TRACY_WIDOM * np.cbrt((1.0 / np.sqrt(sides)).sum())
    largest = eigvalsh(correlations, subset_by_index=[dim - 1, dim - 1])[0]
    return bool(largest > width * (width + fluctuation) / samples)


def best_number(correlations: FloatArray, found: Mapping[int, IntArray]) -> int:
    """The number of blocks whose blocks, ``found`` for each, hold most of the correlations.

    The first of equally good ones.
    """
    return max(found, key=lambda number: correlation_inside(correlations, found[number]))


def correlation_inside(correlations: FloatArray, blocks: IntArray) -> float:
    """The sum of the correlations between different features of one block."""
    total = -float(correlations.trace())
    for block in range(int(blocks.max()) + 1):
        inside = np.flatnonzero(blocks == block)
        total += float(correlations[np.ix_(inside, inside)].sum())
    return total
