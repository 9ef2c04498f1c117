"""Which groups should share an expert: all assignments, and worlds whose answer is known."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL
from moetheory.common.errors import ArgumentError, NoClosedForm
from moetheory.results.assignments import Rung, best_of

ONES = [1.0] * 16
RARE = mt.BlockModel([0.4, 0.3, 0.25, 0.05], [0, 1, 2, 3] * 4, ONES, ONES, noise_variance=1.0)


def assignments(groups):
    """All assignments of so many groups, numbered in the order of their first groups."""
    if groups == 1:
        return [(0,)]
    return [(*rest, expert) for rest in assignments(groups - 1) for expert in range(max(rest) + 2)]


def best_by_trial(model, samples=None):
    """The least excess risk of all assignments, for each number of experts."""
    least = dict.fromkeys(range(1, model.experts + 1), np.inf)
    for assignment in assignments(model.experts):
        excess = mt.risk(mt.MoE(assignment=assignment), model, samples=samples).excess
        experts = max(assignment) + 1
        least[experts] = min(least[experts], excess)
    return least


def drawn(seed, *, leaks, groups=5):
    """A random world of unequal groups."""
    rng = np.random.default_rng(seed)
    block_of = rng.permutation(np.repeat(range(groups), rng.integers(1, 6, groups)))
    strength = np.exp(rng.standard_normal(groups))[block_of]
    signal = strength * np.exp(rng.standard_normal(len(block_of)))
    return mt.BlockModel(
        rng.dirichlet([2.0] * groups),
        block_of,
        signal,
        rng.standard_normal(len(block_of)),
        np.exp(rng.standard_normal(len(block_of))),
        leakage_variances=leaks * 0.1 * signal * rng.random(len(block_of)),
        interference_variances=rng.random(len(block_of)),
        label_noise_variance=0.1,
    )


@pytest.mark.parametrize("leaks", [False, True])
def test_it_is_the_best_of_all_assignments(leaks):
    missed = 0
    for seed in range(6):
        model = drawn(seed, leaks=leaks)
        found, least = mt.best_assignment(model), best_by_trial(model)
        for experts, rung in found.ladder.items():
            missed += rung.excess > least[experts] * (1.0 + 1e-9)
            assert max(rung.assignment) + 1 == experts
        assert found.experts == min(least, key=least.get)
    assert missed == 0


@pytest.mark.parametrize(("seed", "samples"), [(0, 60), (1, (4, 30, 9, 20, 40)), (1, 200)])
def test_fitted_it_is_the_best_of_all_assignments(seed, samples):
    model = drawn(seed, leaks=seed)
    found, least = mt.best_assignment(model, samples=samples), best_by_trial(model, samples)
    for experts, rung in found.ladder.items():
        assert rung.excess == pytest.approx(least[experts], rel=1e-9)
    assert found.experts == found.best_experts == min(least, key=least.get)
    whole = mt.risk(found.estimator, model, samples=samples)
    assert found.risk.value == whole.value
    assert found.ladder[found.experts].error == pytest.approx(whole.error, rel=1e-9)
    np.testing.assert_array_equal(found.risk.per_group, whole.per_group)


@pytest.mark.parametrize("name", GENERAL)
def test_the_ends_of_the_ladder_are_dense_and_one_expert_each(name):
    model = GENERAL[name]
    for samples in (None, 60):
        ladder = mt.best_assignment(model, samples=samples).ladder
        assert list(ladder) == [1, 2, 3]
        for experts, estimator in ((1, mt.Dense()), (3, mt.MoE())):
            whole = mt.risk(estimator, model, samples=samples)
            assert ladder[experts].excess == pytest.approx(whole.excess, rel=1e-12)
            assert ladder[experts].error == pytest.approx(whole.error, rel=1e-12)
        assert (ladder[1].assignment, ladder[3].assignment) == ((0, 0, 0), (0, 1, 2))


def test_in_strict_blocks_more_experts_are_better_and_with_much_leakage_dense_is():
    for seed in range(5):
        strict = drawn(seed, leaks=False, groups=7)
        ladder = mt.best_assignment(strict).ladder
        risks = [rung.excess for rung in ladder.values()]
        assert risks == sorted(risks, reverse=True)
        assert mt.best_assignment(strict).experts == 7
        alike = strict.replace(leakage_variances=strict.signal_variances)
        assert mt.best_assignment(alike).experts == 1


def test_a_rare_group_shares_an_expert():
    """Two samples more than coordinates: the risk of an expert of its own is finite and large."""
    found = mt.best_assignment(RARE, samples=120)
    assert found.samples.tolist() == [48, 36, 30, 6]
    assert (found.experts, found.assignment) == (3, (0, 1, 2, 0))
    least = best_by_trial(RARE, 120)
    assert found.risk.excess == pytest.approx(least[3], rel=1e-12)
    assert found.risk.excess < 0.99 * mt.risk(mt.MoE(), RARE, samples=120).excess < np.inf
    assert mt.best_assignment(RARE, samples=100).ladder[4].excess == np.inf  # one more
    assert mt.best_assignment(RARE, samples=300).experts == 4


def test_a_number_of_experts_may_be_asked_for():
    found = mt.best_assignment(RARE, 2, samples=120)
    assert (found.experts, found.best_experts) == (2, 3)
    assert found.estimator == mt.MoE(assignment=found.assignment)
    assert found.risk.excess == mt.risk(found.estimator, RARE, samples=120).excess
    assert mt.best_assignment(RARE, np.int64(2)).assignment == (0, 1, 1, 1)
    assert mt.best_assignment(RARE, 4, samples=100).risk.value == np.inf


def test_equal_groups_are_taken_in_order_whatever_the_last_bits_are():
    model = mt.BlockModel.isotropic(12, 6, 1.0, signal_energy=12.0)
    rng = np.random.default_rng(0)
    shaken = model.replace(signal_variances=model.signal_variances * (1.0 + 1e-15 * rng.random(12)))
    for samples in (None, 60):
        one, other = (mt.best_assignment(each, samples=samples) for each in (model, shaken))
        assert [rung.assignment for rung in one.ladder.values()] == [
            rung.assignment for rung in other.ladder.values()
        ]
    assert mt.best_assignment(model, 5).assignment == (0, 0, 1, 2, 3, 4)
    # of equal risks, here all without noise, more experts
    assert mt.best_assignment(model.replace(noise_variance=0.0)).experts == 6


def test_the_order_of_the_groups_does_not_matter():
    model = drawn(3, leaks=True)
    order = np.array([3, 0, 4, 1, 2])
    moved = model.replace(
        group_probabilities=model.group_probabilities[np.argsort(order)],
        block_of=order[model.block_of],
    )
    for samples in (None, 100):
        for experts in (2, 3, 4):
            one, other = (mt.best_assignment(m, experts, samples=samples) for m in (model, moved))
            again = np.array(other.assignment)[order]
            shared = np.equal.outer(one.assignment, one.assignment)
            np.testing.assert_array_equal(shared, np.equal.outer(again, again))
            assert one.risk.excess == pytest.approx(other.risk.excess, rel=1e-9)


def test_one_group_and_groups_that_are_never_drawn():
    alone = mt.BlockModel.isotropic(3, 1, 1.0)
    assert mt.best_assignment(alone).ladder == {1: Rung((0,), mt.risk(mt.Dense(), alone).excess)}
    never = RARE.replace(group_probabilities=[0.6, 0.4, 0.0, 0.0])
    found = mt.best_assignment(never, 3)
    assert found.assignment == (0, 1, 0, 2)  # nobody pays for it
    assert found.risk.excess == pytest.approx(mt.risk(mt.MoE(), never).excess, rel=1e-12)
    assert mt.best_assignment(never, 3, samples=100).risk.excess < np.inf


def test_where_no_formula_is_known_other_assignments_are_preferred():
    model = mt.BlockModel(
        [0.5, 0.5], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0,
        leakage_variances=[0.1, 0.0], label_noise_variance=1.0,
    )  # fmt: skip
    found = mt.best_assignment(model, samples=10)
    assert found.experts == 2
    assert np.isnan(found.ladder[1].excess)
    with pytest.raises(NoClosedForm, match="simulate"):
        mt.best_assignment(model, 1, samples=10)


def test_what_cannot_be_answered_is_refused_by_name():
    with pytest.raises(
        ArgumentError, match=r"^experts must be at most 4, one for each group .* 5$"
    ):
        mt.best_assignment(RARE, 5)
    for experts in (0, -1, 2.5, True, "2"):
        with pytest.raises(ArgumentError, match=r"^experts must be"):
            mt.best_assignment(RARE, experts)
    for samples in (0, 2.5, [1, 2]):
        with pytest.raises(ArgumentError, match=r"^samples"):
            mt.best_assignment(RARE, samples=samples)
    alone = mt.BlockModel.isotropic(3, 1, 1.0)
    with pytest.raises(ArgumentError, match=r"^samples must give a finite risk .* got 3$"):
        mt.best_assignment(alone, samples=3)
    assert mt.best_assignment(alone, 1, samples=3).risk.value == np.inf
    many = mt.BlockModel.isotropic(257, 257, 1.0)
    with pytest.raises(ArgumentError, match=r"^model must have at most 256 groups, got 257"):
        mt.best_assignment(many)


def test_the_best_number_leaves_out_what_is_not_known():
    rungs = {1: Rung((0, 0), np.nan), 2: Rung((0, 1), 2.0)}
    assert best_of(rungs) == 2
    assert best_of({1: Rung((0, 0), np.nan)}) == 1
