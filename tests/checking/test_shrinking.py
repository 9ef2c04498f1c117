"""Shrinking: simpler models that violate the same claim."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.checking.shrinking import complexity, shrunk, simpler_points
from moetheory.checking.trials import Tally, Target
from moetheory.claims.random_models import Point, random_models

LEAKING = mt.BlockModel(
    [0.2, 0.3, 0.5],
    [0, 0, 1, 2, 2],
    [1.3, 0.7, 2.9, 11.0, 0.4],
    [1.1, -0.3, 2.2, 0.9, 0.5],
    [0.3, 0.4, 0.5, 0.6, 0.7],
    leakage_variances=3.3,
    interference_variances=0.2,
    label_noise_variance=0.7,
)


def test_nothing_is_left_that_is_not_needed():
    claim = mt.claim(lambda m: mt.risk(mt.MoE(), m).excess, lambda m: mt.risk(mt.Dense(), m).excess)
    target = Target(claim, mt.ModelSpace())
    trial = Tally().add(target, Point(LEAKING))
    assert trial.clear
    steps = []
    least = shrunk(target, trial, steps.append)
    assert least == steps[-1]
    assert least.violation >= 0.1 * trial.violation
    model = least.model
    assert (model.experts, model.dim) == (2, 2)  # the fewest of the space
    assert not model.strict  # which is what breaks the claim
    assert not model.interferes
    assert not model.label_noise_variance
    assert set(model.signal_variances.tolist()) == {1.0} == set(model.coefficients.tolist())
    sizes = [complexity(each.point) for each in steps]
    assert sizes == sorted(sizes, reverse=True)


def test_what_the_violation_needs_stays():
    """A claim that only models with a rare group and three coordinates break."""

    def rare(model):
        return 2.0 if model.group_probabilities.min() < 0.1 and model.dim >= 3 else 0.5

    target = Target(mt.claim(rare, 1.0), mt.ModelSpace())
    start = LEAKING.replace(group_probabilities=[0.03, 0.4, 0.57])
    least = shrunk(target, Tally().add(target, Point(start)), lambda trial: None)
    assert least.model.dim == 3
    assert least.model.experts == 2
    assert sorted(least.model.group_probabilities.tolist()) == [0.0625, 0.9375]


def test_no_other_assumption_is_broken():
    few = mt.Assumption("three groups", lambda model: model.experts == 3)
    claim = mt.claim(lambda m: 2.0 + m.leakage_variances.sum(), 1.0, assume=few)
    target = Target(claim, mt.ModelSpace(), anyway=True)
    least = shrunk(target, Tally().add(target, Point(LEAKING)), lambda trial: None)
    assert least.model.experts == 3
    assert target.excluding(least) == ()


def test_samples_become_few_and_stay_in_their_range():
    claim = mt.claim(lambda m: 2.0, 1.0)
    for low, least in ((1, 1), (5, 5)):
        target = Target(claim, mt.ModelSpace(samples=(low, 1000)))
        trial = Tally().add(target, Point(LEAKING, 777))
        assert shrunk(target, trial, lambda trial: None).samples == least


@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_models(seed):
    for model in random_models(np.random.default_rng(seed), 10):
        for point in simpler_points(Point(model, 12)):
            assert mt.BlockModel(**point.model.fields()) == point.model


def test_rounder_numbers_are_simpler():
    ladder = [3.37, 3.3, 3.0, 1.0]
    one = mt.BlockModel([1.0], [0], [1.0], [1.0], 1.0)
    sizes = [complexity(Point(one.replace(noise_variance=n))) for n in ladder]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
