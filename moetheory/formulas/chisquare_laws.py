"""Laws of weighted sums of chi-squares, side by side in arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.close_weights import Groups, Merged, merged_weights

EXTREME = 1e290  # beyond it, or below its inverse, squares and ratios leave the range of floats


class Nodes(NamedTuple):
    """Singularities of the transforms of L laws with R rows of loads each.

    Places that a law does not need repeat its last δ, with power or load 0.

    Attributes
    ----------
    gaps, powers : (L, J) arrays
        The distances δ from the first, rising, and half the degrees.
    load_gaps, loads : (L, R, I) arrays
        The δ and shares of the loads; the shares of a row add up to 1.
    counts, load_counts : (L,) integer arrays
        How many of the J, and of the I places a law needs.
    """

    gaps: FloatArray
    powers: FloatArray
    load_gaps: FloatArray
    loads: FloatArray
    counts: IntArray
    load_counts: IntArray

    @classmethod
    def of(cls, laws: Sequence[_Law | Merged]) -> Nodes:
        """The nodes of several laws with as many rows of loads."""
        counts = np.array([len(law.gaps) for law in laws], dtype=np.intp)
        load_counts = np.array(
            [max((len(each) for each in law.loads), default=0) for law in laws], dtype=np.intp
        )
        rows = len(laws[0].loads)
        places = np.empty((2, len(laws), int(counts.max())))
        load_places = np.empty((2, len(laws), rows, int(load_counts.max())))
        for i, law in enumerate(laws):
            _fill(places[:, i], law.gaps, law.powers)
            for r in range(rows):
                _fill(load_places[:, i, r], law.load_gaps[r], law.loads[r])
        return cls(places[0], places[1], load_places[0], load_places[1], counts, load_counts)

    def of_laws(self, which: IntArray) -> Nodes:
        """The nodes of the laws ``which``, without the places that none of them needs."""
        counts, load_counts = self.counts[which], self.load_counts[which]
        width, load_width = int(counts.max()), int(load_counts.max())
        return Nodes(
            self.gaps[which, :width],
            self.powers[which, :width],
            self.load_gaps[which, :, :load_width],
            self.loads[which, :, :load_width],
            counts,
            load_counts,
        )


def _fill(places: FloatArray, gaps: FloatArray, masses: FloatArray) -> None:
    """Put nodes of one law into ``places``, (2, J)."""
    places[0], places[1] = gaps[-1], 0.0
    places[:, : len(gaps)] = gaps, masses


class _Law(NamedTuple):
    """The law of one sum in the unit 2 max w: (J,) arrays, and R rows of loads."""

    unit: float
    gaps: FloatArray
    powers: FloatArray
    load_gaps: tuple[FloatArray, ...]
    loads: tuple[FloatArray, ...]
    log_loads: FloatArray

    @classmethod
    def of(cls, weights: ArrayLike, degrees: ArrayLike, loads: Sequence[ArrayLike]) -> _Law:
        """The law for checked arguments, with equal weights taken together."""
        w, nu = np.asarray(weights, dtype=np.float64), np.asarray(degrees, dtype=np.float64)
        if w.ndim != 1 or not len(w) or not np.all((w > w.max() / EXTREME) & (w < math.inf)):
            raise ValueError(f"weights must be positive, finite and comparable, got {weights!r}")
        if nu.shape != w.shape or not np.all((nu >= 1.0) & (nu < math.inf)):
            raise ValueError(f"degrees must be at least 1, one for each weight, got {degrees!r}")
        largest = float(w.max())
        negative, which = np.unique(-w, return_inverse=True)
        gaps = (largest + negative) / -negative  # β - 1 without cancellation
        totals, rows = [], []
        for each in loads:
            load = np.asarray(each, dtype=np.float64)
            if load.shape != w.shape or not np.all((load >= 0.0) & (load < math.inf)):
                raise ValueError(f"loads must not be negative, one for each weight, got {each!r}")
            totals.append(float(load.sum()))
            # without loads any share will do: the sum that multiplies it is 0
            shares = load / totals[-1] if totals[-1] > 0.0 else 1.0 * (np.arange(len(w)) == 0)
            rows.append(np.bincount(which, shares).astype(np.float64))
        log_loads = np.array([math.log(t) if t > 0.0 else -math.inf for t in totals])
        powers = np.bincount(which, 0.5 * nu).astype(np.float64)
        return cls(2.0 * largest, gaps, powers, (gaps,) * len(rows), tuple(rows), log_loads)


class Laws(NamedTuple):
    """The laws of L sums Q of chi-squares, with R rows of loads each.

    Attributes
    ----------
    units : (L,) array
        Twice the largest weight; the nodes are those of Q in this unit.
    log_loads : (L, R) array
        Logarithms of the sums of the loads.
    nodes : Nodes
        Of all weights.
    merged : (Nodes, Groups) or None
        The same with close weights taken together, and the groups; None if that saves nothing.
    """

    units: FloatArray
    log_loads: FloatArray
    nodes: Nodes
    merged: tuple[Nodes, Groups] | None

    @classmethod
    def of(
        cls,
        weights: Sequence[ArrayLike],
        degrees: Sequence[ArrayLike],
        loads: Sequence[Sequence[ArrayLike]] | None = None,
    ) -> Laws:
        """The laws, checked: an entry of each sequence is a law, and one of its loads a row."""
        rows = ((),) * len(weights) if loads is None else loads
        laws = [_Law.of(*each) for each in zip(weights, degrees, rows, strict=True)]
        few = [
            merged_weights(law.gaps, law.powers, np.array(law.loads).reshape(-1, len(law.gaps)))
            for law in laws
        ]
        merged = None
        if most := max(0 if each is None else len(each.groups.halves) for each in few):
            groups = np.zeros((3, len(laws), most))
            for i, each in enumerate(few):
                if each is not None:
                    groups[:, i, : len(each.groups.halves)] = each.groups
            pairs = zip(laws, few, strict=True)
            merged = (
                Nodes.of([law if each is None else each for law, each in pairs]),
                Groups(*groups),
            )
        return cls(
            np.array([law.unit for law in laws]),
            np.array([law.log_loads for law in laws]),
            Nodes.of(laws),
            merged,
        )
