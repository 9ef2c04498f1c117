"""A shared expert: as good as experts that see all, on models with all that noise may do."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

import moetheory as mt
from general_noise import GENERAL
from moetheory.strategies import block_models
from moetheory.testing import assert_holds

THEOREM = mt.catalogue["shared-expert"]


@pytest.mark.parametrize("name", GENERAL)
def test_it_holds_for_models_whose_noise_differs(name):
    verdict = mt.check("shared-expert", GENERAL[name], rng=0, replicates=2)
    assert verdict.status == "inconclusive", verdict.reason
    assert all(point.holds for claim in verdict.claims for point in claim.points)
    assert [len(claim.points) for claim in verdict.claims].count(0) == GENERAL[name].strict


@given(block_models(zeros=False))
@settings(max_examples=25)
def test_it_holds_for_any_model(model):
    assert_holds(THEOREM, model)


def test_experts_that_are_fitted_alone_are_not_as_good():
    """What makes them so is the joint fit: MoE alone does not see what leaks."""
    (equality, *_) = THEOREM.claims
    alone = replace(equality, left=lambda model: mt.risk(mt.MoE(), model).excess, weights=None)
    verdict = mt.check(replace(THEOREM, claims=(alone,)), rng=0)
    assert verdict.status == "violated"
    assert verdict.claims[0].certificate.status == "refuted"


def test_it_has_fewer_coefficients_than_full_experts():
    model = THEOREM.example()
    assert mt.MoE(shared=True).parameters(model).total == 2 * model.dim
