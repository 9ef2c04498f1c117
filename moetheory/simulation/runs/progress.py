"""Progress of several runs as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.chunks import Run
from moetheory.simulation.runs.targets import replicates_needed


class ProgressReport:
    """Progress of several runs as one, in which a run counts by the cost of its replicates.

    ``problems`` is the number of problems that the runs are for: a total has the replicates of all.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        progress: Callable[[int, int], object] | None,
        target_sem: float | None,
        problems: int = 1,
    ) -> None:
        self.progress, self.target_sem, self.problems = progress, target_sem, problems
        work = [
            float(run.route.cost) * (1 if run.total is None else run.replicates) for run in runs
        ]
        self.weights = {run: each / sum(work) for run, each in zip(runs, work, strict=True)}
        self.shares = dict.fromkeys(runs, 0.0)  # of each run, done

    def __call__(self, run: Run, tally: Tally) -> None:
        """Report the replicates done out of all, whose number ``target_sem`` lets only estimate."""
        if self.progress is None:
            return
        if run.total is not None:
            total = run.replicates
        else:
            assert self.target_sem is not None
            total = replicates_needed(tally, self.target_sem)
        self.shares[run] = tally.replicates / total
        share = sum(self.weights[each] * done for each, done in self.shares.items())
        total *= self.problems
        self.progress(min(round(share * total), total), total)
