"""A campaign: all families of a plan; campaigns are carried out together, by one executor."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from moetheory.common import terminal
from moetheory.common.errors import ArgumentError, ExecutorError, Mention
from moetheory.common.seeding import entropy_of
from moetheory.problem.losses import Loss
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.route import Family, require_enough
from moetheory.simulation.runs.assembly import assembled
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.chunks import Run
from moetheory.simulation.runs.execution import own_pool
from moetheory.simulation.runs.merging import Merge, chunks_there, run_and_merge
from moetheory.simulation.runs.options import ExecutionOptions
from moetheory.simulation.runs.progress import ProgressReport
from moetheory.simulation.runs.termination import ends_orderly


@dataclass(frozen=True, eq=False)
class Campaign:
    """The runs of all families of a plan, ready to be carried out.

    Attributes
    ----------
    plan : sequence of Family
        The families, at least one; all have the same models.
    runs : list of Run
        One for each family.
    options : ExecutionOptions
    entropy : int
    in_flight : int
        Chunks that may be computed at the same time.
    identity : callable
        The identity of the run with a given seed, kept in the checkpoint.
    infinite : boolean array
        Whether the variance of each value is infinite by theory.
    loss : {"squared", "sign"}
        What the values are the means of.
    """

    plan: Sequence[Family]
    runs: list[Run]
    options: ExecutionOptions
    entropy: int
    in_flight: int
    identity: Callable[[int], Mapping[str, Any]]
    infinite: Any
    loss: Loss

    @classmethod
    def of(
        cls,
        plan: Sequence[Family],
        options: ExecutionOptions,
        kept: int,
        identity: Callable[[int], Mapping[str, Any]],
        infinite: Any,
        loss: Loss = "squared",
    ) -> Self:
        """The campaign with a seed; ``kept`` numbers are kept beside the chunks.

        Raises
        ------
        ArgumentError
            Too little memory, too few replicates, more parts than chunks, or parts without a seed.
        """
        in_flight = _max_chunks_in_flight(plan, options.memory, kept)
        entropy, infinite = _entropy(options), np.asarray(infinite)
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
        return cls(plan, runs, options, entropy, in_flight, identity, infinite, loss)


def run_campaign(name: str, campaign: Campaign) -> Estimates:
    """Simulate a campaign and return the estimates of all its values; progress has the name."""
    return run_campaigns(name, [campaign])[0]


def run_campaigns(name: str, campaigns: Sequence[Campaign]) -> list[Estimates]:
    """Simulate campaigns together, so that workers wait at the end of the last alone.

    They have the same options but for their seeds, and with a checkpoint there is only one.
    """
    options = campaigns[0].options
    path, target_sem = options.checkpoint, options.target_sem
    assert path is None or len(campaigns) == 1
    in_flight = min(campaign.in_flight for campaign in campaigns)
    runs = [run for campaign in campaigns for run in campaign.runs]
    names = [family.name for campaign in campaigns for family in campaign.plan]
    with ExitStack() as stack:
        checkpoint = None
        if path is not None or isinstance(options.executor, int):
            stack.enter_context(ends_orderly())
        if path is not None:
            identity = campaigns[0].identity(campaigns[0].entropy)
            checkpoint = stack.enter_context(Checkpoint.open(path, identity))
        progress = stack.enter_context(terminal.reporting(options.progress, name))
        report = ProgressReport(runs, progress, target_sem, len(campaigns))
        there = chunks_there(runs, names, target_sem, checkpoint)
        merges = [Merge(*each) for each in zip(runs, names, there, strict=True)]
        left = sum(merge.left(target_sem) for merge in merges)
        executor = stack.enter_context(_started(options.executor, min(left, in_flight)))
        try:
            run_and_merge(merges, target_sem, executor, in_flight, checkpoint, report)
        except ExecutorError as error:
            kept = "name a checkpoint to keep what is finished"
            if path is not None and checkpoint is not None and checkpoint.saved():
                kept = f"what was finished is in {os.fspath(path)!r}: the same call goes on"
            raise ExecutorError(f"{error}; {kept}") from error
    tallies = iter([merge.result() for merge in merges])
    return [
        assembled(
            campaign.plan,
            campaign.runs,
            [next(tallies) for _ in campaign.runs],
            len(campaign.plan[0].route.models),
            campaign.infinite,
            campaign.entropy,
            campaign.loss,
        )
        for campaign in campaigns
    ]


@contextmanager
def _started(executor: Executor | int | None, most: int) -> Iterator[Executor | None]:
    """The executor itself; of a number of processes, ``most`` at most, those."""
    if not isinstance(executor, int):
        yield executor
    elif most == 0:
        yield None
    else:
        with own_pool(min(executor, most)) as pool:
            yield pool


def _max_chunks_in_flight(plan: Sequence[Family], memory: int, values: int) -> int:
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
