"""Predicted risks by brute force: refits without each sample, and noise on every feature."""

import dataclasses
import math

import numpy as np
import pytest

from moetheory.auditing.features import Features
from moetheory.auditing.fitting import fit, penalties_of
from moetheory.auditing.noise import feature_noise, own_factor
from moetheory.auditing.tabular import table_of
from moetheory.auditing.task import Task

LEVELS = np.array([0.0, 0.05, 0.4, 0.7, 6.0])
TOLD = np.array([0, 1, 3, 4])  # the third is between two that are told
# blocks of 1, 2, 3 and 5 features, not side by side
BLOCK_OF = np.array([3, 1, 0, 2, 3, 3, 1, 2, 3, 2, 3])
UNITS = np.geomspace(0.01, 100.0, 11)
KINDS = ["equal", "relative", "own", "dropout", "variances", "covariance"]
NAMES = ["dense", "moe(block)", "moe(all)", "dense + group"]


def world(samples=120, seed=0, groups=None, m=2):
    """Skewed features with means, correlated across blocks, louder in the block of the group."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(4, samples, p=[0.2, 0.35, 0.3, 0.15]) if groups is None else groups
    loud = 0.4 + (groups[:, np.newaxis] == BLOCK_OF)
    features = loud * (rng.exponential(size=(samples, 11)) - 0.7 + 0.5 * rng.normal(size=11))
    features += 0.3 * features[:, ::-1]
    slopes = rng.normal(size=(4, 11, m))
    labels = np.einsum("ij,ijm->im", features, slopes[groups]) + rng.normal(size=(samples, m))
    return features * UNITS, labels + groups[:, np.newaxis], groups


def given_noise(kind):
    rng = np.random.default_rng(5)
    if kind == "variances":  # none on features 0, 3, 6, 9: block 0 keeps noise, others lose some
        return np.where(np.arange(11) % 3, 1.0, 0.0) * np.square(UNITS)
    root = UNITS[:, np.newaxis] * rng.normal(size=(11, 11)) / 3.0
    return root @ root.T if kind == "covariance" else kind


def task_of(features, labels, groups, *, kind="relative", intercept=True, sets=None, rows=None):
    """The task, and training rows sorted by sets, of features from their means if intercepts."""
    rows = np.arange(len(labels)) if rows is None else rows
    x = Features(table_of(features), lambda rows: None)
    x.check()
    x.prepare(rows, center=intercept, keep_constant=False)
    noise = feature_noise(given_noise(kind), x)
    if kind == "own":
        noise = dataclasses.replace(noise, factor=own_factor(x, rows))
    sets = np.arange(len(labels)) if sets is None else sets
    blocks = [np.flatnonzero(g == BLOCK_OF) for g in range(4)]
    levels = LEVELS * noise.unit if kind == "equal" else LEVELS
    return (
        Task(x, labels, groups, blocks, sets, intercept, noise, levels / noise.unit, TOLD),
        rows[np.argsort(sets[rows], kind="stable")],
    )


def covariance_of(kind, features, members, intercept):
    """Of one unit of noise for a fit to some samples, in the units of the data."""
    away = features - features.mean(axis=0) * intercept
    variances = np.square(away).mean(axis=0)
    match kind:
        case "equal":
            return np.median(np.sqrt(variances)) ** 2 * np.eye(len(variances))
        case "relative":
            return np.diag(variances)
        case "own":
            return np.cov(features.T, bias=True)
        case "dropout":
            return np.diag(np.square(away[members]).mean(axis=0))
        case "variances":
            return np.diag(given_noise(kind))
    return given_noise(kind)


def solved_on(seen, columns, features, labels, penalty):
    """Values of unpenalised columns and slopes (11, m), 0 where not seen, by normal equations."""
    scale = UNITS[seen]
    k = columns.shape[1]
    design = np.column_stack([columns, features[:, seen] / scale])
    gram = design.T @ design
    gram[k:, k:] += penalty[np.ix_(seen, seen)] / np.outer(scale, scale)
    found = np.linalg.lstsq(gram, design.T @ labels, rcond=None)[0]
    slopes = np.zeros((11, labels.shape[1]))
    slopes[seen] = found[k:] / scale[:, np.newaxis]
    return found[:k], slopes


class Brute:
    """Refits of one predictor by normal equations with a column for each intercept."""

    def __init__(self, name, g, data, kind, intercept, sets):
        self.features, self.labels, self.groups = data
        everybody = np.arange(len(self.labels))
        pooled = name.startswith("dense")
        self.members = everybody if pooled else np.flatnonzero(self.groups == g)
        self.seen = np.flatnonzero(g == BLOCK_OF) if name == "moe(block)" else np.arange(11)
        self.noise = covariance_of(kind, self.features, self.members, intercept)
        self.own = name == "dense + group"
        self.intercept, self.sets = intercept, sets

    def fitted(self, members, penalty):
        """Intercepts by group and slopes; the penalty is that of all members."""
        if self.own:
            columns = (self.groups[members, np.newaxis] == np.arange(4)).astype(float)
        else:
            columns = np.ones((len(members), 1)) * self.intercept
        known = columns.any(axis=0)
        found, slopes = solved_on(
            self.seen,
            columns[:, known],
            self.features[members],
            self.labels[members],
            len(self.members) * penalty * self.noise,
        )
        intercepts = np.full((4, self.labels.shape[1]), np.nan)
        if self.own:
            intercepts[known] = found
        else:
            intercepts[:] = found[0] if self.intercept else 0.0
        return intercepts, slopes

    def gain(self, penalty):
        """What one unit of noise adds to the risk of the fit to all members."""
        _, slopes = self.fitted(self.members, penalty)
        return np.einsum("dm,de,em->", slopes, self.noise, slopes)

    def left_out(self, i, penalty):
        """The squared error at sample i of the fit without its set."""
        others = self.members[self.sets[self.members] != self.sets[i]]
        if len(others):
            intercepts, slopes = self.fitted(others, penalty)
            error = self.labels[i] - intercepts[self.groups[i]] - self.features[i] @ slopes
            if not np.isnan(error).any():
                return np.square(error).sum()
        return np.square(self.labels[i] - self.labels.mean(axis=0)).sum()


def some(labels, step=11):
    return range(0, len(labels), step)


# --- every predictor, every kind of noise ------------------------------------------------------


ALL = [(kind, intercept) for kind in KINDS for intercept in (True, False)]
ALL.remove(("own", False))  # the features' own covariance is about their means


@pytest.fixture(scope="module", params=ALL, ids=lambda each: "-".join(map(str, each)))
def fits(request):
    return fits_of(*request.param)


def fits_of(kind, intercept=True):
    """A fit to most of the rows, and these rows."""
    features, labels, groups = world()
    rows = np.flatnonzero(np.arange(120) % 5 != 2)
    task, order = task_of(features, labels, groups, kind=kind, intercept=intercept, rows=rows)
    data = features[rows], labels[rows], groups[rows]
    return fit(task, order), task, data, kind, intercept


def brutes(name, fits, sets=None):
    _, _, data, kind, intercept = fits
    sets = np.arange(len(data[1])) if sets is None else sets
    return [Brute(name, g, data, kind, intercept, sets) for g in range(4)]


@pytest.mark.parametrize("name", NAMES)
def test_predicted_is_what_refitting_without_each_sample_says(fits, name):
    found, _, (_, labels, groups), _, _ = fits
    every = brutes(name, fits)
    gains = [[each.gain(level) for level in LEVELS] for each in every]
    for i in some(labels):
        g = groups[i]
        for f, level in enumerate(LEVELS):
            expected = every[g].left_out(i, level) + level * gains[g][f]
            assert found.losses[name][i, f] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_predictors_are_regressions_with_the_noise_as_penalty(fits, name):
    found, task, (features, _, _), _, _ = fits
    x, predictor = task.features, found.predictors[name]
    experts = predictor.intercepts.shape[1]
    for g, each in enumerate(brutes(name, fits)[:experts]):
        for at, level in enumerate(LEVELS[TOLD]):
            intercepts, slopes = each.fitted(each.members, level)
            scaled = predictor.coefficients[at, g] / x.scale[:, np.newaxis]
            largest = np.abs(slopes * UNITS[:, np.newaxis]).max()
            np.testing.assert_allclose(
                (scaled - slopes) * UNITS[:, np.newaxis], 0.0, atol=1e-9 * largest
            )
            constant = predictor.intercepts[at, g] - x.centre @ scaled
            reach = np.abs(features / UNITS).max() * largest
            np.testing.assert_allclose(constant, intercepts[g], rtol=0, atol=1e-8 * (1.0 + reach))


def test_drawn_noise_adds_what_is_predicted(fits):
    """By z-scores over many draws: the mean square of what noise of mean 0 does to outputs."""
    found, task, data, kind, _ = fits
    draws, members = 3000 if kind == "dropout" else 400, np.bincount(data[2])
    rows = np.flatnonzero(np.arange(120) % 5 != 2)
    chunk = np.concatenate([chunk for _, chunk in task.features.chunks(rows)])
    rng = np.random.default_rng(1)
    added = {name: np.empty((draws, len(TOLD))) for name in NAMES}
    for each in range(draws):
        draw = task.noise.draw(rng, len(chunk))
        for at, level in enumerate(task.told_levels.tolist()):
            change = task.noise.applied(chunk, draw, level) - chunk
            for name in NAMES:
                slopes = found.predictors[name].coefficients[at]
                outputs = np.square(change @ slopes).sum(axis=2)  # of every expert
                own = outputs[data[2] if len(slopes) > 1 else 0, np.arange(len(chunk))]
                added[name][each, at] = own.mean()
    for name in NAMES:
        gains = np.array(
            [[each.gain(level) for level in LEVELS[TOLD]] for each in brutes(name, fits)]
        )
        expected = LEVELS[TOLD] * (members @ gains) / members.sum()
        np.testing.assert_array_equal(added[name][:, 0], 0.0)
        sem = added[name].std(axis=0)[1:] / math.sqrt(draws)
        z = (added[name].mean(axis=0)[1:] - expected[1:]) / sem
        assert np.abs(z).max() < 5.0, (name, z)
        assert (sem / expected[1:]).max() < 0.02  # power


# --- tuned penalties ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["relative", "dropout"])
@pytest.mark.parametrize("name", ["dense(tuned)", "moe(all, tuned)"])
def test_tuned_takes_the_penalty_of_the_least_predicted_risk(name, kind):
    """Of all that are tried, by brute force at each; of every expert its own."""
    fits = fits_of(kind)
    found, task, *_ = fits
    penalties = penalties_of(task)
    assert len(penalties) > len(LEVELS)
    plain = "dense" if name == "dense(tuned)" else "moe(all)"
    for g, each in enumerate(brutes(plain, fits)[: 1 if plain == "dense" else 2]):
        gains = np.array([each.gain(penalty) for penalty in penalties])
        squares = np.array(
            [[each.left_out(i, penalty) for penalty in penalties] for i in each.members]
        )
        best = (squares.mean(axis=0)[:, np.newaxis] + np.outer(gains, LEVELS)).argmin(axis=0)
        expected = squares[:, best] + LEVELS * gains[best]
        np.testing.assert_allclose(found.losses[name][each.members], expected, rtol=1e-7)
        for at, index in enumerate(best[TOLD]):
            _, slopes = each.fitted(each.members, penalties[index])
            scaled = found.predictors[name].coefficients[at, g] / task.features.scale[:, None]
            np.testing.assert_allclose(scaled * UNITS[:, None], slopes * UNITS[:, None], atol=1e-7)


@pytest.mark.parametrize("plain", ["dense", "moe(all)"])
def test_tuned_is_never_predicted_worse(fits, plain):
    found, _, _, kind, _ = fits
    tuned = {"dense": "dense(tuned)", "moe(all)": "moe(all, tuned)"}[plain]
    better, worse = (found.losses[name].mean(axis=0) for name in (tuned, plain))
    assert np.all(better <= worse * (1.0 + 1e-12))
    if kind == "relative":  # where noise is no penalty there is something to tune
        assert better[0] < worse[0]


# --- sets, groups ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "group mean"])
@pytest.mark.parametrize("kind", ["relative", "covariance"])
def test_samples_of_one_set_are_left_out_together(name, kind):
    """Sets of 1 to 12 samples; group 3 is one set, group 2 another with some of group 0."""
    groups = np.random.default_rng(3).choice(4, 90, p=[0.3, 0.4, 0.2, 0.1])
    features, labels, groups = world(90, groups=groups)
    sets = np.random.default_rng(4).integers(0, 20, 90)
    sets[groups == 3] = 50
    sets[groups == 2] = 51
    sets[np.flatnonzero(groups == 0)[:3]] = 51
    task, order = task_of(features, labels, groups, kind=kind, sets=sets)
    found = fit(task, order).losses[name]
    place = np.argsort(order)
    fits = None, None, (features, labels, groups), kind, True
    if name == "group mean":
        for i in range(90):
            others = (groups == groups[i]) & (sets != sets[i])
            mean = labels[others].mean(axis=0) if others.any() else labels.mean(axis=0)
            expected = np.square(labels[i] - mean).sum()
            np.testing.assert_allclose(found[place[i]], expected, rtol=1e-10)
        return
    every = brutes(name, fits, sets)
    for i in [*some(labels), int(np.argmax(groups == 3)), int(np.argmax(groups == 2))]:
        for f, level in enumerate(LEVELS[1:], start=1):
            each = every[groups[i]]
            expected = each.left_out(i, level) + level * each.gain(level)
            # group 3 has fewer samples than features: a floor of 1e-8 beside noise of 0.05
            assert found[place[i], f] == pytest.approx(expected, rel=1e-6)


def test_group_mean_is_the_mean_of_the_others_of_the_group():
    features, labels, groups = world(60)
    found = fit(*task_of(features, labels, groups))
    predictor = found.predictors["group mean"]
    np.testing.assert_array_equal(predictor.coefficients, 0.0)
    for g in range(4):
        np.testing.assert_allclose(
            predictor.intercepts[:, g], np.tile(labels[groups == g].mean(axis=0), (4, 1))
        )
    for i in range(60):
        others = (groups == groups[i]) & (np.arange(60) != i)
        expected = np.square(labels[i] - labels[others].mean(axis=0)).sum()
        np.testing.assert_allclose(found.losses["group mean"][i], expected, rtol=1e-10)


def test_an_expert_with_one_sample_is_predicted_to_know_the_mean_of_all():
    features, labels, groups = world(20, groups=np.array([0] * 6 + [1] * 7 + [2] * 6 + [3]))
    found = fit(*task_of(features, labels, groups))
    expected = np.square(labels[-1] - labels.mean(axis=0)).sum()
    for name in ("moe(block)", "moe(all)", "moe(all, tuned)", "group mean"):
        np.testing.assert_allclose(found.losses[name][-1], expected, rtol=1e-12)
        np.testing.assert_array_equal(found.predictors[name].coefficients[:, 3], 0.0)
        np.testing.assert_array_equal(
            found.predictors[name].intercepts[:, 3], np.tile(labels[-1], (4, 1))
        )


def test_moments_are_those_of_all_and_of_each_group_on_its_block():
    features, labels, groups = world()
    task, order = task_of(features, labels, groups)
    found = fit(task, order)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    np.testing.assert_allclose(
        found.moments.scatter / 120, np.cov(standard.T, bias=True), rtol=1e-9, atol=1e-12
    )
    for g, moments in enumerate(found.group_moments):
        own, block = groups == g, g == BLOCK_OF
        assert moments.count == own.sum()
        away = standard[own][:, block] - standard[own][:, block].mean(axis=0)
        np.testing.assert_allclose(moments.scatter, away.T @ away, rtol=1e-9, atol=1e-11)


# --- data as they are --------------------------------------------------------------------------


def plain_errors(features, labels, rows):
    """Errors at samples of least squares without them, with an intercept, by lstsq."""
    errors = {}
    for i in rows[:: max(1, len(rows) // 6)]:
        others = rows[rows != i]
        centre, label_centre = features[others].mean(axis=0), labels[others].mean(axis=0)
        away = features[others] - centre
        scale = away.std(axis=0)
        slopes = np.linalg.lstsq(away / scale, labels[others] - label_centre, rcond=None)[0]
        errors[i] = labels[i] - label_centre - (features[i] - centre) / scale @ slopes
    return errors


@pytest.mark.parametrize(
    ("units", "offset"),
    [
        (np.ones(11), 0.0),
        (np.logspace(-6.0, 6.0, 11), 0.0),
        (np.where(np.arange(11) == 4, 1e12, 1.0), 0.0),
        (np.ones(11), 1e8),
        (np.logspace(-6.0, 6.0, 11), -1e8),
    ],
    ids=["plain", "graded", "loud", "offset", "both"],
)
def test_without_noise_it_is_least_squares_whatever_units_and_offsets(units, offset):
    """Offsets in deviations of each feature: what they leave of the features is the reference."""
    features, labels, groups = world(200, groups=np.arange(200) % 4)
    deviations = features.std(axis=0)
    moved = (features / deviations + offset) * units
    near = moved - offset * units
    found = fit(*task_of(moved, labels, groups))
    rows = np.arange(200)
    for i, error in plain_errors(near, labels, rows).items():
        assert found.losses["dense"][i, 0] == pytest.approx(np.square(error).sum(), rel=1e-7)
    for g in range(4):
        own, block = rows[groups == g], np.flatnonzero(g == BLOCK_OF)
        for name, seen in (("moe(all)", rows[:11]), ("moe(block)", block)):
            for i, error in plain_errors(near[:, seen], labels, own).items():
                expected = np.square(error).sum()
                assert found.losses[name][i, 0] == pytest.approx(expected, rel=1e-7)


def test_a_feature_that_a_group_does_not_have_takes_no_digit_from_its_expert():
    """Always 0 in a group, as words are: its expert has the other features, without a floor."""
    features, labels, groups = world(200, groups=np.arange(200) % 4)
    features[groups == 1, 5] = 0.0
    found = fit(*task_of(features, labels, groups))
    own, seen = np.flatnonzero(groups == 1), np.delete(np.arange(11), 5)
    for i, error in plain_errors(features[:, seen], labels, own).items():
        assert found.losses["moe(all)"][i, 0] == pytest.approx(np.square(error).sum(), rel=1e-8)
    assert np.abs(found.predictors["moe(all)"].coefficients[:, 1, 5]).max() < 1e-9


def test_a_feature_that_a_group_has_once_is_unknown_without_this_sample():
    """Leverage 1: the expert that is left out never saw it vary."""
    features, labels, groups = world(200, groups=np.arange(200) % 4)
    features[groups == 1, 5] = 0.0
    features[41, 5] = 2.0
    found = fit(*task_of(features, labels, groups))
    own, seen = np.flatnonzero(groups == 1), np.delete(np.arange(11), 5)
    others = own[own != 41]
    design = np.column_stack([np.ones(len(others)), features[others][:, seen] / UNITS[seen]])
    slopes = np.linalg.lstsq(design, labels[others], rcond=None)[0]
    error = labels[41] - np.concatenate([[1.0], features[41, seen] / UNITS[seen]]) @ slopes
    expected = np.square(error).sum()
    assert found.losses["moe(all)"][41, 0] == pytest.approx(expected, rel=1e-5)


def test_single_precision_and_integers_are_fitted_as_the_numbers_they_are():
    features, labels, groups = world(80)
    for kind in (np.float32, np.int16):
        rounded = (features / UNITS * 50.0).astype(kind)
        one, other = (
            fit(*task_of(each, labels, groups)) for each in (rounded, rounded.astype(np.float64))
        )
        for name in one.losses:
            np.testing.assert_array_equal(one.losses[name], other.losses[name])


def test_the_order_of_columns_changes_nothing():
    """Of features and their blocks: labels and groups are those of the samples."""
    features, labels, groups = world(80)
    task, order = task_of(features, labels, groups)
    new = np.random.default_rng(0).permutation(11)
    other, _ = task_of(features[:, new], labels, groups)
    blocks = [np.flatnonzero(BLOCK_OF[new] == g) for g in range(4)]
    found, again = fit(task, order), fit(other._replace(blocks=blocks), order)
    for name in found.losses:
        np.testing.assert_allclose(again.losses[name], found.losses[name], rtol=1e-8)
