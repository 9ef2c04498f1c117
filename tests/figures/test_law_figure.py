"""The figure of how far gates follow the 1/K law."""

import numpy as np
import pytest
from placement import captions

import moetheory as mt
from moetheory.figures import style


def lines_of(ax, start):
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith(start)]


def test_one_law_is_the_gate_the_oracle_and_the_bound(laws):
    ends = laws[1]
    ax = mt.plot(ends)
    for line, column in zip(lines_of(ax, "law: "), ("bound", "oracle", "gate"), strict=True):
        drawn = dict(line.get_xydata().tolist())
        np.testing.assert_array_equal([drawn[k] for k in ends["experts"]], ends[column])
        assert len(drawn) > len(ends)  # a smooth guide
    (law,) = lines_of(ax, "one over K")
    assert law.get_label() == "$1/K$"
    np.testing.assert_allclose(law.get_ydata() * law.get_xdata(), 1.0)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in ax.get_xticklabels()][-1] == "64"
    assert r"$n$ = $\infty$" in captions(ax)


def test_marks_are_where_the_law_and_its_guarantee_end(laws):
    ends = laws[1]
    ax = mt.plot(ends)
    expected = [(ends.guaranteed, "bound"), (ends.experts, "gate")]
    for mark, (experts, column) in zip(lines_of(ax, "end of"), expected, strict=True):
        assert mark.get_marker() == "o"
        assert mark.get_xydata().tolist() == [
            [experts, ends[column][ends["experts"] == experts].item()]
        ]
    assert "circle: the last $K$ within 2 times the oracle" in captions(ax)


def test_a_law_that_does_not_end_has_a_square():
    ends = mt.law_ends(16, 1e-3, signal_energy=64.0)
    assert ends.experts == ends.guaranteed == 16
    ax = mt.plot(ends)
    assert {mark.get_marker() for mark in lines_of(ax, "end of")} == {"s"}
    assert "square: within 2 times the oracle at all $K$" in captions(ax)


def test_a_law_whose_guarantee_does_not_begin_has_no_mark_for_it():
    ends = mt.law_ends(16, 3.0, signal_energy=16.0, factor=1.2, gate=mt.Soft())
    assert ends.guaranteed == 1 < ends.experts
    assert len(lines_of(mt.plot(ends), "end of")) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_gates_have_colours_and_samples_dashes(laws, at_once):
    if at_once:
        ax = mt.plot(laws)
    else:
        ax = mt.plot(laws[0])
        for ends in laws[1:]:
            mt.plot(ends, ax)
    curves = lines_of(ax, "law: ")
    assert len(curves) == 8  # oracle and bound once for each number of samples
    solid = [line for line in curves if line.get_linestyle() == "-"]
    assert len(solid) == 4
    for name in ("hard", "soft", "oracle"):
        own = [line for line in curves if line.get_label() == f"{name} gate"]
        assert [line.get_color() for line in own] == [style.LOOKS[name].colour] * 2
    assert len(lines_of(ax, "one over K")) == 1
    assert r"solid lines: $n$ = $\infty$; dashes: $n$ = 512" in captions(ax)


def test_infinite_risks_are_said():
    ends = mt.law_ends(64, 1.0, signal_energy=64.0, samples=70)
    first = ends["experts"][np.isinf(ends["oracle"])][0]
    ax = mt.plot(ends)
    assert f"infinite risks from $K$ = {first} on for $n$ = 70" in captions(ax)
    for line in lines_of(ax, "law: "):
        assert np.nanmax(line.get_xdata()) < first


def test_another_law_is_refused(laws):
    ax = mt.plot(laws[0])
    other = mt.law_ends(64, 2.0, signal_energy=64.0)
    with pytest.raises(ValueError, match=r"^result must be of the law that is on the axes, with d"):
        mt.plot(other, ax)


def test_the_bound_may_leave_the_axes(laws):
    steep = mt.law_ends(64, 16.0, signal_energy=64.0)
    assert steep["bound"].max() > 2.0 * max(steep["gate"].max(), steep["oracle"].max())
    assert mt.plot(steep).get_ylim()[1] < steep["bound"].max()
