"""Experiments on gates: their simulated excess risks against theory and against each other."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from moetheory.claims.experiments import Outcome, Setting, Work
from moetheory.claims.fresh_inputs import (
    MEAN_LOSS,
    RARE_ERRORS,
    SQUARED_ERROR,
    inputs_of,
    most_inputs,
    with_routing_errors,
)
from moetheory.claims.outcomes import SQUARE_SKEWNESS, Mean, inequality_outcome, mean_outcome
from moetheory.claims.quantities import moe_excess
from moetheory.claims.stages import Experiment, in_stages
from moetheory.common.errors import RareGroupWarning
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.gates import Hard, Soft
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate
from moetheory.results.risks import Risk
from moetheory.simulation import simulate
from moetheory.simulation.methods.route import Method
from moetheory.theory.risks import risk

SOFT_MOE, HARD_MOE = MoE(gate=Soft()), MoE(gate=Hard())
RESOLUTION = 0.02
CANCELLATION = 1e-14  # error of a difference of risks, relative to them


@lru_cache(maxsize=64)
def _risk(estimator: Estimator, model: BlockModel) -> Risk:
    """The risk of an estimator in theory."""
    return risk(estimator, model)


def soft_excess(model: BlockModel) -> float:
    """Excess risk of the soft gate."""
    return _risk(SOFT_MOE, model).excess


def hard_excess(model: BlockModel) -> float:
    """Excess risk of the hard gate."""
    return _risk(HARD_MOE, model).excess


@lru_cache(maxsize=8)
def _estimates(
    estimators: tuple[Estimator, ...],
    model: BlockModel,
    replicates: int,
    entropy: int,
    method: Method,
    work: Work,
) -> Any:
    """Simulated excess risks of several estimators, which share their draws."""
    clean = model.replace(label_noise_variance=0.0)
    with warnings.catch_warnings():
        # errors that are too rare are a reason not to decide
        warnings.simplefilter("ignore", RareGroupWarning)
        return simulate(
            estimators,
            clean,
            method=method,
            replicates=replicates,
            rng=entropy,
            executor=work.executor,
            progress=work.progress,
        )


def excess_experiment(
    estimators: tuple[Estimator, ...], method: Method, relative_to: str = "left"
) -> Experiment:
    """The experiment that holds the last estimator's simulated excess risk against theory.

    With two estimators the first one's excess risk is subtracted, from both.
    """
    weights = (-1.0, 1.0)[-len(estimators) :]

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        found = _estimates(
            estimators, model, inputs_of(setting, model), setting.entropy, method, setting.work
        )
        risks = [_risk(estimator, model) for estimator in estimators]
        expected = sum(w * each.excess for w, each in zip(weights, risks, strict=True))
        mean = _mean(found.combination(weights), estimators, model, method)
        return mean_outcome(
            mean,
            setting.control * expected,
            setting,
            resolution=RESOLUTION,
            rounding=sum(each.error + CANCELLATION * each.excess for each in risks),
            relative_to=relative_to,
            note=_note(mean),
        )

    return in_stages(experiment, most_inputs)


def _mean(
    estimate: Estimate, estimators: tuple[Estimator, ...], model: BlockModel, method: Method
) -> Mean:
    """A simulated mean, with what rare routing errors add to its law."""
    # no gate of a theorem's loses more than the hard one, but by errors that are more frequent
    gated = [each for each in estimators if isinstance(each, MoE)]
    worst = soft_excess if gated == [SOFT_MOE] else hard_excess
    return with_routing_errors(
        Mean.of_estimate(estimate, SQUARE_SKEWNESS),
        estimators,
        model,
        cost=worst(model) - moe_excess(model),
        moments=MEAN_LOSS if method == "identity" else SQUARED_ERROR,
    )


def _note(mean: Mean) -> str:
    """What a report says of a mean that hangs on errors that were hardly drawn."""
    return RARE_ERRORS if mean.least > mean.replicates else ""


def no_better_than_soft(other: Estimator) -> Experiment:
    """The experiment on ``other`` against the soft gate: no smaller loss against the oracle."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        estimators = SOFT_MOE, other
        found = _estimates(
            estimators,
            model,
            inputs_of(setting, model),
            setting.entropy,
            "identity",
            setting.work,
        )
        margin = found.combination([-1.0, setting.control])
        mean = _mean(margin, estimators, model, "identity")
        return inequality_outcome(
            found[1].mean,
            mean,
            setting,
            resolution=RESOLUTION,
            scale=found[1].mean,
            rounding=CANCELLATION * found[1].mean,
            note=_note(mean),
        )

    return in_stages(experiment, most_inputs)
