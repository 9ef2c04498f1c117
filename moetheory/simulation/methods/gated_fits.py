"""method="identity" with samples: coefficients from their law, tested on inputs as squares.

A gate that reads the input knows nothing of the fits, and they nothing of the test input: the
identity of ``identity.py`` holds for each training set. Of what it gives on the inputs that are
drawn, the loss of the same coefficients under oracle routing is taken away, and the true risk of
these coefficients under oracle routing is added. So what routing costs is seen beside it, however
little it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import Workspace
from moetheory.problem.estimators import Estimator, MoE, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.drawn_inputs import CONFUSABLE, DrawnInputs, InputStrata
from moetheory.simulation.methods.fit_risks import expert_fit_risks
from moetheory.simulation.methods.identity import estimator_losses, risks_given_group
from moetheory.simulation.methods.law import LawRoute
from moetheory.simulation.methods.learned_routers import INPUTS, inputs_of_router
from moetheory.simulation.methods.loss_forms import FormWeights
from moetheory.simulation.methods.route import TRAINING_SETS
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.statistics import ExpertStatisticsRoute
from moetheory.simulation.methods.strata import group_shares, strata
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract: numbers in the squares of the inputs of a batch of training
# sets, and of a chunk
BATCH = 1 << 15
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class GatedFitsRoute:
    """A replicate is one training set, a value the risk that test inputs of its own give.

    Values of `Oracle` are true risks, of the same coefficients.
    """

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    samples: IntArray
    counts: Counts
    under: Perturbation | None = None

    method: ClassVar[str] = "identity"
    default_replicates: ClassVar[int] = TRAINING_SETS
    fewest: ClassVar[int] = 1

    @cached
    def _ridges(self) -> list[float]:
        return list(dict.fromkeys(each.ridge for each in self.estimators))

    @cached
    def _fits(self) -> LawRoute | ExpertStatisticsRoute:
        """The route that draws the coefficients, one fit for each ridge."""
        experts = tuple(MoE(ridge=ridge) for ridge in self._ridges)
        by_law = LawRoute(self.models, experts, self.samples, self.counts)
        if by_law.obstacle() is None:
            return by_law
        return ExpertStatisticsRoute(self.models, experts, self.samples, self.counts)

    @cached
    def strata(self) -> InputStrata:
        """The strata of the inputs of each training set."""
        squares = SquaresLayout.of(*self.models, under=self.under)
        gated = [each for each in self.estimators if routes_by_input(each)]
        return InputStrata(
            tuple(SquaredInputModel(model, squares, self.under) for model in self.models),
            group_shares(self.models, gated or self.estimators, self.under),
            CONFUSABLE,
        )

    @property
    def inputs(self) -> int:
        """Inputs of each training set, with room for confusable ones."""
        return max(INPUTS, 2 * inputs_of_router(self.models[0], 1))

    @property
    def cost(self) -> int:
        """Work of a replicate, about the numbers that it draws."""
        return self._fits.cost + self._squares

    @property
    def _squares(self) -> int:
        """Numbers in the squares of the inputs of a training set."""
        return self.inputs * self.strata.squares.units

    @property
    def batch(self) -> int:
        """Training sets that are tested together."""
        return max(1, BATCH // self._squares)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the samples alone."""
        return max(1, min(self._fits.chunk_size, CHUNK // self._squares))

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        fits = len(self.models) * len(self._ridges)
        drawn = min(self._fits.batch, self.chunk_size)
        numbers = drawn * (8 * self._fits.numbers + 4 * fits * self.models[0].dim)
        numbers += (20 + 6 * len(self.estimators)) * self.batch * self._squares
        numbers += 6 * len(self.models) * len(self.estimators) * self.chunk_size
        return 8 * numbers

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool = False
    ) -> Tally:
        """Moments of the risks after ``replicates`` training sets."""
        p = self.models[0].group_probabilities
        known = np.stack([each.oracle_risks for each in self.strata.input_models])
        shape = (len(self.models), len(self.estimators))
        values, means = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for first in range(0, replicates, self._fits.batch):
            fits = self._coefficients(rng, min(self._fits.batch, replicates - first), work)
            for start in range(0, fits.shape[2], self.batch):
                some = fits[:, :, start : start + self.batch]
                here = slice(first + start, first + start + some.shape[2])
                values[..., here], by_group = self._tested(rng, some)
                means += by_group
        values += (known @ p)[:, np.newaxis, np.newaxis]
        given = risks_given_group(means / replicates, p, known)[:, np.newaxis]
        flat = values.reshape(-1, replicates)
        tally = Tally.of(flat, np.broadcast_to(given, (*flat.shape, len(p))), keep=keep)
        return replace(tally, group_counts=np.where(p > 0.0, replicates, 0))

    def _coefficients(
        self, rng: np.random.Generator, replicates: int, work: Workspace
    ) -> FloatArray:
        """Coefficients in R training sets for each model and ridge, (M, P, R, d)."""
        route = self._fits
        if isinstance(route, LawRoute):
            return np.stack(list(route.fitted_coefficients(rng, replicates)))[:, np.newaxis]
        counts = route.draw_counts(rng, replicates)
        return route.fitted_coefficients(route.expert_rows(rng, counts, work), replicates, work)

    def _tested(self, rng: np.random.Generator, fits: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""What fits (M, P, R, d) add to :math:`\sum_gp_gR_g`, by their inputs, (M, E, R).

        And the sum of the part of each group over training sets, (M, E, K).
        """
        sets, each = fits.shape[2], self.inputs
        counts = self.strata.counts(each, least=1)
        drawn = np.tile(strata(counts), sets)
        losses = np.empty((len(self.models), len(self.estimators), sets))
        means = np.empty((*losses.shape[:2], self.models[0].experts))
        for number, inputs in enumerate(self.strata.draw(rng, drawn, counts)):
            for place, ridge in enumerate(self._ridges):
                members = [i for i, one in enumerate(self.estimators) if one.ridge == ridge]
                found = self._losses(number, members, inputs, fits[number, place])
                for i, (of_sets, by_group) in zip(members, found, strict=True):
                    losses[number, i], means[number, i] = of_sets, by_group
        return losses, means

    def _losses(
        self, number: int, members: list[int], inputs: DrawnInputs, fits: FloatArray
    ) -> list[tuple[FloatArray, FloatArray]]:
        """What `_tested` gives of each of the ``members``, (R,) and (K,), for ``fits`` (R, d)."""
        input_model = self.strata.input_models[number]
        model, result = input_model.model, []
        weights = input_model.unit_weights(input_model.loss_forms.of_coefficients(fits))
        forms = input_model.quadratic_forms(self._of_inputs(weights), inputs.squares)
        counted = inputs.weights / self.inputs
        risks = expert_fit_risks(model, fits, self._fits.regressions[number], self.under)
        risks -= input_model.oracle_risks
        p = model.group_probabilities
        oracle, oracle_by_group = np.vecdot(risks, p), p * risks.sum(axis=0)
        drawn, drawn_by_group = kernels.oracle_losses(inputs.group, forms, counted)
        for i in members:
            if not routes_by_input(self.estimators[i]):
                result.append((oracle, oracle_by_group))
                continue
            losses, by_group = estimator_losses(self.estimators[i], inputs, forms, counted)
            losses -= drawn
            losses *= counted
            of_sets = losses.reshape(len(fits), -1).sum(axis=1)
            result.append((oracle + of_sets, oracle_by_group + (by_group - drawn_by_group)))
        return result

    def _of_inputs(self, weights: FormWeights) -> FormWeights:
        """Weights of the units of each input, (U, n), from those of each training set, (R, U)."""
        return FormWeights._make(
            each if each is None or each.ndim == 1 else np.repeat(each.T, self.inputs, axis=1)
            for each in weights
        )
