"""The equivalent against fixed points on full matrices, and its 1/n term against derivatives.

Both second routes share nothing with the code: the first iterates the equations of
docs/theory.md §4 in their own variables, the second differentiates a free energy numerically,
with 40 digits.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
from mpmath import mp

import moetheory as mt
from general_noise import variances
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import equivalent, equivalent_weights
from moetheory.formulas.block_layout import BlockLayout
from moetheory.problem.limits import noise_limits
from moetheory.theory.finite_sample_risks import fitted_risk, leading_excess


def world(sizes=(3, 5, 2), noise=0.4, leakage=0.2, label_noise=0.3, seed=0):
    """A model in which no two numbers are equal, with interleaved blocks.

    ``noise`` None: that of each coordinate is another, and there is interference.
    """
    rng = np.random.default_rng(seed)
    d, k = sum(sizes), len(sizes)
    p = 1.0 + rng.random(k)
    model = mt.BlockModel(
        p / p.sum(),
        rng.permutation(np.repeat(np.arange(k), sizes)),
        0.3 + 3.0 * rng.random(d),
        rng.standard_normal(d),
        1.0 if noise is None else noise,
        leakage_variances=leakage * (0.5 + rng.random(d)) if leakage else 0.0,
        label_noise_variance=label_noise,
    )
    if noise is not None or k == 1:
        return model
    return model.replace(
        noise_variance=rng.permutation(np.geomspace(0.01, 100.0, d)),
        interference_variances=3.0 * rng.random(d),
    )


def seen(model):
    """What dense sees in each group: C_g, best coefficients, residual variance."""
    parts = []
    for clean, noise in zip(*variances(model), strict=True):
        best = model.coefficients * clean / (clean + noise)
        rest = model.coefficients @ np.diag(clean) @ (model.coefficients - best)
        parts.append((np.diag(clean + noise), best, rest + model.label_noise_variance))
    return parts


class Orders(NamedTuple):
    """Excess risks in each group, shape (1, K)."""

    leading: np.ndarray
    correction: np.ndarray


def solve_whole(model, counts, ridge):
    """The excess risk of dense by the equivalent, in each group."""
    layout = BlockLayout(model.block_of, model.experts, coupled=True)
    found = equivalent.EquivalentMoments(*map(layout.unsort, solve_moments(model, counts, ridge)))
    clean, noise = variances(model)
    whole, error = clean + noise, found.coefficient_error
    pull = clean * error - noise * found.mean
    return Orders(
        (clean @ error**2 + noise @ found.mean**2 + whole @ found.variance)[None],
        (whole @ found.variance_correction - 2.0 * pull @ found.mean_correction)[None],
    )


def solve_moments(model, counts, ridge):
    layout = BlockLayout(model.block_of, model.experts, coupled=True)
    n = np.asarray(counts, dtype=float)
    over = ridge > 0 or n.sum() > model.dim
    return equivalent.moments(
        layout,
        n.reshape(layout.shape),
        *map(layout.sort, (model.signal_variances, model.leakage_variances, model.coefficients)),
        *map(layout.sort, (model.noise_variance, model.idle_noise)),
        np.full(layout.shape, model.label_noise_variance),
        np.full((1, 1), float(over)),
        np.full((1, 1), n.sum() * ridge if over else 1.0),
    )


# --- the leading order -------------------------------------------------------------------------


def settled(step, start):
    """The fixed point of ``step`` by plain iteration, every other one damped."""
    x = start
    for i in range(200_000):
        new = step(x)
        if np.all(np.abs(new - x) <= 1e-14 * np.abs(x)):
            return new
        x = new if i % 2 else (x + new) / 2
    raise AssertionError("no fixed point")


def plain_leading(model, counts, ridge):
    """The equations as they stand: κ_g and M, or δ_g and Q without ridge and with n > d."""
    parts, n, d = seen(model), sum(counts), model.dim
    share = np.array(counts) / n
    covariances = np.array([c for c, _, _ in parts])

    def traces(matrix):
        return np.array([np.trace(c @ matrix) for c in covariances]) / n

    if ridge == 0 and n > d:

        def q_of(delta):
            return np.linalg.inv(np.einsum("g,gij->ij", share / (1 + delta), covariances))

        delta = settled(lambda x: traces(q_of(x)), np.ones(len(parts)))
        matrix, weights, squares = q_of(delta), share / (1 + delta), share / (1 + delta) ** 2
    else:

        def m_of(kappa):
            return np.linalg.inv(np.eye(d) + np.einsum("g,gij->ij", share / kappa, covariances))

        kappa = settled(lambda x: ridge + traces(m_of(x)), traces(np.eye(d)) + ridge)
        matrix, weights, squares = m_of(kappa), share / kappa, share / kappa**2
    mean = matrix @ sum(w * c @ t for w, (c, t, _) in zip(weights, parts, strict=True))
    own = [rho + (mean - t) @ c @ (mean - t) for c, t, rho in parts]
    a = np.array(
        [
            [
                s * np.trace(h @ matrix @ g @ matrix) / n
                for s, g in zip(squares, covariances, strict=True)
            ]
            for h in covariances
        ]
    )
    return np.linalg.solve(np.eye(len(parts)) - a, own)


CASES = {
    "over": ((3, 5, 2), (6, 9, 11), 0.0),
    "barely over": ((3, 5, 2), (2, 4, 6), 0.0),
    "far over": ((3, 5, 2), (400, 20, 900), 0.0),
    "a group with fewer samples than coordinates": ((3, 5, 2), (30, 1, 4), 0.0),
    "a group without samples, over": ((3, 5, 2), (14, 9, 0), 0.0),
    "under": ((3, 5, 2), (1, 2, 1), 0.0),
    "barely under": ((3, 5, 2), (3, 2, 3), 0.0),
    "a group without samples, under": ((6, 8), (0, 4), 0.0),
    "ridge, over": ((3, 5, 2), (6, 9, 11), 0.7),
    "ridge, under": ((3, 5, 2), (1, 2, 1), 0.02),
    "ridge, at the threshold": ((3, 5, 2), (3, 5, 2), 0.1),
    "a large ridge": ((3, 5, 2), (3, 5, 9), 300.0),
    "many groups": ((1, 2, 3, 1, 2, 3), (9, 5, 0, 2, 7, 4), 0.0),
}


@pytest.mark.parametrize("noise", [0.4, 0.02, None])
@pytest.mark.parametrize("leakage", [0.2, 0.0])
@pytest.mark.parametrize("case", CASES)
def test_the_leading_order_is_that_of_a_plain_fixed_point(case, leakage, noise):
    sizes, counts, ridge = CASES[case]
    model = world(sizes, noise, leakage)
    leading = solve_whole(model, counts, ridge).leading[0]
    expected = plain_leading(model, counts, ridge) - model.label_noise_variance
    np.testing.assert_allclose(leading, expected, rtol=1e-9)
    if ridge == 0:
        assert leading_excess(model, counts) == pytest.approx(
            model.group_probabilities @ expected, rel=1e-9
        )


@pytest.mark.parametrize(("a", "c"), [(1.0, 0.0), (1.0, 3.0), (0.0, 1.0)])
def test_the_weights_solve_their_equations(a, c):
    """a w + w Σ C/D = n in every group, to rounding; 0 for a group without samples."""
    model = world((3, 5, 2, 7))
    layout = BlockLayout(model.block_of, 4, coupled=True)
    n = np.array([[2.0, 9.0, 0.0, 3.0]]) * (3.0 if a else 1.0)
    own, other = (
        layout.sort(model.signal_variances) + 0.4,
        layout.sort(model.leakage_variances) + 0.4,
    )
    w = equivalent_weights.weights(
        layout, n, own, other, np.full((1, 1), a), np.full((1, 1), c)
    ).ravel()
    inside = layout.sort(model.block_of) == np.arange(4)[:, np.newaxis]
    variances = np.where(inside, own, other)
    pull = a + (variances / (c + w @ variances)).sum(axis=1)
    np.testing.assert_allclose((w * pull), n[0], rtol=1e-12)
    assert w[2] == 0.0


def test_sets_that_are_solved_together_do_not_touch_each_other():
    """Experts, one of them a group without samples, one below the threshold, one with ridge."""
    model = world((3, 5, 2, 4))
    layout = BlockLayout(model.block_of, 4, coupled=False)
    n = np.array([[9.0], [2.0], [0.0], [4.0]])
    a, c = np.array([[1.0], [0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [1.0], [2.0]])
    own = layout.sort(model.signal_variances) + 0.4
    w = equivalent_weights.weights(layout, n, own, own * math.nan, a, c).ravel()
    blocks = np.split(own, np.cumsum(layout.sizes)[:-1])
    for g, block in enumerate(blocks):
        total = a[g, 0] * w[g] + (w[g] * block / (c[g, 0] + w[g] * block)).sum()
        assert total == pytest.approx(n[g, 0], rel=1e-12, abs=0.0)


def test_a_problem_without_solution_is_not_answered():
    """Without noise two samples cannot hold five coordinates that only they see."""
    leakage = np.zeros(8)
    leakage[0] = 1.0
    model = mt.BlockModel([0.5, 0.5], [0] * 3 + [1] * 5, np.ones(8), np.ones(8), 0.0).replace(
        leakage_variances=leakage
    )
    with pytest.raises(ArithmeticError, match="no convergence"):
        solve_whole(model, (40, 2), 0.0)
    with pytest.raises(
        NoClosedForm,
        match=r"on 42 samples \(2 to 40 in each group\) could not be solved.*simulate\(",
    ):
        mt.risk(mt.Dense(), model, samples=[40, 2])


# --- the 1/n term ------------------------------------------------------------------------------

STEP = mp.mpf(10) ** -9


class Energy:
    """Both orders of the free energy of a label-augmented problem at (t, ε), to 40 digits.

    A test sample of group h enters with weight t, the label with variance ε. The matrices are
    similar to [[C, √ε Cθ], [√ε θᵀC, ε(θᵀCθ + ρ)]]: ε may be negative.
    """

    def __init__(self, model, counts, ridge, group):
        n = sum(counts)
        over = ridge > 0 or n > model.dim
        self.a, self.c = (1, mp.mpf(n) * mp.mpf(ridge)) if over else (0, mp.mpf(1))
        self.parts, self.dim = seen(model), model.dim
        self.present = [g for g, count in enumerate(counts) if count]
        self.counts = [counts[g] for g in self.present]
        self.group = group
        start = equivalent_weights.weights(
            (layout := BlockLayout(model.block_of, model.experts, coupled=True)),
            np.array([counts], dtype=float),
            layout.sort(model.signal_variances + model.noise_variance),
            layout.sort(model.leakage_variances + model.idle_noise),
            np.full((1, 1), float(self.a)),
            np.full((1, 1), float(self.c)),
        )[0]
        self.start = [start[g] for g in self.present]

    def augmented(self, g, eps):
        covariance, best, rest = self.parts[g]
        d, pulled = self.dim, covariance @ best
        matrix = mp.zeros(d + 1)
        for i in range(d):
            matrix[i, i] = mp.mpf(covariance[i, i])
            matrix[i, d] = eps * mp.mpf(pulled[i])
            matrix[d, i] = mp.mpf(pulled[i])
        matrix[d, d] = eps * mp.mpf(best @ pulled + rest)
        return matrix

    def __call__(self, t, eps):
        d = self.dim
        base = mp.diag([self.c] * d + [1]) + t * self.augmented(self.group, eps)
        own = [self.augmented(g, eps) for g in self.present]

        def whole(w):
            return sum((x * a for x, a in zip(w, own, strict=True)), base.copy())

        def products(w):
            inverse = whole(w) ** -1
            return [a * inverse for a in own]

        def trace(matrix):
            return mp.fsum(matrix[i, i] for i in range(d + 1))

        w, k = mp.matrix(self.start), len(self.start)
        for _ in range(9):  # Newton's method
            reached = products(w)
            pulls = [self.a + trace(a) for a in reached]
            pairs = mp.matrix([[trace(a * b) for b in reached] for a in reached])
            missed = mp.matrix([w[g] * pulls[g] - self.counts[g] for g in range(k)])
            if mp.norm(missed) < mp.mpf(10) ** -35:
                break
            w -= mp.lu_solve(mp.diag(pulls) - mp.diag(w) * pairs, missed)
        else:
            raise AssertionError("no solution")
        inner = mp.eye(k)
        for g in range(k):
            for h in range(k):
                inner[g, h] -= w[g] ** 2 / self.counts[g] * pairs[g, h]
        terms = [self.a * x - n * mp.log(x) for x, n in zip(w, self.counts, strict=True)]
        return (
            mp.log(mp.det(whole(w))) + mp.fsum(terms),
            mp.log(mp.det(inner)) / 2,
        )

    def mixed_derivatives(self):
        """∂²/∂t∂ε of both orders at zero."""
        h = STEP
        corners = zip(self(h, h), self(h, -h), self(-h, h), self(-h, -h), strict=True)
        return [float((a - b - c + d) / (4 * h * h)) for a, b, c, d in corners]


@pytest.mark.parametrize("noise", [0.3, None])
@pytest.mark.parametrize(
    ("counts", "ridge"),
    [((4, 7), 0.0), ((1, 2), 0.0), ((4, 3), 0.3), ((12, 0), 0.0), ((1, 9), 0.0), ((0, 3), 0.5)],
)
def test_both_orders_are_derivatives_of_the_free_energy(counts, ridge, noise):
    """∂²/∂t∂ε of Φ₀ and of ½ ln det(I − diag(w²/n) G), in each group."""
    model = world((2, 3), noise, leakage=0.2, label_noise=0.25, seed=3)
    answer = solve_whole(model, counts, ridge)
    with mp.workdps(40):
        for h in range(2):
            leading, correction = Energy(model, counts, ridge, h).mixed_derivatives()
            expected = leading - model.label_noise_variance
            assert answer.leading[0, h] == pytest.approx(expected, rel=1e-9)
            assert answer.correction[0, h] == pytest.approx(correction, rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "ridge"), [((4, 7), 0.0), ((1, 2), 0.0), ((4, 3), 0.3), ((9, 0), 0.0), ((1, 9), 0.0)]
)
def test_the_moments_serve_a_test_sample_that_is_no_training_sample(counts, ridge):
    """Any diagonal covariance T and cross-moment Sb, as under drag, test noise and erasure."""
    model = world((2, 3), noise=0.3, leakage=0.2, label_noise=0.25, seed=3)
    layout = BlockLayout(model.block_of, 2, coupled=True)
    found = equivalent.EquivalentMoments(*map(layout.unsort, solve_moments(model, counts, ridge)))
    rng, b = np.random.default_rng(8), model.coefficients
    for zeros in ((), (0, 3)):  # a cross-moment without covariance there is none
        covariance, cross = 0.1 + 2.0 * rng.random((2, 5))
        covariance[list(zeros)] = cross[list(zeros)] = 0.0
        best = np.divide(cross * b, covariance, out=np.zeros(5), where=covariance > 0)
        # E y² is 4; e = y - x·c with what is not explained by x
        energy = Energy(model, counts, ridge, 2)
        energy.parts.append((np.diag(covariance), best, 4.0 - covariance @ best**2))
        with mp.workdps(40):
            leading, correction = energy.mixed_derivatives()
        squared = covariance @ (found.mean**2 + found.variance)
        risk = 4.0 - 2.0 * (cross * b) @ found.mean + squared
        change = covariance @ (2.0 * found.mean * found.mean_correction + found.variance_correction)
        change -= 2.0 * (cross * b) @ found.mean_correction
        assert risk == pytest.approx(leading, rel=1e-9)
        assert change == pytest.approx(correction, rel=1e-9)
    np.testing.assert_allclose(found.coefficient_error, b - found.mean, rtol=1e-12, atol=1e-14)
    assert np.all(found.variance > 0.0)


@pytest.mark.parametrize(("s", "n"), [(10, 20), (10, 14), (40, 400), (7, 9)])
def test_one_group_above_the_threshold_is_the_expansion_of_the_exact_mean(s, n):
    """ρ(n-1)/(n-s-1) = ρ n/(n-s) + ρ s/(n-s)² + …"""
    model = world((s,), leakage=0.0)
    rho = seen(model)[0][2]
    answer = solve_whole(model, (n,), 0.0)
    risk = answer.leading[0, 0] + model.label_noise_variance
    assert risk == pytest.approx(rho * n / (n - s), rel=1e-11)
    assert answer.correction[0, 0] == pytest.approx(rho * s / (n - s) ** 2, rel=1e-10)


@pytest.mark.parametrize(("s", "n"), [(20, 10), (14, 10), (400, 40), (9, 7)])
def test_one_isotropic_group_below_the_threshold_is_that_expansion_too(s, n):
    """ρ(1 + n/(s-n-1)) + E(1-n/s) = ρ s/(s-n) + E(1-n/s) + ρ n/(s-n)² + …"""
    model = mt.BlockModel([1.0], [0] * s, [1.3] * s, np.cos(np.arange(s)), 0.4)
    covariance, best, rho = seen(model)[0]
    energy = best @ covariance @ best
    answer = solve_whole(model, (n,), 0.0)
    assert answer.leading[0, 0] == pytest.approx(
        rho * s / (s - n) + energy * (1 - n / s), rel=1e-11
    )
    assert answer.correction[0, 0] == pytest.approx(rho * n / (s - n) ** 2, rel=1e-9)


def test_twice_the_samples_and_coordinates_halve_the_correction():
    for counts, ridge in (((12, 20), 0.0), ((2, 3), 0.0), ((8, 8), 0.1)):
        one, two = (
            solve_whole(
                mt.BlockModel(
                    [0.4, 0.6],
                    np.repeat([0, 1], [4 * k, 6 * k]),
                    np.repeat([2.0, 0.7], [4 * k, 6 * k]),
                    np.full(10 * k, 1.0 / math.sqrt(k)),
                    0.4,
                ),
                k * np.array(counts),
                ridge,
            )
            for k in (1, 2)
        )
        np.testing.assert_allclose(two.leading, one.leading, rtol=1e-9)
        np.testing.assert_allclose(two.correction, one.correction / 2, rtol=1e-8)


# --- what must not matter ----------------------------------------------------------------------


def close(one, other, relabel=slice(None), scale=1.0):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a[0], scale * b[0][relabel], rtol=1e-9)


SOME = [((6, 9, 11), 0.0), ((1, 2, 1), 0.0), ((3, 5, 2), 0.2), ((0, 9, 8), 0.0)]


@pytest.mark.parametrize("noise", [0.4, None])
@pytest.mark.parametrize(("counts", "ridge"), SOME)
def test_names_of_groups_and_order_of_coordinates_do_not_matter(counts, ridge, noise):
    model = world(noise=noise)
    order, relabel = np.random.default_rng(1).permutation(model.dim), np.array([2, 0, 1])
    back = np.argsort(relabel)
    permuted = mt.BlockModel(
        model.group_probabilities[back],
        relabel[model.block_of[order]],
        model.signal_variances[order],
        model.coefficients[order],
        np.broadcast_to(model.noise_variance, model.dim)[order],
        leakage_variances=model.leakage_variances[order],
        interference_variances=model.interference_variances[order],
        label_noise_variance=model.label_noise_variance,
    )
    there = solve_whole(permuted, np.array(counts)[back], ridge)
    close(solve_whole(model, counts, ridge), there, relabel)


@pytest.mark.parametrize("factor", [2.0**-40, 3.0, 2.0**40])
@pytest.mark.parametrize(("counts", "ridge"), SOME)
def test_the_unit_of_the_features_does_not_matter(counts, ridge, factor):
    model = world()
    scaled = model.replace(
        signal_variances=model.signal_variances * factor,
        leakage_variances=model.leakage_variances * factor,
        noise_variance=model.noise_variance * factor,
        coefficients=model.coefficients / math.sqrt(factor),
    )
    close(solve_whole(model, counts, ridge), solve_whole(scaled, counts, ridge * factor))


@pytest.mark.parametrize(("counts", "ridge"), SOME)
def test_the_unit_of_the_label_does_not_matter(counts, ridge):
    model = world()
    scaled = model.replace(
        coefficients=3.0 * model.coefficients,
        label_noise_variance=9.0 * model.label_noise_variance,
    )
    close(solve_whole(scaled, counts, ridge), solve_whole(model, counts, ridge), scale=9.0)


@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_a_group_whose_features_are_those_of_another_only_adds_samples(ridge):
    """Without signal or leakage in what differs, (7, 5) of two groups are 12 of one."""
    rng = np.random.default_rng(4)
    variances, b = 1.0 + rng.random(6), rng.standard_normal(6)
    blocks = [0, 0, 0, 1, 1, 1]
    two = mt.BlockModel([0.4, 0.6], blocks, variances, b, 0.4, leakage_variances=variances)
    one = mt.BlockModel([1.0], [0] * 6, variances, b, 0.4)
    for counts in ((7, 5), (1, 2), (12, 0)):
        both, single = solve_whole(two, counts, ridge), solve_whole(one, [sum(counts)], ridge)
        for a, c in ((both.leading, single.leading), (both.correction, single.correction)):
            np.testing.assert_allclose(a[0], np.repeat(c[0], 2), rtol=1e-9)


@pytest.mark.parametrize(("counts", "ridge"), [(12, 0.3), (5, 1.0), (30, 0.0), (30, 0.1)])
def test_a_block_alone_has_an_equation_of_its_own(counts, ridge):
    """The weight of a group solves that of its block, with what the others add to a and to c."""
    model = world((4, 7), leakage=0.1)
    found = solve_moments(model, (counts, 9), ridge)
    order = np.argsort(model.block_of, kind="stable")
    start = 0
    for size, n in zip(model.sizes, (counts, 9), strict=True):
        block = slice(start, start + size)
        own = (model.signal_variances + model.noise_variance)[order][block]
        # D = c' + w C in the block
        w = (found.denominator - found.outer_penalty)[block] / own
        np.testing.assert_allclose(w, w[0], rtol=1e-9)
        pull = found.outer_pull[block]
        np.testing.assert_array_equal(pull, pull[0])
        total = pull[0] * w[0] + (w * own / found.denominator[block]).sum()
        assert total == pytest.approx(n, rel=1e-9)
        start += size


@pytest.mark.parametrize("counts", [3, 5, 30])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_with_one_group_dense_and_its_expert_are_the_same(counts, ridge):
    model = world((8,), leakage=0.0)
    dense, moe = (fitted_risk(kind(ridge), model, np.array([counts])) for kind in (mt.Dense, _moe))
    assert (dense.value, dense.error, dense.exactness) == pytest.approx(
        (moe.value, moe.error, moe.exactness)
    )
    answer = solve_whole(model, (counts,), ridge)
    if dense.exactness == "asymptotic":
        value = answer.leading[0, 0] + answer.correction[0, 0]
        assert 0.0 < abs(dense.excess - value) <= dense.error


def _moe(ridge):
    return mt.MoE(ridge=ridge)


@pytest.mark.parametrize("kind", [mt.Dense, _moe])
def test_any_model_has_finite_numbers_or_a_refusal(kind):
    """Variances from 2⁻⁴⁰ to 2⁴⁰, up to 10⁹ samples in one group and none in the next."""
    rng = np.random.default_rng(6)
    answered = 0
    for _ in range(300):
        k = int(rng.integers(1, 7))
        sizes = rng.integers(1, 8, k)
        exponents = int(rng.choice([0, 3, 10, 40]))

        def variances(size, most=exponents, rng=rng):
            return 2.0 ** rng.integers(-most, most + 1, size)

        d = int(sizes.sum())
        p = 0.1 + rng.random(k)
        block_of, signal = np.repeat(np.arange(k), sizes), variances(d)
        coefficients = rng.standard_normal(d) * (rng.random(d) < 0.8)
        noise = variances(1)[0]
        leakage = variances(d) if rng.random() < 0.6 else np.zeros(d)
        model = mt.BlockModel(
            p / p.sum(),
            block_of,
            signal,
            coefficients,
            float(np.clip(noise, *noise_limits(block_of, signal, leakage))),
            leakage_variances=leakage,
            label_noise_variance=0.1 * (rng.random() < 0.5),
        )
        counts = rng.choice([0, 1, 2, 3, 5, 10, 30, 1000, 10**6, 10**9], k)
        if rng.random() < 0.5:
            counts = rng.integers(0, 15, k)
        counts[rng.integers(k)] += 1
        ridge = variances(1)[0] if rng.random() < 0.4 else 0.0
        try:
            risk = mt.risk(kind(ridge), model, samples=counts)
        except NoClosedForm:
            continue
        answered += 1
        assert risk.excess >= 0.0
        assert 0.0 <= risk.error < math.inf
        assert math.isfinite(risk.value) or risk.exactness == "exact"
        assert not np.any(np.isnan(risk.per_group))
    assert answered > 290
