"""The curve of the law of a risk is its survival function, marked where one looks."""

import numpy as np
import pytest
from drawn_models import UNEQUAL
from placement import captions

import moetheory as mt
from moetheory.figures.series import SERIES


def curves(ax):
    return [line for line in ax.get_lines() if line.get_gid() == SERIES]


def marks(ax):
    return {str(line.get_marker()): line for line in ax.get_lines() if line.get_marker() != "None"}


def test_the_curve_is_the_probability_of_more(every):
    law = every["tails"][0][1]
    ax = mt.plot(law)
    (line,) = curves(ax)
    x, heights = line.get_data()
    np.testing.assert_allclose(heights[7::40], law.sf(x[7::40]), rtol=2e-3)
    assert heights[-1] == pytest.approx(1e-3, rel=1e-6)
    found = marks(ax)
    for marker, probability in (("o", 0.5), ("s", 0.05)):
        (at,), (height,) = found[marker].get_data()
        assert law.sf(at) == pytest.approx(height, rel=1e-8)
        assert height == probability
    (mean,), (height,) = found["D"].get_data()
    assert (mean, height) == (law.mean, law.sf(law.mean))


def test_an_infinite_mean_is_said_and_not_drawn():
    law = mt.risk_distribution(mt.MoE(), UNEQUAL, [5, 7, 4, 6])
    assert law.mean == np.inf
    ax = mt.plot(law)
    assert "D" not in marks(ax)
    assert r"mean $\infty$" in captions(ax)
    assert ax.get_xscale() == "log"


def test_several_laws_and_a_constant_share_axes(every):
    laws, keywords = every["tails"]
    ax = mt.plot(laws, **keywords)
    assert [line.get_label() for line in curves(ax)] == keywords["label"]
    assert len({line.get_color() for line in curves(ax)}) == 3
    exact = UNEQUAL.replace(noise_variance=0.0, label_noise_variance=0.0)
    constant = mt.risk_distribution(mt.MoE(), exact, 100)
    assert constant.std == 0.0
    (step,) = curves(mt.plot(constant))
    assert set(step.get_xdata()) == {constant.lower}
