"""Gram matrices: squares that add up exactly, also where no matrix is positive definite."""

from fractions import Fraction

import pytest
import sympy

from moetheory.claims.gram_matrices import by_gram_matrices
from moetheory.claims.monomials import lattice_points

x, y, z = SYMBOLS = sympy.symbols("x y z")


def found_for(expression, zeros=()):
    terms = sympy.Poly(expression, *SYMBOLS).terms()
    polynomial = {u: Fraction(int(c.p), int(c.q)) for u, c in terms}
    return by_gram_matrices(polynomial, lattice_points(list(polynomial)), zeros)


def written(polynomial):
    terms = (
        sympy.Rational(c.numerator, c.denominator) * x ** u[0] * y ** u[1] * z ** u[2]
        for u, c in polynomial.items()
    )
    return sum(terms, sympy.S.Zero)


@pytest.mark.parametrize(
    "expression",
    [
        x**2 - x * y + y**2,
        (x - 2 * y + z) ** 2,  # no Gram matrix is positive definite: zeros inside
        (x - 2 * y + z) ** 2 + x * (x - y) ** 2,
        2 * x**2 * (3 * x - 2 * y**2) ** 2 + (x**2 - y) ** 2 + y,  # zeros at infinity
        (x**2 - 2) ** 2 + x * (y - 1) ** 2 + (x - z) ** 2,
    ],
)
def test_squares_add_up(expression):
    squares = found_for(sympy.expand(expression))
    assert squares is not None
    assert all(weight > 0 for weights, _ in squares for weight in weights.values())
    total = sum(written(weight) * written(base) ** 2 for weight, base in squares)
    assert sympy.expand(total - expression) == 0


def test_squares_vanish_where_the_polynomial_does():
    zero = (Fraction(1), Fraction(1), Fraction(1))
    squares = found_for(sympy.expand((x * y - z) ** 2 + (x - 1) ** 2 + z * (y - 1) ** 2), [zero])
    assert squares is not None
    assert all(sum(base.values()) == 0 for _, base in squares)


@pytest.mark.parametrize("expression", [x**2 - 3 * x * y + y**2, x - y, (x - y) ** 2 - z**2])
def test_what_is_negative_somewhere_is_no_sum(expression):
    assert found_for(sympy.expand(expression)) is None
