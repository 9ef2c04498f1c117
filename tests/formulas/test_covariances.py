"""Risks for any covariances: against 50 digits, block models in other bases, and singular sums."""

import mpmath
import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL
from moetheory.formulas import covariances, population
from moetheory.predictors.optimal import formula_arguments

DECADES = 4


def basis(rng, dim):
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0]


def random_covariances(rng, groups, dim, decades=DECADES):
    """Covariances in random bases with eigenvalues over several decades, (groups, dim, dim)."""
    found = []
    for _ in range(groups):
        rotation = basis(rng, dim)
        matrix = rotation * 10.0 ** rng.uniform(-decades / 2, decades / 2, dim) @ rotation.T
        found.append((matrix + matrix.T) / 2.0)
    return np.array(found)


def random_problem(seed):
    """Group probabilities, signal, noise, coefficients and blocks, all of it generic."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(2, 5))
    dim = int(rng.integers(groups, 9))
    blocks = rng.permutation([*range(groups), *rng.integers(0, groups, dim - groups)])
    signal, noise = (random_covariances(rng, groups, dim) for _ in range(2))
    units = 10.0 ** rng.uniform(-3.0, 3.0, dim) if seed % 2 else np.ones(dim)
    signal, noise = (units[:, np.newaxis] * each * units for each in (signal, noise))
    b = rng.standard_normal(dim) / units
    return rng.dirichlet(np.ones(groups)), signal, noise, b, blocks


def exact_risks(p, signal, noise, b, blocks):
    """The risks given the group of dense, full and block experts, by solving in 50 digits."""
    groups, dim = signal.shape[:2]

    def matrix(array):
        return mpmath.matrix(array.tolist())

    def of(seen, signal, noise, truth):
        """The best coefficients on the coordinates that are seen."""
        normal, right = mpmath.matrix(len(seen)), mpmath.matrix(len(seen), 1)
        for i, row in enumerate(seen):
            right[i] = (signal[row, :] * truth)[0]
            for j, column in enumerate(seen):
                normal[i, j] = signal[row, column] + noise[row, column]
        found, fit = mpmath.lu_solve(normal, right), mpmath.matrix(dim, 1)
        for i, row in enumerate(seen):
            fit[row] = found[i]
        return fit

    def risk(g, fit):
        missed = truth - fit
        return (missed.T * signals[g] * missed)[0] + (fit.T * noises[g] * fit)[0]

    with mpmath.workdps(50):
        truth = matrix(b[:, np.newaxis])
        signals, noises = [matrix(each) for each in signal], [matrix(each) for each in noise]
        means = [mpmath.matrix(dim), mpmath.matrix(dim)]
        for g in range(groups):
            means[0] += mpmath.mpf(float(p[g])) * signals[g]
            means[1] += mpmath.mpf(float(p[g])) * noises[g]
        dense = of(range(dim), *means, truth)
        blocks_of = [np.flatnonzero(blocks == g).tolist() for g in range(groups)]
        every = range(groups)
        return (
            [float(risk(g, dense)) for g in every],
            [float(risk(g, of(range(dim), signals[g], noises[g], truth))) for g in every],
            [float(risk(g, of(blocks_of[g], signals[g], noises[g], truth))) for g in every],
        )


def shipped_risks(p, signal, noise, b, blocks):
    arguments = p, signal, noise, b
    return (
        covariances.dense_excess(*arguments),
        covariances.full_expert_excess(*arguments),
        covariances.block_expert_excess(*arguments, blocks),
    )


@pytest.mark.parametrize("seed", range(12))
def test_each_group_has_its_exact_risk(seed):
    """Variances over four decades, in odd cases in units over six more."""
    problem = random_problem(seed)
    for (total, per_group), expected in zip(
        shipped_risks(*problem), exact_risks(*problem), strict=True
    ):
        np.testing.assert_allclose(per_group, expected, rtol=1e-10)
        assert total == pytest.approx(float(problem[0] @ per_group), rel=1e-14)


def as_covariances(model, rotations=None):
    """The problem of a block model with its matrices written out, its blocks perhaps rotated."""
    dim, groups = model.dim, np.arange(model.experts)
    own = model.block_of == groups[:, np.newaxis]
    signal = np.where(own, model.signal_variances, model.leakage_variances)
    noise = model.noise_variance + np.where(own, 0.0, model.interference_variances)
    turn = np.eye(dim) if rotations is None else rotations
    signal, noise = (turn @ (each[:, :, np.newaxis] * turn.T) for each in (signal, noise))
    return model.group_probabilities, signal, noise, turn @ model.coefficients, model.block_of


def within_blocks(rng, model):
    """A random orthogonal matrix that does not mix the blocks."""
    turn = np.zeros((model.dim, model.dim))
    for g in range(model.experts):
        seen = np.flatnonzero(model.block_of == g)
        turn[np.ix_(seen, seen)] = basis(rng, len(seen))
    return turn


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("name", GENERAL)
def test_block_models_are_a_special_case(name, rotated):
    """The closed forms in one coordinate after the other, and matrices in another basis."""
    model = GENERAL[name]
    turn = within_blocks(np.random.default_rng(1), model) if rotated else None
    dense, full, blocks = shipped_risks(*as_covariances(model, turn))
    full = population.excess_with_groups(
        population.full_expert_contributions, *formula_arguments(model), 0.0
    )
    for found, (total, per_group) in (
        (dense, _excess(mt.Dense(), model)),
        (blocks, _excess(mt.MoE(), model)),
        (full, full),
    ):
        assert float(found[0]) == pytest.approx(float(total), rel=1e-10)
        np.testing.assert_allclose(found[1], per_group, rtol=1e-10)
    assert float(dense[0] - blocks[0]) == pytest.approx(mt.gap(model), abs=1e-12 * float(dense[0]))


def _excess(estimator, model):
    found = mt.risk(estimator, model)
    return found.excess, found.per_group - model.label_noise_variance


def test_full_experts_do_not_mind_a_basis_that_mixes_blocks():
    model = GENERAL["leaking"]
    turn = basis(np.random.default_rng(2), model.dim)
    plain, mixed = (shipped_risks(*as_covariances(model, each)) for each in (None, turn))
    for which in (0, 1):
        np.testing.assert_allclose(plain[which][1], mixed[which][1], rtol=1e-10)
    assert abs(float(mixed[2][0] / plain[2][0]) - 1.0) > 0.01  # block experts do


def test_directions_without_signal_and_noise_change_nothing():
    p, signal, noise, b, _ = random_problem(4)
    dim = len(b)
    turn = basis(np.random.default_rng(5), dim + 2)[:, :dim]  # into a larger space
    larger = [turn @ each @ turn.T for each in (signal, noise)]
    coefficients = turn @ b + 3.0 * (np.eye(dim + 2) - turn @ turn.T)[0]
    for function in (covariances.dense_excess, covariances.full_expert_excess):
        expected = function(p, signal, noise, b)
        found = function(p, *larger, coefficients)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-10)


def test_nothing_at_all_has_no_risk():
    zero = np.zeros((2, 3, 3))
    for total, per_group in shipped_risks(
        np.array([0.4, 0.6]), zero, zero, np.ones(3), np.array([0, 1, 1])
    ):
        assert float(total) == 0.0
        assert per_group.tolist() == [0.0, 0.0]


def test_all_arguments_broadcast():
    p, signal, noise, b, blocks = random_problem(4)
    scales = np.array([1.0, 2.0, 5.0])
    together = shipped_risks(p, signal, scales[:, None, None, None] * noise, b, blocks)
    for i, scale in enumerate(scales):
        for found, alone in zip(
            together, shipped_risks(p, signal, scale * noise, b, blocks), strict=True
        ):
            np.testing.assert_allclose(found[0][i], alone[0], rtol=1e-12)
            np.testing.assert_allclose(found[1][i], alone[1], rtol=1e-12)
    several = np.stack([b, 2.0 * b])
    for total, _ in shipped_risks(p, signal, noise, several, blocks):
        assert total.shape == (2,)
        assert float(total[1]) == pytest.approx(4.0 * float(total[0]), rel=1e-14)


@pytest.mark.parametrize("ratio", [1e-30, 1e-12, 1e12, 1e30])
def test_tiny_risks_keep_their_digits(ratio):
    """Two noises, or two signals, so small that a difference from b would be lost."""
    p, signal, noise, b, _ = random_problem(6)
    ratios = np.array([1.0, 2.0]) * ratio
    for function in (covariances.dense_excess, covariances.full_expert_excess):
        one, two = (float(function(p, signal, each * noise, b)[0]) for each in ratios)
        limit = 2.0 if ratio < 1.0 else 1.0
        assert two / one == pytest.approx(limit, rel=1e-4)
        scaled = float(function(p, signal / ratio, noise, b)[0])
        assert scaled * ratio == pytest.approx(one, rel=1e-10)


# --- the parallel sum -----------------------------------------------------------------------------


def test_the_parallel_sum_of_regular_matrices_is_that_of_resistances():
    rng = np.random.default_rng(7)
    first, second = random_covariances(rng, 5, 4, 2), random_covariances(rng, 5, 4, 2)
    expected = np.linalg.inv(np.linalg.inv(first) + np.linalg.inv(second))
    found = covariances.parallel_sum(first, second)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    other = covariances.parallel_sum(second, first)
    np.testing.assert_allclose(found, other, rtol=1e-10, atol=1e-12)


def test_the_risk_of_full_experts_is_its_quadratic_form():
    p, signal, noise, b, _ = random_problem(8)
    forms = np.vecdot(b, np.matvec(covariances.parallel_sum(signal, noise), b))
    total, per_group = covariances.full_expert_excess(p, signal, noise, b)
    np.testing.assert_allclose(forms, per_group, rtol=1e-12)
    assert float(total) == pytest.approx(float(p @ forms), rel=1e-12)


def concavity(rng, *, wrong=False):
    """The smallest eigenvalue of E[A]:E[B] - E[A:B], relative to the largest of its terms."""
    groups, dim = int(rng.integers(2, 5)), int(rng.integers(1, 9))
    p = rng.dirichlet(np.ones(groups))
    first, second = (random_covariances(rng, groups, dim, 6) for _ in range(2))
    of_means = covariances.parallel_sum(*(np.tensordot(p, a, axes=1) for a in (first, second)))
    mean = np.tensordot(p, covariances.parallel_sum(first, second), axes=1)
    if wrong:
        of_means = of_means / 2.0
    return float(np.linalg.eigvalsh(of_means - mean)[0] / np.linalg.eigvalsh(of_means)[-1])


def test_the_parallel_sum_is_jointly_concave_for_matrices():
    """Eigenvalues over six decades, 2 to 4 groups, up to 8 coordinates."""
    rng = np.random.default_rng(9)
    assert min(concavity(rng) for _ in range(300)) >= -1e-14


def test_half_of_it_is_not():
    rng = np.random.default_rng(9)
    assert min(concavity(rng, wrong=True) for _ in range(300)) < -0.1


@pytest.mark.parametrize("unit", [1e-15, 1e9, 1e15, 1e18])
def test_units_of_coordinates_change_nothing(unit):
    """With interleaved blocks, what experts do not see stays out whatever the units are."""
    rng = np.random.default_rng(0)
    signal, noise = (np.stack([each @ each.T] * 2) for each in rng.normal(size=(2, 6, 6)))
    p, blocks = np.array([0.5, 0.5]), np.array([0, 1, 1, 0, 0, 1])
    one = p, signal, noise, np.ones(6)
    other = p, signal * unit**2, noise * unit**2, np.ones(6) / unit
    for formula, more in (
        (covariances.dense_excess, ()),
        (covariances.full_expert_excess, ()),
        (covariances.block_expert_excess, (blocks,)),
    ):
        expected = formula(*one, *more)[0]
        assert formula(*other, *more)[0] == pytest.approx(expected, rel=1e-12)


def test_loud_noise_leaves_the_risk_of_predicting_zero():
    rng = np.random.default_rng(0)
    signal, noise = (np.stack([each @ each.T] * 2) for each in rng.normal(size=(2, 6, 6)))
    p, blocks, b = np.array([0.5, 0.5]), np.array([0, 1, 1, 0, 0, 1]), np.ones(6)
    found = covariances.block_expert_excess(p, signal, 1e30 * noise, b, blocks)[0]
    assert found == pytest.approx(b @ signal[0] @ b, rel=1e-12)
