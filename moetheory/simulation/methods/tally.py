"""Streaming first and second moments that merge as if computed at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Tally:
    """First and second moments of E values over replicates, of a chunk or of merged chunks.

    Attributes
    ----------
    replicates : int
    means : (E,) array
    comoments : (E, E) array
        Summed products of deviations from the means.
    group_counts : (K,) integer array
    group_means : (E, K) array
        Mean given the group; 0 for a group that nothing fell into.
    values : (E, replicates) array
        The values themselves, in order, if they were to be kept, else (E, 0); merging drops them.
    """

    replicates: int
    means: FloatArray
    comoments: FloatArray
    group_counts: IntArray
    group_means: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, values: FloatArray, given_group: FloatArray, *, keep: bool = False) -> Self:
        """The tally of ``values`` (E, R) and their parts by group, ``given_group`` (E, R, K)."""
        counts = np.full(given_group.shape[-1], values.shape[1])
        return cls._of(values, counts, given_group.mean(axis=1), keep)

    @classmethod
    def by_group(cls, values: FloatArray, groups: IntArray, number_of_groups: int) -> Self:
        """The tally of ``values`` (E, R) whose replicate i belongs to group ``groups[i]``."""
        counts = np.bincount(groups, minlength=number_of_groups)
        sums = [np.bincount(groups, row, minlength=number_of_groups) for row in values]
        return cls._of(values, counts, np.stack(sums) / np.maximum(counts, 1), keep=False)

    @classmethod
    def _of(cls, values: FloatArray, counts: IntArray, given: FloatArray, keep: bool) -> Self:
        means = values.mean(axis=1)
        centred = values - means[:, np.newaxis]
        comoments = np.vecdot(centred[:, np.newaxis], centred)
        kept = values if keep else np.empty((len(values), 0))
        return cls(values.shape[1], means, comoments, counts, given, kept)

    def merge(self, other: Self) -> Self:
        r"""The tally of both sets of replicates, ``self`` first (Chan, Golub and LeVeque 1979).

        :math:`C = C_1 + C_2 + \delta\delta^\top n_1n_2/(n_1+n_2)`, :math:`\delta` the difference
        of the means.
        """
        replicates = self.replicates + other.replicates
        share = other.replicates / replicates
        shift = other.means - self.means
        between = np.multiply.outer(shift, shift) * (self.replicates * share)
        counts = self.group_counts + other.group_counts
        group_share = other.group_counts / np.maximum(counts, 1)
        return type(self)(
            replicates,
            self.means + shift * share,
            self.comoments + other.comoments + between,
            counts,
            self.group_means + (other.group_means - self.group_means) * group_share,
            self.values[:, :0],
        )

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the means, (E, E); NaN for a single replicate."""
        if self.replicates < 2:
            return np.full_like(self.comoments, np.nan)
        return self.comoments / (self.replicates - 1) / self.replicates


def merged(tallies: Iterable[Tally]) -> Tally:
    """The tally of all replicates of several tallies, merged in their order."""
    return reduce(Tally.merge, tallies)
