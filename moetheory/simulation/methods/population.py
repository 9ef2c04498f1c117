"""method="population": losses of population-optimal predictors on fresh test samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import Workspace
from moetheory.predictors.optimal import (
    shared_coefficients,
    unchecked_optimal_coefficients,
)
from moetheory.problem.estimators import Estimator, MoE, experts_of, one_each, routes_by_input
from moetheory.problem.gates import Gate
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import identical_streams
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.identity import gate_weights
from moetheory.simulation.methods.perturbed_inputs import PerturbedInputs, draw_test_inputs
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import (
    StratifiedInputs,
    even_parts,
    roomy_inputs,
    strata,
)
from moetheory.simulation.methods.tally import Tally, merged

# part of the reproducibility contract: numbers in the features of a batch, batches in a chunk
BATCH = 1 << 16
BATCHES = 8

Predictors = tuple[IntArray, FloatArray, list[kernels.Route], list[FloatArray | None]]


@dataclass(frozen=True, eq=False)
class FeatureGate:
    """A gate as a function of noisy features: (rows, d) → weights of the blocks (K, rows).

    An expert has the posterior weight of all its groups, and a block the weight of its expert.
    """

    gate: Gate
    model: BlockModel
    expert_of: IntArray

    @cached
    def _input_model(self) -> SquaredInputModel:
        return SquaredInputModel(self.model, SquaresLayout.of(self.model, coordinates=True))

    @cached
    def _order(self) -> IntArray:
        return np.argsort(self.model.block_of, kind="stable")

    @cached
    def _square_unit(self) -> float | FloatArray:
        """The unit of the squares: a float, or (d, 1) in order of the blocks."""
        unit = self._input_model.square_unit
        return unit[self._order, np.newaxis] if isinstance(unit, np.ndarray) else unit

    def __call__(self, features: FloatArray) -> FloatArray:
        """The weight of the expert of each block, for each row of ``features``."""
        scores = self._input_model.scores(np.square(features[:, self._order].T) / self._square_unit)
        experts = int(self.expert_of.max()) + 1
        if experts < len(scores):
            scores = kernels.pooled_scores(scores, self.expert_of)
        weights = gate_weights(self.gate, kernels.posterior(scores), scores).full(experts)
        return weights if experts == self.model.experts else weights[self.expert_of]


@dataclass(frozen=True, eq=False)
class PopulationRoute(StratifiedInputs):
    """A replicate is one test sample, a value the loss of one predictor."""

    method: ClassVar[str] = "population"

    @property
    def rows(self) -> int:
        """Samples whose features are held together."""
        return max(1, BATCH // self.models[0].dim)

    @property
    def batch(self) -> int:
        """Samples that are divided among the groups together, at most."""
        return max(self.rows, roomy_inputs(self.models[0]))

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models alone."""
        return BATCHES * self.batch

    @property
    def cost(self) -> int:
        """Numbers drawn for one replicate."""
        return self.models[0].dim

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        arrays = 6 if self.under is None else 9
        arrays += 0 if all(map(one_each, self.estimators)) else 2  # what each input meets
        fits = len(self.models) * len(self.estimators)
        return 8 * arrays * (self.rows * self.cost + self.batch * fits)

    @cached
    def _predictors(self) -> list[FloatArray]:
        return [
            np.stack(
                [unchecked_optimal_coefficients(estimator, model) for estimator in self.estimators]
            )
            for model in self.models
        ]

    @cached
    def _shared(self) -> list[list[FloatArray | None]]:
        """The coefficients of the shared experts of each model, None for estimators without."""
        found = [
            [shared_coefficients(estimator, model) for estimator in self.estimators]
            for model in self.models
        ]
        return [[None if each is None else each.values for each in shared] for shared in found]

    @cached
    def _routes(self) -> list[list[kernels.Route]]:
        return [[_route(each, model) for each in self.estimators] for model in self.models]

    @cached
    def perturbations(self) -> list[PerturbedInputs | None]:
        under = self.under
        return [None if under is None else PerturbedInputs(under, model) for model in self.models]

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the losses on ``replicates`` samples."""
        sizes = even_parts(replicates, self.batch)
        parts = [self._batch(rng, rows, work, keep) for rows in sizes]
        values = np.concatenate([part.values for part in parts], axis=1)
        return replace(merged(parts), values=values)

    def _batch(self, rng: np.random.Generator, rows: int, work: Workspace, keep: bool) -> Tally:
        counts = kernels.stratum_counts(rows, self.shares)
        groups = strata(counts)
        values = np.concatenate(
            [
                self._losses(rng, groups[at : at + self.rows], work)
                for at in range(0, rows, self.rows)
            ],
            axis=1,
        )
        return Tally.of_strata(values, counts, self.models[0].group_probabilities, keep=keep)

    def _losses(self, rng: np.random.Generator, groups: IntArray, work: Workspace) -> FloatArray:
        """Losses on inputs of ``groups``, model by model, (M·E, rows)."""
        streams = enumerate(identical_streams(rng, len(self.models)))
        return np.concatenate(
            [self.model_losses(stream, groups, number, work) for number, stream in streams]
        )

    def model_losses(
        self, rng: np.random.Generator, groups: IntArray, number: int, work: Workspace
    ) -> FloatArray:
        """Losses of the estimators in model ``number`` on inputs of ``groups``, (E, rows)."""
        model, perturb = self.models[number], self.perturbations[number]
        inputs = draw_test_inputs(rng, groups, model, perturb, work=work)
        predictors = self.predictors_of(number)
        if self.loss == "sign":
            return kernels.sign_mistakes(inputs, *predictors)
        return np.square(kernels.prediction_errors(inputs, *predictors))

    def predictors_of(self, number: int) -> Predictors:
        """The predictors of model ``number``, as kernels take them beside inputs."""
        block_of = self.models[number].block_of
        predictors, routes = self._predictors[number], self._routes[number]
        return block_of, predictors, routes, self._shared[number]


def _route(estimator: Estimator, model: BlockModel) -> kernels.Route:
    """How ``estimator`` is routed, as `kernels.prediction_errors` takes it."""
    if isinstance(estimator, MoE) and routes_by_input(estimator):
        return FeatureGate(estimator.gate, model, experts_of(estimator, model))
    if not one_each(estimator):
        return experts_of(estimator, model)
    return isinstance(estimator, MoE)
