"""The values of the axes of a map."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands.map_values import axis, axis_values, dims, expert_numbers, spread

MODEL = mt.BlockModel.isotropic(16, 4, 0.5, signal_energy=16.0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("noise-variance", 0.005, 50.0),
        ("test-noise-variance", 0.05, 50.0),
        ("samples", 2.0, 128.0),
        ("leakage", 0.0, 1.0),
        ("misrouting", 0.0, 1.0),
        ("erasure", 0.0, 0.9),
        ("smallest-probability", 0.00025, 0.25),
        ("signal-to-noise", 0.01, 100.0),
    ],
)
def test_values_where_none_are_named(name, low, high):
    values = axis_values(axis(name), MODEL)
    assert (values[0], values[-1]) == (pytest.approx(low), pytest.approx(high))
    assert np.all(np.diff(values) > 0.0)
    assert 30 <= len(values) <= 40


@pytest.mark.parametrize(
    "name", ["label-noise-variance", "leakage-variances", "interference-variances"]
)
def test_each_quantity_has_default_values(name):
    assert len(axis_values(axis(name), MODEL)) == 40


def test_values_that_are_named_stay_as_they_are():
    assert axis_values(axis("leakage=0.3,0.1"), MODEL) == [0.3, 0.1]
    assert axis_values(axis("leakage=0:1:3"), MODEL) == [0.0, 0.5, 1.0]


def test_experts_divide_the_coordinates():
    assert expert_numbers(axis("experts"), 12, 2) == [2, 3, 4, 6, 12]
    assert expert_numbers(axis("experts=2:5"), 12, 1) == [2, 3, 4]
    assert expert_numbers(axis("experts=1,5"), 12, 2) == [1, 5]


def test_dims_are_multiples_of_the_experts():
    assert dims(axis("dim=16:64:3"), 16) == [16, 32, 64]
    assert dims(axis("dim=20,30"), 16) == [20, 30]
    values = dims(axis("dim"), 12)
    assert all(value % 12 == 0 and value <= 1024 for value in values)


def test_integers_are_not_repeated():
    assert spread("samples", 1.0, 20.0, 40) == sorted(set(spread("samples", 1.0, 20.0, 40)))
