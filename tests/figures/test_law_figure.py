"""The figure of how far gates follow the 1/K law."""

import dataclasses

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


def test_one_law_is_the_gate_the_oracle_and_the_bound(laws):
    ends = laws[1]
    ax = mt.plot(ends, axes())
    curves = [line for line in ax.get_lines() if line.get_gid() == "law"]
    for line, column in zip(curves, ("bound", "oracle", "gate"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), ends["experts"])
        np.testing.assert_array_equal(line.get_ydata(), ends[column])
    assert legend(ax) == [
        "oracle gate",
        "hard gate",
        "bound for gates",
        "last K within 2 times the oracle",
    ]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("number of experts K", "excess risk")
    assert [tick.get_text() for tick in ax.get_xticklabels()][-1] == "64"


def test_circles_are_where_the_law_and_its_guarantee_end(laws):
    ends = laws[1]
    marks = [line for line in mt.plot(ends, axes()).get_lines() if line.get_gid() != "law"]
    expected = [(ends.guaranteed, "bound"), (ends.experts, "gate")]
    for mark, (experts, column) in zip(marks, expected, strict=True):
        assert mark.get_xdata() == [experts]
        assert mark.get_ydata() == ends[column][ends["experts"] == experts]


def test_a_law_that_does_not_end_has_no_circle():
    ends = mt.law_ends(16, 1e-3, signal_energy=64.0)
    assert ends.experts == ends.guaranteed == 16
    ax = mt.plot(ends, axes())
    assert legend(ax) == ["oracle gate", "hard gate", "bound for gates"]


def test_three_routers_fitted_and_not_share_axes(laws):
    ax = axes()
    for ends in laws:
        mt.plot(ends, ax)
    curves = [line for line in ax.get_lines() if line.get_gid() == "law"]
    assert len(curves) == 8  # oracle and bound once for each number of samples
    solid, dashed = ({line.get_linestyle() for line in each} for each in (curves[:4], curves[4:]))
    assert (solid, dashed) == ({"-"}, {"--"})
    assert legend(ax) == [
        "oracle gate",
        "soft gate",
        "hard gate",
        "bound for gates",
        "infinitely many samples",
        "n = 512",
        "last K within 2 times the oracle",
    ]
    colours = [line.get_color() for line in curves]
    assert colours[:3] == colours[4:7]
    assert len(set(colours)) == 4
    top = max(max(ends["gate"]) for ends in laws)
    assert top < ax.get_ylim()[1] < 2.0 * top  # bounds may lie above


def test_gates_of_other_kinds_have_colours_of_their_own(laws):
    ax = axes()
    for k in (2, 3, 2):
        mt.plot(dataclasses.replace(laws[0], gate=mt.TopK(k)), ax)
    names = [line.get_label() for line in ax.get_lines() if "top" in line.get_label()]
    assert names == ["top-2 gate, infinitely many samples", "top-3 gate, infinitely many samples"]
    assert len({line.get_color() for line in ax.get_lines() if line.get_gid() == "law"}) == 4


def test_infinite_risks_are_gaps():
    ends = mt.law_ends(12, 1.0, signal_energy=48.0, samples=30, factor=10.0)
    assert np.isinf(ends["gate"]).any()
    ax = mt.plot(ends, axes())
    for line in ax.get_lines():
        assert not np.isinf(np.asarray(line.get_ydata())).any()
    assert np.isfinite(ax.get_ylim()).all()
