r"""Gradient descent on a quadratic, direction by direction (docs/theory.md §8).

Along a direction of curvature H a step of size a multiplies the distance to the limit by
:math:`1 - aH`. The *headroom* :math:`h = 2/a - H` is the distance to the curvature at which
descent diverges. It is an argument beside H: for the best constant step the caller computes h
with all its digits, which :math:`2/a - H` does not have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.sums import TILE

FASTEST = 1e4  # a rate at which nothing that a float can hold is left after one step
NOTHING = 746.0  # exp(-x) is zero from here on


def extreme_curvatures(
    curvature: FloatArray, loss_of: IntArray, losses: int
) -> tuple[FloatArray, FloatArray]:
    """Largest and smallest positive curvature of each loss, (losses,); 0 if there is none.

    Parameters
    ----------
    curvature, loss_of : (d,) arrays
        H of each direction, and the loss that the direction belongs to.
    losses : int
        Number of losses.
    """
    largest, smallest = np.zeros(losses), np.full(losses, np.inf)
    np.maximum.at(largest, loss_of, curvature)
    np.minimum.at(smallest, loss_of, np.where(curvature > 0.0, curvature, np.inf))
    return largest, np.where(largest > 0.0, smallest, 0.0)


def decay_rate(curvature: Any, step: Any, headroom: Any) -> FloatArray:
    r"""The rate :math:`-\log|1-aH|`, where :math:`|1-aH| = 1 - a\min(H, h) = a|h-H|/2`.

    The arguments are :math:`H, a, h`.
    """
    nearest = np.minimum(step * np.minimum(curvature, headroom), 1.0)
    with np.errstate(divide="ignore"):  # a direction that is learned in one step
        fast = -np.log(0.5 * step * np.abs(headroom - curvature))
        rate = np.where(nearest < 0.5, -np.log1p(-nearest), fast)
    return np.asarray(np.minimum(rate, FASTEST))


def exponential_sums(times: FloatArray, rates: FloatArray, weights: FloatArray) -> FloatArray:
    r"""Sums :math:`\sum_m w_m e^{-t\rho_m}` at every time t, shape (n, T).

    The sums run in tiles, so memory does not grow with both U and T; sorted arrays are fastest.

    Parameters
    ----------
    times : (T,) array
    rates : (U,) array
        :math:`\rho`.
    weights : (n, U) array
    """
    result = np.zeros((len(weights), len(times)))
    width = max(1, min(len(rates), TILE))
    length = max(1, TILE // width)
    for at in range(0, len(rates), width):
        rate, weight = rates[at : at + width], weights[:, at : at + width]
        for start in range(0, len(times), length):
            tile = times[start : start + length]
            if rate.min() * tile.min() < NOTHING:
                terms = np.exp(-np.multiply.outer(rate, tile))
                result[:, start : start + length] += weight @ terms
    return result
