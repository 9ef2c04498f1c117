"""Losses of the k best experts: direct integrals, other gates, and draws of the scores."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moetheory import BlockModel, MoE, TopK, risk, simulate
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.hard_gate import hard_routing
from moetheory.formulas.soft_gate import soft_losses
from moetheory.formulas.top_k_gate import top_k_losses


def block(p, degrees, ratio, louder=1.0, loads=None):
    """An isotropic block; without ``loads`` its expert is optimal."""
    r = np.full(degrees, ratio)
    missed, met, cross, wrong = loads or (1.0 + ratio, 0.0, 0.0, 1.0)
    shares = (each / degrees for each in (missed, met, cross, wrong))
    return Block.of(p, r, louder, ratio + louder, *shares)


def fitted(p, degrees, ratio):
    """Other noise at test time, and an expert that is not optimal."""
    return block(p, degrees, ratio, louder=1.4, loads=(2.0, 0.7, -0.3, 0.9))


# --- a direct integral, for k experts of k + 1: given the lowest score, over all higher ones ------


def above(law, active, least, a, number=44):
    """Nodes of z above ``least`` in the square root of z: weights, scores, z over its mean."""
    weight = float((law.active_weights if active else law.inactive_weights)[0])
    degrees = float(law.degrees[0])
    end = weight * stats.chi2.isf(1e-13, degrees)
    low, high = np.sqrt(np.minimum(least, end)), np.sqrt(end)
    u, w = np.polynomial.legendre.leggauss(number)
    root = low + (high - low) * (1.0 + u) / 2.0
    z = root**2
    chi = stats.chi2.pdf(z / weight, degrees) / weight
    return w * (high - low) * root * chi, a + z, z / (weight * degrees)


def direct(blocks, active, renormalised):
    """The loss of a group (or of none, -1), by the lowest score and then all others."""
    a = [each.log_prior + each.offset for each in blocks]
    total = 0.0
    for lowest in range(len(blocks)):
        law = blocks[lowest]
        others = [j for j in range(len(blocks)) if j != lowest]
        # the others have kinks where their a are
        starts = sorted({0.0, *(max(a[j] - a[lowest], 0.0) for j in others)})
        scale = float(law.inactive_weights[0] * law.degrees[0])
        weight = float((law.active_weights if lowest == active else law.inactive_weights)[0])
        last = weight * stats.chi2.isf(1e-13, float(law.degrees[0]))
        for start, end in itertools.pairwise([*starts, max(last, starts[-1] + scale)]):
            u, w = np.polynomial.legendre.leggauss(40)
            root = np.sqrt(start) + (np.sqrt(end) - np.sqrt(start)) * (1.0 + u) / 2.0
            chi = stats.chi2.pdf(root**2 / weight, float(law.degrees[0])) / weight
            outer = w * (np.sqrt(end) - np.sqrt(start)) * root * chi
            for x, each in zip(root**2, outer, strict=True):
                total += each * given_lowest(
                    blocks, a, active, renormalised, lowest, x, x / (weight * law.degrees[0])
                )
    return total


def given_lowest(blocks, a, active, renormalised, lowest, x, energy):
    """The loss given that the block ``lowest`` has evidence x, times P(it is lowest)."""
    others = [j for j in range(len(blocks)) if j != lowest]
    score = a[lowest] + x
    grids = [above(blocks[j], j == active, max(score - a[j], 0.0), a[j]) for j in others]
    density, weight_sum, shape = 1.0, 0.0 if renormalised else np.exp(score), [1] * len(others)
    w, q = {}, {lowest: energy}
    for axis, (j, (weights, scores, energies)) in enumerate(zip(others, grids, strict=True)):
        shape[axis] = -1
        density = density * weights.reshape(shape)
        w[j], q[j] = np.exp(scores).reshape(shape), energies.reshape(shape)
        weight_sum = weight_sum + w[j]
        shape[axis] = 1
    loss = 0.0
    for j, law in enumerate(blocks):
        v = w[j] / weight_sum if j != lowest else 0.0
        if j == active:
            form = (1 - v) ** 2 * law.missed[0] + v**2 * law.met[0] + 2 * v * (1 - v) * law.cross[0]
            loss = loss + form * q[j]
        else:
            loss = loss + v**2 * law.wrong[0] * q[j]
    return np.sum(density * loss)


TWO = [fitted(0.3, 3, 2.0), fitted(0.7, 2, 0.5)]
THREE = [block(0.2, 2, 7.5), fitted(0.5, 4, 1.25), fitted(0.3, 3, 2.5)]


@pytest.mark.parametrize("renormalised", [True, False])
@pytest.mark.parametrize("blocks", [TWO, THREE])
def test_all_experts_but_one_equal_a_direct_integral(blocks, renormalised):
    number = len(blocks)
    found = top_k_losses(blocks, np.ones(number, int), number - 1, renormalised=renormalised)
    actives = (0, 1, -1)
    wanted = [direct(blocks, active, renormalised) for active in actives]
    np.testing.assert_allclose(found.values[list(actives)], wanted, rtol=1e-9)
    assert np.all(found.errors <= 1e-8 * np.abs(found.values))


# --- the ends of the range of k -------------------------------------------------------------------

MANY = [
    ([block(1 / 8, 8, 2.0)], [8]),
    ([block(1 / 32, 1, 0.5)], [32]),
    ([block(1 / 6, 10, 2000.0)], [6]),
    ([block(1 / 5, 3, 0.002)], [5]),
    ([block(0.1, 2, 7.5), block(0.2, 1, 30.0), block(0.15, 20, 0.3)], [1, 3, 2]),
    ([fitted(0.1, 2, 7.5), fitted(0.4, 5, 1.0)], [2, 2]),
]


@pytest.mark.parametrize(("blocks", "counts"), MANY)
def test_one_expert_is_the_hard_gate_and_all_are_the_soft_one(blocks, counts):
    counts = np.array(counts)
    one = top_k_losses(blocks, counts, 1)
    np.testing.assert_allclose(one.values, hard_routing(blocks, counts).losses.values, rtol=1e-9)
    wanted = soft_losses(blocks, counts).values
    for renormalised in (True, False):
        found = top_k_losses(blocks, counts, int(counts.sum()), renormalised=renormalised)
        np.testing.assert_allclose(found.values, wanted, rtol=1e-9)
        assert np.all(found.errors <= 1e-8 * found.values)


def test_anisotropic_blocks_have_the_ends_too():
    laws = (
        Block.of(p, r, 1.0, 1.0 + r, c * (1.0 + r), 0.0, 0.0, c)
        for p, r, c in (
            (0.3, np.array([3.0, 0.1, 8.0]), np.array([1.0, 2.0, 0.3])),
            (0.7, np.array([0.4, 5.0]), np.array([0.5, 0.1])),
        )
    )
    blocks, counts = list(laws), np.ones(2, int)
    hard, soft = hard_routing(blocks, counts).losses.values, soft_losses(blocks, counts).values
    np.testing.assert_allclose(top_k_losses(blocks, counts, 1).values, hard, rtol=1e-8)
    np.testing.assert_allclose(top_k_losses(blocks, counts, 2).values, soft, rtol=1e-8)


# --- between them ---------------------------------------------------------------------------------


def drawn(blocks, counts, k, renormalised, active, replicates=100_000, seed=0):
    """Losses of inputs of a class (or of none, -1), from scores that are drawn."""
    rng = np.random.default_rng(seed)
    laws = [each for each, count in zip(blocks, counts, strict=True) for _ in range(count)]
    own = int(np.sum(counts[:active])) if active >= 0 else -1
    evidence, forms = np.empty((2, len(laws), replicates))
    inside = np.zeros((3, replicates))
    for j, law in enumerate(laws):
        weights = law.active_weights if j == own else law.inactive_weights
        chi = rng.chisquare(law.degrees, (replicates, len(weights)))
        evidence[j] = law.log_prior + law.offset + chi @ weights
        forms[j] = chi @ (law.wrong / law.degrees)
        if j == own:
            inside = np.stack([chi @ (c / law.degrees) for c in (law.missed, law.met, law.cross)])
    w = np.exp(evidence - evidence.max(axis=0))
    v = np.where(evidence >= np.sort(evidence, axis=0)[-k], w, 0.0)
    v /= (v if renormalised else w).sum(axis=0)
    losses = v**2 * forms
    if own >= 0:
        mine = v[own]
        losses[own] = (1 - mine) ** 2 * inside[0] + mine**2 * inside[1]
        losses[own] += 2 * mine * (1 - mine) * inside[2]
    return losses.sum(axis=0)


ANISOTROPIC = Block.of(
    0.1, np.array([3.0, 3.0, 0.1]), 1.2, np.array([4.5, 4.5, 1.3]), 1.5, 0.2, -0.1, 0.6
)
MIXED = [block(0.1, 4, 2.0), fitted(0.05, 1, 9.0), ANISOTROPIC]


@pytest.mark.parametrize(("k", "renormalised"), [(2, True), (5, False), (5, True)])
def test_many_blocks_of_three_classes_equal_draws_of_their_scores(k, renormalised):
    counts = np.array([6, 4, 2])
    found = top_k_losses(MIXED, counts, k, renormalised=renormalised)
    for active in (0, 1, 2, -1):
        losses = drawn(MIXED, counts, k, renormalised, active, seed=active + 10)
        sem = losses.std() / np.sqrt(len(losses))
        assert sem < 0.007 * found.values[active]  # an error of 3 % would be seen
        assert abs(losses.mean() - found.values[active]) < 4.5 * sem


@pytest.mark.parametrize("renormalised", [True, False])
def test_risks_equal_simulated_ones(renormalised):
    model = BlockModel.isotropic(24, 6, noise_variance=0.7, signal_energy=8.0)
    ratio = model.signal_variances[0] / 0.7
    theta2 = np.square(model.coefficients[:4] * ratio / (1.0 + ratio)) * 0.7
    r = np.full(4, ratio)
    law = Block.of(1 / 6, r, 1.0, 1.0 + r, theta2 * (1.0 + r), 0.0, 0.0, theta2)
    found = top_k_losses([law], np.array([6]), 3, renormalised=renormalised).values[0]
    expected = risk(MoE(), model).value + found
    gate = MoE(gate=TopK(3, renormalised=renormalised))
    for method, replicates in (("identity", 40_000), ("population", 200_000)):
        simulated = simulate(gate, model, replicates=replicates, method=method, rng=3)
        assert simulated.sem < 0.005 * expected
        assert abs(simulated.mean - expected) < 4.0 * simulated.sem


@given(
    st.lists(st.tuples(st.integers(1, 12), st.floats(0.01, 300.0)), min_size=1, max_size=2),
    st.integers(2, 6),
    st.integers(1, 5),
)
@settings(max_examples=8, deadline=None)
def test_optimal_experts_lose_least_with_the_posterior_and_then_with_plain_weights(parts, count, k):
    counts = np.full(len(parts), count)
    k = min(k, int(counts.sum()))
    p = 1.0 / counts.sum()
    blocks = [block(p, *each) for each in parts]
    soft = p * counts @ soft_losses(blocks, counts).values[:-1]
    plain, scaled = (
        p * counts @ top_k_losses(blocks, counts, k, renormalised=each).values[:-1]
        for each in (False, True)
    )
    assert soft <= plain * (1.0 + 1e-9)
    assert plain <= scaled * (1.0 + 1e-9)


def test_equal_blocks_may_be_in_several_classes():
    one = block(0.1, 3, 2.0)
    together = top_k_losses([one], np.array([6]), 3).values
    apart = top_k_losses([one, one, one], np.array([1, 3, 2]), 3).values
    np.testing.assert_allclose(apart, together[[0, 0, 0, 1]], rtol=1e-11)


def test_losses_are_small_numbers_where_errors_are_rare():
    rare = top_k_losses([block(1 / 3, 60, 1000.0)], np.array([3]), 2)
    assert 0.0 < rare.values[0] < 1e-30
    assert rare.errors[0] <= 1e-8 * rare.values[0]
    wanted = soft_losses([block(1 / 3, 60, 1000.0)], np.array([3])).values[0]
    assert wanted < rare.values[0] < 2.0 * wanted


def test_scores_that_spread_too_far_are_refused():
    with pytest.raises(ArithmeticError, match="spread"):
        top_k_losses([block(1 / 8, 64, 5.0, louder=1000.0)], np.array([8]), 2)
