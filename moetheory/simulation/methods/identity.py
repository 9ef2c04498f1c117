r"""method="identity": risks given the squared coordinates of inputs, without labels.

Of isotropic blocks only the energies are drawn. For weights v that depend on the squares
:math:`\bar x_m^2` alone (docs/theory.md §6)

.. math:: R = \sum_g p_gR_g + E\sum_g w_gF_g,

:math:`R_g` and :math:`F_g` as in ``loss_forms.py``. The inputs are strata, those that a gate is
likely to send astray among them (``drawn_inputs.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray
from moetheory.common.cached import cached
from moetheory.formulas.sums import sum_over_others
from moetheory.kernels import QuadraticForms, Weights, Workspace
from moetheory.problem.estimators import Estimator, MoE, routes_by_input
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, TopK, resolved
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.drawn_inputs import CONFUSABLE, DrawnInputs, InputStrata
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import StratifiedInputs, roomy_inputs, strata
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract: numbers in the squares of a batch, of a chunk, and the
# inputs of a chunk, of which all values are held at once
BATCH = 1 << 15
CHUNK = 1 << 20
MOST = 1 << 16


def gate_weights(gate: Gate, group: Weights, scores: FloatArray) -> Weights:
    """Weights that ``gate`` gives to the experts, from posterior weights ``group`` or scores."""
    match resolved(gate, len(scores)):
        case Hard():
            return kernels.one_hot(group.top)
        case Soft(temperature=1.0):
            return group
        case Soft(temperature=temperature):
            return kernels.posterior(scores, temperature)
        case TopK(k=k, renormalised=renormalised):
            return kernels.top_k(group, k, renormalised=renormalised)
    raise AssertionError(f"{gate!r} has no weights of its own")


def estimator_losses(
    estimator: Estimator, inputs: DrawnInputs, forms: QuadraticForms, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Excess losses of one estimator in each input, (n,), and their mean by group, (K,).

    ``shares`` (n,) are the weights of the inputs in the mean.
    """
    if not isinstance(estimator, MoE):
        return kernels.dense_losses(inputs.group, forms, shares)
    if isinstance(estimator.gate, Oracle):
        return kernels.oracle_losses(inputs.group, forms, shares)
    weights = gate_weights(estimator.gate, inputs.gate, inputs.scores)
    return kernels.gate_losses(inputs.group, weights, forms, shares)


def losses_routed_right(estimator: Estimator, forms: QuadraticForms) -> FloatArray:
    """The mean excess loss given the group if every gate knew it, (K,).

    ``forms`` are those of blocks that are active and of blocks that are not, (K, 2).
    """
    own = np.zeros(len(forms.optimal)) if forms.error is None else forms.error[:, 0]
    return own if isinstance(estimator, MoE) else own + sum_over_others(forms.used[:, 1])


@dataclass(frozen=True, eq=False)
class IdentityRoute(StratifiedInputs):
    """A replicate is one noisy input, a value the risk given all but the signs of its features."""

    method: ClassVar[str] = "identity"

    @cached
    def squares(self) -> SquaresLayout:
        """The squares that are drawn."""
        return SquaresLayout.of(*self.models, under=self.under)

    @cached
    def input_models(self) -> tuple[SquaredInputModel, ...]:
        """Each model in terms of the squares."""
        return tuple(SquaredInputModel(model, self.squares, self.under) for model in self.models)

    @cached
    def strata(self) -> InputStrata:
        """The strata of the inputs: groups, and confusable inputs if there is a gate."""
        gated = any(map(routes_by_input, self.estimators))
        return InputStrata(self.input_models, self.shares, CONFUSABLE if gated else 0.0)

    @property
    def batch(self) -> int:
        """Inputs that are computed together."""
        return max(1, BATCH // self.squares.units)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models alone."""
        return max(min(MOST, CHUNK // self.squares.units), roomy_inputs(self.models[0]))

    @property
    def cost(self) -> int:
        """Numbers drawn for one replicate."""
        return self.squares.units

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        fits = len(self.models) * len(self.estimators)
        arrays = 12 + 5 * len(self.estimators)
        most = self.chunk_size + self.fewest
        return 8 * (arrays * self.batch * self.squares.units + 6 * fits * most)

    @cached
    def _known_risks(self) -> FloatArray:
        """The part of the risks given the group that the losses leave out, (M, E, K)."""
        return np.array(
            [
                [input_model.loss_forms.known_risks(each) for each in self.estimators]
                for input_model in self.input_models
            ]
        )

    @cached
    def _routed_right(self) -> FloatArray:
        """The mean losses given the group if gates were right about all inputs, (M, E, K)."""
        return np.array(
            [
                [
                    losses_routed_right(estimator, forms)
                    for estimator, forms in zip(
                        self.estimators,
                        input_model.forms(self.estimators, input_model.mean_squares),
                        strict=True,
                    )
                ]
                for input_model in self.input_models
            ]
        )

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` inputs."""
        p = self.models[0].group_probabilities
        counts = self.strata.counts(replicates)
        drawn = strata(counts)
        shape = (len(self.models), len(self.estimators))
        values, means = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            here = slice(at, at + self.batch)
            for number, inputs in enumerate(self.strata.draw(rng, drawn[here], counts)):
                found = self.input_models[number].forms(self.estimators, inputs.squares)
                counted = inputs.weights / replicates
                by_chance = inputs.group.sums(counted)
                for each, forms in enumerate(found):
                    losses, by_group = estimator_losses(
                        self.estimators[each], inputs, forms, counted
                    )
                    # weights are 1 in the mean: of what is expected, they add but noise
                    expected = self._routed_right[number, each]
                    losses -= inputs.group.mean_of(expected)
                    values[number, each, here] = losses * inputs.weights
                    means[number, each] += by_group - expected * by_chance
        known = self._known_risks + self._routed_right
        given = risks_given_group(means, p, known)
        flat = values.reshape(-1, replicates)
        tally = Tally.of_strata(flat, counts, counts / replicates, given, keep=keep)
        # only now: losses that are tiny beside what is known keep their spread
        added = (known @ p).ravel()
        return replace(
            tally,
            means=tally.means + added,
            values=tally.values + added[:, np.newaxis],
            group_counts=np.where(p > 0.0, replicates, 0),
        )


def risks_given_group(means: FloatArray, p: FloatArray, known: FloatArray) -> FloatArray:
    """Risks given the group, (M·E, K), from ``means`` (M, E, K) of w_gF_g over inputs.

    ``known``, (M, K) or that of each estimator, (M, E, K), is the part of the risks that is not
    simulated.
    """
    given = means / np.where(p > 0.0, p, 1.0)
    given += known.reshape(len(known), -1, len(p))
    return given.reshape(-1, len(p))
