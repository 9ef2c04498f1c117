"""Estimators fitted on training sets: the exact laws, and the plain way on other draws."""

import math

import numpy as np
import pytest
from scipy import special

import moetheory as mt
from moetheory.common.seeding import stream
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods.data import DataRoute

RIDGE = 0.3


@pytest.fixture(scope="module")
def small():
    """Two unequal, anisotropic blocks; leakage and label noise."""

    def make(sizes, **changes):
        dim = sum(sizes)
        ranks = np.arange(1.0, dim + 1)
        model = mt.BlockModel(
            [0.35, 0.65],
            np.repeat([0, 1], sizes),
            1.0 + 2.0 / ranks,
            np.cos(ranks) + 0.3,
            0.4,
            leakage_variances=0.1 + 0.05 * np.sin(ranks),
            label_noise_variance=0.3,
        )
        return model.replace(**changes)

    return make


def residual_variances(model):
    """The residual variance of each expert, theory.md §1."""
    b2, signal, noise = model.coefficients**2, model.signal_variances, model.noise_variance
    on = np.bincount(model.block_of, b2 * signal * noise / (signal + noise))
    leaked = b2 * model.leakage_variances
    return on + leaked.sum() - np.bincount(model.block_of, leaked) + model.label_noise_variance


def null_risks(model):
    """The risk of predicting zero given the group."""
    b2 = model.coefficients**2
    leaked = b2 * model.leakage_variances
    on = np.bincount(model.block_of, b2 * model.signal_variances)
    return on + leaked.sum() - np.bincount(model.block_of, leaked) + model.label_noise_variance


def only(model, group):
    """Counts stay what they are; only the risk in this group is reported."""
    return model.replace(group_probabilities=np.eye(model.experts)[group])


# --- the plain way -----------------------------------------------------------------------------


def plain_risks(model, counts, replicates, seed):
    """Draw, fit by normal equations, and expand E(f - y)² with full matrices."""
    rng = np.random.default_rng(seed)
    d, b, noise = model.dim, model.coefficients, model.noise_variance
    xs, ys, covariances = [], [], []
    for g, n in enumerate(counts):
        diagonal = np.where(model.block_of == g, model.signal_variances, model.leakage_variances)
        clean = rng.normal(0.0, np.sqrt(diagonal), (replicates, n, d))
        ys.append(
            clean @ b + rng.normal(0.0, math.sqrt(model.label_noise_variance), clean.shape[:2])
        )
        xs.append(clean + rng.normal(0.0, math.sqrt(noise), clean.shape))
        covariances.append(np.diag(diagonal))

    def least(x, y):
        if x.shape[1] > x.shape[2]:
            return np.linalg.solve(x.mT @ x, x.mT @ y[..., None])[..., 0]
        return (x.mT @ np.linalg.solve(x @ x.mT, y[..., None]))[..., 0]

    def ridge(x, y):
        moment = x.mT @ x / x.shape[1] + RIDGE * np.eye(x.shape[2])
        return (np.linalg.inv(moment) @ (x.mT @ y[..., None] / x.shape[1]))[..., 0]

    def risk(fit, g):
        clean = covariances[g]
        quadratic = np.einsum("ri,ij,rj->r", fit, clean + noise * np.eye(d), fit)
        return quadratic - 2 * fit @ clean @ b + b @ clean @ b + model.label_noise_variance

    def expert(fit, g):
        padded = np.zeros((replicates, d))
        own = np.flatnonzero(model.block_of == g)
        padded[:, own] = fit(xs[g][:, :, own], ys[g])
        return padded

    p, groups = model.group_probabilities, range(model.experts)
    for fit in (least, ridge):
        whole = fit(np.concatenate(xs, axis=1), np.concatenate(ys, axis=1))
        yield sum(p[g] * risk(whole, g) for g in groups)
        yield sum(p[g] * risk(expert(fit, g), g) for g in groups)


@pytest.mark.parametrize(
    ("sizes", "counts", "p", "replicates"),
    [
        ((2, 3), (12, 17), 0.35, 22_000),
        ((6, 8), (1, 2), 0.35, 36_000),
    ],
)
def test_simulation_agrees_with_the_plain_way(
    small, agrees, mean_and_sem, sizes, counts, p, replicates
):
    """More samples than coordinates, fewer, and both at once."""
    model = small(sizes, group_probabilities=[p, 1 - p])
    estimators = [mt.Dense(), mt.MoE(), mt.Dense(ridge=RIDGE), mt.MoE(ridge=RIDGE)]
    estimates = mt.simulate(estimators, model, samples=counts, replicates=replicates, rng=31)
    for estimate, risks in zip(estimates, plain_risks(model, counts, replicates, 32), strict=True):
        mean, sem, n = mean_and_sem(risks)
        assert agrees(estimate.mean, math.hypot(estimate.sem, sem), n, mean)


# --- exact laws of an expert -------------------------------------------------------------------

ABOVE = np.array([14, 40, 17])  # for the blocks of 2, 4 and 3 coordinates of `generic`


@pytest.fixture(scope="module")
def leaky(generic):
    return generic(leakage_variances=np.linspace(0.3, 0.1, 9), label_noise_variance=0.2)


def test_above_the_threshold_the_mean_is_that_of_the_exact_law(leaky, agrees):
    """Every group by itself, and together; any covariance, leakage and label noise inside."""
    n, s = ABOVE, leaky.sizes
    exact = residual_variances(leaky) * (n - 1) / (n - s - 1)
    whole = mt.simulate(mt.MoE(), leaky, samples=n, replicates=20_000, rng=41)
    assert agrees(whole.mean, whole.sem, whole.replicates, leaky.group_probabilities @ exact)
    for g in range(leaky.experts):
        part = mt.simulate(mt.MoE(), only(leaky, g), samples=n, replicates=20_000, rng=41)
        assert agrees(part.mean, part.sem, part.replicates, exact[g])
        assert part.mean == pytest.approx(whole.per_group[g], rel=1e-12)


def test_the_yardstick_rejects_a_lost_degree_of_freedom(leaky, agrees):
    wrong = residual_variances(leaky) * ABOVE / (ABOVE - leaky.sizes)
    estimate = mt.simulate(mt.MoE(), leaky, samples=ABOVE, replicates=10_000, rng=41)
    value = leaky.group_probabilities @ wrong
    assert not agrees(estimate.mean, estimate.sem, estimate.replicates, value)


def below_the_threshold(model, counts):
    """Isotropic blocks, n_g < s_g - 1 or n_g = 0."""
    s, rho = model.sizes, residual_variances(model)
    energy = null_risks(model) - rho
    return rho * (1 + counts / (s - counts - 1)) + energy * (1 - counts / s)


@pytest.fixture(scope="module")
def wide(small):
    """Isotropic blocks, unlike each other."""
    return small((8, 10), signal_variances=np.repeat([2.0, 0.9], (8, 10)))


def test_below_the_threshold_the_mean_is_that_of_the_exact_law(wide, agrees):
    counts = np.array([2, 3])
    exact = below_the_threshold(wide, counts)
    for g in range(2):
        part = mt.simulate(mt.MoE(), only(wide, g), samples=counts, replicates=40_000, rng=42)
        assert agrees(part.mean, part.sem, part.replicates, exact[g])


def test_multinomial_counts_average_the_law_over_the_counts(wide, agrees):
    """No threshold within reach: 5 samples for blocks of 8 and 10."""
    n = 5
    counts = np.arange(n + 1)[:, np.newaxis]
    p = wide.group_probabilities
    chances = special.binom(n, counts) * p**counts * (1 - p) ** (n - counts)
    value = p @ (chances * below_the_threshold(wide, counts)).sum(axis=0)
    drawn = mt.simulate(mt.MoE(), wide, samples=n, counts="multinomial", replicates=40_000, rng=43)
    assert agrees(drawn.mean, drawn.sem, drawn.replicates, value)


def test_multinomial_counts_are_drawn_and_fixed_ones_are_not(leaky):
    rng = stream(0, 0)
    for counts, spread in (("fixed", 0.0), ("multinomial", 40 * 0.2 * 0.8)):
        route = DataRoute((leaky,), (mt.MoE(),), counts_of(40, leaky), counts)
        groups = route._draw_groups(rng, 4000)
        first = np.count_nonzero(groups == 0, axis=1)
        assert groups.shape == (4000, 40)
        assert first.mean() == pytest.approx(8, abs=5 * math.sqrt(spread / 4000))
        assert first.var() == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("ridge", [0.0, RIDGE])
def test_an_expert_without_samples_has_the_null_risk_of_its_group(leaky, ridge):
    estimators = [mt.MoE(ridge=ridge), mt.Dense(ridge=ridge)]
    estimates = mt.simulate(estimators, leaky, samples=[0, 20, 0], replicates=5, rng=0)
    null = null_risks(leaky)
    np.testing.assert_allclose(estimates.per_group[0, [0, 2]], null[[0, 2]], rtol=1e-13)
    assert abs(estimates.per_group[0, 1] / null[1] - 1) > 1e-3
    assert np.all(np.abs(estimates.per_group[1] / null - 1) > 1e-3)


@pytest.mark.parametrize("samples", [5, 9])
def test_the_whole_law_of_an_expert_is_a_shifted_f(leaky, samples):
    """risk = ρ(1 + s/ν F(s, ν)), ν = n-s+1: Kolmogorov-Smirnov, also where the mean is infinite."""
    s, rho, replicates = leaky.sizes[1], residual_variances(leaky)[1], 5000
    risks = fitted_risks([mt.MoE()], leaky, [1, samples, 1], replicates=replicates, rng=44)[0, :, 1]
    nu = samples - s + 1
    law = np.sort(special.fdtr(s, nu, (risks / rho - 1) * nu / s))
    steps = np.arange(replicates + 1) / replicates
    distance = max(np.abs(law - steps[1:]).max(), np.abs(law - steps[:-1]).max())
    assert special.kolmogorov(math.sqrt(replicates) * distance) > 1e-4
    off = np.sort(special.fdtr(s, nu + 1, (risks / rho - 1) * (nu + 1) / s))  # must be noticed
    assert special.kolmogorov(math.sqrt(replicates) * np.abs(off - steps[1:]).max()) < 1e-6


# --- what must not matter, and edges -----------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.0, RIDGE])
@pytest.mark.parametrize("samples", [2, 14, 30])
def test_with_one_expert_dense_and_moe_are_the_same_estimator(ridge, samples):
    model = mt.BlockModel.power_law(8, 1, 0.5, decay=1.0, label_noise_variance=0.1)
    estimators = [mt.Dense(ridge=ridge), mt.MoE(ridge=ridge)]
    dense, moe = mt.simulate(estimators, model, samples=samples, replicates=50, rng=0)
    assert dense.mean == pytest.approx(moe.mean, rel=1e-12)
    assert dense.per_group == pytest.approx(moe.per_group, rel=1e-12)


def test_permuted_groups_and_interleaved_blocks_have_the_same_law(leaky, agrees):
    order, relabel = np.array([3, 8, 0, 5, 7, 1, 4, 2, 6]), np.array([2, 0, 1])
    back = np.argsort(relabel)
    permuted = leaky.replace(
        group_probabilities=leaky.group_probabilities[back],
        block_of=relabel[leaky.block_of[order]],
        signal_variances=leaky.signal_variances[order],
        leakage_variances=leaky.leakage_variances[order],
        coefficients=leaky.coefficients[order],
    )
    both = [mt.Dense(), mt.MoE()]
    here = mt.simulate(both, leaky, samples=ABOVE, replicates=8000, rng=45)
    there = mt.simulate(both, permuted, samples=ABOVE[back], replicates=8000, rng=46)
    for a, b in zip(here, there, strict=True):
        assert agrees(a.mean, math.hypot(a.sem, b.sem), a.replicates, b.mean)
        np.testing.assert_allclose(a.per_group, b.per_group[relabel], rtol=0.05)


def test_the_risks_of_the_replicates_average_to_the_estimate(leaky):
    estimators = [mt.Dense(), mt.MoE(ridge=RIDGE)]
    for counts in ("fixed", "multinomial"):
        arguments = {"counts": counts, "replicates": 700, "rng": 5}
        for method, shared in ((None, np.eye(2)), ("data", np.ones((2, 2)))):
            arguments["method"] = method
            risks = fitted_risks(estimators, leaky, 40, **arguments) @ leaky.group_probabilities
            estimates = mt.simulate(estimators, leaky, samples=40, **arguments)
            assert risks.shape == (2, 700)
            np.testing.assert_allclose(estimates.means, risks.mean(axis=1), rtol=1e-12)
            observed = np.cov(risks) / 700 * shared
            np.testing.assert_allclose(estimates.covariance, observed, rtol=1e-9)
        weighted = estimates.per_group @ leaky.group_probabilities
        np.testing.assert_allclose(estimates.means, weighted, rtol=1e-12)


def test_a_paired_difference_is_sharper_than_two_runs(leaky):
    runs = mt.simulate([mt.Dense(), mt.Dense(ridge=0.01)], leaky, samples=60, rng=0)
    assert runs.difference(0, 1).sem < 0.3 * math.hypot(runs[0].sem, runs[1].sem)


@pytest.mark.parametrize("samples", [1, 4, 9, 10, 40, [0, 3, 30], [2, 4, 3]])
@pytest.mark.parametrize("ridge", [0.0, RIDGE])
def test_directions_without_any_variance_are_left_alone(generic, samples, ridge):
    """No noise and two dead coordinates: rank deficient whatever the samples."""
    signal = generic().signal_variances.copy()
    signal[[0, 4]] = 0.0
    model = generic(0.0).replace(signal_variances=signal)
    estimators = [mt.Dense(ridge=ridge), mt.MoE(ridge=ridge)]
    estimates = mt.simulate(estimators, model, samples=samples, replicates=20, rng=0)
    assert np.all(estimates.means <= 20 * model.null_risk)
    plenty = np.all(np.asarray(samples) >= 40)
    if plenty and not ridge:
        assert np.all(estimates.means < 1e-25)


@pytest.mark.filterwarnings("ignore:.*infinite:moetheory.common.errors.HeavyTailWarning")
@pytest.mark.parametrize("noise_variance", [1e-11, 1e11])
@pytest.mark.parametrize("samples", [12, 60])
def test_extreme_noise_leaves_finite_risks_in_their_range(generic, noise_variance, samples):
    model = generic(noise_variance)
    moe = mt.simulate(mt.MoE(), model, samples=samples, replicates=50, rng=0)
    low, high = residual_variances(model), null_risks(model)
    assert np.all(moe.per_group >= low * (1 - 1e-12))
    if samples == 60:
        exact = low * (np.array([12, 30, 18]) - 1) / (np.array([12, 30, 18]) - model.sizes - 1)
        np.testing.assert_allclose(moe.per_group, exact, rtol=0.4)
    else:
        assert np.all(np.isfinite(moe.per_group / high))


def test_risks_of_replicates_take_the_same_arguments_as_simulate(leaky):
    for arguments, message in (
        ({"samples": None}, "samples must be an integer, got None"),
        ({"samples": 9, "counts": "other"}, "counts must be"),
        ({"samples": 9, "estimators": []}, "at least one estimator"),
        ({"samples": 9, "replicates": 0}, "replicates must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted_risks(**{"estimators": [mt.MoE()], "model": leaky, **arguments})
