"""Estimators fitted on drawn training sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.allocation import Counts, counts_of, known_counts
from moetheory.estimators import Estimator, MoE
from moetheory.model import BlockModel
from moetheory.simulation.moments import Together
from moetheory.simulation.routes import CHUNK
from moetheory.validation import FloatArray, IntArray, regular_array


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted predictors and their true risk: a replicate is one training set."""

    model: BlockModel
    estimators: tuple[Estimator, ...]
    samples: IntArray
    counts: Counts
    variances: FloatArray
    method = "training sets"

    @classmethod
    def of(
        cls,
        estimators: Sequence[Estimator],
        model: BlockModel,
        samples: Any,
        counts: Counts = "fixed",
    ) -> Fitted:
        """Fix the counts of the groups, or with multinomial ones only their total."""
        if known_counts(counts) == "multinomial" and regular_array("samples", samples).ndim > 0:
            raise ValueError(
                'samples must be an integer with counts="multinomial", which draws the counts '
                f"of the groups, got {samples!r}"
            )
        variances = kernels.clean_variances(
            model.block_of, model.signal_variances, model.leakage_variances, model.experts
        )
        return cls(model, tuple(estimators), counts_of(samples, model), counts, variances)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the model and the samples alone."""
        # a training set holds n d numbers, the predictors of all groups K d
        rows = max(int(self.samples.sum()), self.model.experts)
        return max(1, CHUNK // (rows * self.model.dim))

    def chunk(self, rng: np.random.Generator, replicates: int) -> Together:
        """Moments of the risks of ``replicates`` training sets."""
        given_group = self.group_risks(rng, replicates)
        overall = np.vecdot(given_group, self.model.group_probabilities)
        return Together.of(overall, given_group)

    def group_risks(self, rng: np.random.Generator, replicates: int) -> FloatArray:
        """Risks given the group of every estimator, fitted on the same draws, (E, R, K)."""
        model = self.model
        groups = self._draw_groups(rng, replicates)
        features, labels = kernels.draw_training_sets(
            rng,
            groups,
            self.variances,
            model.coefficients,
            model.noise_variance,
            model.label_noise_variance,
        )
        return np.stack(
            [
                kernels.group_risks(
                    self._predictors(estimator, features, labels, groups),
                    self.variances,
                    model.coefficients,
                    model.noise_variance,
                    model.label_noise_variance,
                )
                for estimator in self.estimators
            ]
        )

    def _draw_groups(self, rng: np.random.Generator, replicates: int) -> IntArray:
        """The group of every sample, shape (R, n)."""
        n = int(self.samples.sum())
        if self.counts == "multinomial":
            drawn = kernels.draw_groups(rng, replicates * n, self.model.group_probabilities)
            return drawn.reshape(replicates, n)
        return np.broadcast_to(
            np.repeat(np.arange(self.model.experts), self.samples), (replicates, n)
        )

    def _predictors(
        self, estimator: Estimator, features: FloatArray, labels: FloatArray, groups: IntArray
    ) -> FloatArray:
        """Coefficients by the group of the input, shape (R, K, d), or (R, 1, d) for dense."""
        if not isinstance(estimator, MoE):
            return kernels.ridge_fit(features, labels, estimator.ridge)[:, np.newaxis]
        block_of, experts = self.model.block_of, self.model.experts
        fits = kernels.expert_fits(features, labels, groups, block_of, experts, estimator.ridge)
        own = block_of == np.arange(experts)[:, np.newaxis]
        return np.where(own, fits[:, np.newaxis], 0.0)
