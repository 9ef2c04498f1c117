"""Experts fitted on training sets that are drawn in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.least_squares import ridge_fit


def expert_fits(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
    ridge: float,
) -> FloatArray:
    r"""Coefficients of every expert, fitted on its group's samples and its own block, (R, d).

    An expert without samples predicts zero.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    block_of : (d,) integer array
    experts : int
        K.
    ridge : float
        :math:`\mu \ge 0`.
    """
    fits = np.zeros((len(features), len(block_of)))
    for _, sets, own, rows, targets in expert_data(features, labels, groups, block_of, experts):
        fits[np.ix_(sets, own)] = ridge_fit(rows, targets, ridge)
    return fits


class ExpertData(NamedTuple):
    """The samples of one expert in the training sets that give it the same number c > 0 of them.

    Attributes
    ----------
    group : int
    sets : (S,) integer array
        Indices of these training sets.
    own : (s,) integer array
        The coordinates of the expert's block.
    features, labels : (S, c, s) and (S, c) arrays
    """

    group: int
    sets: IntArray
    own: IntArray
    features: FloatArray
    labels: FloatArray


def expert_data(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
) -> Iterator[ExpertData]:
    """The samples of every expert, grouped by their number; parameters as for `expert_fits`."""
    for g in range(experts):
        own = np.flatnonzero(block_of == g)
        seen, here = features[..., own], groups == g
        counts = np.count_nonzero(here, axis=1)
        # training sets with equally many samples of the group make one regular array
        for count in np.unique(counts[counts > 0]):
            chosen = counts == count
            rows = here & chosen[:, np.newaxis]
            yield ExpertData(
                g,
                np.flatnonzero(chosen),
                own,
                seen[rows].reshape(-1, count, len(own)),
                labels[rows].reshape(-1, count),
            )
