"""method="law": coefficients of experts drawn from their law, a few numbers per coordinate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, block_sums
from moetheory.common.cached import cached
from moetheory.formulas.population import expert_coefficients
from moetheory.kernels import Workspace
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.problem.perturbation import changes_variances_alone
from moetheory.simulation.methods.base import TrainingRoute, identical_streams, ridges
from moetheory.simulation.methods.fit_risks import expert_fit_risks
from moetheory.simulation.methods.rotated_blocks import constant_in_blocks


class LawRoute(TrainingRoute):
    """A replicate draws the experts' coefficients given the counts: `kernels.expert_law_fits`."""

    method = "law"

    @property
    def numbers(self) -> int:
        """Numbers in all arrays of one replicate together, as all of them are small."""
        return 6 * self.models[0].dim

    @property
    def cost(self) -> int:
        """Work of a replicate, one number per coordinate."""
        return self.models[0].dim

    def obstacle(self) -> str | None:
        """Why the law of these fits has no closed form; None where it has one."""
        if np.any(ridges(self.estimators) > 0.0):
            return "ridge > 0"
        if any(np.any(model.signal_variances + model.noise_variance == 0) for model in self.models):
            return "coordinates without signal or noise"
        sizes = self.models[0].sizes
        fewest = self.samples if self.counts == "fixed" else np.zeros_like(sizes)
        # a group of one coordinate has either enough samples or none at all
        underdetermined = (fewest < sizes) & (self.most_samples > 0) & (sizes > 1)
        isotropic = np.all([each.isotropic for each in self.regressions], axis=0)
        if np.any(underdetermined & ~isotropic):
            return "a block with several variances and possibly fewer samples than coordinates"
        return None

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group, equal for all estimators."""
        if self._isotropic:
            return self._isotropic_risks(rng, replicates)
        risks = []
        for model, regressions, fits in zip(
            self.models, self.regressions, self.fitted_coefficients(rng, replicates), strict=True
        ):
            losses = expert_fit_risks(model, fits, regressions, self.under, self.loss)
            risks += [losses] * len(self.estimators)
        return np.stack(risks)

    @cached
    def _isotropic(self) -> bool:
        """Whether the risk of an expert depends on its coefficients by three numbers alone."""
        under = self.under or UNCHANGED
        if self.loss == "sign" or not changes_variances_alone(under):
            return False
        return all(
            constant_in_blocks(
                each,
                each.signal_variances,
                each.noise_variance,
                under.noise_of(each.noise_variance),
            )
            for each in self.models
        )

    def _isotropic_risks(self, rng: np.random.Generator, replicates: int) -> FloatArray:
        """Risks given the group in isotropic blocks, equal for all estimators."""
        counts = self.draw_counts(rng, replicates)
        risks = []
        for stream, model, regressions in zip(
            identical_streams(rng, len(self.models)), self.models, self.regressions, strict=True
        ):
            first = np.unique(model.block_of, return_index=True)[1]
            signal = model.signal_variances[first]
            noise = np.broadcast_to(model.noise_variance, model.dim)[first]
            length = np.sqrt(block_sums(np.square(model.coefficients), model.block_of))
            fits = kernels.isotropic_law_fits(
                stream,
                counts,
                model.sizes,
                expert_coefficients(signal, length, noise),
                np.sqrt(regressions.residual / (signal + noise)),
            )
            test_noise = (self.under or UNCHANGED).noise_of(model.noise_variance)
            # the same sum over coordinates as for all of them, three a block
            losses = kernels.expert_risks(
                fits.reshape(replicates, -1),
                np.repeat(np.arange(model.experts), 3),
                np.repeat(signal, 3),
                (length[:, np.newaxis] * np.array([1.0, 0.0, 0.0])).ravel(),
                np.repeat(np.broadcast_to(test_noise, model.dim)[first], 3),
                regressions.leaked_variance + model.label_noise_variance,
            )
            risks += [losses] * len(self.estimators)
        return np.stack(risks)

    def fitted_coefficients(
        self, rng: np.random.Generator, replicates: int
    ) -> Iterator[FloatArray]:
        """Coefficients in R training sets, (R, d), of each model from the same draws."""
        block_of = self.models[0].block_of
        draws = kernels.draw_expert_law(rng, self.draw_counts(rng, replicates), block_of)
        for model, regressions in zip(self.models, self.regressions, strict=True):
            yield kernels.expert_law_fits(
                draws,
                block_of,
                unchecked_optimal_coefficients(self.estimators[0], model),
                model.signal_variances + model.noise_variance,
                regressions.residual,
            )
