"""Predicted losses behind a router: exact where it does not err, else the law of explicit noise."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import Fitted
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.noise import FeatureNoise
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.routers import CallableRouter, LinearRouter
from moetheory.auditing.routing import ROUTED, add_routed, interpolation
from moetheory.auditing.tabular import table_of
from moetheory.auditing.task import Task
from moetheory.results.estimates import student_quantile

LEVELS = np.array([0.0, 0.2, 0.3, 1.5])
TOLD = np.array([0, 2, 3])
DEVIATIONS = np.array([1.0, 0.5, 2.0, 1.0, 0.3])
NAMES = list(ROUTED)


def task_of(features, labels, groups, kind="given"):
    x = Features(table_of(features), lambda rows: None)
    blocks, sets = [np.arange(5)] * 3, np.arange(len(labels))
    noise = FeatureNoise(kind, DEVIATIONS)
    return Task(x, labels, groups, blocks, sets, True, noise, LEVELS, TOLD)


def world(outputs=1):
    rng = np.random.default_rng(0)
    features, groups = rng.exponential(size=(12, 5)) - 0.5, rng.integers(3, size=12)
    labels = rng.normal(size=(12, outputs))
    experts = {
        name: Predictor(rng.normal(size=(3, 3, outputs)), rng.normal(size=(3, 3, 5, outputs)))
        for name in NAMES
    }
    left_out = {name: rng.normal(size=(12, 3, outputs)) for name in NAMES}
    losses = {name: rng.exponential(size=(12, 4)) + 5.0 for name in NAMES}
    router = LinearRouter(rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 5)))
    return features, labels, groups, experts, left_out, losses, router


def routed(features, labels, groups, experts, left_out, losses, router, repeats, seed, **options):
    nothing = SampleMoments(0, *(np.zeros(1) for _ in range(5)))
    fitted = Fitted(dict(experts), dict(losses), left_out, nothing, [])
    rows = np.arange(len(labels))
    rng = np.random.default_rng(seed)
    add_routed(fitted, task_of(features, labels, groups, **options), rows, router, repeats, rng)
    return fitted


@pytest.mark.parametrize("kind", ["given", "dropout"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_change_of_a_loss_has_the_law_of_explicit_noise(kind, outputs):
    """Of each sample: at another expert its error there; at its own, that of leaving it out.

    At its own expert the noisy error is the left-out one less what the noise adds to the output.
    """
    features, labels, groups, experts, left_out, losses, router = world(outputs)
    copies = 3000
    rows = [np.repeat(each, copies, axis=0) for each in (features, labels, groups)]
    many_left = {name: np.repeat(left_out[name], copies, axis=0) for name in NAMES}
    many_losses = {name: np.repeat(losses[name], copies, axis=0) for name in NAMES}
    found = routed(*rows, experts, many_left, many_losses, router, 1, 5, kind=kind)
    rng = np.random.default_rng(6)
    moved = 0.0
    for level, tau in enumerate(LEVELS[TOLD]):
        changes = {name: np.empty((12, copies)) for name in NAMES}
        for i in range(12):
            if kind == "given":
                noisy = features[i] + np.sqrt(tau) * DEVIATIONS * rng.normal(size=(copies, 5))
            else:
                keep = rng.random((copies, 5)) >= tau / (1 + tau)
                noisy = features[i] * keep * (1 + tau)
            chosen = (router.offsets[level] + noisy @ router.slopes[level].T).argmax(axis=1)
            moved += (chosen != groups[i]).mean() / 36
            for name, expert in experts.items():
                slopes, own = expert.coefficients[level], groups[i]
                shift = (noisy - features[i]) @ slopes[own]
                at_own = left_out[name][i, level] - shift
                there = np.einsum("ij,ijm->im", noisy, slopes[chosen])
                error = labels[i] - expert.intercepts[level, chosen] - there
                change = (error**2).sum(axis=1) - (at_own**2).sum(axis=1)
                changes[name][i] = np.where(chosen == own, 0.0, change)
        for name in NAMES:
            seen = found.losses[ROUTED[name]] - many_losses[name]
            seen = seen[:, TOLD[level]].reshape(12, copies)
            if tau == 0.0:
                np.testing.assert_allclose(seen, changes[name], rtol=1e-9, atol=1e-9)
                continue
            errors = np.sqrt((seen.var(axis=1) + changes[name].var(axis=1)) / copies)
            z = (seen - changes[name]).mean(axis=1) / np.where(errors > 0.0, errors, 1e-9)
            assert np.abs(z).max() < 5.5
    assert 0.1 < moved < 0.95


def test_levels_that_are_not_told_are_interpolated():
    *rest, losses, router = world()
    found = routed(*rest, losses, router, 3, 1)
    for name, behind in ROUTED.items():
        change = found.losses[behind] - losses[name]
        share = 0.2 / 0.3  # 0.2 lies between 0 and 0.3
        expected = (1 - share) * change[:, 0] + share * change[:, 2]
        np.testing.assert_allclose(change[:, 1], expected, rtol=1e-9)


def test_weights_of_an_interpolation():
    found = interpolation(np.array([0.0, 1.0, 2.0, 4.0, 5.0]), np.array([0, 3, 4]))
    expected = [[1, 0.75, 0.5, 0, 0], [0, 0.25, 0.5, 1, 0], [0, 0, 0, 0, 1]]
    np.testing.assert_allclose(found, expected)


def test_a_router_that_does_not_err_leaves_nothing_to_chance():
    features, labels, groups, experts, left_out, losses, _ = world()
    always = CallableRouter(lambda x: np.full(len(x), 2), [0, 1, 2], np.arange(3))
    found = routed(features, labels, groups, experts, left_out, losses, always, 1, 0)
    own = groups == 2
    for name, behind in ROUTED.items():
        np.testing.assert_array_equal(found.losses[behind][own], losses[name][own])
        assert np.all(found.losses[behind][~own] != losses[name][~own])
        assert found.predictors[behind].router is always
        assert found.predictors[behind].coefficients is experts[name].coefficients
        assert found.predictors[name].router is None


def test_a_seed_replays_and_repeats_are_means():
    *rest, losses, router = world()
    one, again, other, more, many = (
        routed(*rest, losses, router, repeats, seed).losses["moe(all, router)"]
        for repeats, seed in ((1, 0), (1, 0), (1, 1), (30, 2), (500, 3))
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])  # without noise nothing is random
    assert np.any(one[:, 2] != other[:, 2])
    assert np.square(one - many)[:, 2].mean() > 5 * np.square(more - many)[:, 2].mean()


@pytest.mark.parametrize("kind", ["energy", "logistic", "nearest"])
@pytest.mark.parametrize("experts", [4, 16])
def test_experts_behind_a_router_are_predicted(experts, kind):
    """Experts that see everything, too: within what chance allows over all risks compared."""
    rng = np.random.default_rng(experts)
    dim = 2 * experts
    groups, block_of = rng.integers(experts, size=9000), np.arange(dim) % experts
    loud = 0.4 + (groups[:, np.newaxis] == block_of)
    features = loud * rng.normal(size=(9000, dim)) + 0.7 * (groups[:, np.newaxis] == block_of)
    slopes = rng.normal(size=(experts, dim)) / np.sqrt(dim)
    labels = np.einsum("ij,ij->i", features, slopes[groups]) + 0.3 * rng.normal(size=9000)
    audit = mt.audit(
        features,
        labels,
        groups=groups,
        block_of=block_of,
        router=kind,
        noise_variances=[0.0, 0.1, 1.0],
        held_out=0.4,
        rng=0,
    )
    assert audit.router == kind
    z = np.array([audit.z(name) for name in ROUTED.values()])
    assert np.abs(z).max() < student_quantile(1e-6 / (2 * 6 * z.size), 3599)
    for name, behind in ROUTED.items():
        errors = np.hypot(audit[f"{behind}_sem"], audit[f"{behind}_predicted_sem"])
        assert (errors / audit[f"{behind}_measured"]).mean() < 0.05
        # the router matters: what is predicted is not the risk of experts that are told
        assert np.all(audit[f"{behind}_predicted"] > 1.02 * audit[f"{name}_predicted"])
    assert np.all((audit.astray > 0.02) & (audit.astray < 0.98))
