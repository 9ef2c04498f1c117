"""Ladders of assignments: each rung merges experts of the one before."""

import itertools

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.ladders import ladder, middle, tightest_step
from moetheory.problem.estimators import experts_of


def groups(count):
    return mt.BlockModel.isotropic(count, count, noise_variance=1.0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
def test_a_ladder_leads_from_moe_to_dense_by_merging(count):
    model = groups(count)
    estimators = ladder(model)
    rungs = [experts_of(each, model) for each in estimators]
    assert estimators[0] == mt.MoE()
    assert (estimators[-1] == mt.Dense()) == (count > 1)
    assert max(rungs[-1]) == 0
    for finer, coarser in itertools.pairwise(rungs):
        assert max(coarser) < max(finer)
        # all groups of an expert stay together
        assert len(set(zip(finer, coarser, strict=True))) == max(finer) + 1
    assert middle(model) in estimators


def test_the_tightest_step_is_that_of_the_smallest_factor():
    model = groups(8).replace(group_probabilities=np.arange(1.0, 9.0) / 36.0)
    risks = [mt.risk(each, model).excess for each in ladder(model)]
    factors = [coarser / finer for finer, coarser in itertools.pairwise(risks)]
    place = int(np.argmin(factors))
    assert len(set(factors)) > 1
    assert tightest_step(model) == (model, *ladder(model)[place : place + 2])
