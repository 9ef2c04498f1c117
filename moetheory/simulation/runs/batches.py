"""Batches: chunks of a run that are handed to a worker together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.chunks import Run

# seconds of a batch: beside the longer ones handing out costs little (5 to 10 ms with Dask), and
# at the end no worker waits long for one of the shorter ones
LONG, SHORT = 0.25, 0.1
# one process hands out to all: the more batches there may be, the longer they are, up to a limit
OF_EACH, LONGEST = 2e-3, 10.0
A_NUMBER = 2e-8  # seconds, in the cost of a route, until a batch has been timed


@dataclass(frozen=True, eq=False)
class Batch:
    """Chunks of a run, by index."""

    run: Run
    indices: tuple[int, ...]


def computed(batch: Batch) -> tuple[list[Tally], float]:
    """The tallies of a batch in their order, and the seconds that they took."""
    start = time.perf_counter()
    tallies = [batch.run(index) for index in batch.indices]
    return tallies, time.perf_counter() - start


class Batches:
    """An iterator over batches of the missing chunks of runs, in their order.

    How many chunks are in a batch depends on how long those before took, and changes no result.

    Parameters
    ----------
    missing : sequence of (Run, iterable of int)
        The chunks to carry out of each run; endless for one without a length.
    left : sequence of int
        How many these are; of a run without a length about as many as it still takes.
    in_flight : int
        Batches that may be at work or wait at the same time.
    """

    def __init__(
        self, missing: Sequence[tuple[Run, Iterable[int]]], left: Sequence[int], in_flight: int
    ) -> None:
        self._queue = deque((run, iter(indices)) for run, indices in missing)
        self._left = {run: number for (run, _), number in zip(missing, left, strict=True)}
        self._in_flight = in_flight
        self._measured: dict[Run, float] = {}  # seconds of a chunk
        self._a_number = A_NUMBER
        # until one was timed: costs are rough, and a batch must leave enough for others
        self._most = max(1, sum(left) // (8 * in_flight))

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while self._queue:
            run, indices = self._queue[0]
            batch = tuple(islice(indices, self._size(run)))
            if batch:
                self._left[run] = max(0, self._left[run] - len(batch))
                return Batch(run, batch)
            self._queue.popleft()
        raise StopIteration

    def learn(self, batch: Batch, seconds: float) -> None:
        """Note how long a batch took."""
        each = seconds / len(batch.indices)
        self._measured[batch.run] = each
        self._a_number = each / _numbers(batch.run)

    def _size(self, run: Run) -> int:
        """Chunks in the next batch."""
        left = sum(self._left[each] * self._seconds(each) for each, _ in self._queue)
        long = max(LONG, min(OF_EACH * self._in_flight, LONGEST))
        aim = min(long, max(SHORT, long / 4, left / self._in_flight))
        # beyond what is left of a run without a length most of it would be in vain
        most = max(1, self._left[run])
        if not self._measured:
            most = min(most, self._most)
        return max(1, int(min(aim / self._seconds(run), most)))

    def _seconds(self, run: Run) -> float:
        """Seconds of a chunk of ``run``, as measured or by its cost."""
        return max(self._measured.get(run, self._a_number * _numbers(run)), 1e-6)


def _numbers(run: Run) -> float:
    return float(run.route.cost) * run.route.chunk_size
