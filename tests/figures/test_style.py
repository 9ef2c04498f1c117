"""Looks can be told apart, also without colours that some do not see."""

import itertools

import numpy as np
import pytest
from drawn_models import GATES
from matplotlib.colors import to_rgb

import moetheory as mt
from moetheory.figures import style

# Machado, Oliveira and Fernandes 2009, deuteranopia (severity 1), on linear RGB
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# IEC 61966-2-1: linear RGB to XYZ, white D65
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
PAIRS = list(itertools.combinations(style.LOOKS, 2))


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE 1976 L*a*b* of linear RGB."""
    share = TO_XYZ @ np.clip(rgb, 0.0, 1.0) / TO_XYZ.sum(axis=1)
    bent = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = bent
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def test_the_conversion_knows_white_grey_and_red():
    np.testing.assert_allclose(lab(linear("white")), [100.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(lab(linear("#777777"))[1:], 0.0, atol=1e-6)
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.01)
    # to who does not see green, green is a yellow: no red-green, and much of blue-yellow
    _, red_green, blue_yellow = lab(DEUTERANOPIA @ linear("#00c000"))
    assert abs(red_green) < 0.3 * blue_yellow


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("seen", [np.eye(3), DEUTERANOPIA], ids=["normal", "deuteranopia"])
def test_colours_are_apart(one, other, seen):
    colours = [lab(seen @ linear(style.LOOKS[name].colour)) for name in (one, other)]
    assert np.linalg.norm(colours[0] - colours[1]) >= 20.0


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_greys_are_apart_and_so_are_markers(one, other):
    looks = [style.LOOKS[name] for name in (one, other)]
    greys = [lab(linear(look.colour))[0] for look in looks]
    assert abs(greys[0] - greys[1]) >= 10.0
    assert looks[0].marker != looks[1].marker


def test_looks_are_by_meaning_and_not_by_order():
    for each in GATES:
        alone = style.look_of(each)
        assert all(style.look_of(each, order) == alone for order in itertools.permutations(GATES))
    meanings = [style.meaning_of(each) for each in (*GATES, mt.MoE(mt.Learned()), mt.Dense(0.1))]
    assert meanings == ["dense", "oracle", "hard", "soft", "learned", "tuned"]


def test_all_estimators_of_a_figure_look_different():
    many = [
        *GATES,
        *(mt.Dense(ridge) for ridge in (0.1, 0.5, 2.0)),
        *(mt.MoE(assignment=each) for each in ((0, 0, 1), (0, 1, 1), (0, 0, 0))),
        *(mt.MoE(gate) for gate in (mt.Soft(2.0), mt.TopK(2), mt.TopK(3), mt.Learned())),
    ]
    looks = [style.look_of(each, many) for each in many]
    assert len({(look.colour, look.marker, look.line) for look in looks}) == len(many)


@pytest.mark.parametrize("name", style.LOOKS)
def test_names_can_be_read_on_white(name):
    luminance = float(TO_XYZ[1] @ linear(style.ink_of(style.LOOKS[name].colour)))
    assert 1.05 / (luminance + 0.05) >= 4.5  # the contrast that WCAG asks of text


@pytest.mark.parametrize(
    ("low", "high"), [(0.9, 1.1), (0.5, 2.0), (0.03, 7.0), (1e-3, 1e3), (1e-12, 1.0)]
)
def test_logarithmic_axes_have_a_few_ticks(low, high):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    style.log_ticks(ax.xaxis)
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 9
    assert all(ax.xaxis.get_major_formatter()(tick) for tick in ticks)
