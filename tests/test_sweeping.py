"""Sweeps: columns, factories and fields, simulation and its replay."""

import numpy as np
import pytest

import moetheory as mt


def iso(experts: int) -> mt.BlockModel:
    return mt.BlockModel.isotropic(12, experts, 1.0, signal_energy=12.0, label_noise_variance=0.05)


def test_closed_forms_over_a_factory():
    ks = [1, 2, 3, 12]
    result = mt.sweep(iso, "experts", ks, [mt.Dense(), mt.MoE(), mt.MoE(ridge=0.5)])
    assert list(result.columns) == ["experts", "dense", "moe", "moe(ridge=0.5)", "bound"]
    assert result["experts"].tolist() == ks
    np.testing.assert_allclose(result["dense"], 0.5, rtol=1e-14)
    np.testing.assert_allclose(result["moe"], [1 / (k + 1) for k in ks], rtol=1e-14)
    np.testing.assert_allclose(result["bound"], [1 / k for k in ks], rtol=1e-14)
    assert (result.replicates, result.entropy) == (0, None)


@pytest.mark.parametrize("field", ["noise_variance", "label_noise_variance", "leakage_variances"])
def test_a_field_of_the_model(field):
    values = [0.1, 0.7]
    result = mt.sweep(iso(4), field, values, [mt.MoE()])
    wanted = [mt.risk(mt.MoE(), iso(4).replace(**{field: v})).excess for v in values]
    assert result["moe"].tolist() == wanted


def test_simulated_columns_hold_excess_risks_and_replay(agrees):
    result = mt.sweep(iso, "experts", [3, 4], replicates=2_000_000, rng=5)
    for label in ("dense", "moe"):
        for mean, sem, value in zip(
            result[f"{label}_simulated"], result[f"{label}_sem"], result[label], strict=True
        ):
            assert agrees(mean, sem, result.replicates, value)
    few = mt.sweep(iso, "experts", [3, 4], replicates=100)
    again = mt.sweep(iso, "experts", [3, 4], replicates=100, rng=few.entropy)
    for name in few.columns:
        np.testing.assert_array_equal(few[name], again[name])


def test_the_bound_is_that_of_experts_without_ridge():
    result = mt.sweep(iso(4), "noise_variance", [0.1], [mt.Dense(), mt.MoE(ridge=9.0)])
    assert "bound" not in result.columns


def test_estimators_may_come_from_a_generator():
    result = mt.sweep(iso, "experts", [1], (mt.Dense(ridge=r) for r in (0.0, 1.0)))
    assert list(result.columns) == ["experts", "dense", "dense(ridge=1)"]


def test_progress_runs_over_all_points():
    calls = []
    mt.sweep(iso, "experts", [1, 2], replicates=50, rng=0, progress=lambda *c: calls.append(c))
    assert calls == [(50, 100), (100, 100)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((iso, "experts", []), "values must be a non-empty sequence"),
        ((iso, "experts", ["a"]), "values must be a non-empty sequence"),
        ((iso, "experts", [5]), "experts must divide dim, got experts=5 and dim=12"),
        ((iso(3), "noise_variance", [-1.0]), "noise_variance must be at least 0, got -1"),
        ((iso(3), "experts", [1]), "replace.. takes .* got experts"),
        ((iso, "experts", [1], []), "estimators must be different and at least one"),
        ((iso, "experts", [1], [mt.MoE(), mt.MoE()]), "estimators must be different"),
        ((iso, "experts", [1], ["moe"]), "estimator must be Dense"),
        ((iso, "experts", [1], mt.MoE()), "estimators must be a sequence of estimators, got MoE"),
        ((iso, "experts", [[1], [1, 2]]), "values must be a regular array"),
        ((iso, "dense", [1]), "over must be a name that is no other column's"),
        ((iso, "bound", [1]), "over must be a name that is no other column's"),
        ((iso, None, [1]), "over must be a name that is no other column's"),
        ((lambda k: float(k), "experts", [1]), "model must be a BlockModel, got 1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(*arguments)
