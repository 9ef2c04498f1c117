"""Merging the chunks of runs in their order, whatever the order in which they are finished."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.batches import Batch, Batches, computed
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.chunks import Run, release_workspace
from moetheory.simulation.runs.execution import carry_out
from moetheory.simulation.runs.progress import ProgressReport
from moetheory.simulation.runs.targets import is_met, refuse_endless, replicates_needed


class Merge:
    """The chunks of a run, merged in their order.

    Attributes
    ----------
    name : str
        Name of the run in a checkpoint.
    ready : dict
        Tallies that are not merged yet, by index.
    merged : Tally or None
        None: nothing was merged yet, or a part has no chunks.
    """

    def __init__(self, run: Run, name: str, ready: dict[int, Tally]) -> None:
        self.run, self.name, self.ready = run, name, ready
        self.merged: Tally | None = None
        self._there = frozenset(ready)
        self._coming = iter(run.indices())
        self._next = next(self._coming, None)
        self._values: list[FloatArray] = []

    def missing(self) -> Iterator[int]:
        """Indices of the chunks that were not there from the start."""
        return itertools.filterfalse(self._there.__contains__, self.run.indices())

    def left(self, target_sem: float | None) -> int:
        """How many chunks are missing; with a target about as many as there will be."""
        if target_sem is None:
            indices = self.run.indices()
            assert isinstance(indices, range)
            return len(indices) - sum(index in indices for index in self._there)
        size, done = self.run.route.chunk_size, self.merged or self.ready.get(0)
        needed = size if done is None else replicates_needed(done, target_sem)
        return max(1, math.ceil(needed / size) - len(self._there))

    def advance(self) -> Iterator[Tally]:
        """Merge what is ready and next; the tally of all that is merged, after each chunk."""
        while self._next in self.ready:
            tally = self.ready.pop(self._next)
            self._next = next(self._coming, None)
            self.merged = tally if self.merged is None else self.merged.merge(tally)
            self._values.append(tally.values)
            yield self.merged

    def result(self) -> tuple[Tally | None, FloatArray | None]:
        """The merged tally and the values in their order if all were kept; None for no chunks."""
        if self.merged is None:
            return None, None
        kept = np.concatenate(self._values, axis=1)
        return self.merged, kept if kept.shape[1] == self.merged.replicates else kept[:, :0]


def run_and_merge(
    merges: Sequence[Merge],
    target_sem: float | None,
    executor: Executor | None,
    in_flight: int,
    checkpoint: Checkpoint | None,
    report_progress: ProgressReport,
) -> None:
    """Carry out all chunks that are not ready, of all runs at once, and merge them in their order.

    With ``target_sem`` one run after another, since nobody knows which chunk will be its last: it
    ends with the first chunk at which no standard error is larger.

    Raises
    ------
    ArgumentError
        By what was drawn so far, ``target_sem`` would take more than `targets.MOST_FOR_TARGET`.
    """
    stages = [merges] if target_sem is None else [[each] for each in merges]
    for stage in stages:
        if any(_merge(each, target_sem, report_progress) for each in stage):
            continue
        batches: Iterator[Batch]
        if executor is None:
            batches = (Batch(each.run, (i,)) for each in stage for i in each.missing())
        else:
            todo = [(each.run, each.missing()) for each in stage]
            left = [each.left(target_sem) for each in stage]
            batches = Batches(todo, left, in_flight)
        by_run = {each.run: each for each in stage}
        with closing(carry_out(computed, batches, executor, in_flight)) as coming:
            for batch, (tallies, seconds) in coming:
                if isinstance(batches, Batches):
                    batches.learn(batch, seconds)
                merge = by_run[batch.run]
                for index, tally in zip(batch.indices, tallies, strict=True):
                    merge.ready[index] = tally
                    if checkpoint is not None:
                        checkpoint.add(merge.name, index, tally)
                if _merge(merge, target_sem, report_progress):
                    break
    release_workspace()


def _merge(merge: Merge, target_sem: float | None, report_progress: ProgressReport) -> bool:
    """Merge what is ready of a run; whether this met its target."""
    for merged in merge.advance():
        report_progress(merge.run, merged)
        if target_sem is not None:
            if is_met(merged, target_sem):
                return True
            refuse_endless([merged], target_sem)
    return False


def chunks_there(
    runs: Sequence[Run],
    names: Sequence[str],
    target_sem: float | None,
    checkpoint: Checkpoint | None,
) -> list[dict[int, Tally]]:
    """The chunks of each run that are there before they are carried out, by index.

    They are those of the checkpoint, and of runs with a target the first chunk of each: it tells
    how many there will be, and that the target is beyond reach for the last run should be known
    before the others.

    Raises
    ------
    ArgumentError
        As in `run_and_merge`.
    """
    found = [{} if checkpoint is None else checkpoint.finished(name) for name in names]
    there = [fitting(each, run) for run, each in zip(runs, found, strict=True)]
    if target_sem is not None:
        for run, name, ready in zip(runs, names, there, strict=True):
            if 0 not in ready:
                ready[0] = run(0)
                if checkpoint is not None:
                    checkpoint.add(name, 0, ready[0])
        refuse_endless([ready[0] for ready in there], target_sem)
    return there


def fitting(chunks: dict[int, Tally], run: Run) -> dict[int, Tally]:
    """The chunks of a checkpoint that the run has, too.

    A checkpoint of a run of another length may hold a smaller last chunk.
    """
    return {i: each for i, each in chunks.items() if each.replicates == run.replicates_of(i)}
