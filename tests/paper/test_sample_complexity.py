"""Sample complexity: slopes in fractions, and a number of samples with another slope."""

from fractions import Fraction

import numpy as np
import pytest

from moetheory.paper import rows, sample_complexity


@pytest.fixture(scope="module")
def facts():
    return rows["sample-complexity"].compute(1).facts


def test_slopes_are_those_of_the_loss_in_fractions(facts):
    assert [fact.holds for fact in facts] == [True] * 4
    size = sample_complexity.DIM // sample_complexity.EXPERTS
    numbers = facts[0].numbers
    for samples, slope, exact in zip(
        numbers["samples"], numbers["slopes"], numbers["exact"], strict=True
    ):
        n = samples // sample_complexity.EXPERTS
        # the loss n-1 and n+1 samples leave, 1 and not rho s being their common factor
        low, high = Fraction(1, n - 1 - size - 1), Fraction(1, n + 1 - size - 1)
        expected = np.log(float(high / low)) / np.log((n + 1) / (n - 1))
        assert slope == pytest.approx(expected, rel=1e-8)
        assert exact == pytest.approx(-n / (n - size - 1))


def test_another_number_of_samples_has_not_the_slope_minus_two(monkeypatch):
    ratios = sample_complexity.RATIOS.copy()
    ratios[2] = 2.2
    monkeypatch.setattr(sample_complexity, "RATIOS", ratios)
    assert not rows["sample-complexity"].compute(1).facts[0].holds
