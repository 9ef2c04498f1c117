"""Rational functions: in lowest terms by arithmetic on coefficients, and their values at points."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import reduce
from operator import add, attrgetter, mul
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import sympy

_DIGITS = 40


class Fraction(NamedTuple):
    """A rational function in lowest terms, its numerator and its denominator expanded.

    Attributes
    ----------
    numerator, denominator : str
    zero : bool
        Whether the function is zero.
    positive : bool
        Whether all coefficients of both are positive.
    """

    numerator: str
    denominator: str
    zero: bool
    positive: bool


def in_lowest_terms(expression: sympy.Expr, domain: Mapping[sympy.Symbol, sympy.Expr]) -> Fraction:
    """An expression, after the substitutions of ``domain``, as one fraction.

    Its sign is such that the denominator has positive coefficients, if it can be.

    Raises
    ------
    sympy.PolynomialError
        The expression is no rational function, or divides by zero.

    Examples
    --------
    >>> import sympy
    >>> p, t = sympy.symbols("p t", positive=True)
    >>> in_lowest_terms(p / (1 - p) - p, {p: 1 / (1 + t)})
    Fraction(numerator='1', denominator='t**2 + t', zero=False, positive=True)
    """
    return as_fraction(*coprime_parts(expression, domain))


def coprime_parts(
    expression: sympy.Expr, domain: Mapping[sympy.Symbol, sympy.Expr]
) -> tuple[Any, Any]:
    """The numerator and the denominator of `in_lowest_terms`.

    Both are polynomials of one ring with integer coefficients, or expanded expressions where
    constants are not rational.
    """
    from sympy import CoercionFailed

    try:
        return integer_parts(expression, domain)
    except CoercionFailed:
        return _expanded_parts(expression.subs(dict(domain)))


def integer_parts(
    expression: sympy.Expr, domain: Mapping[sympy.Symbol, sympy.Expr]
) -> tuple[Any, Any]:
    """The parts of `coprime_parts` as polynomials of one ring with integer coefficients.

    Raises
    ------
    sympy.CoercionFailed
        The expression is no rational function with rational constants.
    """
    from sympy import ZZ, CoercionFailed
    from sympy.polys.rings import PolyRing

    symbols = expression.free_symbols.union(*(each.free_symbols for each in domain.values()))
    ring = PolyRing(sorted(symbols - domain.keys(), key=attrgetter("name")), ZZ)
    known = {
        symbol: _Factored(ring, {generator: 1})
        for symbol, generator in zip(ring.symbols, ring.gens, strict=True)
    }

    def leaf(node: sympy.Expr) -> _Factored:
        if node in domain:
            substituted: _Factored = _folded(domain[node], leaf, known)
            return substituted
        if not node.is_Rational:
            raise CoercionFailed(f"{node} is not rational")
        return _Factored(ring, {ring(node.p): 1, ring(node.q): -1})

    return _folded(expression, leaf, known).fraction()  # type: ignore[no-any-return]


def as_fraction(numerator: Any, denominator: Any) -> Fraction:
    """The fraction of two polynomials, of a ring or as expressions."""
    if hasattr(numerator, "ring"):
        positive = all(each > 0 for part in (numerator, denominator) for each in part.values())
        positive, zero = positive and bool(numerator), not numerator
    else:
        positive = _all_positive(numerator) and _all_positive(denominator)
        zero = bool(numerator == 0)
    return Fraction(str(numerator), str(denominator), zero, positive)


def evaluate(expression: sympy.Expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression, in 40-digit arithmetic.

    Parameters
    ----------
    expression : sympy.Expr
    values : mapping of names to numbers or arrays
        The values of its symbols: at one point, or at several.

    Examples
    --------
    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> float(evaluate(x / (x + y), {"x": 1.0, "y": 3.0}))
    0.25
    >>> evaluate(x / (x + y), {"x": [1.0, 3.0], "y": [3.0, 1.0]}).astype(float)
    array([0.25, 0.75])
    """
    import mpmath
    import sympy

    exact = np.frompyfunc(mpmath.mpf, 1, 1)

    def leaf(node: sympy.Expr) -> Any:
        if node.is_Symbol:
            return exact(values[node.name])
        if node.is_number:
            return mpmath.mpf(node.evalf(_DIGITS))
        symbols = list(node.free_symbols)
        function = np.frompyfunc(sympy.lambdify(symbols, node, "mpmath"), len(symbols), 1)
        return function(*map(leaf, symbols))

    with mpmath.workdps(_DIGITS):
        return _folded(expression, leaf, {})


def _folded(
    expression: sympy.Expr, leaf: Callable[[sympy.Expr], Any], known: dict[sympy.Expr, Any]
) -> Any:
    """An expression in the arithmetic of its leaves; the parts that are ``known`` are not repeated.

    Leaves are whatever is not a sum, a product or an integer power.
    """
    if expression not in known:
        if expression.is_Pow and expression.exp.is_Integer:
            value = _folded(expression.base, leaf, known) ** int(expression.exp)
        elif expression.is_Add or expression.is_Mul:
            # numbers come first; an array's operators take them, theirs do not take arrays
            parts = (_folded(each, leaf, known) for each in reversed(expression.args))
            value = reduce(add if expression.is_Add else mul, parts)
        else:
            value = leaf(expression)
        known[expression] = value
    return known[expression]


class _Factored:
    """A product of integer powers of polynomials; sums alone are multiplied out.

    Common divisors are slow to find. They are looked for once, in `fraction`; until then it is
    enough that factors which occur again cancel.
    """

    def __init__(self, ring: Any, powers: Mapping[Any, int]) -> None:
        self.ring = ring
        self.powers = Counter({factor: n for factor, n in powers.items() if n})

    def __mul__(self, other: _Factored) -> _Factored:
        factors = {**self.powers, **other.powers}
        return _Factored(self.ring, {f: self.powers[f] + other.powers[f] for f in factors})

    def __pow__(self, exponent: int) -> _Factored:
        from sympy import PolynomialError

        if exponent < 0 and self.ring.zero in self.powers:
            raise PolynomialError("it divides by zero")
        return _Factored(self.ring, {f: exponent * n for f, n in self.powers.items()})

    def __add__(self, other: _Factored) -> _Factored:
        if self.ring.zero in self.powers:
            return other
        factors = {**self.powers, **other.powers}
        common = _Factored(self.ring, {f: min(self.powers[f], other.powers[f]) for f in factors})
        total = sum((each * common**-1).fraction()[0] for each in (self, other))
        return common * _Factored(self.ring, {total: 1})

    def fraction(self) -> tuple[Any, Any]:
        """Coprime numerator and denominator; the first coefficient of the latter is positive."""
        one = self.ring.one
        numerator = math.prod((f**n for f, n in self.powers.items() if n > 0), start=one)
        denominator = one
        for factor, n in self.powers.items():
            if n < 0:
                numerator, left = numerator.cancel(factor**-n)
                denominator *= left
        return numerator, denominator


def _expanded_parts(expression: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """The parts of an expression with any constants."""
    import sympy

    rational = sympy.cancel(sympy.together(expression))
    numerator, denominator = (sympy.expand(part) for part in sympy.fraction(rational))
    if _all_positive(-denominator):
        numerator, denominator = -numerator, -denominator
    return numerator, denominator


def _all_positive(polynomial: sympy.Expr) -> bool:
    """Whether all coefficients of a polynomial are positive."""
    import sympy

    symbols = sorted(polynomial.free_symbols, key=str)
    if not symbols:
        return bool(polynomial > 0)
    return all(c.is_positive is True for c in sympy.Poly(polynomial, *symbols).coeffs())
