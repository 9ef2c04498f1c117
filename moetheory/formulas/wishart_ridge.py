r"""Exact ridge traces of a real Wishart matrix (docs/theory.md §4).

:math:`W = Z^\top Z` with Z an n x s matrix of independent standard normals, and
:math:`M = W(W+\tilde\mu I)^{-1}`: what a ridge regression on n samples of s isotropic coordinates
keeps of its coefficients. All that is needed are integrals over the mean density of the
eigenvalues, which has a closed form, and one identity for the variance of
:math:`\operatorname{tr} M`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray

NODES = 64  # of one Gauss-Legendre panel
PHASE = 40.0  # a panel is at most PHASE / sqrt(N) long, so that NODES resolve the oscillations
WIDEST = 8.0  # of a panel: the density is then wide enough for NODES where N is small
TAIL = 9.0  # a singular value leaves its bulk by more than this with probability below e^-40
MANTISSA = 400.0  # bits by which a polynomial may grow before it is scaled down
ROUNDING = 1e-13  # what is added to the error that is seen
SMALLEST = 1e-300  # ridge to which panels are graded: squares of their nodes do not underflow


class RidgeTraces(NamedTuple):
    r"""Moments of :math:`M = W(W+\tilde\mu I)^{-1} = I - \tilde\mu Q`, all floats.

    Attributes
    ----------
    kept_share : float
        :math:`\frac1s E\operatorname{tr} M`, the mean share of a coefficient that is kept.
    missed_share : float
        :math:`\frac{\tilde\mu}s E\operatorname{tr} Q`, one less ``kept_share``, exactly.
    missed_square : float
        :math:`\frac1s E\operatorname{tr}(I-M)^2 = \frac{\tilde\mu^2}s E\operatorname{tr} Q^2`.
    noise_trace : float
        :math:`E\operatorname{tr} WQ^2`, what the fit lets through of the noise.
    variance_on_diagonal : float
        :math:`\operatorname{Var} M_{11}`.
    square_off_diagonal : float
        :math:`E M_{12}^2`, zero for s = 1.
    error : float
        An estimate of the relative error of the first four: what is seen of it, not a bound.
    """

    kept_share: float
    missed_share: float
    missed_square: float
    noise_trace: float
    variance_on_diagonal: float
    square_off_diagonal: float
    error: float


def ridge_traces(samples: int, size: int, ridge: float) -> RidgeTraces:
    r"""Ridge traces of a real Wishart matrix: s x s, n degrees of freedom, and a ridge.

    With x the :math:`N = \min(n,s)` nonzero eigenvalues of W, of density :math:`\varrho`,
    :math:`m = x/(x+\tilde\mu)` and :math:`\ell = \tilde\mu/(x+\tilde\mu)`,

    .. math:: E\operatorname{tr} M = \int \varrho\,m\,dx, \qquad
              E\operatorname{tr}(I-M)^2 = (s-N) + \int \varrho\,\ell^2\,dx, \qquad
              E\operatorname{tr} WQ^2 = \int \varrho\,\frac m{x+\tilde\mu}\,dx .

    All integrands are positive. M is invariant under rotations, so that

    .. math:: \operatorname{Var} M_{11} = \frac{2D + v}{s(s+2)}, \qquad
              E M_{12}^2 = \frac{sD - v}{s(s-1)(s+2)},

    with :math:`D = E\operatorname{tr}(M-\bar mI)^2` and :math:`v = \operatorname{Var}
    \operatorname{tr} M`. Time grows like :math:`N^2`, memory like N.

    Parameters
    ----------
    samples, size : int
        n and s, at least one.
    ridge : float
        :math:`\tilde\mu`, positive: the ridge added to W, which is not divided by n.

    Examples
    --------
    >>> traces = ridge_traces(30, 10, 1e-9)
    >>> traces.noise_trace  # s / (n - s - 1) without a ridge
    0.526315789
    >>> ridge_traces(30, 10, 30.0).kept_share
    0.455004
    """
    least, most = min(samples, size), max(samples, size)
    x, weight, error = _spectrum(least, most, _grade(ridge, least))
    kept, missed = x / (x + ridge), ridge / (x + ridge)
    zeros = float(size - least)  # eigenvalues
    kept_share = float(weight @ kept) / size
    missed_share = (zeros + float(weight @ missed)) / size
    # kept and missed add up to one: the smaller of the two gives the difference more digits
    distance = missed - missed_share if missed_share < kept_share else kept - kept_share
    spread = float(weight @ np.square(distance)) + zeros * kept_share**2
    variance = spread  # of the trace; of one coordinate, that of its share
    if size > 1:  # a difference: kept within 0 and what E M_12^2 >= 0 allows
        variance = _trace_variance(least, most, ridge, x, weight, kept, missed)
        variance = min(max(variance, 0.0), size * spread)
    return RidgeTraces(
        kept_share=kept_share,
        missed_share=missed_share,
        missed_square=(zeros + float(weight @ np.square(missed))) / size,
        noise_trace=float(weight @ (kept / (x + ridge))),
        variance_on_diagonal=(2.0 * spread + variance) / (size * (size + 2.0)),
        square_off_diagonal=(size * spread - variance) / (size * max(size - 1.0, 1.0) * (size + 2)),
        error=error,
    )


def _trace_variance(
    least: int,
    most: int,
    ridge: float,
    x: FloatArray,
    weight: FloatArray,
    kept: FloatArray,
    missed: FloatArray,
) -> float:
    r"""The variance v of tr M, by the form of the identity whose terms are the smallest.

    With :math:`\nu = |n-s|-1` and :math:`\nu' = n+s+1`,

    .. math:: v = \int\varrho\,m\Big(\frac{(x-\nu')^2}{\nu'+\tilde\mu} - m - \int\varrho\,m\Big)
                = \int\varrho\,\ell\Big(x-\nu-\ell-\int\varrho\,\ell\Big)
                = \int\varrho\,\ell\Big(\frac{\tilde\mu}{\nu+\tilde\mu}\frac{(x-\nu)^2}x - \ell
                  - \int\varrho\,\ell\Big).

    The last needs :math:`\nu > 0`.
    """
    low, high = most - least - 1.0, most + least + 1.0
    forms = [(kept, np.square(x - high) / (high + ridge)), (missed, x - low)]
    if low > 0.0:
        forms.append((missed, np.square(x - low) * (ridge / (low + ridge)) / x))
    totals = []
    for share, first in forms:
        rest = share + float(weight @ share)
        mass = weight * share
        totals.append((float(mass @ (np.abs(first) + rest)), float(mass @ (first - rest))))
    return min(totals)[1]


def _grade(ridge: float, least: int) -> int:
    """The power of 4 to which panels shrink towards zero: one set of nodes serves many ridges."""
    longest = min(PHASE / math.sqrt(least), WIDEST)
    return math.floor(math.log(min(math.sqrt(max(ridge, SMALLEST)), longest), 4.0))


@lru_cache(maxsize=16)
def _spectrum(least: int, most: int, grade: int) -> tuple[FloatArray, FloatArray, float]:
    r"""Nodes x, weights that hold the density, and an estimate of the relative error.

    Integrals are over :math:`t = \sqrt x`, in which the density is analytic at zero, and over
    panels that resolve a pole of the integrand at distance :math:`4^{grade}` from t = 0. The
    error is the larger of those of :math:`\int\varrho = N` and :math:`\int\varrho x = ns`.
    """
    root, middle = math.sqrt(least), math.sqrt(most)
    low = middle - root
    start = low - TAIL if low > 2.0 * TAIL else 0.0
    longest, scale = min(PHASE / root, WIDEST), 4.0**grade
    edges = [start]
    while edges[-1] < middle + root + TAIL:
        edges.append(edges[-1] + min(longest, 2.0 * (edges[-1] + scale)))
    nodes, weights, cumulative = _panel_rule()
    left, length = np.array(edges[:-1])[:, np.newaxis], np.diff(edges)[:, np.newaxis]
    t, step = left + 0.5 * length * (1.0 + nodes), 0.5 * length * weights
    density = _density(t, step, cumulative, least, most - least)
    x, mass = np.square(t).ravel(), (step * density).ravel()
    error = max(abs(mass.sum() / least - 1.0), abs(mass @ x / (least * float(most)) - 1.0))
    mass *= least / mass.sum()
    x.flags.writeable = mass.flags.writeable = False
    return x, mass, float(error) + ROUNDING


@lru_cache(maxsize=1)
def _panel_rule() -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Nodes and weights of Gauss-Legendre on (-1, 1), and the matrix of integrals up to a node.

    .. math:: \int_{-1}^{x_i} f = \sum_j C_{ij}w_jf(x_j), \quad P_{-1} = -1, \quad
              C_{ij} = \sum_k\tfrac12P_k(x_j)\big(P_{k+1}(x_i)-P_{k-1}(x_i)\big) .
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    values = np.polynomial.legendre.legvander(nodes, NODES)
    before = np.hstack([-np.ones((NODES, 1)), values[:, : NODES - 1]])
    return nodes, weights, 0.5 * (values[:, 1:] - before) @ values[:, :NODES].T


def _density(
    t: FloatArray, step: FloatArray, cumulative: FloatArray, least: int, power: int
) -> FloatArray:
    r"""The mean density of the N singular values t of a matrix of N x (N + a) standard normals.

    With :math:`w = x^{(a-1)/2}e^{-x/2}`, :math:`p_k` the orthonormal Laguerre polynomials of
    weight :math:`xw^2`, and :math:`b_k = \sqrt{k(k+a)}`,

    .. math:: \varrho(x) = xw^2\sum_{k<N-1}p_k^2 + wp_{N-1}\,F, \qquad
              F = -\tfrac12b_{N-1}\mathcal E(wp_{N-2}) + \frac{[N\ \mathrm{odd}]}{\int wp_{N-1}},

    where :math:`\mathcal E f(x) = \frac12(\int_0^x - \int_x^\infty)f`. Here
    :math:`2t\varrho(t^2)`, at nodes ``t`` (panels, nodes) with weights ``step``; ``cumulative`` is
    the matrix of integrals up to a node of a panel.
    """
    x, odd = np.square(t), least % 2 == 1
    log_weight = _log_weight(t, x, power)
    exponent = np.rint(log_weight / math.log(2.0)).astype(np.int64)
    mantissa = np.exp(log_weight - exponent * math.log(2.0))
    y = np.ldexp(mantissa, exponent)  # 2t w, not normalised
    mantissa /= math.sqrt(0.5 * float(np.sum(step * t * np.square(y))))
    phi = np.ldexp(mantissa, exponent)  # 2t w p_0, of which x w^2 p_0^2 has integral one
    integral = float(np.sum(step * phi))

    antiderivative = np.zeros_like(t)
    if not odd:
        mass = step * phi
        before = np.cumsum(mass.sum(axis=1)) - mass.sum(axis=1)
        antiderivative += mass @ cumulative.T + before[:, np.newaxis] - 0.5 * integral
    p, difference, squares = np.ones_like(t), np.zeros_like(t), np.zeros_like(t)
    t_phi, scratch, bits, b = t * phi, np.empty_like(t), 0.0, 0.0
    reach = float(x[-1, -1]) + power
    for k in range(least - 1):
        b_next = math.sqrt((k + 1.0) * (k + 1.0 + power))
        np.multiply(p, p, out=scratch)
        squares += scratch
        if k <= least - 3 and (least - 3 - k) % 2 == 0:  # E(w p_(k+1)) from E(w p_(k-1))
            antiderivative *= b / b_next
            np.multiply(p, t_phi, out=scratch)
            scratch *= 1.0 / b_next
            antiderivative += scratch
        elif odd and k % 2 == 1:  # the integral of w p_(k+1) from that of w p_(k-1)
            integral *= b / b_next
        # p_(k+1) by way of its difference to p_k, which keeps its digits at small x
        if k == 0:
            np.subtract(power, x, out=difference)
        else:
            difference *= b / (k + 1.0)
            np.multiply(x, p, out=scratch)
            scratch *= 1.0 / (k + 1.0)
            difference -= scratch
        p += difference
        p *= math.sqrt((k + 1.0) / (k + 1.0 + power))
        b = b_next
        bits += math.log2(reach / b + 3.0)
        if bits > MANTISSA:
            shift = np.frexp(np.maximum(np.abs(p), np.abs(difference)))[1]
            p, difference = np.ldexp(p, -shift), np.ldexp(difference, -shift)
            squares = np.ldexp(squares, -2 * shift)
            exponent += shift
            phi, bits = np.ldexp(mantissa, exponent), 0.0
            t_phi = t * phi
    factor = -0.5 * b * antiderivative
    if odd:
        factor += 1.0 / integral
    return np.asarray(0.5 * t * np.square(phi) * squares + phi * p * factor)


def _log_weight(t: FloatArray, x: FloatArray, power: int) -> FloatArray:
    """The logarithm of t^a e^(-x/2) over its greatest value, x = t^2."""
    if not power:
        return -0.5 * x
    peak = math.sqrt(power)
    z = (t - peak) / peak
    far = power * np.log(t / peak) - 0.5 * (x - power)
    near = power * (np.log1p(np.clip(z, -0.5, 0.5)) - z - 0.5 * np.square(z))
    return np.where(np.abs(z) < 0.5, near, far)
