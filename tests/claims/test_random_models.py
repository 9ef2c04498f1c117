"""Random models and corners: valid, in their space, and of every kind."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.assumptions import STRICT_BLOCKS
from moetheory.claims.model_space import Kind, ModelSpace
from moetheory.claims.random_models import (
    Layout,
    corner_vectors,
    corners,
    fitting_kinds,
    random_layout,
    random_models,
)

SPACES = {
    "all": ModelSpace(),
    "iso-parameter": ModelSpace(iso_parameter=True),
    "narrow": ModelSpace(
        strict=False,
        interference=True,
        label_noise=True,
        experts=(3, 3),
        block_sizes=(2, 2),
        signal_variances=(2.0, 2.0),
        coefficients=(1.0, 3.0),
        noise_variances=(0.1, 0.3),
        probability_ratio=0.25,
    ),
    "one group": ModelSpace(experts=(1, 1), block_sizes=(1, 1)),
}


@pytest.mark.parametrize("name", SPACES)
def test_models_are_valid_and_in_their_space(name):
    space = SPACES[name]
    drawn = random_models(np.random.default_rng(0), 200, space)
    assert len(drawn) == 200
    for model in [*drawn, *corners(space)]:
        assert model in space
        # made without checks, and still what the constructor would make
        assert mt.BlockModel(**model.fields()) == model


def test_random_models_are_of_every_kind():
    drawn = random_models(np.random.default_rng(1), 400)
    for has in (
        lambda m: m.strict,
        lambda m: m.interferes,
        lambda m: m.label_noise_variance > 0.0,
        lambda m: np.ndim(m.noise_variance) == 1,
        lambda m: m in ModelSpace(iso_parameter=True),
        lambda m: not np.all(m.coefficients),
        lambda m: m.experts >= 5,
        lambda m: m.group_probabilities.min() < 1e-3,
    ):
        found = sum(map(has, drawn))
        assert 0 < found < 400
    again = random_models(np.random.default_rng(1), 400)
    assert drawn == again


@pytest.mark.parametrize("name", ["one-over-k", "generalization", "routing", "noise-shift"])
def test_models_meet_assumptions(name):
    given = mt.catalogue[name].assumptions
    drawn = random_models(np.random.default_rng(2), 20, assumptions=given)
    assert len(drawn) == 20
    for model in [*drawn, *corners(assumptions=given)]:
        assert all(each.holds(model) for each in given)


def test_kinds_without_a_model_are_left_out():
    space = ModelSpace()
    kinds = fitting_kinds(space, (STRICT_BLOCKS,))
    assert kinds == tuple(kind for kind in space.kinds() if not kind.leaking)
    never = mt.Assumption("never", lambda model: False)
    assert fitting_kinds(space, (never,)) == tuple(space.kinds())
    assert random_models(np.random.default_rng(0), 2, assumptions=(never,)) == []


def test_corners_have_the_structures_that_break_bounds():
    models = corners(ModelSpace(strict=True, interference=False))
    for has in (
        lambda m: np.ptp(m.group_probabilities) == 0.0,
        lambda m: m.group_probabilities.min() < 0.05,
        lambda m: m.signal_variances.max() >= 200 * m.signal_variances.min(),
        lambda m: m.noise_variance == 2.0**8,
        lambda m: m.dim == m.experts,
        lambda m: np.all(m.signal_variances == m.noise_variance),
    ):
        assert any(map(has, models))


def test_a_vector_holds_exponents():
    kind = Kind(True, True, True, True, iso_parameter=False)
    layout = Layout(kind, (1, 2), (1, -1, 0), fitted=True)
    low, high = layout.bounds(ModelSpace())
    assert len(low) == len(high) == 2 + 5 * 3 + 1 + 1
    vector = np.zeros(len(low))
    vector[layout.parts["group_probabilities"]] = [-1.0, 0.0]
    vector[layout.parts["noise_variance"]] = [0.0, 1.0, 2.0]
    vector[layout.parts["samples"]] = 5.0
    model, samples = layout.point(vector)
    np.testing.assert_allclose(model.group_probabilities, [1 / 3, 2 / 3], rtol=1e-15)
    assert model.noise_variance.tolist() == [1.0, 2.0, 4.0]
    assert model.coefficients.tolist() == [1.0, -1.0, 0.0]
    assert samples == 32


def test_samples_are_within_their_range():
    space = ModelSpace(samples=(3, 5))
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(60):
        layout = random_layout(space, space.kinds(), rng, fitted=True)
        seen.add(layout.point(layout.draw(space, rng)).samples)
    assert seen == {3, 4, 5}
    vectors = corner_vectors(space, space.kinds(), fitted=True)
    assert {layout.point(vector).samples for layout, vector in vectors} <= {3, 4, 5}
