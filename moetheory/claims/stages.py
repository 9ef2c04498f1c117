"""Experiments in stages: as many replicates as it takes to decide."""

from __future__ import annotations

import math
from collections.abc import Callable

from moetheory.claims.experiments import Outcome, Setting, Work
from moetheory.problem.model import BlockModel

Experiment = Callable[[BlockModel, Setting], Outcome]

FIRST = 10  # of so many parts the first stage is one
SPARE = 1.25  # times as many as needed, since what is needed was estimated
STAGES = 3


def in_stages(experiment: Experiment, most: Callable[[BlockModel], int]) -> Experiment:
    """An experiment on as many replicates as it needs, at most ``most`` of the model.

    The first stage, a tenth of these, decides or tells how many are needed. The second draws the
    same again and more (Stein 1945), so that its seed and replicates replay it; a third draws
    ``most`` if what was needed was estimated too low. Each stage contradicts the claim by chance
    with a third of the probability. Where more than ``most`` are needed, a stage is the last: what
    is out of reach is not worth the wait. Replicates that are given are what is drawn.
    """

    def staged(model: BlockModel, setting: Setting) -> Outcome:
        if setting.replicates is not None:
            return experiment(model, setting)
        each, largest = setting._replace(tail=setting.tail / STAGES), most(model)
        quiet = Work(setting.work.executor)  # progress is that of the second stage
        outcome = experiment(model, each._replace(replicates=max(2, largest // FIRST), work=quiet))
        for stage in range(1, STAGES):
            if outcome.decides or not outcome.needed <= largest:
                break
            enough = min(math.ceil(SPARE * outcome.needed), largest) if stage == 1 else largest
            outcome = experiment(model, each._replace(replicates=enough))
        return outcome

    return staged
