"""The figure of how far gates follow the 1/K law."""

import dataclasses
import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import moetheory as mt

mpl.use("Agg")

GATES = (mt.Soft(), mt.Hard())


@pytest.fixture(scope="module")
def laws():
    return [
        mt.law_ends(64, 1.0, signal_energy=64.0, gate=gate, samples=samples)
        for samples in (None, 512)
        for gate in GATES
    ]


def axes():
    return Figure(layout="constrained").add_subplot()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def curves_of(ax):
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith("law: ")]


def marks_of(ax):
    return [line for line in ax.get_lines() if line.get_gid() == "end of a law"]


def test_one_law_is_the_gate_the_oracle_and_the_bound(laws):
    ends = laws[1]
    ax = mt.plot(ends, axes())
    curves = curves_of(ax)
    for line, column in zip(curves, ("bound", "oracle", "gate"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), ends["experts"])
        np.testing.assert_array_equal(line.get_ydata(), ends[column])
    assert legend(ax) == [
        "oracle gate",
        "hard gate",
        "bound for gates",
        "$1/K$",
        r"risk $\leq 2\times$ oracle: last $K$",
    ]
    title = ax.get_legend().get_title().get_text()
    assert title == r"$d = 64$, $S = 64$, $\sigma^2 = 1$, $n = \infty$"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("number of experts K", "excess risk")
    assert [tick.get_text() for tick in ax.get_xticklabels()][-1] == "64"


def test_circles_are_where_the_law_and_its_guarantee_end(laws):
    ends = laws[1]
    expected = [(ends.guaranteed, "bound"), (ends.experts, "gate")]
    for mark, (experts, column) in zip(marks_of(mt.plot(ends, axes())), expected, strict=True):
        assert mark.get_marker() == "o"
        assert mark.get_xdata() == [experts]
        assert mark.get_ydata() == ends[column][ends["experts"] == experts]


def test_a_law_that_does_not_end_has_a_square():
    ends = mt.law_ends(16, 1e-3, signal_energy=64.0)
    assert ends.experts == ends.guaranteed == 16
    ax = mt.plot(ends, axes())
    assert {mark.get_marker() for mark in marks_of(ax)} == {"s"}
    assert legend(ax)[-1] == r"risk $\leq 2\times$ oracle: all $K$"


def test_a_law_whose_guarantee_does_not_begin_has_no_mark_for_it():
    ends = mt.law_ends(16, 3.0, signal_energy=16.0, factor=1.2, gate=mt.Soft())
    assert ends.guaranteed == 1 < ends.experts
    assert len(marks_of(mt.plot(ends, axes()))) == 1


def test_marks_of_two_gates_at_one_place_are_both_seen(laws):
    ax = axes()
    for ends in laws[:2]:
        mt.plot(dataclasses.replace(ends, columns=laws[0].columns, experts=16), ax)
    first, second = (mark for mark in marks_of(ax) if mark.get_color() != "0.45")
    assert first.get_xydata().tolist() == second.get_xydata().tolist()
    assert first.get_markersize() > 1.2 * second.get_markersize()
    assert first.get_markerfacecolor() == second.get_markerfacecolor() == "none"


def test_three_routers_fitted_and_not_share_axes(laws):
    ax = axes()
    for ends in laws:
        mt.plot(ends, ax)
    curves = curves_of(ax)
    assert len(curves) == 8  # oracle and bound once for each number of samples
    solid, dashed = ({line.get_linestyle() for line in each} for each in (curves[:4], curves[4:]))
    assert (solid, dashed) == ({"-"}, {"--"})
    assert legend(ax) == [
        "oracle gate",
        "soft gate",
        "hard gate",
        "bound for gates",
        "$1/K$",
        r"$n = \infty$",
        "$n = 512$",
        r"risk $\leq 2\times$ oracle: last $K$",
        r"risk $\leq 2\times$ oracle: all $K$",  # soft, n = 512
    ]
    assert ax.get_legend().get_title().get_text() == r"$d = 64$, $S = 64$, $\sigma^2 = 1$"
    colours = [line.get_color() for line in curves]
    assert colours[:3] == colours[4:7]
    assert len(set(colours)) == 4
    top = max(max(ends["gate"]) for ends in laws)
    assert top < ax.get_ylim()[1] < 2.0 * top  # bounds may lie above
    # where they agree each is seen: by its marker, and narrower than those behind it
    gates = sorted(curves[1:4], key=lambda line: line.get_zorder())
    widths = [line.get_linewidth() for line in gates]
    assert all(behind > 1.5 * front for behind, front in itertools.pairwise(widths))
    assert len({line.get_marker() for line in gates}) == 3


def test_the_reference_falls_like_the_oracle_with_many_experts(laws):
    (line,) = (line for line in mt.plot(laws[0], axes()).get_lines() if line.get_label() == "$1/K$")
    assert line.get_ydata() == pytest.approx(1.0 / line.get_xdata(), rel=1e-12)
    assert line.get_ydata()[-1] == pytest.approx(laws[0]["oracle"][-1], rel=0.02)
    quiet = mt.plot(mt.law_ends(8, 0.0, signal_energy=8.0), axes())
    assert "$1/K$" not in legend(quiet)


@pytest.mark.parametrize(
    "other", [{"dim": 32}, {"signal_energy": 32.0}, {"noise_variance": 2.0}, {"factor": 3.0}]
)
def test_another_law_on_the_same_axes_is_refused(laws, other):
    ax = mt.plot(laws[0], axes())
    arguments = {"dim": 64, "noise_variance": 1.0, "signal_energy": 64.0} | other
    before = len(ax.get_lines())
    with pytest.raises(
        ValueError,
        match=r"^result must be of the law that is on the axes, with d = 64, signal energy 64, "
        r"noise variance 1, factor 2, got d = ",
    ):
        mt.plot(mt.law_ends(**arguments), ax)
    assert len(ax.get_lines()) == before


@pytest.mark.parametrize(("size", "fewest"), [((3.3, 2.5), 4), ((6.4, 4.8), 7), ((10.0, 4.0), 7)])
def test_nothing_overlaps_at_any_size(laws, size, fewest):
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    for ends in laws:
        mt.plot(ends, ax)
    figure.draw_without_rendering()
    ticks = [each.get_window_extent() for each in ax.get_xticklabels()]
    assert len(ticks) >= fewest
    assert all(left.x1 + 2.0 < right.x0 for left, right in itertools.pairwise(ticks))
    legend_box, inside = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert legend_box.y0 >= inside.y1 - 1.0
    assert legend_box.x0 >= 0.0
    assert legend_box.x1 <= figure.bbox.x1
    assert inside.height > 0.35 * figure.bbox.height


def test_gates_of_other_kinds_have_colours_of_their_own(laws):
    ax = axes()
    for k in (2, 3, 2):
        mt.plot(dataclasses.replace(laws[0], gate=mt.TopK(k)), ax)
    names = [line.get_label() for line in ax.get_lines() if "top" in line.get_label()]
    assert names == [r"top-2 gate, $n = \infty$", r"top-3 gate, $n = \infty$"]
    assert len({line.get_color() for line in curves_of(ax)}) == 4


def test_infinite_risks_are_gaps():
    ends = mt.law_ends(12, 1.0, signal_energy=48.0, samples=30, factor=10.0)
    assert np.isinf(ends["gate"]).any()
    ax = mt.plot(ends, axes())
    assert legend(ax)[-2:] == [
        r"$n = 30$, $\infty$ from $K = 12$",
        r"risk $\leq 10\times$ oracle: all finite",
    ]
    assert {mark.get_marker() for mark in marks_of(ax)} == {"s"}
    for line in ax.get_lines():
        assert not np.isinf(np.asarray(line.get_ydata())).any()
    assert np.isfinite(ax.get_ylim()).all()
