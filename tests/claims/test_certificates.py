"""Certificates of expressions: proved what is true, refuted what is false, by their own data."""

import math
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, oo

import moetheory as mt
from moetheory.claims.certificates import UNTIED, Symbolic
from moetheory.claims.claim_certificates import Shipped, certify_claim
from moetheory.common.errors import ArgumentError, ArgumentTypeError

a, b, c, d, p, x, y, z = SYMBOLS = sympy.symbols("a b c d p x y z")


def parallel(one, other):
    return one * other / (one + other)


SCHUR = x * (x - y) * (x - z) + y * (y - x) * (y - z) + z * (z - x) * (z - y)
MOTZKIN = x**4 * y**2 + x**2 * y**4 + 1 - 3 * x**2 * y**2
ROBINSON = (x**6 + y**6 + z**6 + 3 * x**2 * y**2 * z**2) - sum(
    u**4 * (v**2 + w**2) for u, v, w in ((x, y, z), (y, z, x), (z, x, y))
)
HORN = (a, b, c, d, p)
HORN_PAIRS = sum(HORN[i] * HORN[(i + 1) % 5] for i in range(5))
UNIT, LINE = {p: (0, 1)}, (-oo, oo)
TRUE = {
    "harmonic mean": (parallel(x, y), (x + y) / 4, None, "sum of squares"),
    "means of two": (2 * x * y, x**2 + y**2, None, "sum of squares"),
    "means of three": (3 * x * y * z, x**3 + y**3 + z**3, None, "sum of squares"),
    "Motzkin": (0, MOTZKIN, None, "sum of squares"),
    "Robinson": (0, ROBINSON, None, "Pólya"),
    "Schur": (0, SCHUR, None, "Pólya"),
    "Horn": (4 * HORN_PAIRS, sum(HORN) ** 2, None, "Pólya"),
    "large degree": (0, (x**10 - x * y**9 + y**10) ** 2 + x**20 + (x - y) ** 2, None, "split"),
    "Choi-Lam": (
        4 * x * y * z,
        x**2 * y**2 + y**2 * z**2 + z**2 * x**2 + 1,
        None,
        "sum of squares",
    ),
    "three terms": (0, (x - 2 * y + z) ** 2 + x * (x - y) ** 2, None, "sum of squares"),
    "Pólya": (3 * x**3 * y, x**4 + 3 * x**2 * y**2 + y**4, None, None),
    "unit interval": (p * (1 - p), Rational(1, 4), UNIT, "sum of squares"),
    "beyond a threshold": (x, x**2, {x: (1, math.inf)}, "coefficients"),
    "below a threshold": (x**2, x, {x: (0, 1)}, "coefficients"),
    "real numbers": (2 * x * y, x**2 + y**2, {x: LINE, y: LINE}, "sum of squares"),
    "negative numbers": (x**3, 0, {x: (-oo, 0)}, "coefficients"),
    "an order": (y, x, {x: y + a}, "coefficients"),
    "parallel sum is concave": (
        p * parallel(a, b) + (1 - p) * parallel(c, d),
        parallel(p * a + (1 - p) * c, p * b + (1 - p) * d),
        UNIT,
        "sum of squares",
    ),
    "sign in the denominator": (0, (x**2 + 1) / (x**2 - x * y + y**2), None, "sum of squares"),
    "numbers": (1, 2, None, "coefficients"),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_inequalities_are_proved(name):
    left, right, domain, kind = TRUE[name]
    certificate = mt.certify(left, right, domain)
    assert certificate.status == "proved", certificate
    assert kind is None or certificate.kind == kind
    assert certificate.verify()
    assert certificate.counterexample is None
    # another route: the sides at points of the domain
    points = np.random.default_rng(0).uniform(0.01, 3.0, (20, len(SYMBOLS)))
    for values in points:
        at = dict(zip(SYMBOLS, map(Rational, map(str, values.round(3))), strict=True))
        at[p] = at[p] / 3
        if name == "an order":
            at[x] = at[y] + at[a]
        if "threshold" in name:
            at[x] = at[x] / 3 if "below" in name else 1 + at[x]
        if "negative" in name:
            at[x] = -at[x]
        assert sympy.sympify(left).subs(at) <= sympy.sympify(right).subs(at)


def test_the_square_is_shown():
    certificate = mt.certify(parallel(x, y), (x + y) / 4)
    assert "right - left = (x - y)**2/(4*(x + y))" in str(certificate)
    assert (certificate.numerator, certificate.denominator) == ("x**2 - 2*x*y + y**2", "4*x + 4*y")
    assert r"\frac{\left(x - y\right)^{2}}{4 \left(x + y\right)}" in certificate.latex()


FALSE = {
    "means": (2 * x * y, x**2 + 0.99 * y**2, None),
    "only near 1": (0, (x - 1) ** 2 + (y - 1) ** 2 - Rational(1, 10**8), None),
    "only near 31/30": (0, (x - Rational(31, 30)) ** 2 - Rational(1, 10**12), None),
    "only near the square root of 2": (0, (x**2 - 2) ** 2 - Rational(1, 10**6), None),
    "only far out": (x, 900, None),
    "only near 0": (Rational(1, 900), x, None),
    "only in a part of the domain": (x, x**2, None),
    "a pole": (0, 1 / (x - 1), None),
    "at the end of the domain": (p, Rational(99, 100), UNIT),
    "numbers": (2, 1, None),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_inequalities_are_refuted_in_exact_arithmetic(name):
    left, right, domain = FALSE[name]
    certificate = mt.certify(left, right, domain)
    assert certificate.status == "refuted"
    assert not certificate.proofs
    at = certificate.counterexample
    assert all(isinstance(value, Fraction) and value > 0 for value in at.values())
    assert at.get("p", 0) < 1
    values = {sympy.Symbol(n): Rational(v.numerator, v.denominator) for n, v in at.items()}
    left, right = (sympy.nsimplify(each).subs(values) for each in (left, right))
    assert left > right
    assert f"left = {left} and right = {right}" in str(certificate)


def test_what_fails_in_a_region_that_is_hardly_found_is_never_proved():
    """The region lies around a point that no search ends at exactly."""
    low = (x**2 - 2) ** 2 + (y**3 - x) ** 2 - Rational(1, 10**30)
    assert mt.certify(0, low).status != "proved"


def test_identities():
    square = x**2 + 2 * x * y + y**2
    assert mt.certify((x + y) ** 2, square, relation="==").kind == "identity"
    assert mt.certify((x + y) ** 2, square, relation="==").verify()
    wrong = mt.certify((x + y) ** 2, square + y / 10**6, relation="==")
    assert wrong.status == "refuted"
    assert mt.certify((x + y) ** 2, square).kind == "identity"


def test_what_is_true_and_not_found_is_open():
    """A power of Horn's form, which is not negative, has too many terms."""
    certificate = mt.certify(0, (sum(HORN) ** 2 - 4 * HORN_PAIRS) ** 3)
    assert certificate.status == "open"
    assert "tried in vain: coefficients, sums of squares" in str(certificate)


# --- what a certificate is ------------------------------------------------------------------------


def test_a_certificate_of_expressions_is_tied_to_nothing():
    for certificate in (mt.certify(x, 2 * x), mt.certify(2 * x, x)):
        assert not certificate.tied
        assert certificate.discrepancy is None
        assert UNTIED in certificate.summary
        assert UNTIED in str(certificate)
    tied = mt.check("generalization", replicates=2, rng=0).claims[0].certificate
    assert tied.tied
    assert UNTIED not in str(tied)
    assert tied.verify()


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (None, "any p, x > 0"),
        (UNIT, "any x > 0; 0 < p < 1"),
        ({p: (Rational(1, 2), oo)}, "any x > 0; 1/2 < p"),
        ({p: 1 / (1 + y)}, "any x > 0; p = 1/(y + 1)"),
    ],
)
def test_the_scope_says_where_symbols_range(domain, words):
    assert mt.certify(p * x, p * x + p, domain).scope == words


@pytest.mark.parametrize("name", ["harmonic mean", "Schur", "unit interval"])
def test_certificates_are_pickled_compared_and_drawn(name):
    from matplotlib.mathtext import MathTextParser

    left, right, domain, _ = TRUE[name]
    certificate = mt.certify(left, right, domain)
    again = pickle.loads(pickle.dumps(certificate))
    assert again == certificate
    assert again.verify()
    assert certificate != mt.certify(left, right + 1, domain)
    MathTextParser("path").parse(f"${certificate.latex()}$")


def test_without_a_proof_there_is_nothing_to_verify_or_write():
    refuted = mt.certify(2 * x, x)
    for method in (refuted.verify, refuted.latex):
        with pytest.raises(ValueError, match="the certificate is refuted"):
            method()


# --- properties -----------------------------------------------------------------------------------

exponents = st.tuples(*[st.integers(0, 2)] * 2)
coefficients = st.integers(-3, 3)
polynomials = st.dictionaries(exponents, coefficients, min_size=1, max_size=3)


def written(polynomial):
    return sum((k * x**i * y**j for (i, j), k in polynomial.items()), sympy.Integer(0))


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 3), exponents, polynomials), min_size=1, max_size=3))
def test_monomials_times_squares_are_never_refuted(terms):
    total = sum(k * x**i * y**j * written(base) ** 2 for k, (i, j), base in terms)
    certificate = mt.certify(0, total)
    assert certificate.status != "refuted"
    assert certificate.status == "open" or certificate.verify()


GRID = [Fraction(*each) for each in ((1, 50), (1, 3), (2, 3), (1, 1), (3, 2), (3, 1), (40, 1))]


@settings(max_examples=40)
@given(polynomials)
def test_what_is_negative_somewhere_is_never_proved(polynomial):
    values = [sum(k * u**i * v**j for (i, j), k in polynomial.items()) for u in GRID for v in GRID]
    status = mt.certify(0, written(polynomial)).status
    assert status != "proved" or min(values) >= 0
    assert status != "refuted" or any(k < 0 for k in polynomial.values())


# --- bad input ------------------------------------------------------------------------------------

X = sympy.Symbol("x", positive=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((sympy.sqrt(x), x), "left must be a rational function"),
        ((x, sympy.exp(x)), "right must be a rational function"),
        ((sympy.sqrt(2) * x, 2 * x), "left must be a rational function with rational coeff"),
        ((x, 1 / (x - x**2 / x)), "right must be real and finite"),
        ((x, 1 / ((x + 1) ** 2 - x**2 - 2 * x - 1)), "right .*it divides by zero"),
        ((x, (1 + x) ** 5000), "right must have exponents of at most 100, got 5000"),
        (("x", x), "left must be a SymPy expression or a real number, got 'x'"),
        ((x, math.nan), "right must be finite, got nan"),
        ((x, sympy.nan), "right must be real and finite"),
        ((x, x + sympy.I), "right must be real and finite"),
        ((x, 1j), "right must be a SymPy expression or a real number"),
        ((x, X), "right must share the symbols of left, got two symbols x"),
        ((x, x, {X: (0, 1)}), "domain must hold the symbols of the sides themselves"),
        ((x, x, {y: (0, 1)}), "domain must be about symbols of left or right, got y"),
        ((x, x, {x + 1: (0, 1)}), r"domain must be about symbols, got x \+ 1"),
        ((x, x, {"x": (0, 1)}), "domain must be about symbols, got 'x'"),
        ((x, x, {x: (1, 0)}), "domain must have low < high"),
        ((x, x, {x: (1, 1)}), "domain must have low < high"),
        ((x, x, {x: (math.nan, 1)}), "domain must have ends that are numbers, got nan"),
        ((x, x, {x: (0, sympy.pi)}), "domain must have ends that are rational numbers"),
        ((x, x, {x: 3}), r"domain must be a pair \(low, high\), got 3"),
        ((x, x, [x]), "domain must hold Symbols, got x"),
        ((x, x, {x: x + 1}), "domain is refused, .*must not lead from a symbol back to itself"),
        ((X, X, {X: -1 / (1 + y)}), "domain is refused, .*empty"),
        ((X, X, {X: (-1, 1)}), "domain is refused, .*must hold positive numbers only"),
        ((sympy.Symbol("n", integer=True), 1), "left must be about symbols of real intervals"),
        ((sympy.Symbol("n", negative=True), 1), "left must be about symbols of real intervals"),
        ((sympy.Symbol("n", commutative=False), 1), "left must be commutative"),
    ],
)
def test_what_cannot_be_certified_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        mt.certify(*arguments)


def test_other_relations_are_refused():
    with pytest.raises(ArgumentError, match='relation must be "<=" or "==", got \'<\''):
        mt.certify(x, x, relation="<")
    with pytest.raises(ArgumentTypeError):
        mt.certify(x, x, relation=None)


# --- claims in declared symbols -------------------------------------------------------------------

SIGNAL, SHARE = mt.Symbol("signal"), mt.Symbol("share", (0, 1))


def claim(**changes):
    stated = Symbolic(
        left=SHARE * SIGNAL,
        right=SIGNAL.symbol,
        scope="any share",
        domain=[SIGNAL, SHARE],
        model=lambda v: mt.BlockModel([1.0], [0, 0], [1.0] * 2, [v["signal"], v["share"]], 1.0),
    )
    return replace(stated, **changes)


def test_symbols_declare_domain_and_random_points():
    sides = Shipped(
        lambda m: float(m.coefficients[0] * m.coefficients[1]),
        lambda m: float(m.coefficients[0]),
        lambda m: float(m.coefficients[0]),
    )
    certificate = certify_claim("<=", claim(), sides)
    assert certificate.status == "proved"
    assert certificate.verify()
    assert list(claim().substitutions) == [SHARE.symbol]
    assert certify_claim("<=", claim(right=0.9 * SIGNAL), sides).status == "refuted"


def test_a_claim_needs_points_and_a_model():
    with pytest.raises(ValueError, match="draw must be a function, or domain a sequence"):
        claim(domain={})
    with pytest.raises(ValueError, match="model must be a function"):
        claim(model=None)


def test_a_symbol_keeps_its_interval():
    x, y = mt.Symbol("x_kept", (-1, 1)), mt.Symbol("y_kept")
    sides = x * y, x * y + y * x * x + y * x
    assert mt.certify(*sides, [x, y]).status == "refuted"
    for domain in (None, [y]):
        with pytest.raises(ArgumentError, match="must hold x_kept, a Symbol that was declared"):
            mt.certify(*sides, domain)
    assert mt.certify(y, 2 * y).status == "proved"


def test_floats_are_told_apart_by_all_their_digits():
    x = sympy.Symbol("x", positive=True)
    assert mt.certify((1 + 2e-15) * x, x).status == "refuted"
    assert mt.certify((1 + 2**-52) * x, x).status == "refuted"
    assert mt.certify(0.1 * x, sympy.Rational(1, 10) * x, relation="==").status == "proved"
