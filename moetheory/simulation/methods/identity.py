r"""method="identity": risks given the squared coordinates of inputs, without labels.

Of isotropic blocks only the energies are drawn. For weights v that depend on the squares
:math:`\bar x_m^2` alone (docs/theory.md §6)

.. math:: R = \sum_g p_g\rho_g + E\sum_g w_gF_g,\qquad
          F_g = \sum_{m\in g}\bar x_m^2(v_gt_m-\theta_m)^2
                + \sum_{j\ne g}v_j^2\sum_{m\in j}\bar x_m^2t_m^2 .

With the share :math:`\alpha_g` of the inputs drawn of group g, instead of :math:`p_g`, an input is
:math:`\sum_g\frac{\alpha_g}{p_g}w_g` times as frequent as it should be: so many times less it
counts (deterministic mixture sampling, Owen and Zhou 2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray
from moetheory.common.cached import cached
from moetheory.kernels import QuadraticForms, Weights, Workspace
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, TopK, resolved
from moetheory.simulation.methods.block_energies import SquaredInputModel, SquaresLayout
from moetheory.simulation.methods.strata import (
    StratifiedInputs,
    roomy_inputs,
    sampling_frequencies,
    strata,
)
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
        case TopK(k=k):
            return kernels.top_k(group, k)
    raise AssertionError(f"{gate!r} has no weights of its own")


def estimator_losses(
    estimator: Estimator,
    group: Weights,
    scores: FloatArray,
    forms: QuadraticForms,
    shares: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Excess losses of one estimator in each input, (n,), and their mean by group, (K,).

    ``shares`` (n,) are the weights of the inputs in the mean.
    """
    if not isinstance(estimator, MoE):
        return kernels.dense_losses(group, forms, shares)
    if isinstance(estimator.gate, Oracle):
        return kernels.oracle_losses(group, forms, shares)
    return kernels.gate_losses(group, gate_weights(estimator.gate, group, scores), forms, shares)


@dataclass(frozen=True, eq=False)
class IdentityRoute(StratifiedInputs):
    """A replicate is one noisy input, a value the risk given all but the signs of its features."""

    method: ClassVar[str] = "identity"

    @cached
    def squares(self) -> SquaresLayout:
        """The squares that are drawn."""
        return SquaresLayout.of(*self.models)

    @cached
    def input_models(self) -> list[SquaredInputModel]:
        """Each model in terms of the squares."""
        return [SquaredInputModel(model, self.squares) for model in self.models]

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

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks of ``replicates`` inputs."""
        p = self.models[0].group_probabilities
        counts = kernels.stratum_counts(replicates, self.shares)
        groups = strata(counts)
        frequencies = sampling_frequencies(counts, p)
        shape = (len(self.models), len(self.estimators))
        values, means = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            here = slice(at, at + self.batch)
            draws = self.squares.draw(rng, len(groups[here]))
            for number, input_model in enumerate(self.input_models):
                last = number == len(self.input_models) - 1
                squares = input_model.input_squares(draws, groups[here], keep_draws=not last)
                scores = input_model.scores(squares)
                group = kernels.posterior(scores)
                weights = 1.0 / group.mean_of(frequencies)
                for each, forms in enumerate(input_model.forms(self.estimators, squares)):
                    losses, by_group = estimator_losses(
                        self.estimators[each], group, scores, forms, weights / replicates
                    )
                    values[number, each, here] = losses * weights
                    means[number, each] += by_group
        for number, input_model in enumerate(self.input_models):
            values[number] += p @ input_model.oracle_risks
        known = np.stack([input_model.oracle_risks for input_model in self.input_models])
        given = risks_given_group(means, p, known)
        drawn = counts / replicates
        return Tally.of_strata(values.reshape(-1, replicates), counts, drawn, given, keep=keep)


def risks_given_group(means: FloatArray, p: FloatArray, known: FloatArray) -> FloatArray:
    """Risks given the group, (M·E, K), from ``means`` (M, E, K) of w_gF_g over inputs.

    ``known`` (M, K) is the part of the risks that is not simulated.
    """
    given = means / np.where(p > 0.0, p, 1.0)
    given += known[:, np.newaxis]
    return given.reshape(-1, len(p))
