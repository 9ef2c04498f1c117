"""The figure of an audit: lines foreseen, points measured, and where leads change."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import moetheory as mt
from moetheory.auditing.contenders import contenders

mpl.use("Agg")

DRAWN = {
    "dense": "dense",
    "tuned dense": "dense(tuned)",
    "experts restricted to their block, told the group": "moe(block)",
    "experts restricted to their block, with a router": "moe(block, router)",
    "experts that see everything, told the group": "moe(all)",
    "experts that see everything, with a router": "moe(all, router)",
}
FEATURES = np.random.default_rng(0).standard_normal((200, 4))
LABELS = FEATURES @ np.ones(4)


def test_lines_are_foreseen_and_points_measured(audit):
    ax = mt.plot(audit)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert len(ax.containers) == len(DRAWN)
    for (label, name), container in zip(DRAWN.items(), ax.containers, strict=True):
        np.testing.assert_array_equal(lines[label].get_xdata(), audit.noise_variances)
        np.testing.assert_array_equal(lines[label].get_ydata(), audit[f"{name}_predicted"])
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), audit[f"{name}_measured"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.9695 * audit[f"{name}_sem"], rtol=1e-3)
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_ylabel()) == ("symlog", "log", "risk")


def test_no_two_predictors_look_alike(audit):
    lines = [line for line in mt.plot(audit).get_lines() if line.get_label() in DRAWN]
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == len(lines) == len(DRAWN)


def test_leads_that_change_are_a_dashed_line_and_a_band(audit):
    ax = mt.plot(audit)
    best = contenders(audit).told.name
    assert best == "moe(block)"
    leads = [audit.crossovers[name] for name in (best, "moe(block, router)")]
    verticals = {line.get_xdata()[0] for line in ax.get_lines() if len(set(line.get_xdata())) == 1}
    places = [place for both in leads for place in both.predicted]
    assert verticals == {place.value for place in places if 0.0 < place.value < np.inf} != set()
    places = [place for both in leads for place in both.measured]
    bands = {(band.get_x(), band.get_x() + band.get_width()) for band in ax.patches[:-1]}
    end = audit.noise_variances[-1]
    wanted = {(p.low, min(p.high, end)) for p in places if 0.0 < p.value < np.inf}
    np.testing.assert_allclose(sorted(bands), sorted(wanted))


def test_the_legend_hides_no_data(audit):
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    ax = mt.plot(audit, figure.add_subplot())
    figure.draw_without_rendering()
    legend, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert not legend.overlaps(frame)
    assert 0.0 <= legend.x0 < legend.x1 <= figure.bbox.width
    noise = audit.noise_variances
    low, high = ax.get_xlim()
    assert low < noise[0] < noise[-1] < high


def test_there_is_nothing_to_mark_without_leads():
    kept = {"noise_variances": [1.0, 2.0], "repeats": 1, "rng": 0}
    ax = mt.plot(mt.audit(FEATURES, LABELS, experts=1, **kept))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert not ax.patches
    # one block: mixtures are the dense predictor
    named = [line.get_label() for line in ax.get_lines() if line.get_label() in DRAWN]
    assert named == ["dense", "tuned dense"]
    assert len(ax.containers) == 2


@pytest.mark.parametrize(
    ("noise", "levels", "label", "scale"),
    [
        ("equal", 1.0, "noise variance", "linear"),
        ("relative", [0.0, 1.0], "relative noise variance", "symlog"),
        ("dropout", [0.0, 0.1, 0.5], "dropout probability", "linear"),
        (np.ones(4), [0.5, 1.0], "multiple of the given noise", "log"),
    ],
)
def test_the_axis_says_what_a_level_is(noise, levels, label, scale):
    found = mt.audit(FEATURES, LABELS, noise=noise, noise_variances=levels, repeats=1, rng=0)
    ax = mt.plot(found)
    assert (ax.get_xlabel(), ax.get_xscale()) == (label, scale)


def test_no_band_stands_for_a_lead_that_may_be_chance():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(120, 6)), rng.normal(size=120)
    audit = mt.audit(features, labels, groups=np.arange(120) % 3, rng=0)
    leads = [audit.crossovers[f"moe({seen})"].measured for seen in ("block", "all")]
    assert not any(lead.is_sure for lead in leads)
    assert not mt.plot(audit).patches
