r"""Polynomials as sums of monomials times squares, with rational coefficients.

Symbols are positive, so that monomials are too. Two routes, from the simplest result on:

- *By linear programming*: squares of binomials, of which :math:`x^u + x^v - 2x^{(u+v)/2}` for
  exponents :math:`u \equiv v` mod 2 is one times a monomial. A vertex of the program is rational.
- *By Gram matrices*: squares of any polynomials (`moetheory.claims.gram_matrices`).

Both end in exact arithmetic; floats only guess. Sizes are limited: beyond them nothing is found.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from moetheory.claims.gram_matrices import Squares, by_gram_matrices
from moetheory.claims.linear_equations import solved_exactly
from moetheory.claims.monomials import (
    Exponents,
    Point,
    Polynomial,
    half,
    lattice_points,
    middle,
    monomial,
)

MOST_POINTS = 150  # lattice points of a Newton polytope


class Sum(NamedTuple):
    """A sum of monomials times squares, and a rest without negative coefficients.

    Attributes
    ----------
    squares : list of pairs
        Weights, one monomial each, and bases.
    rest : dict
        Coefficients by exponents.
    """

    squares: Squares
    rest: Polynomial


def sum_of_squares(polynomial: Polynomial, zeros: Sequence[Point], low: Point) -> Sum | None:
    """A polynomial as a sum of monomials times squares; None if none is found.

    Parameters
    ----------
    polynomial : dict
        Coefficients by exponents.
    zeros : sequence of points
        Positive rational points at which the polynomial is zero.
    low : point
        A positive rational point at which it is small; binomials that vanish there are tried.

    Examples
    --------
    >>> one = Fraction(1)
    >>> found = sum_of_squares({(2, 0): one, (1, 1): -2 * one, (0, 2): one}, [], (one, one))
    >>> [sorted(base) for _, base in found.squares], found.rest
    ([[(0, 1), (1, 0)]], {})
    """
    points = lattice_points(list(polynomial))
    if not points or len(points) > MOST_POINTS or not set(polynomial) <= set(points):
        return None
    found = _by_binomials(polynomial, points, low)
    if found is not None:
        return found
    squares = by_gram_matrices(polynomial, points, zeros)
    return None if squares is None else Sum(squares, {})


def _by_binomials(polynomial: Polynomial, points: Sequence[Exponents], low: Point) -> Sum | None:
    """Squares of binomials that vanish at ``low``, by linear programming."""
    from scipy.optimize import linprog

    pairs = [
        (u, v)
        for u, v in itertools.combinations(points, 2)
        if all((a - b) % 2 == 0 for a, b in zip(u, v, strict=True))
    ]
    place = {exponents: i for i, exponents in enumerate(points)}
    if not pairs:
        return None
    # in units of the point, where it is (1, …, 1)
    scaled = {u: c * monomial(u, low) for u, c in polynomial.items()}
    size = max(abs(float(c)) for c in scaled.values())
    matrix = np.zeros((len(points), len(pairs)))
    for column, (u, v) in enumerate(pairs):
        matrix[place[u], column] = matrix[place[v], column] = 1.0
        matrix[place[middle(u, v)], column] = -2.0
    bound = np.array([float(scaled.get(u, 0)) / size for u in points])
    found = linprog(np.ones(len(pairs)), matrix, bound, method="highs-ds")
    if found.status != 0:
        return None
    used = [pairs[i] for i in np.flatnonzero(found.x > 1e-9)]
    slack = np.asarray(bound - matrix @ found.x)
    tight = [u for u, left in zip(points, slack, strict=True) if left < 1e-8]
    weights = _exact_weights(used, tight, scaled)
    if weights is None:
        return None
    rest = dict(scaled)
    squares = []
    for (u, v), weight in zip(used, weights, strict=True):
        for exponents, factor in ((u, 1), (v, 1), (middle(u, v), -2)):
            rest[exponents] = rest.get(exponents, Fraction(0)) - factor * weight
        odd = tuple(each % 2 for each in u)
        bases = {half(w, odd): s / monomial(half(w, odd), low) for w, s in ((u, 1), (v, -1))}
        squares.append(({odd: weight / monomial(odd, low)}, bases))
    if any(each < 0 for each in [*weights, *rest.values()]):
        return None
    left = {u: c / monomial(u, low) for u, c in rest.items() if c}
    return Sum([each for each, weight in zip(squares, weights, strict=True) if weight], left)


def _exact_weights(
    pairs: Sequence[tuple[Exponents, Exponents]], tight: Sequence[Exponents], of: Polynomial
) -> list[Fraction] | None:
    """The weights of squares that leave nothing of the terms ``tight``."""
    rows = [
        [Fraction((u == w) + (v == w) - 2 * (middle(u, v) == w)) for u, v in pairs]
        + [of.get(w, Fraction(0))]
        for w in tight
    ]
    solved = solved_exactly(rows, len(pairs))
    return None if solved is None or solved.free else [row[-1] for row in solved.rows]
