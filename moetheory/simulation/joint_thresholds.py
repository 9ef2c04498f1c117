r"""Where the joint fit of experts and a shared one is singular; helper of ``heavy_tails.py``.

Expert e has :math:`n_e` samples. Each of its coordinates has two coefficients: one that the samples
of e meet (:math:`c_e` of them) and one that those of all other experts meet (:math:`w_e`, those of
the shared expert). Entries of the design are independent where they are not zero by this rule, so
that its rank is the size of the largest matching of rows and columns,

.. math:: r = \min_T\rho(T),\qquad \rho(T) = \sum_{e\notin T}n_e + N(T),

T any set of experts that have samples, N(T) the number of columns that their rows meet (König):
:math:`\sum_{e\in T}c_e + \sum_ew_e` for two experts or more, and for one
:math:`c_e + \sum_{j\ne e}w_j`. Matrices of a lower rank have codimension :math:`\delta + 1`, δ the
gap between the least two values of ρ: :math:`P(\varsigma < \epsilon) \sim \epsilon^{\delta+1}`
for the smallest singular value ς that is not always zero. For one regression δ is
:math:`|n-d|`. As ρ is submodular, only sets that contain the least one, or are contained in it, can
be second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.kernels.gate_weights import BoolArray


class Threshold(NamedTuple):
    """A part of the joint fit that is singular where both numbers are equal."""

    samples: int
    coordinates: int

    @property
    def distance(self) -> int:
        """δ."""
        return abs(self.samples - self.coordinates)


def nearest_threshold(
    samples: IntArray, own: IntArray, others: IntArray, reached: BoolArray
) -> Threshold | None:
    """The threshold that is nearest to the joint fit; None without samples.

    Parameters
    ----------
    samples, own, others : (E,) integer arrays
        :math:`n_e, c_e, w_e` of each expert.
    reached : (E,) boolean array
        Whether any input meets the expert: the thresholds of its own coefficients count then.
    """
    drawn = samples > 0
    n, c, w, met = samples[drawn], own[drawn], others[drawn], reached[drawn]
    if not n.size:
        return None
    total, surplus = int(others.sum()), c - n
    single = surplus + total - w
    # two experts or more: all whose columns are fewer than their rows, or else the least two
    several = np.zeros(len(n), dtype=bool)
    several[np.argsort(surplus, kind="stable")[:2]] = True
    several |= surplus < 0
    values = [0, int(single.min()), int(surplus[several].sum()) + total]
    if len(n) == 1:
        values.pop()
    best = int(np.argmin(values))
    if best == 0:
        least = np.zeros(len(n), dtype=bool)
    elif best == 1:
        least = np.arange(len(n)) == int(np.argmin(single))
    else:
        least = several

    def columns(chosen: BoolArray) -> int:
        alone = int(w[chosen].sum()) if chosen.sum() == 1 else 0
        return int(c[chosen].sum()) + (total - alone if chosen.any() else 0)

    found = [
        Threshold(int(n[chosen ^ least].sum()), abs(columns(chosen) - columns(least)))
        for chosen in _nested(least, surplus, single, met)
    ]
    return min(found, key=lambda each: each.distance) if found else None


def _nested(
    least: BoolArray, surplus: IntArray, single: IntArray, met: BoolArray
) -> Iterator[BoolArray]:
    """Sets beside ``least`` that contain it or that it contains, the smallest ρ among them."""
    experts, size = np.arange(len(least)), int(least.sum())
    if size:
        yield np.zeros_like(least)
    if size >= 2:
        inside = np.flatnonzero(least)
        yield experts == inside[np.argmin(single[inside])]
        # one expert more or less: that meets no coefficient of the shared expert
        for place in np.flatnonzero(met & ~least | met & least & (size > 2)):
            yield least ^ (experts == place)
        return
    outside = np.flatnonzero(~least)
    if not size:
        yield experts == outside[np.argmin(single[outside])]
    ordered = outside[np.argsort(surplus[outside], kind="stable")]
    fewest = 2 - size
    for more in {fewest, max(fewest, int(np.count_nonzero(surplus[outside] < 0)))}:
        if more <= len(ordered):
            yield least | np.isin(experts, ordered[:more])
