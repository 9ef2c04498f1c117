"""Theory between the values of a sweep, and guides between points."""

import numpy as np
import pytest
from drawn_models import BOTH
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import moetheory as mt
from moetheory.figures.refinement import guide, refined


@pytest.fixture(scope="module")
def table():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    return mt.sweep(model, "noise_variance", [0.01, 0.1, 1.0, 10.0, 1000.0], BOTH)


def test_the_fine_grid_is_theory_at_its_points(table):
    grid = refined(table, ["dense", "moe"], log_x=True, log_y=True)
    assert len(grid.x) > 5 * len(table)
    assert set(table["noise_variance"]) <= set(grid.x)
    exact = table.theory_at(grid.x)
    for name in ("dense", "moe"):
        np.testing.assert_array_equal(grid.columns[name], exact[name])


def test_chords_bend_less_than_the_eye_sees(table):
    grid = refined(table, ["dense", "moe"], log_x=True, log_y=True)
    middles = np.sqrt(grid.x[1:] * grid.x[:-1])
    exact = table.theory_at(middles)
    for name in ("dense", "moe"):
        heights = np.log(grid.columns[name])
        chords = (heights[1:] + heights[:-1]) / 2.0
        assert np.abs(np.log(exact[name]) - chords).max() < np.ptp(heights) / 200.0


def test_counted_quantities_stay_whole(fitted):
    grid = refined(fitted, ["dense", "moe"], log_x=True, log_y=True)
    np.testing.assert_array_equal(grid.x, np.rint(grid.x))
    assert len(grid.x) > len(fitted)
    assert np.isinf(grid.columns["dense"]).any()


def test_a_table_without_theory_between_keeps_its_values():
    columns = {"mine": np.array([2.0, 1.0]), "dense": np.array([3.0, 4.0])}
    grid = refined(mt.Sweep("mine", columns, 0, None), ["dense"], log_x=False, log_y=False)
    assert (grid.x.tolist(), grid.columns["dense"].tolist()) == ([1.0, 2.0], [4.0, 3.0])


heights = st.lists(
    st.one_of(st.floats(0.01, 100.0), st.just(np.inf), st.just(np.nan)), min_size=1, max_size=8
)


@given(y=heights, log=st.booleans())
def test_guides_have_their_points_and_do_not_overshoot(y, log):
    ax = Figure().add_subplot()
    if log:
        ax.set_xscale("log")
        ax.set_yscale("log")
    x, y = np.arange(1.0, len(y) + 1), np.array(y)
    along, up = guide(ax, x, y)
    known = np.isfinite(y)
    drawn = set(zip(along[np.isfinite(up)].tolist(), up[np.isfinite(up)].tolist(), strict=True))
    assert set(zip(x[known].tolist(), y[known].tolist(), strict=True)) <= drawn
    for one, other, low, high in zip(x, x[1:], y, y[1:], strict=False):
        inside = up[(along > one) & (along < other)]
        if not (np.isfinite(low) and np.isfinite(high)):
            assert not inside.size  # no line across gaps
        elif inside.size:
            room = 1e-9 * max(low, high)
            assert inside.min() >= min(low, high) - room
            assert inside.max() <= max(low, high) + room
