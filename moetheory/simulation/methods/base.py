"""Base class of the routes over training sets: "law", "statistics" and "data"."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import Workspace
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Estimator
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.fit_risks import SLICE
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract: numbers in the matrices of a batch, batches in a chunk
BATCH = 1 << 20
BATCHES = 2
# arrays between the fits and their risks: of squared errors under a perturbation, and of signs
ARRAYS = 24
SIGN_ARRAYS = 60


@dataclass(frozen=True, eq=False)
class TrainingRoute(ABC):
    """A replicate is one training set; a value is the true risk of one estimator fitted on it.

    Attributes
    ----------
    models : tuple of M BlockModel
        Equal but for the noise variance; they use the same draws.
    estimators : tuple of E Dense or MoE
    samples : (K,) integer array
        Samples of each group; with multinomial counts only their total counts.
    counts : {"fixed", "multinomial"}
    under : Perturbation, optional
        What differs when the fits are tested.
    loss : {"squared", "sign"}
        Whether a risk is a mean squared error or the probability of a wrong sign.
    """

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    samples: IntArray
    counts: Counts
    under: Perturbation | None = None
    loss: Loss = "squared"

    method: ClassVar[str]
    default_replicates: ClassVar[int] = TRAINING_SETS
    fewest: ClassVar[int] = 1
    large: ClassVar[int] = 6  # arrays of the largest size that a batch has at the same time

    @property
    @abstractmethod
    def numbers(self) -> int:
        """Numbers in the largest array of one replicate."""

    @abstractmethod
    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group, (..., R, K), of all fits of a model, model by model."""

    @property
    def cost(self) -> int:
        """Work of a replicate, measured by the numbers in its largest array."""
        return self.numbers

    @property
    def batch(self) -> int:
        """Replicates that are computed together."""
        return max(1, BATCH // self.numbers)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the samples alone."""
        return BATCHES * self.batch

    @property
    def fits(self) -> int:
        """Number of fits on a training set, each of which has a risk."""
        return len(self.models) * len(self.estimators)

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        model = self.models[0]
        values = 3 * self.chunk_size * model.experts + 3 * self.batch * model.dim
        arrays = SIGN_ARRAYS if self.loss == "sign" else 0 if self.under is None else ARRAYS
        between = arrays * max(SLICE, self.fits * model.dim)
        return 8 * (self.large * self.batch * self.numbers + self.fits * values + between)

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` training sets."""
        given = self.chunk_risks(rng, replicates, work)
        p = self.models[0].group_probabilities
        # a group that is never drawn may have labels without a sign
        overall = np.vecdot(np.where(p > 0.0, given, 0.0), p)
        return Tally.of(overall, given, keep=keep)

    def chunk_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """The risks of a chunk, batch by batch, one row for each fit, (F, R, K)."""
        starts = range(0, replicates, self.batch)
        sizes = (min(self.batch, replicates - at) for at in starts)
        parts = [
            self.batch_risks(rng, at, size, work) for at, size in zip(starts, sizes, strict=True)
        ]
        return np.concatenate(parts, axis=-2).reshape(self.fits, replicates, -1)

    def batch_risks(
        self, rng: np.random.Generator, start: int, replicates: int, work: Workspace
    ) -> FloatArray:
        """The `group_risks` of a batch that begins with replicate ``start`` of its chunk."""
        return self.group_risks(rng, replicates, work)

    def draw_counts(self, rng: np.random.Generator, replicates: int) -> IntArray:
        """Samples of each group in each training set, (R, K)."""
        if self.counts == "fixed":
            return np.broadcast_to(self.samples, (replicates, len(self.samples)))
        shares = self.models[0].group_probabilities
        drawn: IntArray = rng.multinomial(self.total, shares / shares.sum(), size=replicates)
        return drawn

    @cached
    def regressions(self) -> list[Regressions]:
        """The regressions of the experts of each model."""
        return [Regressions.of(model, self.samples) for model in self.models]

    @property
    def total(self) -> int:
        """Samples in a training set."""
        return int(self.samples.sum())

    @property
    def most_samples(self) -> IntArray:
        """The largest number of samples that a group may get, (K,)."""
        if self.counts == "fixed":
            return self.samples
        drawn = self.models[0].group_probabilities > 0.0
        return np.where(drawn, self.total, 0)


def identical_streams(rng: np.random.Generator, times: int) -> list[np.random.Generator]:
    """``rng`` and copies of its state, so that several models get the same random numbers."""
    return [rng, *(copy.deepcopy(rng) for _ in range(times - 1))]


def ridges(estimators: Sequence[Estimator]) -> FloatArray:
    """The ridge of each estimator."""
    return np.array([estimator.ridge for estimator in estimators])
