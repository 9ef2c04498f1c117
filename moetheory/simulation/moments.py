"""Streaming first and second moments, per group, that merge as if computed at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.validation import FloatArray, IntArray


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
