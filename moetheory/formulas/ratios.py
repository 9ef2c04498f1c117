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
from moetheory.formulas.far_tails import log_far_tail

TOLERANCE = 1e-10  # of a convolution, relative
INVERSION = 1e-11  # of the tail at a quantile, relative; else the quantile is searched
FAR = 1e-200  # below this tail logarithms are needed
LEAST = math.ulp(0.0)  # the least positive float


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

    :math:`I_{r/(1+r)}(s/2, \nu/2)` and :math:`I_{1/(1+r)}(\nu/2, s/2)`, far tails by their
    logarithms.

    >>> low, high = ratio_tails(1e20, 2, 2)
    >>> float(low), float(high)
    (1.0, 1e-20)
    """
    r, s, nu = np.broadcast_arrays(*(np.asarray(each, float) for each in (r, s, nu)))
    low, high = _incomplete_betas(r, s, nu)
    for tail, sign, first, second in ((low, -1.0, nu, s), (high, 1.0, s, nu)):
        far = tail < FAR
        if far.any():
            with np.errstate(divide="ignore", under="ignore"):
                log_r = sign * np.log(r[far])
                tail[far] = np.exp(log_far_tail(log_r, first[far], second[far]))
    return low[()], high[()]


def _incomplete_betas(r: FloatArray, s: FloatArray, nu: FloatArray) -> tuple[FloatArray, ...]:
    """Both tails of a ratio as incomplete beta functions, which are wrong in far tails."""
    from scipy import special

    half_s, half_nu = s / 2.0, nu / 2.0
    # of the two arguments, which add up to one, only the smaller has all its digits
    below = np.minimum(r, 1.0)  # r may be infinite
    small, large = below / (1.0 + below), 1.0 / (1.0 + r)
    low, high = (
        (special.betainc(half_s, half_nu, small), special.betaincc(half_nu, half_s, large)),
        (special.betaincc(half_s, half_nu, small), special.betainc(half_nu, half_s, large)),
    )
    return np.asarray(np.where(r < 1.0, *low)), np.asarray(np.where(r < 1.0, *high))


def ratio_quantile(tail: ArrayLike, s: ArrayLike, nu: ArrayLike, upper: bool) -> FloatArray:
    r"""The quantile r with :math:`P(R > r)` (``upper``) or :math:`P(R \le r)` equal to ``tail``.

    With :math:`y = \chi^2_\nu/(\chi^2_s+\chi^2_\nu)` the quantile is :math:`(1-y)/y`; y and 1-y are
    inverse incomplete beta functions. Where these fail, the quantile is the root of
    `ratio_tails` in :math:`\log r`. No tail is ever subtracted from one, except a tail above 1/2,
    which loses nothing. The relative error is below 1e-10 for tails from 1e-300 to
    1, s and :math:`\nu` from 1 to 1e6; ``inf`` or 0 only where r lies beyond the floats.

    >>> float(ratio_quantile(0.01, 2, 2, upper=True))
    99.0
    >>> float(ratio_quantile(1e-200, 6, 12, upper=True))
    3.754277e+33
    """
    t, s, nu = np.broadcast_arrays(*(np.asarray(each, float) for each in (tail, s, nu)))
    above = (t <= 0.5) == upper
    return _ratio_quantiles(np.minimum(t, 1.0 - t), s, nu, above)


def _ratio_quantiles(t: FloatArray, s: FloatArray, nu: FloatArray, above: Any) -> FloatArray:
    """The quantiles with tails t of at most 1/2, above the quantile where ``above`` is true."""
    from scipy import special

    def value(at_below: Any, at_above: Any) -> FloatArray:
        return np.asarray(np.where(above, at_above, at_below))

    half_s, half_nu = s / 2.0, nu / 2.0
    y = value(special.betainccinv(half_nu, half_s, t), special.betaincinv(half_nu, half_s, t))
    rest = value(special.betaincinv(half_s, half_nu, t), special.betainccinv(half_s, half_nu, t))
    with np.errstate(over="ignore"):
        r = _quotient(rest, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = ~(np.abs(value(*ratio_tails(r, s, nu)) / t - 1.0) <= INVERSION) & (t > 0.0)
    for index in np.argwhere(wrong):
        at = tuple(index)
        r[at] = _ratio_root(float(t[at]), float(s[at]), float(nu[at]), bool(above[at]))
    return r


def _ratio_root(tail: float, s: float, nu: float, upper: bool) -> float:
    """The quantile of a ratio as a root in log r, over all floats; ``inf`` or 0 beyond them."""
    from scipy import optimize

    def log_ratio(log_r: float) -> float:
        found = float(ratio_tails(math.exp(log_r), s, nu)[int(upper)])
        if found < FAR:  # the tail itself may vanish
            side = (log_r, s, nu) if upper else (-log_r, nu, s)
            return float(log_far_tail(*side)) - math.log(tail)
        return math.log(found) - math.log(tail)

    low, high = math.log(LEAST), math.log(np.finfo(np.float64).max)
    if upper and log_ratio(high) > 0.0:
        return math.inf
    if not upper and log_ratio(low) > 0.0:
        return 0.0
    return math.exp(optimize.brentq(log_ratio, low, high, xtol=1e-14, rtol=1e-15))


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

    :math:`b = r/(1+r)` with the quantile r of a ratio, :math:`s = 2\alpha` and
    :math:`\nu = 2\beta`.

    >>> float(beta_quantile(0.1, 1.0, 1.0, upper=True))
    0.9
    """
    r = ratio_quantile(tail, 2.0 * np.asarray(alpha, float), 2.0 * np.asarray(beta, float), upper)
    below = np.minimum(r, 1.0)  # r may be infinite
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(r < 1.0, below / (1.0 + below), 1.0 / (1.0 + 1.0 / r)))


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
