"""The search for assignments: on tables of costs, against all assignments."""

from itertools import combinations

import numpy as np
import pytest

from moetheory.theory.assignment_search import NONE, AssignmentSearch, Change

K = 5
BITS = 1 << np.arange(K)


class Table:
    """Costs from a table of all sets of groups; the estimates are another table."""

    def __init__(self, table, estimated=None, compared=1):
        self.table, self.compared = table, compared
        self.estimated = np.minimum(table if estimated is None else estimated, 1e3)

    def estimates(self, experts):
        return self.estimated[experts @ BITS]

    def values(self, experts):
        return self.table[experts @ BITS]


def concave(seed):
    """Costs of a random world: those of a group are a concave function of its company."""
    rng = np.random.default_rng(seed)
    p, scale, height = rng.dirichlet(np.ones(K)), rng.random(K), rng.random(K)
    sets = np.arange(2**K)[:, np.newaxis] // BITS % 2 == 1
    others = (sets @ p)[:, np.newaxis] - p
    return np.where(sets, height * others / (others + scale), 0.0).sum(axis=1), p


def rough(seed):
    """Costs without any structure, some of them infinite."""
    rng = np.random.default_rng(seed)
    table = rng.random(2**K)
    table[rng.random(2**K) < 0.2] = np.inf
    table[0] = 0.0
    return table, rng.dirichlet(np.ones(K))


def total(table, rung):
    """The number of infinite costs, and the sum of the others."""
    costs = [table[number] for number in rung]
    return sum(np.isinf(costs)), round(sum(cost for cost in costs if np.isfinite(cost)), 12)


def partitions(groups):
    """All partitions of a list of groups, as sets of numbers in binary."""
    if not groups:
        yield ()
        return
    first, *rest = groups
    for part in partitions(rest):
        yield (1 << first, *part)
        for i, each in enumerate(part):
            yield (*part[:i], each | 1 << first, *part[i + 1 :])


def neighbours(rung):
    """The partitions after one group has moved, or two have changed places."""
    for one, other in combinations(rung, 2):
        rest = [each for each in rung if each not in (one, other)]
        for moved in range(2**K):
            within = moved & (one | other) == moved
            inside = [bin(moved & each).count("1") for each in (one, other)]
            if within and inside in ([1, 0], [0, 1], [1, 1]):
                changed = [one ^ moved, other ^ moved]
                if all(changed):
                    yield [*rest, *changed]


def splits(rung):
    """The partitions after one group has got an expert of its own."""
    for each in rung:
        rest = [other for other in rung if other != each]
        for group in map(int, BITS):
            if group & each and group != each:
                yield [*rest, each ^ group, group]


def ladder(table, p, estimated=None, compared=1000):
    found = AssignmentSearch(Table(table, estimated, compared), p).ladder()
    for experts, masks in enumerate(found, start=1):
        assert masks.shape == (experts, K)
        assert (masks.sum(axis=0) == 1).all()
        assert masks.any(axis=1).all()
    return [sorted((masks @ BITS).tolist()) for masks in found]


@pytest.mark.parametrize(("make", "compared"), [(concave, 1), (rough, 1000)])
def test_no_exchange_and_no_split_of_the_rung_below_is_better(make, compared):
    for seed in range(20, 40):
        table, p = make(seed)
        below = []
        for rung in ladder(table, p, compared=compared):
            for other in (*neighbours(rung), *splits(below)):
                assert not total(table, other) < total(table, rung), (seed, rung, other)
            below = rung


def test_it_finds_the_optimum_of_random_worlds():
    missed = 0
    for seed in range(60):
        table, p = concave(seed)
        for rung in ladder(table, p):
            best = min(
                total(table, each) for each in partitions(range(K)) if len(each) == len(rung)
            )
            missed += total(table, rung)[1] > best[1] * (1.0 + 1e-9)
    assert missed <= 3  # of 300


def test_finer_assignments_are_no_worse_where_company_costs():
    for seed in range(60):
        table, p = concave(seed)
        costs = [total(table, rung) for rung in ladder(table, p)]
        assert costs == sorted(costs, reverse=True)


def test_candidates_are_compared_by_their_values():
    """With wrong estimates the best of few candidates is better than the first."""
    losses = []
    for seed in range(30):
        table, p = concave(seed)
        estimated = table * np.exp(0.3 * np.random.default_rng(seed).standard_normal(2**K))
        found = (ladder(table, p, *each) for each in ((estimated, 1), (estimated, 4), (table, 1)))
        losses.append([sum(total(table, rung)[1] for rung in each) for each in found])
    first, best_of_four, by_values = np.sum(losses, axis=0)
    assert first > 1.01 * best_of_four
    assert best_of_four == pytest.approx(by_values, rel=0.01)


def test_infinite_costs_are_avoided_first():
    """Groups 1 and 3 have no finite cost alone: they are merged first, though this costs most."""
    table = np.where(np.arange(2**K) & 10, 5.0, 0.1)
    table[[0, 2, 8]] = 0.0, np.inf, np.inf
    found = ladder(table, np.full(K, 0.2))
    assert [total(table, rung)[0] for rung in found] == [0, 0, 0, 0, 2]
    assert found[3] == [1, 4, 10, 16]


@pytest.mark.parametrize("rounding", [0.0, 1e-14])
def test_equal_costs_are_decided_by_the_order_of_the_groups(rounding):
    size = np.array([bin(number).count("1") for number in range(2**K)])
    noise = 1.0 + rounding * np.random.default_rng(1).standard_normal(2**K)
    table = size * np.sqrt(np.maximum(size - 1.0, 0.0)) * noise
    found = ladder(table, np.full(K, 0.2))
    assert found == [[31], [12, 19], [3, 12, 16], [3, 4, 8, 16], [1, 2, 4, 8, 16]]


def test_a_change_is_first_one_of_infinite_risks():
    assert Change(-1, 1.0, 1.0).is_below(NONE)
    assert not Change(1, -1.0, 1.0).is_below(NONE)
    assert Change(0, -1e-8, 1.0).is_below(NONE)
    assert not Change(0, -1e-10, 1.0).is_below(NONE)
