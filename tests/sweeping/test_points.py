"""What is the same at all points of a sweep."""

import math

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
    assert mt.sweep(uneven, "erasure", [0.0]).setting.keys() == {"dim", "experts", "samples"}
    sized = mt.sweep(lambda k: mt.BlockModel.isotropic(12, k, 1.0), "experts", [2, 3])
    assert "experts" not in sized.setting
    assert sized.setting["dim"] == 12
