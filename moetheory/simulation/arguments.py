"""What `simulate` was asked for, checked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack

from numpy.typing import ArrayLike

from moetheory.allocation import Counts
from moetheory.errors import HeavyTailWarning
from moetheory.estimators import Estimator, known
from moetheory.exposure import known_perturbation, require_normal_errors
from moetheory.model import BlockModel, known_model
from moetheory.perturbation import Perturbation
from moetheory.simulation.execution import own_pool
from moetheory.simulation.routes import Family
from moetheory.simulation.runs import Run
from moetheory.tails import HeavyTail, heavy_tail
from moetheory.validation import count


def known_estimators(estimator: Estimator | Sequence[Estimator]) -> list[Estimator]:
    """All of them as a list."""
    given = estimator if isinstance(estimator, Sequence) else [estimator]
    if not given:
        raise ValueError("estimator must name at least one estimator, got an empty sequence")
    return [known(each) for each in given]


def known_models(model: BlockModel | Sequence[BlockModel]) -> tuple[BlockModel, ...]:
    """All of them; they differ only in their noise variance."""
    if not isinstance(model, Sequence):
        return (known_model(model),)
    if not model:
        raise ValueError("model must name at least one model, got an empty sequence")
    models = tuple(known_model(each) for each in model)
    for index, each in enumerate(models):
        if each.replace(noise_variance=models[0].noise_variance) != models[0]:
            raise ValueError(
                "models in one call must differ only in noise_variance; "
                f"model[{index}] differs from model[0] in more"
            )
    return models


def known_part(part: tuple[int, int] | None) -> tuple[int, int] | None:
    """A pair (i, m) with 0 ≤ i < m."""
    if part is None:
        return None
    if not isinstance(part, tuple) or len(part) != 2:
        raise ValueError(f"part must be a pair (i, m) of integers, got {part!r}")
    parts = count("part[1]", part[1], minimum=1)
    return count("part[0]", part[0], minimum=0, maximum=parts - 1), parts


def known_exposure(
    under: Perturbation | None,
    estimators: Sequence[Estimator],
    model: BlockModel,
    samples: ArrayLike | None,
    instead: str = "simulate without samples, which tests on data",
) -> Perturbation | None:
    """One that is defined for all of them, and for fits known in closed form."""
    if under is not None:
        for estimator in estimators:
            known_perturbation(under, estimator, model)
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
    """Of every estimator of every model, model by model."""
    if samples is None:
        return [None] * (len(models) * len(estimators))
    return [
        heavy_tail(estimator, model, samples, counts, under)
        for model in models
        for estimator in estimators
    ]


def warn_of(
    heavy: Sequence[HeavyTail | None], estimators: Sequence[Estimator], target_sem: float | None
) -> None:
    """Name the estimators whose variance is infinite; refuse what cannot be met."""
    said = {}
    for index, tail in enumerate(heavy):
        if tail is not None:
            said[estimators[index % len(estimators)]] = tail
    for estimator, tail in said.items():
        moments, are = ("mean and variance", "are") if tail.mean else ("variance", "is")
        what = f"{moments} of the risk of {estimator.label} {are} infinite: {tail.cause}"
        if target_sem is not None:
            raise ValueError(f"target_sem={target_sem:g} cannot be met: {what}")
        warnings.warn(
            f"{what}; its sem is infinite, its median says where it lies",
            HeavyTailWarning,
            stacklevel=3,
        )


def chunks_in_flight(plan: Sequence[Family], memory: int, values: int) -> int:
    """How many chunks may be at work at once."""
    given = count("memory", memory, minimum=1)
    largest = max(family.route.footprint for family in plan)
    needed = largest + 8 * values
    if needed > given:
        raise ValueError(
            f"memory must be at least {math.ceil(needed / 2**20)} MiB ({needed} bytes) for this "
            f"model and these samples, got {given} bytes"
        )
    return (given - 8 * values) // largest


def require_chunks(runs: Sequence[Run]) -> None:
    """Refuse parts none of which would have anything to do."""
    part, total = runs[0].part, runs[0].total
    if part is None:
        return
    most = max(run.chunks for run in runs)
    if part[1] > most:
        raise ValueError(
            f"part must be one of at most {most} parts, the chunks of {total} replicates, "
            f"got one of {part[1]}"
        )


def chosen_executor(executor: Executor | int | None, stack: ExitStack) -> Executor | None:
    """The executor that was given, or a pool of our own that lives as long as ``stack``."""
    if executor is None or isinstance(executor, Executor):
        return executor
    if isinstance(executor, int) and not isinstance(executor, bool):
        return stack.enter_context(own_pool(count("executor", executor, minimum=1)))
    raise ValueError(
        "executor must be a concurrent.futures.Executor, a number of processes or None, "
        f"got {executor!r}"
    )
