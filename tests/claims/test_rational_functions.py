"""Fractions in lowest terms: those of SymPy's own functions, found another way."""

import pytest
import sympy

import moetheory as mt
from moetheory.claims.rational_functions import in_lowest_terms

p, t, u, x = sympy.symbols("p t u x", positive=True)
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
            (numerator, denominator),
            (-numerator, -denominator),
        )
        positive = all(
            c > 0
            for part in (found.numerator, found.denominator)
            for c in sympy.Poly(part, *({t} | part.free_symbols)).coeffs()
        )
        assert (found.zero, found.positive) == (numerator == 0, positive)


@pytest.mark.parametrize(
    ("expression", "zero", "positive"),
    [
        ((x + 1) ** 2 - x**2 - 2 * x - 1, True, False),
        ((x**2 - 1) / (x - 1), False, True),
        ((x - 1) / (x + 1), False, False),
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
    assert sympy.simplify(found.numerator / found.denominator - expression) == 0


def test_substitutions_come_first():
    assert in_lowest_terms(x - p, {x: p + u})[:2] == (u, 1)


def test_what_is_not_rational_is_refused():
    with pytest.raises(sympy.PolynomialError):
        in_lowest_terms(sympy.exp(x) + x, {})
