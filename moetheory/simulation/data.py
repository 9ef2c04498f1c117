"""Training sets drawn sample by sample: the plain way, in which every estimator sees the same."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np

from moetheory import kernels
from moetheory.estimators import MoE
from moetheory.kernels import Workspace
from moetheory.model import BlockModel
from moetheory.regressions import Regressions
from moetheory.simulation.training import Training, expert_losses
from moetheory.validation import FloatArray, IntArray


class Data(Training):
    """Clean features, labels and noise drawn; fits by QR or singular values."""

    method = "data"

    @property
    def numbers(self) -> int:
        """Numbers in the features of a training set."""
        # the risks of dense take K d
        return max(self.total, self.models[0].experts) * self.models[0].dim

    @cached_property
    def variances(self) -> FloatArray:
        """Clean variance of every coordinate in every group, (K, d)."""
        model = self.models[0]
        return kernels.clean_variances(
            model.block_of, model.signal_variances, model.leakage_variances, model.experts
        )

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group of every estimator, fitted on the same draws."""
        groups = self._draw_groups(rng, replicates)
        # every model starts from the same random numbers
        streams = [copy.deepcopy(rng) for _ in self.models[1:]]
        risks = [
            risk
            for model, stream in zip(self.models, [rng, *streams], strict=True)
            for risk in self._model_risks(stream, model, groups)
        ]
        return np.stack(risks)

    def _draw_groups(self, rng: np.random.Generator, replicates: int) -> IntArray:
        """The group of every sample, shape (R, n)."""
        n, model = self.total, self.models[0]
        if self.counts == "multinomial":
            drawn = kernels.draw_groups(rng, replicates * n, model.group_probabilities)
            return drawn.reshape(replicates, n)
        return np.broadcast_to(np.repeat(np.arange(model.experts), self.samples), (replicates, n))

    def _model_risks(
        self, rng: np.random.Generator, model: BlockModel, groups: IntArray
    ) -> list[FloatArray]:
        noise, label_noise = model.noise_variance, model.label_noise_variance
        features, labels = kernels.draw_training_sets(
            rng, groups, self.variances, model.coefficients, noise, label_noise
        )
        regressions = Regressions.of(model, self.samples)
        risks = []
        for estimator in self.estimators:
            if isinstance(estimator, MoE):
                fits = kernels.expert_fits(
                    features, labels, groups, model.block_of, model.experts, estimator.ridge
                )
                risks.append(expert_losses(model, fits, regressions))
            else:
                fits = kernels.ridge_fit(features, labels, estimator.ridge)[:, np.newaxis]
                risks.append(
                    kernels.group_risks(
                        fits, self.variances, model.coefficients, noise, label_noise
                    )
                )
        return risks
