"""The search for a violation: corners, random models, global searches; then a polish.

The search is cut into jobs of a fixed size. Job i draws from the stream (entropy, i), and jobs
count in the order of i, so that the result does not depend on who carries them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np

from moetheory.checking.trials import Place, Tally, Target, Trial
from moetheory.claims.model_space import Kind
from moetheory.claims.random_models import corner_vectors, fitting_kinds, random_layout
from moetheory.common.arrays import FloatArray
from moetheory.common.seeding import stream

CORNERS, RANDOM, GLOBAL = 500, 250, 750  # models of a job
POPULATION, LARGEST_POPULATION = 5, 60  # of a global search: for each exponent, and in all
UNMET = 3.0  # the objective where a claim does not apply; a violation is 2 at most
CONVERGED = 1e-9  # the spread of the objective over a population, relative
POLISHING, STEP = 300, 0.5  # models of a polish, and its first steps in an exponent


class Job(NamedTuple):
    """A part of a search: ``number`` seeds it, ``size`` is the largest number of its models."""

    kind: str
    number: int
    start: int
    size: int


@dataclass(frozen=True, eq=False)
class Search:
    """A search with a seed; a call carries out one job."""

    target: Target
    entropy: int

    @cached_property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of models of which any meets the assumptions."""
        return fitting_kinds(self.target.space, self.target.limits)

    def jobs(self, budget: int) -> Iterator[Job]:
        """The jobs of a search of so many models: corners, then random and global in turn."""
        vectors = corner_vectors(self.target.space, self.kinds, fitted=self.target.fitted)
        corners, number, left = sum(1 for _ in vectors), 1, budget
        for start in range(0, min(corners, budget), CORNERS):
            size = min(CORNERS, corners - start, left)
            yield Job("corners", number, start, size)
            number, left = number + 1, left - size
        while left > 0:
            kind, most = ("random", RANDOM) if number % 2 else ("global", GLOBAL)
            size = min(most, left)
            yield Job(kind, number, 0, size)
            number, left = number + 1, left - size

    def __call__(
        self, job: Job, tally: Tally | None = None, tick: Callable[[int], object] | None = None
    ) -> Tally:
        """The tally of a job, which ends at a clear violation."""
        tally = Tally() if tally is None else tally
        tick = tick or (lambda _: None)
        if job.kind == "global":
            self._global(job, tally, tick)
        else:
            places = self._corners(job) if job.kind == "corners" else self._random(job)
            for place in places:
                self._try(place, tally, tick)
                if tally.ends:
                    break
        return tally

    def _try(self, place: Place, tally: Tally, tick: Callable[[int], object]) -> Trial | None:
        point = place.layout.point(place.vector)
        if self.target.space.iso_parameter is False and point.model not in self.target.space:
            return None  # a model of another kind whose numbers happen to be equal
        trial = tally.add(self.target, point, place)
        tick(tally.tried)
        return trial

    def _corners(self, job: Job) -> Iterator[Place]:
        vectors = corner_vectors(self.target.space, self.kinds, fitted=self.target.fitted)
        for layout, vector in islice(vectors, job.start, job.start + job.size):
            yield Place(layout, vector)

    def _random(self, job: Job) -> Iterator[Place]:
        rng, space = stream(self.entropy, job.number), self.target.space
        for _ in range(job.size):
            layout = random_layout(space, self.kinds, rng, fitted=self.target.fitted)
            yield Place(layout, layout.draw(space, rng))

    def _global(self, job: Job, tally: Tally, tick: Callable[[int], object]) -> None:
        """Global searches, one layout after another."""
        rng = stream(self.entropy, job.number)

        def attempt(place: Place) -> Trial | None:
            if tally.tried >= job.size or tally.ends:
                raise _EndOfJob
            return self._try(place, tally, tick)

        with suppress(_EndOfJob):
            while True:
                self._evolution(rng, attempt)

    def _evolution(
        self, rng: np.random.Generator, attempt: Callable[[Place], Trial | None]
    ) -> None:
        """Differential evolution on one random layout, from random models of it."""
        from scipy.optimize import differential_evolution

        space = self.target.space
        layout = random_layout(space, self.kinds, rng, fitted=self.target.fitted)
        low, high = layout.bounds(space)
        free = high > low
        size = min(max(POPULATION * int(free.sum()), 12), LARGEST_POPULATION)

        def objective(exponents: FloatArray) -> float:
            vector = low.copy()
            vector[free] = exponents
            trial = attempt(Place(layout, vector))
            return UNMET if trial is None else -trial.violation

        if not free.any():
            objective(low[free])
            return
        differential_evolution(
            objective,
            list(zip(low[free], high[free], strict=True)),
            init=np.array([layout.draw(space, rng)[free] for _ in range(size)]),
            maxiter=10**6,
            tol=CONVERGED,
            polish=False,
            rng=rng,
        )


class _EndOfJob(Exception):  # noqa: N818 - no error
    """The models of a job are used up, or one of them is a clear violation."""


def polished(target: Target, trial: Trial) -> Trial:
    """The largest violation that a local search finds from a trial, in the same layout."""
    from scipy.optimize import minimize

    if trial.place is None or not trial.finite:
        return trial
    layout, start = trial.place
    low, high = layout.bounds(target.space)
    tally, best, alone = Tally(), trial, target.of(trial.claim)

    def objective(vector: FloatArray) -> float:
        nonlocal best
        inside = np.clip(vector, low, high)
        found = tally.add(alone, layout.point(inside), Place(layout, inside))
        if found is None:
            return UNMET
        if found.clear and found.finite and found.violation > best.violation:
            best = found
        return -found.violation

    steps = np.where(start + STEP <= high, STEP, -STEP)
    simplex = np.clip([start, *(start + np.diag(steps))], low, high)
    minimize(
        objective,
        start,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": POLISHING, "xatol": 1e-3, "fatol": 1e-6},
    )
    return best
