r"""Polynomials as sums of monomials times squares of any polynomials, from Gram matrices.

:math:`P = \sum_Sx^S\,b_S^\top G_Sb_S` over the square-free monomials :math:`x^S`, with :math:`b_S`
the monomials that fit the Newton polytope. Squares vanish where :math:`P` does, which removes what
keeps the :math:`G_S` from being positive definite. A point in the interior stays there when it is
rounded, and :math:`LDL^\top` reads off the squares in exact arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from moetheory.claims.linear_equations import Solved, solved_exactly
from moetheory.claims.monomials import Exponents, Point, Polynomial, half, monomial
from moetheory.common.arrays import FloatArray

Squares = list[tuple[Polynomial, Polynomial]]  # weights, one monomial each, and bases
MOST_ENTRIES = 260  # of all Gram matrices together
_ROUNDINGS = (1, 2, 4, 12, 60, 840, 10**4, 10**6, 10**9)
_STEPS, _SHARPENINGS = 12, 10  # of Newton's method, and of its barrier


class _Block(NamedTuple):
    """The Gram matrix that belongs to one square-free monomial, and its basis."""

    odd: Exponents
    basis: list[Polynomial]


def by_gram_matrices(
    polynomial: Polynomial, points: Sequence[Exponents], zeros: Sequence[Point]
) -> Squares | None:
    """Squares of any polynomials, by semidefinite programming."""
    blocks = []
    for odd in sorted({tuple(each % 2 for each in u) for u in points}):
        alike = [half(u, odd) for u in points if tuple(each % 2 for each in u) == odd]
        basis = _vanishing(alike, zeros)
        if basis:
            blocks.append(_Block(odd, basis))
    pure = [block for block in blocks if not any(block.odd)]
    return _gram(polynomial, pure) or (_gram(polynomial, blocks) if len(blocks) > 1 else None)


def _vanishing(monomials: Sequence[Exponents], zeros: Sequence[Point]) -> list[Polynomial]:
    """A basis of the polynomials in these monomials that are zero at all ``zeros``."""
    rows = [[*(monomial(u, zero) for u in monomials), Fraction(0)] for zero in zeros]
    solved = solved_exactly(rows, len(monomials))
    assert solved is not None
    found = []
    for free in solved.free:
        vector = {monomials[free]: Fraction(1)}
        for pivot, row in zip(solved.pivots, solved.rows, strict=True):
            if row[free]:
                vector[monomials[pivot]] = -row[free]
        found.append(vector)
    return found


def _gram(polynomial: Polynomial, blocks: Sequence[_Block]) -> Squares | None:
    """Squares from positive semidefinite Gram matrices of these blocks."""
    entries = [
        (number, i, j)
        for number, block in enumerate(blocks)
        for i in range(len(block.basis))
        for j in range(i, len(block.basis))
    ]
    if not 0 < len(entries) <= MOST_ENTRIES:
        return None
    rows: dict[Exponents, list[Fraction]] = {
        u: [Fraction(0)] * len(entries) + [c] for u, c in polynomial.items()
    }
    for column, (number, i, j) in enumerate(entries):
        odd, basis = blocks[number]
        for (u, a), (v, b) in itertools.product(basis[i].items(), basis[j].items()):
            w = tuple(map(sum, zip(u, v, odd, strict=True)))
            row = rows.setdefault(w, [Fraction(0)] * (len(entries) + 1))
            row[column] += a * b * (1 if i == j else 2)
    solved = solved_exactly(list(rows.values()), len(entries))
    if solved is None:
        return None
    inner = _interior(solved, entries, [len(block.basis) for block in blocks])
    if inner is None and solved.free:
        return None
    for rounding in _ROUNDINGS if inner is not None else (1,):
        free = [] if inner is None else [Fraction(round(x * rounding), rounding) for x in inner]
        squares = _squares(solved.at(free), entries, blocks)
        if squares is not None:
            return squares
    return None


def _squares(
    values: Sequence[Fraction], entries: Sequence[tuple[int, int, int]], blocks: Sequence[_Block]
) -> Squares | None:
    """The squares of Gram matrices by LDL', None unless all are positive semidefinite."""
    squares: Squares = []
    for number, (odd, basis) in enumerate(blocks):
        size = len(basis)
        gram = [[Fraction(0)] * size for _ in range(size)]
        for (of, i, j), value in zip(entries, values, strict=True):
            if of == number:
                gram[i][j] = gram[j][i] = value
        for i in range(size):
            pivot = gram[i][i]
            if pivot < 0 or (pivot == 0 and any(gram[i][i:])):
                return None
            if pivot == 0:
                continue
            row = [each / pivot for each in gram[i]]
            base: Polynomial = {}
            for j in range(i, size):
                for u, c in basis[j].items():
                    base[u] = base.get(u, Fraction(0)) + row[j] * c
            squares.append(({odd: pivot}, {u: c for u, c in base.items() if c}))
            for j in range(i + 1, size):
                gram[j] = [a - pivot * row[j] * b for a, b in zip(gram[j], row, strict=True)]
    return squares


def _interior(
    solved: Solved, entries: Sequence[tuple[int, int, int]], sizes: Sequence[int]
) -> FloatArray | None:
    """Free entries of Gram matrices that are positive definite, None if none are found.

    The least eigenvalue t is raised by Newton's method on a barrier: the free entries and t
    minimise -s t - log det(G - t) for growing s.
    """
    count, free = sum(sizes), len(solved.free)
    starts = np.cumsum([0, *sizes])
    places = [(starts[number] + i, starts[number] + j) for number, i, j in entries]
    columns = (
        np.array([i * count + j for i, j in places]),
        np.array([j * count + i for i, j in places]),
    )

    def spread(values: Any) -> FloatArray:
        matrix = np.zeros(count * count)
        for each in columns:
            matrix[each] = np.asarray(values, dtype=np.float64)
        return matrix.reshape(count, count)

    base = spread([float(each) for each in solved.at([Fraction(0)] * free)])
    if not free:
        return np.zeros(0) if np.linalg.eigvalsh(base)[0] > 0 else None
    units = [[Fraction(int(i == k)) for i in range(free)] for k in range(free)]
    moved = [spread([float(each) for each in solved.at(unit)]) - base for unit in units]
    directions = np.array([*moved, -np.eye(count)])
    scale = max(float(np.abs(base).max()), 1e-300)
    base = base / scale
    point = np.zeros(free + 1)
    point[:free] = np.linalg.lstsq(
        directions[:free].reshape(free, -1).T, -base.ravel(), rcond=None
    )[0]
    least = float(np.linalg.eigvalsh(base + np.tensordot(point, directions, 1))[0])
    point[free] = least - 1.0
    sharpness = 1.0
    for _ in range(_SHARPENINGS):
        for _ in range(_STEPS):
            root = np.linalg.cholesky(base + np.tensordot(point, directions, 1))
            under = np.linalg.inv(root)
            flat = under @ directions @ under.T
            gradient = -np.trace(flat, axis1=1, axis2=2)
            gradient[free] -= sharpness
            flat = flat.reshape(free + 1, -1)
            step = -np.linalg.lstsq(flat @ flat.T, gradient, rcond=None)[0]
            decrement = float(np.sqrt(max(-gradient @ step, 0.0)))
            point = point + step / (1.0 + decrement)  # stays inside: the barrier is self-concordant
            if decrement < 1e-3:
                break
        if point[free] > 1e-7 and sharpness >= 64.0:
            break
        sharpness *= 4.0
    return point[:free] * scale if point[free] > 1e-9 else None
