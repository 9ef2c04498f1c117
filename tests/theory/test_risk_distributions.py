"""The law of the risk: against formulas, sampling, the plain experiment; and its bound."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import special, stats

from general_noise import LEAKING, variances
from moetheory import BlockModel, Dense, MoE, NoClosedForm
from moetheory.formulas import finite
from moetheory.predictors.expert_regressions import Regressions
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution

QUANTILES = [1e-3, 0.05, 0.5, 0.95, 1 - 1e-4]
LIMIT = stats.kstwobign.isf(1e-6)  # of Kolmogorov's distance times √n


def distance(draws, cdf, places=9):
    """Kolmogorov's distance, looked at in some places (so no larger than the full one)."""
    n = len(draws)
    ranks = np.linspace(0.02, 0.98, places)
    return np.max(np.abs(cdf(np.sort(draws)[(ranks * n).astype(int)]) - ranks))


def isotropic(sizes, noise=0.5, seed=0, **changes):
    """Blocks of the given sizes, each isotropic, otherwise unequal."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 9, len(sizes)).astype(float)
    block_of = np.repeat(np.arange(len(sizes)), sizes)
    return BlockModel(
        weights / weights.sum(),
        block_of,
        (0.5 + rng.random(len(sizes)))[block_of],
        rng.standard_normal(sum(sizes)),
        noise,
        **changes,
    )


@pytest.fixture(scope="module")
def mixed():
    """Every kind of expert: more and fewer samples than coordinates, and none."""
    return risk_distribution(
        MoE(), isotropic([4, 6, 9, 3], label_noise_variance=0.1), [12, 15, 4, 0]
    )


@pytest.fixture(scope="module")
def plain(generic):
    """Two quantiles of the same blocks, whose units are those of others."""
    return risk_distribution(MoE(), generic(), [6, 20, 9]).quantile([0.01, 0.99])


def test_one_expert_is_the_f_law(generic):
    law = risk_distribution(MoE(), generic(), [6, 20, 9])
    r = Regressions.of(generic(), [6, 20, 9])
    for g, expert in enumerate(law.experts):
        s, nu = int(r.sizes[g]), int(r.counts[g] - r.sizes[g] + 1)
        assert expert.error == 0.0
        for q in (1e-9, *QUANTILES):
            f = special.fdtri(s, nu, q)
            x = r.residual[g] * (1 + s / nu * f)
            assert expert.quantile(q) == pytest.approx(x, rel=1e-9)
            assert expert.cdf(x) == pytest.approx(special.fdtr(s, nu, f), rel=1e-7)
            assert expert.sf(x) == pytest.approx(special.fdtrc(s, nu, f), rel=1e-9)


@pytest.mark.parametrize("counts", [[6, 20, 9], [5, 9, 7], [40, 30, 50]])
def test_mean_is_the_exact_formula(generic, counts):
    model = generic(label_noise_variance=0.3)
    r = Regressions.of(model, counts)
    each = r.residual + finite.estimation_cost(r.counts, r.sizes, r.residual, r.energy)
    law = risk_distribution(MoE(), model, counts)
    assert law.mean == pytest.approx(model.group_probabilities @ each, rel=1e-13)
    np.testing.assert_allclose([e.mean for e in law.experts], each, rtol=1e-13)


def test_the_law_for_noise_in_general():
    """ρ (1 + χ²/χ²) with ρ = Σ λn/(λ+n) b² + leakage: no expert sees interference."""
    counts, p = np.array([7, 30, 12]), LEAKING.group_probabilities
    clean, noise = variances(LEAKING)
    own = LEAKING.block_of == np.arange(3)[:, np.newaxis]
    lost = np.where(own, clean * noise / (clean + noise), clean)
    rho = lost @ LEAKING.coefficients**2 + LEAKING.label_noise_variance
    law = risk_distribution(MoE(), LEAKING, counts)
    s, nu = LEAKING.sizes, counts - LEAKING.sizes + 1
    for expert, each in zip(law.experts, zip(rho, s, nu, strict=True), strict=True):
        residual, first, second = each
        x = residual * (1 + first / second * special.fdtri(first, second, 0.9))
        assert expert.quantile(0.9) == pytest.approx(x, rel=1e-9)
    assert law.mean == pytest.approx(p @ (rho * (1 + s / (nu - 2))), rel=1e-12)
    silent = LEAKING.replace(interference_variances=0.0)
    assert risk_distribution(MoE(), silent, counts).quantile(0.9) == law.quantile(0.9)
    bounds = [high_probability_bound(each, counts, 0.1).value for each in (LEAKING, silent)]
    assert bounds[0] == bounds[1]


@pytest.mark.parametrize("counts", [[12, 15, 4, 0], [9, 3, 20, 1], [1, 2, 3, 1]])
def test_mean_is_the_exact_formula_with_too_few_samples(counts):
    model = isotropic([4, 6, 9, 4])
    r = Regressions.of(model, counts)
    each = r.residual + finite.estimation_cost(r.counts, r.sizes, r.residual, r.energy)
    law = risk_distribution(MoE(), model, counts)
    assert law.mean == pytest.approx(model.group_probabilities @ each, rel=1e-13)


def test_mean_and_spread_of_samples(mixed, agrees):
    x = risk_distribution(MoE(), isotropic([4, 6, 9, 3]), [25, 30, 30, 0]).sample(200_000, 1)
    law = risk_distribution(MoE(), isotropic([4, 6, 9, 3]), [25, 30, 30, 0])
    n = len(x)
    assert agrees(x.mean(), x.std() / math.sqrt(n), n, law.mean)
    squares = (x - law.mean) ** 2
    assert abs(squares.mean() - law.std**2) < 5.5 * squares.std() / math.sqrt(n) < 0.1 * law.std**2


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [([4, 6, 9, 3], [12, 15, 4, 0]), ([3, 5], [3, 6]), ([8, 9, 10], [3, 4, 2]), ([7], [4])],
)
def test_samples_follow_the_law_and_not_one_five_percent_off(sizes, counts):
    law = risk_distribution(MoE(), isotropic(sizes), counts)
    draws = law.sample(100_000, 2)
    assert distance(draws, law.cdf) < LIMIT / math.sqrt(len(draws))
    off = law.lower + 1.05 * (draws - law.lower)
    assert distance(off, law.cdf, 3) > LIMIT / math.sqrt(len(draws))


def test_the_plain_experiment_follows_the_law():
    """Draw, fit by lstsq, measure on the population: shares nothing with the code it tests."""
    model, counts = isotropic([3, 6]), (8, 4)
    rng = np.random.default_rng(3)
    risks = []
    for _ in range(3000):
        total = 0.0
        for g, n in enumerate(counts):
            own = model.block_of == g
            clean = rng.standard_normal((n, own.sum())) * np.sqrt(model.signal_variances[own])
            noisy = clean + math.sqrt(model.noise_variance) * rng.standard_normal(clean.shape)
            b = model.coefficients[own]
            fit = np.linalg.lstsq(noisy, clean @ b, rcond=None)[0]
            lost = model.signal_variances[own] @ (fit - b) ** 2 + model.noise_variance * fit @ fit
            total += model.group_probabilities[g] * lost
        risks.append(total)
    law = risk_distribution(MoE(), model, counts)
    assert distance(np.array(risks), law.cdf) < LIMIT / math.sqrt(len(risks))


def test_quantile_and_cdf_undo_each_other(mixed):
    values = mixed.quantile(QUANTILES[::2])
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(mixed.cdf(values), QUANTILES[::2], rtol=1e-8)
    np.testing.assert_allclose(mixed.sf(values), 1 - np.array(QUANTILES[::2]), rtol=1e-7)
    assert mixed.error == 1e-10
    grid = mixed.lower + np.geomspace(1e-4, 1e4, 9)
    assert np.all(np.diff(mixed.cdf(grid)) >= -2.0 * mixed.error)


@pytest.mark.parametrize("counts", [[9, 8, 2], [0, 0, 2], [0, 0, 20]])
def test_laws_are_monotone_within_their_error_also_where_they_are_flat(counts):
    law = risk_distribution(MoE(), isotropic([3, 5, 4]), counts)
    slack = 2.0 * law.error or 1e-12  # rounding
    x = law.quantile(1 - 1e-9) * (1.0 + 1e-15 * np.arange(20))
    below, above = law.cdf(x), law.sf(x)
    assert np.all((np.diff(below) >= -slack) & (np.diff(above) <= slack))
    assert np.all((below <= 1.0) & (above <= 1.0))
    # on both sides of the median quantiles are found from different tails
    low, *around, high = law.quantile([0.4, 0.5 - 1e-12, 0.5, 0.5 + 1e-12, 0.6])
    known = 2e-10 * (high - law.lower) + 2.0 * law.error * (high - low) / 0.2
    assert np.all(np.diff(around) >= -known)


def test_ends_of_the_support(mixed):
    assert mixed.quantile(0) == mixed.lower
    assert mixed.quantile(1) == mixed.upper == math.inf
    assert mixed.cdf(mixed.lower) == mixed.cdf(-math.inf) == 0.0
    assert mixed.cdf(math.inf) == 1.0
    assert isinstance(mixed.quantile(0.5), float)
    assert isinstance(mixed.cdf(1), float)
    assert mixed.cdf([[0.0, 1e9]]).shape == (1, 2)


@pytest.mark.parametrize("excess", [0, 1, 2, 3])
def test_heavy_tails(excess):
    """ν = 1, 2, 3: no mean; beyond every bulk one big term does it, P ~ K P(a R > x)."""
    model = BlockModel.isotropic(20, 4, noise_variance=1.0, signal_energy=20.0)
    counts = [5 + excess] * 4
    law = risk_distribution(MoE(), model, counts)
    assert (law.mean == math.inf) == (excess < 2)
    assert (law.std == math.inf) == (excess < 4)
    x = law.quantile(1 - 1e-8)
    scale = law.lower / 4
    one = special.fdtrc(5, 1 + excess, (x - law.lower) / scale * (1 + excess) / 5)
    # what the other terms add to x is what is missing
    assert 1e-8 / (4 * one) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_scales_do_not_matter(unit, generic, plain):
    model = generic().replace(coefficients=generic().coefficients * math.sqrt(unit))
    scaled = risk_distribution(MoE(), model, [6, 20, 9])
    np.testing.assert_allclose(scaled.quantile([0.01, 0.99]), unit * plain, rtol=1e-9)


def test_experts_of_very_different_weight():
    model = BlockModel([0.5, 0.5], [0, 0, 1, 1, 1], [1.0] * 5, [1e6, 1e6, 1e-6, 1e-6, 1e-6], 1.0)
    law = risk_distribution(MoE(), model, [5, 9])
    big = law.experts[0]
    np.testing.assert_allclose(
        law.quantile([0.01, 0.99]), big.quantile([0.01, 0.99]) / 2, rtol=1e-9
    )


def test_many_identical_experts_are_nearly_normal():
    model = BlockModel.isotropic(2560, 256, noise_variance=1.0, signal_energy=2560.0)
    law = risk_distribution(MoE(), model, 256 * 60)
    z = (law.quantile([0.05, 0.5, 0.95]) - law.mean) / law.std
    np.testing.assert_allclose(z, stats.norm.ppf([0.05, 0.5, 0.95]), atol=0.05)


def test_many_different_experts():
    rng = np.random.default_rng(5)
    sizes = rng.integers(2, 12, 64)
    law = risk_distribution(MoE(), isotropic(sizes.tolist()), sizes + rng.integers(1, 20, 64))
    x = np.median(law.sample(40_000, 6))
    assert law.cdf(x) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(40_000))


def test_constants():
    model = isotropic([3, 2], noise=0.0)  # no noise, enough samples: nothing is left to lose
    law = risk_distribution(MoE(), model, [5, 5])
    assert (law.mean, law.std, law.error, law.quantile(0.3)) == (0.0, 0.0, 0.0, 0.0)
    law = risk_distribution(MoE(), isotropic([3, 2]), [0, 4])
    null = law.experts[0]
    assert null.std == 0.0
    assert null.quantile([0, 0.5, 1]).tolist() == [null.mean] * 3
    below, above = np.nextafter(null.mean, [0.0, 9.0])
    assert null.cdf([below, null.mean, above]).tolist() == [0.0, 1.0, 1.0]
    assert null.sample(3, 0).tolist() == [null.mean] * 3


def test_without_residual_only_the_beta_law_is_left():
    law = risk_distribution(MoE(), isotropic([6], noise=0.0), [2])
    assert math.isfinite(law.mean)
    assert law.upper < math.inf
    b = stats.beta(2, 1)
    for q in (0.0, 0.01, 0.5, 0.99, 1.0):
        assert law.quantile(q) == pytest.approx(law.upper * b.ppf(q))
    assert law.std == pytest.approx(law.upper * b.std())
    assert law.cdf(0.3 * law.upper) == pytest.approx(b.cdf(0.3))


def test_groups_that_never_occur_do_not_count():
    model = isotropic([3, 4, 5])
    p = np.array([0.4, 0.6])
    with_empty = model.replace(group_probabilities=[0.4, 0.6, 0.0])
    law = risk_distribution(MoE(), with_empty, [9, 9, 5])
    parts = law.experts
    assert law.lower == pytest.approx(p @ [parts[0].lower, parts[1].lower])
    assert math.isfinite(law.mean)
    assert parts[2].mean == math.inf


def test_a_group_that_never_occurs_may_have_no_closed_form(generic):
    model = generic().replace(group_probabilities=[0.4, 0.6, 0.0])
    law = risk_distribution(MoE(), model, [9, 9, 2])
    assert 0.0 < law.cdf(law.mean) < 1.0
    with pytest.raises(NoClosedForm, match="expert 2"):
        _ = law.experts
    bound = high_probability_bound(model, [9, 9, 2], 0.1)
    assert math.isfinite(bound.value)
    assert bound.per_group[2] == math.inf


def test_one_group_makes_dense_the_same_estimator():
    model = isotropic([5])
    dense, moe = (risk_distribution(e, model, 9) for e in (Dense(), MoE()))
    assert dense.quantile(0.9) == moe.quantile(0.9)


@pytest.mark.parametrize(
    ("estimator", "counts", "message"),
    [
        (Dense(), [9, 9, 9], r"dense on 3 groups .* call simulate\(Dense\(ridge=0.0\), model"),
        (MoE(ridge=0.5), [9, 9, 9], r"ridge=0.5; call simulate\(MoE\("),
        (MoE(), [9, 2, 9], r"expert 1 has no closed form: n_g=2 .* s_g=4 .* simulate\(MoE"),
    ],
)
def test_what_has_no_closed_form_says_what_to_call(generic, estimator, counts, message):
    with pytest.raises(NoClosedForm, match=message):
        risk_distribution(estimator, generic(), counts)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda law: law.quantile(1.5), "q must be between 0 and 1, got 1.5"),
        (lambda law: law.quantile([0.5, -0.1]), "q must be between 0 and 1, got -0.1"),
        (lambda law: law.quantile(math.nan), "q must not be NaN"),
        (lambda law: law.quantile("a"), "q must hold real numbers"),
        (lambda law: law.cdf(math.nan), "x must not be NaN"),
        (lambda law: law.sf(None), "x must hold real numbers"),
        (lambda law: law.sample(1.5), "size must be an integer"),
        (lambda law: law.sample(-1), "size must be at least 0"),
    ],
)
def test_bad_arguments(mixed, call, message):
    with pytest.raises(ValueError, match=message):
        call(mixed)


@hypothesis_settings(max_examples=15)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    more=st.lists(st.integers(0, 15), min_size=3, max_size=3),
    q=st.floats(1e-3, 1 - 1e-4),
    noise=st.sampled_from([2.0**-20, 1.0, 2.0**10]),
)
def test_quantiles_are_roots_of_the_distribution_function(sizes, more, q, noise):
    counts = [s + m for s, m in zip(sizes, more, strict=False)]
    law = risk_distribution(MoE(), isotropic(sizes, noise=noise), counts)
    x = law.quantile(q)
    assert law.lower < x < law.upper
    assert law.cdf(x) == pytest.approx(q, rel=1e-6)


def test_the_far_tail_of_a_sum_is_refused_and_that_of_an_expert_is_not():
    model = BlockModel([0.5, 0.5], [0, 0, 1, 1], [1.0] * 4, [1.0] * 4, 1.0)
    law = risk_distribution(MoE(), model, 20)
    with pytest.raises(ArithmeticError, match=r"not known below 1e-11, got 1\.1e-16"):
        law.quantile(1 - 2**-53)
    assert law.sf(law.quantile(1 - 1e-10)) == pytest.approx(1e-10, rel=0.02)
    expert = law.experts[0]
    assert expert.sf(expert.quantile(1 - 2**-53)) == pytest.approx(2**-53, rel=1e-6)


@pytest.mark.parametrize("experts", [1, 4])
@pytest.mark.parametrize(("unit", "samples"), [(1.0, 80), (1e-38, 80), (1.0, 4), (1e-38, 4)])
def test_far_beyond_its_scale_a_law_ends(experts, unit, samples):
    model = BlockModel.isotropic(8, experts, unit, signal_energy=8.0 * unit, label_power=unit)
    law = risk_distribution(MoE(), model, samples)
    for x in (1e60, 1e200, 1e300, 1.7e308, math.inf):
        assert law.cdf(x) == pytest.approx(1.0, abs=1e-12)
        assert 0.0 <= law.sf(x) <= 1e-12
