"""Estimators: labels, parameter counts, refusals, values."""

import dataclasses
import pickle
import re

import numpy as np
import pytest

from moetheory import BlockModel, Dense, Hard, Learned, MoE, Oracle, Soft, TopK
from moetheory.problem.estimators import checked_estimator

UNEVEN = BlockModel([0.125, 0.875, 0.0], [0, 0, 0, 1, 1, 2], [1.0] * 6, [1.0] * 6, 1.0)


@pytest.mark.parametrize(
    ("estimator", "label"),
    [
        (Dense(), "dense"),
        (Dense(0), "dense"),
        (Dense(ridge=0.1), "dense(ridge=0.1)"),
        (MoE(), "moe"),
        (MoE(Oracle(), 1e-05), "moe(ridge=1e-05)"),
        (MoE(ridge=np.float64(2.0)), "moe(ridge=2)"),
        (MoE(assignment=[1, 0, 1]), "moe(assignment=101)"),
        (
            MoE(Hard(), 0.5, range(11), shared=True),
            "moe(hard ridge=0.5 assignment=0-1-2-3-4-5-6-7-8-9-10 shared)",
        ),
        (MoE(assignment=[0, 1] * 32), "moe(assignment=64 groups to 2 experts #3c32)"),
        (MoE(shared=np.True_), "moe(shared)"),
    ],
)
def test_labels(estimator, label):
    assert estimator.label == label
    assert type(estimator.ridge) is float


@pytest.mark.parametrize(
    "made",
    [
        Dense(1 / 3),
        MoE(),
        MoE(Soft(temperature=1 / 3), ridge=0.1),
        MoE(TopK(2)),
        MoE(Learned(99, "full")),
        MoE(Hard(), 0.5, np.array([0, 1, 0]), shared=True),
        Hard(),
    ],
)
def test_reprs_are_code(made):
    assert eval(repr(made)) == made


@pytest.mark.parametrize("bad", [None, "model", 3, [UNEVEN]])
def test_parameters_are_those_of_a_model(bad):
    for estimator in (Dense(), MoE(), MoE(Hard())):
        with pytest.raises(TypeError, match=r"^model must be a BlockModel, got") as error:
            estimator.parameters(bad)
        assert error.value.argument == "model"


def test_parameters_of_unequal_blocks():
    assert Dense(ridge=1.0).parameters(UNEVEN) == (6, 6.0)
    moe = MoE(ridge=1.0).parameters(UNEVEN)
    assert moe == (6, 0.125 * 3 + 0.875 * 2)
    assert (moe.total, moe.active) == moe
    assert [type(part) for part in moe] == [int, float]


@pytest.mark.parametrize(
    ("estimator", "total", "active"),
    [
        (MoE(assignment=(0, 0, 1)), 6, 5.0),
        (MoE(assignment=(1, 0, 1)), 6, 0.125 * 4 + 0.875 * 2),
        (MoE(Hard(), assignment=(1, 0, 1)), 6, 4.0),
        (MoE(TopK(2), assignment=(1, 0, 1), shared=True), 12, 12.0),
        (MoE(shared=True), 12, 6 + 0.125 * 3 + 0.875 * 2),
    ],
)
def test_parameters_of_experts_that_serve_several_groups(estimator, total, active):
    assert estimator.parameters(UNEVEN) == (total, active)


def test_a_gate_chooses_among_the_experts():
    with pytest.raises(ValueError, match="k must be at most 2, the number of experts, got 3"):
        MoE(TopK(3), assignment=(1, 0, 1)).parameters(UNEVEN)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ((0, -1, 0), r"assignment\[1\] must be at least 0, got -1"),
        ((0, 0.5), r"assignment\[1\] must be an integer, got 0.5"),
        ((0, 1.0), r"assignment\[1\] must be an integer, got 1.0"),
        ((True, False), r"assignment\[0\] must be an integer, got True"),
        ((0, 2, 0), "assignment must number the experts from 0 and skip none, got 2 and no 1"),
        ((1, 1), "assignment must number the experts from 0 and skip none, got 1 and no 0"),
        ((0, 10**9), r"assignment\[1\] must be at most"),
        ((), "assignment must name an expert for each group, got none"),
        ("01", "assignment must be a sequence of integers, got '01'"),
        (3, "assignment must be a sequence of integers, got 3"),
    ],
)
def test_bad_assignments_are_refused(assignment, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        MoE(assignment=assignment)


@pytest.mark.parametrize("kind", [Dense, MoE])
@pytest.mark.parametrize(
    ("needed", "ridge"),
    [("at least 0", -0.5), ("finite", float("nan")), ("finite", float("inf"))]
    + [("a real number", bad) for bad in ("0.1", None, True, [0.1])],
)
def test_bad_ridges_are_refused(kind, needed, ridge):
    with pytest.raises(ValueError, match=f"^ridge must be {needed}, got {re.escape(repr(ridge))}$"):
        kind(ridge=ridge)


@pytest.mark.parametrize("gate", ["oracle", None, 0.1, Oracle, Dense()])
def test_what_is_no_gate_is_refused(gate):
    message = f"gate must be Oracle(), Hard(), Soft(...), TopK(...) or Learned(...), got {gate!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MoE(gate=gate)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Dense(), Dense(ridge=0)),
        (Dense(0.0), Dense(-0.0)),
        (Dense(1), Dense(np.float32(1.0))),
        (MoE(), MoE(gate=Oracle(), ridge=0)),
        (MoE(ridge=0.5), pickle.loads(pickle.dumps(MoE(ridge=0.5)))),
        (MoE(assignment=np.array([0, 1, 0])), MoE(assignment=(0, 1, 0))),
    ],
)
def test_equal_configurations_are_equal_keys(one, other):
    assert one == other
    assert hash(one) == hash(other)


def test_different_configurations_are_different_keys():
    assert len({Dense(), Dense(0.5), Dense(1.0), MoE(), MoE(ridge=0.5), Oracle()}) == 6


@pytest.mark.parametrize("estimator", [Dense(), MoE()])
def test_configuration_is_frozen(estimator):
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimator.ridge = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimator.fitted = 1.0


def test_known_passes_estimators_and_refuses_the_rest():
    dense = Dense()
    assert checked_estimator(dense) is dense
    for other in ("dense", Dense, None, Oracle()):
        message = f"estimator must be Dense(...) or MoE(...), got {other!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            checked_estimator(other)
