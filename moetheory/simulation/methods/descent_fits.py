"""Gradient descent with method="statistics" or "data": a fit for each number of steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.kernels import Spectrum, StepSizes, Workspace
from moetheory.problem.descent_schedule import Schedule
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import BATCH, BATCHES, TrainingRoute
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.statistics import (
    DenseStatisticsRoute,
    ExpertRows,
    ExpertStatisticsRoute,
)
from moetheory.simulation.methods.statistics_rows import RowsAndTargets

# part of the reproducibility contract: numbers in the iterates of a batch, for one estimator
ITERATES = 1 << 19


class Regression(NamedTuple):
    """The regression of one expert, or of dense, in S of the training sets.

    Attributes
    ----------
    group : int
    sets : slice or (S,) integer array
        The training sets.
    own : slice
        Its coordinates, in an order block by block.
    spectrum : Spectrum
    share : (S,) array
        Its share of all samples, n_g/n.
    """

    group: int
    sets: slice | IntArray
    own: slice
    spectrum: Spectrum
    share: FloatArray


@dataclass(frozen=True, eq=False)
class DescentRoute(TrainingRoute):
    """A value is the true risk of one estimator after one of T numbers of steps; M = 1 model."""

    schedule: Schedule = field(kw_only=True)

    @property
    def fits(self) -> int:
        """Number of fits: one for each estimator and number of steps."""
        return len(self.estimators) * len(self.schedule.steps)

    @property
    def batch(self) -> int:
        """Replicates that are computed together; their iterates should stay in the cache."""
        return max(1, min(BATCH // self.numbers, ITERATES // self._iterate_numbers))

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of models, samples and steps, not of the cache."""
        return BATCHES * max(1, BATCH // max(self.numbers, self._iterate_numbers))

    @property
    def _iterate_numbers(self) -> int:
        """Numbers in the iterates of one estimator, at all T numbers of steps."""
        return len(self.schedule.steps) * self.models[0].dim

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most; the tally has products of all pairs of fits."""
        return super().footprint + 8 * (4 * self.batch * self._iterate_numbers + 2 * self.fits**2)

    def dense_iterates(
        self, estimators: Sequence[Estimator], rows_and_targets: RowsAndTargets, work: Workspace
    ) -> FloatArray:
        """Coefficients of dense after each number of steps, (E, T, R, d)."""
        replicates = len(rows_and_targets.targets)
        counts = np.full(replicates, self.total)
        regression = self._regression(0, slice(None), slice(None), rows_and_targets, counts, work)
        return self._iterates(estimators, [regression], replicates)

    def expert_iterates(
        self,
        estimators: Sequence[Estimator],
        expert_rows: Iterable[tuple[int, slice | IntArray, RowsAndTargets, IntArray]],
        replicates: int,
        work: Workspace,
    ) -> FloatArray:
        """Coefficients of experts after each number of steps, (E, T, R, d).

        Items of ``expert_rows`` are an expert, training sets, its rows there, and its samples.
        """
        model = self.models[0]
        ends = np.cumsum(model.sizes)
        regressions = [
            self._regression(g, sets, slice(end - size, end), given, counts, work)
            for g, sets, given, counts in expert_rows
            for size, end in [(model.sizes[g], ends[g])]
        ]
        iterates = self._iterates(estimators, regressions, replicates)
        back = np.argsort(np.argsort(model.block_of, kind="stable"))
        return iterates if np.array_equal(back, np.arange(model.dim)) else iterates[..., back]

    def _regression(
        self,
        group: int,
        sets: slice | IntArray,
        own: slice,
        rows_and_targets: RowsAndTargets,
        counts: IntArray,
        work: Workspace,
    ) -> Regression:
        parts, targets, unit = rows_and_targets
        spectrum = kernels.spectrum(parts, targets, counts, work, unit)
        return Regression(group, sets, own, spectrum, np.maximum(counts, 1) / self.total)

    def _iterates(
        self, estimators: Sequence[Estimator], regressions: Sequence[Regression], replicates: int
    ) -> FloatArray:
        steps = self.schedule.steps
        fits = np.zeros((len(estimators), replicates, len(steps), self.models[0].dim))
        for fit, estimator in zip(fits, estimators, strict=True):
            step_sizes = self._step_sizes(regressions, estimator.ridge, replicates)
            for each, sizes in zip(regressions, step_sizes, strict=True):
                here = fit[each.sets, :, each.own]
                kernels.descent_iterates(each.spectrum, estimator.ridge, sizes, steps, out=here)
                if not isinstance(each.sets, slice):  # then ``here`` is a copy
                    fit[each.sets, :, each.own] = here
        return np.moveaxis(fits, 1, 2)

    def _step_sizes(
        self, regressions: Sequence[Regression], ridge: float, replicates: int
    ) -> list[StepSizes]:
        """The step sizes of each regression, on its own mean loss.

        A step a on the joint loss is a step a n_g/n of expert g on its own loss.
        """
        joint, size = self.schedule.training == "joint", self.schedule.step_size
        weights = [each.share if joint else np.ones_like(each.share) for each in regressions]
        ends = [
            weight * np.stack(kernels.extreme_curvatures(each.spectrum.curvatures, ridge))
            for each, weight in zip(regressions, weights, strict=True)
        ]
        if not isinstance(size, str):
            sizes = np.broadcast_to(size, self.models[0].experts)
            chosen = [float(sizes[each.group]) for each in regressions]
            self._require_stable(regressions, chosen, [high.max() for high, _ in ends])
            return [
                StepSizes(2.0 / (each * weight), np.zeros_like(weight))
                for each, weight in zip(chosen, weights, strict=True)
            ]
        if joint:
            both = np.repeat([[0.0], [np.inf]], replicates, axis=1)
            for each, (high, low) in zip(regressions, ends, strict=True):
                both[0, each.sets] = np.maximum(both[0, each.sets], high)
                both[1, each.sets] = np.minimum(both[1, each.sets], low)
            ends = [both[:, each.sets] for each in regressions]
        return [
            kernels.optimal_step_sizes(*(end / weight))
            for end, weight in zip(ends, weights, strict=True)
        ]

    def _require_stable(
        self, regressions: Sequence[Regression], sizes: Sequence[float], largest: Sequence[float]
    ) -> None:
        """Refuse step sizes with which descent diverges on a training set that was drawn."""
        one_each = isinstance(self.schedule.step_size, np.ndarray)
        for each, size, curvature in zip(regressions, sizes, largest, strict=True):
            if size * curvature >= 2.0:
                worst = curvature if one_each else max(largest)
                name = f"step_size[{each.group}]" if one_each else "step_size"
                raise ArgumentError(
                    name,
                    f"must be less than {2.0 / worst:g}, got {size:g}: on one of the "
                    "training sets drawn gradient descent diverges",
                )


class DenseDescentRoute(DescentRoute, DenseStatisticsRoute):
    """Gradient descent of dense on compressed rows."""

    def fitted_coefficients(
        self, rows_and_targets: RowsAndTargets, model: BlockModel, work: Workspace
    ) -> FloatArray:
        """Coefficients of each estimator after each number of steps, (E, T, R, d)."""
        return self.dense_iterates(self.estimators, rows_and_targets, work)


class ExpertDescentRoute(DescentRoute, ExpertStatisticsRoute):
    """Gradient descent of experts on compressed rows."""

    @property
    def numbers(self) -> int:
        """Numbers in the rows of all experts, whose spectra are kept together."""
        model = self.models[0]
        rows = int((np.minimum(self.most_samples, model.sizes) * model.sizes).sum())
        return max(rows, model.dim)

    def fitted_coefficients(
        self, expert_rows: Iterator[ExpertRows], replicates: int, work: Workspace
    ) -> FloatArray:
        """Coefficients of each estimator after each number of steps, (1, E, T, R, d)."""
        given = (
            (each.group, slice(None), RowsAndTargets((each.rows,), each.targets, 1.0), each.counts)
            for each in expert_rows
        )
        return self.expert_iterates(self.estimators, given, replicates, work)[np.newaxis]


class DataDescentRoute(DescentRoute, DataRoute):
    """Gradient descent of all estimators on the same samples."""

    def fitted_coefficients(
        self, estimator: Estimator, features: FloatArray, labels: FloatArray, groups: IntArray
    ) -> FloatArray:
        """Coefficients of one estimator after each number of steps, (1, T, R, d)."""
        model, work = self.models[0], Workspace()
        if isinstance(estimator, Dense):
            return self.dense_iterates([estimator], RowsAndTargets((features,), labels, 1.0), work)
        given = (
            (g, sets, RowsAndTargets((rows,), y, 1.0), np.full(len(sets), y.shape[1]))
            for g, sets, _, rows, y in kernels.expert_data(
                features, labels, groups, model.block_of, model.experts
            )
        )
        return self.expert_iterates([estimator], given, len(features), work)
