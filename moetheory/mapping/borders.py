"""The border of a map: where the order of two estimators changes along a row or a column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray

ACCURACY = 1e-11  # of a root, relative
NEVER = 10**6  # integers tried between two values that can be made

Bounded = Callable[[FloatArray], FloatArray]


class Brackets(NamedTuple):
    """Pairs of cells of one line between which the order changes, (E,) each.

    Attributes
    ----------
    line : indices of the lines
    left, right : indices of the cells along the line
    ahead : booleans: whether b is better on the right
    """

    line: IntArray
    left: IntArray
    right: IntArray
    ahead: NDArray[np.bool_]

    def only(self, kept: NDArray[np.bool_]) -> Brackets:
        """The brackets that are ``kept``."""
        return Brackets(self.line[kept], self.left[kept], self.right[kept], self.ahead[kept])


def brackets(lead: FloatArray) -> Brackets:
    """Where the sign of the ``lead`` (lines, cells) changes along the lines.

    Cells in which the estimators are alike are passed over; beyond a cell without a formula the
    order is not compared.

    >>> brackets(np.array([[-1.0, 0.0, 2.0, np.nan, -1.0]])).right
    array([2])
    """
    found: list[tuple[int, int, int, bool]] = []
    signs = np.sign(lead)
    plain = np.argwhere(signs[:, 1:] * signs[:, :-1] == -1.0)
    found += [(i, j, j + 1, bool(signs[i, j + 1] > 0)) for i, j in plain.tolist()]
    for i in np.flatnonzero((signs == 0.0).any(axis=1)).tolist():
        last = -1
        for j, sign in enumerate(signs[i].tolist()):
            if sign != sign:
                last = -1
            elif sign:
                if last >= 0 and j - last > 1 and sign != signs[i, last]:
                    found.append((i, last, j, sign > 0))
                last = j
    columns = zip(*sorted(found), strict=True) if found else ([], [], [], [])
    line, left, right, ahead = (np.array(list(each), dtype=np.int64) for each in columns)
    return Brackets(line, left, right, ahead.astype(bool))


def relative(above: FloatArray, below: FloatArray, lead: FloatArray) -> FloatArray:
    """The lead as a share of both risks, from -1 to 1 also where one is infinite.

    >>> relative(np.array([3.0, np.inf]), np.array([1.0, 1.0]), np.array([2.0, np.inf]))
    array([0.5, 1. ])
    """
    total = np.where(np.isfinite(lead), above + below, 1.0)
    bounded = np.where(np.isfinite(lead), lead, np.sign(lead))
    return np.where(total > 0.0, bounded / np.where(total > 0.0, total, 1.0), 0.0)


def real_roots(
    low: FloatArray, high: FloatArray, share_at: Callable[[FloatArray, IntArray], FloatArray]
) -> FloatArray:
    """Values between ``low`` and ``high``, (E,), at which ``share_at`` of them changes its sign.

    ``share_at(values, index)`` are the `relative` leads at values of the brackets ``index``. A jump
    is found as a root is. NaN where there is no formula on the way.
    """
    from scipy.optimize import elementwise

    found = elementwise.find_root(
        lambda values, index: share_at(values, index.astype(np.int64)),
        (low, high),
        args=(np.arange(len(low)),),
        tolerances={"xatol": 0.0, "xrtol": ACCURACY, "fatol": 0.0},
    )
    # a lead at an end that is rounding may have another sign the second time: the root is there
    ends = np.where(np.abs(found.f_bracket[0]) <= np.abs(found.f_bracket[1]), low, high)
    return np.select([found.status == 0, found.status == -1], [found.x, ends], np.nan)


def integer_changes(
    low: IntArray,
    high: IntArray,
    ahead: NDArray[np.bool_],
    share_at: Callable[[Any, IntArray], FloatArray],
    can_be_made: Callable[[int, int], bool],
) -> FloatArray:
    """The middles between two integers, neighbours that can be made, where the order changes.

    Parameters
    ----------
    low, high : (E,) integer arrays
    ahead : (E,) array of booleans
        Whether b is better at ``high``.
    share_at : callable
        As for `real_roots`.
    can_be_made : callable
        Whether there is a model at (value, index).
    """
    low, high = low.copy(), high.copy()
    open_ones = np.arange(len(low))
    while open_ones.size:
        middles = [_middle(int(low[i]), int(high[i]), can_be_made, i) for i in open_ones.tolist()]
        some = [k for k, middle in enumerate(middles) if middle is not None]
        open_ones = open_ones[some]
        if not open_ones.size:
            break
        values = np.array([middles[k] for k in some])
        shares = share_at(values, open_ones)
        # alike: on the left, so that b is better right of the change, or a
        right = np.where(ahead[open_ones], shares > 0.0, shares < 0.0)
        high[open_ones] = np.where(right, values, high[open_ones])
        low[open_ones] = np.where(right, low[open_ones], values)
        low[open_ones[np.isnan(shares)]] = high[open_ones[np.isnan(shares)]]
    return np.asarray((low + high) / 2.0)


def _middle(low: int, high: int, can_be_made: Callable[[int, int], bool], i: int) -> int | None:
    """The integer nearest to the middle of those strictly between that can be made."""
    middle = (low + high) // 2
    for step in range(min(high - low, NEVER)):
        for value in dict.fromkeys((middle - step, middle + step)):
            if low < value < high and can_be_made(value, i):
                return value
    return None
