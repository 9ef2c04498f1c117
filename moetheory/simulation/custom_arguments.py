"""What estimators of one's own need of a simulation."""

from __future__ import annotations

import pickle
import sys
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
        if why := _why_not_sent(custom, options.executor):
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


def _why_not_sent(custom: Custom, executor: Any) -> str | None:
    """Why an executor cannot send an estimator to processes; None if it can, or has none."""
    from concurrent.futures import ProcessPoolExecutor

    # others, such as Dask's, have their own ways to send functions
    if not isinstance(executor, int | ProcessPoolExecutor):
        return None
    try:
        pickle.dumps(custom)
    except Exception as error:  # of an object of the user's it may be any
        return (str(error).splitlines() or [type(error).__name__])[0]
    main = sys.modules["__main__"]
    in_session = not hasattr(main, "__file__") and getattr(main, "__spec__", None) is None
    place = getattr(custom.fit, "__module__", None)
    if isinstance(executor, int) and in_session and place == "__main__":
        return "it is defined in an interactive session, not in a file"
    return None
