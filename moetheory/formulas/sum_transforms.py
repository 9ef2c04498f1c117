r"""Laplace transforms of chi-square ratios, of beta variables and of sums of both.

.. math:: Y = \sum_j a_jR_j + \sum_j e_jB_j, \qquad
          R_j = \chi^2_{s_j}/\chi^2_{\nu_j}, \quad B_j \sim \mathrm{Beta}(\alpha_j, \beta_j) .

Each is an integral over one variable, by the trapezoid rule over a saddle point. It is analytic off
the negative real axis (docs/theory.md §4, Experts: the law).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import ComplexArray, FloatArray, IntArray

NEGLIGIBLE = 40.0  # e^-40 is below the rounding of what it is added to
STEP = 0.15  # of the trapezoid rules in log b and logit b, where nothing is narrower
LARGE = 20.0  # s from which 1/|sin arg w|^(s/2) costs digits
PIECE = 1 << 13  # nodes of a quadrature that are held at once

Exponent = Callable[[FloatArray, IntArray], ComplexArray]


class Sum(NamedTuple):
    """The distinct terms of Y, each as arrays (J,).

    ``scales`` are a of the ratios and e of the beta variables; ``first, second`` are
    :math:`s, \\nu` of the ratios and :math:`\\alpha, \\beta` of the beta variables; ``powers`` says
    how often each term occurs.
    """

    ratio_scales: FloatArray
    ratio_first: FloatArray
    ratio_second: FloatArray
    ratio_powers: FloatArray
    beta_scales: FloatArray
    beta_first: FloatArray
    beta_second: FloatArray
    beta_powers: FloatArray


def log_ratio_transform(w: ArrayLike, s: ArrayLike, nu: ArrayLike) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-wR}` of a ratio, w complex off the negative real axis.

    .. math:: E_b(1+2w/b)^{-s/2}, \quad b \sim \chi^2_\nu,

    which is :math:`U(\tfrac s2, 1-\tfrac\nu2, w)` times
    :math:`\Gamma(\tfrac{s+\nu}2)/\Gamma(\tfrac\nu2)`. By the
    trapezoid rule in log b along the horizontal line through the saddle point, the root of
    :math:`b^2+(2w-\nu)b-2(s+\nu)w`: there the terms do not cancel, however small the result.
    The arguments broadcast.

    >>> log_ratio_transform(1.0, 2, 2)  # log(1 - e E_1(1))
    array(-0.90720058+0.j)
    """
    shape, flat, s, nu = _side_by_side(w, s, nu)
    flat = 2.0 * flat
    b, curvature = _ratio_saddle(flat, s, nu)
    start = np.log(b / nu)
    start = start - np.expm1(start)
    # left of the saddle the path must turn after w, or (1 + 2w/b)^(-s/2) grows where s is large
    turn = np.angle(flat) - np.angle(b)
    turn = np.sign(turn) * np.clip(np.abs(turn) - 0.7, 0.0, None)
    turn *= (s > LARGE) * (np.abs(b) > np.abs(flat))
    place = np.minimum(np.log(0.5 * s * np.abs(flat / b) + 1e-300), -1.0)
    columns = [each[:, np.newaxis] for each in (start, b, flat / b)]
    real_columns = [each[:, np.newaxis] for each in (turn, place, s, nu)]

    def exponent(t: FloatArray, piece: IntArray) -> ComplexArray:
        began, at, ratio = (each[piece] for each in columns)
        angle, where, s, nu = (each[piece] for each in real_columns)
        along: Any = t
        slope: Any = 0.0
        if angle.any():
            left = _falling(t - where)
            along = t + 1j * angle * (left - _falling(-where))
            slope = np.log(1.0 - 1j * angle * left * (1.0 - left))
        grown = along - (at / nu) * np.expm1(along)
        ratio = ratio * np.exp(-along)
        return np.asarray(0.5 * nu * (began + grown) - 0.5 * s * _log_one_plus(ratio) + slope)

    halves, which = np.unique(0.5 * nu, return_inverse=True)

    def plain(t: FloatArray, piece: IntArray) -> ComplexArray:
        return (halves[piece, np.newaxis] * (t - np.expm1(t))).astype(np.complex128)

    norm = _log_integral(plain, halves)[which.ravel()]
    return np.asarray((_log_integral(exponent, curvature) - norm).reshape(shape))


def _side_by_side(
    w: ArrayLike, first: ArrayLike, second: ArrayLike
) -> tuple[tuple[int, ...], ComplexArray, FloatArray, FloatArray]:
    """The common shape of the arguments of a transform, and their (n,) entries."""
    z, a, b = np.broadcast_arrays(
        np.asarray(w, dtype=np.complex128), np.asarray(first, float), np.asarray(second, float)
    )
    return z.shape, z.ravel(), a.ravel(), b.ravel()


def _ratio_saddle(
    flat: ComplexArray, s: FloatArray, nu: FloatArray
) -> tuple[ComplexArray, FloatArray]:
    """The saddle b of the integral in log b, and the size of the second derivative there.

    For ``flat`` = 2w.
    """
    # both zeros of the discriminant lie on the cut, so these roots are continuous off it
    middle, spread = -(nu + 2.0 * s), 2.0 * np.sqrt(s * (s + nu))
    zero = -np.square(nu) / (spread - middle)  # middle + spread, without its cancellation
    root = np.sqrt(flat - zero) * np.sqrt(flat - (middle - spread))
    far = np.abs(flat) > nu
    numerator = np.where(far, 2.0 * (s + nu) * flat, nu - flat + root)
    b = np.asarray(numerator / np.where(far, flat - nu + root, 2.0), dtype=np.complex128)
    return b, np.abs(0.5 * s * (b / (b + flat)) * (flat / (b + flat)) + 0.5 * b)


def log_beta_transform(w: ArrayLike, alpha: ArrayLike, beta: ArrayLike) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-wB}` of a beta variable for complex w; they broadcast.

    Kummer's :math:`{}_1F_1(\alpha; \alpha+\beta; -w)`, by the trapezoid rule in
    :math:`\log(b/(1-b))` along the horizontal line through the saddle point, a root of
    :math:`wb^2-(\alpha+\beta+w)b+\alpha`.

    >>> log_beta_transform(1.0, 1.0, 1.0)  # log(1 - 1/e)
    array(-0.4586751+0.j)
    """
    shape, flat, alpha, beta = _side_by_side(w, alpha, beta)
    b = _beta_saddle(flat, alpha, beta)
    offset = np.log(b / (1.0 - b)) - np.log(alpha / beta)
    # beyond a right angle the factors b^α and (1-b)^β would outgrow what the exponential gains
    offset = offset.real + 1j * np.clip(offset.imag, -0.5 * math.pi, 0.5 * math.pi)
    total, centre = alpha + beta, alpha / (alpha + beta)
    columns = [each[:, np.newaxis] for each in (offset, flat, alpha, total, centre)]

    def exponent(t: FloatArray, piece: IntArray) -> ComplexArray:
        off, w, alpha, total, centre = (each[piece] for each in columns)
        tau, q = off + t, np.empty(t.shape, dtype=np.complex128)
        # centre times exp(tau) - 1, far faster than by complex functions
        growth, angle = np.expm1(tau.real), off.imag
        q.real = centre * (growth * np.cos(angle) - 2.0 * np.square(np.sin(0.5 * angle)))
        q.imag = centre * ((growth + 1.0) * np.sin(angle))
        inside = (q + centre) / (1.0 + q)
        return np.asarray(alpha * tau - total * _log_one_plus(q) - w * inside)

    laws, first, which = np.unique(
        np.stack([alpha, beta]), axis=1, return_index=True, return_inverse=True
    )
    of_plain = [each[first, np.newaxis] for each in (alpha, total, centre)]

    def plain(t: FloatArray, piece: IntArray) -> ComplexArray:
        alpha, total, centre = (each[piece] for each in of_plain)
        power = alpha * t - total * np.log1p(centre * np.expm1(t))
        return np.asarray(power.astype(np.complex128))

    norm = _log_integral(plain, np.maximum(laws.max(axis=0), 1.0))[which.ravel()]
    curvature = np.maximum(np.maximum(alpha, beta), 1.0)
    return np.asarray((_log_integral(exponent, curvature) - norm).reshape(shape))


def _beta_saddle(flat: ComplexArray, alpha: FloatArray, beta: FloatArray) -> ComplexArray:
    """The saddle b of the integral in log(b/(1-b)), for ``flat`` = w."""
    total, turn = alpha + beta, 2.0 * np.sqrt(alpha * beta)
    shifted = flat - (alpha - beta)
    root = np.sqrt(shifted - 1j * turn) * np.sqrt(shifted + 1j * turn)
    b = 2.0 * alpha / (total + flat + root)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = alpha / (flat * b)
        better = _log_beta_weight(other, flat, alpha, beta) > _log_beta_weight(b, flat, alpha, beta)
    # only far from the real axis are both roots passes that the path can go over
    return np.asarray(np.where((np.abs(flat.imag) > turn) & better, other, b))


def _falling(t: FloatArray) -> FloatArray:
    """The function 1/(1 + exp(t)), without overflow."""
    return np.asarray(0.5 - 0.5 * np.tanh(0.5 * t))


def _log_one_plus(q: ComplexArray) -> ComplexArray:
    """The complex log(1 + q) where 1 + q is not small, several times faster than NumPy's."""
    result = np.empty(q.shape, dtype=np.complex128)
    with np.errstate(over="ignore"):
        result.real = 0.5 * np.log1p(2.0 * q.real + np.square(q.real) + np.square(q.imag))
    result.imag = np.arctan2(q.imag, 1.0 + q.real)
    return result


def _log_integral(exponent: Exponent, curvature: FloatArray) -> ComplexArray:
    """Integrals log ∫ exp(exponent(t)) dt over the real line, one for each ``curvature`` at 0."""
    step = np.minimum(0.4 / np.sqrt(curvature), STEP)
    result = np.empty(len(curvature), dtype=np.complex128)
    first = -(_reach(exponent, curvature, -1.0) / step).astype(np.intp) - 1
    last = (_reach(exponent, curvature, 1.0) / step).astype(np.intp) + 1
    order = np.argsort(last - first, kind="stable")  # grids of about equal size together
    begin = 0
    while begin < len(order):
        most = int((last - first)[order[begin]]) + 1
        piece = order[begin : begin + max(PIECE // most, 1)]
        begin += len(piece)
        grid = np.arange(int(first[piece].min()), int(last[piece].max()) + 1, dtype=np.float64)
        values = exponent(step[piece, np.newaxis] * grid, piece)
        top = values.real.max(axis=1)
        with np.errstate(under="ignore"):
            sums = np.exp(values - top[:, np.newaxis]).sum(axis=1)
        result[piece] = np.log(sums) + top + np.log(step[piece])
    return result


def _log_beta_weight(
    b: ComplexArray, w: ComplexArray, alpha: FloatArray, beta: FloatArray
) -> FloatArray:
    """The logarithm of the size of the integrand of `log_beta_transform` at b."""
    return np.asarray((alpha * np.log(b) + beta * np.log(1.0 - b) - w * b).real)


def _reach(exponent: Exponent, curvature: FloatArray, side: float) -> FloatArray:
    """The distance from t = 0 beyond which an integrand is negligible, on one side."""
    grid = np.concatenate(([0.0], 1.4 ** np.arange(13.0)))
    reach = np.minimum(8.0 / np.sqrt(curvature), 4.0)[:, np.newaxis] * grid
    sizes = np.empty(reach.shape)
    for piece in np.array_split(np.arange(len(curvature)), -(-reach.size // PIECE)):
        sizes[piece] = exponent(side * reach[piece], piece).real
    seen = sizes > sizes.max(axis=1, keepdims=True) - NEGLIGIBLE
    last = np.minimum(len(grid) - np.argmax(seen[:, ::-1], axis=1), len(grid) - 1)
    return np.asarray(np.take_along_axis(reach, last[:, np.newaxis], axis=1)[:, 0])


def log_transform(z: ArrayLike, terms: Sum) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-zY}`, one summand for each distinct term, shape of z."""
    w = np.asarray(z, dtype=np.complex128)
    flat = w.reshape(1, -1)
    ratio, beta = ([array[:, np.newaxis] for array in part] for part in (terms[:4], terms[4:]))
    result = np.zeros(w.shape, dtype=np.complex128)
    for (scale, first, second, powers), transform in (
        (ratio, log_ratio_transform),
        (beta, log_beta_transform),
    ):
        if len(scale):
            summands = powers * transform(scale * flat, first, second)
            result += summands.sum(axis=0).reshape(w.shape)
    return result


def rough_log_transform(z: FloatArray, terms: Sum) -> FloatArray:
    r"""The log transform for z > 0, (n,), by saddle points alone, each term to a small factor."""
    scale, s, nu, powers = (array[:, np.newaxis] for array in terms[:4])
    w = scale * z
    b = _ratio_saddle((2.0 * w).astype(np.complex128), s, nu)[0].real
    start = np.log(b / nu)
    logs = 0.5 * nu * (start - np.expm1(start)) - 0.5 * s * np.log1p(2.0 * w / b)
    curvature = 0.5 * s * (b / (b + 2.0 * w)) * (2.0 * w / (b + 2.0 * w)) + 0.5 * b
    result = np.sum(powers * (logs + 0.5 * np.log(0.5 * nu / curvature)), axis=0)
    scale, alpha, beta, powers = (array[:, np.newaxis] for array in terms[4:])
    w, total = scale * z, alpha + beta
    b = _beta_saddle(w.astype(np.complex128), alpha, beta).real
    logs = alpha * np.log(b * total / alpha) + beta * np.log((1.0 - b) * total / beta) - w * b
    curvature = b * (1.0 - b) * (total + w * (1.0 - 2.0 * b))
    result += np.sum(powers * (logs + 0.5 * np.log(alpha * beta / total / curvature)), axis=0)
    return np.asarray(result)
