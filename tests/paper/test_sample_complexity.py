"""Sample complexity: slopes in fractions, and a number of samples with another slope."""

from fractions import Fraction

import numpy as np
import pytest

from moetheory.paper import rows, sample_complexity


@pytest.fixture(scope="module")
def facts():
    return rows["sample-complexity"].compute(1).facts


def test_slopes_are_those_of_the_loss_in_fractions(facts):
    assert [fact.holds for fact in facts] == [True] * 5
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


def test_the_numbers_of_samples_are_those_of_the_exact_mean(facts):
    """Experts of equal groups, and the mixture with a rare one, by hand."""
    size, experts = sample_complexity.DIM // sample_complexity.EXPERTS, sample_complexity.EXPERTS

    def mixture(samples):  # noise 1, signal K in the active block, label power 1
        counts = [samples // experts + (g < samples % experts) for g in range(experts)]
        return np.mean([(n - 1) / (n - size - 1) / (experts + 1) for n in counts])

    enough = facts[3].numbers["enough"]
    assert mixture(enough) <= 0.5 < mixture(enough - 1)
    numbers = facts[4].numbers
    n = round(0.05 * numbers["crossover"])
    counts = (int(numbers["crossover"]) - n, n)
    weights = [0.95, 0.05]  # 16 coordinates of signal 4, noise 1, b = 1
    expected = sum(p * 12.8 * (n - 1) / (n - 17) for p, n in zip(weights, counts, strict=True))
    assert numbers["excesses"][1] == pytest.approx(expected, rel=1e-10)
    assert numbers["null"] == pytest.approx(64.0)


@pytest.mark.parametrize("wrong", [300.0, 400.0])
def test_a_wrong_crossover_does_not_bear_it_out(monkeypatch, wrong):
    monkeypatch.setattr(sample_complexity, "crossover", lambda *_, **__: wrong)
    assert not all(fact.holds for fact in rows["sample-complexity"].compute(1).facts[3:])


def test_another_number_of_samples_has_not_the_slope_minus_two(monkeypatch):
    ratios = sample_complexity.RATIOS.copy()
    ratios[2] = 2.2
    monkeypatch.setattr(sample_complexity, "RATIOS", ratios)
    assert not rows["sample-complexity"].compute(1).facts[0].holds
