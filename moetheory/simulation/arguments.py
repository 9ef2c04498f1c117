"""The arguments that `simulate` and `simulate_descent` share: their types and checks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import IntArray
from moetheory.common.callers import stacklevel
from moetheory.common.errors import ArgumentError, Call, HeavyTailWarning, Mention
from moetheory.common.validation import choice, regular_array
from moetheory.predictors.perturbed_risks import (
    require_defined_perturbation,
    require_normal_errors,
    require_normal_predictions,
)
from moetheory.predictors.sign_errors import fit_sign_errors, require_signs
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, Simulated
from moetheory.problem.losses import Loss, checked_loss
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts, checked_counts, counts_of
from moetheory.simulation.heavy_tails import HeavyTail, heavy_tail
from moetheory.simulation.methods.route import METHODS, ON_INPUTS, Method
from moetheory.simulation.runs.options import ExecutionKeywords

INPUTS_PER_KURTOSIS = 10  # squares of noise with excess kurtosis k spread like k/2 normal ones
MANY = 100  # replicates whose intervals hold although the third moment is infinite


Checked = TypeVar("Checked")


class ProblemKeywords(ExecutionKeywords, total=False):
    """The keyword arguments that `simulate` and `simulate_descent` share."""

    under: Perturbation | None
    counts: Counts
    method: Method | None


def checked_estimators(estimator: Any, check: Callable[[Any], Checked]) -> list[Checked]:
    """The estimators as a list, each checked by ``check``."""
    given = estimator if isinstance(estimator, Sequence) else [estimator]
    if not given:
        raise ArgumentError("estimator", "must name at least one estimator, got an empty sequence")
    return [check(each) for each in given]


def checked_models(model: BlockModel | Sequence[BlockModel]) -> tuple[BlockModel, ...]:
    """The models as a tuple, checked to differ only in their noise variance."""
    if not isinstance(model, Sequence):
        return (checked_model(model),)
    if not model:
        raise ArgumentError("model", "must name at least one model, got an empty sequence")
    models = tuple(checked_model(each) for each in model)
    for index, each in enumerate(models):
        if each.replace(noise_variance=models[0].noise_variance) != models[0]:
            raise ArgumentError(
                "model",
                "must hold models that differ only in ",
                Mention("noise_variance"),
                f"; model[{index}] differs from model[0] in more",
            )
    return models


def checked_under(
    under: Perturbation | None,
    estimators: Sequence[Simulated],
    model: BlockModel,
    samples: ArrayLike | None,
    instead: object = Call("simulate without samples, which tests on data"),
    loss: Loss = "squared",
) -> Perturbation | None:
    """``under``, checked to be defined for all estimators and, for fits, to have a closed form."""
    if under is not None:
        for estimator in estimators:
            require_defined_perturbation(under, estimator, model)
        if any(isinstance(each, Custom) for each in estimators):
            instead = "an estimator of your own is not tested in another way"
        if samples is not None:
            if loss == "sign":
                what = "how often the sign of fits is wrong"
                require_normal_predictions(under, what, instead)
            require_normal_errors(under, instead)
    return under


def checked_loss_for(loss: Any, models: Sequence[BlockModel]) -> Loss:
    """``loss`` itself; the labels of all groups must have a sign where signs are compared."""
    if checked_loss(loss) == "sign":
        for model in models:
            require_signs(fit_sign_errors(Dense(), model, None, np.zeros(model.dim)), model)
    return checked_loss(loss)


def checked_samples(
    samples: ArrayLike | None,
    counts: Counts,
    method: Method | None,
    model: BlockModel,
) -> IntArray | None:
    """Samples of each group, (K,), or None; with them ``counts`` and ``method`` are checked."""
    if samples is not None:
        return checked_training_samples(samples, counts, method, model)
    _require_method(method)
    if checked_counts(counts) != "fixed":
        given = Mention("counts", counts)
    elif method not in (None, *ON_INPUTS):
        given = Mention("method", method)
    else:
        return None
    raise ArgumentError(
        given, "needs ", Mention("samples"), ", the size of the training sets, got none"
    )


def checked_training_samples(
    samples: ArrayLike,
    counts: Counts,
    method: Method | None,
    model: BlockModel,
) -> IntArray:
    """Samples of each group, (K,); ``method`` is checked to draw training sets."""
    group_samples = counts_of(samples, model)
    _require_method(method)
    if method in ("population", "flips"):
        raise ArgumentError(
            Mention("method", method), "draws no training sets, got ", Mention("samples", samples)
        )
    _require_compatible(samples, counts)
    return group_samples


def checked_descent_samples(
    samples: ArrayLike, counts: Counts, method: Method | None, model: BlockModel
) -> IntArray:
    """Samples of each group, (K,); ``method`` is checked to be one of gradient descent."""
    if method is not None:
        choice("method", method, ("statistics", "data"))
    _require_compatible(samples, counts)
    return counts_of(samples, model)


def _require_method(method: Any) -> None:
    """Refuse anything but the methods of `simulate` and None."""
    if method is not None:
        choice("method", method, METHODS)


def _require_compatible(samples: ArrayLike, counts: Counts) -> None:
    """Refuse the samples of each group where ``counts`` are drawn, and unknown counts."""
    if checked_counts(counts) == "multinomial" and regular_array("samples", samples).ndim > 0:
        raise ArgumentError(
            "samples",
            "must be an integer with ",
            Mention("counts", "multinomial"),
            f", which draws the counts of the groups, got {samples!r}",
        )


def heavy_tails(
    estimators: Sequence[Simulated],
    models: Sequence[BlockModel],
    samples: IntArray | None,
    counts: Counts,
    under: Perturbation | None,
    loss: Loss,
) -> list[HeavyTail | None]:
    """The heavy tail of the risk of every estimator, or None, model by model.

    None is known of estimators of one's own.
    """
    if samples is None or loss == "sign":
        return [None] * (len(models) * len(estimators))
    return [
        None
        if isinstance(estimator, Custom)
        else heavy_tail(estimator, model, samples, counts, under)
        for model in models
        for estimator in estimators
    ]


def warn_of_heavy_tails(
    heavy: Sequence[HeavyTail | None],
    estimators: Sequence[Simulated],
    target_sem: float | None,
    replicates: int | None,
) -> None:
    """Warn of risks with infinite moments; refuse a target_sem where the variance is infinite.

    Of infinite skewness only where it counts, with fewer than `MANY` ``replicates``.
    """
    warned = {}
    for index, tail in enumerate(heavy):
        if tail is not None:
            warned[estimators[index % len(estimators)]] = tail
    for estimator, tail in warned.items():
        risk = f"the risk of {estimator.label}"
        if tail.infinite == "skewness":
            if replicates is not None and replicates < MANY:
                warnings.warn(
                    f"the third moment of {risk} is infinite: {tail.cause}; a 95 % interval of 30 "
                    "replicates holds the truth in about 92 % of all runs, one of 10 in 89 %: "
                    f"take {MANY} at least",
                    HeavyTailWarning,
                    stacklevel=stacklevel(),
                )
            continue
        moments, are = (
            ("mean and variance", "are") if tail.infinite == "mean" else ("variance", "is")
        )
        what = f"{moments} of {risk} {are} infinite: {tail.cause}"
        if target_sem is not None:
            raise ArgumentError(Mention("target_sem", target_sem), f"cannot be met: {what}")
        warnings.warn(
            f"{what}; its standard error is infinite: use the median, not the mean",
            HeavyTailWarning,
            stacklevel=stacklevel(),
        )


def warn_of_heavy_noise(under: Perturbation | None, replicates: int | None) -> None:
    """Warn of test noise whose squares have no variance, or one that few inputs do not show."""
    if under is None or under.noise is None:
        return
    excess = float(under.noise.stats(moments="k"))
    if not math.isfinite(excess):
        message = "the fourth moment of the test noise is infinite: the sem cannot be trusted"
    elif replicates is not None and replicates < INPUTS_PER_KURTOSIS * excess:
        least = math.ceil(INPUTS_PER_KURTOSIS * excess)
        message = (
            f"the test noise has heavy tails, an excess kurtosis of {excess:.3g}: intervals are "
            f"too short; take {least} replicates at least"
        )
    else:
        return
    warnings.warn(message, HeavyTailWarning, stacklevel=stacklevel())


def infinite_variances(heavy: Sequence[HeavyTail | None]) -> list[bool]:
    """Whether the variance of each risk is infinite."""
    return [tail is not None and tail.infinite != "skewness" for tail in heavy]
