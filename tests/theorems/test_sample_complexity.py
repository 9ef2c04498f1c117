"""The law of the fitted MoE's risk: how spread and how skewed."""

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.theorems import sample_complexity


def test_the_spread_is_that_of_the_risk_distribution():
    model = sample_complexity.THEOREM.example()
    counts = sample_complexity._sample_counts(model)
    deviation, _ = sample_complexity._law(model)
    law = mt.risk_distribution(mt.MoE(), model, counts)
    assert deviation == pytest.approx(law.std, rel=1e-10)


@pytest.mark.parametrize("size", [1, 4])
def test_the_skewness_is_that_of_an_f_law_and_falls_in_a_sum(size):
    ones = np.ones(size)
    one = mt.BlockModel([1.0], np.zeros(size, int), ones, ones, 0.5)
    (n,) = sample_complexity._sample_counts(one)
    _, skewness = sample_complexity._law(one)
    assert skewness == pytest.approx(float(stats.f(size, n - size + 1).stats("s")), rel=1e-10)
    blocks, ones = np.repeat(range(4), size), np.ones(4 * size)
    four = mt.BlockModel(np.full(4, 0.25), blocks, ones, ones, 0.5)
    _, of_four = sample_complexity._law(four)
    assert of_four == pytest.approx(skewness / 2.0, rel=1e-10)


def test_no_label_no_spread():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [0.0, 0.0], 0.5)
    assert sample_complexity._law(model) == (0.0, 0.0)
