"""The domain of a certificate: where its symbols range, and whether random points lie within."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import sympy

Values = Mapping[str, Any]
SPREAD = 1.25  # the least ratio of the largest to the smallest value drawn of a coordinate
_CLOSURE = 1e-9  # a coordinate may be 0, an end point of the domain, up to rounding
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
        An expression is positive for no coordinates (the domain is empty), or not for all.

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
    import mpmath
    import sympy

    rng = np.random.default_rng(0)
    for symbol, expression in domain.items():
        if symbol.is_positive is not True:
            continue
        names = sorted(expression.free_symbols, key=str)
        tried = [10.0 ** rng.uniform(-_DECADES, _DECADES, len(names)) for _ in range(_TRIED)]
        evaluate = sympy.lambdify(names, expression, "mpmath")  # beyond the range of floats
        positive = [evaluate(*map(mpmath.mpf, each.tolist())) > 0.0 for each in tried]
        what = f"{symbol} = {expression}"
        listed = ", ".join(map(str, names)) or "value"
        if not any(positive):
            raise ValueError(
                f"the domain of a certificate is empty: {what} is positive for no {listed}"
            )
        if not all(positive):
            values = dict(zip(map(str, names), tried[positive.index(False)].tolist(), strict=True))
            where = ", ".join(f"{name}={value:.3g}" for name, value in values.items())
            raise ValueError(
                f"the domain of a certificate must hold positive numbers only, got {what}, which "
                f"is not positive at {where}"
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
    ranges: dict[str, list[float]] = {}
    for values in drawn:
        for name, value in _coordinates(domain, symbols, values).items():
            ranges.setdefault(name, []).append(value)
    for name, found in ranges.items():
        least, most = min(map(abs, found)), max(map(abs, found))
        if len(found) > 1 and most <= SPREAD * least:
            raise ValueError(
                f"the random points of a certificate must cover its domain, got values of {name} "
                f"from {least:.3g} to {most:.3g} only"
            )


def _coordinates(
    domain: Mapping[sympy.Symbol, sympy.Expr], symbols: Sequence[sympy.Symbol], values: Values
) -> dict[str, float]:
    """The coordinates of a point: its free symbols, and those that substitutions introduce."""
    known = {str(each): _drawn(each, values) for each in symbols}
    found = {name: known[name] for name in known.keys() - set(map(str, domain))}
    left = {symbol: expression for symbol, expression in domain.items() if str(symbol) in known}
    while left:
        unknown = {s: [c for c in e.free_symbols if str(c) not in known] for s, e in left.items()}
        symbol = min(left, key=lambda each: len(unknown[each]))
        expression, value = left.pop(symbol), known[str(symbol)]
        if len(unknown[symbol]) != 1:
            raise ValueError(
                "the domain of a certificate must have one new coordinate for each symbol, got "
                f"{symbol} = {expression}"
            )
        (coordinate,) = unknown[symbol]
        root = _positive_root(expression, coordinate, value, known)
        if root is None:
            raise ValueError(
                f"the domain of a certificate must cover its scope, got {symbol} = {expression} "
                f"and a random point with {symbol}={value:.4g}, for which no {coordinate} is "
                "positive"
            )
        known[str(coordinate)] = found[str(coordinate)] = root
    return found


def _drawn(symbol: sympy.Symbol, values: Values) -> float:
    """The value of a symbol at a random point: a finite number, positive if the symbol is."""
    value = values.get(str(symbol))
    number = value if isinstance(value, int | float | np.number) else math.nan
    least = 0.0 if symbol.is_positive else -math.inf
    if not (math.isfinite(number) and number >= least):
        kind = "positive" if symbol.is_positive else "finite"
        raise ValueError(
            f"draw must give a {kind} number for every symbol of a certificate, got "
            f"{symbol}={value!r}"
        )
    return float(number)


def _positive_root(
    expression: sympy.Expr, coordinate: sympy.Symbol, value: float, known: Values
) -> float | None:
    """The coordinate, at least 0, at which ``expression`` is ``value``; None if there is none."""
    others, roots = _inverse(expression, coordinate)
    arguments = [float(known[name]) for name in others]
    for root in roots:
        found = complex(root(value, *arguments))
        real = math.isfinite(found.real) and abs(found.imag) <= _CLOSURE * abs(found.real)
        if real and found.real >= -_CLOSURE:
            return max(found.real, 0.0)
    return None


@lru_cache(maxsize=256)
def _inverse(
    expression: sympy.Expr, coordinate: sympy.Symbol
) -> tuple[list[str], list[Callable[..., Any]]]:
    """The names of the other symbols of an expression, and its inverses in ``coordinate``."""
    import sympy

    value, free = sympy.Symbol("value_"), sympy.Dummy("free")
    others = sorted(expression.free_symbols - {coordinate}, key=str)
    equation = expression.subs(coordinate, free) - value
    roots = sympy.solve(equation, free)
    return [str(s) for s in others], [
        sympy.lambdify([value, *others], root, "mpmath") for root in roots
    ]
