"""How many inputs experiments draw, and how many it takes where routing errors are rare."""

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.claims.experiments import Setting
from moetheory.claims.fresh_inputs import (
    EVENTS,
    MEAN_LOSS,
    MOST_NUMBERS,
    SQUARED_ERROR,
    TEST_INPUTS,
    inputs_of,
    with_routing_errors,
)
from moetheory.claims.outcomes import Mean

SOFT = (mt.MoE(gate=mt.Soft()),)


def isotropic(noise: float, dim: int = 8) -> mt.BlockModel:
    return mt.BlockModel.isotropic(dim, 2, noise, signal_energy=float(dim))


@pytest.mark.parametrize(
    ("replicates", "dim", "inputs"),
    [
        (None, 8, TEST_INPUTS),
        (None, 20_000, MOST_NUMBERS // 20_000),
        (1000, 8, 1000),
        (2, 8, 4),  # two of each of two groups
    ],
)
def test_as_many_as_asked_for_or_affordable_and_two_of_each_group(replicates, dim, inputs):
    setting = Setting(replicates, 0, 1e-7, 1.0)
    assert inputs_of(setting, isotropic(1.0, dim)) == inputs


def mean(sem: float, replicates: int = TEST_INPUTS) -> Mean:
    return Mean(1.0, sem, replicates, replicates - 1.0, 0.004)


@pytest.mark.parametrize("noise", [1.0, 0.03])
def test_there_are_enough_errors_of_each_kind(noise):
    """Two groups alike: half of the inputs are drawn of each."""
    model = isotropic(noise)
    misrouting = mt.routing_matrix(mt.Hard(), model).misrouting
    found = with_routing_errors(mean(1e-9), SOFT, model, 1.0, SQUARED_ERROR)
    assert found.least == pytest.approx(2.0 * EVENTS / misrouting, rel=1e-9)


def test_a_cost_within_the_standard_error_takes_no_errors():
    plain = mean(1e-4)
    assert with_routing_errors(plain, SOFT, isotropic(0.03), 1e-6, SQUARED_ERROR) == plain
    exact = mean(0.0)
    assert with_routing_errors(exact, SOFT, isotropic(0.03), 1e-6, SQUARED_ERROR) == exact


def test_a_costly_pair_is_not_hidden_behind_cheap_ones():
    """Errors are common, between groups with hardly a label; the third costs a lot, and is rare."""
    model = mt.BlockModel(
        [0.5, 0.5 - 1e-4, 1e-4], [0, 1, 2, 2, 2, 2, 2, 2], [1.0] * 8, [1e-3] * 2 + [30.0] * 6, 0.5
    )
    assert mt.routing_matrix(mt.Hard(), model).misrouting * TEST_INPUTS > 1000 * EVENTS
    cheap = model.replace(coefficients=np.full(8, 1e-3))

    def least(model: mt.BlockModel) -> float:
        sem = 3e-3 * mt.risk(mt.MoE(), model).excess
        return with_routing_errors(mean(sem), SOFT, model, 1.0, SQUARED_ERROR).least

    assert least(model) > TEST_INPUTS > least(cheap)


def test_the_skewness_is_no_less_than_that_of_what_gates_lose():
    """The hard gate's loss beside that of the soft gate, drawn: nearly all of it is routing."""
    model = mt.catalogue["gating-order"].example()
    gates = mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.Hard())
    drawn = [
        mt.simulate(gates, model, method="identity", replicates=1000, rng=seed).values
        for seed in range(200)
    ]
    losses = np.concatenate([hard - soft for soft, hard in drawn])
    n, cost = len(losses), mt.risk(gates[1], model).excess - mt.risk(mt.MoE(), model).excess
    plain = Mean(losses.mean(), stats.sem(losses), n, n - 1.0, np.sqrt(8.0 / n))
    found = with_routing_errors(plain, gates, model, cost, MEAN_LOSS)
    observed = stats.skew(losses) / np.sqrt(n)
    assert observed < found.skewness < 3.0 * observed
    assert found.least < n


def test_few_errors_that_make_up_the_mean_leave_it_skewed():
    """A thousand of them are drawn, yet a mean that hangs on them has no normal tails."""
    model = isotropic(0.03)
    misrouting = mt.routing_matrix(mt.Hard(), model).misrouting
    n, cost = round(1000 / misrouting), 0.5 * misrouting
    few = with_routing_errors(mean(0.05 * cost, n), SOFT, model, cost, SQUARED_ERROR)
    # two kinds of 500 errors that make up half of the cost each, ten standard errors
    share = 2 * 3.0 * 10.0**2 / 500
    third = 2 * 15.0 * 10.0**3 / 500**2
    assert share > 1.0
    assert few.skewness == pytest.approx(third / share**1.5, rel=1e-3)
    setting = Setting(None, 0, 5e-8, 1.0)
    assert setting.threshold(skewness=few.skewness) > 6.0
    many = with_routing_errors(mean(cost, n), SOFT, model, cost, SQUARED_ERROR)
    assert setting.threshold(skewness=many.skewness) < 5.5
