"""method="data" with gates that route by the input: fits are tested on inputs drawn in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import MoE, experts_of, resolved_gate, routes_by_input
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import identical_streams
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.data_routers import learned_choices
from moetheory.simulation.methods.learned_routers import inputs_of_router
from moetheory.simulation.methods.perturbed_inputs import PerturbedInputs, draw_test_inputs
from moetheory.simulation.methods.population import FeatureGate
from moetheory.simulation.methods.router_fits import Router
from moetheory.simulation.methods.strata import group_shares, strata, stratum_means
from moetheory.simulation.methods.training_sets import TrainingSets

ARRAYS = 12  # as large as the features of the test inputs, at most


class FreshInputs(NamedTuple):
    """T inputs for each of R training sets, and what learned gates choose for them.

    Attributes
    ----------
    features, labels : (R, T, d) and (R, T) arrays
    chosen : dict of (R, T) integer arrays
        The expert that each learned gate chooses.
    """

    features: FloatArray
    labels: FloatArray
    chosen: dict[Learned, IntArray]


@dataclass(frozen=True, eq=False)
class GatedDataRoute(DataRoute):
    """A value is, with a gate that reads the input, the mean loss on test inputs of a training set.

    The inputs are drawn in strata, some of each group. They and the samples of learned routers
    have random streams of their own, so that training sets are those of `DataRoute`. The gate
    keeps the weights of training, whatever the noise at test time.
    """

    def __post_init__(self) -> None:
        for gate in self._learned:
            Router(gate, self.models).require_samples()

    @cached
    def _learned(self) -> list[Learned]:
        """The gates that are learned."""
        gates = (
            resolved_gate(each, self.models[0]) for each in self.estimators if isinstance(each, MoE)
        )
        return list(dict.fromkeys(gate for gate in gates if isinstance(gate, Learned)))

    @cached
    def input_groups(self) -> IntArray:
        """The groups of the test inputs of a training set, (T,), in ascending order."""
        gated = [each for each in self.estimators if routes_by_input(each)]
        shares = group_shares(self.models, gated, self.under, self.loss)
        return strata(kernels.stratum_counts(inputs_of_router(self.models[0]), shares, least=1))

    @property
    def numbers(self) -> int:
        """Numbers in the samples of a training set or of a router, or in the test inputs."""
        model = self.models[0]
        rows = [len(self.input_groups), *(gate.samples or 0 for gate in self._learned)]
        return max(super().numbers, max(rows) * model.dim)

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        features = self.batch * len(self.input_groups) * self.models[0].dim
        return super().footprint + 8 * ARRAYS * features

    def model_risks(
        self,
        rng: np.random.Generator,
        model: BlockModel,
        regressions: Regressions,
        sets: TrainingSets,
    ) -> list[FloatArray]:
        """Risks given the group, (R, K), of every estimator fitted on ``sets``."""
        inputs = self._test_inputs(rng, model, len(sets.features))
        return [
            self._tested(each, model, sets, inputs)
            if isinstance(each, MoE) and routes_by_input(each)
            else self.true_risks(each, model, regressions, sets)
            for each in self.estimators
        ]

    def _test_inputs(self, rng: np.random.Generator, model: BlockModel, sets: int) -> FreshInputs:
        of_inputs, of_routers = rng.spawn(2)
        groups = np.tile(self.input_groups, sets)
        perturb = None if self.under is None else PerturbedInputs(self.under, model)
        inputs = draw_test_inputs(of_inputs, groups, model, perturb)
        features = inputs.features.reshape(sets, -1, model.dim)
        streams = identical_streams(of_routers, len(self._learned)) if self._learned else []
        chosen = {
            gate: learned_choices(stream, gate, model, features)
            for stream, gate in zip(streams, self._learned, strict=True)
        }
        return FreshInputs(features, inputs.labels.reshape(sets, -1), chosen)

    def _tested(
        self, estimator: MoE, model: BlockModel, sets: TrainingSets, inputs: FreshInputs
    ) -> FloatArray:
        """Mean losses on the test inputs of each group, (R, K), NaN without inputs."""
        features, labels, chosen = inputs
        fits, shared = self.mixture_fits(estimator, model, sets)
        gate = resolved_gate(estimator, model)
        if isinstance(gate, Learned):
            weights = np.equal(model.block_of, chosen[gate][..., np.newaxis]).astype(np.float64)
        else:
            route = FeatureGate(gate, model, experts_of(estimator, model))
            flat = route(features.reshape(-1, model.dim))
            weights = flat.T.reshape(*labels.shape, -1)[..., model.block_of]
        routed = fits if shared is None else fits - shared
        predictions = np.vecdot(features * weights, routed[:, np.newaxis])
        if shared is not None:
            predictions += np.vecdot(features, shared[:, np.newaxis])
        if self.loss == "sign":
            losses = (1.0 - np.sign(labels) * np.sign(predictions)) / 2.0
        else:
            losses = np.square(labels - predictions)
        return stratum_means(losses, np.bincount(self.input_groups, minlength=model.experts))

    def mixture_fits(
        self, estimator: MoE, model: BlockModel, sets: TrainingSets
    ) -> tuple[FloatArray, FloatArray | None]:
        """Coefficients of the experts, (R, d), and of a shared one or None."""
        if not estimator.retrained:
            return self.assigned_fits(estimator, model, sets)
        features, labels = sets.features, sets.labels
        route = FeatureGate(resolved_gate(estimator, model), model, np.arange(model.experts))
        sent = route(features.reshape(-1, model.dim)).argmax(axis=0).reshape(labels.shape)
        return self.assigned_fits(estimator, model, TrainingSets(features, labels, sent))
