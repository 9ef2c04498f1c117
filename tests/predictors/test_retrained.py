"""Experts that are retrained under their own router: against least squares, and their bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from general_noise import UNEQUAL
from moetheory import BlockModel, Dense, Hard, MoE, crossovers, optimal_coefficients, risk
from moetheory.strategies import block_models

HARD, RETRAINED = MoE(gate=Hard()), MoE(gate=Hard(), retrained=True)


def raw_inputs(model, inputs, rng):
    """Groups, noisy features and labels of fresh inputs; the most probable group of each."""
    groups = rng.choice(model.experts, p=model.group_probabilities, size=inputs)
    active = model.block_of == np.arange(model.experts)[:, np.newaxis]
    clean_variances = np.where(active, model.signal_variances, model.leakage_variances)
    noise = np.where(active, model.noise_variance, model.idle_noise)
    clean = rng.standard_normal((inputs, model.dim)) * np.sqrt(clean_variances)[groups]
    noisy = clean + rng.standard_normal(clean.shape) * np.sqrt(noise)[groups]
    labels = clean @ model.coefficients
    labels += math.sqrt(model.label_noise_variance) * rng.standard_normal(inputs)
    variances = clean_variances + noise
    scores = np.log(model.group_probabilities) - np.log(variances).sum(axis=1) / 2.0
    scores = scores - noisy**2 @ (0.5 / variances).T
    return noisy, labels, scores.argmax(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("model", [UNEQUAL, UNEQUAL.replace(leakage_variances=0.1)])
def test_retrained_experts_are_what_least_squares_finds(model):
    noisy, labels, chosen = raw_inputs(model, 200_000, np.random.default_rng(0))
    found, errors = optimal_coefficients(RETRAINED, model), np.zeros(len(labels))
    for j in range(4):
        own, sent = model.block_of == j, chosen == j
        features = noisy[np.ix_(sent, own)]
        fit, *_ = np.linalg.lstsq(features, labels[sent], rcond=None)
        errors[sent] = labels[sent] - features @ found[own]
        # sandwich covariance: labels of other groups make the errors unequal
        bread = np.linalg.inv(features.T @ features)
        meat = features * errors[sent, np.newaxis]
        sem = np.sqrt(np.diag(bread @ (meat.T @ meat) @ bread))
        assert np.all(np.abs(fit - found[own]) < 5.0 * sem)
        assert np.all(sem < 0.03)
    losses = errors**2
    sem = losses.std() / math.sqrt(len(losses))
    expected = risk(RETRAINED, model).value
    assert abs(losses.mean() - expected) < 4.0 * sem < 0.03 * expected


@settings(max_examples=12)
@given(model=block_models(max_experts=3, max_block=3, strict=True))
def test_retraining_never_hurts_and_never_loses_to_predicting_zero(model):
    quieter = np.minimum(model.interference_variances, model.signal_variances)
    model = model.replace(interference_variances=quieter)
    hard, retrained = risk(HARD, model), risk(RETRAINED, model)
    slack = hard.error + retrained.error + 1e-12 * hard.value
    assert retrained.value <= min(hard.value, model.null_risk) + slack


def test_in_much_noise_retrained_experts_lose_to_dense_too():
    model = BlockModel.isotropic(64, 8, 1.0, signal_energy=16.0)
    ends = [crossovers(Dense(), each, model, over="noise_variance") for each in (HARD, RETRAINED)]
    assert [len(each) for each in ends] == [1, 1]
    assert ends[1][0] > 1.2 * ends[0][0]
    loud = model.replace(noise_variance=2.0 * ends[1][0])
    assert risk(Dense(), loud).value < risk(RETRAINED, loud).value < loud.null_risk
