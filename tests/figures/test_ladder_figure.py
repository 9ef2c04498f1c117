"""The figure of best assignments shows the ladder, whatever is on the axes already."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import colors, pyplot

import moetheory as mt

mpl.use("Agg")
ONES = [1.0] * 24
MODEL = mt.BlockModel(
    [0.4, 0.2, 0.2, 0.1, 0.05, 0.05], [0, 1, 2, 3, 4, 5] * 4, ONES, ONES, noise_variance=1.0
)
FEW = mt.best_assignment(MODEL, samples=120)
MANY = mt.best_assignment(MODEL)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def curves(ax):
    return [line for line in ax.get_lines() if line.get_linestyle() == "-"]


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_curve_is_the_ladder_and_the_star_its_least_risk():
    ax = mt.plot(FEW)
    (line,) = curves(ax)
    np.testing.assert_array_equal(line.get_xdata(), range(1, 7))
    risks = [rung.excess for rung in FEW.ladder.values()]
    np.testing.assert_array_equal(line.get_ydata(), risks)
    assert 1 < FEW.best_experts < 6
    star = next(each for each in ax.get_lines() if each.get_marker() == "*")
    assert star.get_xydata().tolist() == [[FEW.best_experts, min(risks)]]
    assert star.get_color() == line.get_color()
    (band,) = ax.collections
    low, high = band.get_paths()[0].get_extents().intervaly
    errors = [rung.error for rung in FEW.ladder.values()]
    assert low == min(np.subtract(risks, errors))
    assert high == max(np.add(risks, errors))


def test_the_axes_count_experts_in_powers_of_two():
    ax = mt.plot(MANY)
    ax.figure.draw_without_rendering()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "4", "6"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")  # within a factor of 3
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("number of experts", "excess risk")
    assert texts(ax) == ["infinitely many samples", "least risk"]
    assert not ax.collections  # exact risks have no band


def test_risks_that_are_far_apart_have_a_logarithmic_axis():
    ax = mt.plot(mt.best_assignment(MODEL.replace(noise_variance=0.1)))
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "log"
    low, high = ax.get_ylim()
    assert sum(low <= tick <= high for tick in ax.get_yticks()) >= 3


def test_two_ladders_share_axes_and_a_legend():
    _, ax = pyplot.subplots()
    assert mt.plot(MANY, ax) is ax
    mt.plot(FEW, ax)
    assert texts(ax) == ["infinitely many samples", "n = 120", "least risk"]
    one, other = (colors.to_rgb(line.get_color()) for line in curves(ax))
    assert one != other
    assert ax.get_legend() in ax.get_children()
    bottom, top = ax.get_ylim()
    assert bottom < MANY.ladder[6].excess < FEW.ladder[1].excess < top


def test_infinite_risks_and_risks_of_zero():
    infinite = mt.best_assignment(MODEL, 3, samples=100)
    assert infinite.ladder[6].excess == np.inf
    (line,) = curves(mt.plot(infinite))
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), [0, 0, 0, 0, 0, 1])
    alone = mt.BlockModel.isotropic(3, 1, 1.0)
    assert mt.plot(mt.best_assignment(alone, 1, samples=3)).get_yscale() == "linear"
    ax = mt.plot(mt.best_assignment(MODEL.replace(noise_variance=0.0)))
    assert ax.get_yscale() == "linear"
    mt.plot(MANY, ax)
    assert ax.get_yscale() == "linear"
