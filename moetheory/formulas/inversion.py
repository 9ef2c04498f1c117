r"""The law of a sum of independent chi-square ratios and beta variables, from its transform.

The Laplace transform :math:`L(z) = E\,e^{-zY}` of ``sum_transforms.py`` is inverted along a path
near its saddle point (docs/theory.md §4, Experts: the law). L on a path does not depend on x: the
same values give the distribution function at all x near the one that the path was made for, and a
quantile takes little more than one inversion.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import ComplexArray, FloatArray
from moetheory.formulas.sum_transforms import Sum, log_transform, rough_log_transform

TOLERANCE = 1e-10  # of a distribution function that is found numerically
NEGLIGIBLE = 40.0  # e^-40 is below the rounding of what it is added to
LEFT = 1e-17  # the size of integrands that are left out, in units of the first
ANGLE = 0.5  # of the contour's asymptotes to the vertical; Gaussian decay ends at π/4
WIDTHS = 2.0  # of the saddle, in a unit of a contour
STEP = 0.25  # of the first trapezoid rule
STRETCH = 16  # nodes that are added until the integrand is negligible
FARTHEST = 100.0  # in the parameter of a path
FAST = 30.0  # power of 1/z with which a transform falls fast
MOST_LEVELS = 9  # halvings of a contour's step
MOST_TERMS = 1 << 14  # of a Fourier series
NEAR = 4.0  # a path is good at points up to this factor from its own, to begin with
ROUGH_RANGE, ROUGH_STEP = (-18.0, 35.0), 0.2  # of log z, in units of the largest scale
MOST_PATHS = 60  # in the search for a quantile


class Saddle(NamedTuple):
    r"""The point z > 0 at which :math:`\psi(z) = zx + \log L(z) - \log z` is least, about.

    ``level`` is :math:`\psi(z)` and ``width`` is :math:`\psi''(z)^{-1/2}`.
    """

    vertex: float
    level: float
    width: float


class Path(NamedTuple):
    """The inversion integral along a hyperbola or a vertical line, at nodes u = 0, step, 2 step, …

    Attributes
    ----------
    z : (n,) array
    logs : (n,) array
        The logarithms of L(z)/z, less ``level``.
    slopes : (n,) array
        dz/du, divided by π, and halved at u = 0.
    step, level : float
    """

    z: ComplexArray
    logs: ComplexArray
    slopes: ComplexArray
    step: float
    level: float

    def probability(self, x: float) -> tuple[float, float, float]:
        """P(Y ≤ x), its last change by a halving of the step, and what the end may leave out."""
        # far from the point of a path, terms may overflow: then nothing is close
        with np.errstate(over="ignore", invalid="ignore"):
            values = (np.exp(self.z * x + (self.logs + self.level)) * self.slopes).imag * self.step
            total = float(values.sum())
            change = abs(2.0 * float(values[::2].sum()) - total)
            return total, change, float(np.abs(values[-4:]).max())

    def is_good(self, x: float) -> bool:
        """Whether P(Y ≤ x) is good enough to look for a quantile."""
        total, change, left = self.probability(x)
        return change + left <= 1e-3 * abs(total)

    def is_close(self, x: float) -> bool:
        """Whether P(Y ≤ x) has the accuracy that is asked for."""
        total, change, left = self.probability(x)
        # the rule converges geometrically: the new error is about the square of the old one
        return change <= 0.1 * TOLERANCE * abs(total) and left <= 0.01 * TOLERANCE * abs(total)


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
    if has_path(x, terms):
        return path_to(x, terms).probability(x)[0]
    saddle = saddle_point(x, terms)
    return math.exp(saddle.level) * _on_line(x, terms, saddle.vertex, saddle.level)


def has_path(x: float, terms: Sum) -> bool:
    """Whether P(Y ≤ x) is found on a `Path`: one that bends, or on which L falls fast."""
    return x > _most_of_betas(terms) or _order(terms) >= FAST


def _most_of_betas(terms: Sum) -> float:
    """The largest sum of the beta variables."""
    return float(terms.beta_scales @ terms.beta_powers)


def _order(terms: Sum) -> float:
    """The power of 1/z with which L falls on a vertical line."""
    smaller = np.minimum(terms.beta_first, terms.beta_second)
    return float(0.5 * terms.ratio_powers @ terms.ratio_first + terms.beta_powers @ smaller)


def saddle_point(x: float, terms: Sum) -> Saddle:
    r"""The saddle point, by saddle-point approximations of L.

    It is between :math:`1/x` and :math:`(1 + \sum s_j/2 + \sum(\alpha_j+1))/x`.
    """
    order = terms.ratio_powers @ terms.ratio_first / 2.0
    order += terms.beta_powers @ (terms.beta_first + 1.0)
    low, high = -0.1, math.log1p(order) + 0.1
    for _ in range(3):
        grid = np.linspace(low, high, 25)
        z = np.exp(grid) / x
        values = z * x + rough_log_transform(z, terms) - np.log(z)
        best = min(max(int(np.argmin(values)), 1), len(grid) - 2)
        low, high = grid[best - 1], grid[best + 1]
    curvature = (values[best - 1] - 2.0 * values[best] + values[best + 1]) * (
        1.0 / (grid[best] - low) ** 2
    )
    vertex = float(z[best])
    return Saddle(vertex, float(values[best]), vertex / math.sqrt(max(curvature, 0.25)))


def path_to(x: float, terms: Sum) -> Path:
    """The path through the saddle point of x, with so many nodes that P(Y ≤ x) is found."""
    saddle, angle = saddle_point(x, terms), ANGLE if x > _most_of_betas(terms) else 0.0
    scale, lean, rise = WIDTHS * saddle.width, math.sin(angle), math.cos(angle)

    def nodes(u: FloatArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
        # cosh(u) - 1 without cancellation
        bent = 1j * rise * np.sinh(u) - 2.0 * lean * np.square(np.sinh(0.5 * u))
        z = saddle.vertex + scale * bent
        slopes = scale * (1j * rise * np.cosh(u) - lean * np.sinh(u)) / math.pi
        slopes[u == 0.0] *= 0.5
        logs = log_transform(z, terms) - np.log(z) - saddle.level
        return z, logs, slopes

    parts = [nodes(STEP * np.arange(STRETCH + 1.0))]
    while True:
        z, logs, slopes = (each[-4:] for each in parts[-1])
        ends = np.abs(np.exp(z * x + logs) * slopes)
        size = float(np.abs(parts[0][2][0]))
        reached = sum(len(part[0]) for part in parts)
        if ends.max() < LEFT * size or reached * STEP > FARTHEST:
            break
        parts.append(nodes(STEP * np.arange(reached, reached + STRETCH, dtype=np.float64)))
    z, logs, slopes = (np.concatenate(each) for each in zip(*parts, strict=True))
    path = Path(z, logs, slopes, STEP, saddle.level)
    for _ in range(MOST_LEVELS):
        middle = nodes(path.step * np.arange(0.5, len(path.z)))
        z, logs, slopes = (
            np.stack(each, axis=1).ravel()
            for each in zip((path.z, path.logs, path.slopes), middle, strict=True)
        )
        path = Path(z, logs, slopes, 0.5 * path.step, path.level)
        if path.is_close(x):
            return path
    raise _not_found(x)


def quantile(tail: float, upper: bool, low: float, high: float, terms: Sum) -> float:
    r"""The x with :math:`P(Y > x)` (``upper``) or :math:`P(Y \le x)` equal to ``tail``.

    It is between ``low`` and ``high``. It is looked for on the path to a guess, and if that path is
    not close enough at what is found, on the path to that.

    Raises
    ------
    ArithmeticError
        As for `invert`.
    """
    from scipy import optimize

    tiny = float(np.finfo(np.float64).tiny)

    def log_ratio(log_y: float, path: Path) -> float:
        below = path.probability(math.exp(log_y))[0]
        return math.log(max(1.0 - below if upper else below, tiny) / tail) * (
            -1.0 if upper else 1.0
        )

    x = min(max(_rough_quantile(tail, upper, terms), low), high)
    for _ in range(MOST_PATHS):
        if not has_path(x, terms):
            break
        path, near = path_to(x, terms), math.log(x)
        value = log_ratio(near, path)
        far = near - math.copysign(math.log(NEAR), value)
        while not path.is_good(math.exp(far)):
            far = 0.5 * (near + far)
        if value * log_ratio(far, path) > 0.0:
            x = math.exp(far)
            continue
        found = optimize.brentq(log_ratio, near, far, args=(path,), xtol=1e-12, rtol=1e-14)
        x = math.exp(found)
        if path.is_close(x):
            return x
    raise _not_found(x)


def _rough_quantile(tail: float, upper: bool, terms: Sum) -> float:
    """A quantile by saddle points alone; an upper one as if log Y were symmetric."""
    scale = max(
        float(np.max(each, initial=0.0)) for each in (terms.ratio_scales, terms.beta_scales)
    )
    log_z = np.arange(*ROUGH_RANGE, ROUGH_STEP)
    logs = rough_log_transform(np.exp(log_z) / scale, terms)
    # z x and the width are derivatives by log z
    order = 1.0 - np.gradient(logs, ROUGH_STEP)
    widths = np.maximum(order - np.gradient(order, ROUGH_STEP), 1.0) ** -0.5
    log_tails = order + logs + np.log(widths / math.sqrt(2.0 * math.pi))
    log_x = np.log(order) - log_z + math.log(scale)
    wanted = np.log([0.5, tail]) if upper else np.log([tail])
    found = np.interp(wanted, log_tails[::-1], log_x[::-1])
    return math.exp(2.0 * found[0] - found[1] if upper else found[0])


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
    raise _not_found(x)


def _not_found(x: float) -> ArithmeticError:
    """What is raised where refining does not help."""
    return ArithmeticError(
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
