"""Splits of the positive numbers in two pieces, each with positive coordinates again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any


def splits(
    ring: Any, thresholds: list[tuple[Fraction, ...]], *, first: bool
) -> Iterator[tuple[int, int | Fraction]]:
    """Splits of a domain: a symbol by index, and the index of another or a threshold."""
    yield from itertools.combinations(range(ring.ngens), 2)
    if first:
        for index, column in enumerate(thresholds):
            yield from ((index, at) for at in column)


def threshold(ring: Any, at: int | Fraction) -> Any:
    """A threshold, or the symbol of an index, as an expression."""
    from sympy import Rational

    return ring.symbols[at] if isinstance(at, int) else Rational(at.numerator, at.denominator)


def pieces(
    numerator: Any, denominator: Any, index: int, at: int | Fraction, coordinate: Any
) -> Iterator[tuple[Any, Any]]:
    """Numerator and denominator in the coordinates of the piece below, and of that above."""
    ring = numerator.ring
    places = (at, index) if isinstance(at, int) else (index, index)
    for place, is_below in zip(places, (True, False), strict=True):
        symbols = [coordinate if i == place else each for i, each in enumerate(ring.symbols)]
        moved = ring.clone(symbols=symbols)
        new = moved.gens[place]
        if isinstance(at, int):
            value, under = moved.gens[index if is_below else at] + new, moved.one
        elif is_below:
            value, under = moved(ring.domain(at.numerator, at.denominator)), 1 + new
        else:
            value, under = ring.domain(at.numerator, at.denominator) + new, moved.one
        parts, degrees = zip(
            *(_moved(each, moved, place, value, under) for each in (numerator, denominator)),
            strict=True,
        )
        least = min(degrees)
        yield (
            parts[0] * under ** (degrees[1] - least),
            parts[1] * under ** (degrees[0] - least),
        )


def _moved(polynomial: Any, ring: Any, place: int, value: Any, under: Any) -> tuple[Any, int]:
    """A polynomial with ``value / under`` for one symbol, times the power of ``under``."""
    degree = max((u[place] for u in polynomial.monoms()), default=0)
    by_power: dict[int, dict[Any, Any]] = {}
    for u, c in polynomial.terms():
        others = tuple(0 if i == place else each for i, each in enumerate(u))
        by_power.setdefault(u[place], {})[others] = c
    total = ring.zero
    for power, terms in by_power.items():
        total += ring.from_dict(terms) * value**power * under ** (degree - power)
    return total, degree


def fresh_symbol(symbols: Any, symbol: Any) -> Any:
    """A positive symbol of a new name, such as t_x for a coordinate in place of x."""
    from sympy import Symbol

    names = {each.name for each in symbols}
    root = symbol.name
    while len(root) > 2 and root[1] == "_" and root[0] in "tuvw":
        root = root[2:]
    for depth in itertools.count():
        for letter in "tuvw":
            name = f"{letter}_{root}" + str(depth or "")
            if name not in names:
                return Symbol(name, positive=True)
    raise AssertionError("names are finitely many")
