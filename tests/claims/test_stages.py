"""Experiments in stages: how many replicates are drawn, and with what chance of error."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.experiments import Setting, Work
from moetheory.claims.outcomes import mean_outcome
from moetheory.claims.stages import in_stages

MODEL = mt.BlockModel.isotropic(4, 2, 1.0)


def staged(drawn, *, spread, most=10_000, resolution=0.02):
    """An experiment on a mean of 1, which notes its settings."""

    def experiment(_, setting):
        drawn.append(setting)
        rng = np.random.default_rng(setting.entropy)
        values = 1.0 + spread * rng.standard_normal(setting.replicates or most)
        return mean_outcome(values, setting.control, setting, resolution=resolution)

    return in_stages(experiment, lambda _: most)


@pytest.mark.parametrize(
    ("spread", "sizes"), [(0.05, [1000]), (0.15, [1000, (2500, 6000)]), (9.0, [1000])]
)
def test_as_many_are_drawn_as_decide(spread, sizes):
    drawn = []
    outcome = staged(drawn, spread=spread)(MODEL, Setting(None, 7, 1e-6, 1.0))
    assert len(drawn) == len(sizes)
    for setting, expected in zip(drawn, sizes, strict=True):
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        assert low <= setting.replicates <= high
        assert (setting.entropy, setting.tail) == (7, 1e-6 / 3.0)
    assert outcome.decides == (spread < 1.0)
    assert outcome.replicates == drawn[-1].replicates


def test_what_is_asked_for_is_drawn_at_once():
    drawn = []
    staged(drawn, spread=9.0)(MODEL, Setting(50, 7, 1e-6, 1.0))
    assert [(each.replicates, each.tail) for each in drawn] == [(50, 1e-6)]


def test_progress_is_that_of_the_second_stage():
    drawn = []
    setting = Setting(None, 7, 1e-6, 1.0, Work(None, lambda done, total: None))
    staged(drawn, spread=0.15)(MODEL, setting)
    assert [each.work.progress is None for each in drawn] == [True, False]


def test_a_third_stage_draws_all_if_too_few_were_thought_to_be_enough():
    drawn = []

    def experiment(_, setting):
        drawn.append(setting.replicates)
        late = setting.replicates > 1000
        values = np.arange(setting.replicates) % 2 * (0.42 if late else 0.3) + 1.0
        return mean_outcome(values, values.mean(), setting, resolution=0.02)

    assert in_stages(experiment, lambda _: 10_000)(MODEL, Setting(None, 7, 1e-6, 1.0)).decides
    assert drawn[0] == 1000 < drawn[1] < 10_000 == drawn[2]


def test_chance_contradicts_no_oftener_than_told():
    """At a tail of 5 % on either side: 400 checks, of which 10 % may fail; 4.5 sigma above."""
    failed = 0
    for seed in range(400):
        experiment = staged([], spread=0.05, most=500)
        outcome = experiment(MODEL, Setting(None, seed, 0.05, 1.0))
        failed += abs(outcome.z) > outcome.threshold
    assert failed <= 40 + 4.5 * np.sqrt(400 * 0.1 * 0.9)
    assert failed > 0
