"""Warnings where a standard error cannot be trusted, and none where it can."""

import warnings

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.rare_events import _error_bound


def told(*arguments, **options):
    """The warnings of a simulation as text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mt.simulate(*arguments, rng=0, **options)
    return [str(each.message) for each in caught if each.category is mt.RareGroupWarning]


def test_a_group_that_few_training_sets_have_samples_of():
    model = mt.BlockModel([1 - 1e-4, 1e-4], [0, 0, 1, 1], [1.0] * 4, [1.0, 1.0, 30.0, 30.0], 1.0)
    options = {"samples": 100, "counts": "multinomial", "replicates": 1000}
    (message,) = told(mt.Dense(), model, **options)
    assert message == (
        "about 10 of 1000 training sets have a sample of group 1: "
        "the standard error cannot be trusted"
    )
    assert told(mt.Dense(), model, samples=[100, 20]) == []
    often = model.replace(group_probabilities=[0.9, 0.1])
    assert told(mt.Dense(), often, **options) == []
    assert told(mt.Dense(), often, **{**options, "replicates": 20}) == []
    with pytest.warns(mt.RareGroupWarning, match="have a sample of group 1"):
        mt.simulate_descent(mt.Dense(), model, [3], rng=0, step_size=0.01, **options)


def test_errors_of_routing_that_are_rare_and_dear():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 300.0], 1e-9)
    under = {
        rate: mt.Perturbation(confusion=[[1 - rate, rate], [0.0, 1.0]], drag=1.0)
        for rate in (1e-6, 0.2)
    }
    (message,) = told(mt.MoE(), model, under=under[1e-6], replicates=2000)
    assert message == (
        "hardly any of the inputs that were drawn are taken for the group that would cost moe "
        "most: the standard error cannot be trusted"
    )
    assert told(mt.MoE(), model, under=under[0.2], replicates=2000) == []
    assert told(mt.MoE(), model, under=under[0.2], replicates=20) == []
    # what is rare and costs little shifts nothing
    cheap = model.replace(coefficients=[1.0, 1.0], noise_variance=1.0)
    assert told(mt.MoE(), cheap, under=under[1e-6], replicates=2000) == []


@pytest.mark.parametrize("gate", [mt.Hard(), mt.Soft(), mt.Learned(samples=1000)])
def test_gates_that_hardly_ever_err(gate):
    """The long way, risk, knows what the inputs that were drawn do not show."""
    model = mt.BlockModel.isotropic(12, 3, 0.002, signal_energy=4.0)
    (message,) = told(mt.MoE(gate=gate), model, replicates=500)
    assert message.endswith(
        "errs on hardly any of the inputs that were drawn: the standard error cannot be trusted"
    )
    for noise in (0.5, 1e-7):  # errors are common, or so rare that nobody cares
        assert told(mt.MoE(gate=gate), model.replace(noise_variance=noise), replicates=500) == []
    if not isinstance(gate, mt.Learned):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = mt.simulate(mt.MoE(gate=gate), model, replicates=500, rng=0)
        assert abs(found.z(mt.risk(mt.MoE(gate=gate), model))) > 5.0


def test_the_bound_on_misrouting_is_one_and_within_reach(generic):
    for noise in (1e-3, 0.05, 0.4, 10.0):
        model = generic(noise)
        exact = mt.routing_matrix(mt.Hard(), model).misrouting
        assert exact <= _error_bound(model) <= 20.0 * exact
    assert _error_bound(generic(0.0)) == 0.0
    alone = mt.BlockModel([1.0], [0, 0], np.ones(2), np.ones(2), 1.0)
    assert _error_bound(alone) == pytest.approx(0.0, abs=1e-15)
