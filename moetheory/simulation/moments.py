"""Streaming first and second moments, per group, that merge as if computed at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from moetheory.validation import FloatArray, IntArray


class Tally(Protocol):
    """What a chunk leaves behind, and what chunks merge to."""

    def merge(self, other: Self) -> Self:
        """Both together, ``self`` first."""

    def pooled(self) -> Moments:
        """The moments of the replicates: one group."""

    @property
    def group_means(self) -> FloatArray:
        """The mean of each of E values given the group, shape (E, K)."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Counts (G,), means (E, G) and summed co-deviations (E, E, G) of E values in G groups."""

    counts: IntArray
    means: FloatArray
    comoments: FloatArray

    @classmethod
    def of(cls, values: FloatArray, groups: IntArray, number_of_groups: int) -> Moments:
        """Moments of ``values`` (E, rows), row i belonging to ``groups[i]``."""
        counts = np.bincount(groups, minlength=number_of_groups)

        def summed(rows: FloatArray) -> FloatArray:
            return np.bincount(groups, rows, minlength=number_of_groups).astype(np.float64)

        means = np.stack([summed(row) for row in values]) / np.maximum(counts, 1)
        centred = values - means[:, groups]
        comoments = np.stack([[summed(a * b) for b in centred] for a in centred])
        return cls(counts, means, comoments)

    def merge(self, other: Moments) -> Moments:
        r"""The moments of both sets together (Chan, Golub and LeVeque 1979).

        :math:`C = C_1 + C_2 + \delta\delta^\top n_1n_2/(n_1+n_2)`, :math:`\delta` the difference
        of the means.
        """
        counts = self.counts + other.counts
        share = other.counts / np.maximum(counts, 1)
        shift = other.means - self.means
        means = self.means + shift * share
        between = shift[:, np.newaxis] * shift[np.newaxis] * (self.counts * share)
        return Moments(counts, means, self.comoments + other.comoments + between)

    def pooled(self) -> Moments:
        """The moments of all groups taken together: one group."""
        total = self.counts.sum(keepdims=True)
        share = self.counts / total
        means = (self.means * share).sum(axis=-1, keepdims=True)
        shift = self.means - means
        between = shift[:, np.newaxis] * shift[np.newaxis] * self.counts
        comoments = (self.comoments + between).sum(axis=-1, keepdims=True)
        return Moments(total, means, comoments)

    @property
    def group_means(self) -> FloatArray:
        """The means, shape (E, G); NaN for a group without values."""
        return np.where(self.counts > 0, self.means, np.nan)


@dataclass(frozen=True, eq=False)
class Together:
    """Moments of replicates each of which has a value in every group, and one over all groups."""

    overall: Moments
    given_group: Moments

    @classmethod
    def of(cls, values: FloatArray, given_group: FloatArray) -> Together:
        """Moments of ``values`` (E, R) and of their parts ``given_group`` (E, R, K)."""
        estimators, replicates, groups = given_group.shape
        return cls(
            Moments.of(values, np.zeros(replicates, dtype=np.int64), 1),
            Moments.of(
                given_group.reshape(estimators, -1), np.tile(np.arange(groups), replicates), groups
            ),
        )

    def merge(self, other: Together) -> Together:
        """The moments of both sets of replicates together."""
        return Together(
            self.overall.merge(other.overall), self.given_group.merge(other.given_group)
        )

    def pooled(self) -> Moments:
        """The moments of the values over all groups."""
        return self.overall

    @property
    def group_means(self) -> FloatArray:
        """The means given the group, shape (E, K)."""
        return self.given_group.means
