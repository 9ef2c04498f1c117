r"""The law of a weighted sum of chi-squares, with relative accuracy in its tails.

.. math:: Q = \sum_i w_i\chi^2_{\nu_i}, \qquad E\,e^{-zQ} = \prod_i(1+2w_iz)^{-\nu_i/2} .

It is inverted along a hyperbola through the saddle point, not a line (Imhof 1961, Biometrika 48,
419-426). In units of :math:`2\max w` its singularities are :math:`-\beta_i = -\max w/w_i`, at
distances :math:`b + \delta_i` from z. The factor 1/z of a distribution function adds the
singularity 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.chisquare_laws import EXTREME, Laws
from moetheory.formulas.chisquare_paths import EPSILON, Inverted, invert, saddle_logs

TOLERANCE = 1e-10  # of a distribution function
CHANGE = 1e-8  # of an integral in a last halving, after which the error is below CHANGE**1.5
MOST_GAMMA = 200.0  # shape up to which SciPy's incomplete gamma functions keep their digits
NOTHING = -2000.0  # logarithm of what no sum notices


class Logs(NamedTuple):
    """Logarithms, and an estimate of the largest relative error of their exponentials.

    The estimate leaves out exponentials below exp(-2000).
    """

    values: FloatArray
    error: float


class LogValues(NamedTuple):
    """Logarithms (1 + R, n), and estimates of the relative errors of their exponentials, (n,)."""

    values: FloatArray
    errors: FloatArray


class Bounded(NamedTuple):
    """Numbers, and a bound on their absolute errors."""

    value: FloatArray
    error: float


def log_pdf(
    x: ArrayLike, weights: ArrayLike, degrees: ArrayLike, loads: ArrayLike | None = None
) -> Logs:
    r"""The logarithm of the density f of Q, or of :math:`f(x)\,E[q \mid Q=x]` with loads l.

    .. math:: q = \sum_i l_i\chi^2_{\nu_i}/\nu_i, \qquad
              E[q\,e^{-zQ}] = E\,e^{-zQ}\sum_i\frac{l_i}{1+2w_iz} .

    The result has the shape of x and is -inf where x <= 0.

    Parameters
    ----------
    x : array of any shape
    weights, degrees, loads : (I,) arrays
        :math:`w, \nu, l`, with loads :math:`l_i \ge 0`.

    Raises
    ------
    ArithmeticError
        The contour integrals do not converge.

    Examples
    --------
    >>> log_pdf([0.7, 200.0], [0.6, 0.3, 0.1], [1, 1, 1]).values
    array([  -0.5734, -169.5398])
    """
    return _logs(x, weights, degrees, loads, pole=False)


def log_cdf(
    x: ArrayLike, weights: ArrayLike, degrees: ArrayLike, loads: ArrayLike | None = None
) -> Logs:
    r"""The logarithm of :math:`P(Q \le x)`, or of :math:`E[q;\,Q\le x]` with loads l.

    As :math:`E\,\chi^2_\nu h(\chi^2_\nu) = \nu E\,h(\chi^2_{\nu+2})`, :math:`E[q;\,Q\le x] =
    \sum_i l_i P(Q + w_i\chi^2_2 \le x)`, found in one inversion. The values rise with x to
    within their errors: a step down is at most twice ``error``. Arguments as for `log_pdf`.

    >>> log_cdf([1e-200, 0.7], [0.6, 0.3, 0.1], [1, 1, 1]).values
    array([-690.0912,   -0.7061])
    """
    return _logs(x, weights, degrees, loads, pole=True)


def cdf(x: ArrayLike, weights: ArrayLike, degrees: ArrayLike) -> Bounded:
    r"""The distribution function :math:`P(Q \le x)`, with a bound on its absolute error.

    The bound covers rounding and the last change of the trapezoid rule, which converges
    geometrically. It is at most 1e-10; ArithmeticError is raised if it would be larger. The values
    rise with x to within their errors. Arguments as for `log_pdf`.

    >>> 1.0 - cdf([0.1, 0.7, 2.0], [0.6, 0.3, 0.1], [1, 1, 1]).value  # Imhof 1961, table 1
    array([0.9458, 0.5064, 0.1240])
    """
    points = np.asarray(x, dtype=np.float64)
    laws, which = Laws.of([weights], [degrees]), np.zeros(points.size, dtype=np.intp)
    found = _everywhere(points.ravel(), which, laws, True, 0.1 * TOLERANCE)
    value = np.exp(found.values[0])
    errors = value * (2.0 * found.change + found.rounding + found.merging)
    error = float(np.max(errors, initial=0.0))
    if not error <= TOLERANCE:
        raise ArithmeticError(f"rounding leaves P(Q <= x) uncertain by {error:.1g}")
    return Bounded(value.reshape(points.shape), error)


def exponent_point(
    drop: float, weights: ArrayLike, degrees: ArrayLike, tilt: float = 0.0, upper: bool = False
) -> float:
    r"""The x at which the saddle-point exponent of :math:`f(x)e^{-\tau x}` has dropped by ``drop``.

    .. math:: D(u) = K(u) - K(\tau) + (u-\tau)\,x(u), \quad K(u) = \log E\,e^{-uQ}, \quad
              x(u) = -K'(u) = \sum_i\frac{w_i\nu_i}{1+2w_iu} .

    The exponent D has its peak 0 at :math:`u = \tau`. Returned is x(u) where D(u) = -drop.

    Parameters
    ----------
    drop : float
        The drop, from 0 to 1e9.
    weights, degrees : (I,) arrays
        :math:`w, \nu`.
    tilt : float
        :math:`\tau > -1/(2\max w)`.
    upper : bool
        Whether u < τ, so that x is above the peak; else u > τ, and 0 if u would overflow.

    Examples
    --------
    >>> exponent_point(40.0, [0.6, 0.3, 0.1], [1, 1, 1], upper=True)
    51.792
    """
    from scipy.optimize import brentq

    laws = Laws.of([weights], [degrees])
    unit, nodes = float(laws.units[0]), laws.nodes
    gaps, powers = nodes.gaps[0], nodes.powers[0]
    peak = 1.0 + unit * tilt
    if not 0.0 < peak < math.inf:
        raise ValueError(f"tilt must be greater than {-1.0 / unit:g}, got {tilt:g}")
    if not 0.0 <= drop <= 1e9:
        raise ValueError(f"drop must be from 0 to 1e9, got {drop:g}")
    scaled, sign = gaps / peak, -1.0 if upper else 1.0

    def excess(distance: float) -> float:
        """The value of D + drop at a distance in log(1 + unit·u) from the peak."""
        grown = math.expm1(sign * distance)
        terms = grown / (1.0 + grown + scaled) - np.log1p(grown / (1.0 + scaled))
        return float(powers @ terms) + drop

    end = 1e-8
    while excess(end) > 0.0:
        end *= 1.5
        if end > 600.0:
            return 0.0
    distance = brentq(excess, 0.0, end, xtol=1e-14) if drop else 0.0
    return float(unit * np.sum(powers / (peak * math.exp(sign * distance) + gaps)))


def log_values(x: FloatArray, which: IntArray, laws: Laws, *, pole: bool) -> LogValues:
    """The logarithm of the distribution function, if ``pole``, or density of law which[i] at x[i].

    First as it is, then times the shares of the loads in each row; the points are (n,) arrays.
    """
    found = _everywhere(x, which, laws, pole, CHANGE)
    return LogValues(found.values, found.change**1.5 + found.rounding + found.merging)


def rough_logs(x: FloatArray, which: IntArray, laws: Laws, *, pole: bool) -> FloatArray:
    """The `log_values` by saddle points alone, for x from 0 to where y leaves the floats."""
    y = x / laws.units[which]
    inside = (y > 1.0 / EXTREME) & (y < EXTREME)
    values = np.full((1 + laws.log_loads.shape[1], len(x)), -math.inf)
    if pole:
        values[:, y >= EXTREME] = 0.0
    values[:, inside] = saddle_logs(y[inside], which[inside], laws, pole)
    return np.minimum(values, 0.0) if pole else values - np.log(laws.units[which])


def _logs(
    x: ArrayLike, weights: ArrayLike, degrees: ArrayLike, loads: ArrayLike | None, *, pole: bool
) -> Logs:
    """Logarithms for one law, in the shape of x."""
    points = np.asarray(x, dtype=np.float64)
    laws = Laws.of([weights], [degrees], None if loads is None else [[loads]])
    values, errors = log_values(
        points.ravel(), np.zeros(points.size, dtype=np.intp), laws, pole=pole
    )
    last = values[-1] if loads is None else values[-1] + laws.log_loads[0, 0]
    # numbers far too small to be represented do not matter
    error = float(np.max(errors[values[0] > NOTHING], initial=0.0))
    return Logs(last.reshape(points.shape), error)


def _everywhere(
    points: FloatArray, which: IntArray, laws: Laws, pole: bool, tolerance: float
) -> Inverted:
    """Logarithms for points of any sign, without the sums of the loads."""
    if np.isnan(points).any():
        raise ValueError("x must not hold NaN")
    with np.errstate(over="ignore", under="ignore"):
        y = points / laws.units[which]
    inside = (points > 0.0) & (y < EXTREME)
    if np.any(y[inside] < 1.0 / EXTREME):
        raise ArithmeticError(f"x must not be below the largest weight by a factor {EXTREME:g}")
    results = Inverted(
        np.full((1 + laws.log_loads.shape[1], len(y)), -math.inf), *np.zeros((3, len(y)))
    )
    if pole:
        results.values[:, y >= EXTREME] = 0.0
    powers, counts = laws.nodes.powers[which, 0], laws.nodes.counts[which]
    gamma = inside & (counts == 1) & (powers <= MOST_GAMMA)
    if gamma.any():
        values, rounding = _gamma(y[gamma], powers[gamma], len(results.values), pole)
        results.values[:, gamma], results.rounding[gamma] = values, rounding
        gamma[gamma] = ~np.isnan(values).any(axis=0)
    if (todo := inside & ~gamma).any():
        found = invert(y[todo], which[todo], laws, pole, tolerance)
        for field, part in zip(results, found, strict=True):
            field[..., todo] = part
    if pole:
        np.minimum(results.values, 0.0, out=results.values)
    else:
        results.values[:, inside] -= np.log(laws.units[which[inside]])
    return results


def _gamma(
    y: FloatArray, shapes: FloatArray, rows: int, pole: bool
) -> tuple[FloatArray, FloatArray]:
    """The laws of gamma variables without and with loads, and their rounding.

    NaN where the result underflows.
    """
    from scipy.special import gammainc, gammaincc, gammaln

    shapes = shapes + (np.arange(rows) > 0)[:, np.newaxis]  # a load makes it larger by one
    power, constant = (shapes - 1.0) * np.log(y), gammaln(shapes)
    values, size = power - y - constant, np.abs(power) + y + np.abs(constant)
    if pole:
        below, above = gammainc(shapes, y), gammaincc(shapes, y)
        logs = np.log(np.where(below > 1.0 / EXTREME, below, math.nan))
        values, size = np.where(above < 0.5, np.log1p(-np.minimum(above, 0.5)), logs), 0.0 * y
    return values, EPSILON * (500.0 + 2.0 * np.max(size, axis=0))
