"""Where data are, and where words may stand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from moetheory.figures.obstacles import BACKGROUND, Box, free_place, outlines

BOX = Box(10.0, 20.0, 310.0, 220.0)
places = st.tuples(st.floats(10.0, 310.0), st.floats(20.0, 220.0))


@given(st.lists(places, max_size=40), st.floats(5.0, 400.0), st.floats(5.0, 300.0))
def test_a_free_place_has_no_data_and_is_inside(points, width, height):
    data = np.array(points).reshape(-1, 2)
    found = free_place(BOX, width, height, data)
    if found is None:
        return
    x, y = found
    assert BOX.x0 <= x <= x + width <= BOX.x1
    assert BOX.y0 <= y <= y + height <= BOX.y1
    across, up = data.T
    assert not np.any((across >= x) & (across <= x + width) & (up >= y) & (up <= y + height))


def test_an_empty_box_has_a_place_at_its_corner():
    assert free_place(BOX, 50.0, 30.0, np.empty((0, 2))) == (14.0, 186.0)


def test_outlines_follow_lines_points_bars_and_bands_but_no_background():
    ax = Figure().add_subplot()
    ax.set_xlim(0.0, 10.0)
    ax.set_ylim(0.0, 10.0)
    ax.plot([0.0, 4.0, np.nan, 6.0, 10.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    ax.plot([5.0], [5.0], "o")
    ax.errorbar([3.0], [8.0], yerr=[1.0], linestyle="none")
    ax.fill_between([7.0, 9.0], [3.0, 3.0], [4.0, 4.0])
    ax.axvspan(0.0, 10.0, gid=BACKGROUND)
    x, y = ax.transData.inverted().transform(outlines(ax)).T

    def near(at, height):
        return bool(np.any((np.abs(x - at) < 0.1) & (np.abs(y - height) < 0.1)))

    assert all(near(*at) for at in ((2.0, 1.0), (8.0, 1.0), (5.0, 5.0), (3.0, 7.5), (8.0, 4.0)))
    assert not any(near(*at) for at in ((5.0, 1.0), (1.0, 5.0), (8.0, 3.5), (5.0, 9.9)))
