"""Gates with fitted experts, louder tests and leakage: against mpmath, algebra and raw data."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from general_noise import UNEQUAL
from moetheory import (
    BlockModel,
    Hard,
    Learned,
    MoE,
    NoClosedForm,
    Perturbation,
    Soft,
    optimal_coefficients,
    risk,
    routing_matrix,
    simulate,
)

HARD, SOFT, RETRAINED = MoE(gate=Hard()), MoE(gate=Soft()), MoE(gate=Hard(), retrained=True)

# --- two unequal isotropic blocks, integrated over both energies ----------------------------------

P, SIZES, LAM, NOISE, LABEL = (0.7, 0.3), (2, 5), (2.0, 0.7), 0.5, 0.1
B = np.array([1.0, -0.6, 0.8, 0.1, -0.4, 0.9, 0.5])
OF = np.repeat([0, 1], SIZES)
PAIR = BlockModel(P, OF, np.repeat(LAM, SIZES), B, NOISE, label_noise_variance=LABEL)
LEAKY = PAIR.replace(leakage_variances=0.2, interference_variances=np.repeat([0.1, 0.3], SIZES))
ENDS = [0, 2, 8, 24, 80]  # of chi-squares
NODES, RULE = np.polynomial.legendre.leggauss(120)
ROOTS, WEIGHTS = 5.0 * (NODES + 1.0), 5.0 * RULE
LOUDER = Perturbation(noise_variance=1.4, interference_variances=np.repeat([0.5, 0.2], SIZES))


def fit_moments(model, counts, j):
    """Mean and summed second moment of the coefficients of expert j, from their textbook laws."""
    of = model.block_of == j
    s, lam = int(of.sum()), float(model.signal_variances[of][0])
    c = lam + float(model.noise_variance)
    theta = model.coefficients[of] * lam / c
    if counts is None:
        return theta, float(theta @ theta)
    beside = ~of
    rho = float(model.coefficients[of] @ model.coefficients[of]) * lam * (1.0 - lam / c)
    rho += float(model.coefficients[beside] ** 2 @ model.leakage_variances[beside])
    n, rho = counts[j], rho + model.label_noise_variance
    if n > s + 1:
        return theta, float(theta @ theta) + rho * s / (c * (n - s - 1))
    assert n < s - 1
    return n / s * theta, n / s * float(theta @ theta) + rho * n / (c * (s - n - 1))


def variances(model):
    """Variances of active and of idle coordinates, and what leaks into them, by block."""
    noise = float(model.noise_variance)
    each = model.signal_variances, model.leakage_variances, model.interference_variances
    lam, nu, kappa = ([float(values[j == OF][0]) for j in (0, 1)] for values in each)
    idle = [leaked + noise + more for leaked, more in zip(nu, kappa, strict=True)]
    return [each + noise for each in lam], idle, lam, nu


def density(x, degrees):
    """The density of a chi-square."""
    half = mp.mpf(degrees) / 2
    return x ** (half - 1) * mp.exp(-x / 2) / 2**half / mp.gamma(half)


def given_group(g, model, there, soft, counts):
    """The risk given group g: integrals over the energies of both isotropic blocks."""
    j = 1 - g
    (active, idle, lam, nu), (active_there, idle_there, *_) = variances(model), variances(there)
    a = [mp.log(P[k]) - SIZES[k] * mp.log(active[k] / idle[k]) / 2 for k in (0, 1)]
    slope = [(1 / idle[k] - 1 / active[k]) / 2 for k in (0, 1)]
    scale, scale_j = active_there[g], idle_there[j]
    own, other = B[g == OF], B[j == OF]
    best, leaked = own * lam[g] / scale, other * nu[j] / scale_j
    rho = LABEL + float(own @ own) * lam[g] * (scale - lam[g]) / scale
    rho += float(other @ other) * nu[j] * (scale_j - nu[j]) / scale_j
    (mean, square), (mean_j, square_j) = (fit_moments(model, counts, k) for k in (g, j))

    def loss(v, energy, energy_j):
        mine = best @ best - 2 * v * (best @ mean) + v**2 * square
        rest = leaked @ leaked - 2 * (1 - v) * (leaked @ mean_j) + (1 - v) ** 2 * square_j
        return energy / SIZES[g] * mine + energy_j / SIZES[j] * rest

    def over_the_other_block(x):
        score = a[g] + slope[g] * x * scale
        # below this half of its chi-square the other block is not chosen
        edge, half = max((score - a[j]) / slope[j] / scale_j, 0) / 2, mp.mpf(SIZES[j]) / 2
        below, more = (mp.gammainc(half + k, 0, edge, regularized=True) for k in (0, 1))
        energy_j = SIZES[j] * scale_j  # in the mean
        kept = loss(1, x * scale, 0) * below + loss(1, 0, energy_j) * more
        lost = loss(0, x * scale, 0) * (1 - below) + loss(0, 0, energy_j) * (1 - more)
        return density(x, SIZES[g]) * (kept + lost)

    if soft:  # twice Gauss's rule, in the roots of the chi-squares
        x, y = ROOTS[:, np.newaxis] ** 2, ROOTS**2
        v = 1.0 / (1.0 + np.exp(float(a[j] - a[g]) + slope[j] * y * scale_j - slope[g] * x * scale))
        losses = loss(v, x * scale, y * scale_j)
        own_law, other_law = (
            stats.chi2(SIZES[k]).pdf(each) * 2.0 * ROOTS * WEIGHTS
            for k, each in ((g, ROOTS**2), (j, ROOTS**2))
        )
        return rho + own_law @ losses @ other_law
    kink = (a[j] - a[g]) / (slope[g] * scale)
    ends = ENDS if kink <= 0 else sorted([*ENDS, kink])
    return rho + mp.quad(over_the_other_block, ends)


def by_integrals(model, soft, counts=None, under=None):
    """The risk of two isotropic blocks."""
    there = model
    if under is not None:
        there = model.replace(
            noise_variance=under.noise_variance, interference_variances=under.interference_variances
        )
    return float(sum(P[g] * given_group(g, model, there, soft, counts) for g in (0, 1)))


CASES = [(None, None), ((5, 9), None), ((0, 2), None), (None, LOUDER), ((5, 9), LOUDER)]


@pytest.mark.parametrize(("counts", "under"), CASES)
@pytest.mark.parametrize("model", [PAIR, LEAKY], ids=["strict", "leaky"])
def test_the_hard_gate_equals_mpmath(model, counts, under):
    found = risk(HARD, model, samples=counts, under=under)
    assert found.value == pytest.approx(by_integrals(model, False, counts, under), rel=1e-9)
    assert found.exactness == "quadrature"
    assert 0.0 < found.error < 1e-9 * found.value


@pytest.mark.parametrize(("counts", "under"), CASES)
def test_the_soft_gate_equals_a_double_integral(counts, under):
    found = risk(SOFT, PAIR, samples=counts, under=under)
    assert found.value == pytest.approx(by_integrals(PAIR, True, counts, under), rel=1e-9)
    assert 0.0 < found.error < 1e-9 * found.value


# --- more blocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("experts", [2, 5, 16])
def test_fits_cost_the_soft_gate_no_more_than_the_oracle_less_what_it_doubts(experts):
    """For equal blocks, as the mean of the sum of w u is the energy of one active block."""
    model = BlockModel.isotropic(4 * experts, experts, 0.8, signal_energy=9.0)
    variance = float(model.signal_variances[0] + 0.8)
    theta = optimal_coefficients(MoE(), model)[:4]
    optimum, oracle = risk(MoE(), model).value, risk(MoE(), model, samples=12 * experts).value
    scatter = (oracle - optimum) / variance
    doubt = risk(SOFT, model).value - optimum
    expected = oracle + (1.0 - scatter / float(theta @ theta)) * doubt
    assert risk(SOFT, model, samples=12 * experts).value == pytest.approx(expected, rel=1e-12)


# --- edges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [HARD, SOFT])
def test_one_expert_at_its_threshold_makes_all_groups_infinite(estimator):
    found = risk(estimator, UNEQUAL, samples=[9, 9, 4, 9])
    assert found.value == math.inf
    assert np.all(found.per_group == math.inf)
    assert (found.exactness, found.error) == ("exact", 0.0)


def test_an_expert_that_no_input_reaches_may_be_at_its_threshold():
    never = UNEQUAL.replace(group_probabilities=[0.5, 0.3, 0.2, 0.0])
    for estimator in (HARD, SOFT):
        found = risk(estimator, never, samples=[9, 9, 9, 4])
        assert found.value == pytest.approx(
            risk(estimator, never, samples=[9, 9, 9, 0]).value, rel=1e-12
        )


def test_groups_that_are_recognised_for_certain_pay_for_their_fits_alone():
    quiet = np.where(UNEQUAL.block_of == 1, 0.0, UNEQUAL.noise_variance)
    calm = np.where(UNEQUAL.block_of == 1, 0.0, UNEQUAL.interference_variances)
    model = UNEQUAL.replace(noise_variance=quiet, interference_variances=calm)
    oracle = risk(MoE(), model, samples=[9, 9, 9, 9]).per_group[1]
    for estimator in (HARD, SOFT):
        found = risk(estimator, model, samples=[9, 9, 9, 9]).per_group[1]
        assert found == pytest.approx(oracle, rel=1e-12)
    with pytest.raises(NoClosedForm, match="noise_variance 0 in training, as in coordinate 2"):
        risk(HARD, model, under=Perturbation(noise_variance=0.5))


def test_a_block_that_gives_no_evidence_costs_its_fit_wherever_its_expert_is_chosen():
    """Block 0 has no signal and the most probable group, which others are taken for."""
    signal = np.where(UNEQUAL.block_of == 0, 0.0, UNEQUAL.signal_variances)
    loud = np.where(UNEQUAL.block_of == 0, 0.0, UNEQUAL.interference_variances)
    model = UNEQUAL.replace(signal_variances=signal, interference_variances=loud)
    samples = [6, 9, 9, 9]
    base, found = (risk(HARD, model, samples=[0, *samples[1:]]), risk(HARD, model, samples=samples))
    noise = model.noise_variance[:2].sum()  # with variance omega / (n-s-1) in each coordinate
    cost = 0.2 * (1.0 / 3.0) * 2.0
    sent = routing_matrix(Hard(), model).matrix[:, 0]
    assert 0.01 < sent[1] < sent[0] < 1.0
    assert noise > 0.0
    np.testing.assert_allclose(found.per_group - base.per_group, cost * sent, rtol=1e-9)


@pytest.mark.parametrize("estimator", [HARD, SOFT])
def test_clean_test_inputs_are_the_limit_of_little_noise(estimator):
    clean, nearly = (
        risk(estimator, PAIR, samples=(5, 9), under=Perturbation(noise_variance=noise)).value
        for noise in (0.0, 1e-9)
    )
    assert nearly == pytest.approx(clean, rel=1e-6)


@pytest.mark.parametrize("times", [60.0, 300.0])
def test_the_soft_gate_in_test_noise_far_louder_than_that_of_training(times):
    """Weights of all sizes up to exp(1000 times): with a wrong end the integrals lack a fifth."""
    under = Perturbation(noise_variance=times * NOISE)
    found = risk(SOFT, PAIR, samples=(8, 12), under=under)
    drawn = simulate(SOFT, PAIR, samples=(8, 12), under=under, replicates=20_000, rng=0)
    assert abs(drawn.z(found)) < 4.0
    assert drawn.sem < 0.01 * found.value
    assert 0.0 < found.error < 1e-9 * found.value


def test_test_noise_that_is_too_loud_for_the_integrals_is_refused_at_once():
    with pytest.raises(NoClosedForm, match=r"the evidence spreads so far.*; call simulate\(MoE"):
        risk(SOFT, PAIR, under=Perturbation(noise_variance=1e6))


def test_a_perturbation_that_changes_nothing_changes_nothing():
    same = Perturbation(noise_variance=UNEQUAL.noise_variance)
    for estimator in (HARD, SOFT):
        expected = risk(estimator, UNEQUAL, samples=[9, 9, 9, 9])
        found = risk(estimator, UNEQUAL, samples=[9, 9, 9, 9], under=same)
        assert found.value == pytest.approx(expected.value, rel=1e-12)


def test_one_expert_leaves_no_choice():
    one = BlockModel.isotropic(6, 1, 1.0, signal_energy=6.0)
    under = Perturbation(noise_variance=2.0)
    for estimator in (HARD, SOFT, RETRAINED):
        oracle = risk(MoE(), one, samples=20, under=under)
        assert risk(estimator, one, samples=20, under=under).value == oracle.value


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (MoE(gate=Learned(50)), {"samples": 99}, r"simulate\(MoE\(gate=Learned\(.*samples=..."),
        (RETRAINED, {"samples": 99}, "infinitely many samples, where the experts are retrained"),
        (HARD, {"samples": [9, 9, 1, 9]}, "for blocks of one variance and for more samples than"),
        (HARD, {"under": Perturbation(erasure=0.1)}, "normal noise without erasure at test time"),
        (SOFT, {"under": Perturbation(noise=stats.t(5))}, "for normal noise without erasure"),
        (MoE(gate=Hard(), ridge=0.1), {"samples": 99}, "known without ridge"),
        (MoE(gate=Soft(), shared=True), {}, "known for one expert a group"),
    ],
)
def test_what_is_not_known_names_the_simulation(estimator, options, message):
    with pytest.raises(NoClosedForm, match=message) as caught:
        risk(estimator, UNEQUAL, **options)
    assert "call simulate(MoE(gate=" in str(caught.value)
