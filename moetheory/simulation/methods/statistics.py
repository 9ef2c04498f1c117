"""method="statistics": fits on few rows with the normal equations of a training set in law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.formulas.shrinkage import mean_noise, second_moment
from moetheory.kernels import Workspace
from moetheory.predictors.optimal import (
    interference_of,
    leakage_of,
    unchecked_optimal_coefficients,
)
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import TrainingRoute, ridges
from moetheory.simulation.methods.fit_risks import expert_fit_risks
from moetheory.simulation.methods.rotated_blocks import rotatable
from moetheory.simulation.methods.statistics_rotated import RotatedRows
from moetheory.simulation.methods.statistics_rows import (
    GroupedRows,
    JointRows,
    RowLayout,
    RowsAndTargets,
    SampleRows,
)


class DenseStatisticsRoute(TrainingRoute):
    """A replicate fits dense on compressed rows; the layouts are in ``statistics_rows.py``."""

    method = "statistics"

    @cached
    def layout(self) -> RowLayout:
        """The row layout with the fewest rows."""
        model, most_samples = self.models[0], self.most_samples
        if self.total >= model.dim:
            if model.strict and not model.interferes:
                fewest = most_samples if self.counts == "fixed" else np.zeros_like(most_samples)
                return JointRows(model, fewest, most_samples, self.total)
            grouped = GroupedRows(model, most_samples)
            if grouped.rows < self.total:
                return grouped
        elif self.fits == 1 and self.counts == "fixed" and rotatable(model, self.under, self.loss):
            # of a part of the fit it draws the direction: two fits would get the same one
            return RotatedRows(model, self.samples)
        return SampleRows(model, self.total)

    @cached
    def iterations(self) -> int:
        r"""Expected steps of conjugate gradients; 0 where a direct solution is cheaper.

        The squared singular values of the rows spread like those of independent data with c
        coordinates per sample, by :math:`((1+\sqrt c)/(1-\sqrt c))^2`: every step gains a factor
        :math:`\sqrt c`. Measurements show: up to d/5 steps cost less than a product and a solve.
        """
        model = self.models[0]
        # without enough samples in a group the smallest singular values come from noise alone
        fewest = np.minimum(self.samples / model.sizes, self.total / model.dim).min()
        if fewest <= 1.0:
            return 0
        coordinates_per_sample = 1.0 / float(fewest)
        steps = math.ceil(
            2.0 * math.log(1.0 / kernels.TOLERANCE) / math.log(1.0 / coordinates_per_sample)
        )
        return steps if steps <= model.dim / 5 else 0

    @property
    def numbers(self) -> int:
        """Numbers in the rows of a replicate, or in what is computed from them if that is more."""
        dim = self.models[0].dim
        return max(self.layout.rows, min(dim, self.total), self.models[0].experts) * dim

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group; all models and ridges from the same draws."""
        draws = self.layout.draw(rng, self.draw_counts(rng, replicates), work)
        risks = []
        for number, model in enumerate(self.models, 1):
            overwrite = number == len(self.models)
            rows_and_targets = self.layout.rows_and_targets(draws, model, work, overwrite)
            fits = self.fitted_coefficients(rows_and_targets, model, work)
            risks.append(self.layout.fit_risks(fits, draws, model, self.under, self.loss))
        return np.concatenate(risks)

    def fitted_coefficients(
        self, rows_and_targets: RowsAndTargets, model: BlockModel, work: Workspace
    ) -> FloatArray:
        """Coefficients of each estimator in R training sets, (..., R, d)."""
        parts, targets, unit = rows_and_targets
        penalties = self.total * np.repeat(ridges(self.estimators)[:, np.newaxis], len(targets), 1)
        scaled = penalties / unit**2
        if self.total < model.dim:
            fits = kernels.dual_fits(parts, targets, scaled, work)
        elif self.iterations:
            scale = 1.0 / np.sqrt(self._moments(model))
            fits = kernels.conjugate_fits(parts, targets, scaled, scale, work, 3 * self.iterations)
        else:
            fits = kernels.normal_fits(parts, targets, scaled, work)
        fits /= unit
        return fits

    def _moments(self, model: BlockModel) -> FloatArray:
        """Mean squares of the noisy coordinates, (d,); 1 where they are 0."""
        shares = (self.samples / self.total)[model.block_of]
        noise = mean_noise(shares, model.noise_variance, interference_of(model))
        moments = noise + second_moment(shares, model.signal_variances, leakage_of(model))
        return np.where(moments > 0.0, moments, 1.0)


class ExpertRows(NamedTuple):
    """Rows and targets of one expert in R training sets.

    Attributes
    ----------
    number : int
        Index of the model.
    group : int
    own : (s,) integer array
        The coordinates of the expert's block.
    rows, targets : (R, q, s) and (R, q) arrays
    counts : (R,) integer array
        Samples that the rows stand for.
    """

    number: int
    group: int
    own: IntArray
    rows: FloatArray
    targets: FloatArray
    counts: IntArray


class ExpertStatisticsRoute(TrainingRoute):
    r"""A replicate fits every expert on compressed rows.

    Given the group, :math:`y = \bar x_g^\top\theta_g + r` with r independent of
    :math:`\bar x_g`: the rows of expert g are :math:`UC_g^{1/2}`, U a root of
    :math:`\mathrm{Wishart}_{s_g}(n_g)`, and their targets
    :math:`UC_g^{1/2}\theta_g + \sqrt{\rho_g}z`.
    """

    method = "statistics"

    @property
    def numbers(self) -> int:
        """Numbers in the rows of the largest expert, or in all coefficients."""
        model = self.models[0]
        return max(int((np.minimum(self.most_samples, model.sizes) * model.sizes).max()), model.dim)

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group; all models and ridges from the same draws."""
        counts = self.draw_counts(rng, replicates)
        fits = self.fitted_coefficients(self.expert_rows(rng, counts, work), replicates, work)
        risks = [
            expert_fit_risks(model, fit, regression, self.under, self.loss)
            for model, fit, regression in zip(self.models, fits, self.regressions, strict=True)
        ]
        return np.concatenate(risks)

    def expert_rows(
        self, rng: np.random.Generator, counts: IntArray, work: Workspace
    ) -> Iterator[ExpertRows]:
        """Rows of every expert for each model, from the same draws; ``counts`` are (R, K)."""
        optima = [unchecked_optimal_coefficients(MoE(), model) for model in self.models]
        spreads = [np.sqrt(each.signal_variances + each.noise_variance) for each in self.models]
        most_samples = self.most_samples
        for g in range(self.models[0].experts):
            own = np.flatnonzero(self.models[0].block_of == g)
            count = min(int(most_samples[g]), len(own))
            if count == 0:
                continue
            roots = work.array("roots", (len(counts), count, len(own)))
            kernels.wishart_roots(rng, counts[:, g], roots)
            normals = rng.standard_normal((len(counts), count))
            for number, (spread, optimum, regression) in enumerate(
                zip(spreads, optima, self.regressions, strict=True)
            ):
                deviations = spread[own]
                targets = np.vecdot(roots, deviations * optimum[own])
                targets += np.sqrt(regression.residual[g]) * normals
                yield ExpertRows(number, g, own, roots * deviations, targets, counts[:, g])

    def fitted_coefficients(
        self, expert_rows: Iterator[ExpertRows], replicates: int, work: Workspace
    ) -> FloatArray:
        """Coefficients of each model and estimator in R training sets, (M, ..., R, d)."""
        mu = ridges(self.estimators)
        fits = np.zeros((len(self.models), len(mu), replicates, self.models[0].dim))
        for number, _, own, rows, targets, counts in expert_rows:
            penalties = np.multiply.outer(mu, counts)
            solve = kernels.normal_fits if rows.shape[1] == len(own) else kernels.dual_fits
            fits[number][..., own] = solve((rows,), targets, penalties, work)
        return fits
