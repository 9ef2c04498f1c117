"""Rows for fewer samples than coordinates in isotropic blocks; helper of method="statistics"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import BidiagonalRows, Workspace
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.fit_risks import dense_fit_risks
from moetheory.simulation.methods.rotated_blocks import RotatedBlocks
from moetheory.simulation.methods.statistics_rows import RowLayout, RowsAndTargets, scaled_noise


class RotatedDraws(NamedTuple):
    """Random numbers of `RotatedRows`.

    ``clean`` are the clean features with ``clean_labels``, ``noise`` is the noise in their columns.
    ``other_noise`` is a root of the noise in the other columns, transposed. ``directions`` draws
    the directions there.
    """

    clean: BidiagonalRows
    clean_labels: FloatArray
    noise: FloatArray
    other_noise: FloatArray
    directions: np.random.Generator
    labels: FloatArray


class RotatedRows(RowLayout):
    r"""Rows for strict isotropic blocks, :math:`\bar X \to (T + \sigma F,\; \sigma B^\top)`, n < d.

    For one noise variance :math:`\sigma^2` and no interference. T are the clean features in the p
    columns that `RotatedBlocks` leaves of them, F is standard normal. The noise in the other
    columns is :math:`B^\top Q`, B a root of :math:`\mathrm{Wishart}_n(d - p)` and Q uniformly
    random: of the fit in these columns, only the length depends on B, and the direction is uniform.
    Risks and norms do not change.
    """

    def __init__(self, model: BlockModel, samples: IntArray) -> None:
        self.blocks = RotatedBlocks(model, samples)
        self.dim, self.rows = model.dim, int(samples.sum())
        self.others = self.dim - self.blocks.columns
        self.noisy_labels = model.label_noise_variance > 0.0
        self.rotated = model.replace(coefficients=self.blocks.coefficients)

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> RotatedDraws:
        """Clean features, noise in their columns, and a root of the noise in the others."""
        sets = len(counts)
        clean, clean_labels = self.blocks.draw(rng, counts)
        noise = work.array("noise", (sets, self.rows, self.blocks.columns))
        rng.standard_normal(out=noise)
        other_noise = work.array("other noise", (sets, min(self.others, self.rows), self.rows))
        kernels.wishart_roots(rng, np.full(sets, self.others), other_noise)
        labels = rng.standard_normal((sets, self.rows if self.noisy_labels else 0))
        return RotatedDraws(clean, clean_labels, noise, other_noise, rng, labels)

    def rows_and_targets(
        self, draws: RotatedDraws, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Columns F + T/σ and Bᵀ, in units of σ."""
        noise, parts, unit = scaled_noise(draws.noise, draws.other_noise.mT, model, work, overwrite)
        draws.clean.add_to(noise, unit)
        targets = np.zeros(noise.shape[:2])
        targets[:, : draws.clean.rows] = draws.clean_labels
        if self.noisy_labels:
            targets += np.sqrt(model.label_noise_variance) * draws.labels
        return RowsAndTargets(parts, targets, unit)

    def fit_risks(
        self,
        fits: FloatArray,
        draws: RotatedDraws,
        model: BlockModel,
        under: Perturbation | None,
        loss: Loss,
    ) -> FloatArray:
        """True risks given the group, (..., R, K), found in the rotated coordinates."""
        p = self.blocks.columns
        # without noise there are no fits in the other columns
        beyond = np.linalg.norm(fits[..., p:], axis=-1)
        predictors = self.blocks.predictors(draws.directions, fits[..., :p], beyond)
        return dense_fit_risks(self.rotated, predictors, under, loss)
