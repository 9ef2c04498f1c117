"""The data of an audit, to which predictors are fitted and on which they are tested."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.auditing.features import Features
from moetheory.common.arrays import FloatArray, IntArray


class Task(NamedTuple):
    """All samples of an audit, training and held-out, with their groups, blocks and noise.

    Attributes
    ----------
    features : Features
        (n, d).
    labels : (n,) array
    groups : (n,) integer array
    block_of : (d,) integer array
    energies : (n, K) array
        Sums of squares of each block, without noise.
    intercept : bool
        Whether predictors have an intercept.
    noise_variances : (L,) array
    """

    features: Features
    labels: FloatArray
    groups: IntArray
    block_of: IntArray
    energies: FloatArray
    intercept: bool
    noise_variances: FloatArray

    @property
    def experts(self) -> int:
        """The number of experts K."""
        return int(self.energies.shape[1])

    @property
    def sizes(self) -> IntArray:
        """The number of features of each block, (K,)."""
        return np.bincount(self.block_of)
