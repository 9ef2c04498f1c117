r"""Inversion integrals of sums of chi-squares along hyperbolas (docs/theory.md §6, Hard routing).

In units of twice the largest weight the transform :math:`\prod(1+z/\beta_j)^{-m_j}` has
singularities at :math:`-\beta_j = -(1+\delta_j)`, at distances :math:`b + \delta_j` from z. The
factor 1/z of a distribution function adds the singularity 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import ComplexArray, FloatArray, IntArray
from moetheory.formulas.chisquare_laws import Laws, Nodes
from moetheory.formulas.close_weights import Groups, merging_errors

EPSILON = float(np.finfo(np.float64).eps)
NEGLIGIBLE = 1e-17  # below the rounding of what it is added to
SCALE = 2.5  # of a contour, in widths of the saddle
REACHES = np.linspace(1.2, 6.0, 9)  # of a contour, in its parameter
NODES = 16  # of the first trapezoid rule
MOST_LEVELS = 6  # halvings of its step
MOST_STEPS = 100  # of the search for a saddle point
PIECE = 1 << 14  # numbers in an array of (points, nodes, weights)
MERGING = 1e-13  # largest relative error by weights that were taken together


class Inverted(NamedTuple):
    """Logarithms of inversion integrals, and relative errors of their exponentials.

    Attributes
    ----------
    values : (1 + R, n) array
        Without loads, and with each row of loads divided by their sum.
    change : (n,) array
        By the last halving of the step.
    rounding, merging : (n,) arrays
        By rounding, and by weights that were taken together.
    """

    values: FloatArray
    change: FloatArray
    rounding: FloatArray
    merging: FloatArray


class _Contour(NamedTuple):
    """Hyperbolas, one for each of n points."""

    y: FloatArray  # (n, 1)
    scale: FloatArray  # (n, 1)
    angle: FloatArray  # (n, 1), of the asymptotes to the vertical
    inverse: FloatArray  # (n, J), of the distances from the vertex to the singularities ...
    powers: FloatArray  # (n, J), ... with these powers
    load_inverse: FloatArray  # (n, R, I), of those to the nodes of the loads ...
    shares: FloatArray  # (n, R, I), ... which have these shares of their row at the vertex

    def of(self, chosen: Any) -> _Contour:
        """The chosen ones."""
        return _Contour(*(field[chosen] for field in self))


def invert(y: FloatArray, which: IntArray, laws: Laws, pole: bool, tolerance: float) -> Inverted:
    """The density of law ``which[i]`` at ``y[i]``, or the distribution function if ``pole``.

    Weights are taken together where the bound on the error of that allows it.
    """
    if laws.merged is None:
        return _invert(y, which, laws.nodes, None, pole, tolerance)
    found = _invert(y, which, *laws.merged, pole, tolerance)
    far = ~(found.merging <= MERGING)
    if far.any():
        alone = _invert(y[far], which[far], laws.nodes, None, pole, tolerance)
        for field, part in zip(found, alone, strict=True):
            field[..., far] = part
    return found


def saddle_logs(y: FloatArray, which: IntArray, laws: Laws, pole: bool) -> FloatArray:
    """The logarithms of `invert` by the saddle-point approximation alone, (1 + R, n)."""
    nodes, _ = laws.merged or (laws.nodes, None)
    results = np.empty((1 + nodes.loads.shape[1], len(y)))
    for piece in _pieces(which, nodes):
        found = _saddles(y[piece], nodes.of_laws(which[piece]), pole)
        logs = np.log(found.width * (1.0 / math.sqrt(2.0 * math.pi))) + found.values
        results[:, piece] = logs + np.vstack([np.zeros(len(piece)), np.log(found.totals)])
    return results


def _pieces(which: IntArray, nodes: Nodes) -> Iterator[IntArray]:
    """Places of points in pieces, of laws with about as many nodes."""
    rows = nodes.loads.shape[1]
    powers_of_two = np.ceil(np.log2(nodes.counts))[which]
    for width in np.unique(powers_of_two):
        at = np.flatnonzero(powers_of_two == width)
        most = nodes.counts[which[at]] + 1, rows * nodes.load_counts[which[at]]
        size = NODES * int(np.max(most))
        yield from np.array_split(at, -(-len(at) // max(PIECE // size, 1)))


def _invert(
    y: FloatArray,
    which: IntArray,
    nodes: Nodes,
    groups: Groups | None,
    pole: bool,
    tolerance: float,
) -> Inverted:
    """The integrals, with these nodes of the laws."""
    results = Inverted(np.empty((1 + nodes.loads.shape[1], len(y))), *np.zeros((3, len(y))))
    for piece in _pieces(which, nodes):
        laws = which[piece]
        own = None if groups is None else Groups(*(field[laws] for field in groups))
        found = _piece(y[piece], nodes.of_laws(laws), own, pole, tolerance)
        for field, part in zip(results, found, strict=True):
            field[..., piece] = part
    return results


def _piece(
    y: FloatArray, nodes: Nodes, groups: Groups | None, pole: bool, tolerance: float
) -> Inverted:
    """The integrals at points (n,), with the nodes of the law of each in rows beside them."""
    found = _saddles(y, nodes, pole)
    # a Gaussian wants a steep path, a single pole one that bends early
    angle = 0.4 + 0.45 / (1.0 + np.square(y * found.width / 3.0))
    contour = _Contour(
        y[:, np.newaxis],
        SCALE * found.width[:, np.newaxis],
        angle[:, np.newaxis],
        1.0 / found.distances,
        found.powers,
        1.0 / found.load_distances,
        found.shares / found.totals.T[:, :, np.newaxis],
    )
    integrals, change, spread = _trapezoid(contour, tolerance)
    merging = np.zeros(len(y))
    if groups is not None:
        merging = merging_errors(groups, found.start, angle) * spread
    logs = found.values + np.log(integrals)
    logs[1:] += np.log(found.totals)
    rounding = 2.0 * EPSILON * (found.size + SCALE * y * found.width)
    return Inverted(logs, change, rounding, merging)


class _Saddles(NamedTuple):
    """Saddle points and what the integrands are there, for n points."""

    start: FloatArray  # (n,), z + 1
    width: FloatArray  # (n,)
    distances: FloatArray  # (n, J), to the singularities ...
    powers: FloatArray  # (n, J), ... with these powers
    values: FloatArray  # (n,), the logarithms of the integrands without loads
    size: FloatArray  # (n,), of what is added up to them
    load_distances: FloatArray  # (n, R, I), to the nodes of the loads
    shares: FloatArray  # (n, R, I), summands of the factors of the loads
    totals: FloatArray  # (R, n), their sums


def _saddles(y: FloatArray, nodes: Nodes, pole: bool) -> _Saddles:
    """The saddle points for points (n,) and nodes in rows beside them."""
    gaps, powers, ratios = nodes.gaps, nodes.powers, 1.0 + nodes.gaps
    if pole:
        column = np.ones((len(y), 1))
        gaps, powers = np.hstack([0.0 * column, ratios]), np.hstack([column, powers])
    b = _saddle(y, gaps, powers)[:, np.newaxis]
    distances = b + gaps
    width = b / np.sqrt(np.vecdot(np.square(b / distances), powers))[:, np.newaxis]
    vertex, start = (b, 1.0 + b) if pole else (b - 1.0, b)
    ratio = vertex / ratios
    # far in the upper tail of a density 1 + ratio is what must not lose its digits
    near = distances[:, -ratios.shape[1] :] / ratios
    logs = np.where(ratio > -0.5, np.log1p(np.maximum(ratio, -0.5)), np.log(near))
    linear, inverse = y * vertex[:, 0], np.log(b[:, 0]) * pole
    values = linear - np.vecdot(logs, nodes.powers) - inverse
    size = 8.0 + np.abs(linear) + np.vecdot(np.abs(logs), nodes.powers) + np.abs(inverse)
    load_distances = start[:, :, np.newaxis] + nodes.load_gaps
    shares = nodes.loads * (1.0 + nodes.load_gaps) / load_distances
    return _Saddles(
        start[:, 0],
        width[:, 0],
        distances,
        powers,
        values,
        size,
        load_distances,
        shares,
        shares.sum(axis=2).T,
    )


def _saddle(y: FloatArray, gaps: FloatArray, powers: FloatArray) -> FloatArray:
    r"""The root b of :math:`S(b) = \sum_j m_j/(b+\delta_j) = y`, by Newton for the concave 1/S."""
    b = (np.cumsum(powers, axis=1) / y[:, np.newaxis] - gaps).max(axis=1)  # from below
    for _ in range(MOST_STEPS):
        ratio = b[:, np.newaxis] / (b[:, np.newaxis] + gaps)
        total = np.vecdot(ratio, powers)
        slope = np.vecdot(ratio * ratio, powers)
        excess = total / (b * y) - 1.0
        # the exponent has the same error, so the contour need only pass near the saddle
        if np.all(np.abs(excess) * y * b <= 1e-4 * np.sqrt(slope)):
            return np.asarray(b)
        b = b * (1.0 + total * excess / slope)
    raise ArithmeticError("no saddle point is found")


def _integrand(contour: _Contour, u: FloatArray) -> ComplexArray:
    """Integrands on hyperbolas at u (n, k), over their values at the saddle, times -i dz/du.

    (1 + R, n, k), first without loads.
    """
    y, scale, angle, inverse, powers, load_inverse, shares = contour
    lean, rise = scale * np.sin(angle), scale * np.cos(angle)
    # cosh(u) - 1 without cancellation
    real, imaginary = -2.0 * lean * np.square(np.sinh(0.5 * u)), rise * np.sinh(u)
    p = real[:, :, np.newaxis] * inverse[:, np.newaxis, :]
    q = imaginary[:, :, np.newaxis] * inverse[:, np.newaxis, :]
    power = np.empty(u.shape, dtype=np.complex128)  # complex logarithms are far slower
    power.real = y * real - 0.5 * np.matvec(np.log1p(p * (2.0 + p) + np.square(q)), powers)
    power.imag = y * imaginary - np.matvec(np.arctan2(q, 1.0 + p), powers)
    result = np.empty((1 + shares.shape[1], *u.shape), dtype=np.complex128)
    result[0] = np.exp(power) * (rise * np.cosh(u) + 1j * lean * np.sinh(u))
    for row, (inverse, share) in enumerate(
        zip(load_inverse.swapaxes(0, 1), shares.swapaxes(0, 1), strict=True), start=1
    ):
        p = 1.0 + real[:, :, np.newaxis] * inverse[:, np.newaxis, :]
        q = imaginary[:, :, np.newaxis] * inverse[:, np.newaxis, :]
        over = 1.0 / (np.square(p) + np.square(q))
        result[row].real, result[row].imag = np.matvec(p * over, share), -np.matvec(q * over, share)
        result[row] *= result[0]
    return result


def _trapezoid(contour: _Contour, tolerance: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The integrals along the contours over 2πi, (1 + R, n), last relative changes and spreads.

    A spread is the integral of the size over the least integral.
    """
    scale = contour.scale
    over = np.abs(_integrand(contour, REACHES + 0.0 * scale)[0]) < NEGLIGIBLE * scale
    reach = REACHES[np.where(over.any(axis=1), np.argmax(over, axis=1), -1)][:, np.newaxis]
    steps, points = NODES, np.arange(len(reach))
    first = _integrand(contour, reach * (np.arange(steps + 1.0) / steps))
    sizes = np.abs(first[0]).sum(axis=1) / steps
    values = first.real
    values[:, :, 0] *= 0.5
    total = values.sum(axis=2) / steps
    spread = sizes / np.abs(total).min(axis=0)
    last = np.abs(2.0 * values[:, :, ::2].sum(axis=2) / steps / total - 1.0).max(axis=0)
    integrals, change = np.empty(total.shape), np.empty(len(reach))
    for _ in range(MOST_LEVELS):
        middle = _integrand(contour, reach * ((np.arange(steps) + 0.5) / steps)).real
        finer = 0.5 * (total + middle.sum(axis=2) / steps)
        now = np.abs(total / finer - 1.0).max(axis=0)
        integrals[:, points] = reach[:, 0] * finer / math.pi
        # the error oscillates as it falls, so one small change may be a coincidence
        change[points] = np.maximum(now, np.minimum(last, 1.0) ** 2.5)
        todo = ~((change[points] <= tolerance) & np.all(finer > 0.0, axis=0))
        if not todo.any():
            return integrals, change, spread
        contour = contour.of(todo)
        points, reach, total, last = points[todo], reach[todo], finer[:, todo], now[todo]
        steps *= 2
    raise ArithmeticError(
        f"the inversion has not converged: last change {change[points].max():.1g}"
    )
