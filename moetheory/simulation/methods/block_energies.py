"""Squared coordinates of inputs: all that gates and their risks need.

Helper of "identity" (also for learned routers and with samples), of gates in "population" and
"data", and of `simulate_routing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import QuadraticForms
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.group_scores import GroupScores
from moetheory.simulation.methods.loss_forms import FormWeights, LossForms
from moetheory.simulation.methods.squares_layout import SquaresLayout


class Marked(NamedTuple):
    """Inputs in which more than one block is not as it is while inactive.

    Attributes
    ----------
    columns : (m,) integer array
        Their places among n inputs.
    blocks : tuple of (m,) integer arrays
        The blocks of each of them.
    variances : tuple of (U,) arrays
        The variance of a unit in these blocks, in `square_unit`.
    """

    columns: IntArray
    blocks: tuple[IntArray, ...]
    variances: tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class SquaredInputModel:
    """One model in terms of squared coordinates: scores of the gate and forms of the losses.

    Squares are in units of the variance while the block is inactive in training, or of 1 where
    that is zero. The gate knows the law of training; inputs have that ``under`` a perturbation,
    of which only the variances of noise and interference count.
    """

    model: BlockModel
    squares: SquaresLayout
    under: Perturbation | None = None

    @cached
    def law(self) -> CoordinateLaw:
        """The law of inputs in training, by which the gate weighs."""
        return CoordinateLaw.of(self.model)

    @cached
    def test_law(self) -> CoordinateLaw:
        """The law of the inputs that are drawn; the same object if it is that of training."""
        test = CoordinateLaw.of(self.model, self.under)
        return self.law if test.equals(self.law) else test

    @cached
    def square_unit(self) -> float | FloatArray:
        r"""Unit of the squares, :math:`\nu+n+\kappa` or 1 where that is zero: a float or (d,)."""
        idle = self.law.idle
        return np.where(idle > 0.0, idle, 1.0) if isinstance(idle, np.ndarray) else idle or 1.0

    @cached
    def active_variances(self) -> FloatArray:
        """Variance of a coordinate while its block is active, in `square_unit`, (U,)."""
        return self.squares.unit_weights(
            self.test_law.active / self.square_unit, self.model.block_of
        )

    @cached
    def inactive_variances(self) -> FloatArray:
        """Variance of a coordinate while its block is inactive, in `square_unit`, (U,)."""
        return self.squares.unit_weights(
            self.test_law.idle_variances / self.square_unit, self.model.block_of
        )

    @cached
    def mean_squares(self) -> FloatArray:
        """Means of the squares of units whose blocks are active, and are not, (U, 2)."""
        means = np.stack([self.active_variances, self.inactive_variances], axis=1)
        return means * self.squares.sizes[:, np.newaxis] if self.squares.sums_blocks else means

    def input_squares(
        self,
        draws: FloatArray,
        groups: IntArray,
        *,
        keep_draws: bool,
        marked: Sequence[Marked] = (),
    ) -> FloatArray:
        """Squares of inputs of ``groups`` (n,) made from squares ``draws`` of standard normals.

        They may overwrite ``draws`` unless ``keep_draws``. The groups of ``marked`` inputs are K
        or more: of none.
        """
        inactive = self.inactive_variances[:, np.newaxis]
        if not self.squares.sums_blocks:
            units = self.squares.block_of_unit[:, np.newaxis]
            variances = np.where(units == groups, self.active_variances[:, np.newaxis], inactive)
            for part in marked:
                some = variances[:, part.columns]
                for blocks, each in zip(part.blocks, part.variances, strict=True):
                    some = np.where(units == blocks, each[:, np.newaxis], some)
                variances[:, part.columns] = some
            return draws * variances
        own = groups < len(self.squares.sizes)
        place = (groups[own], np.flatnonzero(own))
        found = [(place, draws[place] * self.active_variances[place[0]])]
        for part in marked:
            for blocks, each in zip(part.blocks, part.variances, strict=True):
                place = (blocks, part.columns)
                found.append((place, draws[place] * each[blocks]))
        squares = draws.copy() if keep_draws else draws
        if np.any(inactive != 1.0):
            squares *= inactive
        for place, values in found:
            squares[place] = values
        return squares

    @cached
    def _gate_scores(self) -> GroupScores:
        return GroupScores.of(self.model, self.squares, self.square_unit, self.law)

    @cached
    def _test_scores(self) -> GroupScores:
        return GroupScores.of(self.model, self.squares, self.square_unit, self.test_law)

    def scores(self, squares: FloatArray) -> FloatArray:
        """Log scores of the groups by the law of training, (K, n), from squares (U, n)."""
        return self._gate_scores(squares)

    def test_scores(self, squares: FloatArray, scores: FloatArray) -> FloatArray:
        """Log scores of the groups by the law of the inputs drawn, (K, n).

        They are ``scores``, those by the law of training, if both laws are the same.
        """
        return scores if self.test_law is self.law else self._test_scores(squares)

    @cached
    def loss_forms(self) -> LossForms:
        """What coefficients lose."""
        return LossForms(self.model, self.test_law)

    @cached
    def oracle_risks(self) -> FloatArray:
        """Risk given the group of the best experts under oracle routing, (K,)."""
        return self.loss_forms.oracle_risks

    @cached
    def _estimator_weights(self) -> dict[object, FormWeights]:
        return {}

    def quadratic_forms(self, weights: FormWeights, squares: FloatArray) -> QuadraticForms:
        """The forms that ``weights`` of the units, (U,) or (U, n), give to squares (U, n)."""
        return QuadraticForms(*_each(weights, lambda w: self.squares.block_forms(w, squares)))

    def unit_weights(self, weights: FormWeights) -> FormWeights:
        """Weights of the units, (..., U), from weights of the coordinates, (..., d)."""
        unit, block_of = self.square_unit, self.model.block_of
        return FormWeights(*_each(weights, lambda w: self.squares.unit_weights(w * unit, block_of)))

    def forms(self, estimators: Sequence[Estimator], squares: FloatArray) -> list[QuadraticForms]:
        """The quadratic forms of each estimator; equal coefficients share one object."""
        known, forms = self._estimator_weights, self.loss_forms
        found: dict[object, QuadraticForms] = {}
        keys = [forms.key(each) for each in estimators]
        for key, estimator in zip(keys, estimators, strict=True):
            if key not in known:
                known[key] = self.unit_weights(forms.of_estimator(estimator))
            if key not in found:
                found[key] = self.quadratic_forms(known[key], squares)
        return [found[key] for key in keys]


def _each(weights: FormWeights, function: Callable[[FloatArray], FloatArray]) -> list[Any]:
    """What ``function`` makes of each array, of the same one once; None of None."""
    found: dict[int, FloatArray] = {}
    for each in weights:
        if each is not None and id(each) not in found:
            found[id(each)] = function(each)
    return [None if each is None else found[id(each)] for each in weights]
