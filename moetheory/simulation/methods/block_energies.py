"""Squared coordinates of inputs: all that gates and their risks need.

Helper of "identity" (also for learned routers), of gates in "population" and of `simulate_routing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.cached import cached
from moetheory.formulas.population import expert_contributions
from moetheory.kernels import QuadraticForms
from moetheory.kernels.gate_weights import BoolArray
from moetheory.predictors.optimal import interference_of, unchecked_optimal_coefficients
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel


@dataclass(frozen=True, eq=False)
class SquaresLayout:
    """The squares drawn for an input: those of all coordinates, or their sums over blocks.

    The sums (chi-squares) are enough where each block has one variance while it is active, and
    one while it is not. Arrays are (U, n) for n inputs and U units: the d coordinates, ordered by
    block, or the K blocks.
    """

    sizes: IntArray
    block_of_unit: IntArray

    @classmethod
    def of(cls, *models: BlockModel, coordinates: bool = False) -> SquaresLayout:
        """The layout of ``models`` that share draws, which differ in their noise alone.

        Sums where they are enough for each of the models, unless ``coordinates`` is true.
        """
        sizes, blocks = models[0].sizes, np.arange(models[0].experts)
        coordinates = coordinates or not all(map(_has_equal_coordinates, models))
        return cls(sizes, np.repeat(blocks, sizes) if coordinates else blocks)

    @property
    def units(self) -> int:
        """Number of units, U."""
        return len(self.block_of_unit)

    @property
    def sums_blocks(self) -> bool:
        """Whether a unit is a block and its square a sum over the coordinates of the block."""
        return self.units == len(self.sizes)

    def draw(self, rng: np.random.Generator, inputs: int) -> FloatArray:
        """Squares of fresh standard normals, (U, inputs)."""
        shape = (self.units, inputs)
        if not self.sums_blocks:
            drawn = rng.standard_normal(shape)
            drawn *= drawn
            return drawn
        # NumPy draws faster for one shape than for an array of shapes
        halves = self.sizes / 2.0
        drawn = rng.standard_gamma(
            halves[0] if np.ptp(halves) == 0.0 else halves[:, np.newaxis], shape
        )
        drawn *= 2.0
        return drawn

    def squares_of(self, normals: FloatArray) -> FloatArray:
        """Squares of given ``normals`` (n, d), whose coordinates are ordered by block."""
        squares = np.square(normals.T)
        return self._block_sums(squares) if self.sums_blocks else squares

    def unit_weights(self, values: FloatArray, block_of: IntArray) -> FloatArray:
        """Weights of the units, (U,), from ``values`` (d,) of the coordinates.

        Given the energy of a block of s coordinates, each square has mean 1/s of this energy.
        """
        if self.sums_blocks:
            return block_sums(values, block_of) / self.sizes
        return values[np.argsort(block_of, kind="stable")]

    def block_forms(self, weights: FloatArray, squares: FloatArray) -> FloatArray:
        """Sums over each block of squares (U, n) times ``weights`` (U,), (K, n)."""
        weighted = weights[:, np.newaxis] * squares
        return weighted if self.sums_blocks else self._block_sums(weighted)

    def _block_sums(self, values: FloatArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(values, np.cumsum(self.sizes) - self.sizes, axis=0)
        return sums


def _has_equal_coordinates(model: BlockModel) -> bool:
    """Whether all coordinates of a block have the same variances."""
    first = np.unique(model.block_of, return_index=True)[1]
    variances = model.signal_variances, model.noise_variance, interference_of(model)
    return all(
        np.array_equal(each, each[first][model.block_of])
        for each in variances
        if isinstance(each, np.ndarray)
    )


@dataclass(frozen=True, eq=False)
class SquaredInputModel:
    """One model in terms of squared coordinates: scores of the gate and forms of the losses.

    Squares are in units of the variance while the block is inactive, or of 1 where that is zero.
    """

    model: BlockModel
    squares: SquaresLayout
    _fitted_forms: dict[tuple[bool, float], tuple[FloatArray, ...] | None] = field(
        default_factory=dict
    )

    @cached
    def square_unit(self) -> float | FloatArray:
        r"""Unit of the squares, :math:`n+\kappa` or 1 where that is zero: a float or (d,)."""
        idle = self.model.idle_noise
        return np.where(idle > 0.0, idle, 1.0) if isinstance(idle, np.ndarray) else idle or 1.0

    @cached
    def oracle_risks(self) -> FloatArray:
        r"""Risk given the group of the optimal experts under oracle routing, (K,).

        It is the residual variance :math:`\rho_g`, label noise included.
        """
        model = self.model
        active, _ = expert_contributions(
            1.0, model.signal_variances, 0.0, model.coefficients, model.noise_variance, 0.0, 0.0
        )
        return block_sums(active, model.block_of) + model.label_noise_variance

    @cached
    def active_variances(self) -> FloatArray:
        """Variance of a coordinate while its block is active, in `square_unit`, (U,)."""
        own = self.model.noise_variance + self.model.signal_variances
        return self.squares.unit_weights(own / self.square_unit, self.model.block_of)

    @cached
    def inactive_variances(self) -> FloatArray:
        """Variance of a coordinate while its block is inactive, in `square_unit`: 1 or 0, (U,)."""
        idle = np.broadcast_to(self.model.idle_noise, self.model.dim)
        return self.squares.unit_weights((idle > 0.0).astype(np.float64), self.model.block_of)

    def input_squares(self, draws: FloatArray, groups: IntArray, *, keep_draws: bool) -> FloatArray:
        """Squares of inputs of ``groups`` (n,) made from squares ``draws`` of standard normals.

        They may overwrite ``draws`` unless ``keep_draws``.
        """
        active, inactive = self.active_variances[:, np.newaxis], self.inactive_variances
        if not self.squares.sums_blocks:
            own = self.squares.block_of_unit[:, np.newaxis] == groups
            return draws * np.where(own, active, inactive[:, np.newaxis])
        place = (groups, np.arange(len(groups)))
        own = draws[place] * self.active_variances[groups]
        squares = draws.copy() if keep_draws else draws
        squares[inactive == 0.0] = 0.0
        squares[place] = own
        return squares

    @cached
    def _score_terms(self) -> tuple[FloatArray, FloatArray]:
        model = self.model
        constants, slopes = kernels.score_terms(
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            model.noise_variance,
            interference_of(model),
        )
        return constants[:, np.newaxis], self.squares.unit_weights(slopes, model.block_of)

    @cached
    def _still(self) -> list[tuple[bool, BoolArray, FloatArray]]:
        """Coordinates that are zero while their block is inactive (False), or while it is active.

        For each of both that there are: which blocks have some, (K,), and 1 for their units, (U,).
        """
        model, found = self.model, []
        variances = np.broadcast_arrays(
            model.idle_noise, model.noise_variance + model.signal_variances
        )
        for state in (0, 1):
            still = (variances[state] == 0.0) & (variances[1 - state] > 0.0)
            # where nothing has noise, any block that is not zero is active
            units = variances[state] == 0.0 if model.noiseless and not state else still
            if units.any():
                blocks = block_sums(still.astype(np.float64), model.block_of) > 0.0
                weights = self.squares.unit_weights(units.astype(np.float64), model.block_of)
                found.append((bool(state), blocks[:, np.newaxis], weights))
        return found

    def scores(self, squares: FloatArray) -> FloatArray:
        """Log scores of the groups, (K, n), from squares of inputs (U, n)."""
        model = self.model
        if model.noiseless:
            scores = kernels.log_probabilities(model.group_probabilities)[:, np.newaxis]
        else:
            constants, slopes = self._score_terms
            scores = self.squares.block_forms(slopes, squares)
            scores += constants
        if not self._still:
            return scores
        certain = impossible = np.zeros((model.experts, squares.shape[1]), dtype=bool)
        for while_active, blocks, weights in self._still:
            moves = self.squares.block_forms(weights, squares) > 0.0
            rests = blocks & ~moves
            certain = certain | (rests if while_active else moves)
            impossible = impossible | (moves if while_active else rests)
        return kernels.decided_scores(scores, certain, impossible)

    @cached
    def _optimal_form(self) -> tuple[FloatArray, FloatArray]:
        """The optimal coefficients (d,), and the weights of the units in their form (U,)."""
        best = unchecked_optimal_coefficients(MoE(), self.model)
        return best, self._unit_weights(best**2)

    def _unit_weights(self, weights: FloatArray) -> FloatArray:
        return self.squares.unit_weights(weights * self.square_unit, self.model.block_of)

    def _fitted_form(self, estimator: Estimator) -> tuple[FloatArray, ...] | None:
        """Weights of the units in an estimator's other forms; None for optimal coefficients."""
        key = isinstance(estimator, MoE), estimator.ridge
        if key not in self._fitted_forms:
            optimal, _ = self._optimal_form
            used = unchecked_optimal_coefficients(estimator, self.model)
            error = optimal - used
            weights = (optimal * used, used**2, error**2, optimal * error)
            found = tuple(self._unit_weights(each) for each in weights) if error.any() else None
            self._fitted_forms[key] = found
        return self._fitted_forms[key]

    def forms(self, estimators: Sequence[Estimator], squares: FloatArray) -> list[QuadraticForms]:
        """The quadratic forms of each estimator; equal coefficients share one object."""
        optimal = self.squares.block_forms(self._optimal_form[1], squares)
        without_error = QuadraticForms(optimal, optimal, optimal, None, None)
        found: dict[tuple[bool, float], QuadraticForms] = {}
        for estimator in estimators:
            key = isinstance(estimator, MoE), estimator.ridge
            if key not in found:
                weights = self._fitted_form(estimator)
                forms = (self.squares.block_forms(each, squares) for each in weights or ())
                found[key] = without_error if weights is None else QuadraticForms(optimal, *forms)
        return [found[isinstance(each, MoE), each.ridge] for each in estimators]
