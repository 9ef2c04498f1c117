"""From the chunks of one family to their merged tally."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.common.seeding import stream
from moetheory.kernels import Workspace
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.route import Route
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.execution import carry_out

LEAST = 100  # replicates before an observed sem may end a run
KEPT = 2**26  # bytes of a workspace that wait for the next run

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Run:
    """A route with its seed and its length; called with an index it carries out that chunk.

    Attributes
    ----------
    total : int or None
        Replicates; None: as many as it takes.
    part : (int, int) or None
        (i, m): only the i-th of m parts of the chunks.
    """

    route: Route
    entropy: int
    salt: tuple[int, ...]
    total: int | None
    part: tuple[int, int] | None = None

    @property
    def chunks(self) -> int:
        """How many there are in all parts; of a run that has a length."""
        assert self.total is not None
        return math.ceil(self.total / self.route.chunk_size)

    def indices(self) -> Iterable[int]:
        """The chunks to carry out, in their order; a part may have none."""
        if self.total is None:
            return itertools.count()
        i, parts = self.part or (0, 1)
        return range(self.chunks * i // parts, self.chunks * (i + 1) // parts)

    def rows(self, index: int) -> int:
        """Replicates of a chunk; the last one may be smaller."""
        size = self.route.chunk_size
        return size if self.total is None else min(size, self.total - index * size)

    @property
    def replicates(self) -> int:
        """Of all chunks to carry out; of a run that has a length."""
        assert self.total is not None
        indices, size = self.indices(), self.route.chunk_size
        assert isinstance(indices, range)
        return min(indices.stop * size, self.total) - indices.start * size if indices else 0

    def __call__(self, index: int) -> Tally:
        """The tally of chunk ``index``."""
        return self._carry_out(self.route.chunk, index)

    def risks(self, index: int) -> FloatArray:
        """The risks of chunk ``index`` given the group, (E, rows, K)."""
        assert isinstance(self.route, TrainingRoute)
        return self._carry_out(self.route.chunk_risks, index)

    def _carry_out(
        self, work: Callable[[np.random.Generator, int, Workspace], Result], index: int
    ) -> Result:
        with one_blas_thread():
            source = stream(self.entropy, index, self.salt)
            return work(source, self.rows(index), _workspace())


_thread = threading.local()


def _workspace() -> Workspace:
    """That of this thread: one chunk after another uses it, and one run after another."""
    if not hasattr(_thread, "workspace"):
        _thread.workspace = Workspace()
    workspace: Workspace = _thread.workspace
    return workspace


def collected(
    run: Run,
    name: str,
    target_sem: float | None,
    executor: Executor | None,
    in_flight: int,
    store: Checkpoint | None,
    report: Report,
) -> tuple[Tally | None, FloatArray | None]:
    """Merge the chunks of ``run`` in their order, whatever the order in which they are done.

    With ``target_sem`` it ends with the first chunk at which all standard errors meet it.
    Returned are the merged tally and the values in their order; None for a part without chunks.
    """
    ready = {} if store is None else store.finished(name)
    # what was stored for a run of another length may end with a smaller chunk
    ready = {index: tally for index, tally in ready.items() if tally.replicates == run.rows(index)}
    missing = itertools.filterfalse(frozenset(ready).__contains__, run.indices())
    merged: Tally | None = None
    values = []
    with closing(carry_out(run, missing, executor, in_flight)) as coming:
        for index in run.indices():
            while index not in ready:
                done, tally = next(coming)
                ready[done] = tally
                if store is not None:
                    store.add(name, done, tally)
            tally = ready.pop(index)
            merged = tally if merged is None else merged.merge(tally)
            values.append(tally.values)
            report(run, merged)
            if target_sem is not None and _worst_sem(merged) <= target_sem:
                break
    if _workspace().size > KEPT:
        _thread.__dict__.clear()
    return merged, np.concatenate(values, axis=1) if values else None


def _worst_sem(tally: Tally) -> float:
    if tally.replicates < LEAST:
        return math.inf
    return math.sqrt(float(np.diagonal(tally.covariance).max()))


class Report:
    """Progress of several runs as one: each counts by the cost of its replicates."""

    def __init__(
        self,
        runs: Sequence[Run],
        progress: Callable[[int, int], object] | None,
        target_sem: float | None,
    ) -> None:
        self.progress, self.target_sem = progress, target_sem
        weights = np.array([float(run.route.cost) for run in runs])
        self.weights = dict(zip(runs, weights / weights.sum(), strict=True))
        self.finished = 0.0  # of the runs before the present one, as a share of all
        self.present: Run | None = None

    def __call__(self, run: Run, tally: Tally) -> None:
        """Tell what is done; without a fixed length, of what seems to be needed."""
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
            worst = _worst_sem(tally) / self.target_sem
            needed = tally.replicates * worst**2 if math.isfinite(worst) else math.inf
            total = max(tally.replicates, math.ceil(min(needed, 1e18)))
        share = self.finished + self.weights[run] * tally.replicates / total
        self.progress(min(round(share * total), total), total)
