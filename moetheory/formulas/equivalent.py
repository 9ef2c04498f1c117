r"""The deterministic equivalent of ridge regression and its 1/n term (docs/theory.md §4, Dense).

See `equivalent_weights` for the equation that it starts from, and for the notation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent_weights import (
    Pair,
    denominator,
    isotropic_weight,
    over_denominator,
    weights,
)

SINGULAR = 1e-12  # least eigenvalue at which nothing is left but rounding


class EquivalentMoments(NamedTuple):
    r"""Mean and variance of each fitted coefficient, with the next order of both, shape (d,).

    Attributes
    ----------
    mean, coefficient_error, variance : arrays
        The deterministic equivalent: the mean :math:`\bar\beta`, the error :math:`b-\bar\beta`
        of the mean, and the variance.
    mean_correction, variance_correction : arrays
        The terms of relative order 1/n of the mean and of the variance.
    misfit : array
        :math:`\sum_g\frac{w_gC_{gm}}{D_m}(\tilde\theta_{gm}-\bar\beta_m)^2`, the squared distance
        to the best coefficients of the groups, weighted by what each group adds to D.
    group_part : array
        :math:`(Pe)_g` of the group of the coordinate: what its samples add to the variance
        :math:`\sum_g(Pe)_gC_{gm}/D_m^2` of every coefficient.
    denominator : array
        :math:`D_m`.
    outer_pull, outer_penalty : arrays
        The a and c of the block of the coordinate alone: the coordinates of other blocks add to
        a, :math:`a + \sum_{k\notin g}C_{gk}/D_k`, other groups to c,
        :math:`c + \sum_{h\ne g}w_hC_{hm}`.
    """

    mean: FloatArray
    coefficient_error: FloatArray
    variance: FloatArray
    mean_correction: FloatArray
    variance_correction: FloatArray
    misfit: FloatArray
    group_part: FloatArray
    denominator: FloatArray
    outer_pull: FloatArray
    outer_penalty: FloatArray


def moments(
    layout: BlockLayout,
    counts: FloatArray,
    signal: FloatArray,
    leakage: FloatArray,
    coefficients: FloatArray,
    noise: Any,
    idle_noise: Any,
    unexplained: FloatArray,
    a: Any,
    c: Any,
) -> EquivalentMoments:
    r"""Mean and variance of each fitted coefficient.

    With :math:`S_{gm}` equal to :math:`\lambda` on and :math:`\nu` off the block, the noise
    :math:`N_{gm}` equal to n on and :math:`n+\kappa` off it, :math:`C = S + N` and

    .. math:: \bar\beta_m = b_m\frac{\sum_g w_g S_{gm}}{D_m}, \qquad
              G_{gh} = \sum_m \frac{C_{gm}C_{hm}}{D_m^2}, \qquad
              P = \Big(\operatorname{diag}\frac{n_g}{w_g^2} - G\Big)^{-1},

    and :math:`e_g` the risk of :math:`\bar\beta` in group g, the leading order is the mean
    :math:`\bar\beta_m` and the variance :math:`\sum_g (Pe)_gC_{gm}/D_m^2`. The next order is that
    of the free energy :math:`\Phi_1 = \tfrac12\ln\det(I - \operatorname{diag}(w_g^2/n_g)\,G)`,
    differentiated along a test sample and along the label.

    Parameters
    ----------
    layout, counts, a, c
        As for `equivalent_weights.weights`.
    signal, leakage, coefficients : (d,) arrays
        :math:`\lambda, \nu, b`, in the order of the layout.
    noise, idle_noise : (d,) arrays or scalars
        :math:`n` and :math:`n+\kappa`, in the order of the layout.
    unexplained : (sets, k) array
        Variance of the label that is independent of the coordinates of the set: label noise and,
        for an expert, the signal that leaks into the blocks of others.
    """
    own, other = signal + noise, leakage + idle_noise
    # in such units of w and c, which do not matter below, weights are of the order of counts
    unit = isotropic_weight(layout, counts, own, other, a, c)
    a, c = a * unit, c / unit
    w = weights(layout, counts, own, other, a, c)
    d_m = denominator(layout, w, own, other, c)
    varies = d_m > 0.0
    positive_d = np.where(varies, d_m, 1.0)
    beta = coefficients * (layout.sum_over_groups(w, signal, leakage) / positive_d)
    noise_part = layout.per_coordinate(c) + layout.sum_over_groups(w, noise, idle_noise)
    error = np.where(varies, coefficients * (noise_part / positive_d), coefficients)  # b - beta
    squared_fit, squared = beta**2, error**2
    risks = signal * squared + noise * squared_fit, leakage * squared + idle_noise * squared_fit
    e = layout.sum_over_coordinates(*risks) + unexplained
    ratios = over_denominator(own, other, d_m)
    gram = layout.gram(*ratios)
    p = _inverse(gram, counts, w)

    def variance_from(errors: Any) -> FloatArray:
        r"""The variances :math:`\sum_g (Pe)_gC_{gm}/D_m^2` for the risks e in the groups."""
        return layout.sum_over_groups(_apply(p, errors), *ratios) / positive_d

    root = np.sqrt(positive_d)
    gradients = (
        (signal * error - noise * beta) / root,
        (leakage * error - idle_noise * beta) / root,
    )
    variance_part, mean_part, through_w = _next_order(layout, counts, w, ratios, gradients, p, e)
    parts = zip(ratios, gradients, strict=True)
    through_d = layout.sum_over_coordinates(
        *(ratio * variance_part + gradient * mean_part for ratio, gradient in parts)
    )
    result = EquivalentMoments(
        mean=beta,
        coefficient_error=error,
        variance=variance_from(e),
        mean_correction=-0.5 * mean_part / root,
        variance_correction=variance_part / positive_d + variance_from(through_d + through_w),
        misfit=layout.sum_over_groups(w, *map(_squared_over, gradients, (own, other))),
        group_part=layout.per_coordinate(_apply(p, e)),
        denominator=d_m,
        outer_pull=layout.per_coordinate(a + layout.sum_over_coordinates(0.0 * own, ratios[1])),
        outer_penalty=layout.per_coordinate(c) + layout.sum_over_groups(w, 0.0, other),
    )
    if not all(np.isfinite(part).all() for part in result):
        raise ArithmeticError("numbers too large or too small for floating point")
    return result


def _next_order(
    layout: BlockLayout,
    counts: FloatArray,
    w: FloatArray,
    ratios: Pair,
    gradients: Pair,
    p: FloatArray,
    e: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""The gradient of :math:`\Psi`, the derivative of :math:`\Phi_1` in the weight of the label.

    With the label appended with weight :math:`\epsilon`, :math:`G \to G + 2\epsilon\Gamma`,
    :math:`\Gamma_{gh} = \sum_m E_{gm}E_{hm}/D_m`, and :math:`w \to w - \epsilon Pe`, so that

    .. math:: \Psi = -\operatorname{tr}P\Gamma - j^\top Pe, \qquad
              j_k = \frac1{w_k} - \frac{n_k}{w_k^3}P_{kk}
                    + \sum_m \frac{C_{km}}{D_m} \frac{(C^\top PC)_m}{D_m^2} .

    Returned are (d,) arrays x and y, ``variance_part`` and ``mean_part``, and a (sets, k) array.
    Along a test sample of group h the derivative through D is :math:`\sum_m (C_{hm}/D_m)x_m +
    (E_{hm}/\sqrt{D_m})y_m`; the last array is the derivative through :math:`n/w^2` and
    :math:`\ln w`.

    Parameters
    ----------
    layout, counts, w
        As for `equivalent_weights.weights`, and what it returns.
    ratios, gradients : pairs of (d,) arrays
        :math:`C_{gm}/D_m` and :math:`E_{gm}/\sqrt{D_m}`, :math:`E_g = C_g(\tilde\theta_g -
        \bar\beta)`, each on and off the block of the group.
    p, e : (sets, k, k) and (sets, k) arrays
        P, and the risk of :math:`\bar\beta` in each group.
    """
    inverse_w = np.divide(1.0, w, out=np.zeros(w.shape), where=counts > 0.0)
    n_over_w3 = counts * inverse_w**3
    p_diagonal, p_e = _diagonal(p), _apply(p, e)
    p_e_ratios, p_form = layout.sum_over_groups(p_e, *ratios), layout.quadratic_form(p, *ratios)
    j = inverse_w - n_over_w3 * p_diagonal
    j = j + layout.sum_over_coordinates(*(ratio * p_form for ratio in ratios))
    p_j = _apply(p, j)
    v = layout.gram(*gradients)
    identity = np.eye(counts.shape[-1])
    # half of how diag(n/w^2) - G changes through w, and half of how P changes
    weight_change = identity * (n_over_w3 * p_e)[..., np.newaxis] - layout.gram(*ratios, p_e_ratios)
    p_change = p @ (v - weight_change) @ p
    variance_part = (
        2.0 * layout.quadratic_form(p_change, *ratios)
        + layout.quadratic_form(p, *gradients)
        + 2.0 * layout.sum_over_groups(p_j, *ratios) * p_e_ratios
        + 3.0 * p_e_ratios * p_form
    )
    crossed = layout.quadratic_form(p, *ratios, *gradients)
    mean_part = 2.0 * (crossed + layout.sum_over_groups(p_j, *gradients))
    through_w = (
        p_e * inverse_w**2
        - 2.0 * n_over_w3 * (_diagonal(p_change) + p_j * p_e)
        - 3.0 * n_over_w3 * inverse_w * p_diagonal * p_e
    )
    return variance_part, mean_part, through_w


def _squared_over(gradient: FloatArray, variance: Any) -> FloatArray:
    """The square over the variance; 0 where there is none."""
    out = np.zeros(gradient.shape)
    quotient = np.divide(gradient**2, variance, out=out, where=np.greater(variance, 0.0))
    return np.asarray(quotient)


def _inverse(gram: FloatArray, counts: FloatArray, w: FloatArray) -> FloatArray:
    r"""The matrix :math:`P = (\operatorname{diag}(n/w^2) - G)^{-1}`; 0 for empty groups."""
    scale = w / np.sqrt(np.maximum(counts, 1.0))
    outer = scale[..., np.newaxis] * scale[..., np.newaxis, :]
    matrix = np.eye(counts.shape[-1]) - outer * gram
    least = float(np.linalg.eigvalsh(matrix).min())
    if not least > SINGULAR:
        raise ArithmeticError(f"the matrix is nearly singular: smallest eigenvalue {least:.2g}")
    return np.asarray(outer * np.linalg.inv(matrix))


def _apply(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """The matrix of each set times the vector of the set."""
    return np.asarray((matrix @ vector[..., np.newaxis])[..., 0])


def _diagonal(matrix: FloatArray) -> FloatArray:
    """The diagonal of the matrix of each set, shape (sets, k)."""
    return np.diagonal(matrix, axis1=1, axis2=2)
