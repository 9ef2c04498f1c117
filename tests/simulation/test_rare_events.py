"""Warnings where a standard error cannot be trusted, and none where it can."""

import warnings

import numpy as np
import pytest
from scipy import stats

import moetheory as mt


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
        "the standard error cannot be trusted; take the theory if known, or more replicates"
    )
    assert told(mt.Dense(), model, samples=[100, 20]) == []
    often = model.replace(group_probabilities=[0.9, 0.1])
    assert told(mt.Dense(), often, **options) == []
    assert told(mt.Dense(), often, **{**options, "replicates": 20}) == []
    with pytest.warns(mt.RareGroupWarning, match="have a sample of group 1"):
        mt.simulate_descent(mt.Dense(), model, [3], rng=0, step_size=0.01, **options)


def test_two_inputs_for_each_of_many_groups_leave_few_for_the_one_that_counts():
    coefficients = [3.0] + [1e-3] * 14
    model = mt.BlockModel([1 / 15] * 15, range(15), [1.0] * 15, coefficients, 1.0)
    (message,) = told(mt.MoE(), model, replicates=34)
    assert message == (
        "hardly any of the inputs are of the groups that carry the risk of moe: "
        "the standard error cannot be trusted; take the theory if known, or more replicates"
    )
    assert told(mt.MoE(), model, replicates=100) == []
    assert told(mt.MoE(), model.replace(coefficients=[1.0] * 15), replicates=45) == []


def test_errors_of_routing_that_are_rare_and_dear():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 300.0], 1e-9)
    under = {
        rate: mt.Perturbation(confusion=[[1 - rate, rate], [0.0, 1.0]], drag=1.0)
        for rate in (1e-6, 0.2)
    }
    dear = (
        "hardly any of the inputs that were drawn are taken for the group that would cost moe "
        "most: the standard error cannot be trusted; take the theory if known, or more replicates"
    )
    assert dear in told(mt.MoE(), model, under=under[1e-6], replicates=2000)
    assert told(mt.MoE(), model, under=under[0.2], replicates=2000) == []
    assert told(mt.MoE(), model, under=under[0.2], replicates=20) == []
    # what is rare and costs little shifts nothing
    cheap = model.replace(coefficients=[1.0, 1.0], noise_variance=1.0)
    assert told(mt.MoE(), cheap, under=under[1e-6], replicates=2000) == []


@pytest.mark.parametrize("gate", [mt.Hard(), mt.Soft(), mt.Learned(samples=10**6)])
def test_gates_that_hardly_ever_err(gate):
    """Errors are drawn on purpose, however rare they are."""
    model = mt.BlockModel.isotropic(12, 3, 0.5, signal_energy=4.0)
    for noise in (0.5, 0.002, 1e-9):
        there = model.replace(noise_variance=noise)
        assert told(mt.MoE(gate=gate), there, replicates=500) == []
        found = mt.simulate(mt.MoE(gate=gate), there, replicates=500, rng=0)
        best = mt.Hard() if isinstance(gate, mt.Learned) else gate
        exact, oracle = mt.risk(mt.MoE(gate=best), there), mt.risk(mt.MoE(), there)
        if noise > 1e-9:  # else nothing is left beside the risk of the oracle
            assert abs(found.z(exact)) < 4.0
            assert 0.0 < found.sem < 0.1 * (exact.value - oracle.value)
        assert found.mean == pytest.approx(exact.value, rel=0.05)


def test_gates_that_err_on_few_of_the_inputs_that_were_drawn_for_it():
    """Blocks of eighteen kinds, all but one large: no tilt is good for all, and inputs are few."""
    sizes = [4, *range(80, 97)]
    model = mt.BlockModel(
        np.full(18, 1 / 18), np.repeat(range(18), sizes), np.ones(1500), np.ones(1500), 0.3
    )
    (message,) = told(mt.MoE(gate=mt.Hard()), model, replicates=100)
    assert message == (
        "moe(hard) errs on hardly any of the inputs that were drawn: the standard error cannot be "
        "trusted; take the theory if known, or more replicates"
    )
    assert told(mt.MoE(gate=mt.Hard()), model, replicates=1000) == []
    with pytest.warns(mt.RareGroupWarning, match="standard error of the misrouting"):
        mt.simulate_routing(mt.Hard(), model.replace(noise_variance=0.2), replicates=50, rng=0)


def test_a_group_whose_absence_is_rare_and_dear():
    model = mt.BlockModel([0.99, 0.01], [0, 1], [1.0, 1.0], [1.0, 50.0], 1.0)
    options = {"samples": 500, "counts": "multinomial", "replicates": 100}
    (message,) = told(mt.MoE(ridge=0.05), model, **options)
    assert message.startswith("about 0.66 of 100 training sets lack samples of group 1: ")
    cheap = model.replace(coefficients=[1.0, 0.1])
    assert told(mt.MoE(ridge=0.05), cheap, **options) == []


def test_erasures_that_are_rare_and_dear():
    model = mt.BlockModel.isotropic(8, 2, 1e-4, signal_energy=8.0)
    for erasure, replicates, number in ((1e-4, 500, 1), (0.2, 500, 0), (0.2, 20, 0)):
        under = mt.Perturbation(erasure=erasure)
        messages = told(mt.MoE(), model, under=under, replicates=replicates)
        assert len(messages) == number
    assert told(mt.MoE(), model.replace(noise_variance=1.0), under=under, replicates=500) == []


def test_gates_by_squared_errors_and_differences_of_gates():
    model = mt.BlockModel.isotropic(12, 3, 0.002, signal_energy=4.0)
    hard, soft = mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())
    common = model.replace(noise_variance=0.5)
    for gates in (hard, [hard, soft]):
        assert told(gates, model, replicates=500, method="population")
        assert told(gates, common, replicates=500, method="population") == []
    rare = mt.BlockModel([1 - 1e-5, 1e-5], np.repeat([0, 1], 4), [1.0] * 8, [1.0] * 8, 1.0)
    messages = told([hard, soft], rare, replicates=200)
    assert any("differ on hardly any of the inputs drawn" in each for each in messages)


@pytest.mark.parametrize(
    ("noise", "replicates", "message"),
    [
        (stats.t(3), 10**4, "fourth moment of the test noise is infinite"),
        (stats.gamma(0.05), 100, "excess kurtosis of 120: .* take 1200 replicates at least"),
    ],
)
def test_heavy_test_noise(noise, replicates, message):
    model = mt.BlockModel.isotropic(4, 2, 1.0, signal_energy=4.0)
    with pytest.warns(mt.HeavyTailWarning, match=message):
        mt.simulate(mt.MoE(), model, under=mt.Perturbation(noise=noise), replicates=replicates)
    mt.simulate(mt.MoE(), model, under=mt.Perturbation(noise=stats.laplace()), replicates=50)


def test_routing_of_rare_groups_and_of_sure_gates():
    rare = mt.BlockModel([1 - 1e-6, 1e-6], np.repeat([0, 1], 4), [2.0] * 8, [1.0] * 8, 1.0)
    found = mt.simulate_routing(mt.Hard(), rare, replicates=4000, rng=0)
    exact = mt.routing_matrix(mt.Hard(), rare)
    assert abs(found.misrouting.z(exact.misrouting)) < 5.0
    assert found.misrouting.sem < 0.1 * exact.misrouting
    np.testing.assert_allclose(found.matrix[1], exact.matrix[1], atol=0.1)
    sure = mt.BlockModel.isotropic(12, 3, 0.002, signal_energy=4.0)
    found = mt.simulate_routing(mt.Hard(), sure, replicates=500, rng=0).misrouting
    exact = mt.routing_matrix(mt.Hard(), sure)
    assert abs(found.z(exact.misrouting)) < 4.0
    assert found.sem < 0.1 * exact.misrouting < 1e-5
    loud = mt.BlockModel.isotropic(6, 3, 2e15, signal_energy=2.1)
    even = mt.simulate_routing(mt.Hard(), loud, replicates=30_000, rng=0).matrix
    np.testing.assert_allclose(even, np.full((3, 3), 1 / 3), atol=0.02)


def test_signs_that_are_hardly_ever_wrong_or_right():
    model = mt.BlockModel.isotropic(12, 3, 1e-12, signal_energy=4.0)
    (message,) = told(mt.MoE(), model, loss="sign", replicates=3000)
    assert message == (
        "the sign of moe is wrong on about 0 of 3000 inputs: the standard error cannot be "
        "trusted; take the theory if known, or more replicates"
    )
    far = mt.Perturbation(radius=1e3)
    (message,) = told(mt.Dense(), model, loss="sign", replicates=3000, under=far)
    assert "the sign of dense is right on about 0 of 3000 inputs" in message
    loud = model.replace(noise_variance=1.0)
    heavy = mt.Perturbation(noise=stats.t(3))  # signs are bounded
    assert told([mt.Dense(), mt.MoE()], loud, loss="sign", replicates=300, under=heavy) == []
    learned = mt.MoE(mt.Learned(10**6))
    (message,) = told(learned, model, loss="sign", replicates=200)
    assert "the sign of moe(learned samples=1000000) is wrong on hardly any inputs" in message
    assert told(learned, loud, loss="sign", replicates=200) == []


def test_sets_without_samples_of_a_group_guess_its_signs():
    model = mt.BlockModel([0.9, 0.1], [0, 0, 1, 1], [1.0] * 4, [1.0] * 4, 1.0)
    options = {"samples": 100, "counts": "multinomial", "replicates": 500}
    assert told(mt.MoE(), model.replace(label_noise_variance=1.0), loss="sign", **options) == []
    rare = model.replace(group_probabilities=[1.0 - 1e-4, 1e-4])
    (message,) = told(mt.MoE(), rare, loss="sign", **options)
    assert "training sets have a sample of group 1" in message


def test_a_gate_may_confuse_the_groups_of_one_expert():
    """Two groups look alike, and one expert serves both: only the third is rarely mistaken."""
    blocks, signal = [0, 1, *[2] * 6], [1.0, 1.0, *[100.0] * 6]
    model = mt.BlockModel([0.3, 0.3, 0.4], blocks, signal, [1.0] * 8, 1.0)
    options = {"replicates": 200, "method": "population"}
    (message,) = told(mt.MoE(mt.Hard(), assignment=(0, 0, 1)), model, **options)
    assert "moe(hard assignment=001) errs on hardly any of the inputs" in message
    assert told(mt.MoE(mt.Hard()), model, **options) == []
    never = model.replace(
        signal_variances=[1.0, 1.0, *[1e8] * 6], coefficients=[1.0] * 2 + [1e-4] * 6
    )
    assert told(mt.MoE(mt.Hard(), assignment=(0, 0, 1)), never, **options) == []
