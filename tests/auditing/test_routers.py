"""Routers of each kind against the Bayes rule and plain code; what a user's function may say."""

import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.noise import FeatureNoise
from moetheory.auditing.routers import (
    KINDS,
    MOST_SAMPLES,
    CallableRouter,
    EnergyRouter,
    LinearRouter,
    fitted_router,
    group_codes,
    require_router,
    some_samples,
)

SIZES = np.array([3, 5, 8])
BLOCK_OF = np.repeat([0, 1, 2], SIZES)
BLOCKS = [np.flatnonzero(g == BLOCK_OF) for g in range(3)]
SIGNALS = np.array([1.0, 2.0, 0.7])
SHARES = np.array([0.2, 0.5, 0.3])
EQUAL = FeatureNoise("equal", np.ones(16))


def strict(samples, rng):
    """Strict isotropic blocks: groups, and features without noise."""
    groups = rng.choice(3, samples, p=SHARES)
    features = rng.standard_normal((samples, 16)) * np.sqrt(SIGNALS)[BLOCK_OF]
    return groups, features * (groups[:, np.newaxis] == BLOCK_OF)


def centres(samples, rng):
    """Groups that are their means, in correlated noise: the posterior is linear."""
    means = 2.0 * np.random.default_rng(99).normal(size=(3, 16))
    groups = rng.choice(3, samples, p=SHARES)
    return groups, means[groups], means


# --- fitted routers ----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.1, 1.0, 5.0])
def test_the_energy_router_is_all_but_the_bayes_gate(noise):
    """Blocks, probabilities and signals unequal. The error of the Bayes gate is a closed form.

    2 K numbers from n samples: the excess is of order 2 K/n of the error, if the form is right;
    a wrong offset or slope costs a multiple of it.
    """
    rng = np.random.default_rng(2)
    groups, clean = strict(8000, rng)
    router = fitted_router("energy", clean, groups, BLOCKS, EQUAL, np.array([99.0, noise]), rng)
    groups, clean = strict(200_000, rng)
    noisy = EQUAL.applied(clean, EQUAL.draw(rng, len(clean)), noise)
    wrong = (router.route(noisy, 1) != groups).mean()
    model = mt.BlockModel(SHARES, BLOCK_OF, SIGNALS[BLOCK_OF], np.ones(16), noise)
    bayes = mt.routing_matrix(mt.Hard(), model).misrouting
    sem = np.sqrt(bayes / 200_000)
    assert -5 * sem < wrong - bayes < 5 * sem + 0.01 * bayes


@pytest.mark.parametrize("kind", ["logistic", "nearest"])
def test_linear_routers_are_all_but_the_bayes_rule_of_shifted_groups(kind):
    """Means that differ in equal noise: posterior and nearest centre (equal shares) are linear."""
    rng = np.random.default_rng(3)
    groups, clean, means = centres(10_000, rng)
    router = fitted_router(kind, clean, groups, BLOCKS, EQUAL, np.array([6.0]), rng)
    groups, clean, _ = centres(100_000, rng)
    noisy = clean + np.sqrt(6.0) * rng.standard_normal(clean.shape)
    priors = np.log(SHARES) if kind == "logistic" else np.zeros(3)
    bayes = priors + noisy @ means.T / 6.0 - 0.5 * (means**2).sum(axis=1) / 6.0
    chosen = router.route(noisy, 0)
    wrong, least = (chosen != groups).mean(), (bayes.argmax(axis=1) != groups).mean()
    assert 0.05 < least < 0.5
    # how often another expert is taken, and what it costs
    assert (chosen != bayes.argmax(axis=1)).mean() < 0.03
    assert abs(wrong - least) < 0.003


def test_nearest_is_nearest_in_units_of_the_noisy_deviations():
    rng = np.random.default_rng(4)
    factor = np.where(np.arange(16) < 8, 0.1, 3.0)
    noise = FeatureNoise("given", factor)
    groups, clean, _ = centres(5000, rng)
    router = fitted_router("nearest", clean, groups, BLOCKS, noise, np.array([0.0, 2.0]), rng)
    for level, tau in enumerate([0.0, 2.0]):
        again = np.random.default_rng(4)
        centres(5000, again)
        draw = noise.draw(again, 5000)
        seen = noise.applied(clean, draw, tau)
        own = np.stack([seen[groups == g].mean(axis=0) for g in range(3)])
        away = (seen[:, np.newaxis] - own) ** 2 / (1.0 + tau * factor**2)
        np.testing.assert_array_equal(router.route(seen, level), away.sum(axis=2).argmin(axis=1))


def test_a_logistic_router_is_where_its_penalised_likelihood_is_flat():
    """The gradient of the cross entropy with decay 1/n, by differences of plain code."""
    rng = np.random.default_rng(5)
    groups, features = rng.integers(3, size=200), rng.normal(size=(200, 4))
    features[:, 0] += 0.7 * groups
    noise = FeatureNoise("equal", np.ones(4))
    router = fitted_router(
        "logistic", features, groups, [np.arange(4)] * 3, noise, np.zeros(1), rng
    )
    weights = np.column_stack([router.offsets[0], router.slopes[0]])

    def loss(weights):
        scores = weights[:, 0] + features @ weights[:, 1:].T
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return -logs[np.arange(200), groups].mean() + 0.5 / 200 * (weights**2).sum()

    least, step = loss(weights), 0.02
    for place in np.ndindex(weights.shape):
        move = np.zeros_like(weights)
        move[place] = step
        assert min(loss(weights + move), loss(weights - move)) > least
        assert abs(loss(weights + move) - loss(weights - move)) / (2 * step) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_routers_of_groups_that_are_apart_are_finite_and_right(kind):
    rng = np.random.default_rng(6)
    groups = rng.integers(3, size=600)
    features = 0.1 * rng.normal(size=(600, 16))
    features[groups[:, np.newaxis] == BLOCK_OF] += 5.0
    router = fitted_router(kind, features, groups, BLOCKS, EQUAL, np.array([0.0, 0.1]), rng)
    for each in (router.offsets, router.slopes):
        assert np.isfinite(each).all()
    for level in range(2):
        np.testing.assert_array_equal(router.route(features, level), groups)


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_without_samples_and_a_silent_block(kind):
    rng = np.random.default_rng(7)
    groups = 2 * rng.integers(2, size=300)
    features = rng.normal(size=(300, 16)) * (BLOCK_OF != 1) + 2.0 * groups[:, np.newaxis]
    features[:, BLOCKS[1]] = 0.0
    router = fitted_router(kind, features, groups, BLOCKS, EQUAL, np.array([0.0]), rng)
    assert not np.isnan(router.offsets).any()
    assert np.isfinite(router.slopes).all()
    assert 1 not in router.route(features, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_one_expert_is_always_taken(kind):
    rng = np.random.default_rng(8)
    features, one = rng.normal(size=(50, 16)), np.zeros(50, int)
    router = fitted_router(kind, features, one, [np.arange(16)], EQUAL, np.array([0.3]), rng)
    np.testing.assert_array_equal(router.route(features, 0), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_there_may_be_more_groups_than_blocks(kind):
    rng = np.random.default_rng(9)
    groups = rng.integers(6, size=3000)
    features = rng.normal(size=(3000, 16))
    features += 6.0 * np.random.default_rng(1).normal(size=(6, 16))[groups]
    blocks = [BLOCKS[g % 3] for g in range(6)]
    router = fitted_router(kind, features, groups, blocks, EQUAL, np.array([0.0, 0.2]), rng)
    right = [(router.route(features, level) == groups).mean() for level in range(2)]
    assert min(right) > (0.3 if kind == "energy" else 0.99)  # guessing: 1/6


def test_units_of_energy_do_not_matter():
    groups, clean = strict(2000, np.random.default_rng(0))
    noise = np.array([0.5])
    silent = FeatureNoise("equal", np.zeros(16))
    plain, scaled = (
        fitted_router("energy", c * clean, groups, BLOCKS, silent, noise, np.random.default_rng(1))
        for c in (1.0, 2.0**20)
    )
    np.testing.assert_array_equal(scaled.offsets, plain.offsets)
    np.testing.assert_array_equal(2.0**40 * scaled.slopes, plain.slopes)


def test_the_rule_that_found_the_groups_is_the_router_of_the_first_level():
    rng = np.random.default_rng(1)
    groups, clean = strict(500, rng)
    router = fitted_router("energy", clean, groups, BLOCKS, EQUAL, np.array([0.0, 1.0]), rng)
    means = np.array([2.0, 4.0, 1.0])
    found = router.with_rule(means)
    energies = np.stack([(clean[:, block] ** 2).sum(axis=1) for block in BLOCKS], axis=1)
    np.testing.assert_array_equal(found.route(clean, 0), (energies / means).argmax(axis=1))
    for kept in ("offsets", "slopes", "weights"):
        np.testing.assert_array_equal(getattr(found, kept)[1], getattr(router, kept)[1])


def test_routers_send_to_the_largest_score():
    members = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    energy = EnergyRouter(
        np.array([[0.0, 1.0], [5.0, 0.0]]),
        np.array([[2.0, 1.0], [0.0, 1.0]]),
        members,
        np.array([[1.0, 2.0, 1.0], [1.0, 1.0, 4.0]]),
    )
    x = np.array([[1.0, 1.0, 1.0], [0.5, 0.0, 0.1], [0.0, 0.1, 3.0]])
    np.testing.assert_array_equal(energy.route(x, 0), [0, 1, 1])  # 6:2, .5:1.01, .04:10
    np.testing.assert_array_equal(energy.route(x, 1), [0, 0, 1])  # 5:4, 5:.04, 5:36
    linear = LinearRouter(np.array([[0.0, 0.5]]), np.array([[[1.0, 0, 0], [0, 1.0, 0]]]))
    np.testing.assert_array_equal(linear.route(x, 0), [1, 0, 1])


def test_a_router_is_fitted_to_some_of_very_many_samples():
    rows = np.arange(3, 3 + MOST_SAMPLES + 5000)
    chosen = some_samples(rows, np.random.default_rng(0))
    assert len(np.unique(chosen)) == len(chosen) == MOST_SAMPLES
    assert set(chosen) <= set(rows)
    # were they the first ones, the mean would be 2500 less; its error is about 40
    assert abs(chosen.mean() - rows.mean()) < 250
    few = rows[:10]
    assert some_samples(few, np.random.default_rng(0)) is few


# --- a user's function -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "names", "codes"),
    [
        ([3, 1, 3], [1, 2, 3], [2, 0, 2]),
        ([3.0, 1.0, 2.0], [1, 2, 3], [2, 0, 1]),
        (np.array([2, 3, 1], dtype=np.uint8), [1, 2, 3], [1, 2, 0]),
        (["b", "a", "c"], ["c", "a", "b"], [2, 1, 0]),
        (np.array(["b", "a", "a"], dtype=np.dtypes.StringDType()), ["a", "b"], [1, 0, 0]),
        (np.array(["b", "a", "a"], dtype=object), ["a", "b"], [1, 0, 0]),
        (np.array([True, False, True]), [False, True], [1, 0, 1]),
    ],
)
def test_groups_of_a_function_are_indices_of_the_names(said, names, codes):
    np.testing.assert_array_equal(group_codes(said, 3, names), codes)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([0, 1], "router must give a group for each of 3 samples, got shape (2,)"),
        ([[0], [1], [1]], "router must give a group for each of 3 samples, got shape (3, 1)"),
        (0, "router must give a group for each of 3 samples, got shape ()"),
        ([0.0, np.nan, np.nan], "router must give groups, got 2 NaN"),
        ([0, 1, 2], "router must give groups among 0, 1, got 2 for sample 2"),
        ([0.5, 1.0, 0.0], "router must give integers or names, got float64 values"),
        ([np.inf, 1.0, 0.0], "router must give integers or names, got float64 values"),
        ([1e300, 1.0, 0.0], "router must give integers or names, got float64 values"),
        ([1, 0, 1j], "router must give integers or names, got complex128 values"),
        ([None, 1, 0], "router must give groups, got 1 NaN"),
        (["0", "1", "1"], "router must give groups among 0, 1, got 0 for sample 0"),
        ([-1, 1, 0], "router must give groups among 0, 1, got -1 for sample 0"),
    ],
)
def test_what_a_function_may_not_say(said, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        group_codes(said, 3, [0, 1])
    assert error.value.argument == "router"


def test_several_groups_may_share_an_expert():
    router = CallableRouter(
        lambda x: np.where(x[:, 0] > 2, "c", "b"), list("abc"), np.array([0, 1, 0])
    )
    np.testing.assert_array_equal(router.route(np.array([[1.0], [3.0]]), 0), [1, 0])


def test_routers_are_names_or_functions():
    for name in KINDS:
        assert require_router(name) == name
    assert require_router(len) is len
    for bad in ("softmax", "Energy", None, 3, ["energy"]):
        with pytest.raises((ValueError, TypeError), match="router must be one of energy, logistic"):
            require_router(bad)
