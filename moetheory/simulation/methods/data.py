"""method="data": training sets drawn sample by sample, the same for all estimators."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Workspace
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Dense, Estimator, MoE, experts_of, one_each
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import TrainingRoute, identical_streams
from moetheory.simulation.methods.fit_risks import (
    assigned_fit_risks,
    dense_fit_risks,
    expert_fit_risks,
    group_clean_variances,
    group_noise_variances,
)


class TrainingSets(NamedTuple):
    """R training sets of n samples.

    Attributes
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    """

    features: FloatArray
    labels: FloatArray
    groups: IntArray


class DataRoute(TrainingRoute):
    """A replicate draws clean features, labels and noise; fits are by QR or singular values."""

    method = "data"

    @property
    def numbers(self) -> int:
        """Numbers in the features of a training set, or in the design of a joint fit."""
        # the risks of dense need arrays of K d numbers
        dim, rows = self.models[0].dim, max(self.total, self.models[0].experts)
        joint = [each.ridge for each in self.estimators if isinstance(each, MoE) and each.shared]
        if joint:  # coordinates and, with a ridge, penalties of two experts
            return 2 * dim * (rows + (2 * dim if any(joint) else 0))
        return rows * dim

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group of every estimator, fitted on the same training sets."""
        groups = self._draw_groups(rng, replicates)
        streams = identical_streams(rng, len(self.models))
        risks = [
            risk
            for stream, model, regressions in zip(
                streams, self.models, self.regressions, strict=True
            )
            for risk in self.model_risks(
                stream, model, regressions, self._training_sets(stream, model, groups)
            )
        ]
        return np.stack(risks)

    def _draw_groups(self, rng: np.random.Generator, replicates: int) -> IntArray:
        """The group of every sample, shape (R, n)."""
        n, model = self.total, self.models[0]
        if self.counts == "multinomial":
            drawn = kernels.draw_groups(rng, replicates * n, model.group_probabilities)
            return drawn.reshape(replicates, n)
        return np.broadcast_to(np.repeat(np.arange(model.experts), self.samples), (replicates, n))

    def _training_sets(
        self, rng: np.random.Generator, model: BlockModel, groups: IntArray
    ) -> TrainingSets:
        features, labels = kernels.draw_training_sets(
            rng,
            groups,
            group_clean_variances(model),
            model.coefficients,
            group_noise_variances(model),
            model.label_noise_variance,
        )
        return TrainingSets(features, labels, groups)

    def model_risks(
        self,
        rng: np.random.Generator,
        model: BlockModel,
        regressions: Regressions,
        sets: TrainingSets,
    ) -> list[FloatArray]:
        """Risks given the group, (R, K), of every estimator fitted on ``sets``."""
        return [self.true_risks(each, model, regressions, sets) for each in self.estimators]

    def true_risks(
        self, estimator: Estimator, model: BlockModel, regressions: Regressions, sets: TrainingSets
    ) -> FloatArray:
        """True risks given the group, (R, K), of one estimator fitted on ``sets``."""
        if not one_each(estimator):
            fits, shared = self.assigned_fits(estimator, model, sets)
            return assigned_fit_risks(estimator, model, fits, shared, self.under, self.loss)
        fits = self.fitted_coefficients(estimator, *sets)
        if isinstance(estimator, MoE):
            return expert_fit_risks(model, fits, regressions, self.under, self.loss)
        return dense_fit_risks(model, fits, self.under, self.loss)

    def fitted_coefficients(
        self, estimator: Estimator, features: FloatArray, labels: FloatArray, groups: IntArray
    ) -> FloatArray:
        """Coefficients of one estimator in R training sets, (..., R, d)."""
        if isinstance(estimator, Dense):
            return kernels.ridge_fit(features, labels, estimator.ridge)
        model = self.models[0]
        return kernels.expert_fits(
            features, labels, groups, model.block_of, model.experts, estimator.ridge
        )

    def assigned_fits(
        self, estimator: Estimator, model: BlockModel, sets: TrainingSets
    ) -> tuple[FloatArray, FloatArray | None]:
        """Coefficients of experts, (R, d), and of a shared one beside them or None."""
        expert_of = experts_of(estimator, model)
        experts, block_of = int(expert_of.max()) + 1, expert_of[model.block_of]
        features, labels, groups = sets
        given = features, labels, expert_of[groups], block_of, experts, estimator.ridge
        if isinstance(estimator, MoE) and estimator.shared:
            return kernels.joint_fits(*given)
        return kernels.expert_fits(*given), None
