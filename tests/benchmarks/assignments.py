"""Assignments that the search finds, against all assignments of 8 groups, and what it costs.

    python tests/benchmarks/assignments.py

One BLAS thread; 5 minutes. The figures that were measured are in README.md beside this file.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy loads

import time
from collections.abc import Callable, Iterator

import numpy as np

import moetheory as mt
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.assignment_search import AssignmentSearch
from moetheory.theory.expert_costs import ExpertCosts, FittedCosts, PopulationCosts

GROUPS = 8
BETWEEN = range(2, GROUPS)  # the numbers of experts for which there is a choice
WORLDS, FITTED_WORLDS = 100, 100
SAME = 1.0 + 1e-9


def world(seed: int, largest: int) -> mt.BlockModel:
    """A random world: strict, leaking, with interference, or both."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, largest + 1, GROUPS)
    block_of = np.repeat(range(GROUPS), sizes)
    dim = len(block_of)
    scale = np.exp(rng.standard_normal(GROUPS))[block_of]
    signal = scale * np.exp(rng.standard_normal(dim) * rng.integers(2))
    noise = np.exp(rng.standard_normal() + rng.standard_normal(dim) * rng.integers(2))
    leaks, interferes = seed % 2, seed // 2 % 2
    return mt.BlockModel(
        rng.dirichlet([rng.uniform(1.0, 3.0)] * GROUPS),
        block_of,
        signal,
        rng.standard_normal(dim),
        noise,
        leakage_variances=leaks * rng.choice([0.02, 0.1, 0.3]) * rng.random(dim) * signal,
        interference_variances=interferes * 2.0 * rng.random(dim) * noise,
        label_noise_variance=float(rng.choice([0.0, 1.0])) * float(signal.sum()) / GROUPS,
    )


def assignments(groups: int) -> Iterator[tuple[int, ...]]:
    """All assignments, numbered in the order of their first groups."""
    if not groups:
        yield ()
        return
    for rest in assignments(groups - 1):
        for expert in range(max(rest, default=-1) + 2):
            yield (*rest, expert)


class MergersAlone(AssignmentSearch):
    """The search without exchanges; nothing is split off either."""

    def ladder(self) -> list[np.ndarray]:
        rungs = [[*map(self._expert, self.single), self.empty]]
        while len(rungs[-1]) > 2:
            rungs.append(self._merged(rungs[-1]))
        return [np.array([each.groups for each in rung[:-1]]) for rung in reversed(rungs)]


def regrets(
    costs: ExpertCosts, p: np.ndarray, least: dict[int, float], search: type[AssignmentSearch]
) -> dict[int, float]:
    """The relative regret of each number of experts, 0 for the optimum."""
    rungs = search(costs, p).ladder()
    found = {len(rung): costs.rung(rung).excess for rung in rungs}
    return {e: 0.0 if found[e] <= least[e] * SAME else found[e] / least[e] - 1.0 for e in least}


def report(name: str, rows: list[dict[int, float]]) -> None:
    """Print how often the optimum was found, and the regrets."""
    table = np.array([list(row.values()) for row in rows])
    hits, missed = table == 0.0, table[table > 0.0]
    print(f"{name}: optimum in {100 * hits.mean():.1f} % of {table.size}")
    if len(rows[0]) > 1:
        print(
            f"  with {' '.join(map(str, rows[0]))} experts: {' '.join(map(str, hits.sum(axis=0)))}"
        )
        print(f"  in all of these: {hits.all(axis=1).sum()} of {len(rows)} worlds")
    if missed.size:
        print(f"  regret where missed: mean {missed.mean():.2%}, largest {missed.max():.2%}")


def population() -> None:
    """Infinitely many samples: all 4140 assignments by `risk`."""
    rows: dict[str, list[dict[int, float]]] = {"mergers alone": [], "the search": []}
    for seed in range(WORLDS):
        model = world(seed, largest=8)
        least = dict.fromkeys(BETWEEN, np.inf)
        for assignment in assignments(GROUPS):
            experts = max(assignment) + 1
            if experts in least:
                excess = mt.risk(mt.MoE(assignment=assignment), model).excess
                least[experts] = min(least[experts], excess)
        for name, search in zip(rows, (MergersAlone, AssignmentSearch), strict=True):
            costs = PopulationCosts(model)
            rows[name].append(regrets(costs, model.group_probabilities, least, search))
    for name, found in rows.items():
        report(name, found)


def fitted() -> None:
    """Samples from 1.2 to 8 for each coordinate: all assignments by the costs of 255 experts."""
    rows: dict[str, list[dict[int, float]]] = {"mergers alone": [], "the search": []}
    best: list[dict[int, float]] = []  # of the number of experts that is best
    bits = 1 << np.arange(GROUPS)
    sets = np.arange(1, 2**GROUPS)[:, np.newaxis] // bits % 2 == 1
    for seed in range(FITTED_WORLDS):
        model = world(seed, largest=16)
        samples = int((1.2, 2.0, 4.0, 8.0)[seed // 4 % 4] * model.dim)
        costs = FittedCosts(model, counts_of(samples, model))
        cost = np.concatenate([[0.0], costs.values(sets)])
        least = dict.fromkeys(range(1, GROUPS + 1), np.inf)
        for assignment in assignments(GROUPS):
            experts = max(assignment) + 1
            numbers = np.bincount(assignment, bits).astype(int)
            least[experts] = min(least[experts], float(cost[numbers].sum()))
        between = {e: least[e] for e in BETWEEN if least[e] < np.inf}
        for name, search in zip(rows, (MergersAlone, AssignmentSearch), strict=True):
            found = regrets(costs, model.group_probabilities, between, search)
            rows[name].append({e: found.get(e, 0.0) for e in BETWEEN})
        reached = mt.best_assignment(model, samples=samples).risk.excess
        lowest = min(least.values())
        best.append({0: 0.0 if reached <= lowest * SAME else reached / lowest - 1.0})
    for name, found in rows.items():
        report(name, found)
    report("the best number of experts", best)


def seconds(call: Callable[[], object]) -> str:
    """The least and the largest time of three calls."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return f"{min(times):.2f} to {max(times):.2f} s"


def costs() -> None:
    """64 groups of 64 coordinates that are all different."""
    rng = np.random.default_rng(0)
    dim, groups = 4096, 64
    model = mt.BlockModel(
        rng.dirichlet([2.0] * groups),
        np.repeat(range(groups), dim // groups),
        np.exp(rng.standard_normal(dim)),
        rng.standard_normal(dim) / 64,
        noise_variance=1.0,
        label_noise_variance=0.1,
    )

    def merged() -> object:
        return MergersAlone(PopulationCosts(model), model.group_probabilities).ladder()

    print(f"K = 64, d = 4096, mergers alone: {seconds(merged)}")
    for samples in (None, 6000, 20_000):
        time_taken = seconds(lambda n=samples: mt.best_assignment(model, samples=n))
        print(f"K = 64, d = 4096, samples = {samples}: {time_taken}")


if __name__ == "__main__":
    costs()
    print("\nwithout samples")
    population()
    print("\nwith samples")
    fitted()
