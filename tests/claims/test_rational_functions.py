"""Fractions in lowest terms: those of SymPy's own functions, found another way; and values."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy

import moetheory as mt
from moetheory.claims.rational_functions import evaluate, in_lowest_terms

p, t, u, x, y = SYMBOLS = sympy.symbols("p t u x y", positive=True)
THEOREMS = ("generalization", "leakage", "noise-shift", "shared-expert", "convergence-fixed-design")


def by_sympy(expression, domain):
    found = sympy.cancel(sympy.together(expression.subs(domain)))
    return tuple(map(sympy.expand, sympy.fraction(found)))


@pytest.mark.parametrize("name", THEOREMS)
def test_certified_differences_are_those_of_sympy(name):
    cases = [case for each in mt.catalogue[name].symbolic.values() for case in each]
    for case in cases:
        found = in_lowest_terms(case.right - case.left, case.domain)
        numerator, denominator = by_sympy(case.right - case.left, dict(case.domain))
        assert (found.numerator, found.denominator) in (
            (str(numerator), str(denominator)),
            (str(-numerator), str(-denominator)),
        )
        positive = all(
            c > 0
            for part in map(sympy.sympify, (found.numerator, found.denominator))
            for c in sympy.Poly(part, *({t} | part.free_symbols)).coeffs()
        )
        assert (found.zero, found.positive) == (numerator == 0, positive)


@pytest.mark.parametrize(
    ("expression", "zero", "positive"),
    [
        ((x + 1) ** 2 - x**2 - 2 * x - 1, True, False),
        ((x**2 - 1) / (x - 1), False, True),
        ((x - 1) / (x + 1), False, False),
        (x / (x**2 - x + 1), False, False),
        (-(x + 1) / -x, False, True),
        (sympy.sqrt(2) * x / (x + 1), False, True),
        ((x - sympy.sqrt(2)) / (x + 1), False, False),
        (0.5 * x, False, True),
        (sympy.Rational(1, 3), False, True),
        (sympy.Integer(-3), False, False),
        (sympy.Integer(0), True, False),
    ],
)
def test_signs_and_zeros(expression, zero, positive):
    found = in_lowest_terms(expression, {})
    assert (found.zero, found.positive) == (zero, positive)
    assert sympy.simplify(quotient(found) - expression) == 0


def quotient(found):
    """Numerator by denominator as an expression."""
    names = {each.name: each for each in SYMBOLS}
    return sympy.sympify(found.numerator, names) / sympy.sympify(found.denominator, names)


def random_expression(draw, depth):
    """Sums, products and powers of few factors, so that many of them cancel."""
    if depth == 0:
        return draw.choice([x, y, x + 1, x - y, 2 * y + 2, sympy.Rational(3, 4), x**2 - y**2])
    left, right = (random_expression(draw, depth - 1) for _ in range(2))
    kind = draw.randrange(4)
    if kind == 0:
        return left - right
    if kind == 1:
        return left * right
    if kind == 2:
        return left / right if right != 0 else left
    return left ** draw.choice([2, -1]) + right if left != 0 else right


def test_random_fractions_are_in_lowest_terms():
    draw = random.Random(5)
    for _ in range(40):
        expression = random_expression(draw, 3)
        found = in_lowest_terms(expression, {})
        at = {x: sympy.Integer(draw.randrange(10**6)), y: sympy.Rational(draw.randrange(10**6), 7)}
        assert quotient(found).subs(at) == expression.subs(at)
        assert sympy.gcd(*map(sympy.sympify, found[:2])) == 1


def test_substitutions_come_first():
    assert in_lowest_terms(x - p, {x: p + u})[:2] == ("u", "1")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_substitution_may_lead_to_another(reverse):
    """A symbol of the domain that were left over would be taken for any positive number."""
    domain = {x: y + u, y: p + t}
    if reverse:
        domain = dict(reversed(domain.items()))
    assert in_lowest_terms(x - p, domain)[:2] == ("t + u", "1")


def test_nothing_is_left_of_sums_that_vanish():
    vanishing = (x + y) ** 2 - x**2 - 2 * x * y - y**2
    for expression in (vanishing, x * vanishing + y * vanishing.subs(y, u), vanishing / u):
        assert in_lowest_terms(expression, {}) == ("0", "1", True, False)
    assert in_lowest_terms(u + vanishing / x, {}) == ("u", "1", False, True)
    with pytest.raises(sympy.PolynomialError, match="divides by zero"):
        in_lowest_terms(u / vanishing, {})


def test_what_is_not_rational_is_refused():
    with pytest.raises(sympy.PolynomialError):
        in_lowest_terms(sympy.exp(x) + x, {})


# --- values ---------------------------------------------------------------------------------------


def test_values_have_forty_digits():
    """Differences that no float sees, against fractions of integers."""
    points = {"x": np.array([1e-9, 3.0, 1e15]), "y": np.array([2.0, 3.0 + 1e-15, 1e-15])}
    expression = (x - y) ** 3 / (x + y) - sympy.Rational(2, 3) * x * y
    found = evaluate(expression, points)
    for value, a, b in zip(found, *points.values(), strict=True):
        a, b = Fraction(float(a)), Fraction(float(b))
        exact = (a - b) ** 3 / (a + b) - Fraction(2, 3) * a * b
        error = Fraction(*mpmath.libmp.to_rational(value._mpf_)) - exact
        assert abs(error) <= abs(exact) * Fraction(1, 10**35)
        assert evaluate(expression, {"x": float(a), "y": float(b)}) == value


def test_values_of_constants_and_of_other_functions():
    assert evaluate(sympy.Rational(1, 4), {"x": [1.0, 2.0]}) == 0.25
    at = {"x": np.array([0.5, 1e6])}
    found = evaluate(sympy.sqrt(2) * sympy.exp(-x) + sympy.pi, at)
    with mpmath.workdps(40):
        wanted = [mpmath.sqrt(2) * mpmath.exp(-mpmath.mpf(each)) + mpmath.pi for each in at["x"]]
        assert max(abs(found - wanted)) < mpmath.mpf(10) ** -38
    assert 0 < evaluate(sympy.exp(-x), {"x": 1e6}) < mpmath.mpf("1e-434000")  # less than any float


def test_values_of_symbols_that_do_not_occur_may_be_anything():
    assert evaluate(2 * x, {"x": 1.5, "b": [[1.0, 2.0], [3.0, 4.0]], "c": "text"}) == 3.0
