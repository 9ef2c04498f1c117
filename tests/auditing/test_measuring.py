"""Measured losses against plain code on the same noise, and with noise of its own."""

import numpy as np
import pytest

from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.auditing.measuring import measure
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.task import Task
from moetheory.common.arrays import block_sums

NOISE = np.array([0.0, 0.2, 3.0])
BLOCK_OF = np.array([1, 0, 2, 1, 0, 2, 2])


class Recorded:
    """A generator whose normals are kept."""

    def __init__(self, seed):
        self.rng, self.kept = np.random.default_rng(seed), []

    def standard_normal(self, shape):
        self.kept.append(self.rng.standard_normal(shape))
        return self.kept[-1]


def sparse(rng, samples):
    """Counts: mostly zero, skewed, correlated across blocks, with means."""
    shared = rng.exponential(size=(samples, 1))
    return rng.poisson(0.4 * shared, (samples, 7)) * rng.exponential(size=(samples, 7)) - 0.1


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    features, groups = sparse(rng, 40), rng.integers(0, 3, 40)
    labels = np.where(features @ rng.normal(size=7) + rng.normal(size=40) > 0.0, 3.0, -1.0)
    experts = rng.normal(size=(3, 3, 7)) * (np.arange(3)[:, np.newaxis] == BLOCK_OF)
    told = Predictor(rng.normal(size=(3, 3)), experts)
    gate = EnergyGate(0.3 * rng.normal(size=(3, 3)), rng.exponential(size=(3, 3)))
    predictors = {
        "dense": Predictor(rng.normal(size=(3, 1)), rng.normal(size=(3, 1, 7))),
        "moe": told,
        "moe(hard)": Predictor(told.intercepts, told.coefficients, gate),
    }
    return features, labels, groups, predictors


def measured(features, labels, groups, predictors, repeats, rng, rows=None, boundary=1.0):
    x = Features(features, lambda rows: None)
    rows = np.arange(len(labels)) if rows is None else rows
    energies = block_sums(np.square(features), BLOCK_OF)
    task = Task(x, labels, groups, BLOCK_OF, energies, True, NOISE)
    return measure(predictors, task, rows, repeats, rng, boundary)


def plain(predictor, noisy, group, level):
    """What one predictor says to one noisy sample."""
    expert = 0
    if predictor.gate is not None:
        scores = []
        for j in range(3):
            energy = sum(x**2 for x, of in zip(noisy, BLOCK_OF, strict=True) if of == j)
            slope = predictor.gate.slopes[level, j]
            scores.append(predictor.gate.offsets[level, j] + slope * energy)
        expert = scores.index(max(scores))
    elif predictor.intercepts.shape[1] > 1:
        expert = group
    return predictor.intercepts[level, expert] + predictor.coefficients[level, expert] @ noisy


def test_losses_and_hits_are_those_of_plain_code_on_the_same_noise(world):
    features, labels, groups, predictors = world
    rows, rng = np.array([3, 4, 9, 17, 38]), Recorded(1)
    found = measured(features, labels, groups, predictors, 6, rng, rows)
    assert [noise.shape for noise in rng.kept] == [(5, 7)] * 6
    for name, predictor in predictors.items():
        losses, hits = np.zeros((2, 5, 3))
        for noise in rng.kept:
            for place, row in enumerate(rows):
                for level, variance in enumerate(NOISE):
                    noisy = features[row] + np.sqrt(variance) * noise[place]
                    said = plain(predictor, noisy, groups[row], level)
                    losses[place, level] += (said - labels[row]) ** 2 / 6
                    hits[place, level] += ((said > 1.0) == (labels[row] == 3.0)) / 6
        np.testing.assert_allclose(found.losses[name], losses, rtol=1e-10)
        np.testing.assert_allclose(found.hits[name], hits, rtol=1e-12)


def test_linear_predictors_have_their_exact_risk_under_noise(world):
    """(y - a - x'b)^2 + sigma^2 |b|^2 in expectation, of each sample."""
    features, labels, groups, predictors = world
    copies = 3000
    many = [np.repeat(each, copies, axis=0) for each in (features, labels, groups)]
    dense = {"dense": predictors["dense"]}
    found = measured(*many, dense, 2, np.random.default_rng(2), boundary=None)
    assert found.hits is None
    losses = found.losses["dense"].reshape(40, copies, 3)
    for level, variance in enumerate(NOISE):
        slopes = dense["dense"].coefficients[level, 0]
        clean = labels - dense["dense"].intercepts[level, 0] - features @ slopes
        expected = clean**2 + variance * slopes @ slopes
        if variance == 0.0:
            np.testing.assert_allclose(losses[:, 0, level], expected, rtol=1e-9)
            continue
        sem = losses[..., level].std(axis=1, ddof=1) / np.sqrt(copies)
        z = (losses[..., level].mean(axis=1) - expected) / sem
        assert np.abs(z).max() < 5.5
        assert (sem / expected).mean() < 0.05


def test_chunks_are_rows_of_the_whole(world, monkeypatch):
    from moetheory.auditing import features as module

    features, labels, groups, predictors = world
    whole = measured(features, labels, groups, predictors, 1, Recorded(3))
    monkeypatch.setattr(module, "ROWS", 7)
    parts = measured(features, labels, groups, predictors, 1, Recorded(3))
    for name in predictors:
        np.testing.assert_allclose(parts.losses[name], whole.losses[name], rtol=1e-12)


def test_a_draw_is_shared_by_all_predictors(world):
    features, labels, groups, predictors = world
    twins = {"one": predictors["dense"], "other": predictors["dense"]}
    found = measured(features, labels, groups, twins, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(found.losses["one"], found.losses["other"])
