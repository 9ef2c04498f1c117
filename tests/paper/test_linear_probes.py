"""Linear probes: the theory's drops by normal quadrants, and an order that is not the paper's."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from moetheory.paper import linear_probes, rows


@pytest.fixture(scope="module")
def facts():
    return rows["linear-probes"].compute(1).facts


def accuracy(r):
    """The probability of equal signs of two normal variables with correlation r."""
    return 2.0 * float(multivariate_normal.cdf([0.0, 0.0], cov=[[1.0, r], [r, 1.0]]))


def test_the_drops_are_those_of_normal_quadrants(facts):
    assert [fact.holds for fact in facts] == [True] * 3
    # a label is its block's one feature, of variance 1, and noise
    clean = 1.0 / np.sqrt(1.0 + linear_probes.LABEL_NOISE)
    for name, blocks in (("moe", 1), ("dense", linear_probes.EXPERTS)):
        for sigma, drop in zip(linear_probes.SIGMAS, facts[1].numbers[name], strict=True):
            noisy = clean / np.sqrt(1.0 + blocks * sigma**2)
            expected = 100.0 * (1.0 - accuracy(noisy) / accuracy(clean))
            assert drop == pytest.approx(expected, rel=1e-5)


def test_the_order_turns_where_a_share_of_inputs_is_predicted_by_chance(facts):
    """A wrong expert reads noise alone, so that its accuracy is 1/2."""
    clean = 1.0 / np.sqrt(1.0 + linear_probes.LABEL_NOISE)
    right = accuracy(clean / np.sqrt(5.0))
    dense = accuracy(clean / np.sqrt(1.0 + 4.0 * linear_probes.EXPERTS))
    expected = (right - dense) / (right - 0.5)
    assert facts[2].numbers["misrouting"] == pytest.approx(expected, rel=1e-4)


def test_other_reports_are_another_order(monkeypatch):
    changed = {**linear_probes.REPORTED, "AG News": (5.19, 5.98, 3.92, 3.0)}
    monkeypatch.setattr(linear_probes, "REPORTED", changed)
    assert not rows["linear-probes"].compute(1).facts[0].holds
