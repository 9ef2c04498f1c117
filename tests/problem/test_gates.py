"""Gates as configuration: labels, refusals, values, and what mixtures with them hold and use."""

import dataclasses
import pickle
import re

import numpy as np
import pytest

from moetheory import BlockModel, MoE, Oracle
from moetheory.problem.gates import Hard, Learned, Soft, TopK, checked_gate, resolved

UNEVEN = BlockModel([0.125, 0.875, 0.0], [0, 0, 0, 1, 1, 2], [1.0] * 6, [1.0] * 6, 1.0)
GATES = [Oracle(), Hard(), Soft(), Soft(0.5), TopK(2), Learned(), Learned(9), Learned(9, "full")]
GATES += [TopK(2, renormalised=False)]


@pytest.mark.parametrize(
    ("estimator", "label"),
    [
        (MoE(Oracle()), "moe"),
        (MoE(Hard()), "moe(hard)"),
        (MoE(Soft(), 0.5), "moe(soft ridge=0.5)"),
        (MoE(Soft(2)), "moe(soft temperature=2)"),
        (MoE(TopK(3)), "moe(top-3)"),
        (MoE(TopK(3, renormalised=False)), "moe(top-3 plain)"),
        (MoE(Learned()), "moe(learned)"),
        (MoE(Learned(50)), "moe(learned samples=50)"),
        (MoE(Learned(50, "full"), 1.0), "moe(learned samples=50 moments=full ridge=1)"),
    ],
)
def test_labels(estimator, label):
    assert estimator.label == label


@pytest.mark.parametrize(
    ("gate", "active"),
    [(Oracle(), 0.125 * 3 + 0.875 * 2), (Hard(), 3.0), (TopK(2), 5.0), (Soft(), 6.0)],
)
def test_mixtures_hold_all_and_use_at_most_the_largest_blocks(gate, active):
    parameters = MoE(gate).parameters(UNEVEN)
    assert parameters == (6, active)
    assert type(parameters.active) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Soft(0), "temperature must be greater than 0, got 0"),
        (lambda: Soft(float("nan")), "temperature must be finite, got nan"),
        (lambda: TopK(0), "k must be at least 1, got 0"),
        (lambda: TopK(1.5), "k must be an integer, got 1.5"),
        (lambda: TopK(2, 1), "renormalised must be True or False, got 1"),
        (lambda: Learned(0), "samples must be at least 1, got 0"),
        (lambda: Learned(9, "some"), 'moments must be "blocks" or "full", got \'some\''),
        (lambda: TopK(4).active(3), "k must be at most 3, the number of experts, got 4"),
        (lambda: checked_gate("hard"), "gate must be Oracle(), Hard(), Soft(...), TopK(...) or "),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()


def test_equal_gates_are_equal_keys_and_different_ones_are_not():
    assert len({*GATES, Soft(1), TopK(np.int64(2)), Learned(np.int32(9))}) == len(GATES)
    for gate in GATES:
        assert pickle.loads(pickle.dumps(gate)) == gate == checked_gate(gate)


@pytest.mark.parametrize(
    ("gate", "simplest"),
    [
        (TopK(1), Hard()),
        (TopK(3), Soft()),
        (TopK(3, renormalised=False), Soft()),
        (TopK(1, renormalised=False), TopK(1, renormalised=False)),
        (TopK(2, renormalised=False), TopK(2, renormalised=False)),
        (Learned(), Hard()),
        (Learned(moments="full"), Hard()),
        (Learned(9, "full"), Learned(9, "full")),
    ],
)
def test_the_simplest_equivalent_gate(gate, simplest):
    assert resolved(gate, 3) == simplest
    assert resolved(TopK(1, renormalised=False), 1) == Hard()


@pytest.mark.parametrize("gate", [TopK(2), TopK(2, renormalised=False)])
def test_a_gate_shows_what_makes_it(gate):
    assert eval(repr(gate)) == gate


@pytest.mark.parametrize("gate", GATES)
def test_gates_are_frozen(gate):
    with pytest.raises(dataclasses.FrozenInstanceError):
        gate.samples = 3
