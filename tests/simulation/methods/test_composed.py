"""Experts that serve several groups, each by a route of its own, against theory and data."""

import math

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, STRICT
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation.methods.law import LawRoute
from moetheory.simulation.methods.statistics import DenseStatisticsRoute
from moetheory.simulation.plans import families

UNDER = mt.Perturbation(
    noise_variance=np.linspace(0.1, 2.0, 9), interference_variances=0.4, radius=0.2
)
ESTIMATORS = [mt.MoE(assignment=(0, 1, 0)), mt.MoE(ridge=0.3, assignment=(0, 1, 0))]


def test_each_expert_has_the_route_of_dense_on_what_it_serves():
    (family,) = families(ESTIMATORS[:1], (STRICT,), np.array([20, 30, 25]), "fixed", None)
    assert [type(each) for each in family.route.routes] == [DenseStatisticsRoute, LawRoute]
    assert [part.groups.tolist() for part in family.route.parts] == [[0, 2], [1]]


def test_risks_are_those_of_theory(agrees):
    """Without ridge the expert of one group is exact, and the other one nearly."""
    estimates = mt.simulate(ESTIMATORS, LEAKING, samples=300, replicates=3000, rng=1)
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.risk(estimator, LEAKING, samples=300)
        assert theory.error < 1e-3 * theory.value
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)
        np.testing.assert_allclose(estimate.per_group, theory.per_group, rtol=0.01)


@pytest.mark.parametrize(
    ("model", "samples", "under", "loss"),
    [
        (STRICT, (20, 30, 25), UNDER, "squared"),
        (LEAKING, (1, 3, 1), None, "sign"),
        (LEAKING, (0, 25, 0), UNDER.replace(radius=0.0), "sign"),
    ],
)
def test_it_agrees_with_data(agrees, model, samples, under, loss):
    """Also fewer samples than coordinates, and an expert without samples, which predicts zero."""
    options = {"samples": samples, "under": under, "loss": loss}
    here = mt.simulate(ESTIMATORS, model, replicates=20_000, rng=1, **options)
    there = mt.simulate(ESTIMATORS, model, replicates=20_000, rng=2, method="data", **options)
    assert set(here.methods) == {"statistics"}
    assert set(there.methods) == {"data"}
    for a, b in zip(here, there, strict=True):
        assert agrees(a.mean, math.hypot(a.sem, b.sem), a.replicates, b.mean)


def test_models_and_ridges_share_the_draws_and_assignments_do_not():
    models = [LEAKING, LEAKING.replace(noise_variance=0.5)]
    others = [mt.Dense(), *ESTIMATORS, mt.MoE(assignment=(0, 0, 1))]
    options = {"samples": 60, "replicates": 200, "rng": 3}
    together = mt.simulate(others, models, **options)
    alone = mt.simulate(ESTIMATORS[1], models, **options)
    for found, single in zip(together, alone, strict=True):
        # two ridges are solved together
        assert found[2].mean == pytest.approx(single.mean, rel=1e-12)
        assert [found.paired(1, i) for i in range(4)] == [False, True, True, False]


@pytest.mark.parametrize("loss", ["squared", "sign"])
def test_the_bits_do_not_depend_on_workers_or_memory(pool, loss):
    model = mt.BlockModel.power_law(60, 3, 0.5, decay=1.0, label_noise_variance=0.1)
    counts = counts_of(150, model)
    (family,) = families(ESTIMATORS, (model,), counts, "fixed", None, None, loss)
    options = {"samples": 150, "rng": 1, "loss": loss, "replicates": family.route.chunk_size + 50}
    here = mt.simulate(ESTIMATORS, model, **options)
    there = mt.simulate(ESTIMATORS, model, executor=pool, **options)
    small = mt.simulate(ESTIMATORS, model, memory=family.route.footprint + 10**6, **options)
    for other in (there, small):
        np.testing.assert_array_equal(other.means, here.means)
        np.testing.assert_array_equal(other.covariance, here.covariance)
