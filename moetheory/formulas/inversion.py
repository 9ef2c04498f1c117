r"""The law of a sum of independent chi-square ratios and beta variables, from its transform.

.. math:: Y = \sum_j a_jR_j + \sum_j e_jB_j, \qquad
          R_j = \chi^2_{s_j}/\chi^2_{\nu_j}, \quad B_j \sim \mathrm{Beta}(\alpha_j, \beta_j) .

Its Laplace transform :math:`L(z) = E\,e^{-zY}` is analytic off the negative real axis, and is
inverted along a path through its saddle point (docs/theory.md §4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray

ComplexArray = NDArray[np.complex128]

TOLERANCE = 1e-10  # of a distribution function that is found numerically
NEGLIGIBLE = 40.0  # e^-40 is below the rounding of what it is added to
STEP = 0.15  # of the trapezoid rules in log b and logit b, where nothing is narrower
LARGE = 20.0  # s from which 1/|sin arg w|^(s/2) costs digits
PIECE = 1 << 14  # nodes of a quadrature that are held at once
ANGLE = 0.5  # of the contour's asymptotes to the vertical; Gaussian decay ends at π/4
MOST_LEVELS = 9  # halvings of a contour's step
MOST_TERMS = 1 << 14  # of a Fourier series


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


def log_ratio_transform(w: ArrayLike, s: float, nu: float) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-wR}` of a ratio, w complex off the negative real axis.

    .. math:: E_b(1+2w/b)^{-s/2}, \quad b \sim \chi^2_\nu,

    which is :math:`U(\tfrac s2, 1-\tfrac\nu2, w)` times
    :math:`\Gamma(\tfrac{s+\nu}2)/\Gamma(\tfrac\nu2)`. By the
    trapezoid rule in log b along the horizontal line through the saddle point, the root of
    :math:`b^2+(2w-\nu)b-2(s+\nu)w`: there the terms do not cancel, however small the result.

    >>> log_ratio_transform(1.0, 2, 2)  # log(1 - e E_1(1))
    array(-0.90720058+0.j)
    """
    z = np.asarray(w, dtype=np.complex128)
    s, nu, flat = float(s), float(nu), 2.0 * z.ravel()
    # both zeros of the discriminant lie on the cut, so these roots are continuous off it
    middle, spread = -(nu + 2.0 * s), 2.0 * math.sqrt(s * (s + nu))
    zero = -(nu**2) / (spread - middle)  # middle + spread, without its cancellation
    root = np.sqrt(flat - zero) * np.sqrt(flat - (middle - spread))
    far = np.abs(flat) > nu
    numerator = np.where(far, 2.0 * (s + nu) * flat, nu - flat + root)
    b = numerator / np.where(far, flat - nu + root, 2.0)
    curvature = np.abs(0.5 * s * (b / (b + flat)) * (flat / (b + flat)) + 0.5 * b)

    start = np.log(b / nu)
    start = start - np.expm1(start)
    # left of the saddle the path must turn after w, or (1 + 2w/b)^(-s/2) grows where s is large
    turn = np.angle(flat) - np.angle(b)
    turn = np.sign(turn) * np.clip(np.abs(turn) - 0.7, 0.0, None)
    turn *= (s > LARGE) * (np.abs(b) > np.abs(flat))
    place = np.minimum(np.log(0.5 * s * np.abs(flat / b) + 1e-300), -1.0)

    def exponent(t: FloatArray, piece: slice) -> ComplexArray:
        along: Any = t
        slope: Any = 0.0
        if turn[piece].any():
            angle, where = turn[piece, np.newaxis], place[piece, np.newaxis]
            left = _falling(t - where)
            along = t + 1j * angle * (left - _falling(-where))
            slope = np.log(1.0 - 1j * angle * left * (1.0 - left))
        grown = along - (b[piece, np.newaxis] / nu) * np.expm1(along)
        ratio = (flat / b)[piece, np.newaxis] * np.exp(-along)
        return np.asarray(
            0.5 * nu * (start[piece, np.newaxis] + grown) - 0.5 * s * _log_one_plus(ratio) + slope
        )

    def plain(t: FloatArray, _: slice) -> ComplexArray:
        return (0.5 * nu * (t - np.expm1(t))).astype(np.complex128)

    norm = _log_integral(plain, np.array([0.5 * nu]))
    return np.asarray((_log_integral(exponent, curvature) - norm).reshape(z.shape))


def log_beta_transform(w: ArrayLike, alpha: float, beta: float) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-wB}` of a beta variable for complex w, shape of w.

    Kummer's :math:`{}_1F_1(\alpha; \alpha+\beta; -w)`, by the trapezoid rule in
    :math:`\log(b/(1-b))` along the horizontal line through the saddle point, a root of
    :math:`wb^2-(\alpha+\beta+w)b+\alpha`.

    >>> log_beta_transform(1.0, 1.0, 1.0)  # log(1 - 1/e)
    array(-0.4586751+0.j)
    """
    z = np.asarray(w, dtype=np.complex128)
    alpha, beta, flat = float(alpha), float(beta), z.ravel()
    total, centre = alpha + beta, alpha / (alpha + beta)
    turn = 2.0 * math.sqrt(alpha * beta)
    shifted = flat - (alpha - beta)
    root = np.sqrt(shifted - 1j * turn) * np.sqrt(shifted + 1j * turn)
    b = 2.0 * alpha / (total + flat + root)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = alpha / (flat * b)
        better = _log_beta_weight(other, flat, alpha, beta) > _log_beta_weight(b, flat, alpha, beta)
    # only far from the real axis are both roots passes that the path can go over
    b = np.where((np.abs(flat.imag) > turn) & better, other, b)
    offset = np.log(b / (1.0 - b)) - math.log(alpha / beta)
    # beyond a right angle the factors b^α and (1-b)^β would outgrow what the exponential gains
    offset = offset.real + 1j * np.clip(offset.imag, -0.5 * math.pi, 0.5 * math.pi)
    curvature = np.full(flat.shape, max(alpha, beta, 1.0))

    def exponent(t: FloatArray, piece: slice) -> ComplexArray:
        tau = offset[piece, np.newaxis] + t
        grown = np.log1p(centre * np.expm1(tau))
        inside = np.exp(tau - grown)
        return np.asarray(alpha * tau - total * grown - flat[piece, np.newaxis] * centre * inside)

    def plain(t: FloatArray, _: slice) -> ComplexArray:
        power = alpha * t - total * np.log1p(centre * np.expm1(t))
        return power.astype(np.complex128)

    norm = _log_integral(plain, curvature[:1])
    return np.asarray((_log_integral(exponent, curvature) - norm).reshape(z.shape))


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


def _log_integral(
    exponent: Callable[[FloatArray, slice], ComplexArray], curvature: FloatArray
) -> ComplexArray:
    """Integrals log ∫ exp(exponent(t)) dt over the real line, one for each ``curvature`` at 0."""
    step = np.minimum(0.4 / np.sqrt(curvature), STEP)
    result = np.empty(len(curvature), dtype=np.complex128)
    left, right = _reach(exponent, curvature, -1.0), _reach(exponent, curvature, 1.0)
    start, stop = -int(np.max(left / step)) - 1, int(np.max(right / step)) + 1
    grid = np.arange(start, stop + 1, dtype=np.float64)
    rows = max(PIECE // len(grid), 1)
    for begin in range(0, len(curvature), rows):
        piece = slice(begin, begin + rows)
        values = exponent(step[piece, np.newaxis] * grid, piece)
        top = values.real.max(axis=1)
        with np.errstate(under="ignore"):
            sums = np.exp(values - top[:, np.newaxis]).sum(axis=1)
        result[piece] = np.log(sums) + top + np.log(step[piece])
    return result


def _log_beta_weight(b: ComplexArray, w: ComplexArray, alpha: float, beta: float) -> FloatArray:
    """The logarithm of the size of the integrand of `log_beta_transform` at b."""
    return np.asarray((alpha * np.log(b) + beta * np.log(1.0 - b) - w * b).real)


def _reach(
    exponent: Callable[[FloatArray, slice], ComplexArray], curvature: FloatArray, side: float
) -> FloatArray:
    """The distance from t = 0 beyond which an integrand is negligible, on one side."""
    grid = np.concatenate(([0.0], 1.4 ** np.arange(13.0)))
    reach = np.minimum(8.0 / np.sqrt(curvature), 4.0)[:, np.newaxis] * grid
    sizes = np.empty(reach.shape)
    for begin in range(0, len(curvature), 4096):
        piece = slice(begin, begin + 4096)
        sizes[piece] = exponent(side * reach[piece], piece).real
    seen = sizes > sizes.max(axis=1, keepdims=True) - NEGLIGIBLE
    last = np.minimum(len(grid) - np.argmax(seen[:, ::-1], axis=1), len(grid) - 1)
    return np.asarray(np.take_along_axis(reach, last[:, np.newaxis], axis=1)[:, 0])


def log_transform(z: ArrayLike, terms: Sum) -> ComplexArray:
    r"""The transform :math:`\log E\,e^{-zY}`, one summand for each distinct term, shape of z."""
    w = np.asarray(z, dtype=np.complex128)
    result = np.zeros(w.shape, dtype=np.complex128)
    for a, s, nu, power in zip(*terms[:4], strict=True):
        result += power * log_ratio_transform(a * w, s, nu)
    for e, alpha, beta, power in zip(*terms[4:], strict=True):
        result += power * log_beta_transform(e * w, alpha, beta)
    return result


def invert(x: float, terms: Sum) -> float:
    r"""The probability :math:`P(Y \le x)` for x > 0.

    The inversion integral of :math:`L(z)e^{zx}/z` runs along a path that leaves the real axis at
    the saddle point. If x is beyond the sum of the e_j, the largest the beta variables can add up
    to, the path bends to the left and the integrand decays at least exponentially, with relative
    accuracy in the lower tail; else the path is a vertical line.

    Raises
    ------
    ArithmeticError
        Refining does not bring the probability to within `TOLERANCE`.
    """
    bounded = float(terms.beta_scales @ terms.beta_powers)
    vertex, level, width = saddle_point(x, terms)
    if x > bounded:
        total = _on_hyperbola(x, terms, vertex, level, 2.0 * width)
    else:
        total = _on_line(x, terms, vertex, level)
    return math.exp(level) * total


def saddle_point(x: float, terms: Sum) -> tuple[float, float, float]:
    r"""The saddle point z > 0 at which :math:`\psi(z) = zx + \log L(z) - \log z` is least.

    Returned are z, :math:`\psi(z)` and :math:`\psi''(z)^{-1/2}`. There
    :math:`1/x \le z \le (1 + \sum s_j/2 + \sum(\alpha_j+1))/x`.
    """
    order = terms.ratio_powers @ terms.ratio_first / 2.0
    order += terms.beta_powers @ (terms.beta_first + 1.0)
    low, high = -0.1, math.log1p(order) + 0.1
    for _ in range(2):
        grid = np.linspace(low, high, 25)
        z = np.exp(grid) / x
        values = z * x + log_transform(z, terms).real - np.log(z)
        best = min(max(int(np.argmin(values)), 1), len(grid) - 2)
        low, high = grid[best - 1], grid[best + 1]
    curvature = (values[best - 1] - 2.0 * values[best] + values[best + 1]) * (
        1.0 / (grid[best] - low) ** 2
    )
    vertex = float(z[best])
    return vertex, float(values[best]), vertex / math.sqrt(max(curvature, 0.25))


def _on_hyperbola(x: float, terms: Sum, vertex: float, level: float, scale: float) -> float:
    """The integral over exp(level) along a hyperbola, by the trapezoid rule with halved steps."""

    def values(u: FloatArray) -> FloatArray:
        lean, rise = math.sin(ANGLE), math.cos(ANGLE)
        # cosh(u) - 1 without cancellation
        z = vertex + scale * (1j * rise * np.sinh(u) - 2.0 * lean * np.sinh(0.5 * u) ** 2)
        slope = scale * (1j * rise * np.cosh(u) - lean * np.sinh(u))
        power = z * x + log_transform(z, terms) - np.log(z) - level
        return np.asarray((np.exp(power) * slope).imag / math.pi)

    step, total = 0.25, 0.5 * float(values(np.zeros(1))[0])
    reach = 0.0
    while reach < 100.0:
        block = values(reach + step * np.arange(1.0, 17.0))
        total += float(block.sum())
        reach += 16.0 * step
        if np.abs(block[-4:]).max() < 1e-17:
            break
    total *= step
    for _ in range(MOST_LEVELS):
        middle = step * np.arange(0.5, reach / step)
        finer = 0.5 * total + 0.5 * step * float(values(middle).sum())
        change, total, step = abs(finer - total), finer, 0.5 * step
        # the rule converges geometrically: the new error is about the square of the old one
        if change <= 0.1 * TOLERANCE * abs(total):
            return total
    raise ArithmeticError(
        f"the distribution function at {x:g} beyond its lower end is not found to within "
        f"{TOLERANCE:g}; estimate it from sample(...)"
    )


def _on_line(x: float, terms: Sum, vertex: float, level: float) -> float:
    """The integral over exp(level) on a vertical line: a Fourier series with Euler's averaging.

    The step :math:`\\pi/(\\ell x)` turns sums of :math:`\\ell` terms into an alternating series,
    and its discretisation error is at most :math:`e^{-2x\\ell z}`, z the vertex.
    """
    blocks = math.ceil(0.5 * NEGLIGIBLE / (vertex * x))
    step = math.pi / (blocks * x)

    def values(first: int, stop: int) -> FloatArray:
        k = np.arange(first, stop, dtype=np.float64)
        offset = log_transform(vertex + 1j * step * k, terms) - np.log(vertex + 1j * step * k)
        phase = np.exp(1j * math.pi * (np.mod(k, 2 * blocks) / blocks))
        return np.asarray((np.exp(offset + (vertex * x - level)) * phase).real)

    count = 64
    series = values(0, count * blocks)
    series[0] *= 0.5
    total = math.nan
    while count * blocks <= MOST_TERMS:
        partial = series.reshape(count, blocks).sum(axis=1).cumsum()
        finer = step / math.pi * euler_average(partial)
        if abs(finer - total) * math.exp(level) <= 0.1 * TOLERANCE:
            return finer
        total = finer
        series = np.concatenate((series, values(count * blocks, 2 * count * blocks)))
        count *= 2
    raise ArithmeticError(
        f"the distribution function at {x:g} beyond its lower end is not found to within "
        f"{TOLERANCE:g}; estimate it from sample(...)"
    )


def euler_average(partial: FloatArray) -> float:
    """The last half of the partial sums of an alternating series, averaged binomially.

    >>> euler_average(np.cumsum((-1.0) ** np.arange(40)))
    0.5
    """
    half = len(partial) // 2
    k = np.arange(half + 1.0)
    logs = np.array(
        [math.lgamma(half + 1) - math.lgamma(i + 1) - math.lgamma(half - i + 1) for i in k]
    )
    weights = np.exp(logs - half * math.log(2.0))
    return float(weights @ partial[len(partial) - half - 1 :])
