"""Fewer samples than coordinates in isotropic blocks: coordinates may be rotated, too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.kernels import Workspace
from moetheory.problem.estimators import Dense
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.base import perturbed_fit_risks
from moetheory.simulation.methods.statistics_rows import (
    Equations,
    RowLayout,
    clean_roots,
    noise_parts,
)


class RotatedDraws(NamedTuple):
    """Roots of the clean blocks, noise in their columns, root of the other noise, and the rest.

    ``rest`` is transposed; ``truth`` are the rotated coefficients over all d coordinates, block
    by block; ``direction`` is a unit vector over the d - q columns without clean part.
    """

    clean: list[FloatArray]
    noise: FloatArray
    rest: FloatArray
    truth: FloatArray
    direction: FloatArray
    labels: FloatArray


class Rotated(RowLayout):
    r"""Strict isotropic blocks, n < d: :math:`\bar X \to (T + \sigma F,\; \sigma V^\top)`.

    Rotating the coordinates of block g turns the clean features of its group into
    :math:`q_g = \min(n_g, s_g)` columns that are not zero, :math:`\sqrt{\lambda_g}U_g^\top` with
    :math:`U_g^\top U_g \sim \mathrm{Wishart}_{n_g}(s_g, I)`, and its coefficients into a vector
    of the same length and uniform direction. F is standard normal; what noise is left in the
    :math:`d - q` other columns is :math:`V^\top Q`, V a root of
    :math:`\mathrm{Wishart}_n(d - q)` and Q uniformly random: of the fit in these columns, only
    the length depends on V, and the direction is uniform. Risks and norms do not change.
    """

    def __init__(self, model: BlockModel, samples: IntArray) -> None:
        sizes, used = model.sizes, np.minimum(samples, model.sizes)
        self.dim, self.rows = model.dim, int(samples.sum())
        self.clean_columns = int(used.sum())
        self.columns = self.clean_columns + min(self.dim - self.clean_columns, self.rows)
        shapes, shape_of = np.unique(np.stack([samples, sizes]), axis=1, return_inverse=True)
        self.shapes: list[tuple[int, int]] = [(int(n), int(s)) for n, s in shapes.T]
        members = [np.flatnonzero(shape_of == i) for i in range(len(self.shapes))]
        # where the groups of each shape stand: (G, n_g) rows, (G, q_g) columns
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
        self.labelled = model.label_noise_variance > 0.0

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> RotatedDraws:
        """A root for each group, noise, the root of the other noise, and directions."""
        sets, others = len(counts), self.dim - self.clean_columns
        clean = []
        for i, ((n, s), (_, columns)) in enumerate(zip(self.shapes, self.places, strict=True)):
            groups, used = columns.shape
            roots = work.array(f"clean {i}", (sets, groups, used, n))
            clean.append(clean_roots(rng, np.full((sets, groups), s), roots))
        noise = work.array("noise", (sets, self.rows, self.clean_columns))
        rng.standard_normal(out=noise)
        rest = work.array("rest", (sets, self.columns - self.clean_columns, self.rows))
        kernels.wishart_roots(rng, np.full(sets, others), rest)
        truth = rng.standard_normal((sets, self.dim))
        norms = np.sqrt(block_sums(np.square(truth), self.block_of))
        truth *= (self.lengths / norms)[:, self.block_of]
        direction = rng.standard_normal((sets, others))
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        labels = rng.standard_normal((sets, self.rows if self.labelled else 0))
        return RotatedDraws(clean, noise, rest, truth, direction, labels)

    def equations(
        self, draws: RotatedDraws, model: BlockModel, work: Workspace, last: bool = True
    ) -> Equations:
        """Columns F + T/σ, and those the other coordinates need; all in units of σ."""
        noise, parts, unit = noise_parts(draws.noise, draws.rest.mT, model, work, last)
        targets = np.zeros(noise.shape[:2])
        if self.labelled:
            targets += np.sqrt(model.label_noise_variance) * draws.labels
        truth, spread = draws.truth[:, self.is_clean], np.sqrt(self.signal[self.is_clean])
        for roots, (rows, columns) in zip(draws.clean, self.places, strict=True):
            clean = roots.mT * spread[columns][:, np.newaxis]
            targets[:, rows] += np.matvec(clean, truth[:, columns])
            noise[:, rows[:, :, np.newaxis], columns[:, np.newaxis]] += clean / unit
        return Equations(parts, targets, unit)

    def losses(
        self,
        fits: FloatArray,
        draws: RotatedDraws,
        model: BlockModel,
        under: Perturbation | None,
    ) -> FloatArray:
        """True risks in rotated coordinates, in which the coefficients are the drawn ones."""
        q = self.clean_columns
        predictors = np.empty((*fits.shape[:-1], self.dim))
        predictors[..., self.is_clean] = fits[..., :q]
        # without noise there are no fits in the other columns
        length = np.linalg.norm(fits[..., q:], axis=-1, keepdims=True)
        predictors[..., ~self.is_clean] = length * draws.direction
        if under is not None:
            back = np.argsort(self.order)
            truth = draws.truth[:, back]
            return perturbed_fit_risks(Dense(), model, predictors[..., back], truth, under)
        missed = np.square(draws.truth - predictors)
        missed *= self.signal
        risks = block_sums(missed, self.block_of)
        risks += model.noise_variance * np.vecdot(predictors, predictors)[..., np.newaxis]
        return risks + model.label_noise_variance
