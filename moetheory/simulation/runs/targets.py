"""Targets for a standard error: how far a run is from one, and whether it can be met."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from moetheory.common.errors import ArgumentError, Mention
from moetheory.simulation.methods.tally import Tally

MIN_REPLICATES = 100  # replicates before an observed sem may end a run
# replicates: a day of one processor for what is fastest to draw, years for training sets
MOST_FOR_TARGET = 10**12


def is_met(tally: Tally, target_sem: float) -> bool:
    """Whether no standard error is larger than the target."""
    return tally.replicates >= MIN_REPLICATES and _largest_sem(tally) <= target_sem


def replicates_needed(tally: Tally, target_sem: float, enough: int = MIN_REPLICATES) -> int:
    """About how many replicates the target takes, by those of ``tally``; at least these.

    By fewer than ``enough`` of them it cannot be told.
    """
    needed = float(MIN_REPLICATES)
    if tally.replicates >= enough:
        worst = _largest_sem(tally) / target_sem
        needed = max(needed, tally.replicates * worst * worst)  # a power might overflow
    return max(tally.replicates, math.ceil(min(needed, 1e18)))


def refuse_endless(tallies: Sequence[Tally], target_sem: float) -> None:
    """Refuse a target that would take one of several runs more than `MOST_FOR_TARGET`.

    Raises
    ------
    ArgumentError
        By what was drawn so far it would.
    """
    known = [each for each in tallies if each.replicates >= MIN_REPLICATES]
    # the standard deviation of a replicate, which is the sem of a single one
    worst = max((_largest_sem(each) * math.sqrt(each.replicates) for each in known), default=0.0)
    if worst == 0.0:
        return
    most = math.log10(MOST_FOR_TARGET)
    # in logarithms: the number may be beyond all floats
    needed = 2.0 * (math.log10(worst) - math.log10(target_sem))
    if needed > most:
        least = worst * math.sqrt(2.0 / MOST_FOR_TARGET)  # of half of them, as this is an estimate
        raise ArgumentError(
            "target_sem",
            f"must be at least about {least:.1e}: {target_sem:.3g} would take about "
            f"10^{needed:.0f} replicates, more than 10^{most:.0f}; give their number by ",
            Mention("replicates"),
            " to run for so long",
        )


def _largest_sem(tally: Tally) -> float:
    return math.sqrt(float(np.diagonal(tally.covariance).max()))
