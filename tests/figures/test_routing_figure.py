"""The heat map of a routing matrix shows its numbers."""

import numpy as np
import pytest
from drawn_models import UNEQUAL
from matplotlib.figure import Figure
from placement import captions

import moetheory as mt
from moetheory.figures.routing_figure import NUMBER


def numbers(ax):
    return [text.get_text() for text in ax.texts if text.get_gid() == NUMBER]


def test_colours_and_numbers_are_probabilities(every):
    routing, _ = every["routing"]
    ax = mt.plot(routing)
    np.testing.assert_array_equal(ax.images[0].get_array(), routing.matrix)
    shown = np.array(numbers(ax), dtype=float).reshape(4, 4)
    np.testing.assert_allclose(shown, routing.matrix, atol=0.005)
    assert f"misrouting {routing.misrouting:.3g}" in captions(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("expert", "group")
    top, bottom = ax.transData.transform([(0, 0), (0, 3)])[:, 1]
    assert top > bottom  # as a matrix is written


def test_rare_errors_have_logarithmic_colours():
    rare = mt.routing_matrix(mt.Hard(), UNEQUAL.replace(noise_variance=1e-4))
    wrong = rare.matrix[~np.eye(4, dtype=bool)]
    assert 0.0 < wrong.max() < 0.02
    ax = mt.plot(rare)
    assert ax.images[0].norm.vmin <= max(wrong.min(), 1e-15)
    shades = ax.images[0].norm(np.sort(wrong[wrong > 1e-15]))
    assert np.all(np.diff(shades) >= 0.0)
    assert "logarithmic" in captions(ax)


@pytest.mark.parametrize(("experts", "inches", "shown"), [(12, 6.0, True), (13, 9.0, False)])
def test_numbers_stand_where_there_is_room(experts, inches, shown):
    routing = mt.routing_matrix(mt.Hard(), mt.BlockModel.isotropic(4 * experts, experts, 0.5))
    ax = Figure(figsize=(inches, 4.0), layout="constrained").add_subplot()
    assert bool(numbers(mt.plot(routing, ax))) is shown
    narrow = Figure(figsize=(2.5, 2.5), layout="constrained").add_subplot()
    assert not numbers(mt.plot(routing, narrow))
