"""Execution options: how long, with which seed, and by which means a simulation runs."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.seeding import RNG, require_rng
from moetheory.common.terminal import Report, require_progress
from moetheory.common.validation import count, file_path, number, shown
from moetheory.problem.sample_counts import checked_replicates

MEMORY = 256 * 2**20
WORKERS = 10_000  # processes that are started for a call, at most
Progress = Report


class ExecutionKeywords(TypedDict, total=False):
    """The fields of `ExecutionOptions` as keyword arguments of a public function."""

    replicates: int | None
    target_sem: float | None
    rng: RNG
    executor: Executor | int | None
    memory: int
    progress: Progress | bool | None
    checkpoint: str | os.PathLike[str] | None
    part: tuple[int, int] | None


class WorkKeywords(TypedDict, total=False):
    """The keyword arguments that say by which means, for what simulates several times."""

    executor: Executor | int | None
    memory: int
    progress: Progress | bool | None


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions:
    """The options that say how to carry out a simulation, but not of what; checked when made.

    Attributes
    ----------
    replicates : int or None
        Replicates, at least 2; None: the default of what is simulated.
    target_sem : float or None
        Instead of ``replicates``: run until no standard error is larger.
    rng : int, SeedSequence, Generator or None
        The seed; None: that of the checkpoint, or a new one.
    executor : Executor, int or None
        What carries out the chunks; an integer: that many processes; None: this process.
    memory : int
        Bytes that all chunks at work may use together.
    progress : callable, bool or None
        Called with the replicates done and their total; True: a line on stderr.
    checkpoint : path or None
        The file that keeps finished chunks.
    part : (int, int) or None
        (i, m): only the i-th of m parts of the chunks.
    """

    replicates: int | None = None
    target_sem: float | None = None
    rng: RNG = None
    executor: Executor | int | None = None
    memory: int = MEMORY
    progress: Progress | bool | None = None
    checkpoint: str | os.PathLike[str] | None = None
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {}
        if self.target_sem is None:
            if self.replicates is not None:
                checked["replicates"] = checked_replicates(self.replicates)
        elif self.replicates is not None or self.part is not None:
            other = "replicates" if self.part is None else "part"
            raise ArgumentError(
                other, "cannot be combined with ", Mention("target_sem"), ", got both"
            )
        else:
            checked["target_sem"] = number("target_sem", self.target_sem, above=0.0)
        checked["part"] = _checked_part(self.part)
        checked["executor"] = _checked_executor(self.executor)
        checked["memory"] = count("memory", self.memory, minimum=1)
        require_rng(self.rng)
        require_progress(self.progress)
        if self.checkpoint is not None:
            file_path("checkpoint", self.checkpoint)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def length(self, default: int) -> int | None:
        """Replicates to simulate, ``default`` if not given; None with ``target_sem``."""
        if self.target_sem is not None:
            return None
        return default if self.replicates is None else self.replicates


def _checked_part(part: Any) -> tuple[int, int] | None:
    """``part`` checked to be a pair (i, m) with 0 ≤ i < m, or None."""
    if part is None:
        return None
    if not isinstance(part, tuple):
        raise ArgumentTypeError("part", f"must be a pair (i, m) of integers, got {shown(part)}")
    if len(part) != 2:
        raise ArgumentError("part", f"must be a pair (i, m) of integers, got {shown(part)}")
    parts = count("part[1]", part[1], minimum=1)
    return count("part[0]", part[0], minimum=0, maximum=parts - 1), parts


def _checked_executor(executor: Any) -> Executor | int | None:
    """``executor`` checked to be an Executor, a positive number of processes, or None."""
    if executor is None or isinstance(executor, Executor):
        return executor
    if isinstance(executor, int | np.integer) and not isinstance(executor, bool):
        return count("executor", executor, minimum=1, maximum=WORKERS)
    raise ArgumentTypeError(
        "executor",
        "must be a concurrent.futures.Executor, a number of processes or None, "
        f"got {shown(executor)}",
    )
