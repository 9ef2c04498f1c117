"""Models of the iso-parameter regime that claims are evaluated at."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims import equal_blocks

MODEL = mt.BlockModel.isotropic(12, 3, 0.1, signal_energy=8.0, label_power=2.0)


def test_the_regime_at_every_divisor_with_the_given_model_first():
    found = equal_blocks.all_divisors(MODEL)
    assert found[0] == MODEL
    assert [each.experts for each in found] == [3, 3, 2, 4, 6, 12]
    for each in found:
        assert each.label_power == pytest.approx(2.0)
        energy = equal_blocks.size_of(each) * float(each.signal_variances[0])
        assert energy == pytest.approx(8.0)
    noisy = found[1]
    assert noisy.noise_variance > MODEL.noise_variance
    assert mt.routing_matrix(mt.Hard(), noisy).misrouting >= equal_blocks.SIMULATED_ERROR


def test_larger_blocks_keep_their_variances():
    larger = equal_blocks.with_larger_blocks(MODEL, 10)
    assert (larger.dim, larger.experts) == (30, 3)
    assert np.allclose(larger.signal_variances, MODEL.signal_variances[0], rtol=1e-14)
    assert equal_blocks.surplus_of(larger) == pytest.approx(equal_blocks.surplus_of(MODEL))
    assert equal_blocks.blocks_label(larger) == "K=3 s=10 σ²=0.1"
