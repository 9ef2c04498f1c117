"""Squares of noisy coordinates, and what a model makes of them: all that gates and risks need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.formulas.population import expert_contributions
from moetheory.kernels import Forms
from moetheory.predictors.optimal import optimal_coefficients
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel


@dataclass(frozen=True, eq=False)
class Squares:
    """Squares of standard normals: of the coordinates by block, or only their sums over blocks.

    The sums are enough where each block has one variance. Arrays are (U, n), U units: the d
    coordinates or the K blocks.
    """

    sizes: IntArray
    block_of_unit: IntArray

    @classmethod
    def of(cls, model: BlockModel, *, coordinates: bool = False) -> Squares:
        """As few as do, or those of all ``coordinates``."""
        blocks = np.arange(model.experts)
        if not coordinates:
            first = np.unique(model.block_of, return_index=True)[1]
            same = model.signal_variances == model.signal_variances[first][model.block_of]
            coordinates = not same.all()
        return cls(model.sizes, np.repeat(blocks, model.sizes) if coordinates else blocks)

    @property
    def units(self) -> int:
        """U."""
        return len(self.block_of_unit)

    @property
    def summed(self) -> bool:
        """Whether a unit is a block."""
        return self.units == len(self.sizes)

    def draw(self, rng: np.random.Generator, inputs: int) -> FloatArray:
        """Fresh ones, (U, inputs)."""
        shape = (self.units, inputs)
        if not self.summed:
            drawn = rng.standard_normal(shape)
            drawn *= drawn
            return drawn
        # one shape for all is drawn faster
        halves = self.sizes / 2.0
        drawn = rng.standard_gamma(
            halves[0] if np.ptp(halves) == 0.0 else halves[:, np.newaxis], shape
        )
        drawn *= 2.0
        return drawn

    def of_normals(self, normals: FloatArray) -> FloatArray:
        """Those of given ones (n, d), the coordinates ordered by block."""
        squares = np.square(normals.T)
        return self._block_sums(squares) if self.summed else squares

    def per_unit(self, values: FloatArray, block_of: IntArray) -> FloatArray:
        """What ``values`` (d,) of coordinates weigh the units by, (U,).

        Given the energy of a block the square of each of its coordinates is 1/s of it.
        """
        if self.summed:
            return block_sums(values, block_of) / self.sizes
        return values[np.argsort(block_of, kind="stable")]

    def form(self, weights: FloatArray, squares: FloatArray) -> FloatArray:
        """Weighted sums over blocks, (K, n)."""
        weighted = weights[:, np.newaxis] * squares
        return weighted if self.summed else self._block_sums(weighted)

    def _block_sums(self, values: FloatArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(values, np.cumsum(self.sizes) - self.sizes, axis=0)
        return sums


@dataclass(frozen=True, eq=False)
class View:
    """What one model makes of the squares. They are in units of σ², or of 1 where it is zero."""

    model: BlockModel
    squares: Squares
    _others: dict[tuple[bool, float], tuple[FloatArray, ...] | None] = field(default_factory=dict)

    @property
    def unit(self) -> float:
        """Of the squares."""
        return self.model.noise_variance or 1.0

    @cached_property
    def inherent(self) -> FloatArray:
        r""":math:`\rho_g`, (K,): what the best predictor with known group loses in each."""
        model = self.model
        active, _ = expert_contributions(
            1.0, model.signal_variances, 0.0, model.coefficients, model.noise_variance
        )
        return block_sums(active, model.block_of) + model.label_noise_variance

    @cached_property
    def own_scale(self) -> FloatArray:
        """Variance of the units of the active block, in units, (U,)."""
        own = self.model.noise_variance + self.model.signal_variances
        return self.squares.per_unit(own / self.unit, self.model.block_of)

    def observed(self, draws: FloatArray, groups: IntArray, *, keep: bool) -> FloatArray:
        """The squares of inputs of ``groups`` from standard ones; these stay only on ``keep``."""
        noise = self.model.noise_variance / self.unit
        if not self.squares.summed:
            own = self.squares.block_of_unit[:, np.newaxis] == groups
            return draws * np.where(own, self.own_scale[:, np.newaxis], noise)
        place = (groups, np.arange(len(groups)))
        own = draws[place] * self.own_scale[groups]
        seen = np.zeros_like(draws) if noise == 0.0 else draws.copy() if keep else draws
        seen[place] = own
        return seen

    @cached_property
    def _score_terms(self) -> tuple[FloatArray, FloatArray]:
        model = self.model
        constants, slopes = kernels.score_terms(
            model.group_probabilities, model.block_of, model.signal_variances, model.noise_variance
        )
        return constants[:, np.newaxis], self.squares.per_unit(slopes, model.block_of)

    def scores(self, squares: FloatArray) -> FloatArray:
        """Log scores of the groups, (K, n)."""
        model = self.model
        if model.noise_variance == 0.0:
            silent = block_sums(model.signal_variances, model.block_of) == 0.0
            energies = self.squares.form(np.ones(self.squares.units), squares)
            logs = kernels.log_probabilities(model.group_probabilities)
            return kernels.noiseless_scores(energies, logs, silent)
        constants, slopes = self._score_terms
        scores = self.squares.form(slopes, squares)
        scores += constants
        return scores

    @cached_property
    def _best(self) -> tuple[FloatArray, FloatArray]:
        """The best coefficients, and what their form weighs the units by."""
        best = optimal_coefficients(MoE(), self.model)
        return best, self._per_unit(best**2)

    def _per_unit(self, weights: FloatArray) -> FloatArray:
        return self.squares.per_unit(weights * self.unit, self.model.block_of)

    def _other(self, estimator: Estimator) -> tuple[FloatArray, ...] | None:
        """The same for the forms of an estimator with other coefficients; None: it has the best."""
        key = isinstance(estimator, MoE), estimator.ridge
        if key not in self._others:
            best, _ = self._best
            used = optimal_coefficients(estimator, self.model)
            error = best - used
            weights = (best * used, used**2, error**2, best * error)
            found = tuple(self._per_unit(each) for each in weights) if error.any() else None
            self._others[key] = found
        return self._others[key]

    def forms(self, estimators: Sequence[Estimator], squares: FloatArray) -> list[Forms]:
        """The quadratic forms of each estimator; those of equal coefficients are the same."""
        best = self.squares.form(self._best[1], squares)
        exact = Forms(best, best, best, None, None)
        known: dict[tuple[bool, float], Forms] = {}
        for estimator in estimators:
            key = isinstance(estimator, MoE), estimator.ridge
            if key not in known:
                weights = self._other(estimator)
                forms = (self.squares.form(each, squares) for each in weights or ())
                known[key] = exact if weights is None else Forms(best, *forms)
        return [known[isinstance(each, MoE), each.ridge] for each in estimators]
