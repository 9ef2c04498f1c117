"""Quantities that scale what a model has: its smallest probability, its signal-to-noise ratio."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, STRICT
from moetheory.sweeping.quantities import changed_fields, signal_to_noise, with_quantity

P = STRICT.group_probabilities


@pytest.mark.parametrize("value", [1e-30, 0.001, 0.2, 1 / 3])
def test_the_smallest_probability_is_the_value_and_others_keep_their_ratio(value):
    found = with_quantity(STRICT, "smallest_probability", value).group_probabilities
    assert found[0] == pytest.approx(value, rel=1e-15)
    assert found.sum() == pytest.approx(1.0, abs=1e-15)
    assert found[1] / found[2] == pytest.approx(P[1] / P[2], rel=1e-14)


@pytest.mark.parametrize("model", [STRICT, LEAKING, mt.BlockModel.isotropic(8, 4, 0.3)])
def test_the_ratio_is_that_of_the_energies_of_active_coordinates(model):
    """By samples without noise and of noise alone, of what is active."""
    for ratio in (0.2, 3.0):
        found = with_quantity(model, "signal_to_noise", ratio)
        noise = np.broadcast_to(found.noise_variance, model.dim)
        energies = [
            sum(
                p * np.sum(each[model.block_of == g])
                for g, p in enumerate(model.group_probabilities)
            )
            for each in (model.signal_variances, noise)
        ]
        assert energies[0] / energies[1] == pytest.approx(ratio, rel=1e-13)
        shares = noise / np.broadcast_to(model.noise_variance, model.dim)
        np.testing.assert_allclose(shares, shares[0], rtol=1e-13)  # the noises keep their ratios
        assert signal_to_noise(found, found.group_probabilities) == pytest.approx(ratio, rel=1e-13)


def test_several_values_at_once():
    values = np.array([[0.01], [0.2]])
    fields = STRICT.fields()
    fields |= changed_fields(STRICT, fields, "smallest_probability", values)
    fields |= changed_fields(STRICT, fields, "signal_to_noise", np.array([[2.0], [3.0]]))
    for i, ratio in enumerate((2.0, 3.0)):
        one = with_quantity(STRICT, "smallest_probability", values[i, 0])
        np.testing.assert_allclose(fields["group_probabilities"][i], one.group_probabilities)
        scale = signal_to_noise(STRICT, one.group_probabilities) / ratio
        np.testing.assert_allclose(fields["noise_variance"][i], scale * STRICT.noise_variance)


def test_sweeps_take_them_too():
    result = mt.sweep(STRICT, "smallest_probability", [0.01, 0.2])
    p = np.array([0.01, 0.99 * 5 / 8, 0.99 * 3 / 8])
    world = STRICT.replace(group_probabilities=p)
    assert result["dense"][0] == pytest.approx(mt.risk(mt.Dense(), world).excess, rel=1e-13)
    iso = mt.BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    result = mt.sweep(iso, "signal_to_noise", [0.5, 4.0, 8.0])
    np.testing.assert_allclose(result["moe"], [1 / 1.5, 1 / 5, 1 / 9], rtol=1e-14)


@pytest.mark.parametrize(
    ("over", "value", "message"),
    [
        ("smallest_probability", 0.34, "smallest_probability must be at most 1/K = 0.333333, got"),
        ("smallest_probability", 0.0, "smallest_probability must be greater than 0, got 0"),
        ("smallest_probability", 1e-50, "group_probabilities must be 0 or between 1e-40"),
        ("signal_to_noise", 0.0, "signal_to_noise must be greater than 0, got 0"),
        ("signal_to_noise", -1.0, "signal_to_noise must be greater than 0, got -1"),
        ("leakage", -0.1, "leakage must be at least 0, got -0.1"),
    ],
)
def test_what_a_model_cannot_have(over, value, message):
    with pytest.raises(ValueError, match=message):
        with_quantity(STRICT, over, value)


def test_a_ratio_needs_signal_and_noise():
    for field, lacking in (("noise_variance", "feature noise"), ("signal_variances", "signal")):
        model = STRICT.replace(**{field: np.zeros(9)})
        with pytest.raises(ValueError, match=f"signal_to_noise needs a model with {lacking}"):
            with_quantity(model, "signal_to_noise", 1.0)
    with pytest.raises(ValueError, match="smallest_probability needs two groups or more"):
        with_quantity(mt.BlockModel.isotropic(4, 1, 1.0), "smallest_probability", 1.0)
