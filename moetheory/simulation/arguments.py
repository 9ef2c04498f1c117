"""Checks of the arguments of `simulate`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from numpy.typing import ArrayLike

from moetheory.common.errors import HeavyTailWarning
from moetheory.predictors.perturbed_risks import checked_perturbation, require_normal_errors
from moetheory.problem.estimators import Estimator, checked_estimator
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.heavy_tails import HeavyTail, heavy_tail


def checked_estimators(estimator: Estimator | Sequence[Estimator]) -> list[Estimator]:
    """The estimators as a list, each checked."""
    given = estimator if isinstance(estimator, Sequence) else [estimator]
    if not given:
        raise ValueError("estimator must name at least one estimator, got an empty sequence")
    return [checked_estimator(each) for each in given]


def checked_models(model: BlockModel | Sequence[BlockModel]) -> tuple[BlockModel, ...]:
    """The models as a tuple, checked to differ only in their noise variance."""
    if not isinstance(model, Sequence):
        return (checked_model(model),)
    if not model:
        raise ValueError("model must name at least one model, got an empty sequence")
    models = tuple(checked_model(each) for each in model)
    for index, each in enumerate(models):
        if each.replace(noise_variance=models[0].noise_variance) != models[0]:
            raise ValueError(
                "models in one call must differ only in noise_variance; "
                f"model[{index}] differs from model[0] in more"
            )
    return models


def checked_under(
    under: Perturbation | None,
    estimators: Sequence[Estimator],
    model: BlockModel,
    samples: ArrayLike | None,
    instead: str = "simulate without samples, which tests on data",
) -> Perturbation | None:
    """``under``, checked to be defined for all estimators and, for fits, to have a closed form."""
    if under is not None:
        for estimator in estimators:
            checked_perturbation(under, estimator, model)
        if samples is not None:
            require_normal_errors(under, instead)
    return under


def heavy_tails(
    estimators: Sequence[Estimator],
    models: Sequence[BlockModel],
    samples: ArrayLike | None,
    counts: Counts,
    under: Perturbation | None,
) -> list[HeavyTail | None]:
    """The heavy tail of the risk of every estimator, or None, model by model."""
    if samples is None:
        return [None] * (len(models) * len(estimators))
    return [
        heavy_tail(estimator, model, samples, counts, under)
        for model in models
        for estimator in estimators
    ]


def warn_of_heavy_tails(
    heavy: Sequence[HeavyTail | None], estimators: Sequence[Estimator], target_sem: float | None
) -> None:
    """Warn of risks with infinite variance; refuse a target_sem that they cannot meet."""
    warned = {}
    for index, tail in enumerate(heavy):
        if tail is not None:
            warned[estimators[index % len(estimators)]] = tail
    for estimator, tail in warned.items():
        moments, are = ("mean and variance", "are") if tail.mean else ("variance", "is")
        what = f"{moments} of the risk of {estimator.label} {are} infinite: {tail.cause}"
        if target_sem is not None:
            raise ValueError(f"target_sem={target_sem:g} cannot be met: {what}")
        warnings.warn(
            f"{what}; its sem is infinite, its median says where it lies",
            HeavyTailWarning,
            stacklevel=3,
        )
