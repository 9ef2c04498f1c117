"""Predicted risks by brute force: refits without each sample, and noise on every feature."""

import numpy as np
import pytest

from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import _RoutedExperts, fit
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.task import Task
from moetheory.common.arrays import block_sums

NOISE = np.array([0.0, 0.05, 0.7, 6.0])
# blocks of 1, 2, 3 and 5 features, not side by side, and rows that are not all training
BLOCK_OF = np.array([3, 1, 0, 2, 3, 3, 1, 2, 3, 2, 3])


def world(samples=60, seed=0, groups=None):
    """Skewed features with means, correlated across blocks, louder in the block of the group."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(4, samples, p=[0.2, 0.35, 0.3, 0.15]) if groups is None else groups
    loud = 0.4 + (groups[:, np.newaxis] == BLOCK_OF)
    features = loud * (rng.exponential(size=(samples, 11)) - 0.7 + 0.5 * rng.normal(size=11))
    features += 0.3 * features[:, ::-1]
    slopes = rng.normal(size=(4, 11))
    labels = np.einsum("ij,ij->i", features, slopes[groups]) + rng.normal(size=samples) + groups
    return features, labels, groups


def training_of(features, labels, groups, intercept=True, rows=None, noise=NOISE):
    rows = np.arange(len(labels)) if rows is None else rows
    x = Features(features, lambda rows: None)
    energies = block_sums(np.square(features), BLOCK_OF)
    return Task(x, labels, groups, BLOCK_OF, energies, intercept, noise), rows


def solved(features, labels, total, intercept):
    """Intercept and coefficients from normal equations that leave the intercept unpenalised."""
    design = np.column_stack([np.ones(len(labels)), features]) if intercept else features
    penalty = total * np.eye(design.shape[1])
    if intercept:
        penalty[0, 0] = 0.0
    found = np.linalg.lstsq(design.T @ design + penalty, design.T @ labels, rcond=None)[0]
    return (found[0], found[1:]) if intercept else (0.0, found)


GATE = EnergyGate(
    np.array([[0.1, 0.0, -0.3, -1.0]] * 4),
    np.array([[0.6, 0.5, 0.4, 0.35]] * 4) / (1 + NOISE[:, None]),
)


@pytest.fixture(scope="module", params=[True, False], ids=["intercept", "none"])
def fits(request):
    features, labels, groups = world()
    rows = np.flatnonzero(np.arange(60) % 5 != 2)
    training = training_of(features, labels, groups, request.param, rows)
    found = fit(*training, GATE, 3, np.random.default_rng(0))
    return found, features[rows], labels[rows], groups[rows], request.param


def brute_force(features, labels, members, seen, penalty, intercept, i):
    """The predicted squared error at sample i: left out, and the noise on the fit of all."""
    n = len(members)
    others = members[members != i]
    constant, slopes = solved(features[others][:, seen], labels[others], n * penalty, intercept)
    error = labels[i] - constant - features[i, seen] @ slopes
    _, whole = solved(features[members][:, seen], labels[members], n * penalty, intercept)
    return error**2 + penalty * whole @ whole


@pytest.mark.parametrize("name", ["dense", "moe", "moe(all)"])
def test_foreseen_is_what_refitting_without_each_sample_says(fits, name):
    found, features, labels, groups, intercept = fits
    for i in range(0, len(labels), 3):
        members = np.arange(len(labels)) if name == "dense" else np.flatnonzero(groups == groups[i])
        seen = np.flatnonzero(groups[i] == BLOCK_OF) if name == "moe" else np.arange(11)
        for level, noise in enumerate(NOISE[1:], start=1):
            expected = brute_force(features, labels, members, seen, noise, intercept, i)
            assert found.losses[name][i, level] == pytest.approx(expected, rel=1e-9)


def test_predictors_are_ridge_regressions_of_their_groups_on_their_features(fits):
    found, features, labels, groups, intercept = fits
    for g in range(4):
        own, block = groups == g, g == BLOCK_OF
        for level, noise in enumerate(NOISE[1:], start=1):
            constant, slopes = solved(
                features[own][:, block], labels[own], own.sum() * noise, intercept
            )
            expert = found.predictors["moe"]
            np.testing.assert_allclose(expert.intercepts[level, g], constant, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(expert.coefficients[level, g, block], slopes, rtol=1e-9)
            np.testing.assert_array_equal(expert.coefficients[level, g, ~block], 0.0)
    hard = found.predictors["moe(hard)"]
    assert hard.coefficients is found.predictors["moe"].coefficients
    assert hard.gate is GATE


def test_tuned_is_never_foreseen_worse_than_dense(fits):
    found = fits[0]
    dense, tuned = (found.losses[name].mean(axis=0) for name in ("dense", "dense(tuned)"))
    assert np.all(tuned <= dense)
    assert tuned[0] < dense[0]  # where noise is no penalty there is something to tune


def test_tuned_is_a_ridge_regression_whose_loss_is_its_own(fits):
    """Some penalty explains its coefficients, and brute force at that gives its loss."""
    found, features, labels, _, intercept = fits
    everybody, n = np.arange(len(labels)), len(labels)
    tuned = found.predictors["dense(tuned)"]
    centre = features.mean(axis=0) * intercept
    for level, noise in enumerate(NOISE):
        slopes = tuned.coefficients[level, 0]
        away, rest = features - centre, labels - tuned.intercepts[level, 0] - features @ slopes
        gradient = away.T @ rest  # n tau times the coefficients
        total = gradient @ slopes / (slopes @ slopes)
        np.testing.assert_allclose(gradient, total * slopes, rtol=1e-7, atol=1e-10 * n)
        left_out = brute_force(features, labels, everybody, np.arange(11), total / n, intercept, 7)
        expected = left_out + (noise - total / n) * slopes @ slopes
        assert found.losses["dense(tuned)"][7, level] == pytest.approx(expected, rel=1e-7)


def test_moments_are_those_of_all_and_of_each_group_on_its_block(fits):
    found, features, _, groups, _ = fits
    np.testing.assert_allclose(found.moments.scatter / 48, np.cov(features.T, bias=True))
    for g, moments in enumerate(found.group_moments):
        own, block = groups == g, g == BLOCK_OF
        assert moments.count == own.sum()
        np.testing.assert_allclose(moments.mean, features[own][:, block].mean(axis=0))
        away = features[own][:, block] - moments.mean
        np.testing.assert_allclose(moments.scatter, away.T @ away)


def test_an_expert_with_one_sample_is_foreseen_to_know_the_mean_of_all():
    features, labels, groups = world(20, groups=np.array([0] * 6 + [1] * 7 + [2] * 6 + [3]))
    found = fit(*training_of(features, labels, groups), GATE, 2, np.random.default_rng(0))
    expected = (labels[-1] - labels.mean()) ** 2
    for name in ("moe", "moe(all)"):
        np.testing.assert_allclose(found.losses[name][-1], expected, rtol=1e-12)
        np.testing.assert_array_equal(found.predictors[name].coefficients[:, 3], 0.0)
        np.testing.assert_array_equal(found.predictors[name].intercepts[:, 3], labels[-1])


# --- behind a gate -----------------------------------------------------------------------------


def routed(features, labels, groups, experts, gate, left_out, noise, repeats, seed):
    training = training_of(features, labels, groups, noise=noise)
    own = np.stack([np.square(experts.coefficients).sum(axis=2)[:, g] for g in groups])
    losses = left_out**2 + noise * own
    found = _RoutedExperts(
        *training, experts, gate, left_out, losses, repeats, np.random.default_rng(seed)
    )
    half = len(labels) // 2
    for part in (slice(0, half), slice(half, len(labels))):
        found.draw_noise(part, features[part])
    return found.losses


def explicit(features, labels, groups, experts, gate, left_out, noise, seed):
    """The losses behind a gate with noise on each feature of each row, by plain code, one draw."""
    rng = np.random.default_rng(seed)
    losses = np.empty((len(labels), len(noise)))
    rows = np.arange(len(labels))
    for level, variance in enumerate(noise):
        added = np.sqrt(variance) * rng.normal(size=features.shape)
        noisy = features + added
        energies = np.stack([(noisy[:, g == BLOCK_OF] ** 2).sum(axis=1) for g in range(4)], axis=1)
        scores = gate.offsets[level] + gate.slopes[level] * energies
        routed = scores.argmax(axis=1)
        outputs = noisy @ experts.coefficients[level].T + experts.intercepts[level]
        # own expert: its fit without the sample, and the noise through its coefficients
        own_noise = np.einsum("ij,ij->i", added, experts.coefficients[level][groups])
        outputs[rows, groups] = labels - left_out[:, level] + own_noise
        losses[:, level] = (outputs[rows, routed] - labels) ** 2
    return losses


def test_what_a_gate_does_has_the_law_of_noise_on_every_feature():
    """Blocks of 1, 2, 3 and 5 features; at some levels experts that always say the same."""
    features, labels, groups = world(8, seed=3)
    rng = np.random.default_rng(4)
    noise = np.array([0.0, 0.3, 0.4, 1.5])
    coefficients = rng.normal(size=(4, 4, 11)) * (np.arange(4)[:, np.newaxis] == BLOCK_OF)
    coefficients[1, [0, 2]] = 0.0
    coefficients[2, [1, 3]] = 0.0
    experts = Predictor(rng.normal(size=(4, 4)), coefficients)
    left_out = rng.normal(size=(8, 4))
    copies = 4000
    rows = [np.repeat(each, copies, axis=0) for each in (features, labels, groups, left_out)]
    arguments = (*rows[:3], experts, GATE, rows[3], noise)
    found = routed(*arguments, 5, 5).reshape(8, copies, 4)
    plain = np.stack([explicit(*arguments, seed) for seed in range(5)]).mean(axis=0)
    plain = plain.reshape(8, copies, 4)
    np.testing.assert_allclose(found[:, 0, 0], plain[:, 0, 0], rtol=1e-10)  # no noise: no chance
    means = found[..., 1:].mean(axis=1) - plain[..., 1:].mean(axis=1)
    variances = (found.var(axis=1) + plain.var(axis=1))[:, 1:] / copies
    z = means / np.sqrt(variances)
    assert np.abs(z).max() < 5.5, z
    relative = np.sqrt(variances).sum() / plain[..., 1:].mean(axis=1).sum()
    assert relative < 0.03


def test_a_gate_that_does_not_err_leaves_nothing_to_chance():
    features, labels, groups = world(40)
    certain = EnergyGate(np.tile([0.0, 0.0, 0.0, 9.0], (4, 1)), np.zeros((4, 4)))
    third = groups == 3
    found = fit(*training_of(features, labels, groups), certain, 1, np.random.default_rng(0))
    losses = found.losses
    np.testing.assert_array_equal(losses["moe(hard)"][third], losses["moe"][third])
    assert np.all(losses["moe(hard)"][~third, 1] != losses["moe"][~third, 1])


def test_noise_at_all_levels_is_one_draw_and_repeats_are_many():
    features, labels, groups = world(40)
    training = training_of(features, labels, groups)
    one, again, other, more, many = (
        fit(*training, GATE, repeats, np.random.default_rng(seed)).losses["moe(hard)"]
        for repeats, seed in ((1, 0), (1, 0), (1, 1), (20, 2), (400, 3))
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert np.any(one[:, 2] != other[:, 2])
    assert np.square(one - many)[:, 2].mean() > 5 * np.square(more - many)[:, 2].mean()
