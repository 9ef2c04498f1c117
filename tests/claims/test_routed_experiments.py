"""Experiments on raw data that are routed by energy: what they draw, and what they see."""

import pytest

import moetheory as mt
from moetheory.claims import routed_experiments
from moetheory.claims.experiments import Setting

MODEL = mt.BlockModel.isotropic(8, 2, 1.0, signal_energy=8.0, label_noise_variance=0.5)
HARD = mt.MoE(gate=mt.Hard())


def optimum(model):
    return mt.optimal_coefficients(mt.MoE(), model)


def excess(model):
    return mt.risk(HARD, model).excess


EXPERIMENTS = {
    "optimal": routed_experiments.optimal_experiment(optimum, excess),
    "fitted": routed_experiments.fitted_experiment(
        lambda model: 40, lambda model: mt.risk(HARD, model, samples=40).excess
    ),
    "sorted": routed_experiments.sorted_experiment(
        lambda model: mt.risk(mt.MoE(gate=mt.Hard(), retrained=True), model).excess
    ),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_label_noise_is_no_part_of_what_is_measured(name):
    replicates = 3000 if name == "fitted" else 60_000
    found = EXPERIMENTS[name](MODEL, Setting(replicates, 3, 1e-7, 1.0))
    assert found.replicates == replicates
    assert abs(found.z) < 4.5
    assert found.sem < 0.02 * found.simulated


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_few_replicates_decide_nothing(name):
    assert not EXPERIMENTS[name](MODEL, Setting(2, 3, 1e-7, 1.0)).decides
