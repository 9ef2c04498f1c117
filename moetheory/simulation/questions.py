"""Questions: what one call of `simulate` asks, checked and ready to be carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, Unpack

from numpy.typing import ArrayLike

from moetheory.common.arrays import IntArray
from moetheory.problem.custom_estimators import Custom, Fit
from moetheory.problem.estimators import (
    Estimator,
    Simulated,
    checked_simulated,
    routes_by_input,
    simplest,
)
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.results.estimates import Estimates
from moetheory.simulation.arguments import (
    ProblemKeywords,
    checked_estimators,
    checked_loss_for,
    checked_models,
    checked_samples,
    checked_under,
    heavy_tails,
    infinite_variances,
    warn_of_heavy_noise,
    warn_of_heavy_tails,
)
from moetheory.simulation.custom_arguments import method_with, require_executable
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.learned_routers import inputs_of_router
from moetheory.simulation.methods.route import TRAINING_SETS, Method
from moetheory.simulation.plans import families
from moetheory.simulation.rare_events import (
    warn_of_rare_errors,
    warn_of_rare_groups,
    warn_of_rare_mistakes,
    warn_of_rare_routing,
)
from moetheory.simulation.runs.campaign import Campaign, run_campaigns
from moetheory.simulation.runs.fingerprint import run_identity
from moetheory.simulation.runs.options import ExecutionKeywords, ExecutionOptions


class SimulateKeywords(ProblemKeywords, total=False):
    """The keyword arguments of `simulate`."""

    samples: ArrayLike | None
    loss: Loss


@dataclass(frozen=True, eq=False)
class Question:
    """What one call of `simulate` asks: who warns of its answer, and its campaign.

    Attributes
    ----------
    estimators : tuple of Dense, MoE or Custom
    models : tuple of BlockModel
    samples : (K,) integer array or None
    counts, under, loss
    campaign : Campaign
    """

    estimators: tuple[Simulated, ...]
    models: tuple[BlockModel, ...]
    samples: IntArray | None
    counts: Counts
    under: Perturbation | None
    loss: Loss
    campaign: Campaign

    @classmethod
    def of(
        cls,
        estimator: Simulated | Fit | Sequence[Simulated | Fit],
        model: BlockModel | Sequence[BlockModel],
        *,
        samples: ArrayLike | None = None,
        under: Perturbation | None = None,
        counts: Counts = "fixed",
        method: Method | None = None,
        loss: Loss = "squared",
        **execution: Unpack[ExecutionKeywords],
    ) -> Self:
        """The question of these arguments of `simulate`, which are checked.

        Warns
        -----
        HeavyTailWarning
            As `simulate` does before it draws.
        """
        models = checked_models(model)
        estimators = tuple(
            each if isinstance(each, Custom) else simplest(each, models[0])
            for each in checked_estimators(estimator, checked_simulated)
        )
        loss = checked_loss_for(loss, models)
        options = ExecutionOptions(**execution)
        require_executable(estimators, options)
        under = checked_under(under, estimators, models[0], samples, loss=loss)
        sizes = checked_samples(samples, counts, method, models[0])
        method = method_with(estimators, samples, method)
        heavy = heavy_tails(estimators, models, sizes, counts, under, loss)
        infinite = infinite_variances(heavy)
        plan = families(estimators, models, sizes, counts, method, under, loss)
        length = options.length(TRAINING_SETS)
        campaign = Campaign.of(
            plan,
            options,
            (length or 0) * len(heavy) if any(infinite) else 0,  # for medians
            lambda seed: run_identity(
                estimators, models, sizes, counts, plan, seed, under, loss=loss
            ),
            infinite,
            loss,
        )
        warn_of_heavy_tails(heavy, estimators, options.target_sem, length)
        for run in campaign.runs:
            if isinstance(run.route, DataRoute) and run.route.customs:
                run.carry_out(run.route.require_repeatable, 0)
        found = cls(estimators, models, sizes, counts, under, loss, campaign)
        if loss == "squared" and (sizes is None or any(map(routes_by_input, estimators))):
            given = options.replicates
            warn_of_heavy_noise(under, None if given is None else given * found._inputs)
        return found

    @property
    def _inputs(self) -> int:
        """Inputs of a replicate: a training set tests its fits on several, where gates need any."""
        return 1 if self.samples is None else inputs_of_router(self.models[0])

    def warn(self, estimates: Estimates) -> None:
        """Warn where what carries a risk is rarer than what was drawn."""
        if self.samples is not None:
            warn_of_rare_groups(estimates, self.models, self.samples, self.counts)
            if self.loss == "squared":
                warn_of_rare_routing(
                    estimates, self.estimators, self.models, self.under, self._inputs
                )
        elif self.loss == "sign":
            warn_of_rare_mistakes(estimates, self._known, len(self.models))
        else:
            warn_of_rare_errors(estimates, self._known, self.models, self.under)

    @property
    def _known(self) -> list[Estimator]:
        """The estimators of the library: all of them without samples."""
        return [each for each in self.estimators if not isinstance(each, Custom)]


def answers(name: str, questions: Sequence[Question]) -> list[Estimates]:
    """The estimates of questions, whose chunks are carried out together; progress has the name.

    All have the same options but for their seeds.
    """
    found = run_campaigns(name, [question.campaign for question in questions])
    for question, estimates in zip(questions, found, strict=True):
        question.warn(estimates)
    return found
