r"""method="identity" for gates that are `Learned`: routers are drawn, then their inputs.

How often the sign is wrong: given an input :math:`\bar x` that is sent to expert j, the label of
group j is normal with mean :math:`\bar x_j^\top\theta_j` and variance :math:`\rho_j`. The labels
of other groups do not depend on block j: turning the signs of this block, in training and test,
changes the prediction, and neither the label nor what the router chooses. So with the prediction f

.. math:: P(\text{wrong} \mid \bar x, j) = w_j\,\Phi\Big(
          -\operatorname{sgn}(f)\,\frac{\bar x_j^\top\theta_j}{\sqrt{\rho_j}}\Big)
          + \frac{1-w_j}2 \quad\text{in the mean.}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import QuadraticForms, Weights, Workspace
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import Estimator
from moetheory.problem.gates import Learned
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.drawn_inputs import CONFUSABLE, InputStrata
from moetheory.simulation.methods.identity import risks_given_group
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.router_fits import Router
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import group_shares, strata
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
    squares : (d, n) array
    features : (n, d) array
        The inputs themselves, in roots of the unit of the squares, coordinates ordered by block.
    """

    weights: FloatArray
    chosen: IntArray
    group: Weights
    highest_posterior: FloatArray
    squares: FloatArray
    features: FloatArray


def inputs_of_router(model: BlockModel, inputs: int = INPUTS) -> int:
    """The number of inputs of each router: ``inputs``, or more so that no group is missed."""
    return max(inputs, int(np.count_nonzero(model.group_probabilities)))


def router_strata(
    models: Sequence[BlockModel],
    shares: FloatArray,
    under: Perturbation | None = None,
    confusable: float = CONFUSABLE,
) -> InputStrata:
    """The strata of the inputs of routers; all coordinates are drawn."""
    squares = SquaresLayout.of(*models, coordinates=True)
    input_models = tuple(SquaredInputModel(model, squares, under) for model in models)
    return InputStrata(input_models, shares, confusable)


def routed_inputs(
    rng: np.random.Generator,
    router: Router,
    inputs: InputStrata,
    sets: int,
    each: int,
) -> list[RoutedInputs]:
    """The inputs of ``sets`` routers, ``each`` of every router, model by model."""
    counts = inputs.counts(each, least=1)
    drawn = np.tile(strata(counts), sets)
    normals = rng.standard_normal((len(drawn), router.models[0].dim))
    found = list(inputs.draw(rng, drawn, counts, np.square(normals.T)))
    features = [np.copysign(np.sqrt(part.squares.T), normals) for part in found]
    parts = [part.reshape(sets, each, -1) for part in features]
    result = []
    for number, chosen in enumerate(router.choices(rng, parts)):
        part = found[number]
        apart = kernels.set_apart(part.group, chosen, router.models[0].experts)
        highest = part.highest_posterior
        result.append(
            RoutedInputs(
                part.weights / each, chosen, apart, highest, part.squares, features[number]
            )
        )
    return result


def sign_losses(
    estimator: Estimator, input_model: SquaredInputModel, found: RoutedInputs, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""The probability of a wrong sign for each input, (n,), and its mean by group, (K,).

    ``shares`` (n,) are the weights of the inputs in the mean of :math:`w_gP(wrong | g)`. Blocks are
    strict.
    """
    from scipy import special

    model, group = input_model.model, found.group
    order = np.argsort(model.block_of, kind="stable")
    blocks = model.block_of[order]
    best, used = (
        np.where(blocks == found.chosen[:, np.newaxis], fit[order], 0.0)
        for fit in (
            input_model.loss_forms.optimal,
            unchecked_optimal_coefficients(estimator, model),
        )
    )
    unit = np.broadcast_to(input_model.square_unit, model.dim)
    features = found.features * np.sqrt(unit)[order]
    margin = np.sign(np.vecdot(features, used)) * np.vecdot(features, best)
    residual = np.sqrt(input_model.oracle_risks[found.chosen])
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = np.where(margin == 0.0, 0.5, special.ndtr(-margin / residual))
    own = group.largest * wrong
    assert group.others is not None
    means = np.einsum("kn,n->k", group.others, shares) / 2.0
    means += np.bincount(found.chosen, own * shares, minlength=model.experts)
    return own + group.rest / 2.0, means


@dataclass(frozen=True, eq=False)
class LearnedRoute:
    """A replicate is one training set of the router, a value the mean risk on its test inputs."""

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    gate: Learned
    loss: Loss = "squared"
    under: Perturbation | None = None

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
    def strata(self) -> InputStrata:
        """The strata of the inputs of each router."""
        shares = group_shares(self.models, self.estimators, self.under, self.loss)
        # signs are wrong where predictions are near zero, which has nothing to do with routing
        confusable = 0.0 if self.loss == "sign" else CONFUSABLE
        return router_strata(self.models, shares, self.under, confusable)

    @property
    def input_models(self) -> tuple[SquaredInputModel, ...]:
        """Each model in terms of squared coordinates."""
        return self.strata.input_models

    @property
    def inputs(self) -> int:
        """Inputs of each router, with room for confusable ones."""
        return max(INPUTS, 2 * inputs_of_router(self.models[0], 1))

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
        features = self.batch * self.inputs * self.models[0].dim if self.loss == "sign" else 0
        numbers = 4 * fits * self.chunk_size + 6 * features
        return self.router.footprint(self.batch, self.inputs) + 8 * numbers

    @cached
    def _known_risks(self) -> FloatArray:
        """The part of the risks given the group that is not simulated, (M, K)."""
        if self.loss == "sign":
            return np.zeros((len(self.models), self.models[0].experts))
        return np.stack([input_model.oracle_risks for input_model in self.input_models])

    def forms(self, input_model: SquaredInputModel, squares: FloatArray) -> list[QuadraticForms]:
        """The quadratic forms of each estimator in inputs with these squares."""
        return input_model.forms(self.estimators, squares)

    def _losses(
        self, input_model: SquaredInputModel, found: RoutedInputs, shares: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Losses of each estimator in each input, (n,), and their mean by group, (K,)."""
        if self.loss == "sign":
            for estimator in self.estimators:
                yield sign_losses(estimator, input_model, found, shares)
        else:
            gate = kernels.one_hot(found.chosen)
            for forms in self.forms(input_model, found.squares):
                yield kernels.gate_losses(found.group, gate, forms, shares)

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` routers."""
        p = self.models[0].group_probabilities
        shape = (len(self.models), len(self.estimators))
        values, means = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            sets = min(self.batch, replicates - at)
            batch = routed_inputs(rng, self.router, self.strata, sets, self.inputs)
            for number, found in enumerate(batch):
                known = self._known_risks[number]
                for each, (losses, by_group) in enumerate(
                    self._losses(self.input_models[number], found, found.weights / replicates)
                ):
                    losses *= found.weights
                    risks = losses.reshape(sets, -1).sum(axis=1) + p @ known
                    values[number, each, at : at + sets] = risks
                    means[number, each] += by_group
        given = risks_given_group(means, p, self._known_risks)[:, np.newaxis]
        flat = values.reshape(-1, replicates)
        tally = Tally.of(flat, np.broadcast_to(given, (*flat.shape, len(p))), keep=keep)
        return replace(tally, group_counts=np.where(p > 0.0, replicates, 0))
