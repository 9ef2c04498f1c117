"""`sweep_plan`: what the simulations of a sweep will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from moetheory.common.errors import ArgumentError
from moetheory.common.seeding import entropy_of
from moetheory.problem.custom_estimators import Fit
from moetheory.problem.estimators import Dense, MoE, Simulated
from moetheory.problem.model import BlockModel
from moetheory.results.planned_runs import SimulationPlan
from moetheory.simulation.planning import planned
from moetheory.sweeping.arguments import SweepArguments, SweepKeywords
from moetheory.sweeping.descent_steps import descent_simulation
from moetheory.sweeping.points import require_defined
from moetheory.sweeping.tabulation import simulations


def sweep_plan(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    values: Sequence[Any] | np.ndarray[Any, Any],
    estimators: Sequence[Simulated | Fit] = (Dense(), MoE()),
    **options: Unpack[SweepKeywords],
) -> SimulationPlan:
    """What the simulations of `sweep` will take with the same arguments.

    Pieces of chunks are drawn for one or two seconds, longer only where a replicate takes long. Of
    many values some are measured, and those between them interpolated. The time of the closed forms
    comes on top.

    Parameters
    ----------
    model, over, values, estimators, **options
        As for `sweep`; ``executor`` and ``progress`` are not used.

    Returns
    -------
    SimulationPlan

    Raises
    ------
    ValueError
        There are no ``replicates``, so that nothing is simulated; or as `sweep` would with these
        arguments.

    Examples
    --------
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> plan = sweep_plan(model, "noise_variance", [0.5, 1.0], samples=160, replicates=1000)
    >>> [(run.point, run.estimators) for run in plan.runs][:2]
    [('noise_variance=0.5', ('moe',)), ('noise_variance=0.5', ('dense',))]
    >>> plan.chunks, sum(run.replicates for run in plan.runs)
    (4, 4000)
    """
    asked = SweepArguments.of(model, over, values, estimators, **options)
    if asked.replicates is None:
        raise ArgumentError("replicates", "must be given: without them nothing is simulated")
    labels = [each.label for each in asked.estimators]
    if over == "steps":
        campaign = descent_simulation(asked).campaign
        return planned([campaign], [[each for each in labels for _ in asked.grid]], [None])
    points = asked.points()
    require_defined(asked.estimators, points)
    questions = simulations(asked, points, entropy_of(asked.rng))
    return planned(
        [question.campaign for question in questions],
        [labels] * len(points),
        [point.name for point in points],
    )
