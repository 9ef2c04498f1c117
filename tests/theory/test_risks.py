"""Risks against exact linear algebra, rational arithmetic and each other."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.strategies import block_models


def matrix_risks(model, covariances, leakages, betas, ridge=0.0):
    """Excess risks by normal equations on full matrices, per group: (dense, MoE)."""
    sizes, p = [len(beta) for beta in betas], model.group_probabilities
    edges = np.cumsum([0, *sizes])
    dim, beta = edges[-1], np.concatenate(betas)
    noise = model.noise_variance * np.eye(dim)
    clean = []
    for g in range(len(sizes)):
        matrix = np.zeros((dim, dim))
        for j, (low, high) in enumerate(itertools.pairwise(edges)):
            matrix[low:high, low:high] = covariances[j] if j == g else leakages[j]
        clean.append(matrix)

    def excess(weights, g):
        return float((beta - weights) @ clean[g] @ (beta - weights) + weights @ noise @ weights)

    mixture = np.einsum("g,gij->ij", p, clean)
    dense = np.linalg.solve(mixture + noise + ridge * np.eye(dim), mixture @ beta)
    experts = []
    for g, (low, high) in enumerate(itertools.pairwise(edges)):
        seen = clean[g][low:high, low:high] + noise[low:high, low:high]
        theta = np.zeros(dim)
        theta[low:high] = np.linalg.solve(
            seen + ridge * np.eye(high - low), clean[g][low:high] @ beta
        )
        experts.append(excess(theta, g))
    return np.array([excess(dense, g) for g in range(len(sizes))]), np.array(experts)


@pytest.mark.parametrize("ridge", [0.0, 0.7])
@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_correlated_blocks_equal_direct_matrix_algebra(ridge, overlap):
    rng = np.random.default_rng(5)
    sizes, p = (1, 3, 5), np.array([0.15, 0.25, 0.6])
    roots = [rng.standard_normal((s, s + 1)) for s in sizes]
    covariances = [root @ root.T for root in roots]
    betas = [rng.standard_normal(s) for s in sizes]
    model = mt.BlockModel.from_covariances(
        covariances, betas, 0.8, group_probabilities=p, label_noise_variance=0.3
    )
    model = model.replace(leakage_variances=overlap**2 * model.signal_variances)
    leakages = [overlap**2 * covariance for covariance in covariances]
    wanted = matrix_risks(model, covariances, leakages, betas, ridge)
    for estimator, groups in zip((mt.Dense(ridge), mt.MoE(ridge=ridge)), wanted, strict=True):
        got = mt.risk(estimator, model)
        np.testing.assert_allclose(got.per_group - 0.3, groups, rtol=1e-10)
        assert got.excess == pytest.approx(p @ groups, rel=1e-10)
        assert got.value == pytest.approx(p @ groups + 0.3, rel=1e-10)
    if not ridge:
        assert mt.gap(model) == pytest.approx(p @ (wanted[0] - wanted[1]), rel=1e-10)


@given(block_models())
def test_diagonal_models_equal_direct_matrix_algebra(model):
    order = [np.flatnonzero(model.block_of == g) for g in range(model.experts)]
    wanted = matrix_risks(
        model,
        [np.diag(model.signal_variances[m]) for m in order],
        [np.diag(model.leakage_variances[m]) for m in order],
        [model.coefficients[m] for m in order],
    )
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
    noise, result = Fraction(model.noise_variance), Fraction(0)
    for m, g in enumerate(model.block_of.tolist()):
        p, lam, b = (
            Fraction(float(x))
            for x in (
                model.group_probabilities[g],
                model.signal_variances[m],
                model.coefficients[m],
            )
        )
        nu = Fraction(float(model.leakage_variances[m]))
        h = p * lam + (1 - p) * nu
        if noise:
            result += b**2 * noise * (h / (h + noise) - p * lam / (lam + noise))
        result -= b**2 * (1 - p) * nu
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
    model = model.replace(noise_variance=0.0)
    seen = model.group_probabilities[model.block_of] > 0
    for estimator in (mt.Dense(), mt.MoE()):
        assert mt.risk(estimator, model).value == model.label_noise_variance
    for weights in (mt.optimal_coefficients(e, model) for e in (mt.Dense(), mt.MoE())):
        active = seen & (model.signal_variances > 0)
        np.testing.assert_allclose(weights[active], model.coefficients[active], rtol=1e-14)


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


@given(block_models(strict=True, zeros=False), st.integers(0, 2**32 - 1))
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
