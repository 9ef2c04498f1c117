"""Arguments are checked once, by the public function that a user calls."""

import sys
from collections import Counter

import numpy as np
import pytest

import moetheory as mt
from moetheory.problem.estimators import checked_estimator, checked_simulated
from moetheory.problem.model import checked_model
from moetheory.simulation.runs.chunks import Run
from moetheory.theory.order_changes import OVER

DENSE, MOE, HARD = mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard())
MODEL = mt.BlockModel.isotropic(6, 3, noise_variance=1.0, signal_energy=6.0)


def checks(call):
    """How often arguments are checked during ``call``: (estimators, models)."""
    counter = Counter()
    checking = {
        checked_estimator.__code__: "estimator",
        checked_simulated.__code__: "estimator",
        checked_model.__code__: "model",
    }

    def count(frame, event, _):
        if event == "call" and frame.f_code in checking:
            counter[checking[frame.f_code]] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    return counter["estimator"], counter["model"]


FITTED = [("test_noise_variance", 40), ("misrouting", 40)]


@pytest.mark.parametrize(("over", "samples"), [*((over, None) for over in OVER), *FITTED])
@pytest.mark.parametrize("b", [MOE, mt.MoE(ridge=0.1)])
def test_a_crossover_checks_each_argument_once(over, samples, b):
    for verb in (mt.crossover, mt.crossovers):
        found = checks(lambda verb=verb: verb(DENSE, b, MODEL, over=over, samples=samples))
        assert found == (2, 1)


def test_a_crossover_of_a_gate_checks_each_argument_once():
    assert checks(lambda: mt.crossover(DENSE, HARD, MODEL, over="noise_variance")) == (2, 1)


@pytest.mark.parametrize("estimator", [DENSE, MOE])
def test_the_best_ridge_checks_each_argument_once(estimator):
    assert checks(lambda: mt.optimal_ridge(estimator, MODEL, 20)) == (1, 1)


ERASED = mt.Perturbation(erasure=0.1, noise_variance=2.0)
ONE_ESTIMATOR = {
    "risk": lambda: mt.risk(HARD, MODEL),
    "risk of a fit": lambda: mt.risk(MOE, MODEL, samples=20),
    "risk under": lambda: mt.risk(DENSE, MODEL, under=ERASED),
    "risk of a fit under": lambda: mt.risk(MOE, MODEL, samples=20, under=ERASED, require="exact"),
    "misclassification": lambda: mt.misclassification(MOE, MODEL, under=mt.Perturbation(2.0)),
    "excess_rate": lambda: mt.excess_rate(MOE, MODEL),
    "risk_distribution": lambda: mt.risk_distribution(MOE, MODEL, 20),
    "descent": lambda: mt.descent(DENSE, MODEL, [1, 5]),
    "contraction_factor": lambda: mt.contraction_factor(MOE, MODEL),
    "steps_to": lambda: mt.steps_to(DENSE, MODEL, 0.01, relative=True),
    "spiked_spectrum": lambda: mt.spiked_spectrum(MOE, MODEL, 40),
    "optimal_coefficients": lambda: mt.optimal_coefficients(MOE, MODEL),
}
NO_ESTIMATOR = {
    "gap": lambda: mt.gap(MODEL),
    "mmse": lambda: mt.mmse(MODEL),
    "moe_bound": lambda: mt.moe_bound(MODEL),
    "high_probability_bound": lambda: mt.high_probability_bound(MODEL, 20, 0.05),
    "routing_matrix": lambda: mt.routing_matrix(mt.Hard(), MODEL),
    "best_assignment": lambda: mt.best_assignment(MODEL),
    "best_assignment of fits": lambda: mt.best_assignment(MODEL, samples=40),
    "misrouting_bound": lambda: mt.misrouting_bound(MODEL),
    "sharp_snr_condition": lambda: mt.sharp_snr_condition(MODEL),
}


@pytest.mark.parametrize("name", ONE_ESTIMATOR)
def test_functions_of_an_estimator_check_it_and_its_model_once(name):
    assert checks(ONE_ESTIMATOR[name]) == (1, 1)


@pytest.mark.parametrize("name", NO_ESTIMATOR)
def test_functions_of_a_model_check_it_once(name):
    assert checks(NO_ESTIMATOR[name]) == (0, 1)


def test_a_model_that_is_made_inside_needs_no_check():
    assert checks(lambda: mt.best_experts(8, 40, 1.0)) == (0, 0)
    assert checks(lambda: mt.law_ends(8, 1.0, signal_energy=8.0, samples=80)) == (0, 0)


def test_checks_in_a_loop_would_be_counted():
    assert checks(lambda: [mt.risk(DENSE, MODEL) for _ in range(3)]) == (3, 3)
    assert checks(lambda: np.zeros(3)) == (0, 0)


SIMULATED = {
    "population": lambda chunks: mt.simulate(MOE, MODEL, replicates=chunks * 90_000, rng=0),
    "identity": lambda chunks: mt.simulate(HARD, MODEL, replicates=chunks * 90_000, rng=0),
    "law": lambda chunks: mt.simulate(MOE, MODEL, samples=60, replicates=chunks * 90_000, rng=0),
    "statistics": lambda chunks: mt.simulate(
        DENSE, MODEL, samples=60, replicates=chunks * 15_000, rng=0
    ),
    "data": lambda chunks: mt.simulate(
        [lambda x, y, groups, rng: x[0], DENSE], MODEL, samples=6000, replicates=chunks * 58, rng=0
    ),
}
ESTIMATORS = dict.fromkeys(SIMULATED, 1) | {"data": 2}


@pytest.mark.parametrize("method", SIMULATED)
def test_a_simulation_checks_each_argument_once_for_any_number_of_chunks(method, monkeypatch):
    chunks = Counter()
    carry_out = Run.__call__

    def counted(run, index):
        chunks[index] += 1
        return carry_out(run, index)

    monkeypatch.setattr(Run, "__call__", counted)
    assert checks(lambda: SIMULATED[method](5)) == (ESTIMATORS[method], 1)
    assert len(chunks) > 1, "the test needs several chunks"


def test_a_sweep_in_theory_checks_each_estimator_once():
    found = checks(lambda: mt.sweep(MODEL, "erasure", [0.0, 0.1, 0.2], [DENSE, MOE]))
    assert found == (2, 0)  # each point is a model that was checked when it was made
