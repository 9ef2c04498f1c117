"""The shares of a budget add up to its level, whoever spends them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.testing import ErrorBudget
from moetheory.testing.budgets import share, shared_budget, unshare


@given(level=st.floats(1e-9, 0.5), comparisons=st.integers(1, 50))
def test_the_shares_of_both_sides_add_up_to_the_level(level, comparisons):
    budget = ErrorBudget(level, comparisons)
    shares = [budget.spend() for _ in range(comparisons)]
    assert math.isclose(2.0 * sum(shares), level, rel_tol=1e-12)
    assert len(set(shares)) == 1  # a threshold hangs neither on order nor on company
    assert not budget.exceeded
    with pytest.raises(mt.ArgumentError, match=f"comparisons that are made, got {comparisons} and"):
        budget.spend()
    assert budget.made == comparisons


def test_comparisons_of_other_processes_count():
    budget = ErrorBudget(comparisons=3)
    budget.spend()
    budget.record(np.float64(-1.0), np.float64(0.01))
    # pytest-xdist sends plain numbers alone
    assert type(budget.largest_z) is type(budget.worst_power) is float
    budget.add(2, 3.0, 0.005)
    assert (budget.made, budget.largest_z, budget.worst_power) == (3, 3.0, 0.01)
    assert not budget.exceeded
    budget.add(1, 0.0, 0.0)
    assert budget.exceeded
    assert budget.summary.startswith("4 of at most 3 comparisons, family-wise level 1e-06: ")


def test_the_shared_budget_is_the_last_that_was_shared():
    before, mine = shared_budget(), ErrorBudget()
    share(mine)
    try:
        assert shared_budget() is mine
    finally:
        unshare(mine)
    assert shared_budget() is before


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"level": 0.0}, "level must be greater than 0, got 0"),
        ({"level": 1.0}, "level must be less than 1, got 1"),
        ({"comparisons": 0}, "comparisons must be at least 1, got 0"),
        ({"comparisons": 2.5}, "comparisons must be an integer, got 2.5"),
    ],
)
def test_what_is_no_budget_is_refused(given, wanted):
    with pytest.raises(mt.ArgumentError, match=wanted):
        ErrorBudget(**given)
