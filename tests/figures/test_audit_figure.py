"""The figure of an audit: lines foreseen, points measured, and where leads change."""

import numpy as np
import pytest
from placement import captions

import moetheory as mt
from moetheory.auditing.contenders import contenders
from moetheory.figures import style
from moetheory.figures.audit_figure import NAMES

FEATURES = np.random.default_rng(0).standard_normal((200, 4))
LABELS = FEATURES @ np.ones(4)


def curves(ax):
    return {line.get_label(): line for line in ax.get_lines() if line.get_label() in NAMES.values()}


def test_lines_are_foreseen_and_points_measured(audit):
    ax = mt.plot(audit)
    lines = curves(ax)
    assert len(ax.containers) == len(lines) == len(NAMES)
    for (name, label), container in zip(NAMES.items(), ax.containers, strict=True):
        drawn = lines[label].get_xydata()
        for point in zip(audit.noise_variances, audit[f"{name}_predicted"], strict=True):
            assert np.abs(drawn - point).sum(axis=1).min() == 0.0
        assert len(drawn) > 5 * len(audit.noise_variances)
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), audit[f"{name}_measured"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.9695 * audit[f"{name}_sem"], rtol=1e-3)
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_ylabel()) == ("symlog", "log", "risk")


def test_predictors_have_the_looks_of_their_meanings(audit):
    lines = curves(mt.plot(audit))
    assert lines["dense"].get_color() == style.LOOKS["dense"].colour
    assert lines["block experts"].get_color() == style.LOOKS["oracle"].colour
    assert lines["block experts, router"].get_color() == style.LOOKS["learned"].colour
    full = [lines[name] for name in ("full experts", "full experts, router")]
    assert {line.get_color() for line in full} == {style.LOOKS["all features"].colour}
    assert full[0].get_linestyle() == full[1].get_linestyle() == "--"
    assert full[0]._dash_pattern != full[1]._dash_pattern


def test_leads_that_change_are_a_dashed_line_and_a_band(audit):
    ax = mt.plot(audit)
    best = contenders(audit).told.name
    assert best == "moe(block)"
    leads = [audit.crossovers[name] for name in (best, "moe(block, router)")]
    verticals = {x[0] for line in ax.get_lines() if len(x := line.get_xdata()) == 2}
    places = [place for both in leads for place in both.predicted]
    assert verticals == {place.value for place in places if 0.0 < place.value < np.inf} != set()
    places = [place for both in leads for place in both.measured]
    bands = sorted((band.get_x(), band.get_x() + band.get_width()) for band in ax.patches)
    wanted = {(p.low, p.high) for p in places if 0.0 < p.value < np.inf}
    assert len(bands) == len(wanted)
    for (low, high), (least, most) in zip(bands, sorted(wanted), strict=True):
        np.testing.assert_allclose(low, least)
        np.testing.assert_allclose(high, min(most, high))
    assert "shaded: measured" in captions(ax)


def test_the_subtitle_says_how_many_there_are(audit):
    words = captions(mt.plot(audit, title="Mine"))
    for fact in ("Mine", "750 training samples", "250 held out", "12 features", "3 groups"):
        assert fact in words


def test_there_is_nothing_to_mark_without_leads():
    kept = {"noise_variances": [1.0, 2.0], "repeats": 1, "rng": 0}
    ax = mt.plot(mt.audit(FEATURES, LABELS, experts=1, **kept))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert not ax.patches
    assert list(curves(ax)) == ["dense", "tuned dense"]  # one block: mixtures are dense
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
    ax.figure.canvas.draw()


def test_no_band_stands_for_a_lead_that_may_be_chance():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(120, 6)), rng.normal(size=120)
    audit = mt.audit(features, labels, groups=np.arange(120) % 3, rng=0)
    leads = [audit.crossovers[f"moe({seen})"].measured for seen in ("block", "all")]
    assert not any(lead.is_sure for lead in leads)
    assert not mt.plot(audit).patches
