"""Spaces of models: what they contain, and what they refuse."""

import pickle

import pytest

import moetheory as mt
from moetheory.claims.model_space import ModelSpace

STRICT = mt.BlockModel([0.5, 0.5], [0, 1, 1], [1.0, 2.0, 4.0], [1.0, -1.0, 0.0], 1.0)
OUTSIDE = {
    "strict": (ModelSpace(strict=True), {"leakage_variances": 1.0}),
    "leaking": (ModelSpace(strict=False), {}),
    "interference": (ModelSpace(interference=False), {"interference_variances": 1.0}),
    "no interference": (ModelSpace(interference=True), {}),
    "label noise": (ModelSpace(label_noise=False), {"label_noise_variance": 1.0}),
    "iso-parameter": (ModelSpace(iso_parameter=True), {}),
    "experts": (ModelSpace(experts=(3, 4)), {}),
    "block sizes": (ModelSpace(block_sizes=(2, 4)), {}),
    "signal": (ModelSpace(signal_variances=(1.0, 2.0)), {}),
    "coefficients": (ModelSpace(coefficients=(0.25, 0.5)), {}),
    "noise": (ModelSpace(noise_variances=(2.0, 4.0)), {}),
    "leakage": (ModelSpace(), {"leakage_variances": 1e3}),
    "rare": (ModelSpace(probability_ratio=0.5), {"group_probabilities": [0.8, 0.2]}),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_model_is_outside_for_each_reason(name):
    space, changes = OUTSIDE[name]
    assert STRICT in ModelSpace()
    assert STRICT.replace(**changes) not in space


def test_the_iso_parameter_regime_is_that_of_isotropic():
    space = ModelSpace(iso_parameter=True)
    model = mt.BlockModel.isotropic(6, 3, 1.0, leakage_variances=0.5)
    assert model in space
    for changes in ({"noise_variance": [1.0, 2.0] * 3}, {"group_probabilities": [0.5, 0.3, 0.2]}):
        assert model.replace(**changes) not in space
    assert model not in ModelSpace(iso_parameter=False)
    assert "no model" not in ModelSpace()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"experts": (3, 2)}, r"experts\[1\] must be at least 3, got 2"),
        ({"experts": 3}, "experts must be the least and the largest value, got 3"),
        ({"block_sizes": (0, 2)}, r"block_sizes\[0\] must be at least 1"),
        ({"noise_variances": (0.0, 1.0)}, r"noise_variances\[0\] must be at least 1e-06"),
        ({"signal_variances": (1.0, 1e9)}, r"signal_variances\[1\] must be at most 1e\+06"),
        ({"probability_ratio": 2.0}, "probability_ratio must be at most 1, got 2"),
        ({"strict": 1}, "strict must be True or False, got 1"),
        ({"experts": (1, 1), "interference": True}, "interference must not be True for one group"),
    ],
)
def test_what_is_no_space_is_refused(given, said):
    with pytest.raises(mt.ArgumentError, match=said):
        ModelSpace(**given)


def test_spaces_are_values():
    space = ModelSpace(strict=True, experts=[2, 3])
    assert space == pickle.loads(pickle.dumps(space)) != ModelSpace()
    assert eval(repr(space)) == space
    assert "2 to 3 experts" in str(space)
    assert "strict blocks" in str(space)
