"""Groups as strata: shares against spreads that are observed, and intervals that hold."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.kernels import Workspace
from moetheory.simulation.methods.population import PopulationRoute
from moetheory.simulation.methods.strata import (
    error_deviations,
    even_parts,
    fewest_inputs,
    group_shares,
)

BOTH = (mt.Dense(), mt.MoE())
SEVERAL = mt.MoE(assignment=(0, 1, 0), shared=True)
CONFUSION = np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.02, 0.18, 0.8]])
UNDER = {
    "none": None,
    "noise and a shift": mt.Perturbation(noise_variance=0.9, radius=0.8),
    "confusion": mt.Perturbation(confusion=CONFUSION, drag=0.7),
}


@pytest.mark.parametrize("under", UNDER.values(), ids=list(UNDER))
@pytest.mark.parametrize("estimator", [*BOTH, SEVERAL], ids=["dense", "moe", "several"])
def test_the_deviation_given_the_group_is_that_of_simulated_errors(generic, estimator, under):
    model = generic(leakage_variances=0.1, label_noise_variance=0.2)
    route, rows = PopulationRoute((model,), (estimator,), under), 200_000
    foreseen = error_deviations(estimator, model, under or mt.Perturbation())
    for g in range(model.experts):
        rng, work = np.random.default_rng(g), Workspace()
        losses = route.model_losses(rng, np.full(rows, g), 0, work)[0]
        # the kurtosis of a squared normal is 15, with confusion a little more
        assert np.std(losses) == pytest.approx(foreseen[g], rel=6 * np.sqrt(20 / 4 / rows))


def test_shares_are_those_of_neyman_for_each_estimator_of_the_call(generic):
    model = generic(leakage_variances=0.1)
    p = model.group_probabilities
    risks = np.stack([mt.risk(each, model).per_group for each in BOTH])
    wanted = p * risks / (risks @ p)[:, np.newaxis]
    for row, estimator in zip(wanted, BOTH, strict=True):
        np.testing.assert_allclose(group_shares([model], [estimator]), row, rtol=1e-12)
    largest = wanted.max(axis=0)
    np.testing.assert_allclose(group_shares([model], BOTH), largest / largest.sum(), rtol=1e-12)


def test_groups_that_cost_nothing_are_drawn_and_those_that_never_occur_are_not():
    model = mt.BlockModel([0.5, 0.5, 0.0], [0, 1, 2], [1.0] * 3, [1.0, 0.0, 1.0], 1.0)
    shares = group_shares([model], [mt.MoE()])
    assert (shares > 0.0).tolist() == [True, True, False]
    assert shares[0] == 1.0
    assert fewest_inputs(model) == 4
    silent = model.replace(coefficients=np.zeros(3))
    np.testing.assert_array_equal(group_shares([silent], BOTH), [0.5, 0.5, 0.0])


def test_gates_get_their_probability_at_least(generic):
    model = generic()
    shares = group_shares([model], [mt.MoE(gate=mt.Soft())])
    assert np.all(shares >= model.group_probabilities / 2.0)


def test_signs_get_the_probability_of_their_group(generic):
    model = generic()
    for estimator in (mt.Dense(), SEVERAL, mt.MoE(gate=mt.Soft())):
        shares = group_shares([model], [estimator], loss="sign")
        np.testing.assert_allclose(shares, model.group_probabilities, rtol=1e-15)


def test_parts_are_nearly_equal():
    assert list(even_parts(7, 7)) == [7]
    assert list(even_parts(8, 7)) == [4, 4]
    assert list(even_parts(22, 7)) == [6, 6, 5, 5]


@pytest.mark.parametrize("method", ["population", "identity"])
def test_replicates_that_are_too_few_are_refused_with_the_least_number(generic, method):
    estimator = mt.MoE(gate=mt.Soft())
    with pytest.raises(ValueError, match="replicates must be at least 6, two inputs for each of 3"):
        mt.simulate(estimator, generic(), replicates=5, method=method)
    assert mt.simulate(estimator, generic(), replicates=6, method=method, rng=0).replicates == 6


def rare(p, dim=2):
    """All the risk is in a group of probability p."""
    coefficients = np.repeat([1e-3, p**-0.5], dim)
    return mt.BlockModel([1.0 - p, p], np.repeat([0, 1], dim), np.ones(2 * dim), coefficients, 1.0)


@cache
def simulated_often(model, repetitions):
    return [mt.simulate(BOTH, model, replicates=100, rng=seed) for seed in range(repetitions)]


@pytest.mark.parametrize("p", [1e-3, 1e-6])
@pytest.mark.parametrize("which", ["dense", "moe", "difference"])
def test_a_rare_group_that_carries_the_risk_is_not_missed(p, which):
    """Intervals of 100 inputs hold the truth as often as they say."""
    model, repetitions = rare(p), 600
    truth = [mt.risk(each, model).value for each in BOTH]
    held = 0
    for estimates in simulated_often(model, repetitions):
        estimate, value = {
            "dense": (estimates[0], truth[0]),
            "moe": (estimates[1], truth[1]),
            "difference": (estimates.difference(0, 1), truth[0] - truth[1]),
        }[which]
        low, high = estimate.interval()
        held += low < value < high
    assert stats.binomtest(held, repetitions, 0.95).pvalue > 1e-6
    assert held / repetitions > 0.92


@pytest.mark.parametrize("gate", [mt.Soft(), mt.Hard()])
def test_a_rare_group_is_not_missed_by_gates(gate):
    p = 1e-5
    model = mt.BlockModel([1 - p, p], np.repeat([0, 1], 4), [2.0] * 8, np.repeat([0.1, 30.0], 4), 1)
    estimate = mt.simulate(mt.MoE(gate=gate), model, replicates=2000, rng=0)
    truth = mt.risk(mt.MoE(gate=gate), model)
    assert estimate.sem < 0.1 * truth.value
    assert abs(estimate.z(truth)) < 5.0


def test_every_learned_router_meets_every_group():
    """Each of them has 32 inputs, and one in 500 is of the group that carries the risk."""
    p = 0.002
    model = mt.BlockModel([1 - p, p], np.repeat([0, 1], 4), [8.0] * 8, np.repeat([0.1, 30.0], 4), 1)
    estimate = mt.simulate(mt.MoE(gate=mt.Learned(100_000)), model, replicates=500, rng=0)
    # with so many samples the router is the hard gate, up to its own errors
    truth = mt.risk(mt.MoE(gate=mt.Hard()), model).value
    assert estimate.sem < 0.1 * truth
    assert abs(estimate.mean - truth) < 5.0 * estimate.sem + 0.02 * truth


def test_many_groups_fit_into_the_default_memory():
    """Inputs of all groups are divided together, but not held together."""
    model = mt.BlockModel.isotropic(1024, 512, 1.0, signal_energy=4.0)
    under = mt.Perturbation(confusion=mt.even_confusion(512, 0.3))
    estimate = mt.simulate(mt.MoE(), model, under=under, replicates=4096, rng=0)
    assert abs(estimate.z(mt.risk(mt.MoE(), model, under=under))) < 5.0


def test_a_target_far_away_has_a_progress(generic):
    def stop(done, total):
        assert 0 < done < total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mt.simulate(mt.MoE(), generic(), target_sem=1e-5, rng=0, progress=stop)
