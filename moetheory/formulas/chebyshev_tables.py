r"""Tables of smooth functions: polynomials on panels that are halved until they are close.

A function on a panel is interpolated at n Chebyshev points. Where it is analytic, its coefficients
:math:`c_k` in :math:`\sum_kc_kT_k` fall geometrically, so that the last of them say how far the
polynomial is from the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

POINTS = 32  # on a panel
LAST = 3  # coefficients that say how close a polynomial is
MOST_HALVINGS = 7  # of a panel
ROUNDING = 1e-15  # of a sum of polynomials, relative to the values
STUCK = 0.7  # of the last coefficients remain; halving leaves half of them even at a kink

ODD = 2 * np.arange(POINTS) + 1
PLACES = np.cos(ODD * (0.5 * np.pi / POINTS))
# coefficients from values at PLACES; large angles would cost digits
TRANSFORM = np.cos(np.outer(np.arange(POINTS), ODD) % (4 * POINTS) * (0.5 * np.pi / POINTS))
TRANSFORM *= 2.0 / POINTS
TRANSFORM[0] *= 0.5

# the values (M, n) of functions which[i] at points[i], and estimates of their errors (n,)
Functions = Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]]


class Table(NamedTuple):
    """Polynomials of F functions on panels that cover the same interval, in order.

    Attributes
    ----------
    starts : (F + 1,) integer array
        Where the panels of each function begin, and where the last ends.
    lefts, rights : (P,) arrays
        The ends of the panels.
    coefficients : (P, M, n) array
        For the M values of a function.
    error : float
        Estimate of the largest error of all values, where they are finite.
    """

    starts: IntArray
    lefts: FloatArray
    rights: FloatArray
    coefficients: FloatArray
    error: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """The values of all functions at x (N,), rising: (M, F, N)."""
        result = np.empty((self.coefficients.shape[1], len(self.starts) - 1, len(x)))
        ends = np.searchsorted(x, self.rights, side="right")
        ends[self.starts[1:] - 1] = len(x)
        begins = np.append(0, ends[:-1])
        begins[self.starts[:-1]] = 0
        for which, first in enumerate(self.starts[:-1]):
            panels = slice(first, self.starts[which + 1])
            left, right = (
                np.repeat(each[panels], ends[panels] - begins[panels])
                for each in (self.lefts, self.rights)
            )
            place = (2.0 * x - (left + right)) / (right - left)
            powers = np.polynomial.chebyshev.chebvander(place, POINTS - 1).T
            for panel in first + np.flatnonzero(ends[panels] > begins[panels]):
                part = slice(begins[panel], ends[panel])
                np.matmul(self.coefficients[panel], powers[:, part], out=result[:, which, part])
        return result


def tabulated(
    functions: Functions,
    number: int,
    left: float,
    right: float,
    *,
    longest: float,
    tolerance: float,
    least: float,
) -> Table:
    """Table of functions 0 to ``number`` - 1 from ``left`` to ``right``.

    Parameters
    ----------
    functions : callable
    number : int
    left, right : float
    longest : float
        Length of a panel, at most.
    tolerance : float
        Error that is small enough; and so are twice the errors of the values, with rounding.
    least : float
        Where the first values are below, accuracy does not matter.
    """
    parts = max(int(np.ceil((right - left) / longest)), 1)
    edges = np.linspace(left, right, parts + 1)
    which = np.repeat(np.arange(number), parts)
    lefts, rights = np.tile(edges[:-1], number), np.tile(edges[1:], number)
    before = np.full(len(which), np.inf)
    done: list[tuple[Any, ...]] = []
    worst = 0.0
    for halvings in range(MOST_HALVINGS + 1):
        middles, halves = 0.5 * (lefts + rights), 0.5 * (rights - lefts)
        x = middles[:, np.newaxis] + halves[:, np.newaxis] * PLACES
        values, noise = functions(x.ravel(), np.repeat(which, POINTS))
        coefficients = values.reshape(-1, *x.shape).swapaxes(0, 1) @ TRANSFORM.T
        counts = (values[0] > least).reshape(x.shape)
        errors = (noise + ROUNDING * np.abs(values).max(axis=0)).reshape(x.shape)
        errors = np.where(counts, errors, 0.0).max(axis=1)
        tails = np.abs(coefficients[:, :, -LAST:]).max(axis=(1, 2))
        matters = counts.any(axis=1)
        close = (tails <= np.maximum(tolerance, 2.0 * errors)) | ~matters
        # where halving has not helped, what is left is the rounding of values that count
        close |= (tails > STUCK * before) & counts.all(axis=1)
        close |= halvings == MOST_HALVINGS
        done.append((which[close], lefts[close], rights[close], coefficients[close]))
        worst = max(worst, float(np.max((tails + errors)[close & matters], initial=0.0)))
        if close.all():
            break
        far = ~close
        which, before = np.repeat(which[far], 2), np.repeat(tails[far], 2)
        lefts, rights = (
            np.column_stack(pair).ravel()
            for pair in ((lefts[far], middles[far]), (middles[far], rights[far]))
        )
    which, lefts, rights, coefficients = (np.concatenate(each) for each in zip(*done, strict=True))
    order = np.lexsort((lefts, which))
    starts = np.searchsorted(which[order], np.arange(number + 1))
    return Table(starts, lefts[order], rights[order], coefficients[order], worst)
