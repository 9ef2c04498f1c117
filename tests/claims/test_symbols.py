"""Symbols of claims: intervals, coordinates and draws agree."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy

import moetheory as mt
from moetheory.claims.symbols import Symbol, exact_number, interval
from moetheory.common.errors import ArgumentError

DOMAINS = [(0, math.inf), (0, 1), (2.5, math.inf), (-1, 1), (-math.inf, 3), (-sympy.oo, sympy.oo)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_coordinate_runs_through_the_interval_and_draws_lie_inside(domain):
    each = Symbol("x", domain)
    low, high = (float(end) for end in domain)
    (t,) = each.substitution.free_symbols
    values = [float(each.substitution.subs(t, 10.0**k)) for k in range(-9, 10)]
    assert all(low < value < high for value in values)
    steps = np.diff(values)
    assert np.all(steps > 0) or np.all(steps < 0)
    for end in (low, high):  # both ends are approached
        near = min(abs(value - end) for value in values) if math.isfinite(end) else 0.0
        assert near < 1e-6
        assert math.isfinite(end) or max(abs(value) for value in values) > 1e6
    drawn = [each.drawn(np.random.default_rng(seed)) for seed in range(50)]
    assert all(low < value < high for value in drawn)
    assert len(set(drawn)) == 50
    assert bool(each.symbol.is_positive) == (low >= 0)


def test_unbounded_positive_symbols_are_drawn_over_decades():
    drawn = np.array([Symbol("x").drawn(np.random.default_rng(seed)) for seed in range(200)])
    assert np.mean(drawn < 1.0) == pytest.approx(0.5, abs=0.15)
    assert drawn.min() < 0.1
    assert drawn.max() > 10.0


def test_a_draw_of_ones_own():
    assert Symbol("x", draw=lambda rng: 3.0).drawn(np.random.default_rng(0)) == 3.0


def test_arithmetic_is_that_of_the_sympy_symbol():
    x, y = Symbol("x"), sympy.Symbol("y")
    s = x.symbol
    assert sympy.sympify(x) == s
    assert [x + 1, 1 + x, x - y, y - x, 2 * x, x * y, x / 2, 2 / x, x**2, -x] == [
        *(s + 1, s + 1, s - y, y - s, 2 * s, s * y, s / 2, 2 / s, s**2, -s)
    ]
    assert x + x == 2 * s
    assert x**x == s**s
    assert pickle.loads(pickle.dumps(x)) == x == Symbol("x")


def test_symbols_are_the_domain_of_a_certificate():
    x, p = Symbol("x"), Symbol("p", (0, 1))
    assert mt.certify(p * x, x, [p, x]).status == "proved"
    assert mt.certify(p * x, x, [x, Symbol("p", (0, 2))]).status == "refuted"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "name must not be empty"),
        ((3,), "name must be a string"),
        (("x", (1, 0)), "domain must have low < high"),
        (("x", (math.inf, math.inf)), "domain must have low < high"),
        (("x", (0, math.nan)), "domain must have ends that are numbers"),
        (("x", (0, 1j)), "domain must have ends that are rational numbers"),
        (("x", 1), "domain must be a pair"),
        (("x", (0, 1), 3), "draw must be a function"),
    ],
)
def test_what_declares_no_symbol_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Symbol(*arguments)


def test_numbers_are_read_exactly():
    for number in (0.1, np.float64(0.1), sympy.Float(0.1), Fraction(1, 10), sympy.Rational(1, 10)):
        assert exact_number(number) == Fraction(1, 10)
    assert exact_number(np.int64(3)) == 3
    for number in (True, "1", None, 1j, sympy.pi, np.timedelta64(3, "D"), np.ones(2)):
        assert exact_number(number) is None
    assert interval("domain", (-sympy.oo, sympy.oo)) == (None, None)
