"""What estimators of one's own need of a simulation."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from moetheory.common.errors import ArgumentError, Mention
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Simulated
from moetheory.simulation.methods.route import Method
from moetheory.simulation.runs.options import ExecutionOptions


def method_with(
    estimators: Sequence[Simulated], samples: Any, method: Method | None
) -> Method | None:
    """The ``method``, which estimators of one's own make "data"; they need ``samples``."""
    customs = customs_of(estimators)
    if not customs:
        return method
    if samples is None:
        raise ArgumentError(
            "estimator",
            "that is your own needs ",
            Mention("samples"),
            ", the size of the training sets on which it is fitted, got none with ",
            customs[0],
        )
    if method not in (None, "data"):
        raise ArgumentError(
            Mention("method", method),
            'must be "data" with an estimator of your own, got ',
            customs[0],
            "; leave out ",
            Mention("method"),
        )
    return "data"


def require_executable(estimators: Sequence[Simulated], options: ExecutionOptions) -> None:
    """Refuse functions that processes cannot import, and checkpoints that cannot know them."""
    for custom in customs_of(estimators):
        if options.checkpoint is not None and None in (custom.name, custom.version):
            raise ArgumentError(
                "checkpoint",
                "needs a name and a version of each estimator of your own, by which the same call "
                "knows whether to go on: give Custom(fit, name=..., version=...), got ",
                custom,
            )
        if _is_pickled(options.executor) and (why := _why_not_pickled(custom)):
            raise ArgumentError(
                "executor",
                "must not be of processes, which import what they call, with ",
                custom,
                f", which they cannot import ({why}): define its function by def at the top of a "
                "module, leave out executor, or give one of threads",
            )


def customs_of(estimators: Sequence[Simulated]) -> list[Custom]:
    """The estimators that are one's own."""
    return [each for each in estimators if isinstance(each, Custom)]


def _is_pickled(executor: Any) -> bool:
    """Whether what an executor calls is pickled as Python does it; others may do it otherwise."""
    if executor is None or isinstance(executor, int):
        return executor is not None
    from concurrent.futures import ProcessPoolExecutor

    return isinstance(executor, ProcessPoolExecutor)


def _why_not_pickled(custom: Custom) -> str | None:
    """Why an estimator cannot be sent to another process; None if it can."""
    try:
        pickle.dumps(custom)
    except Exception as error:  # of an object of the user's it may be any
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
