"""Runs: the chunks of one family, carried out and merged into one tally."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.seeding import stream
from moetheory.kernels import Workspace
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.route import Route
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.execution import carry_out

MIN_REPLICATES = 100  # replicates before an observed sem may end a run
# replicates: a day of one processor for what is fastest to draw, years for training sets
MOST_FOR_TARGET = 10**12
KEPT = 1000  # replicates whose values are kept: of so few the skewness of the mean still counts
KEPT_BYTES = 2**26  # a larger workspace is not kept for the next run

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Run:
    """A route with its seed and its length; called with an index it returns that chunk's tally.

    Attributes
    ----------
    total : int or None
        Replicates; None: as many as it takes.
    part : (int, int) or None
        (i, m): only the i-th of m parts of the chunks.
    keep : bool
        Whether all values are kept, not only those of the first `KEPT` replicates.
    """

    route: Route
    entropy: int
    salt: tuple[int, ...]
    total: int | None
    part: tuple[int, int] | None = None
    keep: bool = False

    @property
    def chunks(self) -> int:
        """Number of chunks of all parts, for a run that has a length."""
        assert self.total is not None
        whole, rest = divmod(self.total, self.route.chunk_size)
        # a rest that is too small for a chunk is part of the last one
        return max(whole + (rest >= self.route.fewest and rest > 0), 1)

    def indices(self) -> Iterable[int]:
        """Indices of the chunks to carry out, in order; a part may have none."""
        if self.total is None:
            return itertools.count()
        i, parts = self.part or (0, 1)
        return range(self.chunks * i // parts, self.chunks * (i + 1) // parts)

    def replicates_of(self, index: int) -> int:
        """Replicates of chunk ``index``; the last one may be smaller, or a little larger."""
        size = self.route.chunk_size
        if self.total is None or index < self.chunks - 1:
            return size
        return self.total - index * size

    @property
    def replicates(self) -> int:
        """Replicates of all chunks to carry out, for a run that has a length."""
        indices = self.indices()
        assert isinstance(indices, range)
        if not indices:
            return 0
        return (len(indices) - 1) * self.route.chunk_size + self.replicates_of(indices[-1])

    def __call__(self, index: int) -> Tally:
        """The tally of chunk ``index``."""
        end = index * self.route.chunk_size + self.replicates_of(index)
        return self._carry_out(partial(self.route.chunk, keep=self.keep or end <= KEPT), index)

    def risks(self, index: int) -> FloatArray:
        """The risks of chunk ``index`` given the group, (E, rows, K)."""
        assert isinstance(self.route, TrainingRoute)
        return self._carry_out(self.route.chunk_risks, index)

    def _carry_out(
        self, work: Callable[[np.random.Generator, int, Workspace], Result], index: int
    ) -> Result:
        with one_blas_thread():
            source = stream(self.entropy, index, self.salt)
            return work(source, self.replicates_of(index), _workspace())


_thread = threading.local()


def _workspace() -> Workspace:
    """The workspace of this thread, which chunks and runs use one after another."""
    if not hasattr(_thread, "workspace"):
        _thread.workspace = Workspace()
    workspace: Workspace = _thread.workspace
    return workspace


def chunks_there(
    runs: Sequence[Run],
    names: Sequence[str],
    target_sem: float | None,
    checkpoint: Checkpoint | None,
) -> list[dict[int, Tally]]:
    """The chunks of each run that are there before they are carried out, by index.

    They are those of the checkpoint. Of several runs with a target also the first chunk of each:
    that the target is beyond reach for the last of them should be known before the others.

    Raises
    ------
    ArgumentError
        As in `run_and_merge`.
    """
    found = [{} if checkpoint is None else checkpoint.finished(name) for name in names]
    # a checkpoint of a run of another length may hold a smaller last chunk
    there = [
        {i: tally for i, tally in each.items() if tally.replicates == run.replicates_of(i)}
        for run, each in zip(runs, found, strict=True)
    ]
    if target_sem is not None and len(runs) > 1:
        for run, name, ready in zip(runs, names, there, strict=True):
            if 0 not in ready:
                ready[0] = run(0)
                if checkpoint is not None:
                    checkpoint.add(name, 0, ready[0])
        _refuse_endless([ready[0] for ready in there], target_sem)
    return there


def run_and_merge(
    run: Run,
    name: str,
    target_sem: float | None,
    executor: Executor | None,
    in_flight: int,
    checkpoint: Checkpoint | None,
    report_progress: ProgressReport,
    ready: dict[int, Tally],
) -> tuple[Tally | None, FloatArray | None]:
    """Carry out the chunks of ``run`` that are not ``ready``, and merge all in their order.

    The order in which chunks are finished does not matter. With ``target_sem`` the run ends with
    the first chunk at which no standard error is larger. Returned are the merged tally and the
    values in their order, if all were kept; None for a part without chunks.

    Raises
    ------
    ArgumentError
        By what was drawn so far, ``target_sem`` would take more than `MOST_FOR_TARGET`.
    """
    missing = itertools.filterfalse(frozenset(ready).__contains__, run.indices())
    merged: Tally | None = None
    values = []
    with closing(carry_out(run, missing, executor, in_flight)) as coming:
        for index in run.indices():
            while index not in ready:
                done, tally = next(coming)
                ready[done] = tally
                if checkpoint is not None:
                    checkpoint.add(name, done, tally)
            tally = ready.pop(index)
            merged = tally if merged is None else merged.merge(tally)
            values.append(tally.values)
            report_progress(run, merged)
            if target_sem is not None:
                if _largest_sem(merged) <= target_sem:
                    break
                _refuse_endless([merged], target_sem)
    if _workspace().size > KEPT_BYTES:
        _thread.__dict__.clear()
    if merged is None:
        return None, None
    kept = np.concatenate(values, axis=1)
    return merged, kept if kept.shape[1] == merged.replicates else kept[:, :0]


def _largest_sem(tally: Tally) -> float:
    if tally.replicates < MIN_REPLICATES:
        return math.inf
    return math.sqrt(float(np.diagonal(tally.covariance).max()))


def _refuse_endless(tallies: Sequence[Tally], target_sem: float) -> None:
    """Refuse a target that would take one of several runs more than `MOST_FOR_TARGET`."""
    known = [each for each in tallies if each.replicates >= MIN_REPLICATES]
    # the standard deviation of a replicate, which is the sem of a single one
    worst = max((_largest_sem(each) * math.sqrt(each.replicates) for each in known), default=0.0)
    if worst == 0.0:
        return
    most = math.log10(MOST_FOR_TARGET)
    # in logarithms: the number may be beyond all floats
    needed = 2.0 * (math.log10(worst) - math.log10(target_sem))
    if needed > most:
        least = worst * math.sqrt(2.0 / MOST_FOR_TARGET)  # of half of them, as this is an estimate
        raise ArgumentError(
            "target_sem",
            f"must be at least about {least:.1e}: {target_sem:.3g} would take about "
            f"10^{needed:.0f} replicates, more than 10^{most:.0f}; give their number by ",
            Mention("replicates"),
            " to run for so long",
        )


class ProgressReport:
    """Progress of several runs as one, in which a run counts by the cost of its replicates."""

    def __init__(
        self,
        runs: Sequence[Run],
        progress: Callable[[int, int], object] | None,
        target_sem: float | None,
    ) -> None:
        self.progress, self.target_sem = progress, target_sem
        work = [
            float(run.route.cost) * (1 if run.total is None else run.replicates) for run in runs
        ]
        self.weights = {run: each / sum(work) for run, each in zip(runs, work, strict=True)}
        self.finished = 0.0  # share of all work that the runs before the present one had
        self.present: Run | None = None

    def __call__(self, run: Run, tally: Tally) -> None:
        """Report the replicates done out of all, whose number ``target_sem`` lets only estimate."""
        if self.progress is None:
            return
        if run is not self.present:
            if self.present is not None:
                self.finished += self.weights[self.present]
            self.present = run
        if run.total is not None:
            total = run.replicates
        else:
            assert self.target_sem is not None
            # too few for a standard error: how many it takes cannot be told yet
            needed = float(MIN_REPLICATES)
            if tally.replicates >= MIN_REPLICATES:
                worst = _largest_sem(tally) / self.target_sem
                needed = tally.replicates * worst * worst  # a power might overflow
            total = max(tally.replicates, math.ceil(min(needed, 1e18)))
        share = self.finished + self.weights[run] * tally.replicates / total
        self.progress(min(round(share * total), total), total)
