"""Fits from sufficient statistics: as few rows as have the same normal equations in law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.population import second_moment
from moetheory.kernels import Workspace
from moetheory.predictors.optimal import leakage_of, optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import TrainingRoute, expert_losses, ridges
from moetheory.simulation.methods.statistics_rotated import Rotated
from moetheory.simulation.methods.statistics_rows import Equations, Grouped, Joint, Plain, RowLayout


class DenseStatisticsRoute(TrainingRoute):
    """Dense fitted on compressed rows; see `moetheory.simulation.methods.statistics_rows`."""

    method = "statistics"

    @cached_property
    def layout(self) -> RowLayout:
        """The arrangement with the fewest rows."""
        model, most = self.models[0], self.most
        if self.total >= model.dim:
            if model.strict:
                fewest = most if self.counts == "fixed" else np.zeros_like(most)
                return Joint(model, fewest, most, self.total)
            grouped = Grouped(model, most)
            if grouped.rows < self.total:
                return grouped
        elif self.fits == 1 and model.strict and self.counts == "fixed" and self._isotropic:
            # it finds but the length of a part: two fits would get one direction
            return Rotated(model, self.samples)
        return Plain(model, self.total)

    @property
    def _isotropic(self) -> bool:
        """Whether the clean features of every block are, to the last bit: noise may hide it."""
        model = self.models[0]
        first = model.signal_variances[np.unique(model.block_of, return_index=True)[1]]
        return bool(np.all(model.signal_variances == first[model.block_of]))

    @cached_property
    def iterations(self) -> int:
        r"""Steps of conjugate gradients that are expected; 0 where solving is cheaper.

        The rows' squared singular values spread like those of independent data with c
        coordinates a sample, by :math:`((1+\sqrt c)/(1-\sqrt c))^2`: every step gains a factor
        :math:`\sqrt c`. Measured: up to d/5 steps cost less than a product and a solve.
        """
        model = self.models[0]
        # rows of a group without samples would be told apart by their noise alone
        fewest = np.minimum(self.samples / model.sizes, self.total / model.dim).min()
        if fewest <= 1.0:
            return 0
        crowding = 1.0 / float(fewest)
        steps = math.ceil(2.0 * math.log(1.0 / kernels.TOLERANCE) / math.log(1.0 / crowding))
        return steps if steps <= model.dim / 5 else 0

    @property
    def numbers(self) -> int:
        """Numbers in the rows of a replicate, and in what is made of them."""
        dim = self.models[0].dim
        return max(self.layout.rows, min(dim, self.total), self.models[0].experts) * dim

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group; all models and ridges from the same draws."""
        draws = self.layout.draw(rng, self.draw_counts(rng, replicates), work)
        risks = []
        for number, model in enumerate(self.models, 1):
            last = number == len(self.models)
            equations = self.layout.equations(draws, model, work, last)
            fits = self.solved(equations, model, work)
            risks.append(self.layout.losses(fits, draws, model, self.under))
        return np.concatenate(risks)

    def solved(self, equations: Equations, model: BlockModel, work: Workspace) -> FloatArray:
        """Coefficients in R training sets by the ridge of each estimator, (..., R, d)."""
        parts, targets, unit = equations
        penalties = self.total * np.repeat(ridges(self.estimators)[:, np.newaxis], len(targets), 1)
        scaled = penalties / unit**2
        if self.total < model.dim:
            fits = kernels.dual_fits(parts, targets, scaled, work)
        elif self.iterations:
            like = 1.0 / np.sqrt(self._moments(model))
            fits = kernels.conjugate_fits(parts, targets, scaled, like, work, 3 * self.iterations)
        else:
            fits = kernels.normal_fits(parts, targets, scaled, work)
        fits /= unit
        return fits

    def _moments(self, model: BlockModel) -> FloatArray:
        """Mean squares of the noisy coordinates, 1 where they are 0; any unit will do."""
        shares = (self.samples / self.total)[model.block_of]
        moments = model.noise_variance + second_moment(
            shares, model.signal_variances, leakage_of(model)
        )
        return np.where(moments > 0.0, moments, 1.0)


class ExpertEquations(NamedTuple):
    """Rows and targets of one expert in R training sets.

    Attributes
    ----------
    number : int
        Of the model.
    group : int
    own : (s,) integer array
        The coordinates of its block.
    rows, targets : (R, q, s) and (R, q) arrays
    counts : (R,) integer array
        Samples that they stand for.
    """

    number: int
    group: int
    own: IntArray
    rows: FloatArray
    targets: FloatArray
    counts: IntArray


class ExpertStatisticsRoute(TrainingRoute):
    r"""Experts fitted on compressed rows.

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
        return max(int((np.minimum(self.most, model.sizes) * model.sizes).max()), model.dim)

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group; all models and ridges from the same draws."""
        counts = self.draw_counts(rng, replicates)
        fits = self.solved(self.equations(rng, counts, work), replicates, work)
        risks = [
            expert_losses(model, fit, regression, self.under)
            for model, fit, regression in zip(self.models, fits, self.regressions, strict=True)
        ]
        return np.concatenate(risks)

    def equations(
        self, rng: np.random.Generator, counts: IntArray, work: Workspace
    ) -> Iterator[ExpertEquations]:
        """Expert by expert those of each model, from the same draws; ``counts`` are (R, K)."""
        optima = [optimal_coefficients(MoE(), model) for model in self.models]
        most = self.most
        for g in range(self.models[0].experts):
            own = np.flatnonzero(self.models[0].block_of == g)
            count = min(int(most[g]), len(own))
            if count == 0:
                continue
            roots = work.array("roots", (len(counts), count, len(own)))
            kernels.wishart_roots(rng, counts[:, g], roots)
            normals = rng.standard_normal((len(counts), count))
            for number, (model, optimum, regression) in enumerate(
                zip(self.models, optima, self.regressions, strict=True)
            ):
                observed = np.sqrt(model.signal_variances[own] + model.noise_variance)
                targets = np.vecdot(roots, observed * optimum[own])
                targets += np.sqrt(regression.residual[g]) * normals
                yield ExpertEquations(number, g, own, roots * observed, targets, counts[:, g])

    def solved(
        self, equations: Iterator[ExpertEquations], replicates: int, work: Workspace
    ) -> FloatArray:
        """Coefficients for each model by the ridge of each estimator, (M, ..., R, d)."""
        mu = ridges(self.estimators)
        fits = np.zeros((len(self.models), len(mu), replicates, self.models[0].dim))
        for number, _, own, rows, targets, counts in equations:
            penalties = np.multiply.outer(mu, counts)
            solve = kernels.normal_fits if rows.shape[1] == len(own) else kernels.dual_fits
            fits[number][..., own] = solve((rows,), targets, penalties, work)
        return fits
