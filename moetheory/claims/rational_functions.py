"""Rational functions in lowest terms, by arithmetic on their coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sympy


class Fraction(NamedTuple):
    """A rational function in lowest terms, its numerator and its denominator expanded.

    Attributes
    ----------
    numerator, denominator : sympy.Expr
    zero : bool
        Whether the function is zero.
    positive : bool
        Whether all coefficients of both are positive.
    """

    numerator: sympy.Expr
    denominator: sympy.Expr
    zero: bool
    positive: bool


def in_lowest_terms(expression: sympy.Expr, domain: Mapping[sympy.Symbol, sympy.Expr]) -> Fraction:
    """An expression, after the substitutions of ``domain``, as one fraction.

    Its sign is such that the denominator has positive coefficients, if it can be.

    Raises
    ------
    sympy.PolynomialError
        The expression is no rational function.

    Examples
    --------
    >>> import sympy
    >>> p, t = sympy.symbols("p t", positive=True)
    >>> in_lowest_terms(p / (1 - p) - p, {p: 1 / (1 + t)})
    Fraction(numerator=1, denominator=t**2 + t, zero=False, positive=True)
    """
    return _in_lowest_terms(expression, tuple(domain.items()))


@lru_cache(maxsize=256)
def _in_lowest_terms(
    expression: sympy.Expr, domain: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
) -> Fraction:
    from sympy import ZZ
    from sympy.polys.fields import FracField

    substituted = expression.subs(dict(domain))
    symbols = sorted(substituted.free_symbols, key=str)
    if not symbols:
        return _by_expressions(substituted)
    try:
        # arithmetic on dictionaries of coefficients: expressions would sort their terms each time
        found = FracField(symbols, ZZ).from_expr(substituted)
    except ValueError:  # a constant that is not rational, or a function that is not
        return _by_expressions(substituted)
    numerator, denominator = found.numer, found.denom
    if all(each < 0 for each in denominator.values()):
        numerator, denominator = -numerator, -denominator
    return Fraction(
        numerator.as_expr(),
        denominator.as_expr(),
        not numerator,
        bool(numerator)
        and all(each > 0 for part in (numerator, denominator) for each in part.values()),
    )


def _by_expressions(expression: sympy.Expr) -> Fraction:
    """The fraction of an expression with any constants."""
    import sympy

    rational = sympy.cancel(sympy.together(expression))
    numerator, denominator = (sympy.expand(part) for part in sympy.fraction(rational))
    if _all_positive(-denominator):
        numerator, denominator = -numerator, -denominator
    positive = _all_positive(numerator) and _all_positive(denominator)
    return Fraction(numerator, denominator, bool(numerator == 0), positive)


def _all_positive(polynomial: sympy.Expr) -> bool:
    """Whether all coefficients of a polynomial are positive."""
    import sympy

    symbols = sorted(polynomial.free_symbols, key=str)
    if not symbols:
        return bool(polynomial > 0)
    return all(c.is_positive is True for c in sympy.Poly(polynomial, *symbols).coeffs())
