"""Runs: the chunks of one family, each of which can be carried out by itself."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.common.seeding import stream
from moetheory.kernels import Workspace
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.route import Route
from moetheory.simulation.methods.tally import Tally

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
        replicates = self.replicates_of(index)
        keep = self.keep or index * self.route.chunk_size + replicates <= KEPT
        return self._carry_out(partial(self.route.chunk, keep=keep), index, replicates)

    def piece(self, replicates: int) -> Tally:
        """The tally of so many replicates, drawn like the first chunk."""
        return self._carry_out(partial(self.route.chunk, keep=False), 0, replicates)

    def risks(self, index: int) -> FloatArray:
        """The risks of chunk ``index`` given the group, (E, rows, K)."""
        assert isinstance(self.route, TrainingRoute)
        return self.carry_out(self.route.chunk_risks, index)

    def carry_out(
        self, work: Callable[[np.random.Generator, int, Workspace], Result], index: int
    ) -> Result:
        """What ``work`` returns, given the stream and the replicates of chunk ``index``."""
        return self._carry_out(work, index, self.replicates_of(index))

    def _carry_out(
        self,
        work: Callable[[np.random.Generator, int, Workspace], Result],
        index: int,
        replicates: int,
    ) -> Result:
        with one_blas_thread():
            source = stream(self.entropy, index, self.salt)
            return work(source, replicates, _workspace())


_thread = threading.local()


def _workspace() -> Workspace:
    """The workspace of this thread, which chunks and runs use one after another."""
    if not hasattr(_thread, "workspace"):
        _thread.workspace = Workspace()
    workspace: Workspace = _thread.workspace
    return workspace


def release_workspace() -> None:
    """Give up a workspace that is too large to be kept for the next run."""
    if _workspace().size > KEPT_BYTES:
        _thread.__dict__.clear()
