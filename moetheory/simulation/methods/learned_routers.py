r"""method="identity" for gates that are `Learned`: routers are drawn, then their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import Weights, Workspace
from moetheory.problem.estimators import Estimator
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.block_energies import SquaredInputModel, SquaresLayout
from moetheory.simulation.methods.identity import risks_given_group
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.router_fits import Router
from moetheory.simulation.methods.strata import group_shares, sampling_frequencies, strata
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract
INPUTS = 32  # of each router, and one of each group at least
BATCHES = 4  # in a chunk


class RoutedInputs(NamedTuple):
    """The n inputs of one model, and the experts that routers choose for them.

    Attributes
    ----------
    weights : (n,) array
        The weight of each input in the mean over the inputs of its router.
    chosen : (n,) integer array
    group : Weights
        The posterior of their groups, the weight of the chosen expert apart.
    highest_posterior : (n,) array
        The largest posterior weight.
    squares : (U, n) array
    """

    weights: FloatArray
    chosen: IntArray
    group: Weights
    highest_posterior: FloatArray
    squares: FloatArray


def inputs_of_router(model: BlockModel, inputs: int = INPUTS) -> int:
    """The number of inputs of each router: ``inputs``, or more so that no group is missed."""
    return max(inputs, int(np.count_nonzero(model.group_probabilities)))


def routed_inputs(
    rng: np.random.Generator,
    router: Router,
    input_models: Sequence[SquaredInputModel],
    sets: int,
    shares: FloatArray,
    inputs: int = INPUTS,
) -> list[RoutedInputs]:
    """Inputs of each of ``sets`` routers, spread over the groups by ``shares``, model by model."""
    model = router.models[0]
    counts = kernels.stratum_counts(inputs_of_router(model, inputs), shares, least=1)
    own = strata(counts)
    frequencies = sampling_frequencies(counts, model.group_probabilities)
    groups = np.tile(own, (sets, 1))
    normals = rng.standard_normal((*groups.shape, model.dim))
    draws = input_models[0].squares.squares_of(normals.reshape(-1, model.dim))
    result = []
    for input_model, chosen in zip(input_models, router.choices(rng, normals, groups), strict=True):
        squares = input_model.input_squares(draws, groups.ravel(), keep_draws=True)
        group = kernels.posterior(input_model.scores(squares))
        apart = kernels.set_apart(group, chosen, model.experts)
        weights = 1.0 / (group.mean_of(frequencies) * len(own))
        result.append(RoutedInputs(weights, chosen, apart, group.largest, squares))
    return result


@dataclass(frozen=True, eq=False)
class LearnedRoute:
    """A replicate is one training set of the router, a value the mean risk on its test inputs."""

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    gate: Learned

    method: ClassVar[str] = "identity"
    default_replicates: ClassVar[int] = TRAINING_SETS
    fewest: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self.router.require_samples()

    @cached
    def router(self) -> Router:
        """The router whose training sets are drawn."""
        return Router(self.gate, self.models)

    @cached
    def input_models(self) -> list[SquaredInputModel]:
        """Each model in terms of squared coordinates."""
        squares = SquaresLayout.of(*self.models)
        return [SquaredInputModel(model, squares) for model in self.models]

    @cached
    def shares(self) -> FloatArray:
        """The share of the inputs that each group gets, (K,)."""
        return group_shares(self.models, self.estimators)

    @property
    def inputs(self) -> int:
        """Inputs of each router."""
        return inputs_of_router(self.models[0])

    @property
    def cost(self) -> int:
        """Numbers drawn for one replicate."""
        return self.router.numbers + self.inputs * self.models[0].dim

    @property
    def batch(self) -> int:
        """Replicates that are computed together."""
        return self.router.batch(self.inputs)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the gate alone."""
        return BATCHES * self.batch

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        fits = len(self.models) * len(self.estimators)
        return self.router.footprint(self.batch, self.inputs) + 8 * 4 * fits * self.chunk_size

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` routers."""
        p = self.models[0].group_probabilities
        shape = (len(self.models), len(self.estimators))
        values, means = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            sets = min(self.batch, replicates - at)
            batch = routed_inputs(rng, self.router, self.input_models, sets, self.shares)
            for number, found in enumerate(batch):
                input_model = self.input_models[number]
                gate = kernels.one_hot(found.chosen)
                for each, forms in enumerate(input_model.forms(self.estimators, found.squares)):
                    losses, by_group = kernels.gate_losses(
                        found.group, gate, forms, found.weights / replicates
                    )
                    losses *= found.weights
                    risks = losses.reshape(sets, -1).sum(axis=1) + p @ input_model.oracle_risks
                    values[number, each, at : at + sets] = risks
                    means[number, each] += by_group
        given = risks_given_group(means, self.input_models)[:, np.newaxis]
        flat = values.reshape(-1, replicates)
        tally = Tally.of(flat, np.broadcast_to(given, (*flat.shape, len(p))), keep=keep)
        return replace(tally, group_counts=np.where(p > 0.0, replicates, 0))
