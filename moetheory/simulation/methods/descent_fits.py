"""Training sets on which estimators descend: every number of steps is a fit of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Pace, Spectrum, Workspace
from moetheory.problem.descent_schedule import Schedule
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import BATCH, BATCHES, TrainingRoute
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.statistics import (
    DenseStatisticsRoute,
    ExpertEquations,
    ExpertStatisticsRoute,
)
from moetheory.simulation.methods.statistics_rows import Equations

# part of the reproducibility contract: coefficients of a batch at all steps of an estimator
ALONG = 1 << 19


class Regression(NamedTuple):
    """What one expert, or dense, learns from in S of the training sets.

    Attributes
    ----------
    group : int
    sets : slice or (S,) integer array
    own : slice
        Its coordinates, where they stand block by block.
    spectrum : Spectrum
    share : (S,) array
        Of all samples those that it learns from.
    """

    group: int
    sets: slice | IntArray
    own: slice
    spectrum: Spectrum
    share: FloatArray


@dataclass(frozen=True, eq=False)
class DescentRoute(TrainingRoute):
    """One model, and estimators after each of T numbers of steps."""

    schedule: Schedule = field(kw_only=True)

    @property
    def fits(self) -> int:
        """One for each estimator and number of steps."""
        return len(self.estimators) * len(self.schedule.steps)

    @property
    def batch(self) -> int:
        """Replicates that are worked on together: at all steps they are to stay in the cache."""
        return max(1, min(BATCH // self.numbers, ALONG // self._along))

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: as many as would be if they were not kept in the cache."""
        return BATCHES * max(1, BATCH // max(self.numbers, self._along))

    @property
    def _along(self) -> int:
        """Coefficients of an estimator at all steps."""
        return len(self.schedule.steps) * self.models[0].dim

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most; the tally has products of all pairs of fits."""
        return super().footprint + 8 * (4 * self.batch * self._along + 2 * self.fits**2)

    def dense_paths(
        self, estimators: Sequence[Estimator], equations: Equations, work: Workspace
    ) -> FloatArray:
        """Coefficients of dense at each step, (E, T, R, d)."""
        replicates = len(equations.targets)
        counts = np.full(replicates, self.total)
        whole = self._regression(0, slice(None), slice(None), equations, counts, work)
        return self._paths(estimators, [whole], replicates)

    def expert_paths(
        self,
        estimators: Sequence[Estimator],
        equations: Iterable[tuple[int, slice | IntArray, Equations, IntArray]],
        replicates: int,
        work: Workspace,
    ) -> FloatArray:
        """Coefficients of experts at each step, (E, T, R, d).

        Each of ``equations`` names its expert, the sets and, of each set, the samples.
        """
        model = self.models[0]
        ends = np.cumsum(model.sizes)
        regressions = [
            self._regression(g, sets, slice(end - size, end), given, counts, work)
            for g, sets, given, counts in equations
            for size, end in [(model.sizes[g], ends[g])]
        ]
        paths = self._paths(estimators, regressions, replicates)
        back = np.argsort(np.argsort(model.block_of, kind="stable"))
        return paths if np.array_equal(back, np.arange(model.dim)) else paths[..., back]

    def _regression(
        self,
        group: int,
        sets: slice | IntArray,
        own: slice,
        equations: Equations,
        counts: IntArray,
        work: Workspace,
    ) -> Regression:
        parts, targets, unit = equations
        spectrum = kernels.spectrum(parts, targets, counts, work, unit)
        return Regression(group, sets, own, spectrum, np.maximum(counts, 1) / self.total)

    def _paths(
        self, estimators: Sequence[Estimator], regressions: Sequence[Regression], replicates: int
    ) -> FloatArray:
        steps = self.schedule.steps
        fits = np.zeros((len(estimators), replicates, len(steps), self.models[0].dim))
        for fit, estimator in zip(fits, estimators, strict=True):
            paces = self._paces(regressions, estimator.ridge, replicates)
            for each, pace in zip(regressions, paces, strict=True):
                here = fit[each.sets, :, each.own]
                kernels.descend(each.spectrum, estimator.ridge, pace, steps, out=here)
                if not isinstance(each.sets, slice):  # then it was a copy
                    fit[each.sets, :, each.own] = here
        return np.moveaxis(fits, 1, 2)

    def _paces(
        self, regressions: Sequence[Regression], ridge: float, replicates: int
    ) -> list[Pace]:
        """That of each regression.

        The step a of a joint loss is a step a n_g/n of expert g on its own.
        """
        joint, size = self.schedule.training == "joint", self.schedule.step_size
        weights = [each.share if joint else np.ones_like(each.share) for each in regressions]
        ends = [
            weight * np.stack(kernels.extremes(each.spectrum.curvatures, ridge))
            for each, weight in zip(regressions, weights, strict=True)
        ]
        if not isinstance(size, str):
            sizes = np.broadcast_to(size, self.models[0].experts)
            chosen = [float(sizes[each.group]) for each in regressions]
            self._require_stable(regressions, chosen, [high.max() for high, _ in ends])
            return [
                Pace(2.0 / (each * weight), np.zeros_like(weight))
                for each, weight in zip(chosen, weights, strict=True)
            ]
        if joint:
            both = np.repeat([[0.0], [np.inf]], replicates, axis=1)
            for each, (high, low) in zip(regressions, ends, strict=True):
                both[0, each.sets] = np.maximum(both[0, each.sets], high)
                both[1, each.sets] = np.minimum(both[1, each.sets], low)
            ends = [both[:, each.sets] for each in regressions]
        return [
            kernels.best_pace(*(end / weight)) for end, weight in zip(ends, weights, strict=True)
        ]

    def _require_stable(
        self, regressions: Sequence[Regression], sizes: Sequence[float], largest: Sequence[float]
    ) -> None:
        """Refuse steps with which a training set at work diverges."""
        one_each = isinstance(self.schedule.step_size, np.ndarray)
        for each, size, curvature in zip(regressions, sizes, largest, strict=True):
            if size * curvature >= 2.0:
                worst = curvature if one_each else max(largest)
                name = f"step_size[{each.group}]" if one_each else "step_size"
                raise ValueError(
                    f"{name} must be less than {2.0 / worst:g}, got {size:g}: on one of the "
                    "training sets drawn gradient descent diverges"
                )


class DenseDescentRoute(DescentRoute, DenseStatisticsRoute):
    """Dense on compressed rows."""

    def solved(self, equations: Equations, model: BlockModel, work: Workspace) -> FloatArray:
        """Coefficients of each estimator at each step, (E, T, R, d)."""
        return self.dense_paths(self.estimators, equations, work)


class ExpertDescentRoute(DescentRoute, ExpertStatisticsRoute):
    """Experts on compressed rows."""

    @property
    def numbers(self) -> int:
        """Numbers in the rows of all experts, whose spectra are kept together."""
        model = self.models[0]
        rows = int((np.minimum(self.most, model.sizes) * model.sizes).sum())
        return max(rows, model.dim)

    def solved(
        self, equations: Iterator[ExpertEquations], replicates: int, work: Workspace
    ) -> FloatArray:
        """Coefficients of each estimator at each step, (1, E, T, R, d)."""
        given = (
            (each.group, slice(None), Equations((each.rows,), each.targets, 1.0), each.counts)
            for each in equations
        )
        return self.expert_paths(self.estimators, given, replicates, work)[np.newaxis]


class DataDescentRoute(DescentRoute, DataRoute):
    """All estimators on the same samples."""

    def solved(
        self, estimator: Estimator, features: FloatArray, labels: FloatArray, groups: IntArray
    ) -> FloatArray:
        """Coefficients at each step, (1, T, R, d)."""
        model, work = self.models[0], Workspace()
        if isinstance(estimator, Dense):
            return self.dense_paths([estimator], Equations((features,), labels, 1.0), work)
        given = (
            (g, sets, Equations((rows,), y, 1.0), np.full(len(sets), y.shape[1]))
            for g, sets, _, rows, y in kernels.expert_data(
                features, labels, groups, model.block_of, model.experts
            )
        )
        return self.expert_paths([estimator], given, len(features), work)
