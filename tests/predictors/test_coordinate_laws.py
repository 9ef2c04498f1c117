"""Variances of coordinates against those of data."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, PER_COORDINATE, STRICT, variances
from moetheory.predictors.coordinate_laws import CoordinateLaw


@pytest.mark.parametrize("model", [STRICT, LEAKING, PER_COORDINATE])
def test_they_are_those_of_inputs(model):
    law = CoordinateLaw.of(model)
    total, coordinates = np.sum(variances(model), axis=0), np.arange(model.dim)
    np.testing.assert_allclose(law.active, total[model.block_of, coordinates])
    np.testing.assert_allclose(law.idle_variances, total[model.block_of - 1, coordinates])
    assert law.equals(CoordinateLaw.of(model, mt.Perturbation(model.noise_variance)))
    assert law.equals(CoordinateLaw.of(model, mt.Perturbation(erasure=0.5)))


def test_a_perturbation_brings_its_noise_and_interference():
    under = mt.Perturbation(noise_variance=2.0, interference_variances=0.5)
    law = CoordinateLaw.of(LEAKING, under)
    np.testing.assert_allclose(law.active, LEAKING.signal_variances + 2.0)
    np.testing.assert_allclose(law.idle, LEAKING.leakage_variances + 2.5)
    assert not law.equals(CoordinateLaw.of(LEAKING))
    plain = CoordinateLaw.of(
        PER_COORDINATE.replace(noise_variance=0.3), under.replace(interference_variances=None)
    )
    assert (plain.beside, plain.idle) == (0.0, 2.0)
