"""Ridge traces of a Wishart matrix: quadrature of the joint law, limits, simulation."""

import itertools
import math
from functools import cache

import mpmath
import numpy as np
import pytest
from scipy import special

from moetheory.formulas import finite, wishart_ridge
from moetheory.formulas.wishart_ridge import RidgeTraces, ridge_traces

FIRST = ("kept_share", "missed_share", "missed_square", "noise_trace")  # of relative accuracy
SECOND = ("variance_on_diagonal", "square_off_diagonal")
SHAPES = [(4, 4), (7, 4), (4, 6), (31, 30), (30, 32), (33, 33), (300, 299), (120, 400), (900, 50)]


def from_moments(n, s, kept, missed, missed_square, noise, kept_square, trace_square):
    """Traces from means of sums over the min(n, s) nonzero eigenvalues, a negative error.

    ``kept_square`` and ``trace_square`` are E tr M² and E(tr M)² less (E tr M)².
    """
    zeros, common = s - min(n, s), s * (s + 2)
    diagonal = (2 * kept_square + trace_square) / common + 2 * (s - 1) * kept**2 / (s * common)
    other = (s * kept_square - trace_square + (s - 1) * kept**2) / (common * max(s - 1, 1))
    shares = kept / s, (zeros + missed) / s, (zeros + missed_square) / s
    return RidgeTraces(*shares, noise, diagonal, other, -1.0)


def compare(traces, wanted, fields, rtol):
    for field in fields:
        np.testing.assert_allclose(
            getattr(traces, field), float(getattr(wanted, field)), rtol=rtol, err_msg=field
        )


@pytest.mark.parametrize("ridge", [1e-10, 1e-6, 1e-3, 0.1, 1.0, 30.0, 1e4, 1e10])
@pytest.mark.parametrize(("n", "s"), [(1, 1), (2, 1), (3, 1), (7, 1), (50, 1), (1, 2), (1, 9)])
def test_one_eigenvalue_has_a_chi_square_law(n, s, ridge):
    most = max(n, s)
    with mpmath.workdps(40):
        c, half = mpmath.mpf(ridge), mpmath.mpf(most) / 2
        norm = half * mpmath.log(2) + mpmath.loggamma(half)
        places = [c * 1e-60, c * 1e-6, c, c * 1e6, 1e-50, 1e-4, *(most * f for f in (0.2, 1, 3))]
        points = sorted({mpmath.log(p) for p in places if p <= 3 * most} | {math.log(most + 200)})

        @cache  # all means are over the same nodes
        def place_and_density(v):
            x = mpmath.exp(v)
            return x, mpmath.exp(v * half - x / 2 - norm)

        def mean(of):  # over the logarithm of x; `of` is scaled to be about one
            def integrand(v):
                x, density = place_and_density(v)
                return of(x) * density

            return mpmath.quad(integrand, points)

        one, unit = 1 + c, c / (1 + c)
        kept = mean(lambda x: x * one / (x + c)) / one
        missed = unit * mean(lambda x: one / (x + c))
        missed_square = unit**2 * mean(lambda x: (one / (x + c)) ** 2)
        noise = mean(lambda x: x * (one / (x + c)) ** 2) / one**2
        if c < 1:
            variance = unit**2 * mean(lambda x: (one / (x + c) - missed / unit) ** 2)
        else:
            variance = mean(lambda x: (x * one / (x + c) - kept * one) ** 2) / one**2
        wanted = from_moments(n, s, kept, missed, missed_square, noise, variance, variance)
    compare(ridge_traces(n, s, ridge), wanted, FIRST + SECOND, 1e-12)


def panels(edges):
    nodes, weights = np.polynomial.legendre.leggauss(40)
    left, length = np.array(edges[:-1])[:, np.newaxis], np.diff(edges)[:, np.newaxis]
    return (left + 0.5 * length * (1 + nodes)).ravel(), (0.5 * length * weights).ravel()


def pfaffian_traces(n, s, c):
    r"""Traces from the joint law of all eigenvalues, by de Bruijn's Pfaffian.

    E Π(1 + εg(x_i)) is Pf A(ε)/Pf A(0), with A_jk the integral of sgn(y-x) P_j(x)P_k(y) over
    w(1 + εg) twice, and for an odd number of eigenvalues one more row, of single integrals.
    """
    least, most = min(n, s), max(n, s)
    scale = math.sqrt(c)
    near = [0.0, *(f * scale for f in (0.1, 1.0, 10.0, 100.0))]
    top = math.sqrt(least) + math.sqrt(most) + 9.0
    y, y_step = panels([*(e for e in near if e < 1.0), *np.linspace(1.0, top, 20)])
    r, r_step = panels([0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.6, 1.0])

    def weighted(t):  # polynomials times the weight, and dx = 2t dt
        log_weight = (most - least) * np.log(t / math.sqrt(most)) - 0.5 * (t**2 - most)
        order = np.arange(least).reshape(-1, *[1] * t.ndim)
        return special.eval_genlaguerre(order, most - least, t**2) * 2 * np.exp(log_weight)

    shares = {
        "kept": lambda x: x / (x + c),
        "missed": lambda x: c / (x + c),
        "missed_square": lambda x: (c / (x + c)) ** 2,
        "noise": lambda x: x / (x + c) ** 2,
        "kept_square": lambda x: (x / (x + c)) ** 2,
    }
    below = y[:, np.newaxis] * r
    inner, outer = weighted(below), weighted(y) * y_step
    column = r_step * y[:, np.newaxis]

    def skew(of_x, of_y):
        half = np.einsum("jyr,yr,ky,y->jk", inner, of_x * column, outer, of_y, optimize=True)
        return half - half.T

    def bordered(matrix, row):
        if least % 2 == 0:
            return matrix
        edge = np.append(row, 0.0)[:, np.newaxis]
        return (
            np.pad(matrix, ((0, 1), (0, 1)))
            + np.pad(edge, ((0, 0), (least, 0)))
            - np.pad(edge, ((0, 0), (least, 0))).T
        )

    one, ones = np.ones_like(y), np.ones_like(below)
    plain = bordered(skew(ones, one), outer.sum(axis=1))
    means = {}
    for name, g in shares.items():
        first = skew(g(below**2), one) + skew(ones, g(y**2))
        change = np.linalg.solve(plain, bordered(first, outer @ g(y**2)))
        means[name] = 0.5 * np.trace(change)
        if name == "kept":
            second = bordered(skew(g(below**2), g(y**2)), np.zeros(least))
            pairs = 0.5 * np.trace(np.linalg.solve(plain, second))
            pairs += 0.5 * means[name] ** 2 - 0.25 * np.trace(change @ change)
    trace_square = means["kept_square"] + 2 * pairs - means["kept"] ** 2
    means["kept_square"] -= means["kept"] ** 2
    return from_moments(n, s, **means, trace_square=trace_square)


@pytest.mark.parametrize("ridge", [1e-3, 0.3, 5.0, 100.0])
@pytest.mark.parametrize(
    ("n", "s"), [(2, 2), (2, 5), (3, 3), (4, 3), (4, 4), (6, 4), (5, 5), (5, 6), (9, 5), (7, 6)]
)
def test_joint_law_of_a_few_eigenvalues(n, s, ridge):
    traces, wanted = ridge_traces(n, s, ridge), pfaffian_traces(n, s, ridge)
    compare(traces, wanted, FIRST, 1e-11)
    for field in SECOND:  # differences in `wanted`
        scale = max(wanted.kept_share**2, 1e-300)
        assert getattr(traces, field) == pytest.approx(getattr(wanted, field), abs=1e-11 * scale)


@pytest.mark.parametrize(
    ("n", "s", "ridge", "seed"),
    [
        (7, 5, 2.0, 1),
        (6, 6, 0.5, 2),
        (8, 9, 20.0, 3),
        (13, 12, 1.0, 4),
        (4, 9, 5.0, 5),
        (9, 9, 9e2, 6),
    ],
)
def test_simulated_matrices(agrees, n, s, ridge, seed):
    replicates = 120_000
    z = np.random.default_rng(seed).standard_normal((replicates, n, s))
    inverse = np.linalg.inv(z.transpose(0, 2, 1) @ z + ridge * np.eye(s))
    kept = np.eye(s) - ridge * inverse
    diagonal = np.diagonal(kept, axis1=1, axis2=2)
    missed_square = ridge**2 * np.sum(inverse**2, axis=(1, 2))
    traces = ridge_traces(n, s, ridge)
    squares, total = np.mean(diagonal**2, axis=1), np.sum(kept**2, axis=(1, 2))
    for seen, wanted in [
        (np.mean(diagonal, axis=1), traces.kept_share),
        (missed_square / s, traces.missed_square),
        ((ridge * np.trace(inverse, axis1=1, axis2=2) - missed_square) / ridge, traces.noise_trace),
        (squares, traces.variance_on_diagonal + traces.kept_share**2),
        ((total / s - squares) / (s - 1), traces.square_off_diagonal),
    ]:
        sem = float(np.std(seen, ddof=1)) / math.sqrt(replicates)
        assert agrees(float(np.mean(seen)), sem, replicates, wanted)


LARGE = [(4096, 4096), (4098, 4096), (2048, 4096), (5, 10**7), (10**9 + 4, 4)]


@pytest.mark.parametrize(("n", "s"), [*SHAPES, *LARGE])
def test_without_a_ridge_least_squares_is_left(n, s):
    traces, distance = ridge_traces(n, s, 1e-100), abs(n - s)
    rank = min(n, s)
    if distance > 1:
        cost = float(finite.estimation_cost(n, s, 1.0, 0.0))
        np.testing.assert_allclose(traces.noise_trace, cost, rtol=2e-12)
    if n > s + 3:  # the mean of tr W^-2
        wanted = s * (n - 1.0) / (distance * (distance - 1.0) * (distance - 3.0))
        np.testing.assert_allclose(traces.missed_square * s * 1e200, wanted, rtol=2e-12)
    limit = finite.expert_moments(n, s, 0.0, 1.0)
    np.testing.assert_allclose(traces.kept_share, rank / s, rtol=2e-12)
    if n < s:
        np.testing.assert_allclose(traces.missed_share, 1.0 - n / s, rtol=2e-12)
        np.testing.assert_allclose(traces.missed_square, 1.0 - n / s, rtol=2e-12)
        wanted = limit.variance_of_squares + limit.variance_of_norm
        np.testing.assert_allclose(traces.variance_on_diagonal, wanted, rtol=1e-10)
        np.testing.assert_allclose(traces.square_off_diagonal, limit.variance_of_norm, rtol=1e-10)


@pytest.mark.parametrize(("n", "s"), [*SHAPES, *LARGE])
def test_a_large_ridge_leaves_the_moments_of_the_matrix(n, s):
    ridge = 1e12 * max(n, s)
    traces, second = ridge_traces(n, s, ridge), (n + s + 1.0) / ridge  # E tr W^2 / (c E tr W)
    np.testing.assert_allclose(traces.kept_share, n / ridge * (1 - second), rtol=2e-12)
    np.testing.assert_allclose(traces.noise_trace, n * s / ridge**2 * (1 - 2 * second), rtol=2e-12)
    np.testing.assert_allclose(
        traces.missed_square, 1.0 - 2 * n / ridge, rtol=1e-14 * max(n, s, 100)
    )
    if max(n, s) < 1000:
        np.testing.assert_allclose(traces.variance_on_diagonal, 2 * n / ridge**2, rtol=1e-6)
        np.testing.assert_allclose(traces.square_off_diagonal, n / ridge**2, rtol=1e-6)


RIDGES = [1e-9, 1e-2, 3.0, 250.0, 1e7]


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize(("n", "s"), SHAPES)
def test_samples_and_coordinates_exchange(n, s, ridge):
    one, other = ridge_traces(n, s, ridge), ridge_traces(s, n, ridge)
    np.testing.assert_allclose(one.kept_share * s, other.kept_share * n, rtol=1e-14)
    np.testing.assert_allclose(one.noise_trace, other.noise_trace, rtol=1e-14)
    for field in ("missed_share", "missed_square"):
        difference = s * getattr(one, field) - n * getattr(other, field)
        assert difference == pytest.approx(s - n, abs=1e-13 * max(n, s))


@pytest.fixture
def with_nodes(monkeypatch):
    """Ridge traces from other panels."""

    def compute(nodes, phase, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(wishart_ridge, "NODES", nodes)
            patch.setattr(wishart_ridge, "PHASE", phase)
            for cached in (wishart_ridge._spectrum, wishart_ridge._panel_rule):
                cached.cache_clear()
            return ridge_traces(*arguments)

    yield compute
    for cached in (wishart_ridge._spectrum, wishart_ridge._panel_rule):
        cached.cache_clear()


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize(("n", "s"), SHAPES)
def test_finer_panels_agree_within_the_stated_error(with_nodes, n, s, ridge):
    usual, fine = with_nodes(64, 40.0, n, s, ridge), with_nodes(90, 29.0, n, s, ridge)
    assert usual.error < 1e-12
    compare(usual, fine, FIRST, usual.error)
    compare(usual, fine, SECOND, 1e-8)


@pytest.mark.parametrize(("n", "s"), [(31, 30), (33, 33), (300, 299), (120, 400), (900, 50)])
def test_the_stated_error_sees_panels_that_are_too_coarse(with_nodes, n, s):
    coarse, fine = with_nodes(26, 40.0, n, s, 3.0), with_nodes(90, 29.0, n, s, 3.0)
    for field in FIRST:
        wrong = abs(getattr(coarse, field) / getattr(fine, field) - 1.0)
        assert 1e-11 < wrong < 30.0 * coarse.error


@pytest.mark.parametrize(("n", "s"), [*SHAPES, (1, 1), (2, 1), (1, 3)])
def test_more_ridge_keeps_less(n, s):
    rows = [ridge_traces(n, s, c) for c in np.geomspace(1e-14, 1e14, 90) * max(n, s)]
    for less, more in itertools.pairwise(rows):
        slack = 1.0 + less.error + more.error
        assert more.kept_share <= less.kept_share * slack
        assert more.noise_trace <= less.noise_trace * slack
        assert more.missed_share * slack >= less.missed_share
        assert more.missed_square * slack >= less.missed_square
    for row in rows:
        assert row.kept_share + row.missed_share == pytest.approx(1.0, rel=2e-12)
        assert row.variance_on_diagonal >= 0.0
        assert row.square_off_diagonal >= 0.0
        assert (row.square_off_diagonal == 0.0) == (s == 1)


@pytest.mark.parametrize("ridge", [5e-324, 1e-300, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize(("n", "s"), [(1, 1), (5, 5), (5, 40), (40, 5), (3, 10**8)])
def test_any_ridge_gives_finite_numbers(n, s, ridge):
    assert all(
        isinstance(value, float) and 0.0 <= value < math.inf for value in ridge_traces(n, s, ridge)
    )
