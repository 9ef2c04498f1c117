r"""Sums over coordinates of what each group sees there: one value on its own block, one off it.

An array :math:`a_{gm}` over groups and coordinates that is :math:`\text{own}_m` where m is in
block g and :math:`\text{other}_m` elsewhere takes two arrays of length d. Groups form *sets*: in
a set each group sees the blocks of all (dense), or every group is a set by itself (experts).
Values of groups have shape (sets, groups in a set), matrices one more axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.sums import of_others


class BlockLayout:
    """Coordinates sorted by block, and which groups share a set."""

    def __init__(self, block_of: IntArray, groups: int, *, coupled: bool) -> None:
        self.sizes = np.bincount(block_of, minlength=groups)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.shape = (1, groups) if coupled else (groups, 1)
        inside = np.all(block_of[1:] >= block_of[:-1])
        self._order = None if inside else np.argsort(block_of, kind="stable")

    def sort(self, values: Any) -> Any:
        """Coordinates in the order in which all methods take them; scalars as they are."""
        if np.ndim(values) == 0 or self._order is None:
            return values
        return values[self._order]

    def unsort(self, values: FloatArray) -> FloatArray:
        """The inverse of `sort`."""
        if self._order is None:
            return values
        result = np.empty_like(values)
        result[self._order] = values
        return result

    def spread(self, values: FloatArray) -> FloatArray:
        """For each coordinate the value of its block's group, shape (d,)."""
        return np.repeat(np.broadcast_to(values, self.shape).ravel(), self.sizes)

    def block_sums(self, terms: FloatArray) -> FloatArray:
        r""":math:`\sum_{m \in g} t_m` for every g."""
        return np.asarray(np.add.reduceat(terms, self.starts).reshape(self.shape))

    def group_sums(self, own: FloatArray, other: FloatArray) -> FloatArray:
        r""":math:`\sum_m a_{gm}` for every g, m in the blocks of its set."""
        return self.block_sums(own) + of_others(self.block_sums(other))

    def across(self, values: FloatArray, own: Any, other: Any) -> FloatArray:
        r""":math:`\sum_g v_g a_{gm}` for every m, shape (d,), without subtracting."""
        here = self.spread(values) * own
        if self.shape[-1] == 1:
            return np.asarray(here)
        return np.asarray(here + self.spread(of_others(values)) * other)

    def gram(self, own: FloatArray, other: FloatArray, weights: Any = 1.0) -> FloatArray:
        r""":math:`\sum_m w_m a_{gm} a_{hm}`, shape (sets, k, k)."""
        weighted = own * weights
        own_own = self.block_sums(weighted * own)[..., np.newaxis]
        if self.shape[-1] == 1:
            return own_own
        crossed = self.block_sums(weighted * other)
        rest = self.block_sums(other * weights * other)
        diagonal = np.eye(self.shape[-1], dtype=bool)
        # row g, column h: the blocks that are neither g's nor h's
        matrix = of_others(np.where(diagonal, 0.0, rest[:, np.newaxis, :]))
        matrix = matrix + crossed[:, :, np.newaxis] + crossed[:, np.newaxis, :]
        own_and_rest = own_own + of_others(rest)[..., np.newaxis]
        return np.asarray(np.where(diagonal, own_and_rest, matrix))

    def form(
        self,
        matrix: FloatArray,
        own: FloatArray,
        other: FloatArray,
        own_right: FloatArray | None = None,
        other_right: FloatArray | None = None,
    ) -> FloatArray:
        r""":math:`\sum_{gh} a_{gm} M_{gh} a'_{hm}` for every m, shape (d,), M symmetric."""
        if own_right is None or other_right is None:
            own_right, other_right = own, other
        diagonal = np.diagonal(matrix, axis1=1, axis2=2)
        result = self.spread(diagonal) * own * own_right
        if self.shape[-1] == 1:
            return np.asarray(result)
        without = of_others(matrix)  # [h, g]: row h without column g
        beside = np.diagonal(without, axis1=1, axis2=2)
        rest = np.diagonal(of_others(without.swapaxes(1, 2)), axis1=1, axis2=2)
        result = result + self.spread(beside) * (own * other_right + other * own_right)
        return np.asarray(result + self.spread(rest) * other * other_right)
