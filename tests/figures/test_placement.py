"""The words of each figure can be read, at the size of a lecture, of a thumbnail, of a panel."""

import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from placement import assert_well_placed

import moetheory as mt

NAMES = [
    *("sweep", "fitted", "audit", "law", "laws", "ladder", "ladders", "risk", "risks"),
    *("misclassifications", "estimate", "estimates", "descent", "descents", "path", "paths"),
    *("tail", "tails", "routing", "spectrum", "spectra", "verdict"),
]


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_readable(every, name):
    result, keywords = every[name]
    mt.plot(result, **keywords)
    assert_well_placed(pyplot.gcf())


@pytest.mark.parametrize("name", NAMES)
def test_thumbnails_are_readable(every, name):
    result, keywords = every[name]
    figure = Figure(figsize=(3.2, 2.8), dpi=100, layout="constrained")
    mt.plot(result, figure.add_subplot(), **keywords)
    assert_well_placed(figure)


@pytest.mark.parametrize("start", (0, 12))
def test_panels_are_readable(every, start):
    figure = Figure(figsize=(14, 8), dpi=100, layout="constrained")
    for ax, name in zip(figure.subplots(2, 3).flat, NAMES[start : start + 6], strict=False):
        result, keywords = every[name]
        mt.plot(result, ax, **{"title": name, **keywords})
    assert_well_placed(figure)


def test_the_checker_sees_what_is_wrong(sweep):
    ax = mt.plot(sweep)
    x, y = ax.get_lines()[0].get_xydata()[3]
    wrong = ax.text(x, y, "upon a curve")
    with pytest.raises(AssertionError, match="upon data"):
        assert_well_placed(ax.figure)
    wrong.set_position((50.0, y))
    with pytest.raises(AssertionError, match="outside"):
        assert_well_placed(ax.figure)
