"""What a simulation will take, known before it is carried out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from moetheory.common.frozen import Frozen
from moetheory.common.validation import count

START = 0.6  # seconds in which processes of one's own start
MERGE = 1e-4  # seconds that the calling process needs to receive and merge a chunk


@dataclass(frozen=True, eq=False, repr=False)
class PlannedRun(Frozen):
    """The chunks of estimators that share their draws.

    Attributes
    ----------
    point : str or None
        The value of a sweep at which they are simulated.
    estimators : tuple of str
        Their labels.
    method : str
    replicates : int
        Of the chunks that are to be computed; with ``target_sem`` an estimate.
    chunks : int
        To be computed; those in a checkpoint are not.
    seconds : float
        Of all these chunks, one after another in one process.
    chunk_memory : int
        Bytes that a chunk works in, at most.
    """

    point: str | None
    estimators: tuple[str, ...]
    method: str
    replicates: int
    chunks: int
    seconds: float
    chunk_memory: int


@dataclass(frozen=True, eq=False, repr=False)
class SimulationPlan(Frozen):
    """What `simulate` or `sweep` will take.

    Attributes
    ----------
    runs : tuple of PlannedRun
    memory : int
        Bytes that all running chunks together may use.
    chunks_at_once : int
        Chunks that this memory allows to be at work at the same time.
    target_sem : float or None
    pilot : int or None
        With ``target_sem``: the replicates by which the numbers of replicates are estimated, of
        the run with the fewest. The relative error of such a number is about
        :math:`2/\\sqrt{pilot}`, more where risks have heavy tails.
    """

    runs: tuple[PlannedRun, ...]
    memory: int
    chunks_at_once: int
    target_sem: float | None = None
    pilot: int | None = None

    @property
    def chunks(self) -> int:
        """Chunks of all runs."""
        return sum(run.chunks for run in self.runs)

    @property
    def seconds(self) -> float:
        """Seconds of all chunks in one process."""
        return sum(run.seconds for run in self.runs)

    @property
    def useful_workers(self) -> int:
        """How many workers have something to do: no more than chunks that may run at once."""
        return max(1, min(self.chunks, self.chunks_at_once, self._fed))

    @property
    def limit(self) -> str:
        """What limits `useful_workers`: "chunks", "memory", or "merging" in the calling process."""
        limits = {"chunks": self.chunks, "memory": self.chunks_at_once, "merging": self._fed}
        return min(limits, key=lambda name: limits[name])

    @property
    def _fed(self) -> int:
        """Workers of which one process can merge the chunks."""
        return math.ceil(self.seconds / max(MERGE * self.chunks, 1e-12))

    def seconds_with(self, workers: int) -> float:
        """About how many seconds the chunks take with so many workers.

        More than one are processes that are started for the call, as by ``executor=workers``, on
        processors of their own.
        """
        workers = min(count("workers", workers, minimum=1), self.useful_workers)
        if workers == 1:
            return self.seconds
        longest = max((run.seconds / run.chunks for run in self.runs if run.chunks), default=0.0)
        waiting = longest * (1.0 - 1.0 / workers) / 2.0  # for the last chunks, on average
        return START + max(self.seconds / workers + waiting, longest)

    def memory_with(self, workers: int) -> int:
        """Bytes in which the chunks at work are, at most, with so many workers."""
        workers = min(count("workers", workers, minimum=1), self.useful_workers)
        largest = max((run.chunk_memory for run in self.runs if run.chunks), default=0)
        return workers * largest

    def fields(self) -> dict[str, Any]:
        """All numbers of the plan by name, those of its runs too."""
        own = {name: getattr(self, name) for name in ("seconds", "chunks", "useful_workers")}
        return own | {"limit": self.limit} | vars(self)
