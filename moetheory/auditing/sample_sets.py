"""Samples that stay together: of one cluster, or equal in all that is known of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.auditing.features import Features
from moetheory.common.arrays import FloatArray, IntArray

FEWEST_DISTINCT = 0.5  # share of different rows below which equal rows are no duplicates


class SampleSets(NamedTuple):
    """Which samples stay together.

    Attributes
    ----------
    of : (n,) integer array
        Equal for samples that stay together in the split, when samples are left out, and in
        standard errors.
    duplicates : int
        Samples that repeat another one, features and labels.
    """

    of: IntArray
    duplicates: int


def sample_sets(x: Features, labels: FloatArray, clusters: IntArray | None) -> SampleSets:
    """The sets of samples, of features that are checked and labels (n, m).

    Where features take few values most rows are equal by chance: then they are no duplicates.
    """
    keys = np.empty(x.samples, dtype=np.int64)
    for part, chunk in x.chunks(np.arange(x.samples)):
        rows = np.column_stack([chunk, labels[part]]) + 0.0  # one zero, not two
        keys[part] = [hash(row.tobytes()) for row in rows]
    equal = by_first(keys)
    distinct = int(equal.max()) + 1
    if distinct < FEWEST_DISTINCT * x.samples:
        equal, distinct = np.arange(x.samples), x.samples
    if clusters is None:
        return SampleSets(equal, x.samples - distinct)
    return SampleSets(_joined(clusters, equal), x.samples - distinct)


def _joined(first: IntArray, second: IntArray) -> IntArray:
    """The coarsest sets: samples are together that share one of either."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offset = int(first.max()) + 1
    size = offset + int(second.max()) + 1
    links = coo_array((np.ones(len(first)), (first, second + offset)), shape=(size, size))
    return by_first(connected_components(links, directed=False)[1][first])


def by_first(codes: IntArray) -> IntArray:
    """Codes 0, 1, … in the order in which they first occur."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def summed(values: FloatArray, sets: IntArray) -> FloatArray:
    """Values (n, …) as contributions of the sets: their mean is that of the values, (S, …)."""
    _, codes = np.unique(sets, return_inverse=True)
    count = int(codes.max()) + 1
    if count == len(values):
        return values
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, codes, values)
    return sums * (count / len(values))


def mean_and_sem(values: FloatArray, sets: IntArray) -> tuple[FloatArray, FloatArray]:
    """The mean of values (n, L), and its standard error with samples of one set together."""
    mean = values.mean(axis=0)
    own = summed(values - mean, sets)
    count = len(own)
    return mean, np.sqrt(np.square(own).sum(axis=0) / max(count - 1, 1) / count)
