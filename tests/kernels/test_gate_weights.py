"""Gate weights and their excess losses against naive formulas."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from general_noise import STRICT
from moetheory import kernels
from moetheory.common.arrays import block_sums

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 6), st.integers(1, 5))


def draw_scores(seed, size, spread=3.0):
    """Log scores of which some are equal, and some of groups without probability."""
    rng = np.random.default_rng(seed)
    scores = spread * rng.integers(-3, 4, size).astype(float)
    scores[1:][rng.random((size[0] - 1, size[1])) < 0.2] = -np.inf
    return scores


def draw_forms(seed, size, ridge, per_block=2, leaks=False):
    """Quadratic forms, and the squares and coefficients (K, s) behind them.

    The coefficients are optimal, used, and optimal while inactive.
    """
    rng = np.random.default_rng(seed)
    squares = rng.random((size[0], per_block, size[1]))
    best = rng.standard_normal((size[0], per_block))
    used = best * rng.random(best.shape) if ridge else best

    def form(weights):
        return np.einsum("ks,ksn->kn", weights, squares)

    forms = [form(best**2), form(best * used), form(used**2)]
    error = best - used
    forms += [form(error**2), form(best * error)] if ridge else [None, None]
    idle = rng.standard_normal((size[0], per_block)) * leaks
    forms += [form(idle * used) if leaks else None]
    return kernels.QuadraticForms(*forms), squares, best, used, idle


def naive_losses(group, weights, squares, best, used, idle):
    """The losses w_gF_g from their definition, (K, n)."""
    own = np.einsum(
        "ksn,ksn->kn", squares, (weights[:, None] * used[..., None] - best[..., None]) ** 2
    )
    noise = weights**2 * np.einsum("ks,ksn->kn", used**2, squares)
    noise -= 2.0 * weights * np.einsum("ks,ksn->kn", used * idle, squares)
    return group * (own + noise.sum(axis=0) - noise)


def test_the_weight_of_an_expert_is_that_of_all_its_groups():
    scores = draw_scores(3, (5, 40), spread=30.0)
    expert_of = np.array([2, 0, 2, 1, 0])
    pooled = kernels.posterior(kernels.pooled_scores(scores, expert_of)).full(3)
    single = kernels.posterior(scores).full(5)
    wanted = [single[expert_of == e].sum(axis=0) for e in range(3)]
    np.testing.assert_allclose(pooled, wanted, rtol=1e-12)
    never = np.full((2, 1), -np.inf)
    assert kernels.pooled_scores(never, np.array([0, 0])).tolist() == [[-np.inf]]


@given(SEEDS, SIZES)
def test_sums_of_weights_over_inputs(seed, size):
    weights = kernels.posterior(draw_scores(seed, size))
    shares = np.random.default_rng(seed).random(size[1])
    np.testing.assert_allclose(weights.sums(shares), weights.full(size[0]) @ shares, rtol=1e-13)


@given(SEEDS, SIZES)
def test_posterior_is_the_softmax_and_its_parts_sum_to_one(seed, size):
    scores = draw_scores(seed, size)
    weights = kernels.posterior(scores)
    whole = np.exp(scores - scores.max(axis=0))
    whole /= whole.sum(axis=0)
    np.testing.assert_allclose(weights.full(size[0]), whole, rtol=1e-14)
    np.testing.assert_array_equal(weights.top, scores.argmax(axis=0))
    np.testing.assert_allclose(weights.largest + weights.rest, 1.0, rtol=1e-14)


def test_what_is_missing_to_one_keeps_its_digits():
    scores = np.array([[0.0, 700.0], [-50.0, 0.5], [-90.0, 0.0]])
    weights = kernels.posterior(scores)
    with mpmath.workdps(400):
        for column, top in enumerate(weights.top):
            odds = [mpmath.exp(mpmath.mpf(float(each))) for each in scores[:, column]]
            exact = 1 - odds[top] / mpmath.fsum(odds)
            assert weights.rest[column] == pytest.approx(float(exact), rel=1e-13, abs=0.0)


@given(SEEDS, SIZES)
def test_permuting_the_groups_permutes_the_weights(seed, size):
    scores = np.random.default_rng(seed).standard_normal(size)
    order = np.random.default_rng(seed + 1).permutation(size[0])
    here, there = (kernels.posterior(each).full(size[0]) for each in (scores, scores[order]))
    np.testing.assert_allclose(there, here[order], rtol=1e-14)


@given(SEEDS, SIZES)
def test_temperatures(seed, size):
    scores = draw_scores(seed, size)
    once, cold, hot = (kernels.posterior(scores, t).full(size[0]) for t in (1.0, 1e-300, 1e300))
    np.testing.assert_array_equal(once, kernels.posterior(scores).full(size[0]))
    tied = scores == scores.max(axis=0)
    np.testing.assert_allclose(cold, tied / tied.sum(axis=0), rtol=1e-14)
    possible = scores > -np.inf
    np.testing.assert_allclose(hot, possible / possible.sum(axis=0), rtol=1e-14)
    half = np.exp(2.0 * (scores - scores.max(axis=0)))
    np.testing.assert_allclose(
        kernels.posterior(scores, 0.5).full(size[0]), half / half.sum(axis=0), rtol=1e-14
    )


def naive_top(whole, k, renormalised=True):
    kept = np.zeros_like(whole)
    for column, weights in enumerate(whole.T):
        chosen = sorted(range(len(weights)), key=lambda j: (-weights[j], j))[:k]
        kept[chosen, column] = weights[chosen]
    return kept / kept.sum(axis=0) if renormalised else kept


@given(SEEDS, st.tuples(st.integers(1, 14), st.integers(1, 4)))
def test_the_k_largest_and_of_equal_ones_the_first(seed, size):
    weights = kernels.posterior(draw_scores(seed, size, 0.5))
    for k in range(1, size[0] + 1):
        found = kernels.top_k(weights, k).full(size[0])
        np.testing.assert_allclose(found, naive_top(weights.full(size[0]), k), rtol=1e-14)
        plain = kernels.top_k(weights, k, renormalised=False).full(size[0])
        np.testing.assert_array_equal(plain, naive_top(weights.full(size[0]), k, False))
    np.testing.assert_array_equal(
        kernels.top_k(weights, 1).full(size[0]), kernels.one_hot(weights.top).full(size[0])
    )
    np.testing.assert_array_equal(
        kernels.top_k(weights, size[0]).full(size[0]), weights.full(size[0])
    )


@given(SEEDS, SIZES, st.booleans(), st.booleans())
def test_losses_of_gates_are_those_of_the_definition(seed, size, ridge, leaks):
    scores = draw_scores(seed, size)
    forms, *world = draw_forms(seed, size, ridge, leaks=leaks)
    group = kernels.posterior(scores)
    gates = [kernels.posterior(scores, t) for t in (1.0, 0.3, 5.0)]
    for k in range(1, size[0] + 1):
        gates += [kernels.top_k(group, k, renormalised=each) for each in (True, False)]
    # the definition takes 1 - v and one part from a sum: it loses digits that are kept here
    lost = 4.0 * np.finfo(np.float64).eps * float((forms.used + forms.optimal).sum())
    shares = np.random.default_rng(seed).random(size[1])
    for gate in gates:
        losses, means = kernels.gate_losses(group, gate, forms, shares)
        wanted = naive_losses(group.full(size[0]), gate.full(size[0]), *world)
        np.testing.assert_allclose(losses, wanted.sum(axis=0), rtol=1e-12, atol=lost)
        np.testing.assert_allclose(means, wanted @ shares, rtol=1e-12, atol=lost)
    ones = np.ones(size)
    wanted = naive_losses(group.full(size[0]), ones, *world)
    losses, means = kernels.dense_losses(group, forms, shares)
    np.testing.assert_allclose(losses, wanted.sum(axis=0), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(means, wanted @ shares, rtol=1e-12, atol=1e-13)
    squares, best, used, _ = world
    own = group.full(size[0]) * np.einsum("ks,ksn->kn", (best - used) ** 2, squares)
    losses, means = kernels.oracle_losses(group, forms, shares)
    np.testing.assert_allclose(losses, own.sum(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(means, own @ shares, rtol=1e-12, atol=1e-15)


@given(SEEDS, SIZES, st.booleans(), st.booleans())
def test_losses_of_any_choice_are_those_of_the_definition(seed, size, ridge, leaks):
    forms, *world = draw_forms(seed, size, ridge, leaks=leaks)
    group = kernels.posterior(draw_scores(seed, size))
    chosen = np.random.default_rng(seed).integers(0, size[0], size[1])
    apart = kernels.set_apart(group, chosen, size[0])
    np.testing.assert_array_equal(apart.full(size[0]), group.full(size[0]))
    gate = kernels.one_hot(chosen)
    shares = np.random.default_rng(seed).random(size[1])
    losses, means = kernels.gate_losses(apart, gate, forms, shares)
    wanted = naive_losses(group.full(size[0]), gate.full(size[0]), *world)
    np.testing.assert_allclose(losses, wanted.sum(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(means, wanted @ shares, rtol=1e-12, atol=1e-15)


@given(SEEDS, SIZES)
def test_no_weights_lose_less_than_the_posterior_in_any_input(seed, size):
    rng = np.random.default_rng(seed)
    group = kernels.posterior(rng.standard_normal(size))
    forms, *world = draw_forms(seed, size, False)
    least, _ = kernels.gate_losses(group, group, forms, np.ones(size[1]))
    for other in (rng.random(size), rng.dirichlet(np.ones(size[0]), size[1]).T):
        losses = naive_losses(group.full(size[0]), other, *world).sum(axis=0)
        assert np.all(least <= losses * (1 + 1e-12) + 1e-15)


def test_tiny_losses_keep_their_digits():
    """Two blocks, odds e⁻⁹⁰: hard loses w(q₀+q₁), soft w(1-w)(q₀+q₁)."""
    group = kernels.posterior(np.array([[90.0], [0.0]]))
    forms, *_ = draw_forms(0, (2, 1), False)
    both = forms.optimal.sum()
    for gate in (group, kernels.one_hot(group.top)):
        losses, _ = kernels.gate_losses(group, gate, forms, np.ones(1))
        assert losses[0] == pytest.approx(np.exp(-90.0) * both, rel=1e-12, abs=0.0)
    cold = kernels.posterior(np.array([[90.0], [0.0]]), 10.0)
    assert cold.rest[0] == pytest.approx(np.exp(-9.0) / (1 + np.exp(-9.0)), rel=1e-12, abs=0.0)


def test_what_is_certain_excludes_the_rest_and_what_is_impossible_is_left_out():
    seen = np.array([[1e-300, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) > 0.0
    logs = kernels.log_probabilities(np.array([0.2, 0.4, 0.1, 0.3]))[:, np.newaxis]
    impossible = ~seen & np.array([[True], [True], [False], [False]])
    weights = kernels.posterior(kernels.decided_scores(logs, seen, impossible)).full(4)
    np.testing.assert_allclose(weights.T, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.25, 0.75]])
    # if no group is possible, nothing is known
    none = kernels.posterior(kernels.decided_scores(logs, seen, ~seen))
    np.testing.assert_allclose(none.full(4)[:, 2], [0.2, 0.4, 0.1, 0.3])
    # scores of each input decide among what is possible
    scores = logs + np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = kernels.posterior(kernels.decided_scores(scores, seen, impossible)).full(4)
    np.testing.assert_allclose(found[:, 2], np.array([0, 0, 1, 3 * np.e]) / (1 + 3 * np.e))


def test_scores_are_log_densities(generic):
    from scipy import stats

    model = generic()
    constants, slopes = kernels.score_terms(
        model.group_probabilities, model.block_of, model.signal_variances, model.noise_variance
    )
    squares = np.random.default_rng(0).standard_exponential((9, 4))
    scores = constants[:, None] + block_sums((slopes[:, None] * squares / 0.4).T, model.block_of).T
    for g in range(3):
        variances = 0.4 + np.where(model.block_of == g, model.signal_variances, 0.0)
        density = stats.norm.logpdf(np.sqrt(squares), scale=np.sqrt(variances)[:, None]).sum(axis=0)
        noise = stats.norm.logpdf(np.sqrt(squares), scale=np.sqrt(0.4)).sum(axis=0)
        relative = model.group_probabilities[g] / model.group_probabilities.max()
        wanted = np.log(relative) + density - noise
        np.testing.assert_allclose(scores[g], wanted, rtol=1e-12)


@pytest.mark.parametrize("loudness", [1.0, 10.0])
def test_scores_are_log_densities_whatever_the_noise(loudness):
    """For some coordinates, interference that is 10 times as loud is louder than the signal."""
    from scipy import stats

    p, block_of = STRICT.group_probabilities, STRICT.block_of
    signal, noise = STRICT.signal_variances, STRICT.noise_variance
    interference = loudness * STRICT.interference_variances
    idle = noise + interference
    constants, slopes = kernels.score_terms(p, block_of, signal, noise, interference)
    inputs = 2.0 * np.random.default_rng(0).standard_normal((50, 9))
    scores = constants + block_sums(slopes * inputs**2 / idle, block_of)
    none = stats.norm.logpdf(inputs, scale=np.sqrt(idle)).sum(axis=1)
    for g in range(3):
        variances = np.where(block_of == g, signal + noise, idle)
        density = stats.norm.logpdf(inputs, scale=np.sqrt(variances)).sum(axis=1)
        wanted = np.log(p[g] / p.max()) + density - none
        np.testing.assert_allclose(scores[:, g], wanted, rtol=1e-11, atol=1e-12)


def test_coordinates_that_may_be_still_are_left_out_of_the_scores():
    signal, noise = np.array([0.0, 2.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
    interference, blocks = np.array([3.0, 0.0, 0.0, 0.0]), np.array([0, 0, 0, 1])
    found = kernels.score_terms(np.array([0.5, 0.5]), blocks, signal, noise, interference)
    np.testing.assert_allclose(found[0], [0.0, -0.5 * np.log(2.0)])
    np.testing.assert_allclose(found[1], [0.0, 0.0, 0.0, 0.25])


@pytest.mark.parametrize("signal", [0.0, 1e-12, 1.0 - 1e-12, 1.0, 1.5, 1e12])
@pytest.mark.parametrize("noise", [1e-15, 1.0, 1e15])
def test_logarithms_of_variance_ratios_keep_their_digits(signal, noise):
    with mpmath.workdps(60):
        exact = float(mpmath.log((mpmath.mpf(signal) + noise) / (mpmath.mpf(noise) + 1)))
    found = kernels.log_variance_ratios(np.array([signal]), noise, np.array([1.0]))
    # the difference of the two variances is rounded
    assert found[0] == pytest.approx(exact, rel=1e-12, abs=0.0)
