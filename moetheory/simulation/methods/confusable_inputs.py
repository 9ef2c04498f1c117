r"""Inputs that a gate is likely to confuse, so that rare errors of routing are drawn.

The gate takes an input of group g for group j where its score :math:`W_j` is the larger one, so

.. math:: P(\text{wrong}) \le \sum_{g\ne j}p_gE\big[(W_j/W_g)^\tau \mid g\big] = Z

(Chernoff). Drawn here is the law under this sum, see ``tilted_pairs.py``. An error of routing then
counts Z at most, so that the relative standard error hardly depends on how rare errors are. If
the gate knows the law of the test, :math:`\tau = \tfrac12` is best for all pairs together, and Z is
Bhattacharyya's bound. Where pairs of blocks differ so much that this bound is far from the least,
the pairs that count have the tilts that are best for each. Source: docs/theory.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import Weights
from moetheory.simulation.methods.block_energies import Marked, SquaredInputModel
from moetheory.simulation.methods.tilted_pairs import TiltedLaws, TiltedPairs

ROOTS_HOLD = -150.0  # logarithm of a bound, beside which roots of what underflows are nothing
LEAST_LOG = -650.0  # of a bound on how often routing errs: nothing rarer is a number
TILTS = 32  # that are tried
MOST_KINDS = 16  # of blocks, whose pairs may have tilts of their own
MOST_PAIRS = 12  # of kinds, that have them
LOOSE = 3.0  # a bound this many times the least one is far from it
NEGLIGIBLE = 1e-3  # of the bound, by one pair
COMMON = 0.1  # share of the inputs that have the common tilt, where others have their own


class _Candidate(NamedTuple):
    """Pairs of blocks of two kinds, with the tilt that is best for them."""

    log_bound: float
    tilt: float
    kinds: tuple[int, int]


@dataclass(frozen=True, eq=False)
class ConfusableInputs:
    """The law of confusable inputs of one model."""

    inputs: SquaredInputModel

    @cached
    def exist(self) -> bool:
        """Whether there are inputs that a gate may confuse.

        Not where errors are never drawn, nor where the gate takes for certain what the test
        leaves open: there it errs often.
        """
        return not self._laws.mistaken and self._common.log_bound > LEAST_LOG

    @cached
    def _laws(self) -> TiltedLaws:
        return TiltedLaws(self.inputs)

    @cached
    def _tilts(self) -> FloatArray:
        return self._laws.steepest * np.arange(1.0, TILTS) / TILTS

    @cached
    def _common(self) -> TiltedPairs:
        """All pairs, with the tilt that is best for all together."""
        every = np.arange(self.inputs.model.experts)
        if self._laws.same_law:
            return TiltedPairs(self._laws, 0.5, every, every)
        found = [TiltedPairs(self._laws, float(tilt), every, every) for tilt in self._tilts]
        return min(found, key=lambda pairs: pairs.log_bound)

    @cached
    def _kinds(self) -> list[IntArray]:
        """The blocks of each kind, equal ones; none if there are too many kinds."""
        parts = [part for tilt in self._tilts[::8] for part in self._laws.log_parts(float(tilt))]
        _, kinds = np.unique(np.stack(parts), axis=1, return_inverse=True)
        number = int(kinds.max()) + 1
        return [np.flatnonzero(kinds.ravel() == i) for i in range(number * (number <= MOST_KINDS))]

    @cached
    def _candidates(self) -> list[_Candidate]:
        kinds, found = self._kinds, []
        if not kinds:
            return []
        parts = [self._laws.log_parts(float(tilt)) for tilt in self._tilts]
        firsts = [blocks[0] for blocks in kinds]
        own, other = (np.stack([part[side][firsts] for part in parts]) for side in (0, 1))
        for a, these in enumerate(kinds):
            # with the law of training one order is enough: the other has the opposite tilt
            for b in range(a if self._laws.same_law else 0, len(kinds)):
                pairs = len(these) * (len(kinds[b]) - (a == b))
                if pairs:
                    logs = own[:, a] + other[:, b] + np.log(pairs)
                    best = int(np.argmin(logs))
                    found.append(_Candidate(float(logs[best]), float(self._tilts[best]), (a, b)))
        return sorted(found, reverse=True)

    @cached
    def _mixture(self) -> tuple[list[TiltedPairs], FloatArray]:
        """The laws of which the inputs are drawn, and their shares."""
        logs = np.array([each.log_bound for each in self._candidates])
        least = np.logaddexp.reduce(logs) if len(logs) else -np.inf
        once = np.log(2.0) if self._laws.same_law else 0.0  # pairs in both orders
        if not least > LEAST_LOG or self._common.log_bound - least - once < np.log(LOOSE):
            return [self._common], np.ones(1)
        kept = np.flatnonzero(logs > least + np.log(NEGLIGIBLE))[:MOST_PAIRS]
        own = [
            TiltedPairs(self._laws, each.tilt, *(self._kinds[kind] for kind in each.kinds))
            for each in (self._candidates[i] for i in kept)
        ]
        # errors of pairs that are rarer may be dearer
        wanted = np.exp((logs[kept] - least) / 2.0)
        return [self._common, *own], np.append(COMMON, (1.0 - COMMON) * wanted / wanted.sum())

    def marked(self, uniforms: FloatArray, columns: IntArray) -> list[Marked]:
        """Inputs in ``columns`` (m,), their blocks by ``uniforms`` (3, m)."""
        laws, shares = self._mixture
        if len(laws) == 1:
            return [laws[0].marked(uniforms[1:], columns)]
        chosen = np.searchsorted(np.cumsum(shares)[:-1], uniforms[0], side="right")
        return [
            law.marked(uniforms[1:, chosen == i], columns[chosen == i])
            for i, law in enumerate(laws)
        ]

    def frequencies(
        self, scores: FloatArray, test_scores: FloatArray, group: Weights
    ) -> FloatArray:
        """How many times as frequent as in truth an input is among those drawn here, (n,).

        ``scores`` (K, n) are those of the gate, ``test_scores`` (K, n) those by the law of the
        inputs, ``group`` the posterior that they give.
        """
        laws, shares = self._mixture
        if self._laws.same_law and len(laws) == 1 and laws[0].log_bound > ROOTS_HOLD:
            return np.asarray(bhattacharyya_pairs(group) * np.exp(-laws[0].log_bound))
        highest, top = scores.max(axis=0), test_scores.max(axis=0)
        posterior = test_scores - top
        posterior -= np.log(np.exp(posterior).sum(axis=0))
        parts = [
            share * law.frequencies(scores, highest, posterior)
            for law, share in zip(laws, shares, strict=True)
        ]
        return np.asarray(np.sum(parts, axis=0))


def bhattacharyya_pairs(group: Weights) -> FloatArray:
    r"""The sum :math:`\sum_{g\ne j}\sqrt{w_gw_j}` of a posterior with the largest apart, (n,)."""
    assert group.others is not None
    roots = np.sqrt(group.others)
    others = roots.sum(axis=0)
    # few beside the pairs with the largest: no digits are lost
    pairs = np.maximum(others**2 - group.rest, 0.0)
    return np.asarray(2.0 * np.sqrt(group.largest) * others + pairs)
