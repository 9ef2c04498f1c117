"""The noise filter: what experts that see all gain, on models with all that noise may do."""

import pytest
from hypothesis import given, settings

import moetheory as mt
from general_noise import GENERAL
from moetheory.strategies import block_models
from moetheory.theorems import noise_filter


@pytest.mark.parametrize("name", GENERAL)
def test_it_holds_for_models_whose_noise_differs(name):
    verdict = mt.check("noise-filter", GENERAL[name], rng=0, replicates=2)
    assert verdict.status == "inconclusive", verdict.reason
    assert all(point.holds for claim in verdict.claims for point in claim.points)
    assert [len(claim.points) for claim in verdict.claims] == [1, 1, not GENERAL[name].strict, 1, 1]


@given(block_models(zeros=False))
@settings(max_examples=40)
def test_its_orders_hold_for_any_model(model):
    for claim in mt.catalogue["noise-filter"].claims[:4]:
        for point in claim.points(model):
            left, right = claim.left(point), claim.right(point)
            rounding = 1e-13 * (point.null_risk + abs(right))
            assert left <= right + rounding
            assert claim.relation == "<=" or left >= right - rounding


def test_random_covariances_come_close_to_the_bound():
    """A bound that is far from all of them would say little."""
    assert 0.95 < noise_filter._largest_share() < 1.0


def test_without_noise_there_is_nothing_to_filter():
    model = GENERAL["strict"].replace(noise_variance=0.0, interference_variances=0.0)
    assert mt.check("noise-filter", model, rng=0).reason == "feature noise or interference"


def test_interference_alone_is_filtered_too():
    """Full experts do not err; what they cannot be measured against is settled by the proof."""
    model = GENERAL["strict"].replace(noise_variance=0.0)
    verdict = mt.check("noise-filter", model, rng=0)
    assert (verdict.status, verdict.claims[0].points) == ("holds", ())
    assert mt.gap(model) == pytest.approx(mt.risk(mt.Dense(), model).excess, rel=1e-14)


def test_one_group_has_no_other_to_be_told_from():
    model = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, -1.0], 0.5)
    claims = mt.catalogue["noise-filter"].claims
    ordering, filtered, block, equal, _ = claims
    assert ordering.left(model) == pytest.approx(ordering.right(model), rel=1e-15)
    assert filtered.right(model) == 0.0
    assert (block.points(model), equal.points(model)) == ([], [])
