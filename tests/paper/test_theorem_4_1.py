"""A learned router: its excess error by discriminant analysis in plain numbers."""

import math

import numpy as np
import pytest

from moetheory.paper import rows, theorem_4_1
from moetheory.paper.theorem_4_1 import Exponent


@pytest.fixture(scope="module")
def facts():
    return rows["theorem-4-1"].compute(1).facts


def test_all_facts_hold(facts):
    assert [fact.holds for fact in facts] == [True] * 3


def excess_of_analysis(samples, sets=1000, inputs=200):
    """Excess errors (sets,) of quadratic discriminant analysis, from samples that are drawn."""
    rng, model = np.random.default_rng(2), theorem_4_1._world(theorem_4_1.TAIL_DIM)
    groups, dim = model.experts, model.dim
    active = model.block_of == np.arange(groups)[:, np.newaxis]
    scales = np.sqrt(active * model.signal_variances + model.noise_variance)
    drawn = rng.standard_normal((sets, groups, samples // groups, dim)) * scales[:, np.newaxis]
    moments = drawn.swapaxes(-1, -2) @ drawn / (samples // groups)
    logs = np.linalg.slogdet(moments).logabsdet
    x = rng.standard_normal((sets, inputs, dim)) * scales[rng.integers(groups, size=(sets, inputs))]
    forms = np.einsum("rnd,rgnd->rgn", x, x[:, np.newaxis] @ np.linalg.inv(moments))
    chosen = np.argmin(forms + logs[:, :, np.newaxis], axis=1)
    # groups are equally probable, and their blocks equally large
    likelihoods = np.exp(-0.5 * x**2 @ (scales**-2.0).T)
    posterior = likelihoods / likelihoods.sum(axis=-1, keepdims=True)
    own = np.take_along_axis(posterior, chosen[..., np.newaxis], axis=-1)[..., 0]
    return np.mean(posterior.max(axis=-1) - own, axis=1)


def z_of(excesses, numbers):
    sem = math.hypot(np.std(excesses) / math.sqrt(len(excesses)), numbers["sem"])
    assert sem < 0.015 * numbers["mean"]  # an error of 11 % is seen
    return (np.mean(excesses) - numbers["mean"]) / sem


def test_the_excess_is_that_of_discriminant_analysis(facts):
    numbers = facts[2].numbers
    assert abs(z_of(excess_of_analysis(theorem_4_1.TAIL_SAMPLES), numbers)) < 5.0
    assert z_of(excess_of_analysis(theorem_4_1.TAIL_SAMPLES + 32), numbers) < -5.0


def test_exponents_are_means_of_slopes():
    values = np.array([[[8.0, 0.8], [1.0, 0.1]], [[4.0, 0.4], [0.25, 0.025]]])
    found = theorem_4_1._exponent((1, 2), values)
    assert found.value == pytest.approx(-1.5)  # of -1 and -2
    assert found.sem == pytest.approx(0.1 / math.log(2.0))


def test_an_exponent_needs_its_standard_error():
    assert Exponent(-1.1, 0.02).within(-1.0, 0.25)
    assert not Exponent(-1.1, 0.04).within(-1.0, 0.25)
    assert not Exponent(-0.5, 0.01).within(-1.0, 0.25)


def test_few_samples_and_rare_costs_do_not_bear_it_out(monkeypatch):
    monkeypatch.setattr(theorem_4_1, "RATIOS", (6, 9, 12))  # a group has 1.5 d samples
    # one input costs nothing, or much
    monkeypatch.setattr(theorem_4_1, "TAIL_INPUTS", 1)
    rate, _, tail = rows["theorem-4-1"].compute(1).facts
    assert not rate.holds
    assert not tail.holds
