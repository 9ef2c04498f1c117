"""Base class of the routes over training sets, "law", "statistics" and "data", with true risks."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.formulas.erasure import UNCORRELATED
from moetheory.kernels import Workspace
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.perturbed_risks import block_losses, erasure_terms, perturbed_excess
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract: numbers in the matrices of a batch, batches in a chunk
BATCH = 1 << 20
BATCHES = 2
# numbers in the fits whose risks under a perturbation are found together
SLICE = 1 << 14


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
    """

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    samples: IntArray
    counts: Counts
    under: Perturbation | None = None

    method: ClassVar[str]
    default_replicates: ClassVar[int] = TRAINING_SETS
    fewest: ClassVar[int] = 1

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
        between = 0 if self.under is None else 24 * max(SLICE, self.fits * model.dim)
        return 8 * (6 * self.batch * self.numbers + self.fits * values + between)

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` training sets."""
        given = self.chunk_risks(rng, replicates, work)
        overall = np.vecdot(given, self.models[0].group_probabilities)
        return Tally.of(overall, given, keep=keep)

    def chunk_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """The risks of a chunk, batch by batch, one row for each fit, (F, R, K)."""
        starts = range(0, replicates, self.batch)
        parts = [self.group_risks(rng, min(self.batch, replicates - at), work) for at in starts]
        return np.concatenate(parts, axis=-2).reshape(self.fits, replicates, -1)

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


def group_clean_variances(model: BlockModel) -> FloatArray:
    """Clean variance of every coordinate in every group, (K, d)."""
    return kernels.group_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )


def group_noise_variances(model: BlockModel) -> float | FloatArray:
    """Noise variance of every coordinate in every group, (K, d); one or (d,) if groups share it."""
    if not model.interferes:
        return model.noise_variance
    return kernels.group_variances(
        model.block_of, model.noise_variance, model.idle_noise, model.experts
    )


def dense_fit_risks(
    model: BlockModel, fits: FloatArray, under: Perturbation | None = None
) -> FloatArray:
    """True risks given the group, (..., K), of dense with coefficients ``fits`` (..., d)."""
    if under is not None:
        return perturbed_fit_risks(Dense(), model, fits, model.coefficients, under)
    return kernels.group_risks(
        fits[..., np.newaxis, :],
        group_clean_variances(model),
        model.coefficients,
        group_noise_variances(model),
        model.label_noise_variance,
    )


def expert_fit_risks(
    model: BlockModel,
    fits: FloatArray,
    regressions: Regressions,
    under: Perturbation | None = None,
) -> FloatArray:
    """True risks given the group, (..., K), of experts with coefficients ``fits`` (..., d)."""
    if under is not None:
        return perturbed_fit_risks(MoE(), model, fits, model.coefficients, under)
    return kernels.expert_risks(
        fits,
        model.block_of,
        model.signal_variances,
        model.coefficients,
        model.noise_variance,
        regressions.leaked_variance + model.label_noise_variance,
    )


def perturbed_fit_risks(
    estimator: Estimator,
    model: BlockModel,
    fits: FloatArray,
    coefficients: FloatArray,
    under: Perturbation,
) -> FloatArray:
    """True risks given the group, (..., R, K), of ``fits`` (..., R, d) under a perturbation.

    The true ``coefficients`` are (d,), or (R, d) where they differ between training sets.
    """
    rows = max(1, SLICE * fits.shape[-2] // fits.size)

    def losses(here: slice) -> FloatArray:
        fit = fits[..., here, :]
        true = coefficients[here] if coefficients.ndim > 1 else coefficients
        found = block_losses(model, under, fit, true - fit, coefficients=true)
        added_by_erasure = erasure_terms(model, under, fit) if under.erasure else UNCORRELATED
        return perturbed_excess(found, estimator, model, under, added_by_erasure)

    # not all at once: there are about twenty arrays between fits and risks
    parts = [losses(slice(at, at + rows)) for at in range(0, fits.shape[-2], rows)]
    return np.concatenate(parts, axis=-2) + model.label_noise_variance


def ridges(estimators: Sequence[Estimator]) -> FloatArray:
    """The ridge of each estimator."""
    return np.array([estimator.ridge for estimator in estimators])
