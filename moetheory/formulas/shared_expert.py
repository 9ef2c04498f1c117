"""Coefficients of experts beside a shared one (docs/theory.md §11)."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.shrinkage import mean_noise, second_moment, shrinkage


def coefficients_beside_shared(
    used: Any,
    probability: Any,
    signal: Any,
    leakage: Any,
    coefficient: Any,
    noise: Any,
    interference: Any,
    ridge: Any,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    r"""Coefficients of experts beside a shared one that sees all coordinates.

    They minimise, over c on the blocks of the expert and w off them,

    .. math:: P\big(h(b-c)^2 + \bar nc^2 + \mu(c-w)^2\big)
              + Q\big(\nu(b-w)^2 + (n+\kappa)w^2\big) + \mu w^2, \qquad Q = 1-P,

    w the shared coefficient and c - w that of the expert. Without ridge c is as in
    `dense_coefficients` and :math:`w = b\,\nu/(\nu+n+\kappa)`.

    Parameters
    ----------
    used : array or scalar
        P, the probability that the expert of the coordinate is used.
    probability, signal, leakage, coefficient, noise, interference, ridge : arrays or scalars
        p, the probability that the block is active while the expert is used, and
        :math:`\lambda, \nu, b, n, \kappa, \mu` of each coordinate.

    Returns
    -------
    (c, b - c, w, b - w)
        None of them by a difference.
    """
    moment = second_moment(probability, signal, leakage)
    penalty = mean_noise(probability, noise, interference)
    idle = noise + interference
    if not np.any(ridge):
        on, lost_on = shrinkage(moment, penalty)
        off, lost_off = shrinkage(leakage, idle)
        parts = (moment / on, lost_on / on, leakage / off, lost_off / off)
    else:
        unused, tied = 1.0 - used, used * ridge
        kept, lost = unused * leakage, unused * idle + ridge
        on, off = moment + penalty, kept + lost
        determinant = on * (off + tied) + ridge * off
        parts = (
            (moment * (off + tied) + ridge * kept) / determinant,
            (penalty * (off + tied) + ridge * lost) / determinant,
            (kept * (on + ridge) + tied * moment) / determinant,
            (lost * (on + ridge) + tied * penalty) / determinant,
        )
    c, lost, w, missed = (np.asarray(coefficient * part) for part in parts)
    return c, lost, w, missed
