r"""Finitely many samples: exact means, and limits of dense (docs/theory.md §4).

Expert g is fitted by minimum-norm least squares on :math:`n_g` samples of :math:`s_g` coordinates
(those that vary at all). The residual variance is :math:`\rho_g`, the variance of the best
prediction :math:`E_g = \theta_g^\top C_g\theta_g`. All arrays broadcast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.formulas import population, shrinkage
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

    Parameters
    ----------
    samples, sizes, residual, energy : arrays
        :math:`n, s, \rho, E` of each expert.

    Examples
    --------
    >>> estimation_cost([0, 3, 9, 10, 12, 30], 10, 1.0, 2.0)
    array([ 2.        ,  1.9       ,         inf,         inf, 10.        ,
            0.52631579])
    """
    n, s, rho, e = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (samples, sizes, residual, energy))
    )
    distance = np.abs(n - s) - 1.0  # to the threshold, where the mean is infinite
    bias = e * np.clip(1.0 - n / np.maximum(s, 1.0), 0.0, None)
    each = np.divide(rho, distance, out=np.full(n.shape, np.inf), where=distance > 0.0)
    rank = np.minimum(n, s)
    variance = np.multiply(each, rank, out=np.zeros(n.shape), where=(rank > 0.0) & (rho > 0.0))
    return np.asarray(variance + bias)


def strong_signal_risk(
    samples: ArrayLike,
    sizes: ArrayLike,
    group_probabilities: ArrayLike,
    dim: ArrayLike,
    residual: ArrayLike,
) -> FloatArray:
    r"""The limit of dense least squares' expected risk where the signal is strong beside the noise.

    Strict blocks; :math:`\lambda/\sigma^2 \to \infty` in all coordinates with signal, while
    :math:`\rho = \sigma^2\|b\|^2+\omega^2` stays:

    .. math:: \rho\,\Big(1+\sum_gp_g\frac{s_g}{n_g-s_g-1}\Big) \cdot \begin{cases}
              1 & d = s, \\
              (n-s-1)/(n-d-1) & s < d < n-1, \\
              (d-s-1)/(d-n-1) & d > n+1 . \end{cases}

    All coordinates have the noise variance :math:`\sigma^2`, in every group. This is a risk: the
    excess risk is less by :math:`\omega^2`. Block g has :math:`s_g` coordinates
    with signal, :math:`s = \sum_gs_g`, :math:`n = \sum_gn_g`. The other :math:`d-s` coordinates
    are noise alone, and the last factor is what fitting them costs.

    The limit is infinite if :math:`n_g \le s_g+1` where :math:`p_g` and :math:`s_g` are positive,
    and if :math:`|n-d| \le 1` where :math:`d > s`. A group with :math:`p_g = 0` is not in the sum
    over g; if it has no samples either, its coordinates are noise alone, and it is not in s.

    Parameters
    ----------
    samples, sizes, group_probabilities : (..., K) arrays
        :math:`n_g, s_g, p_g`. Where :math:`p_g = 0`, :math:`n_g` is 0 or at least :math:`s_g`.
    dim : (...) array
        d, the number of all coordinates.
    residual : (...) array
        :math:`\rho > 0`, its b without the coordinates that are noise alone.

    Notes
    -----
    docs/theory.md §4, "Dense: strong signal".

    Examples
    --------
    Two blocks of 4 coordinates, then two coordinates without signal beside them:

    >>> strong_signal_risk([6, 9], 4, 0.5, [8, 10], 1.0)
    array([3.5 , 5.25])
    """
    n, s, p = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (samples, sizes, group_probabilities))
    )
    learned = np.minimum(n, s)  # directions of each block that its own samples determine
    costs = np.divide(s, n - s - 1.0, out=np.full(n.shape, np.inf), where=n > s + 1.0)
    blocks = 1.0 + np.sum(np.multiply(p, costs, out=np.zeros(n.shape), where=(p * s > 0.0)), -1)
    others = np.asarray(dim, dtype=np.float64) - learned.sum(axis=-1)
    noise_alone = 1.0 + estimation_cost((n - learned).sum(axis=-1), others, 1.0, 0.0)
    return np.asarray(np.asarray(residual, dtype=np.float64) * blocks * noise_alone)


class ExpertMoments(NamedTuple):
    r"""The factors in mean and variance of the fitted coefficients, one for each expert.

    The mean is :math:`k\theta_m`, the variance :math:`t\theta_m^2 + u + v/C_m`.

    Attributes
    ----------
    kept_share : array
        k.
    variance_of_squares, variance_of_norm, variance_of_residual : arrays
        t, u and v: what :math:`\theta_m^2`, :math:`\|\theta\|^2` and the residual add.
    """

    kept_share: FloatArray
    variance_of_squares: FloatArray
    variance_of_norm: FloatArray
    variance_of_residual: FloatArray


def expert_moments(
    samples: ArrayLike, sizes: ArrayLike, residual: ArrayLike, squared_norm: ArrayLike
) -> ExpertMoments:
    r"""Mean and variance of each coefficient of a fitted expert, where C is positive.

    .. math:: n > s+1: \ \theta_m, \ \frac{\rho}{(n-s-1)\,C_m}; \qquad
              n < s-1: \ \frac ns\theta_m, \ \frac ns\,\frac{s-n}{s(s+2)}\Big(
              \theta_m^2 + \frac{s\|\theta\|^2 - \theta_m^2}{s-1}\Big)
              + \frac{\rho\,n}{(s-n-1)\,s\,C_m} .

    The case :math:`n < s-1` needs :math:`C = cI`: the fit is :math:`\theta` projected on a random
    subspace of dimension n, plus noise within the subspace. For :math:`|n-s| \le 1` and
    :math:`\rho > 0` the variance is infinite.

    Parameters
    ----------
    samples, sizes, residual, squared_norm : arrays
        :math:`n, s, \rho, \|\theta\|^2` of each expert.
    """
    n, s, rho, squared_norm = (
        np.asarray(a, dtype=np.float64) for a in (samples, sizes, residual, squared_norm)
    )
    kept_share = np.minimum(n / np.maximum(s, 1.0), 1.0)
    distance = np.abs(n - s) - 1.0  # to the threshold, where the mean is infinite
    each = np.divide(rho, distance, out=np.full(n.shape, np.inf), where=distance > 0.0)
    residual_part = np.multiply(
        each, kept_share, out=np.zeros(n.shape), where=(n > 0.0) & (rho > 0.0)
    )
    projection = kept_share * np.maximum(s - n, 0.0) / np.maximum(s * (s + 2.0), 1.0)
    s_less_one = np.maximum(s - 1.0, 1.0)
    return ExpertMoments(
        kept_share=kept_share,
        variance_of_squares=projection * (s_less_one - 1.0) / s_less_one,
        variance_of_norm=projection * squared_norm * s / s_less_one,
        variance_of_residual=residual_part,
    )


def is_isotropic(smallest: Any, largest: Any) -> Any:
    """Whether the ``smallest`` and the ``largest`` variance are equal up to rounding."""
    return largest - smallest <= 1e-12 * largest


def dense_rate(
    layout: BlockLayout,
    group_probabilities: FloatArray,
    signal: FloatArray,
    leakage: FloatArray,
    coefficients: FloatArray,
    noise: Any,
    interference: Any,
    label_noise: float,
    *,
    fixed: bool,
) -> float:
    r"""The limit of :math:`n(\mathbb E R_n - R)` for dense least squares.

    .. math:: \operatorname{tr}(H^{-1}J), \qquad H = \operatorname{diag}(h+\bar n), \qquad
              J = \sum_g p_g (r_g C_g + C_g\Delta_g\Delta_g^\top C_g),

    where :math:`r_g` is the risk in group g of the dense optimum :math:`\hat b`,
    and :math:`\Delta_g = \tilde\theta_g - \hat b` its distance from the group's best coefficients.
    The second term of J counts twice if the groups of the samples are drawn.

    Parameters
    ----------
    layout : BlockLayout
        All groups in one set.
    group_probabilities : (K,) array
        :math:`p_g`.
    signal, leakage, coefficients : (d,) arrays
        :math:`\lambda, \nu, b`, in the order of the layout.
    noise, interference : (d,) arrays or scalars
        :math:`n, \kappa`, in the order of the layout.
    label_noise : float
        :math:`\omega^2`.
    fixed : bool
        Whether the numbers of samples of the groups are fixed.
    """
    p = group_probabilities.reshape(layout.shape)
    share = layout.per_coordinate(p)
    moment = layout.sum_over_groups(p, signal, leakage)
    mean_noise = shrinkage.mean_noise(share, noise, interference)
    idle_noise = noise + interference
    total = shrinkage.shrinkage_denominator(moment, mean_noise)
    optimum = coefficients / total * moment
    error = coefficients / total * shrinkage.lost_numerator(moment, mean_noise)
    contributions = population.dense_contributions(
        share, signal, leakage, coefficients, noise, interference, 0.0
    )
    risk = layout.sum_over_coordinates(*contributions)
    trace = layout.sum_over_coordinates((signal + noise) / total, (leakage + idle_noise) / total)
    own, other = signal * error - noise * optimum, leakage * error - idle_noise * optimum  # C Delta
    form = layout.sum_over_coordinates(own**2 / total, other**2 / total)
    times = 1.0 if fixed else 2.0
    return float(np.sum(p * ((risk + label_noise) * trace + times * form)))
