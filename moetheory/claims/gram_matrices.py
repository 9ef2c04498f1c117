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
_STEPS, _SHARPENINGS = 12, 15  # of Newton's method, and of its barrier
_INSIDE, _NEAR = 1e-7, 3e-4  # least eigenvalues: of a matrix in the interior, and nearly there
_REDUCTIONS, _SIMPLE = 3, 100  # of bases, by vectors with denominators of this size


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
    rows = [[monomial(u, zero) for u in monomials] for zero in zeros]
    return _combined([{u: Fraction(1)} for u in monomials], rows)


def _combined(basis: Sequence[Polynomial], rows: Sequence[list[Fraction]]) -> list[Polynomial]:
    """A basis of the combinations of polynomials whose weights are orthogonal to all ``rows``."""
    solved = solved_exactly([[*row, Fraction(0)] for row in rows], len(basis))
    assert solved is not None
    found = []
    for place in range(len(solved.free)):
        weights = solved.at([Fraction(int(place == i)) for i in range(len(solved.free))])
        combined: Polynomial = {}
        for weight, each in zip(weights, basis, strict=True):
            for u, c in each.items():
                combined[u] = combined.get(u, Fraction(0)) + weight * c
        found.append({u: c for u, c in combined.items() if c})
    return found


def _gram(
    polynomial: Polynomial, blocks: Sequence[_Block], reductions: int = _REDUCTIONS
) -> Squares | None:
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
    sizes = [len(block.basis) for block in blocks]
    free, least, gram = _interior(solved, entries, sizes)
    for rounding in _ROUNDINGS if least > _INSIDE else (1,) if not solved.free else ():
        values = solved.at([Fraction(round(x * rounding), rounding) for x in free])
        squares = _squares(values, entries, blocks)
        if squares is not None:
            return squares
    if least < -_NEAR or least > _INSIDE or not reductions:
        return None
    # no Gram matrix is positive definite; what all of them send to zero leaves the bases
    smaller, start = [], 0
    for block, size in zip(blocks, sizes, strict=True):
        part = gram[start : start + size, start : start + size]
        basis = _combined(block.basis, _kernel(part, _NEAR * float(np.trace(gram))))
        smaller += [_Block(block.odd, basis)] if basis else []
        start += size
    if sum(len(block.basis) for block in smaller) == sum(sizes):
        return None
    return _gram(polynomial, smaller, reductions - 1)


def _kernel(gram: FloatArray, small: float) -> list[list[Fraction]]:
    """Simple rational vectors that span what a matrix sends to nearly zero."""
    sizes, vectors = np.linalg.eigh(gram)
    rows = vectors.T[sizes < small].copy()
    free = np.ones(rows.shape[1], dtype=bool)
    for i in range(len(rows)):
        place = np.unravel_index(np.argmax(np.abs(rows[i:] * free)), rows[i:].shape)
        first, column = i + int(place[0]), int(place[1])
        rows[[i, first]] = rows[[first, i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
        free[column] = False
    return [[Fraction(float(x)).limit_denominator(_SIMPLE) for x in row] for row in rows]


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
) -> tuple[FloatArray, float, FloatArray]:
    """Free entries of Gram matrices with the largest least eigenvalue, this, and the matrices.

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
        return np.zeros(0), float(np.linalg.eigvalsh(base)[0]), base
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
            matrix = base + np.tensordot(point, directions, 1)
            if np.linalg.eigvalsh(matrix)[0] <= 0.0:
                break  # by rounding, near the end
            root = np.linalg.cholesky(matrix)
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
        if point[free] > _INSIDE and sharpness >= 64.0:
            break
        sharpness *= 4.0
    gram = base + np.tensordot(point[:free], directions[:free], 1)
    return point[:free] * scale, float(point[free]), gram
