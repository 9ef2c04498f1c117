"""Measured losses against plain code on the same noise, and with noise of its own."""

import numpy as np
import pytest

from moetheory.auditing import features as reading
from moetheory.auditing.features import Features
from moetheory.auditing.measuring import measure
from moetheory.auditing.noise import FeatureNoise
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.routers import EnergyRouter
from moetheory.auditing.tabular import table_of
from moetheory.auditing.task import Task

LEVELS = np.array([0.0, 0.1, 0.2, 3.0])
TOLD = np.array([0, 2, 3])
DEVIATIONS = np.array([1.0, 0.5, 2.0, 1.0, 0.0, 1.0, 0.3])
BLOCK_OF = np.array([1, 0, 2, 1, 0, 2, 2])
MEMBERS = (np.arange(3)[:, np.newaxis] == BLOCK_OF).astype(float)


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


def world_of(labels_of, outputs):
    rng = np.random.default_rng(0)
    features, groups = sparse(rng, 40), rng.integers(0, 3, 40)
    labels = labels_of(features @ rng.normal(size=(7, outputs)) + rng.normal(size=(40, outputs)))
    experts = rng.normal(size=(3, 3, 7, outputs)) * MEMBERS[..., np.newaxis]
    router = EnergyRouter(
        0.3 * rng.normal(size=(3, 3)),
        rng.exponential(size=(3, 3)),
        MEMBERS,
        rng.exponential(size=(3, 7)),
    )
    intercepts = rng.normal(size=(3, 3, outputs))
    predictors = {
        "dense": Predictor(rng.normal(size=(3, 1, outputs)), rng.normal(size=(3, 1, 7, outputs))),
        "moe(block)": Predictor(intercepts, experts),
        "moe(block, router)": Predictor(intercepts, experts, router),
    }
    return features, labels, groups, predictors


@pytest.fixture
def world():
    """Two classes whose labels are 3 and -1."""
    return world_of(lambda scores: np.where(scores > 0.0, 3.0, -1.0), 1)


@pytest.fixture
def three():
    """Three classes by one-vs-rest."""
    return world_of(lambda scores: np.eye(3)[scores.argmax(axis=1)], 3)


def measured(
    world, repeats, rng, rows=None, boundary=1.0, *, classes=True, kind="given", read=None
):
    features, labels, groups, predictors = world
    x = Features(table_of(features), (lambda rows: None) if read is None else read)
    rows = np.arange(len(labels)) if rows is None else rows
    blocks = [np.flatnonzero(g == BLOCK_OF) for g in range(3)]
    noise = FeatureNoise(kind, DEVIATIONS)
    task = Task(x, labels, groups, blocks, np.arange(len(labels)), True, noise, LEVELS, TOLD)
    return measure(predictors, task, rows, repeats, rng, boundary, classes=classes)


def plain(predictor, noisy, group, level):
    """What one predictor says to one noisy sample, and the expert that says it."""
    expert = 0
    if predictor.router is not None:
        scores, router = [], predictor.router
        for j in range(3):
            energy = sum(
                weight * x**2
                for x, of, weight in zip(noisy, BLOCK_OF, router.weights[level], strict=True)
                if of == j
            )
            scores.append(router.offsets[level, j] + router.slopes[level, j] * energy)
        expert = scores.index(max(scores))
    elif predictor.intercepts.shape[1] > 1:
        expert = group
    said = predictor.intercepts[level, expert] + noisy @ predictor.coefficients[level, expert]
    return said, expert


def by_plain_code(world, kept, rows, is_right):
    features, labels, groups, predictors = world
    shape, repeats = (len(rows), len(TOLD)), len(kept)
    losses = {name: np.zeros(shape) for name in predictors}
    hits = {name: np.zeros(shape) for name in predictors}
    astray = np.zeros(shape)
    for noise in kept:
        for place, row in enumerate(rows):
            for level, variance in enumerate(LEVELS[TOLD]):
                noisy = features[row] + np.sqrt(variance) * DEVIATIONS * noise[place]
                for name, predictor in predictors.items():
                    said, expert = plain(predictor, noisy, groups[row], level)
                    losses[name][place, level] += ((said - labels[row]) ** 2).sum() / repeats
                    hits[name][place, level] += is_right(said, labels[row]) / repeats
                    if predictor.router is not None:
                        astray[place, level] += (expert != groups[row]) / repeats
    return losses, hits, astray


def test_losses_hits_and_routes_are_those_of_plain_code_on_the_same_noise(world):
    rows, rng = np.array([3, 4, 9, 17, 38]), Recorded(1)
    found = measured(world, 6, rng, rows)
    assert [noise.shape for noise in rng.kept] == [(5, 7)] * 6
    losses, hits, astray = by_plain_code(
        world, rng.kept, rows, lambda said, label: (said[0] > 1.0) == (label[0] == 3.0)
    )
    for name in world[3]:
        np.testing.assert_allclose(found.losses[name], losses[name], rtol=1e-10)
        np.testing.assert_allclose(found.hits[name], hits[name], rtol=1e-12)
    np.testing.assert_allclose(found.astray, astray, rtol=1e-12)
    assert 0.0 < astray.mean() < 1.0


def test_of_several_labels_losses_are_sums_and_the_largest_is_the_class(three):
    rows, rng = np.arange(0, 40, 3), Recorded(2)
    found = measured(three, 2, rng, rows, None)
    losses, hits, _ = by_plain_code(
        three, rng.kept, rows, lambda said, label: said.argmax() == label.argmax()
    )
    for name in three[3]:
        np.testing.assert_allclose(found.losses[name], losses[name], rtol=1e-10)
        np.testing.assert_allclose(found.hits[name], hits[name], rtol=1e-12)


def test_linear_predictors_have_their_exact_risk_under_noise(world):
    """(y - a - x'b)^2 + tau sum_m n_m b_m^2 in expectation, of each sample."""
    features, labels, groups, predictors = world
    copies = 3000
    many = [np.repeat(each, copies, axis=0) for each in (features, labels, groups)]
    dense = {"dense": predictors["dense"]}
    found = measured((*many, dense), 2, np.random.default_rng(2), classes=False)
    assert found.hits is None
    np.testing.assert_array_equal(found.astray, 0.0)  # without a router nobody goes astray
    losses = found.losses["dense"].reshape(40, copies, 3)
    for level, variance in enumerate(LEVELS[TOLD]):
        slopes = dense["dense"].coefficients[level, 0, :, 0]
        clean = labels[:, 0] - dense["dense"].intercepts[level, 0, 0] - features @ slopes
        expected = clean**2 + variance * (DEVIATIONS**2) @ slopes**2
        if variance == 0.0:
            np.testing.assert_allclose(losses[:, 0, level], expected, rtol=1e-9)
            continue
        sem = losses[..., level].std(axis=1, ddof=1) / np.sqrt(copies)
        z = (losses[..., level].mean(axis=1) - expected) / sem
        assert np.abs(z).max() < 5.5
        assert (sem / expected).mean() < 0.05


def test_a_dropped_feature_says_nothing_and_the_others_more(world):
    """With probability q = tau/(1+tau) a feature is 0, else it is (1+tau) times what it was."""
    features, labels, groups, predictors = world
    copies = 4000
    many = [np.repeat(each, copies, axis=0) for each in (features, labels, groups)]
    dense = {"dense": predictors["dense"]}
    found = measured(
        (*many, dense), 1, np.random.default_rng(3), classes=False, kind="dropout"
    ).losses["dense"]
    losses = found.reshape(40, copies, 3)
    for level, tau in enumerate(LEVELS[TOLD]):
        slopes = dense["dense"].coefficients[level, 0, :, 0]
        clean = labels[:, 0] - dense["dense"].intercepts[level, 0, 0] - features @ slopes
        expected = clean**2 + tau * (features**2) @ slopes**2
        if tau == 0.0:
            np.testing.assert_allclose(losses[:, 0, level], expected, rtol=1e-9)
            continue
        sem = losses[..., level].std(axis=1, ddof=1) / np.sqrt(copies)
        z = (losses[..., level].mean(axis=1) - expected) / np.where(sem > 0.0, sem, 1e-9)
        assert np.abs(z).max() < 6.0


def test_chunks_are_rows_of_the_whole(world, monkeypatch):
    read = []
    whole = measured(world, 1, Recorded(3), read=read.append)
    monkeypatch.setattr(reading, "ROWS", 7)
    parts = measured(world, 1, Recorded(3))
    for name in world[3]:
        np.testing.assert_allclose(parts.losses[name], whole.losses[name], rtol=1e-12)
    assert len(read) > 1  # progress: rows that are read, rows that are given noise


def test_a_draw_is_shared_by_all_predictors(world):
    features, labels, groups, predictors = world
    twins = {"one": predictors["dense"], "other": predictors["dense"]}
    found = measured((features, labels, groups, twins), 2, np.random.default_rng(0))
    np.testing.assert_array_equal(found.losses["one"], found.losses["other"])
