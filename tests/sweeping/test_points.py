"""What is the same at all points of a sweep."""

import math
from functools import partial

import numpy as np

import moetheory as mt

MODEL = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)


def test_the_setting_is_what_all_points_share_as_numbers():
    whole = {"dim": 12, "experts": 3, "noise_variance": 1.0, "signal_energy": 12.0}
    table = mt.sweep(MODEL, "test_noise_variance", [1.0, 2.0])
    assert table.setting == {**whole, "samples": math.inf}
    table = mt.sweep(MODEL, "noise_variance", [1.0, 2.0], samples=60)
    assert table.setting == {"dim": 12, "experts": 3, "signal_energy": 12.0, "samples": 60.0}
    assert mt.sweep(MODEL, "samples", [50, 60]).setting == whole
    table = mt.sweep(MODEL, "misrouting", [0.0, 0.5], drag=0.5)
    assert table.setting == {**whole, "samples": math.inf, "drag": 0.5}
    uneven = MODEL.replace(
        noise_variance=np.linspace(1.0, 2.0, 12), signal_variances=[1.0] * 11 + [2.0]
    )
    assert mt.sweep(uneven, "erasure", [0.0]).setting.keys() == {
        *("dim", "experts", "samples", "noise_variance", "signal_variances"),
    }
    sized = mt.sweep(lambda k: mt.BlockModel.isotropic(12, k, 1.0), "experts", [2, 3])
    assert "experts" not in sized.setting
    assert sized.setting["dim"] == 12


def test_a_setting_says_what_is_not_the_default():
    model = MODEL.replace(leakage_variances=0.1, label_noise_variance=0.5)
    under = mt.Perturbation(confusion=mt.even_confusion(3, 0.2), drag=1.0)
    found = mt.sweep(model, "erasure", [0.0, 0.1], under=under).setting
    assert found["leakage_variances"] == 0.1
    assert found["label_noise_variance"] == 0.5
    assert math.isclose(found["misrouting"], 0.2)
    assert found["drag"] == 1.0
    uneven = MODEL.replace(group_probabilities=[0.2, 0.3, 0.5])
    assert math.isnan(mt.sweep(uneven, "erasure", [0.0, 0.1]).setting["group_probabilities"])
    steep = mt.BlockModel.power_law(12, 3, 1.0, decay=1.0)
    assert math.isnan(mt.descent(mt.MoE(), steep, [1, 2]).setting["signal_variances"])


def test_factories_take_the_quantity_by_name_if_they_have_it():
    world = partial(mt.BlockModel.isotropic, dim=12, noise_variance=1.0)
    named = mt.sweep(world, "experts", [2, 3])
    first = mt.sweep(lambda k: world(experts=k), "experts", [2, 3])
    np.testing.assert_array_equal(named["moe"], first["moe"])
