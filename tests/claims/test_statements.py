"""Claims of two functions, their check, and what their sides may return."""

import math
import pickle

import numpy as np
import pytest

import moetheory as mt
from moetheory.common.errors import ArgumentError, ArgumentTypeError

MODEL = mt.BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 4.0)


def experts(model):
    return mt.risk(mt.MoE(), model)


def dense(model):
    return mt.risk(mt.Dense(), model)


def crowded(model):
    return model.experts > 40


def strict(model):
    return model.strict


def test_a_claim_of_two_functions_is_checked():
    assert mt.check(mt.claim(experts, dense, assume=strict), rng=0).status == "holds"
    assert mt.check(mt.claim(dense, experts), rng=0).status == "violated"
    assert mt.check(mt.claim(dense, dense, "==")).status == "holds"
    assert mt.check(mt.claim(experts, dense, "==")).status == "violated"


def test_what_an_assumption_raises_comes_with_the_model():
    with pytest.raises(ZeroDivisionError) as raised:
        mt.check(mt.claim(experts, dense, assume=lambda model: 1 / 0), MODEL)
    assert " ".join(repr(MODEL).split()) in raised.value.__notes__[0]


class Strict:
    """A condition that does not hash."""

    __hash__ = None

    def __call__(self, model):
        return model.strict


def test_an_assumption_need_not_hash():
    for assume in (Strict(), mt.Assumption("strict", Strict())):
        verdict = mt.check(mt.claim(experts, dense, assume=assume), rng=0)
        assert verdict.status == "holds"
        assert all(point.model is None or point.model.strict for point in verdict.claims[0].points)


def test_numbers_are_sides_too():
    found = mt.claim(experts, 1.5)
    assert found.sides(MODEL) == (mt.risk(mt.MoE(), MODEL).value, 1.5)
    assert found.name == "experts <= 1.5"


def test_names_come_from_the_functions():
    assert mt.claim(experts, dense).name == "experts <= dense"
    assert mt.claim(lambda _: 0.0, lambda _: 1.0, "==").name == "left == right"
    assert mt.claim(experts, dense, name="sparse wins").name == "sparse wins"


def test_a_model_outside_the_assumptions_is_not_judged():
    verdict = mt.check(mt.claim(dense, experts, assume=crowded), MODEL)
    assert (verdict.status, verdict.reason) == ("assumptions not met", "crowded")
    strict = mt.Assumption("strict blocks", lambda model: model.strict)
    verdict = mt.check(mt.claim(experts, dense, assume=[strict, crowded]), MODEL)
    assert verdict.reason == "crowded"
    with pytest.raises(ArgumentError, match=r"must be given: no example .* 'crowded'"):
        mt.check(mt.claim(experts, dense, assume=crowded))


def test_points_outside_a_claims_own_assumptions_are_left_out():
    loud = mt.Claim(
        name="experts <= dense",
        relation="<=",
        control=0.5,
        left=experts,
        right=dense,
        assumptions=(
            mt.Assumption("little noise", lambda model: np.max(model.noise_variance) < 2.0),
        ),
        points=lambda model: [model.replace(noise_variance=each) for each in (1.0, 3.0)],
        fixed=True,
    )
    theorem = mt.Theorem("", "", "", "", (), (loud,), lambda: MODEL)
    (verdict,) = mt.check(theorem).claims
    assert len(verdict.points) == 1


@pytest.mark.parametrize(
    "value", [1j, np.complex128(1.0), [1.0], np.ones(1), np.ones((2, 2)), "1", None, b"1"]
)
def test_a_side_that_is_no_number_is_refused_with_the_model(value):
    with pytest.raises(ArgumentTypeError) as refusal:
        mt.claim(lambda _: value, 1.0).sides(MODEL)
    assert refusal.value.argument == "left"
    assert " ".join(repr(MODEL).split()) in str(refusal.value)


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2.0), np.array(2.0), mt.risk(mt.MoE(), MODEL)]
)
def test_whatever_is_a_number_is_a_side(value):
    left, _ = mt.claim(lambda _: value, 1.0).sides(MODEL)
    assert left == float(value)
    assert type(left) is float


def test_what_a_side_raises_comes_with_the_model():
    with pytest.raises(ZeroDivisionError) as raised:
        mt.check(mt.claim(experts, lambda _: 1 / 0, name="odd"), MODEL)
    (note,) = raised.value.__notes__
    assert "right side of the claim 'odd'" in note
    assert " ".join(repr(MODEL).split()) in note


def test_a_side_that_is_nan_decides_nothing():
    verdict = mt.check(mt.claim(lambda _: math.nan, 1.0), MODEL)
    assert verdict.status == "not evaluated"
    assert "the left side is NaN" in verdict.reason


def test_a_claim_of_functions_in_a_module_pickles():
    again = pickle.loads(pickle.dumps(mt.claim(experts, 1.5, assume=crowded)))
    assert again.sides(MODEL) == (experts(MODEL).value, 1.5)
