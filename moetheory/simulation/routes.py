"""From a model and estimators to the draws of one chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moetheory import kernels
from moetheory.estimators import Estimator, MoE
from moetheory.model import BlockModel
from moetheory.optimum import optimal_coefficients
from moetheory.simulation.moments import Moments, Tally
from moetheory.validation import FloatArray

CHUNK = 1 << 16  # numbers in the features of a chunk; part of the reproducibility contract


class Route(Protocol):
    """A way to simulate: the engine asks for chunks and merges what they leave."""

    @property
    def method(self) -> str:
        """What estimates say of how they were simulated."""

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the model and the samples alone."""

    def chunk(self, rng: np.random.Generator, replicates: int) -> Tally:
        """The tally of ``replicates`` replicates drawn from ``rng``."""


@dataclass(frozen=True, eq=False)
class Population:
    """Fresh data, population-optimal predictors: a replicate is one test sample."""

    model: BlockModel
    predictors: FloatArray
    routed: tuple[bool, ...]
    method = "population"

    @classmethod
    def of(cls, estimators: Sequence[Estimator], model: BlockModel) -> Population:
        """Fix the coefficients of every estimator."""
        return cls(
            model,
            np.stack([optimal_coefficients(estimator, model) for estimator in estimators]),
            tuple(isinstance(estimator, MoE) for estimator in estimators),
        )

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the model alone."""
        return max(1, CHUNK // self.model.dim)

    def chunk(self, rng: np.random.Generator, replicates: int) -> Moments:
        """Moments of the squared errors of ``replicates`` samples."""
        model = self.model
        groups = kernels.draw_groups(rng, replicates, model.group_probabilities)
        errors = kernels.prediction_errors(
            rng,
            groups,
            model.block_of,
            model.signal_variances,
            None if model.strict else model.leakage_variances,
            model.coefficients,
            model.noise_variance,
            model.label_noise_variance,
            self.predictors,
            self.routed,
        )
        return Moments.of(np.square(errors), groups, model.experts)
