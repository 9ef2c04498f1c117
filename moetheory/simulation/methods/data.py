"""method="data": training sets drawn sample by sample, the same for all estimators."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.seeding import entropy_of
from moetheory.kernels import Workspace
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, Estimator, MoE, experts_of, one_each
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import TrainingRoute, identical_streams
from moetheory.simulation.methods.custom_fits import (
    ARRAYS,
    CustomFits,
    FitFailureError,
    Fitted,
    test_counts,
)
from moetheory.simulation.methods.fit_risks import (
    assigned_fit_risks,
    dense_fit_risks,
    expert_fit_risks,
    group_clean_variances,
    group_noise_variances,
    met_coefficients,
)
from moetheory.simulation.methods.training_sets import TrainingSets


@dataclass(frozen=True, eq=False)
class DataRoute(TrainingRoute):
    """A replicate draws clean features, labels and noise; fits are by QR or singular values.

    Attributes
    ----------
    customs : tuple of Custom
        Estimators of one's own, whose values follow those of the others. They have random streams
        of their own: training sets and the values of the others are the same without them.
    """

    customs: tuple[Custom, ...] = ()

    method = "data"

    @property
    def fits(self) -> int:
        """Number of fits on a training set, each of which has a risk."""
        return len(self.models) * (len(self.estimators) + len(self.customs))

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most, beside what estimators of one's own take."""
        if not self.customs:
            return super().footprint
        model = self.models[0]
        fits = self.batch * model.experts + int(test_counts(model).sum())
        return super().footprint + 8 * ARRAYS * fits * model.dim

    @property
    def numbers(self) -> int:
        """Numbers in the features of a training set, or in the design of a joint fit."""
        # the risks of dense need arrays of K d numbers
        dim, rows = self.models[0].dim, max(self.total, self.models[0].experts)
        joint = [each.ridge for each in self.estimators if isinstance(each, MoE) and each.shared]
        if joint:  # coordinates and, with a ridge, penalties of two experts
            return 2 * dim * (rows + (2 * dim if any(joint) else 0))
        return rows * dim

    def batch_risks(
        self, rng: np.random.Generator, start: int, replicates: int, work: Workspace
    ) -> FloatArray:
        """The `group_risks` of a batch; a failure of an estimator of one's own is explained."""
        with self._failures_explained(rng, start):
            return super().batch_risks(rng, start, replicates, work)

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group of every estimator, fitted on the same training sets."""
        risks: list[FloatArray] = []
        for model, regressions, (stream, sets) in zip(
            self.models, self.regressions, self._draws(rng, replicates), strict=True
        ):
            risks += self.model_risks(stream, model, regressions, sets)
            risks += [
                CustomFits(each, model, sets, self.under, self.loss).risks()
                for each in self.customs
            ]
        return np.stack(risks)

    def _draws(
        self, rng: np.random.Generator, replicates: int
    ) -> Iterator[tuple[np.random.Generator, TrainingSets]]:
        """The training sets of each model, and the stream that they were drawn from."""
        # a spawned stream would shift those of the test inputs of gates
        seed = entropy_of(copy.deepcopy(rng)) if self.customs else 0
        groups = self._draw_groups(rng, replicates)
        for stream, model in zip(
            identical_streams(rng, len(self.models)), self.models, strict=True
        ):
            yield stream, self._training_sets(stream, model, groups)._replace(seed=seed)

    def training_set(
        self, rng: np.random.Generator, replicates: int, work: Workspace, *, place: int, model: int
    ) -> TrainingSets:
        """Training set ``place`` of a chunk of ``replicates``, for one of the models."""
        for start in range(0, replicates, self.batch):
            size = min(self.batch, replicates - start)
            drawn = [sets for _, sets in self._draws(rng, size)]
            if place < start + size:
                return drawn[model].only(place - start)
        raise AssertionError("the chunk has fewer replicates")

    def require_repeatable(
        self, rng: np.random.Generator, replicates: int, work: Workspace
    ) -> None:
        """Refuse estimators of one's own that differ between two calls on the first set."""
        with self._failures_explained(rng, 0):
            sets = self.training_set(rng, replicates, work, place=0, model=0)
            for each in self.customs:
                CustomFits(each, self.models[0], sets, self.under, self.loss).require_repeatable()

    @contextmanager
    def _failures_explained(self, rng: np.random.Generator, start: int) -> Iterator[None]:
        """A block in which a failed fit becomes an error that says how to see its data.

        ``rng`` is the stream of a chunk, whose key begins with the number of the chunk.
        """
        try:
            yield
        except FitFailureError as failure:
            source, label = rng.bit_generator.seed_seq, failure.custom.label
            assert isinstance(source, np.random.SeedSequence)
            index = source.spawn_key[0] * self.chunk_size + start + failure.place
            raise ArgumentError(
                "estimator",
                f"{label} cannot be used: {failure.problem}, at replicate {index} with "
                f"rng={source.entropy} and the model ",
                failure.model,
                f"; to see its data, put Dense() in place of {label} with "
                f'method="data" and this rng, and call replay(estimate, {index})',
            ) from failure.__cause__

    def fitted(self, member: int, model: int, sets: TrainingSets) -> Fitted:
        """What a member fits on the one set of ``sets``, in the forms of `Custom`."""
        own = self.models[model]
        if member >= len(self.estimators):
            custom = self.customs[member - len(self.estimators)]
            return CustomFits(custom, own, sets, self.under, self.loss).fit(0)
        estimator = self.estimators[member]
        if isinstance(estimator, Dense):
            found = self.fitted_coefficients(estimator, sets.features, sets.labels, sets.groups)
            return np.asarray(found[0])
        fits, shared = self.mixture_fits(estimator, own, sets)
        return np.asarray(met_coefficients(estimator, own, fits, shared)[0])

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
        fits = self.fitted_coefficients(estimator, sets.features, sets.labels, sets.groups)
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

    def mixture_fits(
        self, estimator: MoE, model: BlockModel, sets: TrainingSets
    ) -> tuple[FloatArray, FloatArray | None]:
        """Coefficients of the experts, (R, d), and of a shared one or None."""
        return self.assigned_fits(estimator, model, sets)

    def assigned_fits(
        self, estimator: Estimator, model: BlockModel, sets: TrainingSets
    ) -> tuple[FloatArray, FloatArray | None]:
        """Coefficients of experts, (R, d), and of a shared one beside them or None."""
        expert_of = experts_of(estimator, model)
        experts, block_of = int(expert_of.max()) + 1, expert_of[model.block_of]
        of_experts = expert_of[sets.groups]
        given = sets.features, sets.labels, of_experts, block_of, experts, estimator.ridge
        if isinstance(estimator, MoE) and estimator.shared:
            return kernels.joint_fits(*given)
        return kernels.expert_fits(*given), None
