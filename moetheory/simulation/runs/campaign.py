"""A campaign runs all families of a plan: how many replicates, which seed, which executor."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import numpy as np

from moetheory.common.errors import ExecutorError
from moetheory.common.seeding import RNG, entropy_of
from moetheory.common.terminal import Progress as Line
from moetheory.common.validation import count, number
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.route import Family, Method
from moetheory.simulation.runs.assembly import assembled
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.chunks import ProgressReport, Run, run_and_merge
from moetheory.simulation.runs.execution import own_pool

Progress = Callable[[int, int], object]


class CampaignOptions(TypedDict, total=False):
    """The optional keyword arguments that all simulations of risks share."""

    under: Perturbation | None
    counts: Counts
    method: Method | None
    replicates: int | None
    target_sem: float | None
    rng: RNG
    executor: Executor | int | None
    memory: int
    progress: Progress | bool | None
    checkpoint: str | os.PathLike[str] | None
    part: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The arguments of `simulate` that say how to run a plan, checked; `run` runs one.

    Attributes
    ----------
    total : int or None
        Replicates; None: as many as ``target_sem`` takes.
    """

    total: int | None
    target_sem: float | None
    rng: RNG
    executor: Executor | int | None
    memory: int
    progress: Progress | bool | None
    checkpoint: str | os.PathLike[str] | None
    part: tuple[int, int] | None

    @classmethod
    def of(
        cls,
        *,
        replicates: int | None,
        target_sem: float | None,
        part: tuple[int, int] | None,
        default: int,
        **others: Any,
    ) -> Self:
        """The campaign of checked arguments; ``default`` replicates if neither length is given."""
        total = None
        if target_sem is None:
            total = count("replicates", default if replicates is None else replicates, minimum=2)
        elif replicates is not None or part is not None:
            other = "replicates" if part is None else "part"
            raise ValueError(f"{other} cannot be combined with target_sem, got both")
        else:
            target_sem = number("target_sem", target_sem, above=0.0)
        return cls(total=total, target_sem=target_sem, part=checked_part(part), **others)

    def max_in_flight(self, plan: Sequence[Family], values: int) -> int:
        """Chunks that may be computed at the same time, beside ``values`` numbers that are kept."""
        return max_chunks_in_flight(plan, self.memory, values)

    def run(
        self,
        name: str,
        plan: Sequence[Family],
        lengths: Sequence[int | None],
        in_flight: int,
        identity: Callable[[int], Mapping[str, Any]],
        infinite: Any,
    ) -> Estimates:
        """Simulate a plan and return the estimates of all its values.

        Parameters
        ----------
        name : str
            Name in the line of progress.
        lengths : integers or None
            Replicates of each family; None with ``target_sem``.
        identity : callable
            The identity of the run with a given seed, kept in the checkpoint.
        infinite : boolean array
            Whether the variance of each value is infinite by theory.
        """
        entropy = self._entropy()
        runs = [
            Run(f.route, entropy, f.salt, n, self.part) for f, n in zip(plan, lengths, strict=True)
        ]
        require_chunks(runs)
        with ExitStack() as stack:
            checkpoint = None
            if self.checkpoint is not None:
                opened = Checkpoint.open(self.checkpoint, identity(entropy))
                checkpoint = stack.enter_context(opened)
            pool = chosen_executor(self.executor, stack)
            progress = self.progress
            if progress is True:
                progress = stack.enter_context(Line(name, always=True))
            report = ProgressReport(runs, progress or None, self.target_sem)
            try:
                tallies = [
                    run_and_merge(
                        run, family.name, self.target_sem, pool, in_flight, checkpoint, report
                    )
                    for run, family in zip(runs, plan, strict=True)
                ]
            except ExecutorError as error:
                kept = "name a checkpoint to keep what is finished"
                if self.checkpoint is not None:
                    path = os.fspath(self.checkpoint)
                    kept = f"what was finished is in {path!r}: the same call goes on"
                raise ExecutorError(f"{error}; {kept}") from error
        models = len(plan[0].route.models)
        return assembled(plan, tallies, models, np.asarray(infinite), entropy)

    def _entropy(self) -> int:
        """The seed: the given one, that of the checkpoint, or a new one."""
        rng = self.rng
        if rng is None and self.checkpoint is not None:
            rng = Checkpoint.entropy_in(self.checkpoint)
        if rng is None and self.part is not None:
            raise ValueError("part needs rng, the seed that all parts share, got rng=None")
        return entropy_of(rng)


def checked_part(part: tuple[int, int] | None) -> tuple[int, int] | None:
    """``part`` checked to be a pair (i, m) with 0 ≤ i < m, or None."""
    if part is None:
        return None
    if not isinstance(part, tuple) or len(part) != 2:
        raise ValueError(f"part must be a pair (i, m) of integers, got {part!r}")
    parts = count("part[1]", part[1], minimum=1)
    return count("part[0]", part[0], minimum=0, maximum=parts - 1), parts


def max_chunks_in_flight(plan: Sequence[Family], memory: int, values: int) -> int:
    """Number of chunks that may be computed at the same time within ``memory`` bytes."""
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
    """Refuse to divide runs into more parts than the longest of them has chunks."""
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
    """The given executor, or for a number a pool of processes that ``stack`` closes."""
    if executor is None or isinstance(executor, Executor):
        return executor
    if isinstance(executor, int) and not isinstance(executor, bool):
        return stack.enter_context(own_pool(count("executor", executor, minimum=1)))
    raise ValueError(
        "executor must be a concurrent.futures.Executor, a number of processes or None, "
        f"got {executor!r}"
    )
