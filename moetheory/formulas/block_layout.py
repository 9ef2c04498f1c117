r"""Sums over groups and coordinates of matrices with one value on a block and one off it.

A matrix :math:`a_{gm}` over groups and coordinates that is :math:`\text{own}_m` where m is in
block g and :math:`\text{other}_m` elsewhere is given by two arrays of length d. Groups form *sets*:
in a set each group sees the blocks of all (dense), or every group is a set by itself (experts).
Values of groups have shape (sets, k), with k groups in a set; matrices have shape (sets, k, k).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.sums import sum_over_others


class BlockLayout:
    """Coordinates sorted by block, and which groups share a set.

    Parameters
    ----------
    block_of : (d,) integer array
        The block of each coordinate.
    groups : int
        Number of groups K; no block is empty.
    coupled : bool
        Whether all groups share one set (dense), or each is a set by itself (experts).

    Attributes
    ----------
    sizes, starts : (K,) integer arrays
        Size and first coordinate of each block, in sorted order.
    shape : tuple
        (sets, k): (1, K) if coupled, else (K, 1).
    """

    def __init__(self, block_of: IntArray, groups: int, *, coupled: bool) -> None:
        self.sizes = np.bincount(block_of, minlength=groups)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.shape = (1, groups) if coupled else (groups, 1)
        is_sorted = np.all(block_of[1:] >= block_of[:-1])
        self._order = None if is_sorted else np.argsort(block_of, kind="stable")

    def sort(self, values: Any) -> Any:
        """The values in the order of coordinates that all methods take; scalars as they are."""
        if np.ndim(values) == 0 or self._order is None:
            return values
        return values[self._order]

    def unsort(self, values: FloatArray) -> FloatArray:
        """The values in the order of the model: the inverse of `sort`."""
        if self._order is None:
            return values
        result = np.empty_like(values)
        result[self._order] = values
        return result

    def per_coordinate(self, values: FloatArray) -> FloatArray:
        """For each coordinate the value of its block's group, shape (d,)."""
        return np.repeat(np.broadcast_to(values, self.shape).ravel(), self.sizes)

    def sum_over_block(self, terms: FloatArray) -> FloatArray:
        r"""Sums :math:`\sum_{m \in g} t_m` of sorted terms (d,) for every g, shape (sets, k)."""
        return np.asarray(np.add.reduceat(terms, self.starts).reshape(self.shape))

    def sum_over_coordinates(self, own: FloatArray, other: FloatArray) -> FloatArray:
        r"""Sums :math:`\sum_m a_{gm}` over the blocks of the set for every g, shape (sets, k)."""
        return self.sum_over_block(own) + sum_over_others(self.sum_over_block(other))

    def sum_over_groups(self, values: FloatArray, own: Any, other: Any) -> FloatArray:
        r"""Sums :math:`\sum_g v_g a_{gm}` for every m, shape (d,), without subtracting."""
        own_terms = self.per_coordinate(values) * own
        if self.shape[-1] == 1:
            return np.asarray(own_terms)
        return np.asarray(own_terms + self.per_coordinate(sum_over_others(values)) * other)

    def gram(self, own: FloatArray, other: FloatArray, weights: Any = 1.0) -> FloatArray:
        r"""The matrix :math:`\sum_m w_m a_{gm} a_{hm}`, shape (sets, k, k)."""
        weighted = own * weights
        own_own = self.sum_over_block(weighted * own)[..., np.newaxis]
        if self.shape[-1] == 1:
            return own_own
        own_other = self.sum_over_block(weighted * other)
        other_other = self.sum_over_block(other * weights * other)
        diagonal = np.eye(self.shape[-1], dtype=bool)
        # row g, column h: the blocks that are neither g's nor h's
        matrix = sum_over_others(np.where(diagonal, 0.0, other_other[:, np.newaxis, :]))
        matrix = matrix + own_other[:, :, np.newaxis] + own_other[:, np.newaxis, :]
        on_diagonal = own_own + sum_over_others(other_other)[..., np.newaxis]
        return np.asarray(np.where(diagonal, on_diagonal, matrix))

    def quadratic_form(
        self,
        matrix: FloatArray,
        own: FloatArray,
        other: FloatArray,
        own_right: FloatArray | None = None,
        other_right: FloatArray | None = None,
    ) -> FloatArray:
        r"""The form :math:`\sum_{gh} a_{gm} M_{gh} a'_{hm}` for every m, shape (d,).

        Parameters
        ----------
        matrix : (sets, k, k) array
            M, symmetric.
        own, other, own_right, other_right : (d,) arrays
            The pairs of a and a'; by default a' is a.
        """
        if own_right is None or other_right is None:
            own_right, other_right = own, other
        diagonal = np.diagonal(matrix, axis1=1, axis2=2)
        result = self.per_coordinate(diagonal) * own * own_right
        if self.shape[-1] == 1:
            return np.asarray(result)
        without = sum_over_others(matrix)  # [h, g]: row h without column g
        own_row = np.diagonal(without, axis1=1, axis2=2)
        rest = np.diagonal(sum_over_others(without.swapaxes(1, 2)), axis1=1, axis2=2)
        result = result + self.per_coordinate(own_row) * (own * other_right + other * own_right)
        return np.asarray(result + self.per_coordinate(rest) * other * other_right)
