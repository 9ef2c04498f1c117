"""Routing matrices and losses of gates, against other routes: mpmath, closed forms, simulation."""

import itertools
import math
import re
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import integrate, special, stats

from general_noise import PER_COORDINATE, STRICT
from moetheory import (
    BlockModel,
    Dense,
    Hard,
    Learned,
    MoE,
    NoClosedForm,
    Oracle,
    Perturbation,
    Soft,
    TopK,
    misrouting_bound,
    mmse,
    risk,
    routing_matrix,
    simulate,
)
from moetheory.strategies import block_models
from moetheory.theory.gate_risks import gated_losses

ROUTED, SOFT = MoE(gate=Hard()), MoE(gate=Soft())


def blocks(probabilities, sizes, variances, noise=1.0, seed=0, **changes):
    """A model of isotropic blocks."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    coefficients = np.random.default_rng(seed).standard_normal(len(owner))
    return BlockModel(
        probabilities,
        owner,
        np.repeat(np.float64(variances), sizes),
        coefficients,
        noise,
        **changes,
    )


UNEQUAL = blocks([0.2, 0.5, 0.3], [2, 4, 3], [3.0, 0.5, 1.0], 0.4, label_noise_variance=0.1)


# --- an evaluation that shares no code: 17 digits, energies of blocks, no laws of scores ----------


class Energies:
    """Isotropic blocks in mpmath: p, λ, s, σ², ‖θ‖², and the law of its energy."""

    def __init__(self, model):
        self.parts = []
        for g in range(model.experts):
            own = model.block_of == g
            lam, noise = mp.mpf(model.signal_variances[own][0]), mp.mpf(model.noise_variance)
            b2 = mp.fsum(mp.mpf(b) ** 2 for b in model.coefficients[own])
            theta2 = b2 * (lam / (lam + noise)) ** 2
            p, s = mp.mpf(model.group_probabilities[g]), int(own.sum())
            self.parts.append((p, lam, s, noise, theta2))

    def density(self, u, s, scale):
        half = mp.mpf(s) / 2
        return (
            (u / scale) ** (half - 1)
            * mp.exp(-u / (2 * scale))
            / (scale * 2**half * mp.gamma(half))
        )

    def below(self, u, s, scale):
        return mp.gammainc(mp.mpf(s) / 2, 0, u / (2 * scale), regularized=True) if u > 0 else 0

    def score(self, j):
        p, lam, s, noise, _ = self.parts[j]
        a = mp.log(p) - mp.mpf(s) / 2 * mp.log1p(lam / noise)
        return a, lam / (2 * noise * (noise + lam))

    def hard(self, g, j, pieces=4, energy=True):
        """P(g → j) and, unless that is not needed, E[q_g + q_j; g → j]."""
        (_, lam_g, s_g, noise, theta_g), (_, _, s_j, _, theta_j) = self.parts[g], self.parts[j]
        a, c = zip(*(self.score(i) for i in range(len(self.parts))), strict=True)
        start = max([mp.mpf(0)] + [(each - a[j]) / c[j] for each in a])
        ends = [start + noise * s_j * x for x in np.geomspace(0.05, 60.0, pieces)]

        @cache  # two of the integrals have the same nodes
        def rest(u, skip):
            levels = [(a[j] + c[j] * u - a[i]) / c[i] for i in range(len(a))]
            others = [i for i in range(len(a)) if i not in (g, j)]
            product = mp.fprod(self.below(levels[i], self.parts[i][2], noise) for i in others)
            own = self.below(levels[g], s_g + skip, noise + lam_g)
            return product * own * self.density(u, s_j, noise)

        points = [start, *ends]
        probability = mp.quad(lambda u: rest(u, 0), points)
        if not energy:
            return probability, None
        own = theta_g * (noise + lam_g) * mp.quad(lambda u: rest(u, 2), points)
        other = theta_j / s_j * mp.quad(lambda u: u * rest(u, 0), points)
        return probability, own + other

    def table(self, j, step):
        """Nodes in log u of block j while inactive: weight, W, q, all positive."""
        _, lam, s, noise, theta2 = self.parts[j]
        rows, x = [], mp.log(noise) - mp.mpf(62) / s - 1
        end = mp.log(noise * (2 * s + 60) * (1 + lam / noise))
        a, c = self.score(j)
        while x < end:
            u = mp.exp(x)
            rows.append((step * u * self.density(u, s, noise), mp.exp(a + c * u), theta2 * u / s))
            x += step
        return np.array(rows, dtype=np.float64).T

    def soft_pair(self, step=0.125):
        """E Σ w(1-w)q of two blocks as it stands, over both energies."""
        (f, w, q), (g, v, r) = self.table(0, step)[..., np.newaxis], self.table(1, step)
        return np.sum(f * g * w * v / (w + v) * (q + r))

    def transforms(self, table, t):
        """E e^-tW, E W e^-tW and E q W e^-tW."""
        weight, w, q = table
        live = weight * np.exp(-t * w)
        return np.sum(live), live @ w, (live * w) @ q

    def soft(self, step=0.11):
        """The loss E Σ w(1-w)q of any number of blocks, by the integral over t."""
        tables = [self.table(j, step) for j in range(len(self.parts))]
        total = 0.0
        for t in np.exp(0.3 * np.arange(-110, 25)):
            phi, psi, slope = [], [], []
            for table in tables:
                phi_j, slope_j, psi_j = self.transforms(table, t)
                phi.append(phi_j)
                slope.append(slope_j)
                psi.append(psi_j)
            every = range(len(tables))
            pairs = [
                psi[j] * slope[g] * math.prod(phi[i] for i in every if i not in (j, g))
                for j in every
                for g in every
                if g != j
            ]
            total += 0.3 * t * sum(pairs)
        return total


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(17):
        yield


def gained(estimator, model):
    """Excess over the oracle."""
    return float(model.group_probabilities @ gated_losses(estimator, model).values)


def test_hard_gate_equals_mpmath():
    reference = Energies(UNEQUAL)
    result, routed = risk(ROUTED, UNEQUAL), routing_matrix(Hard(), UNEQUAL)
    oracle, found = risk(MoE(), UNEQUAL), np.zeros((3, 3))
    lost = mp.mpf(0)
    for g, j in itertools.permutations(range(3), 2):
        probability, energy = reference.hard(g, j)
        found[g, j] = probability
        lost += reference.parts[g][0] * energy
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(routed.matrix[off], found[off], rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(routed.matrix), 1.0 - found.sum(1), rtol=1e-12)
    assert result.value == pytest.approx(oracle.value + float(lost), rel=1e-13)
    assert gained(ROUTED, UNEQUAL) == pytest.approx(float(lost), rel=1e-12)
    assert result.exactness == "quadrature"
    assert abs(result.value - oracle.value - float(lost)) <= result.error <= 1e-8 * result.value


def test_soft_gate_of_two_blocks_equals_its_double_integral():
    model = blocks([0.1, 0.9], [3, 2], [2.0, 5.0])
    expected = float(Energies(model).soft_pair())
    result = risk(SOFT, model)
    assert gained(SOFT, model) == pytest.approx(expected, rel=1e-11)
    assert result.excess == pytest.approx(risk(MoE(), model).excess + expected, rel=1e-12)
    assert result.error <= 1e-8 * result.value


def test_soft_gate_equals_mpmath():
    assert gained(SOFT, UNEQUAL) == pytest.approx(float(Energies(UNEQUAL).soft()), rel=1e-11)
    assert mmse(UNEQUAL).value == risk(SOFT, UNEQUAL).value


def test_sixteen_equal_blocks_equal_mpmath():
    model = BlockModel.isotropic(32, 16, noise_variance=1.0, signal_energy=8.0)
    small = Energies(model)
    small.parts = small.parts[:1]
    # one block stands for all: K(K-1) equal pairs
    step = mp.mpf("0.06")
    table = small.table(0, step)
    total = 0.0
    for t in np.exp(0.3 * np.arange(-110, 25)):
        phi, slope, psi = small.transforms(table, t)
        total += 0.3 * t * 16 * 15 * psi * slope * phi**14
    assert gained(SOFT, model) == pytest.approx(float(total), rel=1e-11)

    u = mp.mpf
    ratio, s = 1 + u(model.signal_variances[0]), 2

    def integrand(v, own):
        cdf = small.below(v, s, u(1)) ** 14 * small.below(v, s + own, ratio)
        return small.density(v, s, u(1)) * cdf

    points = [0, 1, 3, 8, 20, 50, 120]
    wrong = 15 * mp.quad(lambda v: integrand(v, 0), points)
    theta2 = small.parts[0][4]
    energy = (
        15
        * theta2
        * (
            ratio * mp.quad(lambda v: integrand(v, 2), points)
            + mp.quad(lambda v: v / s * integrand(v, 0), points)
        )
    )
    assert routing_matrix(Hard(), model).misrouting == pytest.approx(float(wrong), rel=1e-12)
    assert gained(ROUTED, model) == pytest.approx(float(energy), rel=1e-12)


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        (2, 1e-3),
        (40, 50.0),
        (200, 20.0),
        (400, 30.0),
        (1000, 5.0),
        (10**5, 0.03),
        (12, 8e10),
        (30, 3e10),
        (1, 1e-9),
    ],
)
def test_two_equal_blocks_confuse_as_an_f_law_says_however_rarely(size, ratio):
    model = BlockModel.isotropic(2 * size, 2, noise_variance=1.0, signal_energy=size * ratio)
    expected = special.betainc(size / 2, size / 2, 1.0 / (2.0 + ratio))
    assert expected > 1e-200
    routed = routing_matrix(Hard(), model)
    np.testing.assert_allclose(routed.matrix[[0, 1], [1, 0]], expected, rtol=1e-11)
    assert routed.misrouting == pytest.approx(expected, rel=1e-11)
    assert misrouting_bound(model) == pytest.approx(expected, rel=1e-13)  # tight for K = 2


def test_rare_errors_of_unequal_blocks_keep_their_digits():
    model = blocks([0.3, 0.7], [120, 100], [40.0, 60.0])
    reference, routed = Energies(model), routing_matrix(Hard(), model)
    for g, j in ((0, 1), (1, 0)):
        expected = float(reference.hard(g, j, pieces=40, energy=False)[0])
        assert expected < 1e-50
        assert routed.matrix[g, j] == pytest.approx(expected, rel=1e-6)


# --- anisotropic blocks ---------------------------------------------------------------------------


def exponential_sums(model):
    """P(0 → 1) of two blocks in which each variance occurs twice: sums of exponentials."""

    def law(g, active):
        own = model.block_of == g
        r = [mp.mpf(each) / model.noise_variance for each in model.signal_variances[own][::2]]
        scales = r if active else [each / (1 + each) for each in r]
        shares = [mp.fprod(a / (a - b) for b in scales if b != a) for a in scales]
        start = mp.log(model.group_probabilities[g]) - mp.fsum(mp.log1p(each) for each in r)
        return start, scales, shares

    (start_0, scales_0, shares_0), (start_1, scales_1, shares_1) = law(0, True), law(1, False)
    least = max(start_0, start_1)
    total = mp.mpf(0)
    for b, share in zip(scales_1, shares_1, strict=True):
        # ∫ e^{-(ζ-a₁)/b}/b (1 - Σ k e^{-(ζ-a₀)/a}) dζ from the least score on
        total += share * mp.exp(-(least - start_1) / b)
        for a, k in zip(scales_0, shares_0, strict=True):
            fall = mp.exp(-(least - start_1) / b - (least - start_0) / a)
            total -= share * k * fall * (1 / b) / (1 / a + 1 / b)
    return total


def test_anisotropic_routing_equals_sums_of_exponentials():
    variances = np.repeat([3.0, 1.0, 0.2, 5.0, 0.7], 2)
    model = BlockModel([0.4, 0.6], np.repeat([0, 1], [6, 4]), variances, np.ones(10), 0.5)
    with mp.workdps(40):
        expected = float(exponential_sums(model))
    routed = routing_matrix(Hard(), model)
    assert routed.matrix[0, 1] == pytest.approx(expected, rel=1e-11)
    assert routed.error < 1e-10


def test_blocks_that_are_hardly_anisotropic_are_as_good_as_isotropic():
    bent = UNEQUAL.replace(signal_variances=UNEQUAL.signal_variances * (1 + 1e-9 * np.arange(9)))
    for gate in (Hard(), Soft()):
        losses = gated_losses(MoE(gate=gate), UNEQUAL).values
        np.testing.assert_allclose(gated_losses(MoE(gate=gate), bent).values, losses, rtol=1e-7)
    np.testing.assert_allclose(
        routing_matrix(Hard(), bent).matrix, routing_matrix(Hard(), UNEQUAL).matrix, rtol=1e-7
    )


def plain(model, n, rng):
    """Squared errors of hard and soft routing by way of data and labels."""
    data = model.sample(n, rng)
    lam, noise = model.signal_variances, model.noise_variance
    theta = model.coefficients * lam / (lam + noise)
    members = np.eye(model.experts)[model.block_of]
    active, idle = lam + noise, noise + model.interference_variances
    evidence = 0.5 * data.features**2 * (1 / idle - 1 / active) - 0.5 * np.log(active / idle)
    scores = np.log(model.group_probabilities) + evidence @ members
    predictions = (data.features * theta) @ members
    weights = special.softmax(scores, axis=1)
    chosen = scores.argmax(axis=1)
    hard = predictions[np.arange(n), chosen]
    soft = (weights * predictions).sum(axis=1)
    return (hard - data.labels) ** 2, (soft - data.labels) ** 2, data.groups, chosen


@pytest.mark.parametrize(("noise", "parts"), [("one", 14), ("general", 36)])
def test_anisotropic_risks_equal_a_plain_simulation(generic, agrees, mean_and_sem, noise, parts):
    model = generic(1.2, label_noise_variance=0.05) if noise == "one" else STRICT
    rng = np.random.default_rng(11)
    hard, soft, groups, chosen = (
        np.concatenate(parts)
        for parts in zip(*(plain(model, 10**5, rng) for _ in range(parts)), strict=True)
    )
    assert agrees(*mean_and_sem(hard), risk(ROUTED, model).value)
    assert agrees(*mean_and_sem(soft), mmse(model).value)
    in_two = groups == 2
    assert agrees(
        *mean_and_sem((chosen[in_two] != 2) * 1.0), routing_matrix(Hard(), model).per_group[2]
    )


# --- noise in general -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [STRICT, PER_COORDINATE])
@pytest.mark.parametrize("gate", [Hard(), Soft()])
def test_general_noise_is_one_noise_in_other_units(model, gate):
    r"""Idle noise 1, active variance (λ+n)/(n+κ), and energies θ²(n+κ) of the predictions."""
    lam, noise, idle = model.signal_variances, model.noise_variance, model.idle_noise
    surplus = (lam - model.interference_variances) / idle
    sizes = model.coefficients * lam / (lam + noise) * np.sqrt(idle)
    unit = model.replace(
        noise_variance=1.0,
        interference_variances=0.0,
        signal_variances=surplus,
        coefficients=sizes * (1.0 + surplus) / surplus,
    )
    found, expected = (gated_losses(MoE(gate=gate), each).values for each in (model, unit))
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    found, expected = (routing_matrix(Hard(), each).matrix for each in (model, unit))
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def still(model, block, coordinate):
    """The model with no noise in one coordinate of a block."""
    index = np.flatnonzero(model.block_of == block)[coordinate]
    noise, interference = (
        np.where(np.arange(model.dim) == index, 0.0, each)
        for each in (model.noise_variance, model.interference_variances)
    )
    return model.replace(noise_variance=noise, interference_variances=interference)


@pytest.mark.parametrize("gate", [Hard(), Soft()])
def test_a_group_with_a_coordinate_without_noise_is_out_of_the_question(gate):
    """The others are routed as in a model without that group."""
    model, kept = still(STRICT, 2, 1), STRICT.block_of != 2
    rest = BlockModel(
        STRICT.group_probabilities[:2] / STRICT.group_probabilities[:2].sum(),
        *(
            getattr(STRICT, name)[kept]
            for name in ("block_of", "signal_variances", "coefficients", "noise_variance")
        ),
        interference_variances=STRICT.interference_variances[kept],
    )
    found, expected = (
        gated_losses(MoE(gate=gate), model).values,
        gated_losses(MoE(gate=gate), rest).values,
    )
    assert found[2] == 0.0
    np.testing.assert_allclose(found[:2], expected, rtol=1e-11)
    matrix = np.zeros((3, 3))
    matrix[:2, :2], matrix[2, 2] = routing_matrix(Hard(), rest).matrix, 1.0
    np.testing.assert_allclose(routing_matrix(Hard(), model).matrix, matrix, rtol=1e-11)
    # in little noise n the coordinate is as small as its noise with a probability of order √n
    some, little = (
        gated_losses(
            MoE(gate=gate), model.replace(noise_variance=np.maximum(model.noise_variance, noise))
        ).values
        for noise in (1e-10, 1e-14)
    )
    assert some[2] > 50.0 * little[2] > 0.0
    np.testing.assert_allclose(little[:2], expected, rtol=1e-5)


def test_groups_that_are_all_certain_lose_nothing():
    model = still(still(still(STRICT, 0, 0), 1, 2), 2, 0)
    for estimator in (ROUTED, SOFT):
        assert risk(estimator, model).excess == risk(MoE(), model).excess
    assert np.array_equal(routing_matrix(Hard(), model).matrix, np.eye(3))


def test_interference_as_loud_as_the_signal_leaves_the_probabilities():
    """Weights do not depend on the input, and the identity of §6 is a sum."""
    model = STRICT.replace(interference_variances=STRICT.signal_variances)
    p, lam, noise = model.group_probabilities, model.signal_variances, model.noise_variance
    theta2 = (model.coefficients * lam / (lam + noise)) ** 2
    q = np.bincount(model.block_of, theta2 * (lam + noise))  # in any group
    for gate, w in ((Hard(), np.array([0.0, 1.0, 0.0])), (Soft(), p)):
        expected = [(1 - w[g]) ** 2 * q[g] + w**2 @ q - w[g] ** 2 * q[g] for g in range(3)]
        np.testing.assert_allclose(gated_losses(MoE(gate=gate), model).values, expected, rtol=1e-13)
        # continuous: nearly as loud is nearly the same, for a gate that is not at a tie
        quieter = model.replace(interference_variances=(1.0 - 1e-9) * lam)
        near = gated_losses(MoE(gate=gate), quieter).values
        np.testing.assert_allclose(near, expected, rtol=1e-4)
    assert routing_matrix(Hard(), model).matrix.tolist() == [[0.0, 1.0, 0.0]] * 3


@pytest.mark.parametrize("gate", [Hard(), Soft()])
def test_a_coordinate_may_be_without_evidence(gate):
    def loud(factor):
        loudness = np.where(np.arange(9) == 5, factor * 1.8, STRICT.interference_variances)
        there = STRICT.replace(interference_variances=loudness)
        return gated_losses(MoE(gate=gate), there).values

    np.testing.assert_allclose(loud(1.0), loud(1.0 - 1e-9), rtol=1e-7)


LOUDER = STRICT.replace(interference_variances=10.0 * STRICT.interference_variances)
HIDDEN = STRICT.replace(
    interference_variances=np.where(STRICT.block_of == 2, STRICT.signal_variances, 0.0)
)
IN_PART = still(still(STRICT, 0, 0), 1, 2).replace(group_probabilities=[0.4, 0.6, 0.0])


LOUD = "interference_variances above the signal variance, as in coordinate 0; "
EQUALLY_LOUD = "interference_variances equal to the signal variances of block 2 and not of all"
NEVER = "noise_variance 0 in a part of a block, if a group has probability 0; "


@pytest.mark.parametrize(
    ("estimator", "model", "message"),
    [
        (ROUTED, LOUDER, LOUD),
        (SOFT, LOUDER, LOUD),
        (SOFT, HIDDEN, EQUALLY_LOUD),
        (ROUTED, IN_PART, NEVER),
        (SOFT, IN_PART, NEVER),
    ],
)
def test_noise_without_a_formula_names_the_simulation(estimator, model, message):
    call = rf"{message}.*call simulate\(MoE\(gate={re.escape(repr(estimator.gate))}, .*, model"
    with pytest.raises(NoClosedForm, match=call):
        risk(estimator, model)
    if estimator == ROUTED:
        with pytest.raises(
            NoClosedForm, match=rf"{message}.*call simulate_routing\(Hard\(\), model"
        ):
            routing_matrix(Hard(), model)


def test_interference_is_of_no_account_in_groups_that_are_never_drawn():
    never = STRICT.replace(group_probabilities=[0.4, 0.0, 0.6])
    loud = np.where(STRICT.block_of == 1, 99.0, STRICT.interference_variances)
    for estimator in (ROUTED, SOFT):
        found = risk(estimator, never.replace(interference_variances=loud))
        assert found.value == risk(estimator, never).value


# --- structure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "ratio"), [(512, 200.0), (10**4, 1e4), (1, 1e12), (10**5, 1e-9)])
def test_extreme_blocks_lose_nothing_or_little(size, ratio):
    model = BlockModel.isotropic(2 * size, 2, noise_variance=1.0, signal_energy=size * ratio)
    oracle, soft, hard = (risk(e, model).excess for e in (MoE(), SOFT, ROUTED))
    assert 0.0 <= gained(SOFT, model) <= gained(ROUTED, model)
    assert oracle <= soft <= hard <= 2.0 * oracle


def test_groups_and_coordinates_may_be_permuted(generic):
    model = generic()
    rng = np.random.default_rng(3)
    order, names = rng.permutation(9), np.array([2, 0, 1])
    other = BlockModel(
        model.group_probabilities[np.argsort(names)],
        names[model.block_of][order],
        model.signal_variances[order],
        model.coefficients[order],
        model.noise_variance,
    )
    for estimator in (ROUTED, SOFT):
        a, b = risk(estimator, model), risk(estimator, other)
        assert b.value == pytest.approx(a.value, rel=1e-12)
        np.testing.assert_allclose(b.per_group[names], a.per_group, rtol=1e-12)
    a, b = (routing_matrix(Hard(), each).matrix for each in (model, other))
    np.testing.assert_allclose(b[np.ix_(names, names)], a, rtol=1e-11)


@pytest.mark.parametrize("power", [-60, 40])
def test_units_do_not_matter(power):
    scale = 2.0**power
    other = UNEQUAL.replace(
        signal_variances=scale * UNEQUAL.signal_variances,
        noise_variance=scale * UNEQUAL.noise_variance,
        coefficients=UNEQUAL.coefficients * 2.0 ** (-power / 2),
    )
    for estimator in (ROUTED, SOFT):
        assert risk(estimator, other).excess == pytest.approx(
            risk(estimator, UNEQUAL).excess, rel=1e-12
        )


@settings(max_examples=8)
@given(block_models(strict=True, exponents=6, max_experts=4, max_block=3))
def test_ordering_and_rows(model):
    quiet = np.minimum(model.interference_variances, 0.5 * model.signal_variances)
    model = model.replace(interference_variances=quiet)
    oracle, soft, hard, dense = (risk(e, model) for e in (MoE(), SOFT, ROUTED, Dense()))
    slack = 1e-11 * model.null_risk + soft.error + hard.error
    assert oracle.excess <= soft.excess <= hard.excess + slack
    assert soft.excess <= min(dense.excess, model.label_power) + slack
    assert gained(SOFT, model) >= 0.0
    routed = routing_matrix(Hard(), model)
    assert np.all(routed.matrix >= 0.0)
    assert np.abs(routed.matrix.sum(axis=1) - 1.0).max() <= routed.error <= 1e-10
    for result in (soft, hard):
        p = model.group_probabilities
        assert p @ result.per_group == pytest.approx(result.value, rel=1e-12, abs=1e-300)


def test_gates_that_are_the_same():
    assert risk(MoE(gate=TopK(1)), UNEQUAL).value == risk(ROUTED, UNEQUAL).value
    assert risk(MoE(gate=Learned()), UNEQUAL).value == risk(ROUTED, UNEQUAL).value
    assert risk(MoE(gate=TopK(3)), UNEQUAL).value == mmse(UNEQUAL).value
    assert np.array_equal(
        routing_matrix(TopK(1), UNEQUAL).matrix, routing_matrix(Hard(), UNEQUAL).matrix
    )
    assert np.array_equal(routing_matrix(Oracle(), UNEQUAL).matrix, np.eye(3))


def test_a_single_expert_needs_no_gate():
    model = BlockModel.isotropic(4, 1, noise_variance=1.0)
    for gate in (Hard(), Soft(), Soft(0.5), TopK(1), Learned(10)):
        assert risk(MoE(gate=gate), model).value == risk(MoE(), model).value
        assert risk(MoE(gate=gate), model).exactness == "exact"
    assert np.array_equal(routing_matrix(Hard(), model).matrix, [[1.0]])


# --- edges ----------------------------------------------------------------------------------------


def test_groups_that_are_never_drawn_are_never_routed_to():
    model = blocks([0.4, 0.0, 0.6], [2, 3, 2], [3.0, 1.0, 2.0], 0.5)
    without = blocks([0.4, 0.6], [2, 2], [3.0, 2.0], 0.5)
    keep = np.array([0, 1, 5, 6])
    without = without.replace(coefficients=model.coefficients[keep])
    routed = routing_matrix(Hard(), model)
    assert np.all(routed.matrix[:, 1] == 0.0)
    np.testing.assert_allclose(
        routed.matrix[np.ix_([0, 2], [0, 2])], routing_matrix(Hard(), without).matrix, rtol=1e-13
    )
    for estimator in (ROUTED, SOFT):
        assert risk(estimator, model).value == pytest.approx(risk(estimator, without).value)
        assert np.isfinite(risk(estimator, model).per_group).all()


def test_risk_of_a_group_that_is_never_drawn_is_the_limit_of_rare_ones():
    rare = blocks([0.4, 1e-13, 0.6 - 1e-13], [2, 3, 2], [3.0, 1.0, 2.0], 0.5)
    never = rare.replace(group_probabilities=[0.4, 0.0, 0.6])
    for estimator in (ROUTED, SOFT):
        limit, result = risk(estimator, rare).per_group[1], risk(estimator, never).per_group[1]
        assert result == pytest.approx(limit, rel=1e-4)
    np.testing.assert_allclose(
        routing_matrix(Hard(), never).matrix[1], routing_matrix(Hard(), rare).matrix[1], atol=1e-5
    )


def test_blocks_without_signal():
    model = blocks([0.3, 0.2, 0.25, 0.25], [2, 1, 2, 2], [3.0, 2.0, 0.0, 0.0], 0.5)
    routed = routing_matrix(Hard(), model).matrix
    # of the two that have no evidence the first is chosen, and both groups look alike
    assert np.all(routed[:, 3] == 0.0)
    assert np.array_equal(routed[2], routed[3])
    np.testing.assert_allclose(routed.sum(axis=1), 1.0, rtol=1e-12)
    # nearly no signal: one of the two wins, as before
    faint = model.replace(signal_variances=[3.0, 3.0, 2.0, 1e-11, 1e-11, 0.0, 0.0])
    merged = routing_matrix(Hard(), faint).matrix
    np.testing.assert_allclose(merged[:, 2] + merged[:, 3], routed[:, 2] + routed[:, 3], rtol=1e-8)
    for estimator in (ROUTED, SOFT):
        assert risk(estimator, model).value == pytest.approx(risk(estimator, faint).value, rel=1e-8)


def test_nothing_but_blocks_without_signal():
    model = blocks([0.3, 0.7], [2, 1], [0.0, 0.0])
    for estimator in (ROUTED, SOFT):
        assert (risk(estimator, model).excess, risk(estimator, model).error) == (0.0, 0.0)
    assert routing_matrix(Hard(), model).matrix.tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_without_noise_routing_is_perfect():
    model = blocks([0.4, 0.1, 0.5, 0.0], [2, 1, 2, 3], [3.0, 0.0, 2.0, 1.0], 0.0)
    for estimator in (ROUTED, SOFT):
        result = risk(estimator, model)
        assert (result.value, result.error, result.exactness) == (0.0, 0.0, "exact")
        # of a group that is never drawn all is lost
        own = model.block_of == 3
        assert result.per_group[3] == pytest.approx(np.sum(model.coefficients[own] ** 2))
        quiet = risk(estimator, model.replace(noise_variance=1e-9))
        np.testing.assert_allclose(quiet.per_group, result.per_group, atol=1e-7)
    routed = routing_matrix(Hard(), model).matrix
    assert routed.argmax(axis=1).tolist() == [0, 1, 2, 1]
    near = routing_matrix(Hard(), model.replace(noise_variance=1e-11)).matrix
    np.testing.assert_allclose(near, routed, atol=1e-5)


def test_without_noise_and_without_a_block_that_is_silent():
    model = blocks([0.4, 0.6, 0.0], [2, 3, 1], [3.0, 2.0, 1.0], 0.0)
    routed = routing_matrix(Hard(), model).matrix
    assert routed[2].tolist() == [1.0, 0.0, 0.0]  # the fewer coordinates, the likelier zeros
    near = routing_matrix(Hard(), model.replace(noise_variance=1e-11)).matrix
    np.testing.assert_allclose(near[2], routed[2], atol=1e-4)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", [Soft(), Soft(0.3), Learned(100)])
def test_leakage_has_a_formula_for_the_hard_gate_alone(gate):
    leaking = UNEQUAL.replace(leakage_variances=0.01)
    with pytest.raises(NoClosedForm, match=r"call simulate\(MoE\(gate="):
        risk(MoE(gate=gate), leaking)
    with pytest.raises(NoClosedForm, match=r"simulate_routing\("):
        routing_matrix(gate, leaking)


@pytest.mark.parametrize("gate", [Soft(0.5), Soft(2.0), Learned(100)])
def test_gates_without_a_formula_name_the_simulation(gate):
    with pytest.raises(NoClosedForm, match=r"simulate\(MoE\(gate="):
        risk(MoE(gate=gate), UNEQUAL)
    with pytest.raises(NoClosedForm, match=r"simulate_routing\("):
        routing_matrix(gate, UNEQUAL)


def test_a_ridge_has_no_formula():
    with pytest.raises(NoClosedForm, match=r"known without ridge, got MoE.*; call simulate"):
        risk(MoE(gate=Hard(), ridge=0.1), UNEQUAL)


def test_more_experts_than_there_are():
    with pytest.raises(ValueError, match=r"^k must be at most 3, the number of experts, got 4"):
        risk(MoE(gate=TopK(4)), UNEQUAL)
    with pytest.raises(ValueError, match=r"^gate must be Oracle"):
        routing_matrix("hard", UNEQUAL)


# --- the union bound ------------------------------------------------------------------------------


def bound_over_exact(size, experts, ratio):
    model = BlockModel.isotropic(
        size * experts, experts, noise_variance=1.0, signal_energy=size * ratio
    )
    return misrouting_bound(model) / routing_matrix(Hard(), model).misrouting


@pytest.mark.parametrize("experts", [3, 16, 100])
def test_union_bound_is_valid_and_tight_as_blocks_grow(experts):
    ratios = [bound_over_exact(size, experts, 1.0) for size in (1, 4, 16, 64, 256, 512)]
    assert np.all(np.diff(ratios) < 0.0)
    assert ratios[0] > 1.4
    assert 1.0 <= ratios[-1] <= 1.01


def test_union_bound_is_not_tight_where_errors_are_rare_because_the_noise_is_small():
    # then a sample errs as its own block is weak, and all the others beat it at once
    sizes = stats.chi2(4)
    one = integrate.quad(lambda x: x**2 * sizes.pdf(x), 0, np.inf)[0]
    largest = integrate.quad(lambda x: x**2 * 2 * sizes.cdf(x) * sizes.pdf(x), 0, np.inf)[0]
    assert 2 * one / largest == pytest.approx(16 / 13)
    assert bound_over_exact(4, 3, 1e9) == pytest.approx(16 / 13, rel=1e-6)


def test_union_bound_is_tight_for_two_blocks_with_interference():
    model = BlockModel.isotropic(12, 2, 0.3, signal_energy=12.0).replace(interference_variances=0.4)
    expected = special.betainc(3.0, 3.0, 1.0 / (1.0 + 2.3 / 0.7))
    assert misrouting_bound(model) == pytest.approx(expected, rel=1e-13)
    assert routing_matrix(Hard(), model).misrouting == pytest.approx(expected, rel=1e-11)
    no_noise = model.replace(noise_variance=0.0)
    expected = special.betainc(3.0, 3.0, 1.0 / (1.0 + 2.0 / 0.4))
    assert misrouting_bound(no_noise) == pytest.approx(expected, rel=1e-13)


def test_union_bound_is_refused_where_it_is_not_known():
    for change in (
        {"group_probabilities": [0.2, 0.8]},
        {"signal_variances": [1.0, 1.0, 1.0, 2.0]},
        {"noise_variance": [1.0, 1.0, 1.0, 2.0]},
        {"interference_variances": [0.0, 0.0, 0.0, 0.1]},
        {"interference_variances": 3.0},
    ):
        with pytest.raises(NoClosedForm, match=r"^the bound is known for equal blocks"):
            misrouting_bound(BlockModel.isotropic(4, 2, 1.0).replace(**change))
    assert misrouting_bound(BlockModel.isotropic(4, 2, 0.0)) == 0.0
    assert misrouting_bound(BlockModel.isotropic(4, 1, 1.0)) == 0.0
    assert not math.isnan(misrouting_bound(BlockModel.isotropic(8, 8, 1e12)))


# --- what once went wrong -------------------------------------------------------------------------


def test_a_block_may_have_signal_and_nothing_to_say():
    model = BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 0.0], 1.0)
    nearly = model.replace(coefficients=[1.0, 1e-9])
    for estimator in (ROUTED, SOFT):
        assert risk(estimator, model).value == pytest.approx(risk(estimator, nearly).value)
    labels_of_zero = model.replace(coefficients=[0.0, 0.0])
    assert risk(ROUTED, labels_of_zero).value == risk(SOFT, labels_of_zero).value == 0.0
    never = blocks([0.5, 0.5, 0.0], [1, 1, 1], [1.0, 2.0, 1.0]).replace(coefficients=np.zeros(3))
    assert gated_losses(MoE(gate=Soft()), never).values.tolist() == [0.0, 0.0, 0.0]


def test_errors_stay_small_beside_a_block_that_is_far_stronger():
    model = BlockModel([0.5, 0.5], [0, 1], [1.0, 1e12], [1.0, 1.0], 1e6)
    result = risk(ROUTED, model)
    assert result.error <= 1e-9 * result.value
    assert routing_matrix(Hard(), model.replace(noise_variance=1.0)).error <= 1e-10


@pytest.mark.parametrize(
    ("noise", "energy"), [(1e-12, 1.0), (1e12, 1.0), (1e-40, 1e-28), (1e40, 1e28)]
)
def test_ratios_at_the_ends_of_the_range(noise, energy):
    model = BlockModel.isotropic(16, 4, noise, signal_energy=energy)
    oracle, soft, hard = (risk(e, model).excess for e in (MoE(), SOFT, ROUTED))
    assert oracle <= soft <= hard
    np.testing.assert_allclose(routing_matrix(Hard(), model).matrix.sum(axis=1), 1.0, rtol=1e-10)


def test_one_group_that_is_drawn_costs_nothing():
    model = blocks([0.0, 1.0], [3, 2000], [1.0, 2.0])
    variances = model.signal_variances * np.linspace(0.5, 1.5, 2003)
    result = risk(ROUTED, model.replace(signal_variances=variances))
    assert result.excess == pytest.approx(
        risk(MoE(), model.replace(signal_variances=variances)).excess
    )
    assert np.isfinite(result.per_group).all()


@pytest.mark.parametrize("energy", [40.0, 4e3, 4e5])
def test_a_group_that_is_never_drawn_among_blocks_of_any_strength(energy):
    model = blocks([0.5, 0.5, 0.0], [60, 60, 2], [energy, energy, 1.0], 1.0)
    equal = model.replace(coefficients=np.repeat([0.3, 0.3, 1.0], [60, 60, 2]))
    result = gated_losses(MoE(gate=Soft()), equal).values[2]
    # the two that could be meant are alike: of (w² + (1-w)²) q only the law of w is left
    rng = np.random.default_rng(5)
    u = rng.chisquare(60, (2, 400_000))
    w = special.expit((u[0] - u[1]) * energy / (2 * (1 + energy)))
    theta2 = (0.3 * energy / (1 + energy)) ** 2
    values = theta2 * (w**2 * u[0] + (1 - w) ** 2 * u[1])
    own = 2 * (1.0 / 2.0) ** 2 * 2.0
    sem = values.std() / math.sqrt(len(w))
    assert abs(result - own - values.mean()) < 6 * sem
    assert sem < 0.002 * values.mean()


# --- the k best -----------------------------------------------------------------------------------


@pytest.mark.parametrize("renormalised", [True, False])
def test_the_k_best_of_fitted_experts_in_a_louder_test(renormalised):
    model = blocks([0.5, 0.3, 0.2], [2, 3, 3], [2.0, 1.5, 1.5])
    estimator = MoE(gate=TopK(2, renormalised=renormalised))
    options = {"samples": [9, 12, 0], "under": Perturbation(noise_variance=1.5)}
    found = risk(estimator, model, **options)
    drawn = simulate(estimator, model, **options, replicates=20_000, rng=0)
    assert abs(drawn.z(found)) < 4.0
    assert drawn.sem < 0.005 * found.value
    assert found.exactness == "quadrature"


def test_the_k_best_of_all_that_can_be_are_the_soft_gate():
    never = UNEQUAL.replace(group_probabilities=[0.6, 0.4, 0.0])
    for gate in (TopK(2), TopK(2, renormalised=False)):
        assert risk(MoE(gate=gate), never).value == risk(SOFT, never).value


def test_the_k_best_are_refused_where_they_have_no_formula():
    silent = blocks([0.4, 0.3, 0.3], [1, 3, 3], [0.0, 1.0, 2.0])
    with pytest.raises(NoClosedForm, match=r"TopK\(k=2\) with blocks that give no evidence.*call"):
        risk(MoE(gate=TopK(2)), silent)
    kinds = blocks([1.0 / 17.0] * 17, [2] * 17, np.linspace(1.0, 2.0, 17))
    with pytest.raises(NoClosedForm, match="with more than 16 kinds of blocks, got 17; call"):
        risk(MoE(gate=TopK(2)), kinds)
    with pytest.raises(NoClosedForm, match=r"TopK\(k=2\) here: .*; call simulate\(MoE\(gate=Top"):
        risk(MoE(gate=TopK(2)), blocks([0.5, 0.3, 0.2], [10**4] * 3, [1.0, 2.0, 3.0]))


def test_leakage_has_no_least_risk():
    with pytest.raises(ValueError, match=r"^model must have strict blocks, leakage_variances=0, "):
        mmse(UNEQUAL.replace(leakage_variances=0.01))


@pytest.mark.parametrize(("k", "renormalised", "expected"), [(2, True, 1.68125), (2, False, 1.66)])
def test_without_evidence_the_k_most_probable_groups_share_the_weight(k, renormalised, expected):
    model = BlockModel([0.5, 0.3, 0.2], [0, 0, 1, 1, 2, 2], np.ones(6), np.ones(6), 1.0)
    model = model.replace(interference_variances=1.0)
    gate = MoE(gate=TopK(k, renormalised=renormalised))
    assert risk(gate, model).value == pytest.approx(expected, rel=1e-12)
    w = np.array([0.5, 0.3, 0.0]) / (0.8 if renormalised else 1.0)
    # of each block 1 is known, and an idle one has the same energy, 1, for coefficients of 1/2
    losses = [(1.0 - w[g]) ** 2 + w @ w - w[g] ** 2 for g in range(3)]
    assert expected == pytest.approx(1.0 + model.group_probabilities @ losses)


def test_a_block_of_one_coordinate_among_larger_ones_in_a_quiet_test():
    """Its own score is chosen with a probability of 1e-37 only, far beyond its peak."""
    sizes, variances = [20, 1, 5], np.repeat([2.2, 7.0, 0.9], [20, 1, 5])
    model = BlockModel([0.3, 0.1, 0.6], np.repeat([0, 1, 2], sizes), variances, np.ones(26), 44.0)
    for noise in (0.0, 0.1):
        under = Perturbation(noise_variance=noise)
        drawn = simulate(ROUTED, model, under=under, replicates=50_000, rng=0)
        assert abs(drawn.z(risk(ROUTED, model, under=under))) < 4.0
        assert drawn.sem < 0.01 * drawn.mean


def test_the_error_in_large_blocks_is_that_of_the_integrals_alone():
    """Nothing is misrouted: all that is left are the fits, without an integral."""
    model = BlockModel.isotropic(4096, 2, 1.0, signal_energy=4096.0)
    found, oracle = (risk(each, model, samples=20_000) for each in (SOFT, MoE()))
    assert found.value == pytest.approx(oracle.value, rel=1e-12)
    assert found.error < 1e-11
