"""The range of a model: what lies within passes, what lies beyond is refused by its name."""

import re

import numpy as np
import pytest

from moetheory import BlockModel, Dense, MoE
from moetheory.common.errors import OutOfRangeError
from moetheory.problem import limits

GIVEN = {
    "group_probabilities": [0.5, 0.5],
    "block_of": [0, 1, 1],
    "signal_variances": [1.0, 2.0, 3.0],
    "coefficients": [1.0, 2.0, 3.0],
    "noise_variance": 1.0,
    "leakage_variances": 0.0,
    "label_noise_variance": 0.0,
}


def refuses(message):
    return pytest.raises(OutOfRangeError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("value", [9e-41, 1.1e40, 1e308, 5e-324])
@pytest.mark.parametrize("name", ["signal_variances", "coefficients", "leakage_variances"])
def test_entries_beyond_the_range_are_refused(name, value):
    with refuses(f"{name} must be 0 or between 1e-40 and 1e+40, got {value:g} at index 1"):
        BlockModel(**{**GIVEN, name: [1.0, value, 1.0]})


def test_other_numbers_beyond_the_range_are_refused():
    for value in (1e308, 1e-320):
        with refuses(f"noise_variance must be 0 or between 1e-40 and 1e+40, got {value:g}"):
            BlockModel(**{**GIVEN, "noise_variance": value})
        with refuses(f"label_noise_variance must be 0 or between 1e-80 and 1e+80, got {value:g}"):
            BlockModel(**{**GIVEN, "label_noise_variance": value})
        with refuses(f"leakage_variances must be 0 or between 1e-40 and 1e+40, got {value:g}"):
            BlockModel(**{**GIVEN, "leakage_variances": value})
        for kind in (Dense, MoE):
            with refuses(f"ridge must be 0 or between 1e-40 and 1e+40, got {value:g}"):
                kind(ridge=value)
    with refuses("group_probabilities must be 0 or between 1e-40 and 1e+40, got 1e-50 at index 1"):
        BlockModel(**{**GIVEN, "group_probabilities": [1.0, 1e-50]})
    with refuses(
        "coefficients must be 0 or between 1e-40 and 1e+40 in size, got -1e+50 at index 0"
    ):
        BlockModel(**{**GIVEN, "coefficients": [-1e50, 1.0, 1.0]})


@pytest.mark.parametrize("leakage", [0.0, 0.25, [0.25, 0.5, 0.25]])
def test_noise_is_compared_with_the_largest_signal_energy_of_a_group(leakage):
    energy = 5.0 + (0.0 if leakage == 0.0 else 0.25)  # of group 1: its block, and leakage off it
    model = BlockModel(**{**GIVEN, "leakage_variances": leakage})
    assert limits.noise_limits(
        model.block_of, model.signal_variances, model.leakage_variances
    ) == pytest.approx((1e-15 * energy, 1e15 * energy))
    for noise in (0.0, 1e-15 * energy, 1e15 * energy):
        assert model.replace(noise_variance=noise).noise_variance == noise
    for noise in (0.99e-15 * energy, 1.01e15 * energy):
        with refuses(
            "noise_variance must be 0 or between 1e-15 and 1e+15 times the largest signal energy "
            f"of a group, {energy:g}: between {1e-15 * energy:g} and {1e15 * energy:g}, "
            f"got {noise:g}"
        ):
            model.replace(noise_variance=noise)


@pytest.mark.parametrize("noise", [0.0, 1e-40, 1.0, 1e40])
def test_without_signal_any_noise_is_allowed(noise):
    model = BlockModel(**{**GIVEN, "signal_variances": np.zeros(3), "noise_variance": noise})
    assert limits.noise_limits(model.block_of, model.signal_variances, model.leakage_variances) == (
        1e-40,
        1e40,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal_energy": 1e308}, "signal_energy must be between 1e-40 and 1e+40, got 1e+308"),
        ({"signal_energy": 1e-50}, "signal_energy must be between 1e-40 and 1e+40, got 1e-50"),
        ({"label_power": 1e154}, "label_power must be 0 or between 1e-40 and 1e+40, got 1e+154"),
        (
            {"leakage_variances": 1e308},
            "leakage_variances must be 0 or between 1e-40 and 1e+40, got 1e+308",
        ),
        (
            {"signal_energy": 1e-40},
            "signal_energy=1e-40 must leave every coordinate a variance of at least "
            "1e-40, got 5e-41 with decay=0.0",
        ),
        (
            {"decay": 2000.0},
            "signal_energy=1.0 must leave every coordinate a variance of at least "
            "1e-40, got 0 with decay=2000.0",
        ),
        (
            {"label_power": 1e-40, "leakage_variances": 1e40},
            "label_power=1e-40 must leave every coefficient a size of at least 1e-40, "
            "got 7.07107e-41",
        ),
    ],
)
def test_equal_blocks_refuse_what_the_user_gave(change, message):
    with refuses(message):
        BlockModel.power_law(4, 2, 1.0, **{"decay": 0.0, **change})


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_eigenvalues_and_coefficients_that_are_zero_up_to_rounding(size):
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((6, 2))
    model = BlockModel.from_covariances([size * factor @ factor.T], [np.ones(6)], size)
    assert np.sort(model.signal_variances)[-2:] == pytest.approx(
        size * np.linalg.svd(factor)[1][::-1] ** 2
    )
    near = np.diag([1.0, 2.0]) + 1e-60 * np.ones((2, 2))
    assert BlockModel.from_covariances([near], [[1.0, 0.0]], 1.0).coefficients[1] == 0.0


@pytest.mark.parametrize(
    ("covariance", "coefficients", "name", "value"),
    [
        ([[1e-50]], [1.0], "covariances[0] (its eigenvalues)", "1e-50 at index 0"),
        ([[2.0, 0.0], [0.0, 1e41]], [1.0, 1.0], "covariances[0] (its eigenvalues)", "1e+41 at"),
        ([[1.0]], [1e-60], "coefficients[0]", "1e-60 at index 0"),
    ],
)
def test_correlated_blocks_refuse_what_the_user_gave(covariance, coefficients, name, value):
    message = f"{name} must be 0 or between 1e-40 and 1e+40, got {value}"
    with pytest.raises(OutOfRangeError, match=f"^{re.escape(message)}"):
        BlockModel.from_covariances([covariance], [coefficients], 1.0)


def test_each_variance_of_noise_is_compared_with_the_signal():
    energy = 5.0  # of group 1
    least, most = 1e-15 * energy, 1e15 * energy
    BlockModel(**{**GIVEN, "noise_variance": [0.0, least, most]}, interference_variances=most)
    BlockModel(**GIVEN, interference_variances=[0.0, 1e-40, most])  # may be small
    for bad in (0.9 * least, 1.1 * most):
        with refuses(
            "noise_variance must be 0 or between 1e-15 and 1e+15 times the largest signal energy "
            f"of a group, 5: between 5e-15 and 5e+15, got {bad:g} at index 2"
        ):
            BlockModel(**{**GIVEN, "noise_variance": [0.0, 1.0, bad]})
    with refuses(
        "interference_variances must be 0 or at most 1e+15 times the largest signal energy of a "
        "group, 5: at most 5e+15, got 5.5e+15 at index 1"
    ):
        BlockModel(**GIVEN, interference_variances=[0.0, 1.1 * most, 1.0])
