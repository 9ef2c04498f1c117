"""A claim that is wrong at a model fails with sides, slack and a model that can be pasted."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given

import moetheory as mt
from moetheory.strategies import block_models
from moetheory.testing import AssumptionsNotMet, Undecided, assert_holds, assumptions_met

MODEL = mt.BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 4.0)


def dense(model):
    return mt.risk(mt.Dense(), model).value


def moe(model):
    return mt.risk(mt.MoE(), model).value


def zero(model):
    return 0.0


CLOSED = [
    name
    for name, theorem in mt.catalogue.items()
    if any(not (c.fixed or c.left is None or c.right is None) for c in theorem.claims)
]


@pytest.mark.parametrize("name", CLOSED)
def test_theorems_hold_at_their_examples_and_their_controls_do_not(name):
    theorem = mt.catalogue[name]
    assert_holds(name, theorem.example())
    with pytest.raises(AssertionError, match=r"\[right x|is violated") as failure:
        assert_holds(theorem.negative_control, theorem.example())
    assert type(failure.value) is AssertionError


def test_without_two_sides_there_is_no_success():
    theorem = mt.catalogue["generalization"]
    bare = replace(theorem, claims=tuple(replace(each, right=None) for each in theorem.claims))
    with pytest.raises(Undecided, match="is not decided: no claim has two sides in closed form"):
        assert_holds(bare, MODEL)


def test_a_claim_that_is_about_other_models_is_undecided():
    theorem = mt.catalogue["generalization"]
    crossed = replace(theorem.claims[0], condition="a crossover", points=lambda model: [])
    with pytest.raises(Undecided, match=r"is not decided: .* needs a crossover"):
        assert_holds(replace(theorem, claims=(crossed,)), MODEL)


def test_a_failure_can_be_pasted_and_shows_both_sides():
    with pytest.raises(AssertionError) as failure:
        assert_holds((dense, moe), MODEL)
    header, how, left, right, slack, code = str(failure.value).split("\n", 5)
    assert header == "dense <= moe is violated"
    assert how == "left <= right"
    names = {"BlockModel": mt.BlockModel}
    exec(code, names)
    assert names["model"] == MODEL
    values = [float(line.partition(":")[2]) for line in (left, right, slack)]
    assert values == [dense(MODEL), moe(MODEL), moe(MODEL) - dense(MODEL)]


def test_the_point_that_fails_is_shown_not_the_model_it_derives_from():
    """A claim may be about models that derive from the given one."""
    claim = mt.claim(dense, moe)
    louder = MODEL.replace(noise_variance=8.0)
    with pytest.raises(AssertionError, match=re.escape("noise_variance=8.0")):
        assert_holds(replace(claim, points=lambda model: [louder]), MODEL)


def test_a_large_model_is_named_with_the_way_to_keep_it():
    large = mt.BlockModel.isotropic(256, 4, noise_variance=1.0)
    with pytest.raises(
        AssertionError, match=r"\nmodel: BlockModel dim=256 .*model\.to_json\(path\)"
    ):
        assert_holds((dense, moe), large)


@given(model=block_models(max_experts=3, max_block=2))
def test_it_works_inside_given(model):
    assume(assumptions_met("generalization", model))
    assert_holds("generalization", model)
    assert_holds((moe, dense), model)
    assert_holds((moe, moe), model, relation="==")


@given(model=block_models(max_experts=3, max_block=2, strict=False))
def test_models_outside_the_assumptions_fail_by_name(model):
    claim = mt.claim(moe, dense, assume=mt.Assumption("strict", lambda m: m.strict))
    for each in (claim, "generalization"):
        assert not assumptions_met(each, model)
        with pytest.raises(AssumptionsNotMet, match="does not meet an assumption: strict"):
            assert_holds(each, model)


def test_rounding_is_allowed_for_and_no_more():
    for factor, holds in ((1.0 + 1e-12, True), (1.0 + 1e-8, False)):
        pair = (lambda model, factor=factor: factor * dense(model), dense)
        for relation in ("<=", "=="):
            if holds:
                assert_holds(pair, MODEL, relation=relation)
            else:
                with pytest.raises(AssertionError, match=f"left {relation} right"):
                    assert_holds(pair, MODEL, relation=relation)


def test_zeros_are_equal_and_nan_is_no_number():
    assert_holds((zero, zero), MODEL, relation="==")
    for pair in ((lambda model: math.nan, dense), (dense, lambda model: math.nan)):
        with pytest.raises(Undecided, match="side is NaN"):
            assert_holds(pair, MODEL)


def test_a_side_without_a_closed_form_is_undecided():
    soft = mt.MoE(mt.Soft(0.5))
    with pytest.raises(Undecided, match=r"is not decided: left <= dense: .*simulate"):
        assert_holds((lambda model: mt.risk(soft, model).value, dense), MODEL)


def test_sides_that_rounding_hides_are_undecided():
    from moetheory.claims.declaration import Scale

    tiny = replace(
        mt.claim(lambda m: 1e-17, lambda m: 2e-17, "=="), scale=Scale("risk", lambda m: 1.0)
    )
    with pytest.raises(Undecided, match="rounding errors of up to 1e-14 hide the sides"):
        assert_holds(tiny, MODEL)
    # of a theorem it takes one claim that is decided, and no other may fail
    theorem = mt.catalogue["generalization"]
    assert_holds(replace(theorem, claims=(tiny, *theorem.claims)), MODEL)
    nan = replace(tiny, right=lambda m: math.nan)
    with pytest.raises(Undecided, match="the right side is NaN"):
        assert_holds(replace(theorem, claims=(*theorem.claims, nan)), MODEL)


@pytest.mark.parametrize(
    ("claim", "options", "wanted"),
    [
        (3, {}, "claim must be a Claim, a Theorem, the name of one or a pair"),
        ((dense,), {}, "claim must be a Claim"),
        ((dense, "x"), {}, "right must be a function of a model or a number"),
        ((dense, moe), {"relation": "<"}, "relation must be"),
        ("generalization", {"relation": "=="}, "relation must be left out unless"),
        ("generalisation", {}, "generalization"),
    ],
)
def test_what_is_no_claim_is_refused(claim, options, wanted):
    with pytest.raises(mt.ArgumentError, match=wanted):
        assert_holds(claim, MODEL, **options)


def test_what_a_side_raises_shows_the_model():
    def broken(model):
        raise ZeroDivisionError("as written")

    with pytest.raises(ZeroDivisionError) as failure:
        assert_holds((broken, dense), MODEL)
    assert "BlockModel(group_probabilities=[0.4, 0.6]" in failure.value.__notes__[0]
    with pytest.raises(mt.ArgumentError, match="number"):
        assert_holds((lambda model: 1j, dense), MODEL)
