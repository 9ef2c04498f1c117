r"""Proofs that anyone can re-check: positivity of a rational function by its coefficients.

A difference of two risks is rational in positive symbols. Once a substitution has turned its
domain into "all symbols positive" (p = 1/(1+t) for a probability, say), cancelling and expanding
leaves a numerator and a denominator; if all coefficients of both are positive, so is the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import sympy

Relation = Literal["<=", "=="]
Values = Mapping[str, float]
_DIGITS = 40


@dataclass(frozen=True, eq=False)
class Symbolic:
    """A claim ``left <= right`` or ``left == right`` in SymPy expressions.

    Attributes
    ----------
    left, right : sympy.Expr
    domain : mapping of symbols to expressions
        Substitutions after which every symbol ranges over the positive numbers; symbols that
        are not named range over them already.
    shipped : sequence of (sympy.Expr, callable)
        Expressions the sides are made of, each with the function of the library it stands for,
        called with the symbols' values as keywords.
    draw : callable
        A random point of the domain: ``draw(generator)`` maps symbol names to values.
    """

    left: sympy.Expr
    right: sympy.Expr
    domain: Mapping[sympy.Symbol, sympy.Expr]
    shipped: Sequence[tuple[sympy.Expr, Callable[..., float]]]
    draw: Callable[[np.random.Generator], dict[str, float]]


@dataclass(frozen=True)
class Certificate:
    """What the algebra says of a claim.

    Attributes
    ----------
    status : {"proved", "refuted", "open"}
        Refuted: a random point of the domain is a counterexample, or the shipped formulas are
        not the certified expressions.
    numerator, denominator : str
        Of ``right - left`` after the substitutions: zero for a proved identity, all
        coefficients positive for a proved inequality.
    discrepancy : float
        Largest relative difference between an expression and its shipped formula.
    counterexample : mapping or None
    """

    status: Literal["proved", "refuted", "open"]
    numerator: str
    denominator: str
    discrepancy: float
    counterexample: Values | None = None


def certify(relation: Relation, claim: Symbolic, *, points: int = 8, seed: int = 0) -> Certificate:
    """Try to prove ``claim``, to refute it at random points, and tie it to the shipped code.

    Parameters
    ----------
    relation : {"<=", "=="}
    claim : Symbolic
    points, seed : int
        Random points at which the expressions meet the shipped formulas.

    Examples
    --------
    >>> import sympy
    >>> a, b = sympy.symbols("a b", positive=True)
    >>> claim = Symbolic(2 * a * b, a**2 + b**2, {a: b + sympy.Symbol("u")}, [],
    ...                  lambda rng: {"a": 2.0, "b": 1.0})
    >>> certify("<=", claim).status
    'proved'
    """
    numerator, denominator = _fraction(claim.right - claim.left, claim.domain)
    proved = numerator == 0 or (
        relation == "<=" and _all_positive(numerator) and _all_positive(denominator)
    )
    rng = np.random.default_rng(seed)
    drawn = [claim.draw(rng) for _ in range(points)]
    counterexample = next(
        (values for values in drawn if _contradicts(relation, claim, values)), None
    )
    discrepancy = max(
        (
            _discrepancy(expression, formula, values)
            for expression, formula in claim.shipped
            for values in drawn
        ),
        default=0.0,
    )
    status: Literal["proved", "refuted", "open"] = "proved" if proved else "open"
    if counterexample is not None or not discrepancy <= 1e-12:
        status = "refuted"
    return Certificate(status, str(numerator), str(denominator), discrepancy, counterexample)


def evaluate(expression: sympy.Expr, values: Values) -> Any:
    """The lambdified expression at ``values``, in 40-digit arithmetic."""
    import mpmath
    import sympy

    symbols = sorted(expression.free_symbols, key=str)
    function = sympy.lambdify(symbols, expression, modules="mpmath")
    with mpmath.workdps(_DIGITS):
        return mpmath.mpf(function(*(mpmath.mpf(values[str(symbol)]) for symbol in symbols)))


def _fraction(
    difference: sympy.Expr, domain: Mapping[sympy.Symbol, sympy.Expr]
) -> tuple[sympy.Expr, sympy.Expr]:
    import sympy

    rational = sympy.cancel(sympy.together(difference.subs(dict(domain))))
    numerator, denominator = (sympy.expand(part) for part in sympy.fraction(rational))
    return (-numerator, -denominator) if _all_positive(-denominator) else (numerator, denominator)


def _all_positive(polynomial: sympy.Expr) -> bool:
    import sympy

    symbols = sorted(polynomial.free_symbols, key=str)
    if not symbols:
        return bool(polynomial > 0)
    return all(c.is_positive is True for c in sympy.Poly(polynomial, *symbols).coeffs())


def _contradicts(relation: Relation, claim: Symbolic, values: Values) -> bool:
    left, right = evaluate(claim.left, values), evaluate(claim.right, values)
    excess = left - right if relation == "<=" else abs(left - right)
    return bool(excess > 1e-25 * (abs(left) + abs(right)))


def _discrepancy(expression: sympy.Expr, formula: Callable[..., float], values: Values) -> float:
    wanted, got = evaluate(expression, values), formula(**values)
    return abs(float((got - wanted) / wanted)) if wanted else abs(float(got))
