"""Seconds of calls, side by side, and how they are written."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def enough(run: Callable[[int], object], aim: float, start: int = 2) -> int:
    """Replicates of which a warm run takes about ``aim`` seconds."""
    replicates = start
    run(replicates)
    while (took := seconds(partial(run, replicates))) < aim / 2:
        replicates = math.ceil(replicates * min(8.0, aim / max(took, 1e-9)))
    return max(start, round(replicates * aim / took))


def repeated(run: Callable[[], object], aim: float = 0.02) -> float:
    """Seconds of one run among many, the least of three."""
    times = max(1, int(aim / max(seconds(run), seconds(run), 1e-7)))

    def many() -> None:
        for _ in range(times):
            run()

    return min(seconds(many) for _ in range(3)) / times


def interleaved(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, rounds):
        for name, run in runs.items():
            took = seconds(run)
            if number >= 0:
                times[name].append(took)
    return times


def against(times: Sequence[float], others: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(times, others, strict=True)]


def spread(ratios: Sequence[float]) -> str:
    """Median, with the smallest and the largest."""
    low, high = written(min(ratios)), written(max(ratios))
    return f"{written(statistics.median(ratios))} ({low} to {high})"


def written(number: float) -> str:
    """A positive number in three digits, thousands apart from 10 000 on.

    >>> written(0.97531), written(31.21), written(2491.2), written(24912.0)
    ('0.975', '31.2', '2490', '24 900')
    """
    places = 2 - math.floor(math.log10(number))
    comma = "," if number >= 10**4 else ""
    return f"{round(number, places):{comma}.{max(0, places)}f}".replace(",", " ")
