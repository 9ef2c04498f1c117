"""Checks of several theorems, in this process or at once in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from moetheory.checking.checker import check
from moetheory.checking.verdicts import Verdict
from moetheory.claims.declaration import Theorem
from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ExecutorError
from moetheory.common.terminal import Report
from moetheory.problem.model import BlockModel
from moetheory.simulation.runs.execution import own_pool

PARTS = 1000  # in which the progress of another process is counted
PAUSE = 0.1  # seconds between two looks at it


@dataclass(frozen=True)
class Checks:
    """Checks of theorems with the arguments that they share; see `check`.

    Attributes
    ----------
    theorems : sequence of Theorem
        Of the catalogue, or their negative controls, as other processes find no others.
    model : BlockModel or None
    replicates : int or None
    entropy : int
    level : float
        Of each theorem.
    anyway : bool
    shares : path or None
        The file in which processes note how far they are, a number for each theorem.
    """

    theorems: Sequence[Theorem]
    model: BlockModel | None
    replicates: int | None
    entropy: int
    level: float
    anyway: bool = False
    shares: Path | None = None

    def verdicts(
        self, workers: int, progress: Callable[[int], AbstractContextManager[Report]]
    ) -> Generator[Verdict, None, None]:
        """The verdicts in the order of the theorems, each as soon as it is known.

        This process is one of the ``workers``: it checks the theorems from the first on, others
        those from the last back, until they meet. With one worker, or one theorem, this process
        does it all, and gives the workers what they can do of a long simulation. All processes
        end with the generator: at once if it is closed before its end.

        Parameters
        ----------
        workers : int
            Change no verdict.
        progress : callable
            What tells of the progress of theorem number i while its verdict is waited for.

        Raises
        ------
        ExecutorError
            Processes cannot be started, or one of them has died.
        """
        others = min(workers, len(self.theorems)) - 1
        if others == 0:
            for index in range(len(self.theorems)):
                with progress(index) as report:
                    verdict = self._verdict(index, report, workers)
                yield verdict
            return
        with (
            TemporaryDirectory(prefix="moetheory-") as folder,
            own_pool(others) as pool,
            _ended_at_once(pool),
        ):
            told = replace(self, shares=Path(folder, "shares"))
            shares = told._note_shares("w+")
            indices = range(len(self.theorems))
            futures = {index: pool.submit(told, index) for index in reversed(indices)}
            for index in indices:
                future = futures[index]
                with progress(index) as report:
                    if future.cancel():  # no other process has begun with it
                        verdict = self._verdict(index, report, 1)
                    else:
                        while not wait([future], timeout=PAUSE).done:
                            report(int(PARTS * shares[index]), PARTS)
                        verdict = _result(future, pool)
                yield verdict

    def __call__(self, index: int) -> Verdict:
        """The verdict on theorem number ``index``, in another process."""
        shares = self._note_shares("r+")

        def note(done: int, total: int) -> None:
            shares[index] = done / max(total, 1)

        return self._verdict(index, note, 1)

    def _verdict(self, index: int, report: Report, workers: int) -> Verdict:
        return check(
            self.theorems[index],
            self.model,
            replicates=self.replicates,
            rng=self.entropy,
            level=self.level,
            anyway=self.anyway,
            executor=workers if workers > 1 else None,
            progress=report,
        )

    def _note_shares(self, mode: Literal["r+", "w+"]) -> FloatArray:
        """How far each check is, from 0 to 1, in memory that processes share."""
        assert self.shares is not None
        return np.memmap(self.shares, np.float64, mode, shape=len(self.theorems))


def _result(future: Future[Verdict], pool: Executor) -> Verdict:
    """What a process has found, or why there is nothing."""
    try:
        return future.result()
    except BrokenExecutor as error:
        from moetheory.simulation.runs.process_failures import why_it_broke

        raise ExecutorError(f"a check was broken off: {why_it_broke(pool) or error}") from error


@contextmanager
def _ended_at_once(pool: Executor) -> Iterator[None]:
    """A block whose processes do not finish their work if the block is left before its end."""
    try:
        yield
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
