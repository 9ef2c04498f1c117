"""Refutations: points at which exact arithmetic contradicts a relation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from fractions import Fraction
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims.lowest_points import lowest_points
from moetheory.claims.monomials import Point, value_at
from moetheory.claims.positivity import as_dictionary, is_small
from moetheory.claims.proofs import Relation

if TYPE_CHECKING:
    import sympy

_GRID = (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(1000), Fraction(1, 1000))
_CORNERS, _RANDOM = 300, 60  # points that are tried without a search
_FEW = 40  # of them, for polynomials of many terms


def refutation(
    relation: Relation,
    sides: tuple[sympy.Expr, sympy.Expr],
    domain: Mapping[sympy.Symbol, sympy.Expr],
    parts: tuple[Any, Any],
) -> tuple[dict[str, Fraction], str] | None:
    """A point at which exact arithmetic contradicts the relation, and what it finds there."""
    from sympy import Rational

    numerator, denominator = parts
    symbols = sorted(sides[0].free_symbols | sides[1].free_symbols, key=attrgetter("name"))
    for point in counterexamples(numerator, denominator, relation):
        at = {
            symbol: Rational(each.numerator, each.denominator)
            for symbol, each in zip(numerator.ring.symbols, point, strict=True)
        }

        def exact(expression: sympy.Expr, at: Any = at) -> Any:
            for _ in range(len(domain) + 1):
                expression = expression.subs(domain).subs(at)
            return expression

        values = [exact(each) for each in (*sides, *symbols)]
        if not all(each.is_Rational for each in values):
            continue  # a side is not defined there
        left, right = values[:2]
        if left > right or (relation == "==" and left != right):
            found = {
                s.name: Fraction(int(v.p), int(v.q))
                for s, v in zip(symbols, values[2:], strict=True)
            }
            place = ", ".join(f"{name} = {value}" for name, value in found.items())
            return found, f"left = {left} and right = {right}" + (f" at {place}" if place else "")
    return None


def counterexamples(numerator: Any, denominator: Any, relation: Relation = "<=") -> Iterator[Point]:
    """Positive rational points at which the quotient of two polynomials is negative, or not zero.

    Those that are found at simple, extreme and random points come first, then the lowest.

    >>> from sympy import QQ, ring
    >>> _, x, y = ring("x y", QQ)
    >>> next(counterexamples(x - y, x + y))
    (Fraction(1, 1), Fraction(2, 1))
    """
    top, bottom = as_dictionary(numerator), as_dictionary(denominator)
    few = None if is_small(numerator) else _FEW
    tried: Iterator[Point] = itertools.islice(structured_points(numerator.ring.ngens), few)
    if top and numerator.ring.ngens and is_small(numerator):
        opposite = {u: -c for u, c in top.items()}
        searches = (lowest_points(each) for each in (top, opposite))
        tried = itertools.chain(tried, itertools.chain.from_iterable(searches))
    products = ((point, value_at(top, point) * value_at(bottom, point)) for point in tried)
    return (point for point, sign in products if sign < 0 or (relation == "==" and sign))


def structured_points(count: int) -> Iterator[Point]:
    """Points of ``count`` positive coordinates: simple and extreme ones, then random ones."""
    yield from itertools.islice(itertools.product(_GRID, repeat=count), _CORNERS)
    rng = np.random.default_rng(0)
    for _ in range(_RANDOM):
        drawn = np.exp(rng.uniform(-4.0, 4.0, count))
        yield tuple(Fraction(float(each)).limit_denominator(1000) or Fraction(1) for each in drawn)
