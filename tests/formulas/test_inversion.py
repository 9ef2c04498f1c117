"""Sums of chi-square ratios and beta variables: transforms and laws, each by a second route."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from moetheory.formulas import inversion, ratios, sum_transforms

GRID = [(1, 1), (2, 1), (5, 3), (40, 2), (1, 300), (16, 17), (100, 90)]


def of_ratios(*rows):
    """A Sum from rows (a, s, nu, power)."""
    empty = np.empty((4, 0))
    return sum_transforms.Sum(*np.array(rows, dtype=float).T, *empty)


def of_both(rows, betas):
    return sum_transforms.Sum(*np.array(rows, dtype=float).T, *np.array(betas, dtype=float).T)


def convolved(x, a, law, e, other):
    """P(aR + eQ ≤ x), for two ratios, by SciPy's quadrature of the density of one of them."""
    s, nu = other

    def integrand(b):
        density = math.exp(
            (s / 2 - 1) * math.log(b / e)
            - (s + nu) / 2 * math.log1p(b / e)
            - special.betaln(s / 2, nu / 2)
        )
        return density / e * special.fdtr(*law, (x - b) / a * law[1] / law[0])

    points = [x * f for f in (0.0, 1e-4, 1e-2, 0.1, 0.5, 0.9, 1.0)]
    return sum(
        integrate.quad(integrand, lo, hi, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        for lo, hi in itertools.pairwise(points)
    )


@pytest.mark.parametrize(("s", "nu"), [(2, 1), (5, 3), (16, 7), (3, 20)])
def test_ratio_transform_is_a_confluent_hypergeometric_function(s, nu):
    w = np.array([1e-3, 0.1, 1.0, 7.0])
    factor = math.exp(special.gammaln((s + nu) / 2) - special.gammaln(nu / 2))
    wanted = np.log(factor * special.hyperu(s / 2, 1 - nu / 2, w))
    np.testing.assert_allclose(sum_transforms.log_ratio_transform(w, s, nu).real, wanted, atol=1e-9)


@pytest.mark.parametrize(("s", "nu"), GRID)
@pytest.mark.parametrize("angle", [0.0, 1.2, math.pi / 2, 2.0])
def test_ratio_transform_by_the_plain_integral(s, nu, angle):
    """The integral over the density of R itself, on a ray where exp(-wr) decays."""
    w = np.array([1e-3, 0.3, 20.0]) * np.exp(1j * angle)
    lean = 0.6 * angle
    # the ray turns the density's (1 + r)^-(s+nu)/2 too, which costs digits in large cases
    step = 1.0 / (20.0 + 4.0 * math.sqrt(s + nu))
    t = np.arange(-80.0 - 100.0 / s, 90.0, step) - 1j * lean
    weight = s / 2 * t - (s + nu) / 2 * np.log1p(np.exp(t)) - special.betaln(s / 2, nu / 2)
    inside = weight[:, np.newaxis] - np.exp(t)[:, np.newaxis] * w
    wanted = step * np.exp(np.where(inside.real < -700, -700, inside)).sum(axis=0)
    size = step * np.exp(np.clip(inside.real, -700, None)).sum(axis=0)
    got = np.exp(sum_transforms.log_ratio_transform(w, s, nu))
    assert np.all(np.abs(got - wanted) <= 1e-12 * np.maximum(size, 1.0))


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (1, 0.5), (0.5, 5), (3, 2), (60, 25)])
def test_beta_transform_by_quadrature(alpha, beta):
    nodes, weights = special.roots_jacobi(250, beta - 1, alpha - 1)
    b, weights = (nodes + 1) / 2, weights / weights.sum()
    for w in (0.0, 1e-6, 2.0, 3 + 4j, 30.0, 90j, -2 + 300j, 5 - 70j):
        wanted = weights @ np.exp(-w * b)
        size = weights @ np.exp(-np.real(w) * b)
        got = np.exp(complex(sum_transforms.log_beta_transform(w, alpha, beta)))
        # the nodes of SciPy's rule are good to 11 digits where the exponents are small
        assert abs(got - wanted) <= 2e-11 * size


@pytest.mark.parametrize(("s", "nu"), [*GRID, (10_000, 20_000)])
@pytest.mark.parametrize("a", [1e-12, 2.5, 1e12])
def test_inversion_agrees_with_the_f_law(s, nu, a):
    for q in (1e-12, 1e-3, 0.3, 0.9):
        x = float(ratios.ratio_quantile(q, s, nu, upper=False))
        assert special.fdtr(s, nu, x * nu / s) == pytest.approx(q, rel=1e-9)
        # relative: also far out in the lower tail
        assert inversion.invert(a * x, of_ratios((a, s, nu, 1))) == pytest.approx(q, rel=1e-11)
    x = float(ratios.ratio_quantile(1e-8, s, nu, upper=True))
    assert 1 - inversion.invert(a * x, of_ratios((a, s, nu, 1))) == pytest.approx(1e-8, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "law", "e", "other"),
    [(1.0, (5, 3), 0.3, (7, 2)), (1.0, (20, 60), 1e-3, (3, 4)), (1.0, (3, 1), 1.0, (2, 5))],
)
def test_two_ratios_by_direct_convolution(a, law, e, other):
    terms = of_ratios((a, *law, 1), (e, *other, 1))
    for x in (0.2, 1.0, 9.0):
        wanted = convolved(x, a, law, e, other)
        assert inversion.invert(x, terms) == pytest.approx(wanted, abs=1e-11)


def test_many_equal_ratios_of_infinite_mean_against_one_more_in_the_sum():
    """P(Y_3 ≤ x) = E P(Y_2 ≤ x - R): three Cauchy-like terms from two and one."""
    two, three = of_ratios((1, 2, 1, 2)), of_ratios((1, 2, 1, 3))
    x = 4.0
    nodes, weights = special.roots_legendre(60)
    r = x * (nodes + 1) / 2
    density = 0.5 * (1 + r) ** -1.5
    inner = [inversion.invert(x - b, two) for b in r]
    assert inversion.invert(x, three) == pytest.approx(
        x / 2 * weights @ (density * inner), rel=1e-9
    )


@pytest.mark.parametrize(
    ("s", "n", "a"),
    [(3, 1, 0.1), (3, 1, 10.0), (100, 50, 0.1), (100, 50, 10.0), (50, 49, 1e-6), (50, 49, 0.1)],
)
def test_ratio_plus_beta_by_two_routes_and_by_quadrature(s, n, a):
    alpha, beta = (s - n) / 2, n / 2
    terms = of_both([(a, n, s - n + 1, 1)], [(1.0, alpha, beta, 1)])
    for x in (0.3, 1.02, 3.0):
        low, high = ratios.convolved_tails(x, a, n, s - n + 1, 1.0, alpha, beta)
        assert low + high == pytest.approx(1.0, abs=1e-12)
        assert inversion.invert(x, terms) == pytest.approx(low, abs=1e-11)
    if a == 0.1:
        x, nu = 0.6, s - n + 1
        wanted = integrate.quad(
            lambda b: stats.beta.pdf(b, alpha, beta) * special.fdtr(n, nu, (x - b) / a * nu / n),
            0.0,
            x,
            epsabs=1e-11,
            limit=400,
        )[0]
        assert ratios.convolved_tails(x, a, n, nu, 1.0, alpha, beta)[0] == pytest.approx(
            wanted, abs=1e-8
        )


def test_what_cannot_be_found_is_refused(monkeypatch):
    """Two arcsine laws: a density with an infinite peak at x = 1, where the series is slow."""
    terms = sum_transforms.Sum(*np.empty((4, 0)), *np.array([[1.0], [0.5], [0.5], [2.0]]))
    monkeypatch.setattr(inversion, "MOST_TERMS", 1 << 11)
    with pytest.raises(ArithmeticError, match="not found to within 1e-10"):
        inversion.invert(0.98, terms)


@pytest.mark.parametrize("x", [0.35, 1.0, 3.0])
def test_bent_and_straight_paths_agree(x):
    terms = of_ratios((0.3, 6, 5, 3), (0.05, 9, 2, 2), (0.4, 3, 30, 4))
    vertex, level, _ = inversion.saddle_point(x, terms)
    straight = math.exp(level) * inversion._on_line(x, terms, vertex, level)
    assert inversion.invert(x, terms) == pytest.approx(straight, abs=1e-12)


def many(count, seed=7):
    """As many different ratios, with beta variables beside half of them."""
    rng = np.random.default_rng(seed)
    size, scale = rng.integers(2, 20, count), 10 ** rng.uniform(-1, 1, (2, count))
    ratio = [scale[0], size, size + rng.integers(3, 60, count), rng.integers(1, 3, count)]
    beta = [each[::2] for each in (scale[1], size / 2 + 3, size + 2.5, np.ones(count))]
    return sum_transforms.Sum(*np.array(ratio, dtype=float), *np.array(beta, dtype=float))


def test_terms_side_by_side_are_those_of_each():
    terms = many(6)
    z = np.array([[0.02, 1.5], [0.3 + 2.0j, -0.4 + 3.0j]])
    wanted = sum(
        power * sum_transforms.log_ratio_transform(a * z, s, nu)
        for a, s, nu, power in zip(*terms[:4], strict=True)
    ) + sum(
        power * sum_transforms.log_beta_transform(e * z, alpha, beta)
        for e, alpha, beta, power in zip(*terms[4:], strict=True)
    )
    np.testing.assert_allclose(sum_transforms.log_transform(z, terms), wanted, rtol=1e-13)


def test_transforms_by_saddle_points_are_close():
    terms = many(12)
    z = 10 ** np.linspace(-3, 3, 13)
    off = sum_transforms.rough_log_transform(z, terms)
    off -= sum_transforms.log_transform(z, terms).real
    assert 1e-3 < np.abs(off).max() < 0.1 * (terms.ratio_powers.sum() + len(terms.beta_scales))


def test_a_path_is_good_beyond_its_own_point():
    terms = of_ratios((0.3, 6, 5, 3), (0.05, 9, 2, 2), (0.4, 3, 30, 4))
    path, near = inversion.path_to(1.0, terms), 0
    for x in np.geomspace(0.05, 20.0, 25):
        if path.is_close(x):
            near += 1
            assert path.probability(x)[0] == pytest.approx(inversion.invert(x, terms), abs=1e-11)
    assert 3 <= near < 25


def test_a_vertical_path_and_a_fourier_series_agree():
    terms = many(12)
    terms = terms._replace(beta_scales=6.0 * terms.beta_scales)
    x = 0.8 * float(terms.beta_scales @ terms.beta_powers)
    assert inversion.has_path(x, terms)
    vertex, level, _ = inversion.saddle_point(x, terms)
    series = math.exp(level) * inversion._on_line(x, terms, vertex, level)
    assert 1e-6 < series < 1.0
    assert inversion.invert(x, terms) == pytest.approx(series, rel=1e-9)


@pytest.mark.parametrize(
    ("tail", "upper"), [(1e-100, False), *((t, u) for t in (1e-9, 0.05, 0.5) for u in (0, 1))]
)
@pytest.mark.parametrize("off", [1.0, 0.6, 1.6])
def test_quantiles_take_few_paths_wherever_they_begin(monkeypatch, tail, upper, off):
    terms, made = many(64), []
    original, guess = inversion.path_to, inversion._rough_quantile

    def path_to(x, terms):
        made.append(x)
        return original(x, terms)

    monkeypatch.setattr(inversion, "path_to", path_to)
    monkeypatch.setattr(inversion, "_rough_quantile", lambda *given: off * guess(*given))
    x = inversion.quantile(tail, upper, 0.0, math.inf, terms)
    assert len(made) <= (3 if off == 1.0 else 8)
    below = inversion.invert(x, terms)
    got, error = (1.0 - below, 1e-12) if upper else (below, 0.0)
    assert got == pytest.approx(tail, rel=1e-10, abs=error)


def test_quantiles_are_refused_where_there_is_no_path():
    terms = sum_transforms.Sum(*np.empty((4, 0)), *np.array([[1.0], [0.5], [0.5], [2.0]]))
    with pytest.raises(ArithmeticError, match="not found to within 1e-10"):
        inversion.quantile(0.3, False, 0.0, 2.0, terms)
