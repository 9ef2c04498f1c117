"""Simulated routing against the exact law of two equal blocks and against data."""

import re

import numpy as np
import pytest
from scipy import special

import moetheory as mt
from moetheory.problem.gates import Hard, Learned, Soft, TopK
from moetheory.simulation import simulate_routing

PAIR = mt.BlockModel.isotropic(8, 2, 0.5, signal_energy=8.0)


def test_two_equal_blocks_are_confused_as_often_as_a_beta_law_says(agrees):
    """The larger energy wins, and their ratio follows an F law."""
    estimate = simulate_routing(Hard(), PAIR, replicates=1_700_000, rng=0)
    exact = special.betainc(2.0, 2.0, 1 / (2 + 2.0 / 0.5))
    misrouting = estimate.misrouting
    assert agrees(misrouting.mean, misrouting.sem, misrouting.replicates, exact)
    np.testing.assert_allclose(estimate.matrix, [[1 - exact, exact], [exact, 1 - exact]], rtol=0.02)
    np.testing.assert_allclose(misrouting.per_group, exact, rtol=0.02)


def test_the_matrix_is_where_data_goes(generic):
    """Log densities written out on drawn data; frequencies have their binomial errors."""
    model = generic()
    data = model.sample(300_000, rng=1)
    variances = 0.4 + np.where(
        model.block_of == np.arange(3)[:, np.newaxis], model.signal_variances, 0.0
    )
    scores = np.log(model.group_probabilities) - 0.5 * np.log(variances).sum(axis=1)
    chosen = np.argmax(scores - 0.5 * data.features**2 @ (1 / variances).T, axis=1)
    counts = np.histogram2d(data.groups, chosen, bins=3)[0]
    estimate = simulate_routing(Hard(), model, replicates=400_000, rng=2)
    share = counts / counts.sum(axis=1, keepdims=True)
    sems = np.sqrt(share * (1 - share) / counts.sum(axis=1, keepdims=True))
    assert np.all(np.abs(estimate.matrix - share) < 6 * sems)
    np.testing.assert_allclose(estimate.matrix.sum(axis=1), 1.0, rtol=1e-14)
    astray = np.sum(model.group_probabilities * (1 - np.diagonal(estimate.matrix)))
    assert estimate.misrouting.mean == pytest.approx(astray, rel=0.01)


def test_the_best_router_exceeds_itself_by_nothing(generic):
    estimate = simulate_routing(Hard(), generic(), rng=0)
    assert (estimate.excess.mean, estimate.excess.sem) == (0.0, 0.0)
    assert estimate.excess.per_group.tolist() == [0.0, 0.0, 0.0]
    assert estimate.excesses is None
    assert estimate.replicates == 100_000
    for gate in (TopK(1), Learned()):
        np.testing.assert_array_equal(
            simulate_routing(gate, generic(), rng=0).matrix, estimate.matrix
        )


@pytest.mark.parametrize("moments", ["blocks", "full"])
def test_a_learned_router_loses_less_the_more_it_saw(generic, moments):
    best = simulate_routing(Hard(), generic(), rng=0).misrouting.mean
    few, many = (simulate_routing(Learned(n, moments), generic(), rng=0) for n in (100, 3200))
    assert few.excesses.shape == (200,)
    assert np.all(few.excesses >= 0.0)
    assert few.excess.mean == pytest.approx(few.excesses.mean(), rel=1e-12)
    sem = few.excesses.std(ddof=1) / np.sqrt(200)
    assert few.excess.sem == pytest.approx(sem, rel=1e-12)
    for each in (few, many):
        assert each.misrouting.mean - each.excess.mean == pytest.approx(best, rel=0.03)
        whole = generic().group_probabilities @ each.excess.per_group
        assert whole == pytest.approx(each.excess.mean, rel=0.05)
    # of order 1/n
    assert 16 < few.excess.mean / many.excess.mean < 70


def test_what_replays_and_what_is_read_only(generic):
    arguments = {"replicates": 30, "inputs": 50}
    first = simulate_routing(Learned(90), generic(), rng=np.random.default_rng(1), **arguments)
    again = simulate_routing(Learned(90), generic(), rng=first.entropy, **arguments)
    np.testing.assert_array_equal(first.excesses, again.excesses)
    assert first.misrouting.mean == again.misrouting.mean
    with pytest.raises(ValueError, match="read-only"):
        first.matrix[0, 0] = 1.0


def test_edges(generic):
    one = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], 0.5)
    assert simulate_routing(Learned(1), one, replicates=2, rng=0).matrix.tolist() == [[1.0]]
    still = simulate_routing(Hard(), generic(0.0), replicates=100, rng=0)
    np.testing.assert_array_equal(still.matrix, np.eye(3))
    assert still.misrouting.mean == 0.0
    rare = generic().replace(group_probabilities=[0.4, 0.6, 0.0])
    for gate in (Hard(), Learned(50)):
        estimate = simulate_routing(gate, rare, replicates=50, rng=0)
        assert np.isnan(estimate.matrix).any(axis=1).tolist() == [False, False, True]
        assert not estimate.matrix[:2, 2].any()
        assert np.isnan(estimate.misrouting.per_group).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("gate", "changes", "message"),
    [
        (Soft(), {}, "gate must pick one expert by the input: Hard(), TopK(1) or Learned(...), "),
        (mt.Oracle(), {}, "gate must pick one expert by the input"),
        (TopK(2), {}, "got TopK(k=2)"),
        ("hard", {}, "gate must be Oracle(), Hard()"),
        (Hard(), {"replicates": 1}, "replicates must be at least 2, got 1"),
        (Learned(90), {"inputs": 0}, "inputs must be at least 1, got 0"),
        (Hard(), {"rng": -1}, "rng must be None"),
    ],
)
def test_refusals(generic, gate, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate_routing(gate, generic(), **changes)


@pytest.mark.parametrize("energies", [False, True])
def test_with_leakage_the_matrix_is_where_data_goes(generic, energies):
    """Idle coordinates have the variance ν+n, more than λ+n in one block."""
    model = generic(leakage_variances=[0.1, 2.0, 0.3, 0.0, 1.5, 0.2, 4.0, 0.5, 1.0])
    if energies:
        first = np.unique(model.block_of, return_index=True)[1][model.block_of]
        model = model.replace(
            signal_variances=model.signal_variances[first],
            leakage_variances=model.leakage_variances[first],
        )
    data = model.sample(300_000, rng=1)
    own = model.block_of == np.arange(3)[:, np.newaxis]
    variances = model.noise_variance + np.where(
        own, model.signal_variances, model.leakage_variances
    )
    scores = np.log(model.group_probabilities) - 0.5 * np.log(variances).sum(axis=1)
    chosen = np.argmax(scores - 0.5 * data.features**2 @ (1 / variances).T, axis=1)
    counts = np.histogram2d(data.groups, chosen, bins=3)[0]
    share = counts / counts.sum(axis=1, keepdims=True)
    sems = np.sqrt(share * (1 - share) / counts.sum(axis=1, keepdims=True))
    estimate = simulate_routing(Hard(), model, replicates=400_000, rng=2)
    assert np.all(np.abs(estimate.matrix - share) < 6 * sems)
    learned = simulate_routing(Learned(10**7), model, rng=0)
    assert abs(learned.misrouting.z(estimate.misrouting)) < 4.5


@pytest.mark.parametrize(("noise", "seeds"), [(0.5, 100), (2e-2, 100), (1e-4, 100), (1e-8, 100)])
def test_intervals_cover_rare_misrouting(noise, seeds):
    """Of 100 runs of 400 inputs; misrouting from 0.01 to 1e-32."""
    model = mt.BlockModel.isotropic(24, 3, noise, signal_energy=24.0)
    exact = mt.routing_matrix(Hard(), model)
    found = [simulate_routing(Hard(), model, replicates=400, rng=i) for i in range(seeds)]
    scores = np.array([each.misrouting.z(exact.misrouting) for each in found])
    assert np.sum(np.abs(scores) < 1.96) >= 85
    assert abs(scores.mean()) < 0.4
    mean = np.mean([each.matrix for each in found], axis=0)
    np.testing.assert_allclose(mean, exact.matrix, rtol=0.05)
