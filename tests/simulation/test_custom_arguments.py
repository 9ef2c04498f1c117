"""What `simulate` and `sweep` ask of an estimator of one's own, and what they refuse."""

import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from own_fits import least_squares, shaken

import moetheory as mt

MODEL = mt.BlockModel.isotropic(8, 2, noise_variance=1.0, label_noise_variance=0.5)
OWN = mt.Custom(shaken, name="shaken", version="1")


def test_one_of_its_kind_makes_the_method_data():
    found = mt.simulate([mt.MoE(), shaken], MODEL, samples=20, replicates=20, rng=0)
    assert [each.method for each in found] == ["data", "data"]
    alone = mt.simulate(shaken, MODEL, samples=20, replicates=20, rng=0)
    assert isinstance(alone, mt.Estimate)
    assert alone.mean == found[1].mean
    plan = mt.simulation_plan([mt.MoE(), shaken], MODEL, samples=20, replicates=20)
    assert [run.estimators for run in plan.runs] == [("moe", "shaken")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"needs samples.*Custom\(shaken"),
        ({"samples": 20, "method": "law"}, r'method="law" must be "data".*Custom\(shaken'),
        ({"samples": 20, "method": "statistics"}, 'method="statistics" must be "data"'),
        ({"samples": 20, "method": "identity"}, 'method="identity" must be "data"'),
        ({"method": "population"}, "needs samples"),
    ],
)
def test_other_methods_are_refused(options, message):
    with pytest.raises(mt.ArgumentError, match=message):
        mt.simulate([mt.Dense(), OWN], MODEL, **options)


def test_descent_is_refused():
    with pytest.raises(mt.NoClosedForm, match="by simulation only"):
        mt.simulate_descent(OWN, MODEL, 3, samples=20)
    with pytest.raises(mt.ArgumentError, match="estimators must be Dense or MoE"):
        mt.sweep(MODEL, "steps", [1, 2], [OWN], samples=20, replicates=10)


def test_checkpoints_need_a_name_and_a_version(tmp_path):
    path = tmp_path / "run.npz"
    options = {"samples": 20, "replicates": 20, "rng": 0, "checkpoint": path}
    for lacking in (shaken, mt.Custom(shaken, name="shaken"), mt.Custom(shaken, version="1")):
        with pytest.raises(mt.ArgumentError, match=r"checkpoint needs.*name=.*version=.*Custom\("):
            mt.simulate(lacking, MODEL, **options)
    assert not path.exists()
    first = mt.simulate(OWN, MODEL, **options)
    calls = []

    def recorded(*arguments):
        calls.append(1)
        return shaken(*arguments)

    # the same name and version: the chunks are there, and only the check of the function calls it
    again = mt.simulate(mt.Custom(recorded, name="shaken", version="1"), MODEL, **options)
    assert (again.mean, len(calls)) == (first.mean, 2)
    with pytest.raises(ValueError, match="checkpoint of another run: estimators"):
        mt.simulate(mt.Custom(shaken, name="shaken", version="2"), MODEL, **options)


def test_processes_need_a_function_that_they_can_import(pool):
    def local(features, labels, groups, rng):
        return features[0]

    for own in (local, lambda features, labels, groups, rng: features[0]):
        for executor in (pool, 2):
            with pytest.raises(mt.ArgumentError, match=r"executor must not.*pickle.*by def at the"):
                mt.simulate(own, MODEL, samples=20, replicates=20, executor=executor)
    with ThreadPoolExecutor(2) as threads:
        mt.simulate(local, MODEL, samples=20, replicates=20, executor=threads)


def test_processes_know_nothing_of_a_session(monkeypatch):
    session = types.ModuleType("__main__")
    exec("def typed(features, labels, groups, rng):\n    return features[0]", vars(session))
    monkeypatch.setitem(sys.modules, "__main__", session)
    with pytest.raises(mt.ArgumentError, match=r"executor must not be of.*interactive session"):
        mt.simulate(session.typed, MODEL, samples=20, replicates=20, executor=2)


def test_executors_change_no_bit(pool):
    model = mt.BlockModel.isotropic(4, 2, noise_variance=1.0)
    options = {"samples": 3000, "replicates": 500, "rng": 3}  # several chunks of two batches
    both = [least_squares, shaken]
    here = mt.simulate(both, model, **options)
    with ThreadPoolExecutor(2) as threads:
        for executor in (pool, threads):
            there = mt.simulate(both, model, executor=executor, **options)
            assert there.means.tolist() == here.means.tolist()
            assert there.covariance.tolist() == here.covariance.tolist()
    parts = [mt.simulate(both, model, part=(i, 2), **options) for i in range(2)]
    weights = [each.replicates[0] / 500 for each in parts]
    np.testing.assert_allclose(
        sum(w * each.means for w, each in zip(weights, parts, strict=True)), here.means, rtol=1e-12
    )


def test_a_sweep_simulates_it_beside_theory():
    table = mt.sweep(
        MODEL,
        "noise_variance",
        [0.5, 1.0],
        [mt.Dense(), OWN, least_squares],
        samples=20,
        replicates=50,
        rng=0,
    )
    assert np.isnan(table["shaken"]).all()
    assert np.isnan(table.theory(least_squares)).all()
    np.testing.assert_allclose(table["least_squares_simulated"], table["dense_simulated"])
    assert np.all(table.simulated(OWN) > table.simulated(mt.Dense()))
    assert np.all(table.sem(OWN) > 0.0)


def test_a_sweep_of_it_is_drawn():
    table = mt.sweep(MODEL, "samples", [20, 40], [mt.MoE(), OWN], replicates=20, rng=0)
    ax = mt.plot(table)
    assert "shaken" in [line.get_label() for line in ax.get_lines()]


def test_the_median_is_no_business_of_its():
    # least squares has infinite variance here: the warning is about dense alone
    with pytest.warns(mt.HeavyTailWarning, match="dense"):
        found = mt.simulate([mt.Dense(), OWN], MODEL, samples=10, replicates=20, rng=0)
    assert found.infinite.tolist() == [True, False]
