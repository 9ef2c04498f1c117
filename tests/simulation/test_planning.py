"""What is planned is what is done: the same chunks, replicates and methods."""

from collections import Counter

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.runs import calibration
from moetheory.simulation.runs.chunks import Run

MODEL = mt.BlockModel.power_law(16, 4, 1.0, decay=0.5, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]
GATED = [mt.MoE(), mt.MoE(mt.Hard())]


@pytest.fixture(autouse=True)
def _in_short(monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.05)
    monkeypatch.setattr(calibration, "SLICE", 0.01)


@pytest.fixture
def done(monkeypatch):
    """Chunks and replicates that are carried out, by method."""
    found: dict[str, Counter[str]] = {}
    compute = Run.__call__

    def noted(run, index):
        own = found.setdefault(run.route.method, Counter())
        own["chunks"] += 1
        own["replicates"] += run.replicates_of(index)
        return compute(run, index)

    monkeypatch.setattr(Run, "__call__", noted)
    return found


def planned(plan):
    return {
        run.method: Counter(chunks=run.chunks, replicates=run.replicates)
        for run in plan.runs
        if run.chunks
    }


@pytest.mark.parametrize(
    ("estimators", "options"),
    [
        (BOTH, {"samples": 40, "replicates": 20_001}),
        (BOTH, {"samples": 40}),
        (BOTH, {"samples": 40, "method": "data", "replicates": 30_000}),
        (BOTH, {"samples": 40, "replicates": 30_000, "part": (1, 3)}),
        (GATED, {"replicates": 100_000}),
        (GATED, {"samples": 40, "replicates": 300}),
        (mt.Dense(), {"loss": "sign"}),
    ],
)
def test_a_plan_has_the_chunks_that_are_carried_out(done, estimators, options):
    plan = mt.simulation_plan(estimators, MODEL, rng=0, **options)
    assert done == {}  # only pieces are drawn
    mt.simulate(estimators, MODEL, rng=0, **options)
    assert planned(plan) == done
    assert plan.target_sem is plan.pilot is None
    for run in plan.runs:
        assert (run.seconds > 0.0) == (run.chunks > 0)


def test_chunks_in_a_checkpoint_are_not_counted_and_the_file_is_left_alone(done, tmp_path):
    path = tmp_path / "run.npz"
    options = {"samples": 40, "method": "data", "checkpoint": path}
    plan = mt.simulation_plan(BOTH, MODEL, rng=0, replicates=30_000, **options)
    assert not path.exists()
    whole = planned(plan)
    mt.simulate(BOTH, MODEL, rng=0, replicates=20_000, **options)
    before = path.read_bytes()
    rest = planned(mt.simulation_plan(BOTH, MODEL, replicates=30_000, **options))
    assert path.read_bytes() == before
    done.clear()
    mt.simulate(BOTH, MODEL, replicates=30_000, **options)
    assert rest == done
    assert 0 < rest["data"]["chunks"] < whole["data"]["chunks"]
    done_plan = mt.simulation_plan(BOTH, MODEL, replicates=30_000, **options)
    assert (done_plan.chunks, done_plan.seconds, done_plan.useful_workers) == (0, 0.0, 1)
    with pytest.raises(ValueError, match="is the checkpoint of another run"):
        mt.simulation_plan(BOTH, MODEL, rng=1, replicates=30_000, **options)


def test_a_target_is_planned_by_a_pilot(monkeypatch):
    def pilots(runs):
        return [calibration.Calibrated(1.0, run.piece(2000)) for run in runs]

    monkeypatch.setattr("moetheory.simulation.planning.calibrated", pilots)
    sample = mt.simulate(mt.MoE(), MODEL, samples=40, replicates=20_000, rng=1)
    target = sample.sem / 4.0
    plan = mt.simulation_plan(mt.MoE(), MODEL, samples=40, target_sem=target, rng=0)
    run = mt.simulate(mt.MoE(), MODEL, samples=40, target_sem=target, rng=0)
    assert (plan.target_sem, plan.pilot) == (target, 2000)
    assert plan.chunks == plan.seconds > 5
    # five times the error of a variance, twice that of a normal law for the tail of a risk
    off = 5.0 * 2.0 * np.sqrt(2.0 / plan.pilot)
    assert plan.runs[0].replicates == pytest.approx(run.replicates, rel=off)


def test_a_target_without_end_is_refused_as_by_the_run():
    for function in (mt.simulation_plan, mt.simulate):
        with pytest.raises(ValueError, match="target_sem must be at least about"):
            function(BOTH, MODEL, samples=40, target_sem=1e-12, rng=0)


def test_bad_arguments_are_refused_as_by_simulate():
    with pytest.raises(ValueError, match="memory must be at least"):
        mt.simulation_plan(BOTH, MODEL, samples=40, memory=10)
    with pytest.raises(ValueError, match="executor must be at least 1, got 0"):
        mt.simulation_plan(BOTH, MODEL, executor=0)


def test_several_models_are_one_plan():
    models = [MODEL.replace(noise_variance=noise) for noise in (0.5, 1.0)]
    plan = mt.simulation_plan(BOTH, models, samples=40, replicates=100, rng=0)
    assert [(run.estimators, run.point) for run in plan.runs] == [
        (("moe",), None),
        (("dense",), None),
    ]
