r"""method="identity" for gates that are `Learned`: routers are drawn, then their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Weights, Workspace
from moetheory.problem.estimators import Estimator
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.block_energies import SquaredInputModel, SquaresLayout
from moetheory.simulation.methods.identity import risks_given_group
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.router_fits import Router
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract
INPUTS = 32  # of each router
BATCHES = 4  # in a chunk


class RoutedInputs(NamedTuple):
    """The n inputs of one model, and the experts that routers choose for them.

    Attributes
    ----------
    chosen : (n,) integer array
    group : Weights
        The posterior of their groups, the weight of the chosen expert apart.
    highest_posterior : (n,) array
        The largest posterior weight.
    squares : (U, n) array
    """

    chosen: IntArray
    group: Weights
    highest_posterior: FloatArray
    squares: FloatArray


def routed_inputs(
    rng: np.random.Generator,
    router: Router,
    input_models: Sequence[SquaredInputModel],
    sets: int,
    inputs: int,
) -> list[RoutedInputs]:
    """``inputs`` stratified inputs for each of ``sets`` routers, n = sets · inputs, by model."""
    model = router.models[0]
    groups = kernels.systematic_groups(rng, sets, inputs, model.group_probabilities)
    normals = rng.standard_normal((sets, inputs, model.dim))
    draws = input_models[0].squares.squares_of(normals.reshape(-1, model.dim))
    result = []
    for input_model, chosen in zip(input_models, router.choices(rng, normals, groups), strict=True):
        squares = input_model.input_squares(draws, groups.ravel(), keep_draws=True)
        group = kernels.posterior(input_model.scores(squares))
        apart = kernels.set_apart(group, chosen, model.experts)
        result.append(RoutedInputs(chosen, apart, group.largest, squares))
    return result


@dataclass(frozen=True, eq=False)
class LearnedRoute:
    """A replicate is one training set of the router, a value the mean risk on its test inputs."""

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    gate: Learned

    method: ClassVar[str] = "identity"
    default_replicates: ClassVar[int] = TRAINING_SETS

    def __post_init__(self) -> None:
        self.router.require_samples()

    @cached_property
    def router(self) -> Router:
        """The router whose training sets are drawn."""
        return Router(self.gate, self.models)

    @cached_property
    def input_models(self) -> list[SquaredInputModel]:
        """Each model in terms of squared coordinates."""
        squares = SquaresLayout.of(self.models[0])
        return [SquaredInputModel(model, squares) for model in self.models]

    @property
    def cost(self) -> int:
        """Numbers drawn for one replicate."""
        return self.router.numbers + INPUTS * self.models[0].dim

    @property
    def batch(self) -> int:
        """Replicates that are computed together."""
        return self.router.batch(INPUTS)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the gate alone."""
        return BATCHES * self.batch

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        fits = len(self.models) * len(self.estimators)
        return self.router.footprint(self.batch, INPUTS) + 8 * 4 * fits * self.chunk_size

    def chunk(self, rng: np.random.Generator, replicates: int, work: Workspace) -> Tally:
        """Moments of the risks of ``replicates`` routers."""
        p = self.models[0].group_probabilities
        shape = (len(self.models), len(self.estimators))
        values, sums = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            sets = min(self.batch, replicates - at)
            batch = routed_inputs(rng, self.router, self.input_models, sets, INPUTS)
            for number, inputs in enumerate(batch):
                input_model = self.input_models[number]
                gate = kernels.one_hot(inputs.chosen)
                for each, forms in enumerate(input_model.forms(self.estimators, inputs.squares)):
                    losses, by_group = kernels.gate_losses(inputs.group, gate, forms)
                    risks = losses.reshape(sets, INPUTS).mean(axis=1) + p @ input_model.oracle_risks
                    values[number, each, at : at + sets] = risks
                    sums[number, each] += by_group
        given = risks_given_group(sums / (replicates * INPUTS), self.input_models)[:, np.newaxis]
        flat = values.reshape(-1, replicates)
        tally = Tally.of(flat, np.broadcast_to(given, (*flat.shape, len(p))))
        return replace(tally, group_counts=np.where(p > 0.0, replicates, 0))
