r"""Close weights of a sum of chi-squares, taken together with a bound on the error.

In units of twice the largest weight the transform of the sum has singularities at
:math:`-\beta_i = -(1+\delta_i)` with powers :math:`m_i` (``chisquares.py``). A group of weights is
replaced by N nodes of the Gauss rule of its measure :math:`m_i` at :math:`\delta_i`. Their powers
are positive, and the sums of :math:`\delta^k` stay the same for k < 2N: the law is still that of a
sum of gamma variables. With c and h the middle and half the length of the group,
:math:`\log(z+\beta) = \log(z+1+c) + \log(1+ux)` for x from -1 to 1, :math:`u = h/(z+1+c)`, and

.. math:: \log(1+ux) = \text{const} - 2\sum_{k\ge1}\frac{(-q)^k}kT_k(x), \qquad
          q = \frac u{1+\sqrt{1-u^2}} .

The rule is exact up to degree 2N - 1, and both measures have the mass :math:`M = \sum m_i`. So the
logarithm of the transform moves by at most :math:`2M|q|^{2N}/(N(1-|q|))`. The loads
:math:`l_i/(1+z/\beta_i)` are those of the measure :math:`l_i\beta_i`, and with the series of
:math:`1/(1+ux)` their sum moves by at most :math:`4|q|^{2N}/((1-|q|)\sqrt{1-|u|^2})` times that of
:math:`l_i\beta_i/|z+1+c|`.

A path that leaves the real axis at :math:`z_0 > -1` and turns left, with asymptotes at an angle to
the vertical, keeps a distance of at least :math:`(z_0+\beta)\cos(\text{angle})` from
:math:`-\beta`, since the set to its left is convex and has all directions between the asymptotes.
As q has positive coefficients in powers of u, |q| is at most its value at
:math:`h/((z_0+1+c)\cos(\text{angle}))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray

NODES = 14  # of a group
STRETCH = 3.0  # of the distance from a singularity within a group, seen from ...
NEAREST = 0.2  # ... a path at this distance from the first
WORTH = 0.75  # of the weights: if more than that remain, all are kept


class Groups(NamedTuple):
    """Groups of weights that were taken together, arrays (..., G); empty places are zeros.

    Attributes
    ----------
    middles, halves : arrays
        The c and h of δ.
    masses : arrays
        The sums M of the powers.
    """

    middles: FloatArray
    halves: FloatArray
    masses: FloatArray


class Merged(NamedTuple):
    """The δ and powers that stand for all, the δ and loads of each row of loads, and the groups."""

    gaps: FloatArray
    powers: FloatArray
    load_gaps: tuple[FloatArray, ...]
    loads: tuple[FloatArray, ...]
    groups: Groups


def merged_weights(gaps: FloatArray, powers: FloatArray, loads: FloatArray) -> Merged | None:
    r"""The law with close weights taken together, None if that would save little.

    The largest weight stays alone: it decides how far the law reaches.

    Parameters
    ----------
    gaps, powers : (J,) arrays
        :math:`\delta` rising from 0, :math:`m`.
    loads : (R, J) array
        Rows of :math:`l`.

    Examples
    --------
    >>> gaps = np.linspace(0.0, 1.0, 200)
    >>> merged = merged_weights(gaps, np.full(200, 0.5), np.zeros((0, 200)))
    >>> len(merged.gaps), float(merged.powers @ merged.gaps**20), float(0.5 * np.sum(gaps**20))
    (29, 4.99228, 4.99228)
    """
    if len(gaps) <= NODES + 1:
        return None
    ends = [0, 1]
    while ends[-1] < len(gaps):
        end = STRETCH * (gaps[ends[-1]] + NEAREST) - NEAREST
        ends.append(max(int(np.searchsorted(gaps, end, side="right")), ends[-1] + 1))
    parts = [slice(*pair) for pair in pairwise(ends)]
    left = sum(min(each.stop - each.start, NODES) for each in parts)
    if left > WORTH * len(gaps):
        return None
    rows = [_few([gaps[each] for each in parts], [powers[each] for each in parts])]
    for load in loads:
        places, measure = _few(
            [gaps[each] for each in parts], [(load * (1.0 + gaps))[each] for each in parts]
        )
        rows.append((places, measure / (1.0 + places)))
    groups = [
        (_middle(gaps[each]), _half(gaps[each]), powers[each].sum())
        for each in parts
        if each.stop - each.start > NODES
    ]
    return Merged(
        *rows[0],
        tuple(row[0] for row in rows[1:]),
        tuple(row[1] for row in rows[1:]),
        Groups(*np.array(groups).T),
    )


def _few(
    places: Sequence[FloatArray], masses: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """At most `NODES` places and masses for each part of a measure, at least one in all."""
    found = []
    for place, mass in zip(places, masses, strict=True):
        kept = mass > 0.0
        if np.count_nonzero(kept) > NODES:
            middle, half = _middle(place), _half(place)
            x, weights = gauss_rule((place[kept] - middle) / half, mass[kept], NODES)
            found.append((middle + half * x, weights))
        elif kept.any():
            found.append((place[kept], mass[kept]))
    if not found:
        return places[0][:1], np.zeros(1)
    at, weights = (np.concatenate(each) for each in zip(*found, strict=True))
    return at, weights


def _middle(places: FloatArray) -> float:
    """The middle of a group."""
    return float(0.5 * (places[0] + places[-1]))


def _half(places: FloatArray) -> float:
    """Half the length of a group."""
    return float(0.5 * (places[-1] - places[0]))


def gauss_rule(x: FloatArray, masses: FloatArray, number: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of the Gauss rule of ``masses`` at x, by Lanczos' recurrence.

    There are fewer than ``number`` where fewer masses are positive.

    >>> gauss_rule(np.array([-1.0, 0.0, 1.0]), np.ones(3), 2)
    (array([-0.816497,  0.816497]), array([1.5, 1.5]))
    """
    total = masses.sum()
    basis, vector = np.zeros((number, len(x))), np.sqrt(masses / total)
    diagonal, beside = np.zeros((2, number))
    for k in range(number):
        basis[k] = vector
        vector = x * vector
        diagonal[k] = vector @ basis[k]
        for _ in range(2):  # once is not enough for orthogonality to rounding
            vector = vector - (basis[: k + 1] @ vector) @ basis[: k + 1]
        length = float(np.sqrt(vector @ vector))
        if length < 1e-14:  # the masses are used up
            break
        beside[k], vector = length, vector / length
    size = k + 1
    matrix = np.diag(diagonal[:size])
    matrix += np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, total * np.square(vectors[0])


def merging_errors(groups: Groups, start: FloatArray, angle: FloatArray) -> FloatArray:
    r"""Bounds on the relative change of the integrand along paths, (n,).

    The bound on the change of :math:`\sum m\log(1+z/\beta)` is that at z and that at 0.

    Parameters
    ----------
    groups : Groups
        Arrays (n, G).
    start, angle : (n,) arrays
        Where the paths leave the real axis, :math:`z_0+1`, and the angle of their asymptotes.
    """
    c, h, masses = groups
    cosine = np.cos(angle)[:, np.newaxis]
    u = h / (cosine * (start[:, np.newaxis] + c))
    power = _high_power(u)
    exponent = 2.0 * masses / NODES * (power + _high_power(h / (1.0 + c)))
    with np.errstate(divide="ignore", invalid="ignore"):
        loads = 4.0 * power * (1.0 + u) / (cosine * np.sqrt(1.0 - np.minimum(u, 1.0) ** 2))
    total = exponent.sum(axis=1) + np.max(np.nan_to_num(loads, nan=np.inf), axis=1)
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(total))


def _high_power(u: FloatArray) -> FloatArray:
    """The q^(2N)/(1-q), infinite for u of 1 and more."""
    inside = np.minimum(u, 1.0)
    q = inside / (1.0 + np.sqrt(1.0 - inside * inside))
    with np.errstate(divide="ignore", under="ignore"):
        return np.asarray(q ** (2 * NODES) / (1.0 - q))
