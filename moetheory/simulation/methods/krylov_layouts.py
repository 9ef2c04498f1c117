"""Training sets of dense as Gaussian matrices seen through vectors; helper of method="krylov".

A layout changes coordinates, and scales them, until the noise of every entry is standard normal:
the noisy features are T + E, with T known by few numbers. Derivations: docs/theory.md §5.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import CleanRows, KrylovFits, TriangularRows
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.rotated_blocks import RotatedBlocks
from moetheory.simulation.methods.statistics_rows import BlockPlaces


class KrylovLayout(Protocol):
    """Coordinates for the fits of one model."""

    @property
    def model(self) -> BlockModel:
        """The model whose coordinates the `predictors` have."""

    @property
    def blocks(self) -> int:
        """Blocks of which each needs products of its own."""

    @property
    def rows(self) -> int:
        """Rows with clean features, q."""

    @property
    def columns(self) -> int:
        """Coordinates of which the fit is told, all or all with clean features."""

    @property
    def numbers(self) -> int:
        """Numbers in the clean features of a training set."""

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[CleanRows, FloatArray]:
        """T in units of the noise, and clean labels (R, q), for ``counts`` (R, K) samples."""

    def predictors(self, rng: np.random.Generator, found: KrylovFits) -> FloatArray:
        """Coefficients of all coordinates, (P, R, d)."""


class RotatedLayout:
    """Isotropic blocks and one noise variance; see `RotatedBlocks`."""

    blocks = 0

    def __init__(self, model: BlockModel, most_samples: IntArray, fits: int) -> None:
        self.rotation = RotatedBlocks(model, most_samples)
        self.model = model.replace(coefficients=self.rotation.coefficients)
        self.rows = int(self.rotation.heights.sum())
        # one direction in the other coordinates serves one fit
        self.columns = self.rotation.columns if fits == 1 else model.dim
        self.numbers = 2 * self.rows
        self.deviation = float(np.sqrt(model.noise_variance))

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[CleanRows, FloatArray]:
        """Bidiagonal blocks."""
        clean, labels = self.rotation.draw(rng, counts)
        return clean.divided(self.deviation), labels

    def predictors(self, rng: np.random.Generator, found: KrylovFits) -> FloatArray:
        """Coefficients of all rotated coordinates."""
        fits, beyond = found.fits / self.deviation, found.beyond / self.deviation
        return self.rotation.predictors(rng, fits, beyond)


class TriangularLayout:
    """Any strict blocks; the noise variances may differ."""

    def __init__(self, model: BlockModel, most_samples: IntArray) -> None:
        self.model, self.blocks = model, model.experts
        heights = np.minimum(most_samples, model.sizes)
        self.rows, self.columns = int(heights.sum()), model.dim
        self.places = BlockPlaces.of(model, heights)
        self.order = np.concatenate([each.columns.ravel() for each in self.places])
        self.numbers = int((heights * model.sizes).sum())
        noise = np.broadcast_to(model.noise_variance, model.dim)[self.order]
        self.noise_deviations = np.sqrt(noise)
        self.deviations = np.sqrt(model.signal_variances[self.order] / noise)

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[CleanRows, FloatArray]:
        """Triangular blocks."""
        groups = [each.groups for each in self.places]
        shapes = [(each.rows.shape[1], each.columns.shape[1]) for each in self.places]
        clean = TriangularRows.draw(rng, counts, groups, shapes, self.deviations)
        coefficients = self.model.coefficients[self.order] * self.noise_deviations
        labels = np.zeros((len(counts), self.rows))
        clean.add_product(np.broadcast_to(coefficients, (len(counts), self.columns)), labels)
        return clean, labels

    def predictors(self, rng: np.random.Generator, found: KrylovFits) -> FloatArray:
        """Coefficients of all coordinates in their order."""
        fits = np.empty_like(found.fits)
        fits[..., self.order] = found.fits / self.noise_deviations
        return fits
