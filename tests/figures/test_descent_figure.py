"""The figures of gradient descent show its steps, its limit and its best stop."""

import numpy as np
from drawn_models import BOTH, SPIKED, STEPS
from placement import captions

import moetheory as mt
from moetheory.figures import style
from moetheory.figures.series import SERIES


def curves(ax):
    return [line for line in ax.get_lines() if line.get_gid() == SERIES]


def test_the_curve_is_the_excess_risk(every):
    descents, keywords = every["descents"]
    ax = mt.plot(descents, **keywords)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    for line, descent, meaning in zip(curves(ax), descents, ("dense", "oracle"), strict=True):
        drawn = dict(line.get_xydata().tolist())
        np.testing.assert_array_equal([drawn[t] for t in STEPS], descent.excess)
        assert line.get_color() == style.LOOKS[meaning].colour
    limits = {line.get_ydata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 2}
    model = SPIKED.replace(noise_variance=0.01)
    np.testing.assert_allclose(
        sorted(limits), sorted(mt.risk(each, model).excess for each in BOTH), rtol=1e-9
    )


def test_steps_may_begin_with_0(every):
    model = SPIKED.replace(noise_variance=0.01)
    ax = mt.plot(mt.descent(mt.Dense(), model, [0, 1, 10, 100]))
    assert ax.get_xscale() == "symlog"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "10", "100"]
    single = mt.plot(mt.descent(mt.Dense(), model, [3]))
    single.figure.canvas.draw()
    assert single.get_xlim()[0] < 3 < single.get_xlim()[1]


def test_points_are_means_with_intervals_and_the_best_stop_is_ringed(every):
    path, _ = every["path"]
    ax = mt.plot(path)
    points, _, (bars,) = ax.containers[0].lines
    np.testing.assert_array_equal(points.get_xydata(), np.column_stack([STEPS, path.mean]))
    intervals = np.array([each.interval(0.95) for each in path.estimates])
    drawn = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(drawn, intervals, rtol=1e-12)
    (ring,) = [line for line in ax.get_lines() if line.get_markersize() > 10.0]
    assert ring.get_xydata().tolist() == [[path.best.steps, path.best.risk.mean]]
    assert f"best stop, risk {path.best.risk.mean:.3g} at $t$ = {path.best.steps}" in captions(ax)
    assert "20 training sets" in captions(ax).replace("\n", " ")
    low, high = ax.get_ylim()
    assert low < intervals[:, 1].max() < high
