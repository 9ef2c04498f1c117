"""Perturbed words: risks by going through all patterns of lost words."""

import itertools

import numpy as np
import pytest

from moetheory.claims.quantities import uneven_model
from moetheory.paper import rows, word_perturbations
from moetheory.problem.model import BlockModel


@pytest.fixture(scope="module")
def facts():
    return rows["word-perturbations"].compute(1).facts


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 4


def by_patterns(model, rate):
    """Excess risks of dense and of experts over the label power, summed over patterns."""
    p, b = model.group_probabilities, model.coefficients
    active = model.block_of == np.arange(model.experts)[:, np.newaxis]
    signal = np.where(active, model.signal_variances, model.leakage_variances)
    second = p @ signal
    dense = np.linalg.solve(np.diag(second + model.noise_variance), second * b)
    expert = b * signal / (signal + model.noise_variance) * active
    risks = np.zeros(2)
    for pattern in itertools.product((0.0, 1.0), repeat=model.dim):
        kept = np.array(pattern)
        chance = np.prod(np.where(kept, 1.0 - rate, rate))
        for i, used in enumerate((kept * dense, kept * expert)):
            lost = np.sum(signal * (b - used) ** 2 + model.noise_variance * used**2, axis=1)
            risks[i] += chance * (p @ lost)
    return risks / (second @ b**2)


def test_leads_are_those_of_all_patterns(facts):
    numbers = facts[1].numbers
    found = dict(zip(numbers["worlds"], numbers["leads"], strict=True))
    at = word_perturbations.SAID
    for leakage, noise in ((0.05, 0.5), (0.2, 0.5)):
        model = uneven_model(noise).replace(leakage_variances=leakage)
        dense, moe = by_patterns(model, word_perturbations.RATES[at])
        assert found[leakage, noise][at] == pytest.approx(dense - moe, rel=1e-10)


def test_replaced_words_are_added_up_by_hand(facts):
    numbers, model = facts[2].numbers, word_perturbations._topics()
    signal, b, p = model.signal_variances, model.coefficients, 1.0 / word_perturbations.TOPICS
    for i, rate in enumerate(word_perturbations.RATES):
        lost = rate * p * np.sum(signal * b**2)
        # the energy of an input is that of its block; what is lost comes back evenly elsewhere
        back = rate * signal[0] / (word_perturbations.TOPICS - 1)
        added = (1.0 - p) * back * np.sum(b**2)
        assert numbers["moe"][i] == pytest.approx(lost, rel=1e-12, abs=0.0)
        assert numbers["dense"][i] == pytest.approx(lost + added, rel=1e-12, abs=0.0)


def test_predictors_that_were_trained_with_noise_do_not_lose_alike(monkeypatch):
    monkeypatch.setattr(word_perturbations, "uneven_model", lambda noise: uneven_model(0.5 + noise))
    assert not rows["word-perturbations"].compute(1).facts[0].holds


def test_words_that_correlate_bend_the_lead_and_others_do_not_change_the_order(monkeypatch):
    twins = word_perturbations.TWINS

    def correlated(noise):
        return BlockModel.from_covariances([twins, twins], [[1.0, -1.0]] * 2, 0.02 + noise)

    monkeypatch.setattr(word_perturbations, "uneven_model", correlated)
    monkeypatch.setattr(word_perturbations, "TWINS", [[1.0, 0.0], [0.0, 1.0]])
    # topics that leak: who does not see it loses it
    topics = word_perturbations._topics().replace(leakage_variances=0.1)
    monkeypatch.setattr(word_perturbations, "_topics", lambda: topics)
    assert [fact.holds for fact in rows["word-perturbations"].compute(1).facts] == [False] * 4
