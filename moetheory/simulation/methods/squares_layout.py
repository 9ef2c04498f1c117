"""The squares that are drawn for an input: of coordinates, or summed over blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


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
    def of(
        cls, *models: BlockModel, under: Perturbation | None = None, coordinates: bool = False
    ) -> SquaresLayout:
        """The layout of ``models`` that share draws, which differ in their noise alone.

        Sums where they are enough for each of the models, in training and ``under`` the
        perturbation of a test, unless ``coordinates`` is true.
        """
        sizes, blocks = models[0].sizes, np.arange(models[0].experts)
        coordinates = coordinates or not all(
            _has_equal_coordinates(model, law)
            for model in models
            for law in (CoordinateLaw.of(model), CoordinateLaw.of(model, under))
        )
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
        """Weights of the units, (..., U), from ``values`` (..., d) of the coordinates.

        Given the energy of a block of s coordinates, each square has mean 1/s of this energy.
        """
        if self.sums_blocks:
            return block_sums(values, block_of) / self.sizes
        return values[..., np.argsort(block_of, kind="stable")]

    def block_forms(self, weights: FloatArray, squares: FloatArray) -> FloatArray:
        """Sums over each block of squares (U, n) times ``weights``, (U,) or (U, n), (K, n)."""
        weighted = (weights[:, np.newaxis] if weights.ndim == 1 else weights) * squares
        return weighted if self.sums_blocks else self._block_sums(weighted)

    def _block_sums(self, values: FloatArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(values, np.cumsum(self.sizes) - self.sizes, axis=0)
        return sums


def _has_equal_coordinates(model: BlockModel, law: CoordinateLaw) -> bool:
    """Whether all coordinates of a block have the same variances."""
    first = np.unique(model.block_of, return_index=True)[1]
    return all(
        np.array_equal(each, each[first][model.block_of])
        for each in (law.signal, law.noise, law.beside)
        if isinstance(each, np.ndarray)
    )
