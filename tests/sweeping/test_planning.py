"""The plan of a sweep has the chunks that the sweep carries out, and no executor changes a bit."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.runs import calibration
from moetheory.simulation.runs.chunks import Run

MODEL = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
BOTH = [mt.Dense(), mt.MoE()]
SWEEPS = [
    (("noise_variance", [0.5, 1.0, 2.0], BOTH), {"replicates": 3000}),
    (("samples", [6, 12, 24, 40], BOTH), {"replicates": 5000}),
    (("noise_variance", [0.5, 1.0], [mt.MoE(mt.Hard())]), {"samples": 30, "replicates": 300}),
    (("steps", [0, 1, 3], BOTH), {"samples": 30, "replicates": 500}),
]


@pytest.fixture
def chunks(monkeypatch):
    """Replicates of the chunks that are carried out, by method."""
    monkeypatch.setattr(calibration, "SECONDS", 0.05)
    monkeypatch.setattr(calibration, "SLICE", 0.005)
    found: Counter[tuple[str, int]] = Counter()
    compute = Run.__call__

    def noted(run, index):
        found[run.route.method, run.replicates_of(index)] += 1
        return compute(run, index)

    monkeypatch.setattr(Run, "__call__", noted)
    return found


@pytest.mark.filterwarnings("ignore:.*infinite:moetheory.HeavyTailWarning")
@pytest.mark.parametrize(("arguments", "options"), SWEEPS)
def test_a_plan_has_the_chunks_that_are_carried_out(chunks, arguments, options):
    plan = mt.sweep_plan(MODEL, *arguments, rng=0, **options)
    assert not chunks
    mt.sweep(MODEL, *arguments, rng=0, **options)
    assert plan.chunks == chunks.total()
    drawn = sum(replicates * times for (_, replicates), times in chunks.items())
    assert sum(run.replicates for run in plan.runs) == drawn
    assert {run.method for run in plan.runs} == {method for method, _ in chunks}
    assert all(run.seconds > 0.0 for run in plan.runs)
    points = list(dict.fromkeys(run.point for run in plan.runs))
    name, values, _ = arguments
    assert points == ([None] if name == "steps" else [f"{name}={each}" for each in values])


@pytest.mark.parametrize(("arguments", "options"), SWEEPS)
def test_the_same_bits_with_an_executor(arguments, options):
    here = mt.sweep(MODEL, *arguments, rng=0, **options)
    with ThreadPoolExecutor(2) as threads:
        there = mt.sweep(MODEL, *arguments, rng=0, executor=threads, memory=2**30, **options)
    for name, column in here.columns.items():
        np.testing.assert_array_equal(column, there[name])


def test_without_replicates_there_is_nothing_to_plan():
    for options in ({}, {"samples": 30}):
        with pytest.raises(ValueError, match="replicates must be given: without them nothing"):
            mt.sweep_plan(MODEL, "steps" if options else "erasure", [1], **options)


def test_too_little_memory_is_refused_at_its_point_before_the_work(chunks):
    for function in (mt.sweep, mt.sweep_plan):
        with pytest.raises(ValueError, match=r"^at noise_variance=0\.5: memory must be at least"):
            function(MODEL, "noise_variance", [0.5], samples=30, replicates=10, memory=10)
    assert not chunks
