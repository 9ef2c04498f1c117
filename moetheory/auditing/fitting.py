r"""Predictors that need no router, fitted to training samples, and predictions of their risks.

A predictor with coefficients :math:`\beta` has the risk :math:`\mathbb E (y - a - x^\top\beta)^2 +
\tau\,\beta^\top N\beta` under noise :math:`\tau N` on its features: the first term by leaving
samples out, the second exactly.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np

from moetheory.auditing.features import Features
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.ridge_path import RidgePath
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray

TUNING = 24  # penalties tried beside the noise levels
WEAKEST, STRONGEST = 1e-4, 10.0  # penalties, of the mean and of the sum of the variances


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted predictors by name, and their predicted losses at the training samples.

    Attributes
    ----------
    predictors : dict
        For the levels that are told, of features in units of their own.
    losses : dict of (n, F) arrays
        Squared errors, summed over labels, at all levels.
    left_out : dict of (n, L, m) arrays
        Of experts: their errors at samples that were left out, at the levels that are told.
    moments, group_moments : SampleMoments and list of them
        Of all samples, and of each group on its own block.
    collinear : bool
        Whether dense needs a penalty even without noise.
    """

    predictors: dict[str, Predictor]
    losses: dict[str, FloatArray]
    left_out: dict[str, FloatArray]
    moments: SampleMoments
    group_moments: list[SampleMoments]
    collinear: bool = False


def penalties_of(task: Task) -> FloatArray:
    """The noise levels, then the penalties beside them from which tuned predictors choose."""
    dim = task.features.dim
    variances = task.noise.variances
    typical = float(np.median(variances[variances > 0.0]))
    tuning = np.geomspace(WEAKEST, STRONGEST * dim, TUNING) / typical
    return np.concatenate([task.levels, tuning])


def fit(task: Task, rows: IntArray) -> Fitted:
    """Fit every predictor to the training ``rows``, sorted by their sets; predict its risk."""
    parts = _ExpertFits(task, rows)
    parts.fit()
    pooled = _PooledFits(task, rows, parts)
    for part, chunk in task.features.chunks(rows, task.sets[rows]):
        pooled.leave_out(part, chunk)
    predictors, losses = pooled.results()
    more_predictors, more_losses = parts.results()
    return Fitted(
        {**predictors, **more_predictors},
        {**losses, **more_losses},
        {name: parts.errors[name] for name in ("moe(block)", "moe(all)")},
        parts.moments,
        parts.group_moments,
        pooled.collinear,
    )


class _ExpertFits:
    """Experts that are told the groups: on their block, on all features, tuned; and means."""

    def __init__(self, task: Task, rows: IntArray) -> None:
        self.task, self.rows = task, rows
        n, m = len(rows), task.labels.shape[1]
        levels, experts, dim = len(task.told), task.experts, task.features.dim
        self.penalties = penalties_of(task)
        self.errors = {name: np.empty((n, levels, m)) for name in ("moe(block)", "moe(all)")}
        self.losses = {
            name: np.empty((n, len(task.levels)))
            for name in ("moe(block)", "moe(all)", "moe(all, tuned)", "group mean")
        }
        self.intercepts = {name: np.zeros((levels, experts, m)) for name in self.losses}
        self.coefficients = {name: np.zeros((levels, experts, dim, m)) for name in self.losses}
        self.group_moments: list[SampleMoments] = []
        self.means, self.label_means = np.zeros((experts, dim)), np.zeros((experts, m))

    def fit(self) -> None:
        """Fit one group after the other, so that only its own second moment is held."""
        task, rows = self.task, self.rows
        groups = task.groups[rows]
        overall = task.labels[rows].mean(axis=0)
        for g, block in enumerate(task.blocks):
            own = np.flatnonzero(groups == g)
            found = moments_of_rows(task.features, task.labels, rows[own])
            self.group_moments.append(found.of_features(block))
            self.means[g], self.label_means[g] = found.mean, found.label_mean
            if g == 0:
                self.moments, self.within = deepcopy(found), deepcopy(found)
            else:
                self.within.add_within(found)
                self.moments += found
            self._fit_group(g, own, block, found, overall)

    def _fit_group(
        self, g: int, own: IntArray, block: IntArray, found: SampleMoments, overall: FloatArray
    ) -> None:
        task, rows = self.task, self.rows[own]
        factor, count = task.noise.factor_on(found), len(task.levels)
        restricted = factor[block]  # rows of F: noise on the block alone
        path_of = partial(RidgePath, intercept=task.intercept)
        paths = {
            "moe(block)": (path_of(self.group_moments[g], restricted, task.levels), block),
            "moe(all)": (path_of(found, factor, self.penalties), None),
        }
        squares = np.empty((len(own), len(self.penalties)))
        for part, chunk in task.features.chunks(rows, task.sets[rows]):
            truth = task.labels[rows[part]]
            for name, (path, seen) in paths.items():
                seen_chunk = chunk if seen is None else chunk[:, seen]
                errors = path.left_out(seen_chunk, truth, task.sets[rows[part]])
                alone = np.isnan(errors[:, 0, 0])
                # alone in its group: without the sample only the mean of all labels is left
                errors[alone] = (truth[alone] - overall)[:, np.newaxis]
                self.errors[name][own[part]] = errors[:, task.told]
                each = np.square(errors).sum(axis=2)
                if seen is None:
                    squares[part] = each
                self.losses[name][own[part]] = (
                    each[:, :count] + task.levels * path.noise_gains[:count]
                )
            self._leave_out_of_mean(own[part], truth, found, overall)
        for name, (path, seen) in paths.items():
            self._keep(name, g, path, task.told, seen)
        path = paths["moe(all)"][0]
        best = tuned(squares, path.noise_gains, task.levels)
        self.losses["moe(all, tuned)"][own] = (
            squares[:, best] + task.levels * path.noise_gains[best]
        )
        self._keep("moe(all, tuned)", g, path, best[task.told], None)
        self.intercepts["group mean"][:, g] = found.label_mean

    def _leave_out_of_mean(
        self, own: IntArray, truth: FloatArray, found: SampleMoments, overall: FloatArray
    ) -> None:
        """The losses of the group's mean; samples of one set are left out together."""
        sets = self.task.sets[self.rows[own]]
        _, inverse, sizes = np.unique(sets, return_inverse=True, return_counts=True)
        sums = np.stack([np.bincount(inverse, column) for column in truth.T], axis=1)
        left = (found.count - sizes)[inverse]
        rest = found.count * found.label_mean - sums[inverse]
        means = np.where(
            left[:, np.newaxis] > 0, rest / np.maximum(left, 1)[:, np.newaxis], overall
        )
        losses = np.square(truth - means).sum(axis=1)
        self.losses["group mean"][own] = losses[:, np.newaxis]

    def _keep(
        self, name: str, g: int, path: RidgePath, which: IntArray, seen: IntArray | None
    ) -> None:
        intercepts, coefficients = path.fits(which)
        self.intercepts[name][:, g] = intercepts
        if seen is None:
            self.coefficients[name][:, g] = coefficients
        else:
            self.coefficients[name][:, g, seen] = coefficients

    def results(self) -> tuple[dict[str, Predictor], dict[str, FloatArray]]:
        """The predictors and their predicted losses, by name."""
        predictors = {
            name: Predictor(self.intercepts[name], self.coefficients[name]) for name in self.losses
        }
        return predictors, self.losses


class _PooledFits:
    """Dense predictors: with the noise as penalty, tuned, or with an intercept of each group."""

    def __init__(self, task: Task, rows: IntArray, parts: _ExpertFits) -> None:
        self.task, self.rows = task, rows
        moments, within = parts.moments, parts.within
        self._groups = task.groups[rows]
        members = np.bincount(self._groups, minlength=task.experts)
        self._shares = (1.0 / np.maximum(members, 1))[self._groups]
        self._centres, self._label_centres = parts.means, parts.label_means
        factor, penalties = task.noise.factor_on(moments), penalties_of(task)
        self._all = RidgePath(moments, factor, penalties, intercept=task.intercept)
        self.collinear = self._all.is_raised
        within.mean, within.label_mean = (
            np.zeros_like(within.mean),
            np.zeros_like(within.label_mean),
        )
        self._within = RidgePath(within, factor, task.levels, intercept=False)
        self._squares = np.empty((len(rows), len(penalties)))
        self._told = np.empty((len(rows), len(task.levels)))

    def leave_out(self, part: slice, chunk: FloatArray) -> None:
        """Add the left-out errors at a chunk of samples."""
        rows, groups = self.rows[part], self._groups[part]
        truth, sets = self.task.labels[rows], self.task.sets[rows]
        self._squares[part] = np.square(self._all.left_out(chunk, truth, sets)).sum(axis=2)
        shares = self._shares[part]
        errors = self._within.left_out(
            chunk - self._centres[groups],
            truth - self._label_centres[groups],
            sets,
            groups,
            shares,
        )
        alone = np.isnan(errors[:, 0, 0])
        errors[alone] = (truth[alone] - self.task.labels[self.rows].mean(axis=0))[:, np.newaxis]
        self._told[part] = np.square(errors).sum(axis=2)

    def results(self) -> tuple[dict[str, Predictor], dict[str, FloatArray]]:
        """The predictors and their predicted losses, by name."""
        task, gains = self.task, self._all.noise_gains
        levels = task.levels
        choices = {
            "dense": np.arange(len(levels)),
            "dense(tuned)": tuned(self._squares, gains, levels),
        }
        predictors, losses = {}, {}
        for name, which in choices.items():
            intercepts, coefficients = self._all.fits(which[task.told])
            predictors[name] = Predictor(intercepts[:, np.newaxis], coefficients[:, np.newaxis])
            losses[name] = self._squares[:, which] + levels * gains[which]
        _, coefficients = self._within.fits(task.told)
        shape = (*coefficients.shape[:1], task.experts, *coefficients.shape[1:])
        intercepts = self._label_centres - np.einsum("gd,ldm->lgm", self._centres, coefficients)
        predictors["dense + group"] = Predictor(
            intercepts, np.broadcast_to(coefficients[:, np.newaxis], shape).copy()
        )
        losses["dense + group"] = self._told + levels * self._within.noise_gains
        return predictors, losses


def tuned(squares: FloatArray, gains: FloatArray, levels: FloatArray) -> IntArray:
    """The penalty with the least predicted risk at each noise level, of squared errors (n, T)."""
    risks = squares.mean(axis=0)[:, np.newaxis] + np.multiply.outer(gains, levels)
    return np.asarray(risks.argmin(axis=0))


def moments_of_rows(
    x: Features, labels: FloatArray, rows: IntArray, seen: IntArray | slice = slice(None)
) -> SampleMoments:
    """The moments of some samples, of all features or of some."""
    return SampleMoments.total(
        SampleMoments.of(chunk[:, seen], labels[rows[part]]) for part, chunk in x.chunks(rows)
    )
