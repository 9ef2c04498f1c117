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

from moetheory.common.arrays import FloatArray
from moetheory.formulas.inversion import ComplexArray

EPSILON = float(np.finfo(np.float64).eps)
TOLERANCE = 1e-10  # of a distribution function
CHANGE = 1e-8  # of an integral in a last halving, after which the error is below CHANGE**1.5
NEGLIGIBLE = 1e-17  # below the rounding of what it is added to
SCALE = 2.5  # of a contour, in widths of the saddle
REACHES = np.linspace(1.2, 6.0, 17)  # of a contour, in its parameter
NODES = 16  # of the first trapezoid rule
MOST_LEVELS = 6  # halvings of its step
MOST_STEPS = 100  # of the search for a saddle point
PIECE = 1 << 15  # numbers in an array of (points, nodes, weights)
MOST_GAMMA = 200.0  # shape up to which SciPy's incomplete gamma functions keep their digits
NOTHING = -2000.0  # logarithm of what no sum notices
EXTREME = 1e290  # beyond it, or below its inverse, squares and ratios leave the range of floats


class Logs(NamedTuple):
    """Logarithms, and an estimate of the largest relative error of their exponentials.

    The estimate leaves out exponentials below exp(-2000).
    """

    values: FloatArray
    error: float


class Bounded(NamedTuple):
    """Numbers, and a bound on their absolute errors."""

    value: FloatArray
    error: float


class _Law(NamedTuple):
    """The law of Q by its distinct weights, largest first; all arrays are (J,)."""

    unit: float  # twice the largest weight
    ratios: FloatArray  # β
    gaps: FloatArray  # β - 1
    powers: FloatArray  # half the degrees
    loads: FloatArray | None  # adding up to 1 ...
    size: float = 0.0  # ... times the exponential of this


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
    return _logs(x, _law(weights, degrees, loads), pole=False)


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
    return _logs(x, _law(weights, degrees, loads), pole=True)


def cdf(x: ArrayLike, weights: ArrayLike, degrees: ArrayLike) -> Bounded:
    r"""The distribution function :math:`P(Q \le x)`, with a bound on its absolute error.

    The bound covers rounding and the last change of the trapezoid rule, which converges
    geometrically. It is at most 1e-10; ArithmeticError is raised if it would be larger. The values
    rise with x to within their errors. Arguments as for `log_pdf`.

    >>> 1.0 - cdf([0.1, 0.7, 2.0], [0.6, 0.3, 0.1], [1, 1, 1]).value  # Imhof 1961, table 1
    array([0.9458, 0.5064, 0.1240])
    """
    values, change, rounding = _everywhere(x, _law(weights, degrees, None), True, 0.1 * TOLERANCE)
    value = np.exp(values)
    error = float(np.max(value * (2.0 * change + rounding), initial=0.0))
    if not error <= TOLERANCE:
        raise ArithmeticError(f"rounding leaves P(Q <= x) uncertain by {error:.1g}")
    return Bounded(value, error)


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

    law = _law(weights, degrees, None)
    peak = 1.0 + law.unit * tilt
    if not 0.0 < peak < math.inf:
        raise ValueError(f"tilt must be greater than {-1.0 / law.unit:g}, got {tilt:g}")
    if not 0.0 <= drop <= 1e9:
        raise ValueError(f"drop must be from 0 to 1e9, got {drop:g}")
    gaps, sign = law.gaps / peak, -1.0 if upper else 1.0

    def excess(distance: float) -> float:
        """The value of D + drop at a distance in log(1 + unit·u) from the peak."""
        grown = math.expm1(sign * distance)
        terms = grown / (1.0 + grown + gaps) - np.log1p(grown / (1.0 + gaps))
        return float(law.powers @ terms) + drop

    end = 1e-8
    while excess(end) > 0.0:
        end *= 1.5
        if end > 600.0:
            return 0.0
    distance = brentq(excess, 0.0, end, xtol=1e-14) if drop else 0.0
    return float(law.unit * np.sum(law.powers / (peak * math.exp(sign * distance) + law.gaps)))


def _law(weights: ArrayLike, degrees: ArrayLike, loads: ArrayLike | None) -> _Law:
    """The law of Q for checked arguments, with equal weights taken together."""
    w, nu = np.asarray(weights, dtype=np.float64), np.asarray(degrees, dtype=np.float64)
    load = np.zeros(w.shape) if loads is None else np.asarray(loads, dtype=np.float64)
    if w.ndim != 1 or not len(w) or not np.all((w > w.max() / EXTREME) & (w < math.inf)):
        raise ValueError(f"weights must be positive, finite and comparable, got {weights!r}")
    if nu.shape != w.shape or not np.all((nu >= 1.0) & (nu < math.inf)):
        raise ValueError(f"degrees must be at least 1, one for each weight, got {degrees!r}")
    if load.shape != w.shape or not np.all((load >= 0.0) & (load < math.inf)):
        raise ValueError(f"loads must not be negative, one for each weight, got {loads!r}")
    negative, which = np.unique(-w, return_inverse=True)
    largest, distinct = float(w.max()), -negative
    total = float(load.sum())
    shares = load / total if total > 0.0 else load
    powers, merged = (np.bincount(which, each).astype(np.float64) for each in (0.5 * nu, shares))
    gaps = (largest - distinct) / distinct  # β - 1 without cancellation
    if loads is None:
        return _Law(2 * largest, largest / distinct, gaps, powers, None)
    size = math.log(total) if total > 0.0 else -math.inf
    return _Law(2 * largest, largest / distinct, gaps, powers, merged, size)


def _logs(x: ArrayLike, law: _Law, pole: bool) -> Logs:
    """Logarithms of the density, or of the distribution function if ``pole``, times the loads."""
    values, change, rounding = _everywhere(x, law, pole, CHANGE)
    # numbers far too small to be represented do not matter
    errors = np.where(values > NOTHING, change**1.5 + rounding, 0.0)
    return Logs(values + law.size, float(np.max(errors, initial=0.0)))


def _everywhere(x: ArrayLike, law: _Law, pole: bool, tolerance: float) -> FloatArray:
    """Logarithms, last relative changes and rounding, (3, ...), for x of any shape and sign."""
    points = np.asarray(x, dtype=np.float64).ravel()
    if np.isnan(points).any():
        raise ValueError("x must not hold NaN")
    results = np.zeros((3, len(points)))
    with np.errstate(over="ignore", under="ignore"):
        y = points / law.unit
    inside = (points > 0.0) & (y < EXTREME) & (law.size > -math.inf)
    results[0, ~inside] = -math.inf
    if pole:
        results[0, y >= EXTREME] = 0.0
    if not inside.any():
        return results.reshape(3, *np.shape(x))
    y = y[inside]
    if np.any(y < 1.0 / EXTREME):
        raise ArithmeticError(f"x must not be below the largest weight by a factor {EXTREME:g}")
    gamma = len(law.powers) == 1 and law.powers[0] <= MOST_GAMMA
    found = _gamma(y, law, pole) if gamma else np.full((3, len(y)), math.nan)
    if (rest := np.isnan(found[0])).any():
        found[:, rest] = _invert(y[rest], law, pole, tolerance)
    results[:, inside] = found
    if pole:
        results[0] = np.minimum(results[0], 0.0)
    else:
        results[0] -= math.log(law.unit)
    return results.reshape(3, *np.shape(x))


def _gamma(y: FloatArray, law: _Law, pole: bool) -> FloatArray:
    """The law of a gamma variable, for one distinct weight; NaN where the result underflows."""
    from scipy.special import gammainc, gammaincc

    shape = float(law.powers[0]) + (law.loads is not None)  # a load makes it larger by one
    power, constant = (shape - 1.0) * np.log(y), math.lgamma(shape)
    values, size = power - y - constant, np.abs(power) + y + abs(constant)
    if pole:
        below, above = gammainc(shape, y), gammaincc(shape, y)
        logs = np.log(np.where(below > 1.0 / EXTREME, below, math.nan))
        values, size = np.where(above < 0.5, np.log1p(-np.minimum(above, 0.5)), logs), 0.0 * y
    return np.stack((values, 0.0 * y, EPSILON * (500.0 + 2.0 * size)))


def _saddle(y: FloatArray, gaps: FloatArray, powers: FloatArray) -> FloatArray:
    r"""The root b of :math:`S(b) = \sum_j m_j/(b+\delta_j) = y`, by Newton for the concave 1/S."""
    b = np.asarray((np.cumsum(powers) / y[:, np.newaxis] - gaps).max(axis=1))  # from below
    for _ in range(MOST_STEPS):
        ratio = b[:, np.newaxis] / (b[:, np.newaxis] + gaps)
        slope, total = np.square(ratio) @ powers, ratio @ powers
        excess = total / (b * y) - 1.0
        # the exponent has the same error, so the contour need only pass near the saddle
        if np.all(np.abs(excess) * y * b <= 1e-4 * np.sqrt(slope)):
            return b
        b = b * (1.0 + total * excess / slope)
    raise ArithmeticError("no saddle point is found")


def _invert(y: FloatArray, law: _Law, pole: bool, tolerance: float) -> FloatArray:
    """Logarithms, last relative changes and rounding, (3, n), of the inversion integrals."""
    gaps, powers = law.gaps, law.powers
    if pole:
        gaps, powers = np.append(0.0, law.ratios), np.append(1.0, powers)
    rows = max(PIECE // (NODES * len(powers)), 1)
    if len(y) > rows:
        parts = np.array_split(y, -(-len(y) // rows))
        return np.concatenate([_invert(part, law, pole, tolerance) for part in parts], axis=1)
    b = _saddle(y, gaps, powers)[:, np.newaxis]
    distances = b + gaps
    width = b / np.sqrt(np.square(b / distances) @ powers)[:, np.newaxis]
    vertex = b if pole else b - 1.0
    ratio = vertex / law.ratios
    # far in the upper tail of a density 1 + ratio is what must not lose its digits
    near = distances[:, -len(law.ratios) :] / law.ratios
    logs = np.where(ratio > -0.5, np.log1p(np.maximum(ratio, -0.5)), np.log(near))
    linear, inverse = y * vertex[:, 0], np.log(b[:, 0]) * pole
    values = linear - logs @ law.powers - inverse
    size = 8.0 + np.abs(linear) + np.abs(logs) @ law.powers + np.abs(inverse)
    size += SCALE * y * width[:, 0]
    shares = np.empty((len(y), 0))
    if law.loads is not None:
        shares = law.loads / near
        total = shares.sum(axis=1, keepdims=True)
        shares, values = shares / total, values + np.log(total[:, 0])
    # a Gaussian wants a steep path, a single pole one that bends early
    angle = 0.4 + 0.45 / (1.0 + np.square(y[:, np.newaxis] * width / 3.0))
    # (n, 1) three times, (n, J) distances to singularities and (n, I or 0) terms of the loads
    contour = (y[:, np.newaxis], SCALE * width, angle, distances, shares)
    integral, change = _trapezoid(contour, powers, tolerance)
    return np.stack((values + np.log(integral), change, 2.0 * EPSILON * size))


def _integrand(contour: tuple[FloatArray, ...], powers: FloatArray, u: FloatArray) -> ComplexArray:
    """Integrands on hyperbolas at u (n, k), over their values at the saddle, times -i dz/du."""
    y, scale, angle, distances, shares = contour
    lean, rise = scale * np.sin(angle), scale * np.cos(angle)
    # cosh(u) - 1 without cancellation
    real, imaginary = -2.0 * lean * np.square(np.sinh(0.5 * u)), rise * np.sinh(u)
    inverse = (1.0 / distances)[:, np.newaxis, :]
    p, q = real[:, :, np.newaxis] * inverse, imaginary[:, :, np.newaxis] * inverse
    power = np.empty(u.shape, dtype=np.complex128)  # complex logarithms are far slower
    power.real = y * real - 0.5 * (np.log1p(p * (2.0 + p) + np.square(q)) @ powers)
    power.imag = y * imaginary - np.arctan2(q, 1.0 + p) @ powers
    result = np.exp(power) * (rise * np.cosh(u) + 1j * lean * np.sinh(u))
    if count := shares.shape[1]:
        terms = 1.0 / (1.0 + p[:, :, -count:] + 1j * q[:, :, -count:])
        result *= (terms @ shares[:, :, np.newaxis].astype(np.complex128))[:, :, 0]
    return np.asarray(result)


def _trapezoid(contour: tuple[FloatArray, ...], powers: FloatArray, tolerance: float) -> FloatArray:
    """The integrals along the contours over 2πi, with their last relative changes, (2, n)."""
    scale = contour[1]
    over = np.abs(_integrand(contour, powers, REACHES + 0.0 * scale)) < NEGLIGIBLE * scale
    reach = REACHES[np.where(over.any(axis=1), np.argmax(over, axis=1), -1)][:, np.newaxis]
    steps, rows = NODES, np.arange(len(reach))
    integral, change = results = np.empty((2, len(reach)))
    first = _integrand(contour, powers, reach * (np.arange(steps + 1.0) / steps)).real
    first[:, 0] *= 0.5
    total = first.sum(axis=1) / steps
    last = np.abs(2.0 * first[:, ::2].sum(axis=1) / steps / total - 1.0)
    for _ in range(MOST_LEVELS):
        middle = _integrand(contour, powers, reach * ((np.arange(steps) + 0.5) / steps)).real
        finer = 0.5 * (total + middle.sum(axis=1) / steps)
        now = np.abs(total / finer - 1.0)
        integral[rows] = reach[:, 0] * finer / math.pi
        # the error oscillates as it falls, so one small change may be a coincidence
        change[rows] = np.maximum(now, np.minimum(last, 1.0) ** 2.5)
        todo = ~((change[rows] <= tolerance) & (finer > 0.0))
        if not todo.any():
            return results
        contour = tuple(field[todo] for field in contour)
        rows, reach, total, last = rows[todo], reach[todo], finer[todo], now[todo]
        steps *= 2
    raise ArithmeticError(f"the inversion has not converged: last change {change[rows].max():.1g}")
