r"""Certificates: a rational function is positive because all its coefficients are.

A difference of two risks is rational in positive symbols. Once a substitution has turned its
domain into "all symbols positive" (p = 1/(1+t) for a probability, say), cancelling and expanding
leaves a numerator and a denominator; if all coefficients of both are positive, so is the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from moetheory.common.errors import NoClosedForm, OutOfRangeError
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

Relation = Literal["<=", "=="]
Values = Mapping[str, float]
RESOLUTION = 0.01  # the relative error that every comparison must be able to see by default
_DIGITS = 40
_TIE = 1e-12  # the relative difference that is allowed between symbolic and shipped sides


@dataclass(frozen=True, eq=False)
class Symbolic:
    """A claim ``left <= right`` or ``left == right`` in SymPy expressions.

    Attributes
    ----------
    left, right : sympy.Expr
    domain : mapping of symbols to expressions
        Substitutions after which every symbol ranges over the positive numbers; symbols that
        are not named range over them already.
    draw : callable
        A random point of the domain: ``draw(generator)`` maps symbol names to values.
    model : callable
        The model that such values stand for.
    """

    left: sympy.Expr
    right: sympy.Expr
    domain: Mapping[sympy.Symbol, sympy.Expr]
    draw: Callable[[np.random.Generator], dict[str, float]]
    model: Callable[[Values], BlockModel]


class Shipped(NamedTuple):
    """The library's code for both sides of a claim, and the scale of their rounding errors."""

    left: Callable[[BlockModel], float]
    right: Callable[[BlockModel], float]
    scale: Callable[[BlockModel], float]


@dataclass(frozen=True)
class Certificate:
    """The result of `certify`: whether algebra proves a claim.

    Attributes
    ----------
    status : {"proved", "refuted", "open"}
        Refuted: a random point of the domain is a counterexample, or the shipped formulas are
        not the certified expressions. Open: not proved, or the shipped formulas could be
        compared with the expressions at no random point.
    numerator, denominator : str
        ``right - left`` after the substitutions, as one fraction. A numerator of zero proves an
        identity; numerator and denominator with positive coefficients prove an inequality.
    discrepancy : float
        Largest relative difference between a symbolic side and the shipped one; NaN if a side
        is, or if no random point compares them.
    counterexample : mapping or None
        The values of the symbols at a point that contradicts the claim.
    """

    status: Literal["proved", "refuted", "open"]
    numerator: str
    denominator: str
    discrepancy: float
    counterexample: Values | None = None


def certify(
    relation: Relation, claim: Symbolic, shipped: Shipped, *, points: int = 8, seed: int = 0
) -> Certificate:
    """The certificate of a claim: proved, refuted at a random point, or left open.

    Both symbolic sides are also compared with the library's own code at random points: those
    whose model is accepted and at which rounding hides less than 1 % of the sides.

    Parameters
    ----------
    relation : {"<=", "=="}
    claim : Symbolic
    shipped : Shipped
        What the library computes for the two sides.
    points, seed : int
        Random points at which the symbolic sides meet the shipped ones.

    Examples
    --------
    >>> import sympy
    >>> from moetheory import BlockModel, moe_bound
    >>> V, sigma2 = sympy.symbols("V sigma2", positive=True)
    >>> claim = Symbolic(
    ...     V * sigma2 / (1 + sigma2), V * sigma2, {}, lambda rng: {"V": 2.0, "sigma2": 0.5},
    ...     lambda v: BlockModel.isotropic(1, 1, v["sigma2"], label_power=v["V"]))
    >>> from moetheory.claims.quantities import moe_excess
    >>> certify("<=", claim, Shipped(moe_excess, moe_bound, moe_excess)).status
    'proved'
    """
    numerator, denominator = _fraction(claim.right - claim.left, tuple(claim.domain.items()))
    proved = numerator == 0 or (
        relation == "<=" and _all_positive(numerator) and _all_positive(denominator)
    )
    rng = np.random.default_rng(seed)
    drawn = [claim.draw(rng) for _ in range(points)]
    counterexample = next(
        (values for values in drawn if _contradicts(relation, claim, values)), None
    )
    found = (_discrepancy(claim, shipped, values) for values in drawn)
    discrepancies = [discrepancy for discrepancy in found if discrepancy is not None]
    # NaN must not pass for agreement
    agree = all(discrepancy <= _TIE for discrepancy in discrepancies)
    status: Literal["proved", "refuted", "open"] = "proved" if proved and discrepancies else "open"
    if counterexample is not None or not agree:
        status = "refuted"
    return Certificate(
        status,
        str(numerator),
        str(denominator),
        float(np.max(discrepancies)) if discrepancies else math.nan,
        counterexample,
    )


def evaluate(expression: sympy.Expr, values: Values) -> Any:
    """The value of an expression at ``values`` of its symbols, in 40-digit arithmetic."""
    import mpmath

    names, function = _lambdified(expression)
    with mpmath.workdps(_DIGITS):
        return mpmath.mpf(function(*(mpmath.mpf(values[name]) for name in names)))


@lru_cache(maxsize=256)
def _lambdified(expression: sympy.Expr) -> tuple[list[str], Callable[..., Any]]:
    """The names of an expression's symbols, sorted, and a function of their values."""
    import sympy

    symbols = sorted(expression.free_symbols, key=str)
    return [str(symbol) for symbol in symbols], sympy.lambdify(symbols, expression, "mpmath")


@lru_cache(maxsize=256)
def _fraction(
    difference: sympy.Expr, domain: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
) -> tuple[sympy.Expr, sympy.Expr]:
    """Expanded numerator and denominator of a difference after the substitutions of ``domain``."""
    import sympy

    rational = sympy.cancel(sympy.together(difference.subs(dict(domain))))
    numerator, denominator = (sympy.expand(part) for part in sympy.fraction(rational))
    return (-numerator, -denominator) if _all_positive(-denominator) else (numerator, denominator)


def _all_positive(polynomial: sympy.Expr) -> bool:
    """Whether all coefficients of a polynomial are positive."""
    import sympy

    symbols = sorted(polynomial.free_symbols, key=str)
    if not symbols:
        return bool(polynomial > 0)
    return all(c.is_positive is True for c in sympy.Poly(polynomial, *symbols).coeffs())


def _contradicts(relation: Relation, claim: Symbolic, values: Values) -> bool:
    """Whether the symbolic sides contradict the claim at a point."""
    left, right = evaluate(claim.left, values), evaluate(claim.right, values)
    excess = left - right if relation == "<=" else abs(left - right)
    return bool(excess > 1e-25 * (abs(left) + abs(right)))


def _discrepancy(claim: Symbolic, shipped: Shipped, values: Values) -> float | None:
    """The largest relative difference between symbolic and shipped sides; NaN if any side is.

    None where there is nothing to compare: the model is outside the accepted range, or rounding
    hides 1 % of the sides.
    """
    try:
        model = claim.model(values)
        computed, scale = (shipped.left(model), shipped.right(model)), abs(shipped.scale(model))
    except (OutOfRangeError, NoClosedForm):
        return None
    left, right = evaluate(claim.left, values), evaluate(claim.right, values)
    scale = max(abs(left), scale)
    if math.isfinite(scale) and _TIE * scale > RESOLUTION * max(abs(left), abs(right)):
        return None
    apart = _relative(computed[0] - left, scale), _relative(computed[1] - right, abs(right))
    return float(np.max(np.array(apart, dtype=np.float64)))


def _relative(difference: Any, scale: Any) -> Any:
    """The size of a difference relative to ``scale``."""
    return abs(difference) / scale if scale else math.inf if difference else 0.0
