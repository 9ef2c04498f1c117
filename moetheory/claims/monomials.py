"""Polynomials as dictionaries: exponents to coefficients, and where exponents lie."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

Exponents = tuple[int, ...]
Polynomial = dict[Exponents, Fraction]
Point = tuple[Fraction, ...]  # of positive coordinates

_BOX = 20_000  # lattice points that are tried


def value_at(polynomial: Mapping[Exponents, Fraction], point: Point) -> Fraction:
    """The exact value of a polynomial.

    >>> value_at({(2, 0): Fraction(1), (0, 1): Fraction(-2)}, (Fraction(3), Fraction(1, 2)))
    Fraction(8, 1)
    """
    total = Fraction(0)
    for exponents, coefficient in polynomial.items():
        term = coefficient
        for exponent, each in zip(exponents, point, strict=True):
            if exponent:
                term *= each**exponent
        total += term
    return total


def monomial(exponents: Exponents, at: Point) -> Fraction:
    """The value of a monomial."""
    value = Fraction(1)
    for exponent, each in zip(exponents, at, strict=True):
        value *= each**exponent
    return value


def middle(u: Exponents, v: Exponents) -> Exponents:
    """The exponents halfway between two of the same parity."""
    return tuple((a + b) // 2 for a, b in zip(u, v, strict=True))


def half(u: Exponents, odd: Exponents) -> Exponents:
    """The exponents v of which u is 2 v + odd."""
    return tuple((a - b) // 2 for a, b in zip(u, odd, strict=True))


def lattice_points(exponents: Sequence[Exponents]) -> list[Exponents]:
    """The integer points of the convex hull of exponents; none if there are too many.

    >>> lattice_points([(0, 0), (2, 0), (0, 2)])
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    """
    from scipy.spatial import ConvexHull

    corners = np.array(exponents, dtype=np.float64)
    sides = [range(int(a), int(b) + 1) for a, b in zip(corners.min(0), corners.max(0), strict=True)]
    if np.prod([float(len(side)) for side in sides]) > _BOX:
        return []
    box = np.array(list(itertools.product(*sides)), dtype=np.float64)
    centre = corners.mean(0)
    _, sizes, axes = np.linalg.svd(corners - centre)
    rank = int(np.sum(sizes > 1e-9))
    box = box[np.all(np.abs((box - centre) @ axes[rank:].T) < 1e-7, axis=1)]
    inside = np.ones(len(box), dtype=bool)
    flat, at = (corners - centre) @ axes[:rank].T, (box - centre) @ axes[:rank].T
    if rank == 1:
        inside = (at[:, 0] >= flat.min() - 1e-7) & (at[:, 0] <= flat.max() + 1e-7)
    elif rank > 1:
        faces = ConvexHull(flat).equations
        inside = np.all(at @ faces[:, :-1].T + faces[:, -1] <= 1e-7, axis=1)
    return [tuple(int(each) for each in row) for row in box[inside]]
