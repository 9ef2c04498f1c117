"""Experiments in two stages: as many replicates as it takes to decide."""

from __future__ import annotations

import math
from collections.abc import Callable

from moetheory.claims.experiments import Outcome, Setting, Work
from moetheory.problem.model import BlockModel

Experiment = Callable[[BlockModel, Setting], Outcome]

FIRST = 10  # of so many parts the first stage is one
SPARE = 1.2  # times as many as needed, since what is needed was estimated


def in_two_stages(experiment: Experiment, most: Callable[[BlockModel], int]) -> Experiment:
    """An experiment on as many replicates as it needs, at most ``most`` of the model.

    The first stage, a tenth of these, decides or tells how many are needed. The second stage
    draws the same again and more (Stein 1945), so that its seed and replicates replay it. Each
    stage contradicts the claim by chance with half the probability. Where more than ``most`` are
    needed, the first stage is all: what is out of reach is not worth the wait. Replicates that
    are given are what is drawn.
    """

    def staged(model: BlockModel, setting: Setting) -> Outcome:
        if setting.replicates is not None:
            return experiment(model, setting)
        each, largest = setting._replace(tail=setting.tail / 2.0), most(model)
        quiet = Work(setting.work.executor)  # progress is that of the second stage
        first = experiment(model, each._replace(replicates=max(2, largest // FIRST), work=quiet))
        if first.decides or not first.needed <= largest:
            return first
        enough = min(math.ceil(SPARE * first.needed), largest)
        return experiment(model, each._replace(replicates=enough))

    return staged
