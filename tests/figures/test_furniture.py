"""Words in figures find their places, also when more is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text
from placement import assert_well_placed, captions

import moetheory as mt
from moetheory.figures.end_names import NAME, _apart
from moetheory.figures.furniture import data_limits, furnish, refurnish


@given(
    st.lists(st.floats(-5.0, 105.0), min_size=1, max_size=9),
    st.floats(1.0, 20.0),
)
def test_heights_are_apart_inside_and_as_near_as_can_be(wanted, step):
    wanted = np.array(wanted)
    found = _apart(wanted, step, 0.0, 100.0)
    if (len(wanted) - 1) * step > 100.0:
        assert found is None
        return
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(found[order]) >= step - 1e-9)
    assert found.min() >= -1e-9
    assert found.max() <= 100.0 + 1e-9
    inside = np.all((wanted >= 0.0) & (wanted <= 100.0))
    if inside and np.all(np.diff(wanted[order]) >= step):
        np.testing.assert_allclose(found, wanted, atol=1e-9)


def lines(ax, heights):
    x = np.linspace(0.0, 1.0, 20)
    return [
        ax.plot(x, h + 0.3 * (1.0 - x), color="black", label=f"curve {i}")[0]
        for i, h in enumerate(heights)
    ]


def names(ax):
    return {text.get_text() for text in ax.texts if text.get_gid() == NAME}


def test_names_stand_at_ends_if_there_is_room_and_else_in_a_legend():
    _, (ax, other) = pyplot.subplots(1, 2, figsize=(12, 4), layout="constrained")
    furnish(ax, lines(ax, [0.1, 0.5, 0.52, 0.9]))
    assert names(ax) == {"curve 0", "curve 1", "curve 2", "curve 3"}
    assert ax.get_legend() is None
    furnish(other, lines(other, np.linspace(0.0, 1.0, 9)))
    assert not names(other)
    assert len(other.get_legend().get_texts()) == 9
    assert_well_placed(ax.figure)


def test_room_for_names_is_no_data():
    _, ax = pyplot.subplots()
    first = lines(ax, [0.2])
    limits = ax.get_xlim(), ax.get_ylim()
    furnish(ax, first)
    assert ax.get_xlim()[1] > limits[0][1]
    assert data_limits(ax) == limits
    before = ax.get_xlim()
    refurnish(ax.figure)
    np.testing.assert_allclose(ax.get_xlim(), before)


def test_captions_keep_the_facts_that_all_share_and_every_note_once():
    _, ax = pyplot.subplots()
    furnish(ax, title="First", facts=["d = 1", "n = 2"], notes=["points: seen"])
    furnish(ax, facts=["n = 3", "d = 1"], notes=["points: seen", "bands: felt"])
    assert captions(ax) == "d = 1\npoints: seen\nbands: felt First"


@pytest.mark.parametrize("height", [1.6, 4.4])
def test_notes_that_do_not_fit_are_left_out(height):
    figure, ax = pyplot.subplots(figsize=(6.4, height), layout="constrained")
    notes = [f"note {i}" for i in range(5)]
    furnish(ax, title="Title", facts=["d = 1"], notes=notes)
    shown = [note for note in notes if note in captions(ax)]
    assert (len(shown) == 5) == (height > 4.0)
    assert shown == notes[: len(shown)]
    assert "d = 1" in captions(ax)
    assert_well_placed(figure)


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
    words = [text.get_text() for text in pyplot.gcf().findobj(Text)]
    # LaTeX can set them; minus signs and spaces of ticks and captions it is told of
    known = str.maketrans("\N{MINUS SIGN}\N{NO-BREAK SPACE}", "- ")
    assert [text for text in words if not text.translate(known).isascii()] == []


@pytest.mark.parametrize("name", NAMES)
def test_thumbnails_are_readable(every, name):
    result, keywords = every[name]
    figure = Figure(figsize=(3.2, 2.8), dpi=100, layout="constrained")
    mt.plot(result, figure.add_subplot(), **keywords)
    assert_well_placed(figure)


def test_panels_are_readable(every):
    figure = Figure(figsize=(14, 8), dpi=100, layout="constrained")
    names = ("fitted", "laws", "paths", "risks", "routing", "audit")
    for ax, name in zip(figure.subplots(2, 3).flat, names, strict=True):
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
