"""Experiments on gates: nothing is decided by routing errors that were not drawn."""

import pytest

import moetheory as mt
from moetheory.claims.experiments import Setting
from moetheory.claims.fresh_inputs import EVENTS, RARE_ERRORS, TEST_INPUTS
from moetheory.claims.stages import FIRST
from moetheory.theorems import gating_order
from moetheory.theory.leads import lead

SETTING = Setting(None, 1, 1e-7, 1.0)
EXPERIMENTS = {claim.name: claim.experiment for claim in gating_order.THEOREM.claims}


def rare_errors() -> mt.BlockModel:
    """Of most inputs about 130 are routed wrong, 2 of each kind; they cost half an error bar."""
    return mt.BlockModel.isotropic(16, 8, 1e-4, signal_energy=2.0)


@pytest.mark.parametrize("control", [1.0, 0.98])
def test_rare_errors_that_cost_something_decide_nothing(control):
    model = rare_errors()
    misrouting = mt.routing_matrix(mt.Hard(), model).misrouting
    assert EVENTS < misrouting * TEST_INPUTS < 56 * EVENTS
    asked = SETTING._replace(control=control)
    # no stage is worth the wait, unless replicates are given
    assert EXPERIMENTS["oracle <= soft"](model, asked).replicates == TEST_INPUTS // FIRST
    found = EXPERIMENTS["oracle <= soft"](model, asked._replace(replicates=TEST_INPUTS))
    assert found.power < found.resolution
    assert found.note == RARE_ERRORS
    assert found.enough == pytest.approx(56 * EVENTS / misrouting)
    assert not found.decides


def test_with_common_errors_it_decides():
    model = gating_order.THEOREM.example()
    right = EXPERIMENTS["oracle <= soft"](model, SETTING)
    assert right.decides
    assert abs(right.z) < right.threshold
    assert right.note == ""
    wrong = EXPERIMENTS["oracle <= soft"](model, SETTING._replace(control=0.96))
    assert wrong.decides
    assert abs(wrong.z) > wrong.threshold


def test_what_rounding_hides_is_not_simulated_away():
    """So much noise that soft and dense predict the same: their difference is a rounding error."""
    model = gating_order.THEOREM.example().replace(noise_variance=1e8)
    experiment = next(
        c for c in gating_order.THEOREM.claims if c.name == "soft <= dense"
    ).experiment
    assert not experiment(model, SETTING).decides


@pytest.mark.parametrize("p", [1e-4, 1e-6])
def test_a_rare_group_that_carries_the_risk_violates_nothing(p):
    model = mt.BlockModel([1 - p, p], [0, 1], [1.0, 1.0], [1e-3, p**-0.5], 1.0)
    claims = [c for c in gating_order.THEOREM.claims if c.experiment is not None]
    for seed in range(3):
        for claim in claims:
            for point in claim.simulated(model):
                found = claim.experiment(point, SETTING._replace(entropy=seed, replicates=100_000))
                assert not found.decides or abs(found.z) < found.threshold, claim.name


def test_the_order_changes_three_times_around_the_noises_of_the_claims():
    model = gating_order._with_three_crossovers()
    leads = [
        lead(mt.Dense(), mt.MoE(gate=mt.Hard()), model.replace(noise_variance=noise)) > 0.0
        for noise in (0.05, 0.164, 2.48, 30.0)
    ]
    assert leads == [True, False, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("signal", [1.0, 30.0])
def test_crossovers_are_those_of_theory(signal):
    model = mt.BlockModel([0.3, 0.7], [0, 0, 1], [signal, 1.0, 0.5], [1.0, -1.0, 2.0], 1.0)
    pair = mt.Dense(), mt.MoE(gate=mt.Hard()), model
    found = mt.crossovers(*pair, over="noise_variance")
    leads_first = mt.crossover(*pair, over="noise_variance") > 0.0
    assert gating_order._crossovers(model) == (found if leads_first else ())
