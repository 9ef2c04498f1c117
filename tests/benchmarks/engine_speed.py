"""Section speed of engine.py: `simulate` against what one would write instead."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import jax_baseline
import numpy as np
from baselines import FloatArray, batched, linear_regression, loop, lstsq
from timing import against, enough, interleaved, seconds, spread, written
from workloads import WORKLOADS, Workload, means, scores, simulate

import moetheory as mt

Baseline = Callable[[Workload, int, int], FloatArray]

COLUMNS = {
    "b": "(b) NumPy, batched",
    "b'": "(b') active block",
    "j": "(j) JAX",
    "a": "(a) loop, lstsq",
    "c": "(c) loop, sklearn",
}
MANY = 10**5  # samples of training sets that are drawn in pieces and take a baseline a second
NUMBERS = tuple(2**k for k in (15, 16, 17, 19))  # features that are drawn at a time
COMPILED = (2**15, 2**17, 2**19)  # fewer: to compile takes longer than what is measured
THREADS = 1.3  # processor seconds in one second from which a baseline has used a second thread


@dataclass(frozen=True)
class Contender:
    """A baseline, and how many training sets it draws at a time; below 1: a part of one."""

    run: Baseline
    batch: float = 1.0

    def multiple(self, replicates: int) -> int:
        """About so many replicates, in whole batches."""
        batch = max(1, int(self.batch))
        return max(1, round(replicates / batch)) * batch

    def on(self, work: Workload) -> Callable[[int], FloatArray]:
        """The baseline as a function of the number of replicates."""
        return lambda replicates: self.run(work, replicates, 0)


@dataclass(frozen=True)
class Measured:
    """Of one workload and each contender: seconds per replicate in every round, z, replicates."""

    each: dict[str, list[float]]
    z: dict[str, list[float]]
    counts: dict[str, int]
    contenders: dict[str, Contender]


def verify(name: str, work: Workload, baseline: Baseline, replicates: int) -> list[float]:
    """z-scores of a baseline's risks; a wrong one, or one with threads, ends the benchmark."""
    found = baseline(work, replicates, 1)
    sems = found.std(axis=1, ddof=1) / math.sqrt(replicates)
    z = scores(work, found.mean(axis=1).tolist(), sems.tolist())
    if not max(map(abs, z)) <= 6:
        raise SystemExit(f"baseline ({name}) is wrong at {work}: z = {z}")
    few = max(2, replicates // 8)
    baseline(work, few, 2)  # compiles what is not compiled yet
    began = time.process_time()
    wall = seconds(partial(baseline, work, few, 2))
    if (threads := (time.process_time() - began) / wall) > THREADS:
        raise SystemExit(f"baseline ({name}) uses {threads:.1f} threads at {work}")
    return z


def best(work: Workload, choices: Mapping[float, Baseline]) -> Contender:
    """The fastest of several batch sizes, which are the keys."""
    replicates = max(4, math.ceil(max(choices)))
    runs = {str(batch): partial(run, work, replicates, 0) for batch, run in choices.items()}
    times = interleaved(runs, 3 if len(runs) > 1 else 0)
    batch = min(choices, key=lambda each: min(times[str(each)], default=0.0))
    return Contender(choices[batch], batch)


def contenders_at(work: Workload, quick: bool) -> dict[str, Contender]:
    """The baselines by name, the batched ones at the best of a few batch sizes."""
    trial = replace(work, samples=MANY) if work.samples > MANY else work

    def fastest(run: Callable[..., FloatArray], numbers: tuple[int, ...]) -> Contender:
        sets = {each: each / (work.samples * work.dim) for each in numbers}
        batches = {batch if batch < 1 else int(batch): each for each, batch in sets.items()}
        return best(trial, {batch: partial(run, numbers=each) for batch, each in batches.items()})

    found = {
        "b": fastest(batched, NUMBERS),
        "b'": fastest(partial(batched, active_only=True), NUMBERS),
    }
    if jax_baseline.INSTALLED:
        found["j"] = fastest(jax_baseline.jax_batched, COMPILED[1:2] if quick else COMPILED)
    if not (quick and work.samples > MANY):
        found["a"] = Contender(partial(loop, fit=lstsq))
        if (fit := linear_regression()) is not None:
            found["c"] = Contender(partial(loop, fit=fit))
    return found


def measure(work: Workload, quick: bool) -> Measured:
    aim = 0.1 if quick else 0.9
    contenders = contenders_at(work, quick)
    # at the largest the pieces are checked of which a training set is made
    checked = replace(work, samples=MANY // 10) if work.samples > MANY else work
    z = {
        name: verify(name, checked, each.run, each.multiple(20 if quick else 100))
        for name, each in contenders.items()
    }
    ours = enough(partial(simulate, work), aim)
    counts = {"simulate": ours}
    estimates: list[mt.Estimates] = []
    runs: dict[str, Callable[[], object]] = {
        "simulate": lambda: estimates.append(simulate(work, ours, len(estimates)))
    }
    for name, contender in contenders.items():
        count = 1
        if work.samples <= MANY:
            replicates = enough(contender.on(work), aim, start=contender.multiple(2))
            count = contender.multiple(replicates)
        counts[name] = count
        runs[name] = partial(contender.run, work, count, 2)
    times = interleaved(runs, rounds=7)
    each = {name: [t / counts[name] for t in took] for name, took in times.items()}
    centres = np.mean([means(several) for several in estimates], axis=0)
    squares = np.sum([[e.sem**2 for e in several] for several in estimates], axis=0)
    z["simulate"] = scores(work, centres.tolist(), (np.sqrt(squares) / len(estimates)).tolist())
    return Measured(each, z, counts, contenders)


def ratio(work: Workload, found: Measured, name: str) -> str:
    """The spread of a baseline's ratios; bold where that of (b) misses its target."""
    if name not in found.each:
        return "–"
    ratios = against(found.each[name], found.each["simulate"])
    missed = name == "b" and statistics.median(ratios) < work.target
    return f"**{spread(ratios)}**" if missed else spread(ratios)


def target(work: Workload) -> str:
    aim = "" if work.aim is None else f" (aim {work.aim:g})"
    return f"{work.target:,}{aim}".replace(",", " ")


def print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def speed(quick: bool) -> None:
    print("speed: times that simulate is faster, median of 7 rounds (smallest to largest)\n")
    print_row("workload", "target, (b)", *COLUMNS.values())
    print_row(*["---"] * (2 + len(COLUMNS)))
    measured = {}
    for work in WORKLOADS:
        found = measured[work] = measure(work, quick)
        print_row(str(work), target(work), *(ratio(work, found, name) for name in COLUMNS))
    print("\nmicroseconds per replicate, medians; in brackets training sets at a time\n")
    print_row("workload", "simulate", *COLUMNS.values())
    print_row(*["---"] * (2 + len(COLUMNS)))
    for work, found in measured.items():
        cells = [written(statistics.median(found.each["simulate"]) * 1e6)]
        for name in COLUMNS:
            if name in found.each:
                batch = f"{found.contenders[name].batch:.2g}"
                cells.append(f"{written(statistics.median(found.each[name]) * 1e6)} ({batch})")
            else:
                cells.append("–")
        print_row(str(work), *cells)
    print("\nz against the closed forms, dense and MoE; in brackets replicates in a round")
    for work, found in measured.items():
        z = (
            f"{name} {found.z[name][0]:+.1f} {found.z[name][1]:+.1f} ({found.counts[name]})"
            for name in found.each
        )
        print(f"  {work.name}: " + ", ".join(z))
