"""Sums over the blocks of the groups that each expert serves (docs/theory.md §11)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.formulas.sums import sum_over_others


class ExpertSums:
    """Sums of values of blocks (..., K), by the expert that sees the block; nothing is subtracted.

    Parameters
    ----------
    expert_of : (K,) integer array
        The expert, 0 to E-1, of each group. No expert is without a group.

    Attributes
    ----------
    experts : int
        E.
    one_each : bool
        Whether expert g serves group g alone.

    Examples
    --------
    >>> served, values = ExpertSums(np.array([0, 1, 0])), np.array([1.0, 2.0, 4.0])
    >>> served.by_expert(values), served.total(values)
    (array([5., 2.]), array([5., 2., 5.]))
    >>> served.others(values), served.elsewhere(values)
    (array([4., 0., 1.]), array([2., 5., 2.]))
    """

    def __init__(self, expert_of: IntArray) -> None:
        self.expert_of = expert_of
        self.experts = int(expert_of.max()) + 1
        self.one_each = self.experts == len(expert_of) and bool(
            np.all(expert_of == np.arange(self.experts))
        )

    def by_expert(self, values: FloatArray) -> FloatArray:
        """The sums over the blocks of each expert, (..., E)."""
        if self.one_each:
            return values
        if self.experts == 1:
            return np.asarray(values.sum(axis=-1, keepdims=True))
        return block_sums(values, self.expert_of)

    def total(self, values: FloatArray) -> FloatArray:
        """The sum over all blocks of the expert of a group, (..., K)."""
        sums = self.by_expert(values)
        if self.experts == 1:
            return np.broadcast_to(sums, values.shape)
        return sums if self.one_each else sums[..., self.expert_of]

    def share(self, values: FloatArray) -> FloatArray:
        """Each value over the total of its expert, (..., K); equal shares where that is 0.

        >>> ExpertSums(np.array([0, 1, 0, 1])).share(np.array([1.0, 0.0, 3.0, 0.0])).tolist()
        [0.25, 0.5, 0.75, 0.5]
        """
        total = self.total(values)
        alike = 1.0 / np.bincount(self.expert_of)[self.expert_of]
        return np.where(total > 0.0, values / np.where(total > 0.0, total, 1.0), alike)

    def others(self, values: FloatArray) -> FloatArray:
        """The sum over the other blocks of the expert of a group, (..., K)."""
        if self.experts == 1:
            return sum_over_others(values)
        sums = np.zeros_like(values)
        if not self.one_each:
            for groups in groups_by_number(self.expert_of, fewest=2):
                sums[..., groups] = sum_over_others(values[..., groups])
        return sums

    def elsewhere(self, values: FloatArray) -> FloatArray:
        """The sum over the blocks of all experts but that of a group, (..., K)."""
        sums = sum_over_others(self.by_expert(values))
        return sums if self.one_each else sums[..., self.expert_of]


def groups_by_number(expert_of: IntArray, fewest: int = 1) -> Iterator[IntArray]:
    """The groups of all experts that serve equally many, (experts, groups) each.

    >>> [groups.tolist() for groups in groups_by_number(np.array([0, 1, 0, 2]))]
    [[[1], [3]], [[0, 2]]]
    """
    order, numbers = np.argsort(expert_of, kind="stable"), np.bincount(expert_of)
    starts = np.cumsum(numbers) - numbers
    for number in np.unique(numbers[numbers >= fewest]):
        yield order[starts[numbers == number][:, np.newaxis] + np.arange(number)]
