"""The columns of an audit and its leads, from losses that are known."""

import numpy as np
import pytest

from moetheory.auditing.comparison import AGAINST, columns_of, crossovers_of
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import Fitted
from moetheory.auditing.measuring import Measured
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.noise import FeatureNoise, told_level
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.tabular import table_of
from moetheory.auditing.task import Task

LEVELS = np.linspace(0.0, 4.0, 81)
TOLD = np.array([0, 40, 80])
ROWS, HELD = np.arange(60), np.arange(60, 100)


def task_of(sets=None, noise=None):
    x = Features(table_of(np.ones((100, 1))), lambda rows: None)
    labels = np.random.default_rng(9).normal(size=(100, 1))
    sets = np.arange(100) if sets is None else sets
    noise = FeatureNoise("equal", np.ones(1)) if noise is None else noise
    return Task(x, labels, np.zeros(100, int), [np.arange(1)], sets, True, noise, LEVELS, TOLD)


def losses_of(curve_of, levels, samples, rng):
    """Losses whose means are known curves; the noise of a sample is shared by all predictors."""
    noise = rng.normal(size=(samples, 1))
    noise -= noise.mean()
    return {name: curve_of(name, levels) + noise for name in NAMES}


def of(task, predicted, measured, hits=None):
    nothing = SampleMoments(0, *(np.zeros(1) for _ in range(5)))
    return (
        task,
        Fitted({}, predicted, {}, nothing, []),
        Measured(measured, hits, np.zeros((40, 3))),
        ROWS,
        HELD,
    )


def curve(name, levels):
    """Dense grows as tau²; moe(block) is better from 1.5 on, moe(all, tuned) than tuned to 2."""
    return {
        "dense": 1.0 + levels**2,
        "dense(tuned)": 1.0 + levels,
        "moe(block)": 1.0 + 2.25 + 0.0 * levels,
        "moe(all, tuned)": 0.5 + 1.25 * levels,
    }.get(name, 1.0 + levels**2 + 0.1)


def test_leads_begin_and_end_where_the_curves_cross():
    rng = np.random.default_rng(0)
    predicted = losses_of(curve, LEVELS, 60, rng)
    measured = losses_of(curve, LEVELS[TOLD], 40, rng)
    found = crossovers_of(
        LEVELS[TOLD], *of(task_of(), predicted, measured), np.random.default_rng(1)
    )
    assert {name: each.against for name, each in found.items()} == AGAINST
    block = found["moe(block)"]
    for lead in block[:2]:
        # measured at 0, 2 and 4 alone: the curve between them is that of theory
        assert lead.begins.value == pytest.approx(1.5, abs=1e-3)
        assert lead.ends.value == np.inf
    tuned = found["moe(all, tuned)"]
    for lead in tuned[:2]:
        assert (lead.begins.value, lead.ends.value) == (0.0, pytest.approx(2.0))
    for name in ("moe(all)", "moe(block, router)", "moe(all, router)"):
        assert found[name].predicted.begins.value == np.inf


def test_leads_are_told_in_the_unit_of_the_noise():
    rng = np.random.default_rng(0)
    losses = (losses_of(curve, LEVELS, 60, rng), losses_of(curve, LEVELS[TOLD], 40, rng))
    for noise, expected in (
        (FeatureNoise("equal", np.ones(1), 100.0), 150.0),
        (FeatureNoise("dropout", np.ones(1)), 0.6),
    ):
        told = np.array([told_level(level, noise) for level in LEVELS[TOLD].tolist()])
        found = crossovers_of(told, *of(task_of(noise=noise), *losses), rng)["moe(block)"]
        assert found.predicted.begins.value == pytest.approx(expected, rel=1e-3)
        assert found.predicted.ends.value == np.inf


def test_differences_that_are_rounding_are_none():
    def equal(name, levels):
        return 1.0 + levels + 1e-15 * len(name)

    rng = np.random.default_rng(0)
    losses = (losses_of(equal, LEVELS, 60, rng), losses_of(equal, LEVELS[TOLD], 40, rng))
    for each in crossovers_of(LEVELS[TOLD], *of(task_of(), *losses), rng).values():
        assert each.predicted.begins.value == each.measured.begins.value == np.inf


def test_columns_are_means_and_standard_errors():
    rng = np.random.default_rng(0)
    predicted = {name: rng.exponential(size=(60, 81)) for name in NAMES}
    measured = {name: rng.exponential(size=(40, 3)) for name in NAMES}
    hits = {name: rng.random(size=(40, 3)) for name in NAMES}
    told = np.array([0.0, 0.2, 0.4])
    task, *rest = of(task_of(), predicted, measured, hits)
    found = columns_of(told, task, *rest)
    np.testing.assert_array_equal(found["noise_variance"], told)
    for name in NAMES:
        own = predicted[name][:, TOLD]
        np.testing.assert_allclose(found[f"{name}_predicted"], own.mean(axis=0))
        sem = own.std(axis=0, ddof=1) / np.sqrt(60)
        np.testing.assert_allclose(found[f"{name}_predicted_sem"], sem)
        np.testing.assert_allclose(found[f"{name}_measured"], measured[name].mean(axis=0))
        sem = measured[name].std(axis=0, ddof=1) / np.sqrt(40)
        np.testing.assert_allclose(found[f"{name}_sem"], sem)
        np.testing.assert_allclose(found[f"{name}_accuracy"], hits[name].mean(axis=0))
    numbers = columns_of(told, *of(task, predicted, measured))
    assert not any("accuracy" in name for name in numbers)


def test_samples_that_stay_together_count_once_in_standard_errors():
    """Each held-out loss twice, in one set: the errors of the 20 different ones."""
    rng = np.random.default_rng(0)
    predicted = {name: rng.exponential(size=(60, 81)) for name in NAMES}
    measured = {name: np.repeat(rng.exponential(size=(20, 3)), 2, axis=0) for name in NAMES}
    sets = np.r_[np.arange(60), 60 + np.arange(40) // 2]
    found = columns_of(LEVELS[TOLD], *of(task_of(sets), predicted, measured))
    for name in NAMES:
        sem = measured[name][::2].std(axis=0, ddof=1) / np.sqrt(20)
        np.testing.assert_allclose(found[f"{name}_sem"], sem)
    lead = crossovers_of(
        LEVELS[TOLD],
        *of(
            task_of(sets),
            losses_of(curve, LEVELS, 60, rng),
            {
                name: np.repeat(each, 2, axis=0)
                for name, each in losses_of(curve, LEVELS[TOLD], 20, rng).items()
            },
        ),
        rng,
    )["moe(block)"].measured
    assert lead.begins.value == pytest.approx(1.5, abs=1e-3)
