"""Regressions from moments, against least squares and against really leaving samples out."""

import itertools

import mpmath
import numpy as np
import pytest

from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.ridge_path import FLOOR, RidgePath

PENALTIES = np.array([0.01, 0.3, 20.0])
NOISES = ("one", "graded", "some", "full", "wide")


def data(n, d, m=1, seed=0, offset=1.0):
    """Correlated, skewed features that are not centred; labels that are not linear in them."""
    rng = np.random.default_rng(seed)
    features = rng.exponential(size=(n, d)) @ rng.normal(size=(d, d)) + offset
    labels = features @ rng.normal(size=(d, m)) + rng.normal(size=(n, m))
    return features, labels + 0.1 * features[:, :1] ** 2


def factor_of(noise, d):
    """Deviations of independent noise, equal or not, or the root of a covariance."""
    rng = np.random.default_rng(9)
    match noise:
        case "one":
            return np.ones(d)
        case "graded":
            return np.geomspace(0.1, 10.0, d)
        case "some":  # no noise on every other feature
            return np.where(np.arange(d) % 2, 1.3, 0.0)
        case "full":
            return rng.normal(size=(d, d))
    return rng.normal(size=(d, 2 * d))  # some features of noise that has more


def fitted(features, labels, factor, total, intercept, floor=None):
    """Intercepts (m,) and coefficients (d, m) by lstsq: the penalties as more rows."""
    root = np.diag(factor) if factor.ndim == 1 else factor
    constant = np.full((len(features), int(intercept)), 1.0)
    below = np.sqrt(total) * root.T
    if floor is not None:
        below = np.concatenate([below, np.diag(floor)])
    design = np.block([[constant, features], [np.zeros((len(below), int(intercept))), below]])
    target = np.concatenate([labels, np.zeros((len(below), labels.shape[1]))])
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    return (solution[0], solution[1:]) if intercept else (np.zeros(labels.shape[1]), solution)


def least_norm(features, labels, units, intercept):
    """Intercepts and coefficients without a penalty, of the least norm in ``units`` (d,)."""
    centre = features.mean(axis=0) * intercept if len(features) else 0.0
    label_centre = labels.mean(axis=0) * intercept if len(labels) else 0.0
    slopes = np.linalg.pinv((features - centre) / units, rcond=1e-10) @ (labels - label_centre)
    slopes /= units[:, np.newaxis]
    return label_centre - centre @ slopes, slopes


def sizes(features, intercept):
    """The deviations of features, or the roots of their mean squares."""
    return np.sqrt(np.square(features - intercept * features.mean(axis=0)).mean(axis=0))


def path(features, labels, factor=None, *, intercept=True, penalties=PENALTIES):
    factor = np.ones(features.shape[1]) if factor is None else factor
    moments = SampleMoments.of(features, labels)
    return RidgePath(moments, factor, np.asarray(penalties, dtype=float), intercept=intercept)


def all_fits(found):
    return found.fits(np.arange(len(found.noise_gains)))


# --- coefficients ------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d", "m"), [(40, 7, 1), (30, 6, 3), (9, 7, 1)])
def test_coefficients_are_those_of_least_squares_with_a_penalty(n, d, m, intercept, noise):
    features, labels = data(n, d, m)
    factor = factor_of(noise, d)
    found = path(features, labels, factor, intercept=intercept)
    intercepts, coefficients = all_fits(found)
    for level, penalty in enumerate(PENALTIES):
        constant, slopes = fitted(features, labels, factor, n * penalty, intercept)
        largest = np.abs(slopes).max()
        np.testing.assert_allclose(coefficients[level], slopes, rtol=0, atol=1e-9 * largest)
        np.testing.assert_allclose(intercepts[level], constant, rtol=1e-9, atol=1e-11)
        root = np.diag(factor) if factor.ndim == 1 else factor
        gain = np.square(root.T @ slopes).sum()
        assert found.noise_gains[level] == pytest.approx(gain, rel=1e-8)


def floor_of(features, intercept):
    """The rows that stand for a hundred millionth of each variance."""
    return np.sqrt(FLOOR * len(features)) * sizes(features, intercept)


@pytest.mark.parametrize("penalty", [0.0, *PENALTIES])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(7, 8), (4, 7), (2, 7), (1, 3)])
def test_fewer_samples_than_features(n, d, intercept, penalty):
    """The covariance is singular: it gets a hundred millionth of each variance more."""
    features, labels = data(n, d, 2)
    found = path(features, labels, intercept=intercept, penalties=[penalty])
    intercepts, coefficients = all_fits(found)
    floor = floor_of(features, intercept)
    floor = np.where(floor > 0.0, floor, FLOOR)  # one sample and an intercept: nothing varies
    constant, slopes = fitted(features, labels, np.ones(d), n * penalty, intercept, floor)
    # rounding is divided by the floor
    atol = 1e-6 * max(np.abs(slopes).max(), 1e-3)
    np.testing.assert_allclose(coefficients[0], slopes, rtol=0, atol=atol)
    reach = atol * (1.0 + np.abs(features).sum(axis=1).max())
    np.testing.assert_allclose(intercepts[0], constant, rtol=0, atol=reach)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("span", [0.0, 3.0, 6.0])
def test_without_a_penalty_they_are_least_squares_whatever_the_units(span, intercept, noise):
    """Features 1e12 times as large as others: errors equal to 1e-8 of the labels."""
    features, labels = data(50, 5, 2)
    units = np.logspace(-span, span, 5)
    found = path(
        features * units, labels, factor_of(noise, 5), intercept=intercept, penalties=[0.0]
    )
    intercepts, coefficients = all_fits(found)
    constant, slopes = least_norm(features, labels, np.ones(5), intercept)
    np.testing.assert_allclose(
        coefficients[0] * units[:, np.newaxis], slopes, rtol=1e-8, atol=1e-10
    )
    np.testing.assert_allclose(intercepts[0], constant, rtol=1e-8, atol=1e-10)
    left_out = found.left_out(features * units, labels, np.arange(50))[:, 0]
    for i in range(0, 50, 7):
        others = np.arange(50) != i
        constant, slopes = least_norm(features[others], labels[others], np.ones(5), intercept)
        expected = labels[i] - constant - features[i] @ slopes
        np.testing.assert_allclose(left_out[i], expected, rtol=1e-8, atol=1e-9)


def exact(features, labels, deviations, penalty):
    """The coefficients with 60 digits, by the normal equations."""
    with mpmath.workdps(60):
        x, y = mpmath.matrix(features.tolist()), mpmath.matrix(labels.tolist())
        n, d = features.shape
        centre = [mpmath.fsum(x[:, k]) / n for k in range(d)]
        label_centre = mpmath.fsum(y) / n
        away = mpmath.matrix(n, d)
        for i, k in itertools.product(range(n), range(d)):
            away[i, k] = x[i, k] - centre[k]
        second, cross = away.T * away / n, away.T * (y - label_centre * mpmath.ones(n, 1)) / n
        for k, each in enumerate(deviations.tolist()):
            second[k, k] += mpmath.mpf(penalty) * mpmath.mpf(each) ** 2
        return np.array([float(each) for each in mpmath.lu_solve(second, cross)])


@pytest.mark.parametrize("span", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("penalty", [0.0, 1e-6, 1.0, 1e6])
def test_graded_noise_keeps_the_digits_of_the_least(span, penalty):
    """Deviations of noise with ratios up to 1e12, on features with ratios the other way."""
    features, labels = data(25, 4)
    features = features * np.array([1.0, 1e-6, 1e6, 1.0])
    deviations = np.logspace(-span, span, 4)
    found = path(features, labels, deviations, penalties=[penalty])
    expected = exact(features, labels[:, 0], deviations, penalty)
    errors = all_fits(found)[1][0, :, 0] - expected
    away = features - features.mean(axis=0)
    excess = np.square(away @ errors).mean() + penalty * np.square(deviations * errors).sum()
    assert excess <= 1e-12 * labels.var()  # of the risk under this noise, over the least


def test_ridge_of_the_noise_is_least_squares_in_expectation_over_it():
    """Exactly: the normal equations averaged over all signs of noise with a covariance."""
    features, labels = data(3, 2)
    factor, tau = np.array([[0.9, 0.0], [0.4, 0.6]]), 0.49
    gram, cross = np.zeros((3, 3)), np.zeros((3, 1))
    for signs in itertools.product([-1.0, 1.0], repeat=6):
        noise = np.sqrt(tau) * np.reshape(signs, (3, 2)) @ factor.T
        noisy = np.column_stack([np.ones(3), features + noise])
        gram += noisy.T @ noisy / 2**6
        cross += noisy.T @ labels / 2**6
    expected = np.linalg.solve(gram, cross)
    intercepts, coefficients = all_fits(path(features, labels, factor, penalties=[tau]))
    np.testing.assert_allclose(intercepts[0], expected[0], rtol=1e-10)
    np.testing.assert_allclose(coefficients[0], expected[1:], rtol=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_a_feature_that_never_varies_has_no_part(penalty):
    """Neither by the rounding of its mean, nor by a floor under the others."""
    features, labels = data(32, 3)
    features[:, 1] = 0.1
    moments = SampleMoments.of(features[:5], labels[:5])
    moments += SampleMoments.of(features[5:], labels[5:])
    found = RidgePath(moments, np.ones(3), np.array([penalty]), intercept=True)
    alive = path(features[:, [0, 2]], labels, penalties=[penalty])
    _, coefficients = all_fits(found)
    np.testing.assert_allclose(coefficients[0][[0, 2]], all_fits(alive)[1][0], rtol=1e-11)
    assert abs(coefficients[0, 1, 0]) < 1e-11
    np.testing.assert_allclose(
        found.left_out(features, labels, np.arange(32)),
        alive.left_out(features[:, [0, 2]], labels, np.arange(32)),
        rtol=1e-9,
    )


# --- samples left out --------------------------------------------------------------------------


def require_left_out(
    found, features, labels, sets, factor, intercept, penalties=PENALTIES, floor=None, rtol=1e-8
):
    """Every error is that of a refit without the set, penalty and all."""
    n = len(labels)
    assert found.shape == (n, len(penalties), labels.shape[1])
    for each in np.unique(sets):
        out = sets == each
        for level, penalty in enumerate(penalties):
            constant, slopes = fitted(
                features[~out], labels[~out], factor, n * penalty, intercept, floor
            )
            expected = labels[out] - constant - features[out] @ slopes
            largest = np.abs(expected).max()
            np.testing.assert_allclose(found[out, level], expected, rtol=0, atol=rtol * largest)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("m", [1, 3])
def test_left_out_is_what_refitting_without_the_sample_says(m, intercept, noise):
    features, labels = data(25, 4, m)
    factor = factor_of(noise, 4)
    found = path(features, labels, factor, intercept=intercept)
    left_out = found.left_out(features, labels, np.arange(25))
    require_left_out(left_out, features, labels, np.arange(25), factor, intercept)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(5, 6), (4, 6), (2, 3)])
def test_left_out_with_fewer_samples_than_features(n, d, intercept):
    """All that differs from a plain refit is the floor under the covariance; none with 1 - h."""
    features, labels = data(n, d, 2)
    penalties = np.array([0.0, *PENALTIES])
    found = path(features, labels, intercept=intercept, penalties=penalties)
    left_out = found.left_out(features, labels, np.arange(n))
    floor = floor_of(features, intercept)
    # without a penalty 1 - h is about the floor, and loses as many digits
    require_left_out(
        left_out, features, labels, np.arange(n), np.ones(d), intercept, penalties, floor, 1e-5
    )


SETS = np.array([0] * 3 + [1] + [2] * 7 + [3] + [4] + [5] * 2 + [6] * 10)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("m", [1, 3])
def test_a_set_is_left_out_as_a_whole(m, intercept, noise):
    features, labels = data(25, 4, m)
    factor = factor_of(noise, 4)
    left_out = path(features, labels, factor, intercept=intercept).left_out(features, labels, SETS)
    require_left_out(left_out, features, labels, SETS, factor, intercept)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("spare", [0, 1])
def test_a_sample_without_which_the_others_just_determine_the_fit_or_do_not(spare, intercept):
    """With as many samples as coefficients each leverage is 1; with one more none is."""
    n = 6 + intercept + spare
    features, labels = data(n, 6, 2)
    found = path(features, labels, intercept=intercept, penalties=[0.0])
    left_out = found.left_out(features, labels, np.arange(n))
    floor = None if spare else floor_of(features, intercept)
    require_left_out(
        left_out, features, labels, np.arange(n), np.ones(6), intercept, [0.0], floor, 1e-5
    )


@pytest.mark.parametrize("intercept", [True, False])
def test_a_set_without_which_the_others_determine_no_fit(intercept):
    features, labels = data(12, 7, 2)
    sets = np.array([0] * 7 + [1, 2] + [3] * 3)
    found = path(features, labels, intercept=intercept, penalties=[0.0])
    left_out = found.left_out(features, labels, sets)
    given = features, labels, sets, np.ones(7), intercept, [0.0]
    few = sets == 0  # five samples are left; without the others there are enough
    expected = np.full_like(left_out, np.nan)
    for floor, rows in ((floor_of(features, intercept), few), (None, ~few)):
        for each in np.unique(sets[rows]):
            out = sets == each
            constant, slopes = fitted(features[~out], labels[~out], given[3], 0.0, intercept, floor)
            expected[out, 0] = labels[out] - constant - features[out] @ slopes
    largest = np.abs(expected).max()
    np.testing.assert_allclose(left_out, expected, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("factor", [np.ones(5), np.array([1.0, 2.0, 0.0, 1.0, 1.0])])
def test_a_feature_that_is_there_in_one_sample_says_nothing_without_it(factor):
    """Its leverage is 1: residual and 1 - h are both rounding, also with noise on the others."""
    features, labels = data(40, 5)
    features[:, 2] = 0.0
    features[7, 2] = 1.3
    penalties = np.array([0.0, 0.2])
    found = path(features, labels, factor, penalties=penalties)
    left_out = found.left_out(features, labels, np.arange(40))
    seen = np.array([0, 1, 3, 4])
    for i in range(0, 40, 7):  # 7 is among them
        others = np.arange(40) != i
        some = seen if i == 7 else np.arange(5)
        for level, penalty in enumerate(penalties):
            constant, slopes = fitted(
                features[others][:, some], labels[others], factor[some], 40 * penalty, True
            )
            expected = labels[i] - constant - features[i, some] @ slopes
            np.testing.assert_allclose(left_out[i, level], expected, rtol=1e-5)


# --- groups with intercepts of their own -------------------------------------------------------


def grouped(m=1):
    """Groups of 1, 2, 5, 8 and 9 samples, spread over the sets."""
    groups = np.array([3, 1, 4, 3, 4, 2, 0, 3, 4, 4, 3, 1, 2, 3, 4, 2, 4, 3, 2, 4, 3, 2, 4, 3, 4])
    features, labels = data(25, 4, m)
    return features + 2.0 * groups[:, np.newaxis] ** 0.5, labels + groups[:, np.newaxis], groups


def within(features, labels, groups, factor):
    """The path of slopes, and the left-out errors' arguments."""
    members = np.bincount(groups)
    one_hot = np.eye(len(members))[groups]
    away = features - one_hot @ (one_hot.T @ features / members[:, np.newaxis])
    away_labels = labels - one_hot @ (one_hot.T @ labels / members[:, np.newaxis])
    moments = SampleMoments.of(away, away_labels)
    found = RidgePath(moments, factor, PENALTIES, intercept=False)
    return found, (away, away_labels), 1.0 / members[groups]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize(
    "sets",
    [
        np.arange(25),
        SETS,
        np.array([0] * 7 + [1] * 5 + [2] * 13),  # within 0 and 2 all of group 0, none of group 1
        np.array([0] * 12 + [1] * 13),  # all of groups 0 and 1 in one set with others
    ],
    ids=["single", "sets", "alone", "whole"],
)
def test_left_out_with_an_intercept_of_each_group(sets, m, noise):
    """Against refits with a column for each group that is left."""
    features, labels, groups = grouped(m)
    factor = factor_of(noise, 4)
    found, away, shares = within(features, labels, groups, factor)
    left_out = found.left_out(*away, sets, groups, shares)
    root = np.diag(factor) if factor.ndim == 1 else factor
    for each in np.unique(sets):
        out = sets == each
        known = np.unique(groups[~out])
        columns = (groups[:, np.newaxis] == known).astype(float)
        told = np.isin(groups, known)
        assert np.isnan(left_out[out & ~told]).all()
        for level, penalty in enumerate(PENALTIES):
            below = np.sqrt(25 * penalty) * root.T
            design = np.block(
                [[columns[~out], features[~out]], [np.zeros((len(below), len(known))), below]]
            )
            target = np.concatenate([labels[~out], np.zeros((len(below), m))])
            solution = np.linalg.lstsq(design, target, rcond=None)[0]
            rows = out & told
            expected = labels[rows] - np.column_stack([columns, features])[rows] @ solution
            np.testing.assert_allclose(left_out[rows, level], expected, rtol=1e-8, atol=1e-9)


# --- edges -------------------------------------------------------------------------------------


def test_large_means_cost_the_digits_they_must_and_no_more():
    """Means of a million spreads: the features themselves have lost six digits, not twelve."""
    features, labels = data(60, 4)
    near, far = path(features, labels), path(features + 1e6, labels)
    np.testing.assert_allclose(all_fits(far)[1], all_fits(near)[1], rtol=1e-8)
    shifted = all_fits(near)[0] - 1e6 * all_fits(near)[1].sum(axis=1)
    np.testing.assert_allclose(all_fits(far)[0], shifted, rtol=1e-8)
    left_out = near.left_out(features, labels, np.arange(60))
    again = far.left_out(features + 1e6, labels, np.arange(60))
    np.testing.assert_allclose(again, left_out, rtol=1e-6)


def test_a_sample_alone_leaves_nothing_to_fit():
    features, labels = data(1, 3)
    found = path(features, labels)
    intercepts, coefficients = all_fits(found)
    np.testing.assert_array_equal(coefficients, 0.0)
    np.testing.assert_array_equal(intercepts, np.tile(labels, (3, 1)))
    assert np.isnan(found.left_out(features, labels, np.arange(1))).all()
    without = path(features, labels, intercept=False)  # an intercept: nothing says 0
    left_out = without.left_out(features, labels, np.arange(1))
    np.testing.assert_allclose(left_out, np.broadcast_to(labels, (1, 3, 1)), rtol=1e-6)


def test_a_set_of_all_samples_leaves_nothing_to_fit():
    features, labels = data(9, 3, 2)
    sets = np.zeros(9, dtype=int)
    assert np.isnan(path(features, labels).left_out(features, labels, sets)).all()
    without = path(features, labels, intercept=False, penalties=[0.0, 1.0])
    left_out = without.left_out(features, labels, sets)
    np.testing.assert_allclose(left_out, np.stack([labels, labels], axis=1), rtol=1e-5)


def test_chunks_of_left_out_samples_are_rows_of_the_whole():
    features, labels = data(25, 3, 2)
    found = path(features, labels)
    whole = found.left_out(features, labels, SETS)
    cuts = [0, 4, 12, 25]  # between sets
    parts = [
        found.left_out(features[i:j], labels[i:j], SETS[i:j]) for i, j in itertools.pairwise(cuts)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-10)
