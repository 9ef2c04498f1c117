"""The figure of best assignments shows the ladder, whatever is on the axes already."""

import numpy as np
import pytest
from drawn_models import LADDER as MODEL

import moetheory as mt
from moetheory.figures.series import SERIES


@pytest.fixture(scope="module")
def few(every):
    return every["ladders"][0][0]


@pytest.fixture(scope="module")
def many(every):
    return every["ladders"][0][1]


def curves(ax):
    return [line for line in ax.get_lines() if line.get_gid() == SERIES]


def test_the_curve_is_the_ladder_and_the_star_its_least_risk(few):
    ax = mt.plot(few)
    (line,) = curves(ax)
    np.testing.assert_array_equal(line.get_xdata(), range(1, 7))
    risks = [rung.excess for rung in few.ladder.values()]
    np.testing.assert_array_equal(line.get_ydata(), risks)
    assert 1 < few.best_experts < 6
    (star,) = [each for each in ax.get_lines() if each.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[few.best_experts, min(risks)]]
    assert star.get_color() == line.get_color()
    (band,) = ax.collections
    low, high = band.get_paths()[0].get_extents().intervaly
    errors = [rung.error for rung in few.ladder.values()]
    assert (low, high) == (min(np.subtract(risks, errors)), max(np.add(risks, errors)))


def test_the_axes_count_experts_in_powers_of_two(many):
    ax = mt.plot(many)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "4", "6"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")  # within a factor of 3
    assert not ax.collections  # exact risks have no band
    assert mt.plot(mt.best_assignment(MODEL.replace(noise_variance=0.1))).get_yscale() == "log"


@pytest.mark.parametrize("at_once", [True, False])
def test_two_ladders_share_axes(few, many, at_once):
    ax = mt.plot([many, few]) if at_once else mt.plot(few, mt.plot(many))
    one, other = curves(ax)
    assert (one.get_label(), other.get_label()) == (r"$n$ = $\infty$", "$n$ = 120")
    assert one.get_linestyle() != other.get_linestyle()
    bottom, top = ax.get_ylim()
    assert bottom < many.ladder[6].excess < few.ladder[1].excess < top


def test_infinite_risks_and_risks_of_zero(many):
    infinite = mt.best_assignment(MODEL, 3, samples=100)
    assert infinite.ladder[6].excess == np.inf
    (line,) = curves(mt.plot(infinite))
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), [0, 0, 0, 0, 0, 1])
    alone = mt.BlockModel.isotropic(3, 1, 1.0)
    assert mt.plot(mt.best_assignment(alone, 1, samples=3)).get_yscale() == "linear"
    ax = mt.plot(mt.best_assignment(MODEL.replace(noise_variance=0.0)))
    assert ax.get_yscale() == "linear"
    assert mt.plot(many, ax).get_yscale() == "linear"
