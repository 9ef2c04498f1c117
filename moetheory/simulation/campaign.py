"""How the chunks of a plan are carried out: how many, from which seed, where, by whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import numpy as np

from moetheory.allocation import Counts
from moetheory.errors import ExecutorError
from moetheory.estimates import Estimates
from moetheory.perturbation import Perturbation
from moetheory.simulation.arguments import (
    chosen_executor,
    chunks_in_flight,
    known_part,
    require_chunks,
)
from moetheory.simulation.assembly import assembled
from moetheory.simulation.checkpoint import Checkpoint
from moetheory.simulation.routes import Family, Method
from moetheory.simulation.runs import Report, Run, collected
from moetheory.simulation.seeding import RNG, entropy_of
from moetheory.terminal import Progress as Line
from moetheory.validation import count, number

Progress = Callable[[int, int], object]


class CampaignOptions(TypedDict, total=False):
    """Keyword arguments that all simulations of risks have."""

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
    """What simulations are told of how to go about it, as `simulate` documents it.

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
        """With a length of its own, or a standard error to be met; ``default`` replicates."""
        total = None
        if target_sem is None:
            total = count("replicates", default if replicates is None else replicates, minimum=2)
        elif replicates is not None or part is not None:
            other = "replicates" if part is None else "part"
            raise ValueError(f"{other} cannot be combined with target_sem, got both")
        else:
            target_sem = number("target_sem", target_sem, above=0.0)
        return cls(total=total, target_sem=target_sem, part=known_part(part), **others)

    def in_flight(self, plan: Sequence[Family], values: int) -> int:
        """Chunks that may be at work at once, beside so many numbers that are kept."""
        return chunks_in_flight(plan, self.memory, values)

    def carried_out(
        self,
        name: str,
        plan: Sequence[Family],
        lengths: Sequence[int | None],
        in_flight: int,
        identity: Callable[[int], Mapping[str, Any]],
        infinite: Any,
    ) -> Estimates:
        """The estimates of all values of a plan.

        Parameters
        ----------
        name : str
            What a line of progress calls it.
        lengths : integers or None
            Replicates of each family; None with ``target_sem``.
        identity : callable
            What a checkpoint of the run with this seed is known by.
        infinite : boolean array
            Of each value whether its variance is known to be infinite.
        """
        entropy = self._entropy()
        runs = [
            Run(f.route, entropy, f.salt, n, self.part) for f, n in zip(plan, lengths, strict=True)
        ]
        require_chunks(runs)
        with ExitStack() as stack:
            store = None
            if self.checkpoint is not None:
                opened = Checkpoint.open(self.checkpoint, identity(entropy))
                store = stack.enter_context(opened)
            pool = chosen_executor(self.executor, stack)
            progress = self.progress
            if progress is True:
                progress = stack.enter_context(Line(name, always=True))
            report = Report(runs, progress or None, self.target_sem)
            try:
                tallies = [
                    collected(run, family.name, self.target_sem, pool, in_flight, store, report)
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
        """The seed: given, of the checkpoint, or new."""
        rng = self.rng
        if rng is None and self.checkpoint is not None:
            rng = Checkpoint.entropy_in(self.checkpoint)
        if rng is None and self.part is not None:
            raise ValueError("part needs rng, the seed that all parts share, got rng=None")
        return entropy_of(rng)
