"""Fresh test samples and population-optimal predictors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Workspace
from moetheory.predictors.optimal import optimal_coefficients
from moetheory.problem.estimators import Estimator, MoE, routes_by_input
from moetheory.problem.gates import Gate
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.base import repeated
from moetheory.simulation.methods.block_energies import Squares, View
from moetheory.simulation.methods.identity import gate_weights
from moetheory.simulation.methods.perturbed_inputs import Exposed
from moetheory.simulation.methods.tally import Tally, merged

# part of the reproducibility contract: numbers in the features of a batch, batches in a chunk
BATCH = 1 << 16
BATCHES = 8


@dataclass(frozen=True, eq=False)
class FeatureGate:
    """What a gate does with noisy features: (rows, d) → weights of the experts (K, rows)."""

    gate: Gate
    model: BlockModel

    @cached_property
    def _view(self) -> View:
        return View(self.model, Squares.of(self.model, coordinates=True))

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(self.model.block_of, kind="stable")

    def __call__(self, features: FloatArray) -> FloatArray:
        """The weights for each row."""
        scores = self._view.scores(np.square(features[:, self._order].T) / self._view.unit)
        weights = gate_weights(self.gate, kernels.posterior(scores), scores)
        return weights.whole(self.model.experts)


@dataclass(frozen=True, eq=False)
class PopulationRoute:
    """A replicate is one test sample, a value the squared error of one predictor."""

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    under: Perturbation | None = None

    method: ClassVar[str] = "population"

    @property
    def batch(self) -> int:
        """Samples that are drawn together."""
        return max(1, BATCH // self.models[0].dim)

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
        return 8 * arrays * self.batch * (self.cost + len(self.models) * len(self.estimators))

    @cached_property
    def _predictors(self) -> list[FloatArray]:
        return [
            np.stack([optimal_coefficients(estimator, model) for estimator in self.estimators])
            for model in self.models
        ]

    @cached_property
    def _routes(self) -> list[tuple[bool | FeatureGate, ...]]:
        return [
            tuple(
                FeatureGate(estimator.gate, model)
                if isinstance(estimator, MoE) and routes_by_input(estimator)
                else isinstance(estimator, MoE)
                for estimator in self.estimators
            )
            for model in self.models
        ]

    @cached_property
    def _exposures(self) -> list[Exposed | None]:
        under = self.under
        return [None if under is None else Exposed(under, model) for model in self.models]

    def chunk(self, rng: np.random.Generator, replicates: int, work: Workspace) -> Tally:
        """Moments of the squared errors of ``replicates`` samples."""
        starts = range(0, replicates, self.batch)
        return merged(self._batch(rng, min(self.batch, replicates - at)) for at in starts)

    def _batch(self, rng: np.random.Generator, rows: int) -> Tally:
        first = self.models[0]
        groups = kernels.draw_groups(rng, rows, first.group_probabilities)
        errors = [
            self._errors(stream, groups, number)
            for number, stream in enumerate(repeated(rng, len(self.models)))
        ]
        return Tally.by_group(np.square(np.concatenate(errors)), groups, first.experts)

    def _errors(self, rng: np.random.Generator, groups: IntArray, number: int) -> FloatArray:
        """Of all estimators of one model on inputs of ``groups``, (E, rows)."""
        model, exposure = self.models[number], self._exposures[number]
        inputs = kernels.draw_inputs(
            rng,
            groups,
            model.block_of,
            model.signal_variances,
            None if model.strict else model.leakage_variances,
            model.coefficients,
            model.noise_variance if exposure is None else exposure.drawn_noise,
            model.label_noise_variance,
        )
        if exposure is not None:
            inputs = exposure(rng, groups, inputs)
        return kernels.prediction_errors(
            inputs, model.block_of, self._predictors[number], self._routes[number]
        )
