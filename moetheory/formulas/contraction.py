r"""Gradient descent on a quadratic, direction by direction (docs/theory.md §8).

Along a direction of curvature H a step of size a multiplies what is missing by
:math:`1 - aH`. How far H is from the curvature at which descent diverges, :math:`2/a - H`, is
called the headroom h, and given beside H: of the best constant step it is known with all its
digits, where :math:`2/a - H` is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.sums import TILE

FASTEST = 1e4  # a rate at which nothing that a float can hold is left after one step
NOTHING = 746.0  # exp(-x) is zero from here on


def extremes(curvature: FloatArray, owners: IntArray, number: int) -> tuple[FloatArray, FloatArray]:
    """Largest and smallest positive curvature of each owner, (number,); 0 if there is none."""
    largest, smallest = np.zeros(number), np.full(number, np.inf)
    np.maximum.at(largest, owners, curvature)
    np.minimum.at(smallest, owners, np.where(curvature > 0.0, curvature, np.inf))
    return largest, np.where(largest > 0.0, smallest, 0.0)


def decay_rate(curvature: Any, step: Any, headroom: Any) -> FloatArray:
    r""":math:`-\log|1-aH|`, of which :math:`|1-aH| = 1 - a\min(H, h) = a|h-H|/2`."""
    nearest = np.minimum(step * np.minimum(curvature, headroom), 1.0)
    with np.errstate(divide="ignore"):  # a direction that is learned in one step
        fast = -np.log(0.5 * step * np.abs(headroom - curvature))
        rate = np.where(nearest < 0.5, -np.log1p(-nearest), fast)
    return np.asarray(np.minimum(rate, FASTEST))


def exponential_sums(times: FloatArray, rates: FloatArray, weights: FloatArray) -> FloatArray:
    r""":math:`\sum_m w_m e^{-t r_m}` at every time, (n, T), of weights (n, U) and rates (U,).

    In tiles, so memory does not grow with both; fastest if both are sorted.
    """
    result = np.zeros((len(weights), len(times)))
    width = max(1, min(len(rates), TILE))
    length = max(1, TILE // width)
    for at in range(0, len(rates), width):
        rate, weight = rates[at : at + width], weights[:, at : at + width]
        for start in range(0, len(times), length):
            some = times[start : start + length]
            if rate.min() * some.min() < NOTHING:
                terms = np.exp(-np.multiply.outer(rate, some))
                result[:, start : start + length] += weight @ terms
    return result
