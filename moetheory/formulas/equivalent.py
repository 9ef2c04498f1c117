r"""Ridge regression on a mixture of groups: deterministic equivalent and 1/n term.

Group g has :math:`n_g` samples :math:`\bar x \sim N(0, C_g)`, all :math:`C_g` diagonal. With c
the ridge on the sum over samples, their Gram matrix plus c behaves like
:math:`D = c + \sum_g w_g C_g`, where the weights solve

.. math:: a\,w_g + w_g \sum_m C_{gm}/D_m = n_g ,

a convex problem in :math:`\ln w`: minimise :math:`\sum_m \ln D_m + \sum_g (a\,w_g - n_g\ln w_g)`.
Ridge :math:`\mu`: (a, c) = (1, nμ). Without ridge: (1, 0) where n > d, (0, 1) where n < d.
Source: docs/theory.md §4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.block_layout import BlockLayout

TOLERANCE = 1e-9  # of every equation, relative to its n_g; one more Newton step squares it
STEPS = 300
TOO_NEAR = 0.499  # s/(n(n-s)) is at least 1/2 for n = s+1, and less for n = s+2
SINGULAR = 1e-12  # least eigenvalue at which nothing is left but rounding


class CoefficientMoments(NamedTuple):
    r"""Of the coefficients of each coordinate, shape (d,), in the order of the layout.

    Attributes
    ----------
    mean, missed, variance : arrays
        To leading order, the deterministic equivalent: the mean, b less the mean, the variance.
    bend, spread : arrays
        The term of relative order 1/n: what is to be added to the mean, and to the variance.
    doubt : array
        The variance times s/(n(n-s)) of the group that it is carried from (as if that were one
        isotropic group, for which it is the relative error of the leading order); positive,
        while the 1/n term may vanish by accident. Infinite from about one sample to the
        threshold on: there the mean may be infinite, or diverge as a ridge or a noise vanishes,
        and no order knows.
    """

    mean: FloatArray
    missed: FloatArray
    variance: FloatArray
    bend: FloatArray
    spread: FloatArray
    doubt: FloatArray


def weights(
    layout: BlockLayout, counts: FloatArray, own: FloatArray, other: Any, slope: Any, floor: Any
) -> FloatArray:
    r"""The weights :math:`w_g`, shape (sets, k); 0 for a group without samples.

    Newton's method in :math:`\ln w`, and where a step of it does not help
    :math:`w_g \leftarrow n_g/(a + \sum_m C_{gm}/D_m)`, which converges from anywhere.

    Parameters
    ----------
    layout : BlockLayout
    counts : (sets, k) array
        :math:`n_g`.
    own, other : (d,) arrays
        :math:`C_{gm}` on and off the block of the group.
    slope, floor : (sets, 1) arrays
        a and c.

    Raises
    ------
    ArithmeticError
        No convergence, as for a problem that has no solution.
    """
    present = counts > 0.0
    w = counts * one_sample(layout, counts, own, other, slope, floor)
    before, fallback = np.full((len(counts), 1), np.inf), w
    identity = np.eye(counts.shape[-1])
    for _ in range(STEPS):
        on, off = _over(own, other, denominator(layout, w, own, other, floor))
        pull = slope + layout.group_sums(on, off)
        share = np.divide(w * pull, counts, out=np.ones(counts.shape), where=present)
        error = np.abs(share - 1.0).max(axis=-1, keepdims=True)
        if np.any(error > before):
            w, before = np.where(error > before, fallback, w), np.full_like(before, np.inf)
            continue
        reached = w[..., np.newaxis] * layout.gram(on, off) * w[..., np.newaxis, :]
        hessian = identity * np.where(present, w * pull, 1.0)[..., np.newaxis] - reached
        step = np.linalg.solve(hessian, ((1.0 - share) * counts)[..., np.newaxis])[..., 0]
        if error.max() <= TOLERANCE:
            return np.asarray(w * np.exp(step))
        longest = np.abs(step).max(axis=-1, keepdims=True)
        fallback, before = np.where(present, counts / np.where(present, pull, 1.0), 0.0), error
        w = w * np.exp(step * np.minimum(1.0, 2.0 / np.maximum(longest, 1.0)))
    raise ArithmeticError(f"no convergence in {STEPS} steps: relative error {error.max():.2g}")


def one_sample(
    layout: BlockLayout,
    counts: FloatArray,
    own: FloatArray,
    other: FloatArray,
    slope: Any,
    floor: Any,
) -> FloatArray:
    """The weight of a sample, shape (sets, 1), were all variances equal; 1 without samples."""
    n = counts.sum(axis=-1, keepdims=True)
    seen = layout.across((counts > 0.0).astype(np.float64), own, other) > 0.0
    dim = layout.block_sums(seen.astype(np.float64)).sum(axis=-1, keepdims=True)
    energy = np.sum(counts * layout.group_sums(own, other), axis=-1, keepdims=True)
    mean = np.where(n > 0.0, energy / np.maximum(n, 1.0) / np.maximum(dim, 1.0), 1.0)
    # a v w^2 + ((d - n) v + a c) w - n c = 0
    linear = (dim - n) * mean + slope * floor
    root = np.hypot(linear, 2.0 * np.sqrt(slope * mean * n) * np.sqrt(floor))
    rising = np.where(linear > 0.0, linear + root, 1.0)
    falling = np.where(slope * mean > 0.0, 2.0 * slope * mean, 1.0)
    total = np.where(linear > 0.0, 2.0 * n * floor / rising, (root - linear) / falling)
    return np.asarray(np.where(n > 0.0, total / np.maximum(n, 1.0), 1.0))


def denominator(
    layout: BlockLayout, w: FloatArray, own: FloatArray, other: FloatArray, floor: Any
) -> FloatArray:
    r""":math:`D_m = c + \sum_g w_g C_{gm}`, shape (d,)."""
    return layout.across(w, own, other) + layout.spread(floor)


def moments(
    layout: BlockLayout,
    counts: FloatArray,
    signal: FloatArray,
    leakage: FloatArray,
    coefficients: FloatArray,
    noise: float,
    outside: FloatArray,
    slope: Any,
    floor: Any,
) -> CoefficientMoments:
    r"""Mean and variance of each fitted coefficient.

    With :math:`\bar\beta = D^{-1}\sum_g w_gC_g\tilde\theta_g`, :math:`e_g` its risk in group g,
    :math:`G_{gh} = \sum_m C_{gm}C_{hm}/D_m^2` and :math:`P = (\operatorname{diag}(n_g/w_g^2) -
    G)^{-1}`, the leading order is :math:`\bar\beta_m` and :math:`\sum_g (Pe)_gC_{gm}/D_m^2`: the
    risk of any test input is then that of :math:`\bar\beta` plus the variances times its own.
    The next order is that of the free energy :math:`\tfrac12\ln\det(I -
    \operatorname{diag}(w_g^2/n_g)\,G)`, differentiated along a test sample and along the label.

    Parameters
    ----------
    signal, leakage, coefficients : (d,) arrays
        :math:`\lambda, \nu, b`, in the order of the layout.
    noise : float
        :math:`\sigma^2`.
    outside : (sets, k) array
        Label variance that these coordinates cannot explain.
    """
    own, other = signal + noise, leakage + noise
    # in such units of w and c, which do not matter below, weights are of the order of counts
    unit = one_sample(layout, counts, own, other, slope, floor)
    slope, floor = slope * unit, floor / unit
    w = weights(layout, counts, own, other, slope, floor)
    d_m = denominator(layout, w, own, other, floor)
    # beta is the fitted mean, missed what it lacks: b = beta + missed
    reached = d_m > 0.0
    safe = np.where(reached, d_m, 1.0)
    share = layout.across(w, signal, leakage) / safe
    lost = (layout.spread(floor) + layout.across(w, noise, noise)) / safe
    beta, missed = coefficients * share, np.where(reached, coefficients * lost, coefficients)
    passed, squared = noise * beta**2, missed**2
    risk = layout.group_sums(signal * squared + passed, leakage * squared + passed) + outside

    on, off = _over(own, other, d_m)
    gram = layout.gram(on, off)
    solved = _inverse(gram, counts, w)

    def carried(errors: Any) -> FloatArray:
        """The variances that errors in the training groups leave in the coefficients."""
        return layout.across(_apply(solved, errors), on, off) / safe

    root = np.sqrt(safe)
    pulls = (signal * missed - noise * beta) / root, (leakage * missed - noise * beta) / root
    shared, crossed, trained = _next_order(layout, counts, w, (on, off), pulls, solved, risk)
    tested = layout.group_sums(on * shared + pulls[0] * crossed, off * shared + pulls[1] * crossed)
    relative = _diagonal(gram @ solved) / np.maximum(counts, 1.0)
    near = (relative >= TOO_NEAR) & (risk > 0.0)
    doubt = carried(risk * np.where(near, 0.0, relative))
    result = CoefficientMoments(
        mean=beta,
        missed=missed,
        variance=carried(risk),
        bend=-0.5 * crossed / root,
        spread=shared / safe + carried(tested + trained),
        doubt=np.where(carried(near * 1.0) > 0.0, np.inf, doubt),
    )
    if not all(np.isfinite(part).all() for part in result[:-1]):
        raise ArithmeticError("numbers too large or too small for floating point")
    return result


def _next_order(
    layout: BlockLayout,
    counts: FloatArray,
    w: FloatArray,
    reach: tuple[FloatArray, FloatArray],
    pulls: tuple[FloatArray, FloatArray],
    solved: FloatArray,
    risk: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Gradient of the label's derivative of :math:`\tfrac12\ln\det(I - \mathrm{diag}(w^2/n)G)`.

    With the label of weight :math:`\epsilon` appended, :math:`G \to G + 2\epsilon V`,
    :math:`V_{gh} = \sum_m E_{gm}E_{hm}/D_m`, and :math:`w \to w - \epsilon z`, :math:`z = Pr`, so
    that the derivative is

    .. math:: \Psi = -\operatorname{tr}PV - j^\top z, \qquad
              j_k = \frac1{w_k} - \frac{n_k}{w_k^3}P_{kk}
                    + \sum_m \frac{C_{km}}{D_m} \frac{(C^\top PC)_m}{D_m^2} .

    Returned is its gradient: along a test sample through D, :math:`\sum_m (C_{hm}/D_m)s_m +
    (E_{hm}/\sqrt{D_m})c_m`, as (d,) arrays s and c; and through n/w² and ln w, (sets, k).

    Parameters
    ----------
    reach, pulls : two (d,) arrays each
        :math:`C_{gm}/D_m` and :math:`E_{gm}/\sqrt{D_m}`, :math:`E_g = C_g(\tilde\theta_g -
        \bar\beta)`, on and off the block.
    solved : (sets, k, k) array
        P.
    risk : (sets, k) array
        r.
    """
    on, off = reach
    reciprocal = np.divide(1.0, w, out=np.zeros(w.shape), where=counts > 0.0)
    curvature = counts * reciprocal**3
    along = _diagonal(solved)
    z = _apply(solved, risk)
    z_reach, quadratic = layout.across(z, on, off), layout.form(solved, on, off)
    slopes = reciprocal - curvature * along + layout.group_sums(on * quadratic, off * quadratic)
    y = _apply(solved, slopes)
    label = layout.gram(*pulls)
    identity = np.eye(counts.shape[-1])
    bent = identity * (curvature * z)[..., np.newaxis] - layout.gram(on, off, z_reach)
    change = solved @ (label - bent) @ solved
    shared = (
        2.0 * layout.form(change, on, off)
        + layout.form(solved, *pulls)
        + 2.0 * layout.across(y, on, off) * z_reach
        + 3.0 * z_reach * quadratic
    )
    crossed = 2.0 * (layout.form(solved, on, off, *pulls) + layout.across(y, *pulls))
    through_counts = (
        z * reciprocal**2
        - 2.0 * curvature * (_diagonal(change) + y * z)
        - 3.0 * curvature * reciprocal * along * z
    )
    return shared, crossed, through_counts


def _over(own: FloatArray, other: FloatArray, d_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both over D, and 0 where D is: no sample reaches that coordinate."""
    safe = np.where(d_m > 0.0, d_m, np.inf)
    return own / safe, other / safe


def _inverse(gram: FloatArray, counts: FloatArray, w: FloatArray) -> FloatArray:
    r""":math:`P = (\operatorname{diag}(n/w^2) - G)^{-1}` for the groups with samples, else 0."""
    scale = w / np.sqrt(np.maximum(counts, 1.0))
    outer = scale[..., np.newaxis] * scale[..., np.newaxis, :]
    matrix = np.eye(counts.shape[-1]) - outer * gram
    least = float(np.linalg.eigvalsh(matrix).min())
    if not least > SINGULAR:
        raise ArithmeticError(f"they are all but singular: least eigenvalue {least:.2g}")
    return np.asarray(outer * np.linalg.inv(matrix))


def _apply(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray((matrix @ vector[..., np.newaxis])[..., 0])


def _diagonal(matrix: FloatArray) -> FloatArray:
    return np.diagonal(matrix, axis1=1, axis2=2)
