"""Training sets of dense as Gaussian matrices seen through vectors; helper of method="krylov".

A layout changes coordinates, and scales them, until the noise of every entry is standard normal:
the noisy features are T + E, with T known by few numbers. Derivations: docs/theory.md §5.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import CleanRows, KrylovFits, TriangularRows
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.fit_risks import dense_fit_risks
from moetheory.simulation.methods.rotated_blocks import RotatedBlocks


class KrylovLayout(Protocol):
    """Coordinates for the fits of one model."""

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

    def fit_risks(
        self,
        rng: np.random.Generator,
        found: KrylovFits,
        under: Perturbation | None,
        loss: Loss,
    ) -> FloatArray:
        """True risks given the group, (P, R, K)."""


class RotatedLayout:
    """Isotropic blocks and one noise variance; see `RotatedBlocks`."""

    def __init__(self, model: BlockModel, most_samples: IntArray, fits: int) -> None:
        self.model, self.blocks = model, RotatedBlocks(model, most_samples)
        self.rotated = self.blocks.rotated(model)
        self.rows = int(self.blocks.heights.sum())
        # one direction in the other coordinates serves one fit
        self.columns = self.blocks.columns if fits == 1 else model.dim
        self.numbers = 2 * self.rows
        self.deviation = float(np.sqrt(model.noise_variance))

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[CleanRows, FloatArray]:
        """Bidiagonal blocks."""
        clean = self.blocks.draw(rng, counts, self.model)
        labels = self.blocks.targets(clean, self.model)
        return clean.divided(self.deviation), labels

    def fit_risks(
        self,
        rng: np.random.Generator,
        found: KrylovFits,
        under: Perturbation | None,
        loss: Loss,
    ) -> FloatArray:
        """True risks given the group, found in the rotated coordinates."""
        fits, beyond = found.fits / self.deviation, found.beyond / self.deviation
        predictors = self.blocks.predictors(rng, fits, beyond)
        return dense_fit_risks(self.rotated, predictors, under, loss)


class TriangularLayout:
    """Any strict blocks; the noise variances may differ."""

    def __init__(self, model: BlockModel, most_samples: IntArray) -> None:
        self.model = model
        sizes = model.sizes
        heights = np.minimum(most_samples, sizes)
        self.rows, self.columns = int(heights.sum()), model.dim
        shapes, shape_of = np.unique(np.stack([heights, sizes]), axis=1, return_inverse=True)
        self.shapes = [(int(q), int(s)) for q, s in shapes.T]
        self.members = [np.flatnonzero(shape_of == i) for i in range(len(self.shapes))]
        by_block = np.argsort(model.block_of, kind="stable")
        starts = np.cumsum(sizes) - sizes
        self.order = np.concatenate(
            [
                by_block[starts[g][:, np.newaxis] + np.arange(s)].ravel()
                for g, (_, s) in zip(self.members, self.shapes, strict=True)
            ]
        )
        self.numbers = int((heights * sizes).sum())
        noise = np.broadcast_to(model.noise_variance, model.dim)[self.order]
        self.noise_deviations = np.sqrt(noise)
        self.deviations = np.sqrt(model.signal_variances[self.order] / noise)

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[CleanRows, FloatArray]:
        """Triangular blocks."""
        clean = TriangularRows.draw(rng, counts, self.members, self.shapes, self.deviations)
        coefficients = self.model.coefficients[self.order] * self.noise_deviations
        labels = np.zeros((len(counts), self.rows))
        clean.add_product(np.broadcast_to(coefficients, (len(counts), self.columns)), labels)
        return clean, labels

    def fit_risks(
        self,
        rng: np.random.Generator,
        found: KrylovFits,
        under: Perturbation | None,
        loss: Loss,
    ) -> FloatArray:
        """True risks given the group."""
        fits = np.empty_like(found.fits)
        fits[..., self.order] = found.fits / self.noise_deviations
        return dense_fit_risks(self.model, fits, under, loss)
