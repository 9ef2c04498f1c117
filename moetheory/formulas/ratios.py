r"""Closed laws of chi-square ratios and beta variables: moments, tails, quantiles.

:math:`R = \chi^2_s/\chi^2_\nu` and :math:`B \sim \mathrm{Beta}(\alpha, \beta)` make up the risk
of experts fitted on finitely many samples (docs/theory.md §4, Experts: the law). The arguments
``s, nu, alpha, beta`` broadcast, as all arguments do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray

TOLERANCE = 1e-10  # of a convolution, relative


def ratio_mean(s: ArrayLike, nu: ArrayLike) -> FloatArray:
    r"""The mean :math:`E\,R = s/(\nu-2)` of a ratio, infinite for :math:`\nu \le 2`.

    >>> ratio_mean(3, [2, 4, 8])
    array([inf, 1.5, 0.5])
    """
    s, nu = np.broadcast_arrays(np.asarray(s, float), np.asarray(nu, float))
    return _quotient(s, nu - 2.0)


def ratio_variance(s: ArrayLike, nu: ArrayLike) -> FloatArray:
    r"""The variance :math:`2s(s+\nu-2)/((\nu-2)^2(\nu-4))` of R, infinite for :math:`\nu \le 4`.

    >>> ratio_variance(3, [4, 6, 8])
    array([   inf, 1.3125, 0.375 ])
    """
    s, nu = np.broadcast_arrays(np.asarray(s, float), np.asarray(nu, float))
    top, bottom = 2.0 * s * (s + nu - 2.0), np.square(nu - 2.0) * (nu - 4.0)
    return _quotient(top, bottom)


def beta_mean(alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    r"""The mean :math:`E\,B = \alpha/(\alpha+\beta)` of a beta variable.

    >>> float(beta_mean(1.0, 3.0))
    0.25
    """
    a, b = np.asarray(alpha, float), np.asarray(beta, float)
    return np.asarray(a / (a + b))


def beta_variance(alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    r"""The variance :math:`\alpha\beta/((\alpha+\beta)^2(\alpha+\beta+1))` of a beta variable.

    >>> float(beta_variance(1.0, 3.0))
    0.0375
    """
    a, b = np.asarray(alpha, float), np.asarray(beta, float)
    return np.asarray(a * b / (np.square(a + b) * (a + b + 1.0)))


def ratio_tails(r: ArrayLike, s: ArrayLike, nu: ArrayLike) -> tuple[Any, Any]:
    r"""The tails :math:`P(R \le r)` and :math:`P(R > r)`, each with relative accuracy.

    :math:`I_{r/(1+r)}(s/2, \nu/2)` and :math:`I_{1/(1+r)}(\nu/2, s/2)`.

    >>> low, high = ratio_tails(1e20, 2, 2)
    >>> float(low), float(high)
    (1.0, 1e-20)
    """
    from scipy import special

    x, half_s, half_nu = (
        np.asarray(r, float),
        np.asarray(s, float) / 2.0,
        np.asarray(nu, float) / 2.0,
    )
    # of the two arguments, which add up to one, only the smaller has all its digits
    below = np.minimum(x, 1.0)  # x may be infinite
    small, large = below / (1.0 + below), 1.0 / (1.0 + x)
    return (
        np.where(
            x < 1.0,
            special.betainc(half_s, half_nu, small),
            special.betaincc(half_nu, half_s, large),
        )[()],
        np.where(
            x < 1.0,
            special.betaincc(half_s, half_nu, small),
            special.betainc(half_nu, half_s, large),
        )[()],
    )


def ratio_quantile(tail: ArrayLike, s: ArrayLike, nu: ArrayLike, upper: bool) -> FloatArray:
    r"""The quantile r with :math:`P(R > r)` (``upper``) or :math:`P(R \le r)` equal to ``tail``.

    With :math:`y = \chi^2_\nu/(\chi^2_s+\chi^2_\nu)` the quantile is :math:`(1-y)/y`; y and 1-y are
    inverse incomplete beta functions, so that no tail is ever subtracted from one.

    >>> float(ratio_quantile(0.01, 2, 2, upper=True))
    99.0
    """
    from scipy import special

    t, s, nu = np.asarray(tail, float), np.asarray(s, float), np.asarray(nu, float)
    if upper:
        y, rest = (
            special.betaincinv(nu / 2.0, s / 2.0, t),
            special.betainccinv(s / 2.0, nu / 2.0, t),
        )
    else:
        y, rest = (
            special.betainccinv(nu / 2.0, s / 2.0, t),
            special.betaincinv(s / 2.0, nu / 2.0, t),
        )
    return _quotient(rest, y)


def beta_tails(b: ArrayLike, alpha: ArrayLike, beta: ArrayLike) -> tuple[Any, Any]:
    r"""The tails :math:`P(B \le b)` and :math:`P(B > b)`.

    >>> low, high = beta_tails(0.25, 1.0, 1.0)
    >>> float(low), float(high)
    (0.25, 0.75)
    """
    from scipy import special

    x = np.clip(np.asarray(b, float), 0.0, 1.0)
    return special.betainc(alpha, beta, x), special.betaincc(alpha, beta, x)


def beta_quantile(tail: ArrayLike, alpha: ArrayLike, beta: ArrayLike, upper: bool) -> FloatArray:
    r"""The quantile b with :math:`P(B > b)` (``upper``) or :math:`P(B \le b)` equal to ``tail``.

    >>> float(beta_quantile(0.1, 1.0, 1.0, upper=True))
    0.9
    """
    from scipy import special

    inverse = special.betainccinv if upper else special.betaincinv
    return np.asarray(inverse(alpha, beta, tail))


def _quotient(top: ArrayLike, bottom: ArrayLike) -> FloatArray:
    """The quotient top/bottom, infinite where bottom is not positive."""
    up, down = np.broadcast_arrays(np.asarray(top, float), np.asarray(bottom, float))
    return np.asarray(np.divide(up, down, out=np.full(up.shape, np.inf), where=down > 0.0))


def convolved_tails(
    x: float, a: float, s: float, nu: float, e: float, alpha: float, beta: float
) -> tuple[float, float]:
    r"""The tails of aR + eB at x > 0, each with relative accuracy.

    .. math:: P(aR+eB \le x) = E_B\,P\Big(R \le \frac{x-eB}a\Big)

    and the upper tail, by the tanh-sinh rule on :math:`0 < B < \min(1, x/e)`. The nodes crowd at
    both ends, where the integrand has powers and where it jumps if a is small.

    Parameters
    ----------
    x : float
    a, s, nu : float
        Scale and degrees of the ratio R.
    e, alpha, beta : float
        Scale and parameters of the beta variable B.

    Raises
    ------
    ArithmeticError
        Refining does not bring both to within a relative `TOLERANCE`.
    """
    from scipy import special

    top = min(1.0, x / e)
    beyond = float(beta_tails(top, alpha, beta)[1]) if x < e else 0.0
    norm = float(special.betaln(alpha, beta))

    def values(tau: FloatArray) -> FloatArray:
        power = math.pi * np.sinh(tau)
        q = special.expit(-power)
        one_minus = q if x >= e else (1.0 - top) + top * q
        room = (x - e if x >= e else 0.0) + e * top * q
        density = np.exp(
            alpha * (math.log(top) + special.log_expit(power))
            + (beta - 1.0) * np.log(one_minus)
            - norm
        )
        weight = density * q * math.pi * np.cosh(tau)
        with np.errstate(over="ignore"):  # far beyond the scale of the ratio
            return np.stack([weight * tail for tail in ratio_tails(room / a, s, nu)])

    step = 4.5 / 32.0
    total = step * values(step * np.arange(-32.0, 33.0)).sum(axis=1)
    for _ in range(11):
        middle = np.arange(-4.5 + 0.5 * step, 4.5, step)
        finer = 0.5 * total + 0.5 * step * values(middle).sum(axis=1)
        change, total, step = np.abs(finer - total), finer, 0.5 * step
        if np.all(change <= 0.1 * TOLERANCE * (total + np.array([0.0, beyond]))):
            return min(float(total[0]), 1.0), min(float(total[1]) + beyond, 1.0)
    raise ArithmeticError(
        f"the distribution function at {x:g} beyond its lower end is not found to within "
        f"{TOLERANCE:g}; estimate it from sample(...)"
    )
