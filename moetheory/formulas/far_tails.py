r"""The logarithm of a far tail of a chi-square ratio, where the tail itself leaves the floats.

For tails below about :math:`10^{-250}` the incomplete beta function of SciPy loses its digits,
and its inverse does so earlier (docs/theory.md §4, Experts: the law).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray

MOST_STEPS = 10_000  # of the continued fraction, which takes some 10 far from the mean
CONVERGED = 1e-15
STIRLING = 100.0  # beyond it three terms of the series are exact to rounding


def log_far_tail(log_r: ArrayLike, s: ArrayLike, nu: ArrayLike) -> FloatArray:
    r"""The logarithm of :math:`P(R > r)`, :math:`R = \chi^2_s/\chi^2_\nu`, for r above the mean.

    With :math:`x = 1/(1+r)`, :math:`a = \nu/2` and :math:`b = s/2`

    .. math:: P(R > r) = I_x(a, b) = \frac{x^a(1-x)^b}{a\,B(a, b)}
              \cfrac1{1 + \cfrac{d_1}{1 + \cfrac{d_2}{1 + \cdots}}}, \quad
              d_{2m} = \frac{m(b-m)x}{(a+2m-1)(a+2m)}, \quad
              d_{2m+1} = -\frac{(a+m)(a+b+m)x}{(a+2m)(a+2m+1)} ,

    where no factor leaves the floats. Lower tails are the upper tails of 1/R. Arguments broadcast;
    ``log_r`` is :math:`\log r`; [DLMF] 8.17.22.

    >>> float(log_far_tail(np.log(1e200), 2, 2) / np.log(10.0))
    -200.0
    """
    from scipy import special

    y, b, a = np.broadcast_arrays(np.asarray(log_r, float), np.divide(s, 2.0), np.divide(nu, 2.0))
    x = special.expit(-y)
    # Lentz's method: quotients of successive numerators and denominators
    numerators = np.ones_like(x)
    denominators = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    fraction = denominators
    for m in range(1, MOST_STEPS):
        for d in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominators, numerators = 1.0 / (1.0 + d * denominators), 1.0 + d / numerators
            change = denominators * numerators
            fraction = fraction * change
        if np.all(np.abs(change - 1.0) < CONVERGED):
            break
    powers = -a * np.logaddexp(0.0, y) - b * np.logaddexp(0.0, -y)
    return np.asarray(powers - np.log(a) - _log_beta(a, b) + np.log(fraction))


def _log_beta(a: FloatArray, b: FloatArray) -> FloatArray:
    r"""The logarithm of B(a, b), without the difference of :math:`\log\Gamma` at large numbers."""
    from scipy import special

    small, large = np.minimum(a, b), np.maximum(a, b)
    total = small + large
    growth = (large - 0.5) * np.log1p(small / large) + small * np.log(total) - small
    growth = growth + _stirling(total) - _stirling(large)
    return np.asarray(
        np.where(large < STIRLING, special.betaln(a, b), special.gammaln(small) - growth)
    )


def _stirling(z: FloatArray) -> FloatArray:
    r"""The three first terms of :math:`\log\Gamma(z) - (z-\frac12)\log z + z - \log\sqrt{2\pi}`."""
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / z**2) / z**2) / z
