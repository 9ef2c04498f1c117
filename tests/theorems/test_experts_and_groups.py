"""Experts and groups: what the theorem says of any strict model, and where it does not hold."""

import pytest
from hypothesis import given, settings

import moetheory as mt
from general_noise import GENERAL
from moetheory.claims.ladders import ladder
from moetheory.strategies import block_models
from moetheory.theorems import experts_and_groups

THEOREM = mt.catalogue["experts-and-groups"]


@pytest.mark.parametrize("name", ["strict", "per coordinate"])
def test_it_holds_for_models_whose_noise_differs(name):
    verdict = mt.check("experts-and-groups", GENERAL[name], rng=0, replicates=2)
    assert verdict.status == "inconclusive", verdict.reason
    assert all(point.holds for claim in verdict.claims for point in claim.points)
    assert verdict.claims[0].points[0].label == "E=2 of K=3"


@given(block_models(strict=True, zeros=False))
@settings(max_examples=25)
def test_it_holds_for_any_strict_model(model):
    for claim in THEOREM.claims if model.experts > 1 else ():
        for point in claim.points(model):
            left, right = claim.left(point), claim.right(point)
            rounding = 1e-13 * (point.null_risk + abs(right))
            assert left <= right + rounding
            assert claim.relation == "<=" or left >= right - rounding


def test_with_leakage_a_refinement_may_raise_the_risk():
    model = GENERAL["leaking"].replace(leakage_variances=GENERAL["strict"].signal_variances)
    moe, middle, dense = (mt.risk(rung, model).excess for rung in ladder(model))
    assert moe > middle > dense
    verdict = mt.check("experts-and-groups", model, rng=0, replicates=2)
    assert verdict.status == "assumptions not met"
    assert verdict.reason == "strict blocks (no leakage)"
    assert [claim.status for claim in verdict.claims] == ["inconclusive"] * 2  # two replicates
    for claim in verdict.claims:
        assert claim.certificate.summary == "proved for any model"
        assert all(point.holds for point in claim.points)


def test_with_two_groups_nothing_lies_between_the_ends():
    model = mt.BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 0.7)
    _, below, *_, above = THEOREM.claims
    assert (above.points(model), below.points(model)) == ([], (model,))
    assert below.right(model) == pytest.approx(mt.gap(model), rel=1e-13)


def test_rare_groups_that_share_an_expert_lose_no_digits():
    """What two rare groups lose to each other is not p_e - p_g."""
    p = [1e-7, 0.6, 1e-7, 0.4 - 2e-7]
    model = mt.BlockModel(p, range(4), [1.0] * 4, [1.0] * 4, 1e-4, interference_variances=1.0)
    for claim in THEOREM.claims:
        for point in claim.points(model):
            left, right = claim.left(point), claim.right(point)
            assert claim.relation == "<=" or left == pytest.approx(right, rel=1e-12, abs=0.0)


def test_a_group_that_never_occurs_changes_nothing():
    """The risk falls strictly only if groups that occur are separated."""
    model = GENERAL["strict"].replace(group_probabilities=[1.0, 0.0, 0.0])
    ordering = next(claim for claim in THEOREM.claims if claim.relation == "<=")
    assert ordering.left(model) == pytest.approx(ordering.right(model), rel=1e-15)


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("assignment", [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 0, 0), (0, 1, 2)])
def test_the_risk_hangs_on_how_often_the_expert_is_used(name, assignment):
    model, estimator = GENERAL[name], mt.MoE(assignment=assignment)
    moe, found = (mt.risk(each, model).excess for each in (mt.MoE(), estimator))
    assert experts_and_groups._closed_form(model, estimator) == pytest.approx(found, rel=1e-13)
    cost = experts_and_groups._sharing_cost(model, estimator)
    assert cost == pytest.approx(found - moe, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("finer", [(0, 1, 2), (0, 0, 1)])
def test_a_step_costs_the_difference_of_its_rungs(finer):
    step = GENERAL["strict"], mt.MoE(assignment=finer), mt.Dense()
    difference = experts_and_groups._difference(*step)
    assert experts_and_groups._step_cost(*step) == pytest.approx(difference, rel=1e-12)
    assert difference > 0.0


def test_a_small_cost_keeps_its_digits():
    """Two risks of which it is a part in 1e14 do not have it as their difference."""
    rare = mt.BlockModel([1 - 1e-14, 1e-14], [0, 1], [1.0, 1.0], [1.0, 0.0], 1.0)
    cost = experts_and_groups._step_cost(rare, mt.MoE(), mt.Dense())
    assert cost == pytest.approx(2.5e-15, rel=1e-2, abs=0.0)
