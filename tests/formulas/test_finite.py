"""Closed forms at finitely many samples against exact laws, full matrices and limits."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

import moetheory as mt
from general_noise import GENERAL, variances
from moetheory.formulas import equivalent_correction
from moetheory.formulas.finite import (
    estimation_cost,
    expert_moments,
    is_isotropic,
    strong_signal_risk,
)
from moetheory.results.estimates import student_quantile
from moetheory.theory.finite_sample_risks import leading_excess
from moetheory.theory.rates import excess_rate

# --- an expert ---------------------------------------------------------------------------------


def mean_of(law):
    """The mean by quadrature of the density."""
    low, high = law.support()
    return integrate.quad(lambda x: x * law.pdf(x), low, high, epsabs=0, epsrel=1e-9, limit=200)[0]


@pytest.mark.parametrize(("n", "s"), [(4, 2), (6, 3), (12, 10), (30, 10), (500, 7), (5, 1)])
def test_above_the_threshold_the_cost_is_the_mean_of_an_f_law(n, s):
    """risk = ρ(1 + s/ν F(s, ν)), ν = n-s+1."""
    nu = n - s + 1
    expected = 1.7 * s / nu * mean_of(stats.f(s, nu))
    assert estimation_cost(n, s, 1.7, 0.9) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("n", "s"), [(1, 3), (2, 10), (8, 10), (3, 40), (38, 40)])
def test_below_the_threshold_it_is_that_of_a_beta_and_a_ratio_of_chi_squares(n, s):
    """E Beta((s-n)/2, n/2) + ρ χ²_n/χ²_{s-n+1}."""
    nu = s - n + 1
    unseen = mean_of(stats.beta((s - n) / 2, n / 2))
    ratio = n / nu * mean_of(stats.f(n, nu))
    assert estimation_cost(n, s, 1.7, 0.9) == pytest.approx(0.9 * unseen + 1.7 * ratio, rel=1e-7)


@pytest.mark.parametrize(
    ("n", "s", "rho", "energy", "expected"),
    [
        (0, 5, 1.7, 0.9, 0.9),  # nothing seen: the null risk
        (0, 1, 1.7, 0.9, 0.9),  # also beside the threshold
        (0, 0, 1.7, 0.0, 0.0),
        (1, 0, 1.7, 0.0, 0.0),  # nothing to estimate
        (9, 0, 1.7, 0.0, 0.0),
        (1, 2, 1.7, 0.9, math.inf),
        (2, 2, 1.7, 0.9, math.inf),
        (3, 2, 1.7, 0.9, math.inf),
        (1, 2, 0.0, 0.9, 0.45),  # without residual all that matters is what was seen
        (2, 2, 0.0, 0.9, 0.0),
        (3, 2, 0.0, 0.9, 0.0),
        (9, 2, 0.0, 0.9, 0.0),
        (2.0**62, 3, 1.7, 0.9, 1.7 * 3 / 2.0**62),
    ],
)
def test_edges_of_the_cost(n, s, rho, energy, expected):
    assert estimation_cost(n, s, rho, energy) == pytest.approx(expected, rel=1e-14, abs=0.0)


def test_costs_broadcast():
    n, s = np.arange(12)[:, np.newaxis], np.array([0, 3, 7])
    table = estimation_cost(n, s, 1.7, np.array([0.0, 0.9, 0.4]))
    assert table.shape == (12, 3)
    for i in range(12):
        for j, e in enumerate((0.0, 0.9, 0.4)):
            assert table[i, j] == estimation_cost(i, int(s[j]), 1.7, e)


def moments_of(n, covariance, theta, rho):
    a, t, u, v = expert_moments(n, np.count_nonzero(covariance), rho, theta @ theta)
    varies = covariance > 0.0
    noise = np.divide(v, covariance, out=np.zeros(len(theta)), where=varies)
    return a * theta, np.where(varies, t * theta**2 + u, 0.0) + noise


def simulated_fits(n, covariance, theta, rho, replicates, seed):
    """Minimum-norm least squares on training sets drawn one by one, (replicates, s)."""
    rng, s = np.random.default_rng(seed), len(theta)
    fits = []
    for size in np.diff([*range(0, replicates, 20_000), replicates]):
        x = rng.standard_normal((size, n, s)) * np.sqrt(covariance)
        y = x @ theta + math.sqrt(rho) * rng.standard_normal((size, n))
        if n >= s:
            fits.append(np.linalg.solve(x.mT @ x, x.mT @ y[..., np.newaxis])[..., 0])
        else:
            fits.append((x.mT @ np.linalg.solve(x @ x.mT, y[..., np.newaxis]))[..., 0])
    return np.concatenate(fits)


@pytest.mark.parametrize(
    ("n", "covariance"),
    [(13, np.array([0.4, 2.0, 1.1])), (3, np.full(9, 1.3))],
    ids=["above, anisotropic", "below, isotropic"],
)
def test_the_moments_of_an_expert_are_those_of_simulated_fits(agrees, mean_and_sem, n, covariance):
    theta, rho = np.cos(1.0 + np.arange(len(covariance))), 0.7
    fits = simulated_fits(n, covariance, theta, rho, 400_000, 3)
    mean, variance = moments_of(n, covariance, theta, rho)
    # one sum of second moments to see them all at once, weighted so that none may hide
    weights = 1.0 / (1.0 + np.arange(len(theta)))
    expected = weights @ (mean**2 + variance)
    assert agrees(*mean_and_sem(np.square(fits) @ weights), expected)
    # and each by itself: its mean, and how far it scatters
    scatter = np.square(fits - fits.mean(axis=0))
    wide = student_quantile(1e-8, len(fits) - 1) / math.sqrt(len(fits))
    assert np.all(np.abs(fits.mean(axis=0) - mean) <= wide * fits.std(axis=0))
    assert np.all(np.abs(scatter.mean(axis=0) - variance) <= wide * scatter.std(axis=0))


@pytest.mark.parametrize("s", [3, 4, 7, 30])
def test_below_the_threshold_they_are_those_of_a_random_projection(s):
    """E P_mm² and E P_mk² from E P = n/s I, P² = P and invariance under rotations."""
    rng = np.random.default_rng(s)
    theta, c = rng.standard_normal(s), 1.7
    for n in range(1, s - 1):
        # a rank-n projection: E P_mm² is of a Beta(n/2, (s-n)/2), and Σ_k P_mk² = P_mm
        diagonal = stats.beta(n / 2, (s - n) / 2)
        own = diagonal.var() + diagonal.mean() ** 2
        other = (n / s - own) / (s - 1)
        mean, variance = moments_of(n, np.full(s, c), theta, 0.9)
        # noise: rho (X X')⁻¹ within the subspace, E tr = n/(c(s-n-1)), spread evenly
        noise = 0.9 * n / ((s - n - 1) * c) / s
        second = own * theta**2 + other * (theta @ theta - theta**2) + noise
        np.testing.assert_allclose(mean, n / s * theta, rtol=1e-13)
        np.testing.assert_allclose(variance, second - mean**2, rtol=1e-10)


@pytest.mark.parametrize("s", [1, 2, 3, 8])
@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize("isotropic", [True, False])
def test_the_moments_add_up_to_the_cost(s, rho, isotropic):
    """ΣC(var + (mean-θ)²) in every case that is exact, at every edge."""
    covariance = np.full(s, 1.7) if isotropic else 0.5 + np.arange(1.0, s + 1)
    theta = np.sin(1.0 + np.arange(s))
    energy = covariance @ theta**2
    for n in (0, 1, s - 1, s, s + 1, s + 2, 3 * s, 2**40):
        if not isotropic and 0 < n < s:
            continue
        mean, variance = moments_of(n, covariance, theta, rho)
        total = covariance @ (variance + (mean - theta) ** 2)
        expected = estimation_cost(n, s, rho, energy)
        assert total == pytest.approx(expected, rel=1e-12, abs=1e-25)
        assert np.all(variance >= 0.0)
        if n > 0 and abs(n - s) <= 1 and rho:
            assert np.all(np.isinf(variance))
        if n == 0:
            assert not np.any(mean)
            assert not np.any(variance)
        if n >= s:
            np.testing.assert_array_equal(mean, theta)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 30])
@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_coordinates_that_never_vary_have_no_coefficient(n, rho):
    covariance = np.array([1.3, 0.0, 1.3, 0.0, 1.3])
    theta = np.array([1.0, 0.0, -2.0, 0.0, 0.5])
    mean, variance = moments_of(n, covariance, theta, rho)
    alive = covariance > 0
    for whole, part in zip(
        (mean, variance), moments_of(n, covariance[alive], theta[alive], rho), strict=True
    ):
        np.testing.assert_array_equal(whole[alive], part)
        assert not whole[~alive].any()


def test_variances_that_differ_by_rounding_are_equal():
    assert is_isotropic(0.1 + 0.2, 0.3)
    assert is_isotropic(0.0, 0.0)
    assert is_isotropic(1e-300, 1e-300)
    assert not is_isotropic(1.0, 1.0 + 1e-9)
    assert not is_isotropic(0.0, 1e-300)


# --- dense where the signal is strong ------------------------------------------------------------

STRONG = 1e8  # lambda over sigma^2


def strong_model(sizes, alone, probabilities, seed, label_noise=0.7):
    """Strict blocks, not isotropic, and in each ``alone`` coordinates of noise alone."""
    rng = np.random.default_rng(seed)
    block_of = np.repeat(np.arange(len(sizes)), np.add(sizes, alone))
    has_signal = np.concatenate([np.arange(s + a) < s for s, a in zip(sizes, alone, strict=True)])
    signal = np.where(has_signal, STRONG * rng.uniform(0.5, 4.0, len(block_of)), 0.0)
    b = rng.standard_normal(len(block_of))
    return mt.BlockModel(probabilities, block_of, signal, b, 1.0, label_noise_variance=label_noise)


def limit_of(model, counts):
    """The limit of the risk for this model, its arguments found from the arrays of the model."""
    seen = (model.signal_variances > 0.0) & (np.array(counts)[model.block_of] > 0)
    sizes = np.bincount(model.block_of[model.signal_variances > 0.0], minlength=model.experts)
    residual = model.noise_variance * np.sum(model.coefficients[seen] ** 2)
    return strong_signal_risk(
        counts, sizes, model.group_probabilities, model.dim, residual + model.label_noise_variance
    )


def least_squares(features, labels):
    """Minimum-norm least squares by QR, which keeps the digits that normal equations lose."""
    if features.shape[1] < features.shape[2]:
        q, r = np.linalg.qr(features.mT)
        return (q @ np.linalg.solve(r.mT, labels[..., np.newaxis]))[..., 0]
    q, r = np.linalg.qr(features)
    return np.linalg.solve(r, q.mT @ labels[..., np.newaxis])[..., 0]


@pytest.mark.parametrize(
    ("alone", "probabilities", "counts"),
    [
        ([0, 0, 0], [0.5, 0.2, 0.3], [12, 20, 9]),
        ([3, 1, 2], [0.5, 0.2, 0.3], [12, 20, 9]),
        ([1, 1, 68], [0.5, 0.2, 0.3], [12, 16, 9]),  # more coordinates than samples
        ([1, 0, 0], [0.6, 0.0, 0.4], [17, 0, 13]),  # the coordinates of a group never seen
        ([0, 1, 0], [0.6, 0.0, 0.4], [14, 5, 11]),  # a group that is seen and never tested
    ],
    ids=["signal", "noise alone too", "n < d", "never seen", "never tested"],
)
def test_the_limit_of_strong_signal_is_the_mean_of_simulated_fits(
    agrees, mean_and_sem, alone, probabilities, counts
):
    """Samples drawn one by one, fitted by QR, judged by the quadratic form of the risk."""
    sizes, replicates = [2, 4, 1], 24_000
    model = strong_model(sizes, alone, probabilities, 5)
    rng, b, signal = np.random.default_rng(11), model.coefficients, model.signal_variances
    groups = np.repeat(np.arange(3), counts)
    deviations = np.where(model.block_of == groups[:, np.newaxis], np.sqrt(signal), 0.0)
    risks = []
    for _ in range(replicates // 1000):
        clean = deviations * rng.standard_normal((1000, len(groups), model.dim))
        labels = clean @ b + math.sqrt(0.7) * rng.standard_normal((1000, len(groups)))
        noisy = clean + rng.standard_normal(clean.shape)
        fits = least_squares(noisy, labels)
        p = model.group_probabilities[model.block_of]
        risks.append(np.square(b - fits) @ (p * signal) + np.square(fits).sum(axis=-1) + 0.7)
    assert agrees(*mean_and_sem(np.concatenate(risks)), float(limit_of(model, counts)))


@pytest.mark.parametrize("alone", [[0, 0, 0], [40, 0, 160]])
def test_the_equivalent_has_the_limit_where_blocks_are_large(alone):
    model, counts = strong_model([200, 150, 250], alone, [0.5, 0.2, 0.3], 1), [600, 500, 700]
    limit = float(limit_of(model, counts))
    found = mt.risk(mt.Dense(), model, samples=counts)
    assert abs(found.value - limit) <= found.error <= 0.01 * limit
    assert abs(found.value - limit) <= 0.1 * found.error  # the error is of the leading term's size


@pytest.mark.parametrize("experts", [2, 8, 64])
def test_the_equivalent_has_the_first_terms_of_the_limit_where_blocks_are_small(
    experts, monkeypatch
):
    """Of the risk 5 the equivalent has 3, and the next term is 1, which is limited to 0.95."""
    ones, counts = np.ones(4 * experts), [6] * experts
    block_of = np.repeat(np.arange(experts), 4)
    model = mt.BlockModel(ones[:experts] / experts, block_of, STRONG * ones, ones, 1.0)
    limit = float(limit_of(model, counts))
    assert limit == pytest.approx(5.0 * 4 * experts, rel=1e-14)
    assert leading_excess(model, counts) == pytest.approx(0.6 * limit, rel=1e-4)
    found = mt.risk(mt.Dense(), model, samples=counts)
    assert 0.785 * limit < found.value < 0.795 * limit
    assert abs(found.value - limit) <= found.error
    monkeypatch.setattr(equivalent_correction, "limited", lambda term, _: term)
    assert mt.risk(mt.Dense(), model, samples=counts).value == pytest.approx(0.8 * limit, rel=1e-4)


@pytest.mark.parametrize(
    ("samples", "sizes", "p", "dim", "expected"),
    [
        ([9, 9], [4, 4], [0.5, 0.5], 8, 2.0),
        ([9, 5], [4, 4], [0.5, 0.5], 8, math.inf),  # as many samples as coordinates, and one
        ([9, 4], [4, 4], [0.5, 0.5], 8, math.inf),
        ([9, 0], [4, 4], [0.5, 0.5], 8, math.inf),  # a group that is tested and never seen
        ([9, 4], [4, 4], [1.0, 0.0], 8, 2.0),  # a group that is never tested
        ([9, 0], [4, 4], [1.0, 0.0], 4, 2.0),
        ([9, 0], [4, 2], [1.0, 0.0], 6, 2.0 * 4 / 2),  # unseen coordinates are noise alone
        ([9, 1], [4, 0], [0.5, 0.5], 4, 1.5),  # a group without signal
        ([9, 0], [4, 0], [0.5, 0.5], 4, 1.5),
        ([9, 9], [4, 4], [0.5, 0.5], 9, 2.0 * 9 / 8),
        ([9, 9], [4, 4], [0.5, 0.5], 17, math.inf),  # the threshold of dense
        ([9, 9], [4, 4], [0.5, 0.5], 19, math.inf),
        ([9, 9], [4, 4], [0.5, 0.5], 20, 2.0 * 11 / 1),
        ([2**50, 2**50], [4, 4], [0.5, 0.5], 8, 1.0),
    ],
)
def test_edges_of_the_limit_of_strong_signal(samples, sizes, p, dim, expected):
    found = strong_signal_risk(samples, sizes, p, dim, 1.7)
    assert found == pytest.approx(1.7 * expected, rel=1e-13)


def test_limits_of_strong_signal_broadcast():
    samples = np.array([[12, 20, 9], [5, 9, 30]])[:, np.newaxis]  # (2, 1, 3)
    sizes, dims = np.array([2, 4, 1]), np.array([7, 9, 60, 41])
    table = strong_signal_risk(samples, sizes, [0.5, 0.2, 0.3], dims, 1.7)
    assert table.shape == (2, 4)
    for i in range(2):
        for j, dim in enumerate(dims):
            alone = strong_signal_risk(samples[i, 0], sizes, [0.5, 0.2, 0.3], dim, 1.7)
            assert table[i, j] == alone


# --- the rate of dense -------------------------------------------------------------------------


def world(seed, leakage=0.2, label_noise=0.3):
    """A random model with unequal, interleaved blocks."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, rng.integers(2, 5))
    d, p = sizes.sum(), 0.3 + rng.random(len(sizes))
    return mt.BlockModel(
        p / p.sum(),
        rng.permutation(np.repeat(np.arange(len(sizes)), sizes)),
        0.3 + 2.0 * rng.random(d),
        rng.standard_normal(d),
        0.2 + rng.random(),
        leakage_variances=leakage * (0.2 + rng.random(d)) if leakage else 0.0,
        label_noise_variance=label_noise,
    )


def matrix_rate(model, times, seed):
    """tr(H⁻¹J) with full matrices in a basis that is no eigenbasis."""
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((model.dim, model.dim)))[0]
    p, b = model.group_probabilities, turn @ model.coefficients
    clean, noise = (
        np.array([turn @ np.diag(diagonal) @ turn.T for diagonal in each])
        for each in variances(model)
    )
    h = np.tensordot(p, clean + noise, 1)
    best = np.linalg.solve(h, np.tensordot(p, clean, 1) @ b)
    j = 0.0
    for q, c, n in zip(p, clean, noise, strict=True):
        risk = (b - best) @ c @ (b - best) + best @ n @ best + model.label_noise_variance
        pull = c @ b - (c + n) @ best  # CΔ
        j = j + q * (risk * (c + n) + times * np.outer(pull, pull))
    return np.trace(np.linalg.solve(h, j))


@pytest.mark.parametrize(("counts", "times"), [("fixed", 1.0), ("multinomial", 2.0)])
@pytest.mark.parametrize("leakage", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_the_rate_of_dense_is_a_trace_of_full_matrices(seed, leakage, counts, times):
    model = world(seed, leakage, label_noise=0.3 * (seed % 2))
    expected = matrix_rate(model, times, seed)
    assert excess_rate(mt.Dense(), model, counts) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("counts", "times"), [("fixed", 1.0), ("multinomial", 2.0)])
@pytest.mark.parametrize("name", GENERAL)
def test_the_rate_of_dense_is_this_trace_for_noise_in_general(name, counts, times):
    expected = matrix_rate(GENERAL[name], times, seed=4)
    assert excess_rate(mt.Dense(), GENERAL[name], counts) == pytest.approx(expected, rel=1e-11)


def rates_at(estimator, model, n):
    return n * (mt.risk(estimator, model, samples=n).excess - mt.risk(estimator, model).excess)


@pytest.mark.parametrize("estimator", [mt.Dense(), mt.MoE()])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_is_left_of_the_risk_at_many_samples(seed, estimator):
    model = world(seed)
    rate = excess_rate(estimator, model)
    assert rates_at(estimator, model, 10**6) == pytest.approx(rate, rel=1e-3)
    if estimator == mt.Dense():
        assert excess_rate(estimator, model, "multinomial") > 1.01 * rate
    else:
        assert excess_rate(estimator, model, "multinomial") == rate


def test_the_rate_of_counts_that_are_drawn_is_the_mean_over_their_law():
    """Two groups: an exact sum over binomial counts of the risks at fixed counts."""
    model = mt.BlockModel(
        [0.35, 0.65],
        [0, 1, 0, 1, 1],
        [2.0, 1.0, 0.5, 1.5, 0.7],
        [1.0, -1.0, 0.7, 0.5, 2.0],
        0.4,
        leakage_variances=[0.1, 0.0, 0.2, 0.3, 0.1],
        label_noise_variance=0.1,
    )
    n, p = 40_000, 0.35
    centre, width = round(n * p), round(7 * math.sqrt(n * p * (1 - p)))
    at = np.arange(centre - width, centre + width + 1, width // 80)
    risks = [mt.risk(mt.Dense(), model, samples=[k, n - k]).excess for k in at.tolist()]
    chances = np.exp(
        special.gammaln(n + 1)
        - special.gammaln(at + 1)
        - special.gammaln(n - at + 1)
        + at * math.log(p)
        + (n - at) * math.log(1 - p)
    )
    # a trapezoidal sum of a bell over 160 points is the sum over all of them
    mean = chances @ risks / chances.sum()
    rate = n * (mean - mt.risk(mt.Dense(), model).excess)
    assert rate == pytest.approx(excess_rate(mt.Dense(), model, "multinomial"), rel=1e-3)
    assert rate > 1.02 * excess_rate(mt.Dense(), model)


@pytest.mark.slow
@pytest.mark.parametrize("counts", ["fixed", "multinomial"])
def test_the_rate_of_dense_is_that_of_simulated_fits(agrees, mean_and_sem, counts):
    """Wishart matrices by Bartlett stand for 20 000 samples each."""
    model = mt.BlockModel(
        [0.35, 0.65], [0, 1, 1], [2.0, 1.0, 1.5], [1.0, -1.0, 0.7], 0.4, leakage_variances=0.1
    )
    rng, n, sets, d = np.random.default_rng(7), 20_000, 400_000, 3
    p, b, noise = model.group_probabilities, model.coefficients, model.noise_variance
    drawn = (
        np.round(n * p) * np.ones((sets, 1)) if counts == "fixed" else rng.multinomial(n, p, sets)
    )
    gram, right, clean = 0.0, 0.0, []
    for g in range(2):
        s = np.where(model.block_of == g, model.signal_variances, 0.1)
        c, best = s + noise, b * s / (s + noise)
        half = np.tril(rng.standard_normal((sets, d, d)), -1)
        half[:, range(d), range(d)] = np.sqrt(rng.chisquare(drawn[:, g, np.newaxis] - np.arange(d)))
        half *= np.sqrt(c)[:, np.newaxis]
        residual = rng.standard_normal((sets, d)) * math.sqrt((b * b * s * noise / c).sum())
        own = half @ half.mT
        gram, right = gram + own, right + (own @ best) + (half @ residual[..., np.newaxis])[..., 0]
        clean.append(s)
    fit = np.linalg.solve(gram, right[..., np.newaxis])[..., 0]
    # the excess over the optimum is a quadratic form in the distance to it
    h = p @ np.array(clean)
    over = np.square(fit - b * h / (h + noise)) @ (h + noise)
    mean, sem, made = mean_and_sem(n * over)
    assert agrees(mean, sem, made, excess_rate(mt.Dense(), model, counts))


def test_groups_that_are_never_drawn_have_no_rate():
    model = mt.BlockModel([0.0, 1.0], [0, 1], [1.0, 1.0], [5.0, 1.0], 0.5)
    alone = mt.BlockModel([1.0], [0], [1.0], [1.0], 0.5)
    assert excess_rate(mt.MoE(), model) == pytest.approx(excess_rate(mt.MoE(), alone), rel=1e-14)


def test_directions_without_variance_cost_nothing():
    """One group, no noise in the features: d directions of label noise, one of them dead."""
    model = mt.BlockModel([1.0], [0] * 3, [1.0, 0.0, 4.0], [1.0] * 3, 0.0, label_noise_variance=0.3)
    for estimator in (mt.Dense(), mt.MoE()):
        assert excess_rate(estimator, model) == pytest.approx(0.6, rel=1e-14)


def test_a_rate_takes_no_ridge_and_two_kinds_of_counts():
    model = world(0)
    with pytest.raises(mt.NoClosedForm, match=r"Dense\(ridge=0.1\) is known without ridge"):
        excess_rate(mt.Dense(ridge=0.1), model)
    for counts in ("Fixed", None, 3):
        with pytest.raises(ValueError, match='counts must be "fixed" or "multinomial", got'):
            excess_rate(mt.Dense(), model, counts)
    with pytest.raises(ValueError, match="estimator must be"):
        excess_rate("dense", model)
