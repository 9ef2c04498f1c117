"""Inputs between two groups against densities written out, and against integrals."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

import moetheory as mt
from general_noise import LEAKING
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.confusable_inputs import ConfusableInputs
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.tilted_pairs import TiltedLaws, TiltedPairs

ORDER = np.argsort(LEAKING.block_of, kind="stable")
# coordinates ordered by block; leakage and interference, less and more than the signal
MODEL = mt.BlockModel(
    LEAKING.group_probabilities,
    LEAKING.block_of[ORDER],
    LEAKING.signal_variances[ORDER],
    LEAKING.coefficients[ORDER],
    LEAKING.noise_variance[ORDER] ** 0.3,
    interference_variances=LEAKING.interference_variances[ORDER],
    leakage_variances=LEAKING.leakage_variances[ORDER],
)
UNDER = [None, mt.Perturbation(noise_variance=0.9, interference_variances=0.2)]
ALL = np.arange(3)


def squared(model, under=None, coordinates=True):
    layout = SquaresLayout.of(model, under=under, coordinates=coordinates)
    return SquaredInputModel(model, layout, under)


def deviations(law, model):
    """Standard deviations of the coordinates given each group, (K, d)."""
    groups = np.arange(model.experts)[:, np.newaxis]
    return np.sqrt(np.where(model.block_of == groups, law.active, law.idle_variances))


@pytest.mark.parametrize("under", UNDER)
def test_the_parts_of_the_bound_are_integrals(under):
    laws, law, test = (
        TiltedLaws(squared(MODEL, under)),
        *(CoordinateLaw.of(MODEL, each) for each in (None, under)),
    )
    tilt = 0.4 * laws.steepest
    own, other = np.zeros(3), np.zeros(3)
    for m, g in enumerate(MODEL.block_of):
        known = [stats.norm(scale=v[m] ** 0.5) for v in (law.active, law.idle_variances)]
        for into, variances, power in (
            (own, test.active, -tilt),
            (other, test.idle_variances, tilt),
        ):
            density = stats.norm(scale=variances[m] ** 0.5)

            def power_of_ratio(x, density=density, known=known, power=power):
                logs = power * (known[0].logpdf(x) - known[1].logpdf(x))
                return math.exp(density.logpdf(x) + logs)

            area = integrate.quad(power_of_ratio, 0.0, 60.0, epsabs=0.0, epsrel=1e-10, limit=200)
            into[g] += math.log(2.0 * area[0])
    p = MODEL.group_probabilities
    expected = (1 - tilt) * np.log(p) + own, tilt * np.log(p) + other
    np.testing.assert_allclose(laws.log_parts(tilt), expected, rtol=1e-8)
    pairs = TiltedPairs(laws, tilt, ALL, ALL)
    total = sum(
        math.exp(expected[0][g] + expected[1][j]) for g, j in itertools.permutations(range(3), 2)
    )
    assert pairs.log_bound == pytest.approx(math.log(total), rel=1e-8)


def frequency(pairs, inputs, features):
    squares = np.square(features.T) / np.broadcast_to(inputs.square_unit, inputs.model.dim)[:, None]
    scores = inputs.scores(squares)
    test = inputs.test_scores(squares, scores)
    posterior = test - np.logaddexp.reduce(test, axis=0)
    return pairs.frequencies(scores, scores.max(axis=0), posterior)


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize(("own", "other"), [(ALL, ALL), (ALL[:2], ALL[:2]), (ALL[:1], ALL[1:])])
def test_how_frequent_inputs_are_is_a_ratio_of_densities(under, own, other):
    """The density of what is drawn, pair by pair, over that of inputs as they occur."""
    model = MODEL
    inputs = squared(model, under)
    laws, test = TiltedLaws(inputs), CoordinateLaw.of(model, under)
    pairs = TiltedPairs(laws, 0.45 * laws.steepest, own, other)
    features = np.random.default_rng(0).normal(size=(50, model.dim)) * np.sqrt(test.active) * 2.0
    logs = laws.log_parts(pairs.tilt)
    unit = np.broadcast_to(inputs.square_unit, model.dim)
    tilted = [each * unit for each in laws.unit_variances(pairs.tilt)]
    drawn, total = 0.0, 0.0
    for g, j in itertools.product(own, other):
        if g != j:
            scale = np.where(model.block_of == g, tilted[0], test.idle_variances)
            scale = np.sqrt(np.where(model.block_of == j, tilted[1], scale))
            chance = math.exp(logs[0][g] + logs[1][j])
            drawn = drawn + chance * np.exp(stats.norm.logpdf(features, scale=scale).sum(axis=1))
            total += chance
    truth = sum(
        p * np.exp(stats.norm.logpdf(features, scale=scale).sum(axis=1))
        for p, scale in zip(model.group_probabilities, deviations(test, model), strict=True)
    )
    found = frequency(pairs, inputs, features)
    np.testing.assert_allclose(found, drawn / total / truth, rtol=1e-9)


def test_pairs_are_drawn_as_often_as_their_parts_say():
    """Also where one block has all but a tiny part of the whole."""
    sizes = [1, 1, 12, 2]
    model = mt.BlockModel(
        [0.1, 0.4, 0.3, 0.2], np.repeat(range(4), sizes), [9.0] * 16, [1.0] * 16, 0.5
    )
    laws = TiltedLaws(squared(model))
    for own, other in ((np.arange(4), np.arange(4)), (np.array([1, 2]), np.array([0, 3]))):
        pairs = TiltedPairs(laws, 0.5, own, other)
        marked = pairs.marked(np.random.default_rng(1).random((2, 10**5)), np.arange(10**5))
        seen = np.histogram2d(*marked.blocks, bins=(range(5), range(5)))[0]
        a, e = np.exp(laws.log_parts(0.5))
        chances = np.outer(a * np.isin(range(4), own), e * np.isin(range(4), other))
        np.fill_diagonal(chances, 0.0)
        expected = 10**5 * chances / chances.sum()
        assert not seen[expected == 0.0].any()
        likely = expected > 5.0
        assert np.all(np.abs(seen - expected)[likely] < 5.0 * np.sqrt(expected[likely]))


def test_parts_far_below_the_range_of_numbers():
    """The second largest block is drawn beside the largest, however rare it is."""
    sizes = [2000, 2500, 3000]
    model = mt.BlockModel(
        [0.3, 0.3, 0.4], np.repeat(range(3), sizes), [30.0] * 7500, [1.0] * 7500, 1.0
    )
    pairs = TiltedPairs(TiltedLaws(squared(model, coordinates=False)), 0.5, ALL, ALL)
    assert -3000.0 < pairs.log_bound < -1000.0
    first, second = pairs.marked(np.random.default_rng(0).random((2, 500)), np.arange(500)).blocks
    assert {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)} == {
        frozenset({0, 1})
    }
    assert not ConfusableInputs(pairs.laws.inputs).exist


def test_what_decides_the_group_is_never_confused():
    """Coordinates without noise, while active or while not."""
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0)
    assert not ConfusableInputs(squared(model)).exist
    half = model.replace(noise_variance=[0.0, 1.0])
    assert not ConfusableInputs(squared(half)).exist
    unheard = mt.BlockModel(
        [0.5, 0.5], [0, 1], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0], interference_variances=0.5
    )
    assert not ConfusableInputs(squared(unheard)).exist
    assert ConfusableInputs(squared(model.replace(noise_variance=1.0))).exist
    # a gate that was sure without noise errs often in noise
    louder = mt.Perturbation(noise_variance=1.0)
    assert not ConfusableInputs(squared(model, louder)).exist
    quiet = model.replace(noise_variance=1.0)
    assert ConfusableInputs(squared(quiet, mt.Perturbation(noise_variance=0.0))).exist


def test_pairs_that_differ_have_tilts_of_their_own():
    equal = mt.BlockModel.isotropic(24, 3, 0.1, signal_energy=24.0)
    unequal = mt.BlockModel([0.9, 0.1], np.repeat([0, 1], [40, 6]), np.ones(46), np.ones(46), 0.05)
    (common,), shares = ConfusableInputs(squared(equal))._mixture
    assert (common.tilt, shares.tolist()) == (0.5, [1.0])
    confusable = ConfusableInputs(squared(unequal))
    laws, shares = confusable._mixture
    assert laws[0].tilt == 0.5
    assert laws[1].tilt < 0.4
    np.testing.assert_allclose(shares, [0.1, 0.9])
    assert laws[1].log_bound < laws[0].log_bound - 2.0
    # and the whole is still a density: its mean over inputs as they occur is 1
    rng, inputs = np.random.default_rng(0), confusable.inputs
    for law in laws:
        squares = inputs.input_squares(
            inputs.squares.draw(rng, 20_000),
            np.full(20_000, 2),
            keep_draws=False,
            marked=[law.marked(rng.random((2, 20_000)), np.arange(20_000))],
        )
        scores = inputs.scores(squares)
        posterior = scores - np.logaddexp.reduce(scores, axis=0)
        often = law.frequencies(scores, scores.max(axis=0), posterior)
        # an input of this law is in truth 1/often times as frequent: errors are at most the bound
        assert np.all(posterior.min(axis=0) - np.log(often) <= law.log_bound + 1e-9)
