r"""Inputs in which two blocks are between active and inactive; helper of ``confusable_inputs.py``.

Two blocks g and j are drawn with probability :math:`a_ge_j/Z`, where W are the scores of the gate
and w the posterior in the test,

.. math:: a_g = p_gE[W_g^{-\tau}\mid g],\qquad e_j = E[W_j^\tau\mid\text{inactive}],\qquad
          Z = \sum a_ge_j .

The coordinates of g have the variance :math:`A/(1+\tau\delta A)`, those of j
:math:`I/(1-\tau\delta I)`, all others are inactive. A and I are the variances in the test while a
block is active and while it is not, and :math:`\delta = 1/i-1/a` is made of those that the gate
knows. Such an input is :math:`\frac1Z\sum_gw_gW_g^{-\tau}\sum_jW_j^\tau` times as frequent as it is
in truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.cached import cached
from moetheory.simulation.methods.block_energies import Marked, SquaredInputModel

MOST_LOG = 700.0  # the exponential is a number


@dataclass(frozen=True, eq=False)
class TiltedLaws:
    r"""What :math:`a_g` and :math:`e_j` are at each tilt, for one model."""

    inputs: SquaredInputModel

    @property
    def same_law(self) -> bool:
        """Whether the gate knows the law of the test."""
        return self.inputs.test_law is self.inputs.law

    @cached
    def _decided(self) -> FloatArray:
        """Coordinates that say for certain whether their block is active, (d,) of 0 and 1."""
        law = self.inputs.law
        still = (law.active == 0.0) | (law.idle_variances == 0.0)
        return np.asarray(still & (law.active != law.idle_variances), dtype=np.float64)

    @cached
    def mistaken(self) -> bool:
        """Whether a coordinate is certain in training and not in the test."""
        law, test = self.inputs.law, self.inputs.test_law
        new = (law.active == 0.0) != (test.active == 0.0)
        new |= (law.idle_variances == 0.0) != (test.idle_variances == 0.0)
        return bool(np.any(new & (self._decided > 0.0)))

    @cached
    def _slants(self) -> tuple[FloatArray, FloatArray]:
        r""":math:`\delta A` and :math:`\delta I` of each coordinate, (d,) each."""
        law, test = self.inputs.law, self.inputs.test_law
        usable = self._decided == 0.0
        active = np.where(usable & (law.active > 0.0), law.active, 1.0)
        idle = np.where(usable & (law.idle_variances > 0.0), law.idle_variances, 1.0)
        surplus = np.where(usable, law.signal - law.beside, 0.0)
        return (
            surplus / idle * (test.active / active),
            surplus / active * (test.idle_variances / idle),
        )

    @cached
    def steepest(self) -> float:
        """The largest tilt, at most 1: at a larger one a variance is infinite."""
        own, other = self._slants
        return float(1.0 / max(1.0, -own.min(), other.max()))

    @cached
    def _log_ratios(self) -> FloatArray:
        law = self.inputs.law
        return kernels.log_variance_ratios(law.signal, law.noise, law.beside)

    def log_parts(self, tilt: float) -> tuple[FloatArray, FloatArray]:
        r"""Logarithms of :math:`a_g` and :math:`e_j`, (K,) each, for a tilt below the steepest."""
        model, (own, other) = self.inputs.model, self._slants
        half = tilt / 2.0 * self._log_ratios
        parts = np.stack([half - np.log1p(tilt * own) / 2.0, -half - np.log1p(-tilt * other) / 2.0])
        parts[:, self._decided > 0.0] = -np.inf
        logs = kernels.log_probabilities(model.group_probabilities)
        sums = block_sums(parts, model.block_of)
        return (1.0 - tilt) * logs + sums[0], tilt * logs + sums[1]

    def unit_variances(self, tilt: float) -> tuple[FloatArray, FloatArray]:
        """Variances of the units in the blocks g and j, in the unit of the squares, (U,) each."""
        inputs, test, (own, other) = self.inputs, self.inputs.test_law, self._slants
        tilted = test.active / (1.0 + tilt * own), test.idle_variances / (1.0 - tilt * other)
        active, idle = (
            inputs.squares.unit_weights(each / inputs.square_unit, inputs.model.block_of)
            for each in tilted
        )
        return active, idle


@dataclass(frozen=True, eq=False)
class TiltedPairs:
    """The law of inputs with one tilt and blocks g of ``own``, j of ``other``.

    Attributes
    ----------
    laws : TiltedLaws
    tilt : float
    own, other : integer arrays
        Blocks in ascending order. They are the same or have none in common.
    """

    laws: TiltedLaws
    tilt: float
    own: IntArray
    other: IntArray

    @property
    def _within(self) -> bool:
        """Whether the blocks g and j are of the same ones."""
        return bool(self.own[0] == self.other[0])

    @cached
    def _logs(self) -> tuple[FloatArray, FloatArray]:
        own, other = self.laws.log_parts(self.tilt)
        return own[self.own], other[self.other]

    @cached
    def _log_sums(self) -> tuple[FloatArray, FloatArray]:
        """Logarithms of the sums over j before g, and over j after g, for every g."""
        own, other = self._logs
        if not self._within:
            whole = np.logaddexp.reduce(other)
            return np.full(len(own), whole), np.full(len(own), -np.inf)
        before, after = np.full_like(other, -np.inf), np.full_like(other, -np.inf)
        np.logaddexp.accumulate(other[:-1], out=before[1:])
        after[:-1] = np.logaddexp.accumulate(other[:0:-1])[::-1]
        return before, after

    @cached
    def log_bound(self) -> float:
        """The logarithm of Z."""
        return float(np.logaddexp.reduce(self._logs[0] + np.logaddexp(*self._log_sums)))

    @cached
    def _unit_variances(self) -> tuple[FloatArray, FloatArray]:
        return self.laws.unit_variances(self.tilt)

    def marked(self, uniforms: FloatArray, columns: IntArray) -> Marked:
        """Inputs in ``columns`` (m,), their blocks by ``uniforms`` (2, m)."""
        return Marked(columns, self._pairs(uniforms), self._unit_variances)

    @cached
    def _running_sums(self) -> tuple[FloatArray, ...]:
        """Chances of g, those of j before g, and logarithms of sums of e from both ends."""
        (own, other), (before, after) = self._logs, self._log_sums
        both = np.logaddexp(before, after)
        return (
            np.cumsum(np.exp(own + both - self.log_bound)),
            np.exp(before - np.where(both > -np.inf, both, 0.0)),
            np.logaddexp.accumulate(other),
            np.logaddexp.accumulate(other[::-1]),
        )

    def _pairs(self, uniforms: FloatArray) -> tuple[IntArray, IntArray]:
        """Blocks g and j of each input by inversion, sums of tiny parts in logarithms."""
        (before, after), other = self._log_sums, self.other
        chances, shares, ahead, behind = self._running_sums
        g = np.searchsorted(chances[:-1], uniforms[0] * chances[-1], side="right")
        share = shares[g]
        early = uniforms[1] < share
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(early, uniforms[1] / share, (uniforms[1] - share) / (1.0 - share))
            logs = np.log(left)
        first = np.searchsorted(ahead, logs + before[g], side="right")
        second = len(other) - 1 - np.searchsorted(behind, logs + after[g], side="right")
        # rounding of a sum is no reason to leave its places
        most = g - 1 if self._within else len(other) - 1
        j = np.where(early, np.minimum(first, most), np.maximum(second, g + 1))
        return self.own[g], other[j]

    def frequencies(
        self, scores: FloatArray, highest: FloatArray, log_posterior: FloatArray
    ) -> FloatArray:
        """How many times as frequent as in truth an input is among those drawn here, (n,).

        ``scores`` (K, n) are those of the gate, ``highest`` (n,) the largest of them, and
        ``log_posterior`` (K, n) is that of the groups in the test.
        """
        powers = np.exp(self.tilt * (scores[self.other] - highest))
        with np.errstate(invalid="ignore"):
            own = log_posterior[self.own] - self.tilt * (scores[self.own] - highest)
            own -= self.log_bound
        # a group that is impossible in the test is so for the gate
        own = np.exp(
            np.where(log_posterior[self.own] > -np.inf, np.minimum(own, MOST_LOG), -np.inf)
        )
        if not self._within:
            return np.asarray(own.sum(axis=0) * powers.sum(axis=0))
        place = (powers.argmax(axis=0), np.arange(powers.shape[1]))
        largest = powers[place]
        powers[place] = 0.0
        rest = powers.sum(axis=0)
        # without the largest, nothing is taken from a sum that it dominates
        others = largest + (rest - powers)
        others[place] = rest
        return np.asarray(np.einsum("kn,kn->n", own, others))
