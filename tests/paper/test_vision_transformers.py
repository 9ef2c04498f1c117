"""Experts that see everything: risks by least squares on factors of the covariances."""

import numpy as np
import pytest

from moetheory.paper import rows, vision_transformers
from moetheory.theory.second_moments import CovarianceRisks, covariance_risks


@pytest.fixture(scope="module")
def facts():
    return rows["vision-transformers"].compute(1).facts


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 3


def factors(signal, noise, shares):
    """Rows whose products with b - w and w have the squared length of the excess risk."""
    left = [np.sqrt(p) * np.linalg.cholesky(each).T for p, each in zip(shares, signal, strict=True)]
    right = [np.sqrt(p) * np.linalg.cholesky(each).T for p, each in zip(shares, noise, strict=True)]
    return np.concatenate(left), np.concatenate(right)


def fitted(signal, noise, shares, b):
    """The best predictor by least squares, and its excess risk."""
    of_signal, of_noise = factors(signal, noise, shares)
    rows_, target = np.concatenate([of_signal, of_noise]), of_signal @ b
    target = np.concatenate([target, np.zeros(len(of_noise))])
    w = np.linalg.lstsq(rows_, target)[0]
    return w, np.sum((rows_ @ w - target) ** 2)


def test_the_risks_are_those_of_least_squares(facts, monkeypatch):
    worlds = []

    def recorded(signal, noise, b, **more):
        worlds.append((signal, noise, b, more["group_probabilities"]))
        return covariance_risks(signal, noise, b, **more)

    monkeypatch.setattr(vision_transformers, "covariance_risks", recorded)
    monkeypatch.setattr(vision_transformers, "WORLDS", 10)
    rows["vision-transformers"].compute(1)
    for at, (signal, noise, b, p) in enumerate(worlds):
        _, dense = fitted(signal, noise, p, b)
        alone = [(signal[[g]], noise[[g]], [1.0]) for g in range(len(p))]
        experts, risks = zip(*(fitted(*each, b) for each in alone), strict=True)
        astray = 0.0
        for g, each in enumerate(alone):
            of_signal, of_noise = factors(*each)
            for j, w in enumerate(experts):
                lost = np.sum((of_signal @ (b - w)) ** 2) + np.sum((of_noise @ w) ** 2)
                astray += (j != g) * p[g] * lost / (len(p) - 1)
        right = p @ np.array(risks)
        assert facts[0].numbers["dense"][at] == pytest.approx(dense, rel=1e-10)
        assert facts[0].numbers["full_experts"][at] == pytest.approx(right, rel=1e-10)
        assert facts[2].numbers["misrouted"][at] == pytest.approx(astray, rel=1e-10)


def test_risks_the_other_way_round_do_not_bear_it_out(monkeypatch):
    def exchanged(*arguments, **more):
        found = covariance_risks(*arguments, **more)
        return CovarianceRisks(found.full_experts, found.dense, found.full_experts)

    monkeypatch.setattr(vision_transformers, "covariance_risks", exchanged)
    monkeypatch.setattr(vision_transformers, "_misrouted", lambda *world: 0.0)
    found = rows["vision-transformers"].compute(1)
    assert [fact.holds for fact in found.facts] == [False] * 3
