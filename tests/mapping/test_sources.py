"""Where the models of a map come from."""

import functools

import numpy as np
import pytest

import moetheory as mt
from moetheory.mapping.arguments import Axis
from moetheory.mapping.sources import Source

KS = Axis("experts", np.array([2, 4]))
NOISES = Axis("noise_variance", np.array([0.5, 2.0]))
SIZES = Axis("samples", np.array([20, 40]))
ISO = functools.partial(mt.BlockModel.isotropic, 16, signal_energy=16.0)


@pytest.mark.parametrize(
    "factory", [ISO, functools.partial(mt.BlockModel.power_law, 16, decay=1.0)]
)
def test_constructors_are_called_once_for_what_their_models_keep(factory):
    source = Source(factory, (KS, NOISES))
    assert source.structural == ("experts",)
    point = source.point({"experts": 4, "noise_variance": 2.0}, None, None)
    assert point.model == factory(experts=4, noise_variance=2.0)
    assert point.name == "experts=4, noise_variance=2"
    # one model for each number of experts
    again = source.structure({"experts": 4, "noise_variance": 0.5})
    assert again is source.structure({"experts": 4, "noise_variance": 2.0})


def test_a_factory_of_ones_own_is_called_for_each_value():
    source = Source(lambda **given: ISO(**given), (KS, NOISES))
    assert source.taken == source.structural == ("experts",)  # of ** the structure alone
    source = Source(lambda experts, noise_variance: ISO(experts, noise_variance), (KS, NOISES))
    assert source.structural == ("experts", "noise_variance")
    assert source.others({"experts": 4, "noise_variance": 2.0}) == {}


def test_samples_are_never_an_argument_of_a_factory():
    source = Source(lambda experts, samples=3: ISO(experts, samples), (KS, SIZES))
    point = source.point({"experts": 4, "samples": 40}, None, None)
    assert (point.samples, point.model.noise_variance) == (40, 3.0)
    assert type(point.samples) is int


def test_what_cannot_be_made_is_known():
    source = Source(functools.partial(ISO, noise_variance=1.0), (KS, NOISES))
    values = [k for k in range(1, 17) if source.can_be_made({"experts": k, "noise_variance": 1.0})]
    assert values == [1, 2, 4, 8, 16]
    with pytest.raises(ValueError, match="at experts=3, noise_variance=1: experts must divide dim"):
        source.point({"experts": 3, "noise_variance": 1.0}, None, None)


def test_a_factory_without_a_signature_is_refused():
    class Odd:
        __signature__ = 3

        def __call__(self, experts):
            return ISO(experts, 1.0)

    with pytest.raises(TypeError, match="model must be a factory with a signature"):
        Source(Odd(), (KS, NOISES))
