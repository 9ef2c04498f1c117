"""The domain of a certificate: where its symbols range, and whether random points lie within."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims.rational_functions import evaluate
from moetheory.common.arrays import FloatArray

if TYPE_CHECKING:
    import sympy

Values = Mapping[str, Any]
SPREAD = 1.25  # the least ratio of the largest to the smallest value drawn of a coordinate
_CLOSURE = 1e-9  # a coordinate may be 0, an end point of the domain, up to rounding
_VALUE = "value_"  # the name of what an expression shall be
_TRIED, _DECADES = 64, 6.0  # coordinates tried in `require_positive`, and how far from 1


def require_positive(domain: Mapping[sympy.Symbol, sympy.Expr]) -> None:
    """Refuse substitutions that lead out of the positive numbers, where their symbols range.

    Parameters
    ----------
    domain : mapping of symbols to expressions
        As for `Symbolic`: an expression in coordinates that range over the positive numbers.

    Raises
    ------
    ValueError
        An expression is positive for no coordinates (the domain is empty), or not for all; or
        expressions lead from a symbol back to itself.

    Examples
    --------
    >>> import sympy
    >>> p, t = sympy.symbols("p t", positive=True)
    >>> require_positive({p: 1 / (1 + t)})
    >>> require_positive({p: -1 / (1 + t)})
    Traceback (most recent call last):
    ...
    ValueError: the domain of a certificate is empty: p = -1/(t + 1) is positive for no t
    """
    try:
        TopologicalSorter({s: each.free_symbols for s, each in domain.items()}).prepare()
    except CycleError as error:
        circle = ", ".join(f"{each} = {domain[each]}" for each in dict.fromkeys(error.args[1]))
        raise ValueError(
            f"the domain of a certificate must not lead from a symbol back to itself, got {circle}"
        ) from None
    for symbol, expression in domain.items():
        if symbol.is_positive is True:
            _require_positive(symbol, expression)


@lru_cache(maxsize=256)
def _require_positive(symbol: sympy.Symbol, expression: sympy.Expr) -> None:
    """Refuse an expression that is not positive at random coordinates."""
    names = sorted(each.name for each in expression.free_symbols)
    rng = np.random.default_rng(0)
    tried = 10.0 ** rng.uniform(-_DECADES, _DECADES, (_TRIED, len(names)))
    values = evaluate(expression, dict(zip(names, tried.T, strict=True)))
    positive = np.broadcast_to(values > 0.0, _TRIED)
    if not positive.any():
        raise ValueError(
            f"the domain of a certificate is empty: {symbol} = {expression} is positive for no "
            f"{', '.join(names) or 'value'}"
        )
    if not positive.all():
        point = zip(names, tried[np.argmin(positive)], strict=True)
        where = ", ".join(f"{name}={value:.3g}" for name, value in point)
        raise ValueError(
            f"the domain of a certificate must hold positive numbers only, got {symbol} = "
            f"{expression}, which is not positive at {where}"
        )


def require_covered(
    domain: Mapping[sympy.Symbol, sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    drawn: Sequence[Values],
) -> None:
    """Refuse random points that lie outside the domain, and points that are all alike.

    Points outside belong to the scope and are not covered by the proof. Where all points are
    alike, they say little of what the proof covers.

    Parameters
    ----------
    domain : mapping of symbols to expressions
        Rational functions, as for `Symbolic`.
    symbols : sequence of symbols
        The symbols of both sides.
    drawn : sequence of mappings of names to values
        The random points of `Symbolic.draw`.

    Raises
    ------
    ValueError
        A point lacks a symbol, lies outside, or a coordinate stays within a factor of 1.25.

    Examples
    --------
    >>> import sympy
    >>> p, t = sympy.symbols("p t", positive=True)
    >>> require_covered({p: 1 / (1 + t)}, [p], [{"p": 0.1}, {"p": 0.9}])
    >>> require_covered({p: 1 / (2 + t)}, [p], [{"p": 0.1}, {"p": 0.9}])
    Traceback (most recent call last):
    ...
    ValueError: the domain of a certificate must cover its scope, got p = 1/(t + 2) and a random \
point with p=0.9, for which no t is positive
    """
    for name, found in _coordinates(domain, symbols, drawn).items():
        least, most = np.abs(found).min(), np.abs(found).max()
        if len(found) > 1 and most <= SPREAD * least:
            raise ValueError(
                f"the random points of a certificate must cover its domain, got values of {name} "
                f"from {least:.3g} to {most:.3g} only"
            )


def _coordinates(
    domain: Mapping[sympy.Symbol, sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    drawn: Sequence[Values],
) -> dict[str, FloatArray]:
    """The coordinates of points: free symbols, and those that substitutions introduce."""
    known = {each.name: np.array([_drawn(each, point) for point in drawn]) for each in symbols}
    left = {symbol: expression for symbol, expression in domain.items() if symbol.name in known}
    substituted = {symbol.name for symbol in left}
    found = {name: values for name, values in known.items() if name not in substituted}
    while left:
        unknown = {
            s: [each for each in e.free_symbols if each.name not in known] for s, e in left.items()
        }
        symbol = min(left, key=lambda each: len(unknown[each]))
        expression = left.pop(symbol)
        if len(unknown[symbol]) != 1:
            raise ValueError(
                "the domain of a certificate must have one new coordinate for each symbol, got "
                f"{symbol} = {expression}"
            )
        (coordinate,) = unknown[symbol]
        roots = _positive_roots(expression, coordinate, known[symbol.name], known)
        if np.isnan(roots).any():
            value = known[symbol.name][np.isnan(roots)][0]
            raise ValueError(
                f"the domain of a certificate must cover its scope, got {symbol} = {expression} "
                f"and a random point with {symbol}={value:.4g}, for which no {coordinate} is "
                "positive"
            )
        known[coordinate.name] = found[coordinate.name] = roots
    return found


def _drawn(symbol: sympy.Symbol, values: Values) -> float:
    """The value of a symbol at a random point: a finite number, positive if the symbol is."""
    value = values.get(symbol.name)
    number = value if isinstance(value, int | float | np.number) else math.nan
    least = 0.0 if symbol.is_positive else -math.inf
    if not (math.isfinite(number) and number >= least):
        kind = "positive" if symbol.is_positive else "finite"
        raise ValueError(
            f"draw must give a {kind} number for every symbol of a certificate, got "
            f"{symbol}={value!r}"
        )
    return float(number)


def _positive_roots(
    expression: sympy.Expr,
    coordinate: sympy.Symbol,
    values: FloatArray,
    known: Mapping[str, FloatArray],
) -> FloatArray:
    """Coordinates, at least 0, at which ``expression`` has ``values``; NaN where there are none."""
    at = {**known, _VALUE: values}
    coefficients = np.array(
        [
            np.broadcast_to(evaluate(each, at), values.shape)
            for each in _equation(expression, coordinate)
        ],
        dtype=np.float64,
    )
    return np.array([_positive_root(polynomial) for polynomial in coefficients.T])


def _positive_root(coefficients: FloatArray) -> float:
    """The largest real root of a polynomial, highest power first; NaN if it is negative."""
    roots = np.roots(coefficients)
    real = roots.real[np.abs(roots.imag) <= _CLOSURE * np.abs(roots.real)]
    largest = float(np.max(real, initial=-math.inf))
    return max(largest, 0.0) if largest >= -_CLOSURE else math.nan


@lru_cache(maxsize=256)
def _equation(expression: sympy.Expr, coordinate: sympy.Symbol) -> list[sympy.Expr]:
    """The coefficients of the polynomial in ``coordinate`` that is 0 where it has `_VALUE`."""
    import sympy

    numerator, denominator = sympy.fraction(sympy.cancel(expression))
    equation = numerator - sympy.Symbol(_VALUE) * denominator
    coefficients: list[sympy.Expr] = sympy.Poly(equation, coordinate).all_coeffs()
    return coefficients
