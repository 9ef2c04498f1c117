"""Where a polynomial is low on the positive numbers: guesses in floats, values in fractions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from moetheory.claims.monomials import Point, Polynomial, value_at
from moetheory.common.arrays import FloatArray

_STARTS = 6  # of the local search
_FAR = 16.0  # of the logarithms of coordinates
_SIMPLE = (1, 2, 3, 4, 5, 6, 8, 10, 12)  # denominators of simple numbers
_FINE = (*_SIMPLE, 100, 10**4, 10**6, 10**9)
_NEAR = 1e-9  # relative to the sum of all terms' sizes: a value that may be zero


def lowest_points(polynomial: Polynomial) -> list[Point]:
    """Rational points at which a polynomial is low beside its terms, the lowest first.

    Local searches in logarithms begin at several points. Where the value may be zero, one
    coordinate after the other becomes a simple fraction while the others follow, so that exact
    zeros are found on curves of zeros too.

    Examples
    --------
    >>> square = {(2, 0): Fraction(1), (1, 1): Fraction(-2), (0, 2): Fraction(1)}
    >>> value_at(square, lowest_points(square)[0])
    Fraction(0, 1)
    """
    powers = np.array(list(polynomial), dtype=np.float64)
    coefficients = np.array([float(each) for each in polynomial.values()])
    count = powers.shape[1]
    rng = np.random.default_rng(1)
    starts = [np.zeros(count), *rng.normal(0.0, 1.5, (_STARTS - 1, count))]
    search = _Search(powers, coefficients)
    found: dict[Point, Fraction] = {}
    for start in starts:
        value, place = search.descended(start, {})
        point = search.simplified(place, value) if abs(value) < _NEAR else None
        if point is None:
            point = _rounded(polynomial, place, value)
        found[point] = value_at(polynomial, point) / value_at(
            {u: abs(c) for u, c in polynomial.items()}, point
        )
    return sorted(found, key=lambda each: found[each])


class _Search:
    """Local searches for the least value of a polynomial beside the sizes of its terms."""

    def __init__(self, powers: FloatArray, coefficients: FloatArray) -> None:
        self.powers = powers
        self.coefficients = coefficients / np.abs(coefficients).max()

    def relative(self, place: FloatArray) -> tuple[float, FloatArray]:
        """The value between -1 and 1 and its gradient, at logarithms of coordinates."""
        exponents = self.powers @ place
        terms = self.coefficients * np.exp(exponents - exponents.max())
        sizes = np.abs(terms)
        total = sizes.sum()
        value = terms.sum() / total
        return float(value), np.asarray((terms - value * sizes) @ self.powers / total)

    def descended(self, start: FloatArray, fixed: Mapping[int, float]) -> tuple[float, FloatArray]:
        """The lowest value near ``start`` and its place; ``fixed`` coordinates stay."""
        from scipy.optimize import minimize

        start, bounds = np.array(start), [(-_FAR, _FAR)] * len(start)
        for index, at in fixed.items():
            start[index], bounds[index] = at, (at, at)
        start = np.clip(start, *np.array(bounds).T)
        options = {"ftol": 1e-16, "gtol": 1e-10, "maxiter": 200}
        best = minimize(
            self.relative, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options
        )
        return float(best.fun), np.asarray(best.x)

    def simplified(self, place: FloatArray, value: float) -> Point | None:
        """A point near ``place`` of simple fractions where the value is as low."""
        fixed: dict[int, float] = {}
        point: list[Fraction] = []
        for index in range(len(place)):
            for denominator in _SIMPLE:
                simple = Fraction(float(np.exp(place[index]))).limit_denominator(denominator)
                if simple <= 0:
                    continue
                log = float(np.log(float(simple)))
                again, moved = self.descended(place, {**fixed, index: log})
                if again < max(value, 0.0) + _NEAR:
                    fixed[index], place = log, moved
                    point.append(simple)
                    break
            else:
                return None
        return tuple(point)


def _rounded(polynomial: Polynomial, place: FloatArray, value: float) -> Point:
    """The simplest fractions near ``place`` at which the value has its sign."""
    point: Point = ()
    for denominator in _FINE:
        near = (Fraction(float(each)).limit_denominator(denominator) for each in np.exp(place))
        point = tuple(each or Fraction(1, denominator) for each in near)
        if (value < 0) == (value_at(polynomial, point) < 0):
            break
    return point
