"""The overlap table: the fit by another formula and another optimiser, and a table it rejects."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from moetheory.paper import overlap_table, rows


@pytest.fixture(scope="module")
def facts():
    return rows["overlap-table"].compute(1).facts


def wrong_signs(noise):
    """The probability of opposite signs of label and prediction, from the normal quadrant."""
    r = 1.0 / np.sqrt(1.0 + noise)
    both = multivariate_normal.cdf([0.0, 0.0], cov=[[1.0, r], [r, 1.0]])
    return 1.0 - 2.0 * both


def test_the_fit_is_that_of_another_route(facts):
    def squares(numbers):
        r, c = np.abs(numbers)
        sparse = [1.0 - wrong_signs(r + c * a**2) for a in overlap_table.OVERLAPS]
        dense = [1.0 - wrong_signs(5.0 * (r + c * a**2)) for a in overlap_table.OVERLAPS]
        return 1e4 * np.mean((np.array([dense, sparse]) - overlap_table.REPORTED) ** 2)

    found = minimize(squares, [3.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-6})
    fit = facts[0].numbers
    assert fit["experts"] == 5
    assert np.allclose(found.x, [fit["r"], fit["c"]], rtol=1e-4)
    assert abs(np.sqrt(found.fun) - fit["error"]) < 1e-6
    assert f"{fit['error']:.3f}" == "0.304"
    assert f"{fit['r']:.2f}, {fit['c']:.2f}" == "1.76, 1.87"


def test_other_numbers_of_experts_and_interference_alone_fit_less_well(facts):
    everywhere, idle = (
        {fit["experts"]: fit["error"] for fit in fact.numbers["fits"]} for fact in facts[1:3]
    )
    assert sorted(everywhere) == list(range(2, 11))
    assert min(everywhere, key=everywhere.get) == 5
    rounded = [f"{everywhere[k]:.2g}" for k in (3, 4, 6, 8)]
    assert rounded == ["1.5", "0.71", "0.55", "1.2"]
    assert (min(idle, key=idle.get), f"{min(idle.values()):.1f}") == (4, "1.2")


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 5


def test_a_table_that_no_pair_of_numbers_fits_is_not_explained(monkeypatch):
    monkeypatch.setattr(overlap_table, "REPORTED", overlap_table.REPORTED[:, ::-1])
    assert not rows["overlap-table"].compute(1).facts[0].holds
