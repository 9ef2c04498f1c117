"""The default values of sweeps."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands import sweep_values


def test_default_sample_sizes_look_at_every_threshold():
    blocks, ones = [0] * 10 + [1] * 10 + [2], np.ones(21)
    model = mt.BlockModel([0.9, 0.1, 0.0], blocks, ones, ones, 1.0)
    sizes = sweep_values.sample_sizes(model)
    assert sizes == sorted(set(sizes))
    for threshold in (21, 10 / 0.9, 10 / 0.1):
        assert round(threshold) in sizes
    assert (sizes[0], sizes[-1]) == (3, 168)


def test_default_radii_know_the_scale_of_the_coefficients(generic):
    model = generic(label_noise_variance=0.5)
    slope = math.sqrt(np.sum(model.coefficients**2))
    assert sweep_values.default_values("radius", model)[-1] == pytest.approx(
        2 * math.sqrt(model.null_risk) / slope, rel=1e-14
    )
    nothing = model.replace(coefficients=np.zeros(9), noise_variance=0.0)
    assert sweep_values.default_values("radius", nothing)[-1] == 1.0
    assert sweep_values.default_values("test_noise_variance", nothing)[-1] == 100.0
    many = model.replace(noise_variance=np.arange(9.0))
    for over in ("noise_variance", "test_noise_variance"):
        assert sweep_values.default_values(over, many)[-1] == pytest.approx(400.0, rel=1e-14)


def test_divisors_of_a_large_number_take_no_time():
    for number in (1, 2, 12, 36, 97, 360, 1001):
        assert sweep_values.divisors(number) == [k for k in range(1, number + 1) if number % k == 0]
    assert sweep_values.divisors(2**31 - 1) == [1, 2**31 - 1]
    assert len(sweep_values.divisors(2**10 * 3**5 * 5**3)) == 11 * 6 * 4
