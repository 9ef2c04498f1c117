"""A campaign: all families of a plan, run one after another with the same options."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from moetheory.common import terminal
from moetheory.common.errors import ArgumentError, ExecutorError, Mention
from moetheory.common.seeding import entropy_of
from moetheory.problem.losses import Loss
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.route import Family, require_enough
from moetheory.simulation.runs.assembly import assembled
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.chunks import ProgressReport, Run, chunks_there, run_and_merge
from moetheory.simulation.runs.execution import own_pool
from moetheory.simulation.runs.options import ExecutionOptions
from moetheory.simulation.runs.termination import ends_orderly


def run_campaign(
    name: str,
    plan: Sequence[Family],
    options: ExecutionOptions,
    in_flight: int,
    identity: Callable[[int], Mapping[str, Any]],
    infinite: Any,
    loss: Loss = "squared",
) -> Estimates:
    """Simulate a plan and return the estimates of all its values.

    Parameters
    ----------
    name : str
        Name in the line of progress.
    plan : sequence of Family
        The families, at least one; all have the same models.
    options : ExecutionOptions
    in_flight : int
        Chunks that may be computed at the same time, from `max_chunks_in_flight`.
    identity : callable
        The identity of the run with a given seed, kept in the checkpoint.
    infinite : boolean array
        Whether the variance of each value is infinite by theory.
    loss : {"squared", "sign"}
        What the values are the means of.
    """
    entropy, path, target_sem = _entropy(options), options.checkpoint, options.target_sem
    infinite = np.asarray(infinite)
    runs = [
        Run(
            family.route,
            entropy,
            family.salt,
            options.length(family.route.default_replicates),
            options.part,
            keep=bool(infinite.any()),
        )
        for family in plan
    ]
    for run in runs:
        if run.total is not None:
            require_enough(run.total, run.route.fewest)
    _require_chunks(runs)
    with ExitStack() as stack:
        pool, checkpoint = options.executor, None
        if path is not None or isinstance(pool, int):
            stack.enter_context(ends_orderly())
        if path is not None:
            checkpoint = stack.enter_context(Checkpoint.open(path, identity(entropy)))
        if isinstance(pool, int):
            pool = stack.enter_context(own_pool(pool))
        progress = stack.enter_context(terminal.reporting(options.progress, name))
        report = ProgressReport(runs, progress, target_sem)
        try:
            names = [family.name for family in plan]
            tallies = [
                run_and_merge(run, name, target_sem, pool, in_flight, checkpoint, report, there)
                for run, name, there in zip(
                    runs, names, chunks_there(runs, names, target_sem, checkpoint), strict=True
                )
            ]
        except ExecutorError as error:
            kept = "name a checkpoint to keep what is finished"
            if path is not None and checkpoint is not None and checkpoint.saved():
                kept = f"what was finished is in {os.fspath(path)!r}: the same call goes on"
            raise ExecutorError(f"{error}; {kept}") from error
    models = len(plan[0].route.models)
    return assembled(plan, tallies, models, infinite, entropy, loss)


def max_chunks_in_flight(plan: Sequence[Family], memory: int, values: int) -> int:
    """Chunks that ``memory`` bytes allow at the same time, beside ``values`` numbers kept."""
    largest = max(family.route.footprint for family in plan)
    needed = largest + 8 * values
    if needed > memory:
        raise ArgumentError(
            "memory",
            f"must be at least {math.ceil(needed / 2**20)} MiB ({needed} bytes) for this "
            f"model and these samples, got {memory} bytes",
        )
    return (memory - 8 * values) // largest


def _entropy(options: ExecutionOptions) -> int:
    """The seed: the given one, that of the checkpoint, or a new one."""
    rng = options.rng
    if rng is None and options.checkpoint is not None:
        rng = Checkpoint.entropy_in(options.checkpoint)
    if rng is None and options.part is not None:
        raise ArgumentError("part", "needs ", Mention("rng"), ", the seed that all parts share")
    return entropy_of(rng)


def _require_chunks(runs: Sequence[Run]) -> None:
    """Refuse to divide runs into more parts than the longest of them has chunks."""
    part, total = runs[0].part, runs[0].total
    if part is None:
        return
    most = max(run.chunks for run in runs)
    if part[1] > most:
        raise ArgumentError(
            "part",
            f"must be one of at most {most} parts, the chunks of {total} replicates, "
            f"got one of {part[1]}",
        )
