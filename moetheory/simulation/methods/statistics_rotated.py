"""Rows for fewer samples than coordinates in isotropic blocks; helper of method="statistics".

Isotropic blocks let the coordinates be rotated as well as the samples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.kernels import Workspace
from moetheory.problem.estimators import Dense
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.fit_risks import perturbed_fit_risks
from moetheory.simulation.methods.statistics_rows import (
    RowLayout,
    RowsAndTargets,
    clean_roots,
    scaled_noise,
)


class RotatedDraws(NamedTuple):
    """Random numbers of `RotatedRows`.

    ``clean`` are roots of the clean blocks, ``noise`` is the noise in their columns.
    ``other_noise`` is a root of the noise in the other columns, transposed. ``coefficients`` are
    the rotated ones of all d coordinates, block by block. ``direction`` is a unit vector over the
    columns without clean part.
    """

    clean: list[FloatArray]
    noise: FloatArray
    other_noise: FloatArray
    coefficients: FloatArray
    direction: FloatArray
    labels: FloatArray


class RotatedRows(RowLayout):
    r"""Rows for strict isotropic blocks, :math:`\bar X \to (T + \sigma F,\; \sigma B^\top)`, n < d.

    For one noise variance :math:`\sigma^2` and no interference.

    A rotation of the coordinates of block g turns the clean features of its group into
    :math:`\min(n_g, s_g)` columns that are not zero, :math:`\sqrt{\lambda_g}U_g^\top` with
    :math:`U_g^\top U_g \sim \mathrm{Wishart}_{n_g}(s_g, I)`, and its coefficients into a vector
    of the same length and uniform direction. F is standard normal. With :math:`s_T =
    \sum_g\min(n_g, s_g)` the noise in the :math:`d - s_T` other columns is :math:`B^\top Q`, B a
    root of :math:`\mathrm{Wishart}_n(d - s_T)` and Q uniformly random: of the fit in these columns,
    only the length depends on B, and the direction is uniform. Risks and norms do not change.
    """

    def __init__(self, model: BlockModel, samples: IntArray) -> None:
        sizes, used = model.sizes, np.minimum(samples, model.sizes)
        self.dim, self.rows = model.dim, int(samples.sum())
        self.clean_columns = int(used.sum())
        self.columns = self.clean_columns + min(self.dim - self.clean_columns, self.rows)
        shapes, shape_of = np.unique(np.stack([samples, sizes]), axis=1, return_inverse=True)
        self.shapes: list[tuple[int, int]] = [(int(n), int(s)) for n, s in shapes.T]
        members = [np.flatnonzero(shape_of == i) for i in range(len(self.shapes))]
        # rows (G, n_g) and columns (G, min(n_g, s_g)) of the G groups of each shape
        self.places = [
            (
                (np.cumsum(samples) - samples)[g][:, np.newaxis] + np.arange(n),
                (np.cumsum(used) - used)[g][:, np.newaxis] + np.arange(min(n, s)),
            )
            for g, (n, s) in zip(members, self.shapes, strict=True)
        ]
        # block by block: the first coordinates of a block are those with a clean part
        self.block_of = np.repeat(np.arange(model.experts), sizes)
        first = np.arange(self.dim) - (np.cumsum(sizes) - sizes)[self.block_of]
        self.is_clean = first < used[self.block_of]
        self.order = np.argsort(model.block_of, kind="stable")
        self.signal = model.signal_variances[self.order]
        self.lengths = np.sqrt(block_sums(np.square(model.coefficients), model.block_of))
        self.noisy_labels = model.label_noise_variance > 0.0

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> RotatedDraws:
        """Roots of the clean blocks and of the noise, rotated coefficients, and a direction."""
        sets, others = len(counts), self.dim - self.clean_columns
        clean = []
        for i, ((n, s), (_, columns)) in enumerate(zip(self.shapes, self.places, strict=True)):
            groups, used = columns.shape
            roots = work.array(f"clean {i}", (sets, groups, used, n))
            clean.append(clean_roots(rng, np.full((sets, groups), s), roots))
        noise = work.array("noise", (sets, self.rows, self.clean_columns))
        rng.standard_normal(out=noise)
        other_noise = work.array(
            "other noise", (sets, self.columns - self.clean_columns, self.rows)
        )
        kernels.wishart_roots(rng, np.full(sets, others), other_noise)
        coefficients = rng.standard_normal((sets, self.dim))
        norms = np.sqrt(block_sums(np.square(coefficients), self.block_of))
        coefficients *= (self.lengths / norms)[:, self.block_of]
        direction = rng.standard_normal((sets, others))
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        labels = rng.standard_normal((sets, self.rows if self.noisy_labels else 0))
        return RotatedDraws(clean, noise, other_noise, coefficients, direction, labels)

    def rows_and_targets(
        self, draws: RotatedDraws, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Columns F + T/σ and Bᵀ, in units of σ."""
        noise, parts, unit = scaled_noise(draws.noise, draws.other_noise.mT, model, work, overwrite)
        targets = np.zeros(noise.shape[:2])
        if self.noisy_labels:
            targets += np.sqrt(model.label_noise_variance) * draws.labels
        coefficients = draws.coefficients[:, self.is_clean]
        deviations = np.sqrt(self.signal[self.is_clean])
        for roots, (rows, columns) in zip(draws.clean, self.places, strict=True):
            clean = roots.mT * deviations[columns][:, np.newaxis]
            targets[:, rows] += np.matvec(clean, coefficients[:, columns])
            noise[:, rows[:, :, np.newaxis], columns[:, np.newaxis]] += clean / unit
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
        q = self.clean_columns
        predictors = np.empty((*fits.shape[:-1], self.dim))
        predictors[..., self.is_clean] = fits[..., :q]
        # without noise there are no fits in the other columns
        length = np.linalg.norm(fits[..., q:], axis=-1, keepdims=True)
        predictors[..., ~self.is_clean] = length * draws.direction
        if under is not None:
            back = np.argsort(self.order)
            coefficients = draws.coefficients[:, back]
            return perturbed_fit_risks(Dense(), model, predictors[..., back], coefficients, under)
        signal_losses = np.square(draws.coefficients - predictors)
        signal_losses *= self.signal
        risks = block_sums(signal_losses, self.block_of)
        risks += model.noise_variance * np.vecdot(predictors, predictors)[..., np.newaxis]
        return risks + model.label_noise_variance
