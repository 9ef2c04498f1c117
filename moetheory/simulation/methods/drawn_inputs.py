r"""Inputs as squares, drawn in strata, and how much each of them counts.

A stratum is a group, or the `ConfusableInputs` that a gate is likely to send astray. With the
share :math:`\alpha_g` of the inputs drawn of group g, instead of :math:`p_g`, and the share
:math:`\beta` of confusable ones, an input is :math:`\sum_g\frac{\alpha_g}{p_g}w_g + \beta c` times
as frequent as it should be, c as for confusable inputs alone: so many times less it counts
(deterministic mixture sampling, Owen and Zhou 2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import LEAST, Weights
from moetheory.simulation.methods.block_energies import Marked, SquaredInputModel
from moetheory.simulation.methods.confusable_inputs import ConfusableInputs
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import sampling_frequencies

# the share of confusable inputs, where a gate routes by the input: standard errors of what they say
# nothing of grow by a fifth, and with one half those of rare errors would be a fifth smaller
CONFUSABLE = 1 / 3


class DrawnInputs(NamedTuple):
    """Inputs of one model.

    Attributes
    ----------
    squares : (U, n) array
    scores : (K, n) array
        Log scores by which a gate weighs.
    gate : Weights
        The posterior of the groups that the gate takes to be true.
    group : Weights
        The posterior of the groups, with the same expert apart.
    highest_posterior : (n,) array
        The largest posterior weight of a group.
    weights : (n,) array
        How much each input counts, 1 in the mean over the law of inputs as they occur.
    """

    squares: FloatArray
    scores: FloatArray
    gate: Weights
    group: Weights
    highest_posterior: FloatArray
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class InputStrata:
    """The strata of inputs of ``input_models``, which share draws and one layout of squares.

    Attributes
    ----------
    input_models : tuple of SquaredInputModel
    shares : (K,) array
        The shares of the groups among the inputs that are drawn of a group.
    confusable : float
        The share of confusable inputs among all, for a gate that reads the input.
    """

    input_models: tuple[SquaredInputModel, ...]
    shares: FloatArray
    confusable: float = 0.0

    @property
    def squares(self) -> SquaresLayout:
        """The layout of the squares."""
        return self.input_models[0].squares

    @cached
    def _confusable(self) -> list[ConfusableInputs]:
        return [ConfusableInputs(each) for each in self.input_models]

    @cached
    def _all_shares(self) -> FloatArray:
        """The shares of all strata, (K+1,), that of confusable inputs the last."""
        share = self.confusable if any(each.exist for each in self._confusable) else 0.0
        return np.append(self.shares * ((1.0 - share) / self.shares.sum()), share)

    def counts(self, inputs: int, least: int = LEAST) -> IntArray:
        """Inputs of each stratum, (K+1,); none is confusable if there is no room for it."""
        shares = self._all_shares
        if inputs < least * np.count_nonzero(shares):
            shares = np.append(self.shares, 0.0)
        return kernels.stratum_counts(inputs, shares, least)

    def draw(
        self,
        rng: np.random.Generator,
        strata: IntArray,
        counts: IntArray,
        draws: FloatArray | None = None,
    ) -> Iterator[DrawnInputs]:
        """Inputs of the given ``strata`` (n,), model by model.

        ``counts`` (K+1,) are those of all inputs of which these are a part. ``draws`` (U, n) are
        squares of standard normals, drawn here if not given.
        """
        if draws is None:
            draws = self.squares.draw(rng, len(strata))
        columns = np.flatnonzero(strata == len(self.shares))
        uniforms = rng.random((3, len(columns)))
        for number in range(len(self.input_models)):
            last = number == len(self.input_models) - 1
            yield self._drawn(number, draws, strata, (columns, uniforms), counts, keep=not last)

    def _drawn(
        self,
        number: int,
        draws: FloatArray,
        strata: IntArray,
        confusable: tuple[IntArray, FloatArray],
        counts: IntArray,
        *,
        keep: bool,
    ) -> DrawnInputs:
        input_model, law = self.input_models[number], self._confusable[number]
        columns, uniforms = confusable
        p = input_model.model.group_probabilities
        marked: list[Marked] = []
        if len(columns) and law.exist:
            marked = law.marked(uniforms, columns)
        elif len(columns):  # of a model that confuses nothing: inputs as they occur
            strata = strata.copy()
            strata[columns] = np.searchsorted(
                np.cumsum(p)[:-1] / p.sum(), uniforms[0], side="right"
            )
        squares = input_model.input_squares(draws, strata, keep_draws=keep, marked=marked)
        scores = input_model.scores(squares)
        gate = kernels.posterior(scores)
        test_scores = input_model.test_scores(squares, scores)
        group, highest = gate, gate.largest
        if test_scores is not scores:
            test = kernels.posterior(test_scores)
            group, highest = kernels.set_apart(test, gate.top, len(p)), test.largest
        # counts of groups are relative to all inputs
        frequencies = sampling_frequencies(counts[:-1], p) * (counts[:-1].sum() / counts.sum())
        often = group.mean_of(frequencies)
        if counts[-1]:
            share = counts[-1] / counts.sum()
            often += share * (law.frequencies(scores, test_scores, group) if law.exist else 1.0)
        return DrawnInputs(squares, scores, gate, group, highest, 1.0 / often)
