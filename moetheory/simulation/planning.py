"""`simulation_plan`: what a call of `simulate` will take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

from moetheory.problem.custom_estimators import Fit
from moetheory.problem.estimators import Simulated
from moetheory.problem.model import BlockModel
from moetheory.results.planned_runs import PlannedRun, SimulationPlan
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.questions import Question, SimulateKeywords
from moetheory.simulation.runs.calibration import Calibrated, calibrated
from moetheory.simulation.runs.campaign import Campaign
from moetheory.simulation.runs.checkpoint import Checkpoint
from moetheory.simulation.runs.checkpoint_file import Chunks
from moetheory.simulation.runs.chunks import Run
from moetheory.simulation.runs.merging import fitting
from moetheory.simulation.runs.targets import refuse_endless, replicates_needed


def simulation_plan(
    estimator: Simulated | Fit | Sequence[Simulated | Fit],
    model: BlockModel | Sequence[BlockModel],
    **options: Unpack[SimulateKeywords],
) -> SimulationPlan:
    """What `simulate` will take with the same arguments: methods, chunks, seconds and memory.

    Pieces of chunks are drawn for one or two seconds, longer only where a replicate takes long.
    Nothing else is computed. Of the arguments ``executor`` and ``progress`` are not used; chunks
    that are in ``checkpoint`` are not counted, and the file is left as it is.

    Parameters
    ----------
    estimator, model, **options
        As for `simulate`.

    Returns
    -------
    SimulationPlan
        With ``target_sem`` replicates, chunks and seconds are estimates from what was drawn.

    Raises
    ------
    ValueError, NoClosedForm
        As `simulate` would with these arguments.
    OSError
        ``checkpoint`` cannot be read.

    Examples
    --------
    >>> from moetheory import Dense, MoE
    >>> model = BlockModel.isotropic(64, 8, noise_variance=1.0, signal_energy=64.0)
    >>> plan = simulation_plan([Dense(), MoE()], model, samples=640, replicates=10**6)
    >>> [run.estimators for run in plan.runs]
    [('moe',), ('dense',)]
    >>> plan.seconds > plan.seconds_with(2), plan.useful_workers > 1, plan.limit
    (True, True, 'memory')
    """
    question = Question.of(estimator, model, **options)
    labels = [each.label for each in question.estimators]
    return planned([question.campaign], [labels], [None])


def planned(
    campaigns: Sequence[Campaign],
    labels: Sequence[Sequence[str]],
    points: Sequence[str | None],
) -> SimulationPlan:
    """The plan of campaigns that are carried out together, at the points of a sweep.

    ``labels`` are those of the values of each campaign, by the members of its families.
    """
    options = campaigns[0].options
    target_sem = options.target_sem
    found = calibrated([run for campaign in campaigns for run in campaign.runs])
    pilots = [each.pilot for each in found if each.pilot is not None]
    if target_sem is not None:
        refuse_endless(pilots, target_sem)
    measured = iter(found)
    runs = []
    for campaign, names, point in zip(campaigns, labels, points, strict=True):
        there = _finished(campaign)
        for family, run in zip(campaign.plan, campaign.runs, strict=True):
            each = next(measured)
            replicates, chunks = _left(run, there.get(family.name, {}), each, target_sem)
            runs.append(
                PlannedRun(
                    point=point,
                    estimators=tuple(dict.fromkeys(names[member] for member in family.members)),
                    method=run.route.method,
                    replicates=replicates,
                    chunks=chunks,
                    seconds=each.seconds * replicates / run.replicates_of(0),
                    chunk_memory=run.route.footprint,
                )
            )
    return SimulationPlan(
        runs=tuple(runs),
        memory=options.memory,
        chunks_at_once=min(campaign.in_flight for campaign in campaigns),
        target_sem=target_sem,
        pilot=None if target_sem is None else min(pilot.replicates for pilot in pilots),
    )


def _finished(campaign: Campaign) -> Chunks:
    """The chunks in the checkpoint of a campaign."""
    path = campaign.options.checkpoint
    if path is None:
        return {}
    return Checkpoint.chunks_in(path, campaign.identity(campaign.entropy))


def _left(
    run: Run, found: dict[int, Tally], measured: Calibrated, target_sem: float | None
) -> tuple[int, int]:
    """Replicates and chunks that a run still has to compute."""
    if target_sem is None:
        indices = run.indices()
    else:
        assert measured.pilot is not None
        size = run.route.chunk_size
        needed = replicates_needed(measured.pilot, target_sem, enough=2)
        indices = range(math.ceil(needed / size))
    assert isinstance(indices, range)
    there = [index for index in fitting(found, run) if index in indices]
    done = sum(run.replicates_of(index) for index in there)
    total = run.replicates if target_sem is None else len(indices) * run.route.chunk_size
    return total - done, len(indices) - len(there)
