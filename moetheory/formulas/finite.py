r"""Finitely many samples: the exact mean of experts, and rates as n grows (docs/theory.md §4).

Expert g sees :math:`n_g` samples of :math:`s_g` coordinates (those that vary at all, clean or
by noise), with residual variance :math:`\rho_g` and energy :math:`E_g = \theta_g^\top
C_g\theta_g` of what it could predict. Minimum-norm least squares. All arrays broadcast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.formulas import population
from moetheory.formulas.block_layout import BlockLayout


def estimation_cost(
    samples: ArrayLike, sizes: ArrayLike, residual: ArrayLike, energy: ArrayLike
) -> FloatArray:
    r"""Expected risk of a fitted expert beyond its residual variance :math:`\rho`.

    .. math:: n > s+1: \ \frac{\rho\,s}{n-s-1}; \qquad
              n < s-1: \ \frac{\rho\,n}{s-n-1} + E\Big(1-\frac ns\Big); \qquad
              |n-s| \le 1,\ \rho > 0: \ \infty .

    Without samples it is :math:`E`. Above the threshold it holds for any covariance, below it
    for an isotropic one. Without residual (:math:`\rho = 0`) only :math:`E(1-n/s)^+` is left.

    >>> estimation_cost([0, 3, 9, 10, 12, 30], 10, 1.0, 2.0)
    array([ 2.        ,  1.9       ,         inf,         inf, 10.        ,
            0.52631579])
    """
    n, s, rho, e = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (samples, sizes, residual, energy))
    )
    room = np.abs(n - s) - 1.0
    unseen = e * np.clip(1.0 - n / np.maximum(s, 1.0), 0.0, None)
    spread = np.divide(rho, room, out=np.full(n.shape, np.inf), where=room > 0.0)
    fits = np.minimum(n, s)
    noise = np.multiply(spread, fits, out=np.zeros(n.shape), where=(fits > 0.0) & (rho > 0.0))
    return np.asarray(noise + unseen)


class ExpertMoments(NamedTuple):
    r"""Of the coefficients of experts, fitted: mean :math:`a\theta_m`, variance
    :math:`t\theta_m^2 + u + v/C_m`.

    Attributes
    ----------
    share, stretch, even, noise : arrays
        a, t, u and v, one for each expert.
    """

    share: FloatArray
    stretch: FloatArray
    even: FloatArray
    noise: FloatArray


def expert_moments(
    samples: ArrayLike, sizes: ArrayLike, residual: ArrayLike, norm: ArrayLike
) -> ExpertMoments:
    r"""Mean and variance of each coefficient of a fitted expert, where C is positive.

    .. math:: n > s+1: \ \theta_m, \ \frac{\rho}{(n-s-1)\,C_m}; \qquad
              n < s-1: \ \frac ns\theta_m, \ \frac ns\,\frac{s-n}{s(s+2)}\Big(
              \theta_m^2 + \frac{s\|\theta\|^2 - \theta_m^2}{s-1}\Big)
              + \frac{\rho\,n}{(s-n-1)\,s\,C_m} .

    The second needs :math:`C = cI`: the fit is :math:`\theta` projected on a random subspace of
    dimension n, and noise within it. Infinite for :math:`|n-s| \le 1`, :math:`\rho > 0`.

    Parameters
    ----------
    samples, sizes, residual, norm : arrays
        :math:`n, s, \rho, \|\theta\|^2` of each expert.
    """
    n, s, rho, energy = (np.asarray(a, dtype=np.float64) for a in (samples, sizes, residual, norm))
    share = np.minimum(n / np.maximum(s, 1.0), 1.0)
    room = np.abs(n - s) - 1.0
    spread = np.divide(rho, room, out=np.full(n.shape, np.inf), where=room > 0.0)
    noise = np.multiply(spread, share, out=np.zeros(n.shape), where=(n > 0.0) & (rho > 0.0))
    projected = share * np.maximum(s - n, 0.0) / np.maximum(s * (s + 2.0), 1.0)
    others = np.maximum(s - 1.0, 1.0)
    return ExpertMoments(
        share, projected * (others - 1.0) / others, projected * energy * s / others, noise
    )


def is_isotropic(least: Any, most: Any) -> Any:
    """Whether variances from ``least`` to ``most`` are equal up to rounding."""
    return most - least <= 1e-12 * most


def dense_rate(
    layout: BlockLayout,
    group_probabilities: FloatArray,
    signal: FloatArray,
    leakage: FloatArray,
    coefficients: FloatArray,
    noise: float,
    label_noise: float,
    *,
    fixed: bool,
) -> float:
    r""":math:`\lim n(\mathbb E R_n - R)` of dense least squares.

    :math:`\operatorname{tr}(H^{-1}J)` with :math:`H = \operatorname{diag}(h+\sigma^2)`,
    :math:`J = \sum_g p_g (r_g C_g + \kappa\, C_g\Delta_g\Delta_g^\top C_g)`, :math:`r_g` the risk
    in group g of the best coefficients, :math:`\Delta_g` what these are off the group's own, and
    :math:`\kappa = 1` for fixed counts, 2 for counts that are drawn.

    Parameters
    ----------
    layout : BlockLayout
    group_probabilities : (K,) array
    signal, leakage, coefficients : (d,) arrays
        :math:`\lambda, \nu, b`, in the order of the layout.
    noise, label_noise : float
    fixed : bool
    """
    p = group_probabilities.reshape(layout.shape)
    moment = layout.across(p, signal, leakage)
    whole, lost = population.shrinkage(moment, noise)
    best, missed = coefficients / whole * moment, coefficients / whole * lost
    contributions = population.dense_contributions(
        layout.spread(p), signal, leakage, coefficients, noise
    )
    risk = layout.group_sums(*contributions)
    dimension = layout.group_sums((signal + noise) / whole, (leakage + noise) / whole)
    own, other = signal * missed - noise * best, leakage * missed - noise * best  # C Delta
    pulled = layout.group_sums(own**2 / whole, other**2 / whole)
    return float(np.sum(p * ((risk + label_noise) * dimension + (1.0 if fixed else 2.0) * pulled)))
