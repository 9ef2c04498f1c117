"""Risks against exact linear algebra, rational arithmetic and each other."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from general_noise import variances
from moetheory.strategies import block_models


def matrix_risks(p, block_of, clean, noise, beta, ridge=0.0):
    """Excess risks by normal equations on full matrices (K, d, d), per group: (dense, MoE)."""
    penalty = ridge * np.eye(len(beta))

    def excess(weights, g):
        missed = beta - weights
        return float(missed @ clean[g] @ missed + weights @ noise[g] @ weights)

    mixture, mean_noise = (np.einsum("g,gij->ij", p, each) for each in (clean, noise))
    dense = np.linalg.solve(mixture + mean_noise + penalty, mixture @ beta)
    experts = []
    for g in range(len(p)):
        own, theta = np.flatnonzero(block_of == g), np.zeros(len(beta))
        seen = (clean[g] + noise[g] + penalty)[np.ix_(own, own)]
        theta[own] = np.linalg.solve(seen, clean[g][own] @ beta)
        experts.append(excess(theta, g))
    return np.array([excess(dense, g) for g in range(len(p))]), np.array(experts)


def turned(model, seed):
    """Matrices of clean features and of noise, and coefficients, each block in another basis."""
    rng, basis = np.random.default_rng(seed), np.zeros((model.dim, model.dim))
    for g, size in enumerate(model.sizes):
        own = np.flatnonzero(model.block_of == g)
        basis[np.ix_(own, own)] = np.linalg.qr(rng.standard_normal((size, size)))[0]
    clean, noise = ([basis @ np.diag(v) @ basis.T for v in each] for each in variances(model))
    return np.array(clean), np.array(noise), basis @ model.coefficients


@pytest.mark.parametrize("ridge", [0.0, 0.7])
@pytest.mark.parametrize("amplitude", [0.0, 0.4])
def test_correlated_blocks_equal_direct_matrix_algebra(ridge, amplitude):
    rng = np.random.default_rng(5)
    sizes, p = (1, 3, 5), np.array([0.15, 0.25, 0.6])
    roots = [rng.standard_normal((s, s + 1)) for s in sizes]
    covariances = [root @ root.T for root in roots]
    betas = [rng.standard_normal(s) for s in sizes]
    model = mt.BlockModel.from_covariances(
        covariances, betas, 0.8, group_probabilities=p, label_noise_variance=0.3
    )
    model = model.replace(leakage_variances=amplitude**2 * model.signal_variances)
    clean = np.zeros((3, 9, 9))
    for g, own in enumerate((slice(1), slice(1, 4), slice(4, 9))):
        clean[:, own, own] = amplitude**2 * covariances[g]
        clean[g, own, own] = covariances[g]
    noise = np.array([0.8 * np.eye(9)] * 3)
    wanted = matrix_risks(p, model.block_of, clean, noise, np.concatenate(betas), ridge)
    require_risks(model, wanted, ridge)


def require_risks(model, wanted, ridge):
    """Risks, and without ridge the gap, are those ``wanted`` to ten digits."""
    p, omega = model.group_probabilities, model.label_noise_variance
    for estimator, groups in zip((mt.Dense(ridge), mt.MoE(ridge=ridge)), wanted, strict=True):
        got = mt.risk(estimator, model)
        np.testing.assert_allclose(got.per_group - omega, groups, rtol=1e-10)
        assert got.excess == pytest.approx(p @ groups, rel=1e-10)
        assert got.value == pytest.approx(p @ groups + omega, rel=1e-10)
    if not ridge:
        assert mt.gap(model) == pytest.approx(p @ (wanted[0] - wanted[1]), rel=1e-10)


def general(experts, *, leaks=True, interferes=True):
    """A generic model with interleaved blocks, its noise variances over four decades."""
    rng = np.random.default_rng(experts)
    sizes = rng.integers(1, 5, experts)
    d = sizes.sum()
    signal = np.exp(rng.standard_normal(d))
    return mt.BlockModel(
        rng.dirichlet([3.0] * experts),
        rng.permutation(np.repeat(np.arange(experts), sizes)),
        signal,
        rng.standard_normal(d),
        rng.permutation(np.geomspace(0.01, 100.0, d)),
        leakage_variances=0.4 * leaks * signal * rng.random(d),
        interference_variances=2.0 * interferes * signal * rng.random(d),
        label_noise_variance=0.1,
    )


@pytest.mark.parametrize("ridge", [0.0, 0.7])
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("interferes", [True, False])
@pytest.mark.parametrize("experts", [2, 3, 4, 5])
def test_noise_in_general_equals_direct_matrix_algebra(experts, ridge, leaks, interferes):
    model = general(experts, leaks=leaks, interferes=interferes)
    p, block_of = model.group_probabilities, model.block_of
    require_risks(model, matrix_risks(p, block_of, *turned(model, experts), ridge), ridge)
    # and dense does pay for interference, the mixture does not
    quiet = model.replace(interference_variances=0.0)
    assert (mt.risk(mt.Dense(), model).excess > mt.risk(mt.Dense(), quiet).excess) == interferes
    np.testing.assert_array_equal(
        *(mt.risk(mt.MoE(ridge=ridge), each).per_group for each in (model, quiet))
    )


@given(block_models())
def test_diagonal_models_equal_direct_matrix_algebra(model):
    clean, noise = (np.array([np.diag(v) for v in each]) for each in variances(model))
    p, block_of = model.group_probabilities, model.block_of
    wanted = matrix_risks(p, block_of, clean, noise, model.coefficients)
    scale = max(model.null_risk, 1.0)
    for estimator, groups in zip((mt.Dense(), mt.MoE()), wanted, strict=True):
        got = mt.risk(estimator, model).per_group - model.label_noise_variance
        np.testing.assert_allclose(got, groups, rtol=1e-9, atol=1e-12 * scale)


@given(block_models(strict=True))
def test_experts_never_lose_on_strict_blocks(model):
    dense, moe = mt.risk(mt.Dense(), model), mt.risk(mt.MoE(), model)
    assert moe.excess <= dense.excess * (1 + 1e-14)
    assert mt.gap(model) >= 0.0
    assert moe.excess <= mt.moe_bound(model) * (1 + 1e-14)
    assert dense.excess - moe.excess == pytest.approx(
        mt.gap(model), rel=1e-10, abs=1e-14 * dense.excess
    )


@given(block_models(strict=False))
def test_gap_and_bound_with_leakage(model):
    dense, moe = mt.risk(mt.Dense(), model), mt.risk(mt.MoE(), model)
    assert dense.excess - moe.excess == pytest.approx(
        mt.gap(model), rel=1e-10, abs=1e-13 * (dense.excess + moe.excess)
    )
    assert moe.excess <= mt.moe_bound(model) * (1 + 1e-14)


def exact_gap(model):
    """Dense minus MoE risk in rational arithmetic, from the two risks themselves."""

    def parallel(x, y):
        return x * y / (x + y) if x + y else Fraction(0)

    result = Fraction(0)
    noises = np.broadcast_to(model.noise_variance, model.dim)
    arrays = model.signal_variances, model.leakage_variances, model.coefficients
    arrays += noises, model.interference_variances
    for g, *values in zip(model.block_of.tolist(), *arrays, strict=True):
        p = Fraction(float(model.group_probabilities[g]))
        lam, nu, b, noise, kappa = (Fraction(float(x)) for x in values)
        h, mean = p * lam + (1 - p) * nu, noise + (1 - p) * kappa
        result += b**2 * (parallel(h, mean) - p * parallel(lam, noise) - (1 - p) * nu)
    return result


@given(block_models(strict=True, exponents=60))
def test_the_gap_keeps_ten_digits_however_small_it_is(model):
    exact = exact_gap(model)
    assert mt.gap(model) == pytest.approx(float(exact), rel=1e-10, abs=0.0)


def test_a_gap_that_is_1e_12_of_the_risks(generic):
    model = generic(1e12)
    exact, dense = exact_gap(model), mt.risk(mt.Dense(), model).excess
    assert 1e-13 < float(exact) / dense < 1e-11
    assert mt.gap(model) == pytest.approx(float(exact), rel=1e-10, abs=0.0)
    assert mt.risk(mt.Dense(), model).excess - mt.risk(mt.MoE(), model).excess != pytest.approx(
        float(exact), rel=1e-10, abs=0.0
    ), "subtraction would have done"


@given(block_models(max_experts=1, noiseless=True))
def test_one_expert_is_the_dense_estimator(model):
    dense, moe = mt.risk(mt.Dense(0.5), model), mt.risk(mt.MoE(ridge=0.5), model)
    assert dense.value == pytest.approx(moe.value, rel=1e-14)
    assert mt.gap(model) == 0.0


@given(block_models(strict=True))
def test_without_noise_only_label_noise_is_left(model):
    model = model.replace(noise_variance=0.0, interference_variances=0.0)
    seen = model.group_probabilities[model.block_of] > 0
    for estimator in (mt.Dense(), mt.MoE()):
        assert mt.risk(estimator, model).value == model.label_noise_variance
    for weights in (mt.optimal_coefficients(e, model) for e in (mt.Dense(), mt.MoE())):
        active = seen & (model.signal_variances > 0)
        np.testing.assert_allclose(weights[active], model.coefficients[active], rtol=1e-14)


def test_without_noise_experts_know_all_and_interference_is_left_to_dense():
    model = general(3, leaks=False).replace(noise_variance=0.0)
    assert mt.risk(mt.MoE(), model).excess == 0.0
    assert mt.risk(mt.Dense(), model).excess == mt.gap(model) > 0.1
    np.testing.assert_array_equal(mt.optimal_coefficients(mt.MoE(), model), model.coefficients)


@given(block_models(noiseless=True), st.randoms(use_true_random=False))
def test_permuting_groups_permutes_what_depends_on_them(model, random):
    order = list(range(model.experts))
    random.shuffle(order)
    rank = np.argsort(order)
    permuted = model.replace(
        group_probabilities=model.group_probabilities[order], block_of=rank[model.block_of]
    )
    for estimator in (mt.Dense(0.1), mt.MoE(ridge=0.1)):
        before, after = mt.risk(estimator, model), mt.risk(estimator, permuted)
        assert after.value == pytest.approx(before.value, rel=1e-13)
        np.testing.assert_allclose(after.per_group, before.per_group[order], rtol=1e-13)


@given(block_models(strict=True, zeros=False, uniform=True), st.integers(0, 2**32 - 1))
def test_rotating_a_block_changes_nothing(model, seed):
    rng = np.random.default_rng(seed)
    covariances, betas = [], []
    for g in range(model.experts):
        m = model.block_of == g
        basis, _ = np.linalg.qr(rng.standard_normal((m.sum(), m.sum())))
        covariances.append(basis @ np.diag(model.signal_variances[m]) @ basis.T)
        covariances[-1] = (covariances[-1] + covariances[-1].T) / 2
        betas.append(basis @ model.coefficients[m])
    rotated = mt.BlockModel.from_covariances(
        covariances,
        betas,
        model.noise_variance,
        group_probabilities=model.group_probabilities,
        label_noise_variance=model.label_noise_variance,
    )
    for estimator in (mt.Dense(), mt.MoE()):
        assert mt.risk(estimator, rotated).value == pytest.approx(
            mt.risk(estimator, model).value, rel=1e-9
        )


@pytest.mark.parametrize("ratio", [5e-12, 1e-6, 1.0, 1e6, 1e12])
def test_extreme_noise_stays_between_zero_and_the_null_risk(generic, ratio):
    model = generic(ratio)
    for estimator in (mt.Dense(), mt.MoE()):
        excess = mt.risk(estimator, model).excess
        assert 0.0 < excess <= model.null_risk * (1 + 1e-14)
    if ratio == 1e12:
        assert excess == pytest.approx(model.null_risk, rel=1e-11)


def test_a_group_that_is_never_drawn_costs_nothing(generic):
    model = generic().replace(group_probabilities=[0.4, 0.6, 0.0])
    dense = mt.risk(mt.Dense(), model)
    np.testing.assert_array_equal(mt.optimal_coefficients(mt.Dense(), model)[6:], 0.0)
    unseen = float(np.sum((model.coefficients**2 * model.signal_variances)[6:]))
    noise = float(np.sum(mt.optimal_coefficients(mt.Dense(), model) ** 2)) * 0.4
    assert dense.per_group[2] == pytest.approx(unseen + noise, rel=1e-14)
    assert dense.value == pytest.approx(float(dense.per_group[:2] @ [0.4, 0.6]), rel=1e-14)


def test_results_are_plain_floats_and_say_how_exact_they_are(generic):
    result = mt.risk(mt.MoE(), generic(label_noise_variance=0.1))
    assert type(result.value) is type(result.excess) is type(mt.gap(generic())) is float
    assert (result.exactness, result.error) == ("exact", 0.0)
    assert float(result) == result.value == result.excess + 0.1


def test_bad_arguments_say_what_they_must_be(generic):
    with pytest.raises(ValueError, match="require must be \"exact\", got 'quick'"):
        mt.risk(mt.Dense(), generic(), require="quick")
    with pytest.raises(ValueError, match=r"estimator must be Dense.*got 'dense'"):
        mt.risk("dense", generic())
    for verb in (
        mt.gap,
        mt.moe_bound,
        lambda model: mt.risk(mt.Dense(), model),
        lambda model: mt.optimal_coefficients(mt.Dense(), model),
        lambda model: mt.simulate(mt.Dense(), model),
        lambda model: mt.check("generalization", model),
    ):
        with pytest.raises(ValueError, match="model must be a BlockModel, got 'x'"):
            verb("x")
