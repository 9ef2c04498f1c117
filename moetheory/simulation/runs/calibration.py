"""Calibration: how long a chunk takes, from pieces that are drawn for about a second."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.chunks import Run, release_workspace

SECONDS = 1.5  # of a calibration, unless single replicates take longer
SLICE = 0.1  # seconds of one run, at least: of many runs not all are measured
GROWTH = 16.0  # of a piece, at most, over the one before


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What a calibration tells of a run.

    Attributes
    ----------
    seconds : float
        Of a chunk.
    pilot : Tally or None
        The largest piece that was drawn; None: the seconds are those of runs beside it.
    """

    seconds: float
    pilot: Tally | None


def calibrated(runs: Sequence[Run]) -> list[Calibrated]:
    """Seconds of a chunk of each run, by drawing pieces of chunks.

    Of many runs by one method, as a sweep has them, some are measured; between them the seconds
    that a unit of a route's cost takes are interpolated.
    """
    kinds: dict[type, list[int]] = {}
    for place, run in enumerate(runs):
        kinds.setdefault(type(run.route), []).append(place)
    found: dict[int, Calibrated] = {}
    for places in kinds.values():
        end = time.perf_counter() + SECONDS / len(kinds)
        share = max(SECONDS / len(kinds) / len(places), SLICE)
        measured: dict[int, Calibrated] = {}
        for number in _spread(len(places)):
            if not measured or time.perf_counter() + SLICE / 2 < end:
                measured[number] = _measured(runs[places[number]], share)
        numbers = sorted(measured)
        units = [measured[each].seconds / _work(runs[places[each]]) for each in numbers]
        for number, place in enumerate(places):
            unit = float(np.interp(number, numbers, units))
            found[place] = measured.get(number, Calibrated(unit * _work(runs[place]), None))
    release_workspace()
    return [found[place] for place in range(len(runs))]


def _work(run: Run) -> float:
    """The cost of a chunk in units of its route."""
    return float(run.route.cost) * run.replicates_of(0)


def _spread(number: int) -> Iterator[int]:
    """All numbers below ``number``: the ends, then again and again the middles between them.

    >>> list(_spread(5))
    [0, 4, 2, 1, 3]
    """
    seen: set[int] = set()
    step = max(number - 1, 1)
    while len(seen) < number:
        for each in (*range(0, number, step), number - 1):
            if each not in seen:
                seen.add(each)
                yield each
        step = max(step // 2, 1)


def _measured(run: Run, seconds: float) -> Calibrated:
    """The seconds of the first chunk, from larger and larger pieces of it."""
    size, end = run.replicates_of(0), time.perf_counter() + seconds
    replicates = min(run.route.fewest, size)
    pilot = run.piece(replicates)  # also fills caches
    took: dict[int, list[float]] = {}
    while True:
        start = time.perf_counter()
        pilot = run.piece(replicates)
        now = time.perf_counter()
        took.setdefault(replicates, []).append(now - start)
        # half of what is left: then there is some for the same once more, into touched memory
        growth = (end - now) / (2.0 * max(now - start, 1e-9))
        if growth < 0.5:
            break
        replicates = min(size, max(replicates, int(replicates * min(growth, GROWTH))))
    # of other work on the machine a run gets as much as a median piece, and more than the fastest
    middle = {each: float(np.median(several)) for each, several in took.items()}
    return Calibrated(_extended(middle, size), pilot)


def _extended(took: dict[int, float], size: int) -> float:
    """Seconds of ``size`` replicates from those of fewer, of which a part may be constant."""
    *before, most = sorted(took)
    each = took[most] / most
    if before and most < size:
        fewer = before[-1]
        each = min(each, max(0.0, (took[most] - took[fewer]) / (most - fewer)))
    return took[most] + (size - most) * each
