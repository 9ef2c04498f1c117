"""What is drawn of groups is what is in the result."""

import dataclasses

import numpy as np
from drawn_models import BOTH, GATES, UNEQUAL
from placement import captions

import moetheory as mt
from moetheory.figures import style
from moetheory.figures.group_figure import GID
from moetheory.figures.series import SERIES


def lines_of(ax, gid):
    return [line for line in ax.get_lines() if line.get_gid() == gid]


def test_dots_are_groups_and_the_line_their_mean(every):
    risk, _ = every["risk"]
    ax = mt.plot(risk)
    (dots,), (line,) = lines_of(ax, GID), lines_of(ax, SERIES)
    np.testing.assert_array_equal(dots.get_xydata(), np.column_stack([range(4), risk.per_group]))
    assert set(line.get_ydata()) == {risk.value}
    assert ax.get_ylim()[0] == 0.0
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2", "3"]


def test_estimators_stand_side_by_side_in_their_looks(every):
    risks, keywords = every["risks"]
    dots = lines_of(mt.plot(risks, **keywords), GID)
    for line, risk, meaning in zip(dots, risks, ("dense", "oracle", "hard", "soft"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), risk.per_group)
        assert line.get_color() == style.LOOKS[meaning].colour
    places = np.array([line.get_xdata() for line in dots])
    assert np.all(np.diff(places, axis=0) > 0.1)
    np.testing.assert_array_equal(np.rint(places), np.tile(range(4), (4, 1)))


def test_misclassifications_leave_out_groups_without_labels():
    model = UNEQUAL.replace(
        coefficients=np.where(UNEQUAL.block_of == 1, 0.0, UNEQUAL.coefficients),
        group_probabilities=[0.5, 0.0, 0.3, 0.2],
        label_noise_variance=0.0,
    )
    found = [mt.misclassification(each, model) for each in BOTH]
    assert np.isnan(found[0].per_group[1])
    ax = mt.plot(found, label=BOTH)
    assert [len(line.get_xdata()) for line in lines_of(ax, GID)] == [3, 3]
    assert "sign" in ax.get_ylabel()


def test_estimates_have_the_interval_of_their_mean(every):
    estimates, keywords = every["estimates"]
    ax = mt.plot(estimates, **keywords)
    for band, estimate in zip(ax.collections, estimates, strict=True):
        assert tuple(band.get_paths()[0].get_extents().intervaly) == estimate.interval(0.95)
    for dots, estimate in zip(lines_of(ax, GID), estimates, strict=True):
        np.testing.assert_array_equal(dots.get_ydata(), estimate.per_group)


def test_infinite_risks_are_said():
    risk = mt.risk(mt.MoE(), UNEQUAL, samples=[9, 5, 90, 90])
    assert risk.per_group[1] == risk.value == np.inf
    ax = mt.plot(risk)
    assert not lines_of(ax, SERIES)
    words = captions(ax)
    assert "mean: infinite" in words
    assert "mean in group 1" in words


def test_risks_that_are_far_apart_have_a_logarithmic_axis():
    risk = mt.risk(mt.MoE(), UNEQUAL)
    wide = dataclasses.replace(risk, per_group=np.array([1e-3, 1.0, 2.0, 0.5]), value=0.5)
    assert mt.plot(wide).get_yscale() == "log"
    none = dataclasses.replace(risk, per_group=np.zeros(4), value=0.0)
    assert mt.plot(none).get_yscale() == "linear"


def test_many_groups_have_few_ticks():
    model = mt.BlockModel.isotropic(120, 60, 1.0)
    ax = mt.plot([mt.risk(each, model) for each in GATES[:3]])
    assert len(ax.get_xticks()) < 12
    labels = [line.get_label() for line in lines_of(ax, SERIES)]
    assert [label.split(",")[0] for label in labels] == ["mean 1", "mean 2", "mean 3"]
