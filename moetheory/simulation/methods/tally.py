"""Streaming first and second moments that merge as if computed at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import stratified_mean


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
        Of strata: numbers with the same mean and the same ``comoments``.
    variance_spread : (E,) array
        How uncertain the variance of the mean of strata is, see `kernels.StratifiedMean`; zero
        for independent values of one law.
    """

    replicates: int
    means: FloatArray
    comoments: FloatArray
    group_counts: IntArray
    group_means: FloatArray
    values: FloatArray
    variance_spread: FloatArray

    @classmethod
    def of(cls, values: FloatArray, given_group: FloatArray, *, keep: bool = False) -> Self:
        """The tally of ``values`` (E, R) and their parts by group, ``given_group`` (E, R, K)."""
        counts = np.full(given_group.shape[-1], values.shape[1])
        means = values.mean(axis=1)
        centred = values - means[:, np.newaxis]
        comoments = np.vecdot(centred[:, np.newaxis], centred)
        return cls(
            values.shape[1],
            means,
            comoments,
            counts,
            given_group.mean(axis=1),
            values if keep else values[:, :0],
            np.zeros(len(values)),
        )

    @classmethod
    def of_strata(
        cls,
        values: FloatArray,
        counts: IntArray,
        probabilities: FloatArray,
        given_group: FloatArray | None = None,
        *,
        keep: bool = False,
    ) -> Self:
        """The tally of ``values`` (E, R), which hold ``counts`` (K,) inputs of each group in turn.

        ``given_group`` (E, K) are the means given the group, if not those of its own inputs.
        """
        replicates = values.shape[1]
        found = stratified_mean(values, counts, probabilities)
        # n(n-1) times the covariance of the mean, as of independent values
        kept = found.influences * math.sqrt(replicates * (replicates - 1.0))
        comoments = np.vecdot(kept[:, np.newaxis], kept)
        kept += found.mean[:, np.newaxis]
        return cls(
            replicates,
            found.mean,
            comoments,
            counts if given_group is None else np.where(counts > 0, replicates, 0),
            found.given_stratum if given_group is None else given_group,
            kept if keep else kept[:, :0],
            found.variance_spread,
        )

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
            np.hypot(self.variance_spread * (1.0 - share) ** 2, other.variance_spread * share**2),
        )

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the means, (E, E); NaN for a single replicate."""
        if self.replicates < 2:
            return np.full_like(self.comoments, np.nan)
        return self.comoments / (self.replicates - 1) / self.replicates

    @property
    def degrees(self) -> FloatArray:
        """Degrees of freedom of the variance of each mean, (E,), at most ``replicates`` - 1."""
        most = self.replicates - 1.0
        variance = np.diagonal(self.covariance)
        scale = np.where(variance > 0.0, variance, 1.0)
        share = np.square(self.variance_spread / scale)
        return np.asarray(1.0 / np.maximum(share, 1.0 / max(most, 1.0)))


def merged(tallies: Iterable[Tally]) -> Tally:
    """The tally of all replicates of several tallies, merged in their order."""
    return reduce(Tally.merge, tallies)
