"""The data of an audit, to which predictors are fitted and on which they are tested."""

from __future__ import annotations

from typing import NamedTuple

from moetheory.auditing.features import Features
from moetheory.auditing.noise import FeatureNoise
from moetheory.common.arrays import FloatArray, IntArray


class Task(NamedTuple):
    """All samples of an audit, training and held-out, with their groups, blocks and noise.

    Attributes
    ----------
    features : Features
        (n, d).
    labels : (n, m) array
    groups : (n,) integer array
    blocks : K integer arrays
        The features that each expert sees where it is restricted to its block.
    sets : (n,) integer array
        Equal for samples that stay together.
    intercept : bool
    noise : FeatureNoise
    levels : (F,) array
        Levels of noise at which risks are predicted, in increasing order.
    told : (L,) integer array
        Which of them are asked for, and measured.
    """

    features: Features
    labels: FloatArray
    groups: IntArray
    blocks: list[IntArray]
    sets: IntArray
    intercept: bool
    noise: FeatureNoise
    levels: FloatArray
    told: IntArray

    @property
    def experts(self) -> int:
        """The number of experts K."""
        return len(self.blocks)

    @property
    def told_levels(self) -> FloatArray:
        """The levels that are asked for, (L,)."""
        return self.levels[self.told]
