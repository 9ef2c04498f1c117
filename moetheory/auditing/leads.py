"""Where one predictor leads another along the noise, and how surely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.validation import FloatArray

DRAWS = 2000
CONFIDENCE = 0.95


class Located(NamedTuple):
    """A noise variance and its interval; ``inf`` is beyond the grid."""

    value: float
    low: float
    high: float

    def agrees(self, other: Located) -> bool:
        """Whether the intervals have a point in common."""
        return self.low <= other.high and other.low <= self.high


class Lead(NamedTuple):
    """A stretch of noise variances over which a predictor is ahead of another.

    ``begins`` is the least of the grid where it is ahead from there on, ``inf`` where it never
    is; ``ends`` is where it then falls behind, ``inf`` where it does not.
    """

    begins: Located
    ends: Located


def lead(noise_variances: FloatArray, differences: FloatArray, rng: np.random.Generator) -> Lead:
    """The first stretch with a positive mean of ``differences``, (n, L), with 95 % intervals.

    Between levels the mean is interpolated along a straight line. Its error is normal with the
    covariance of the differences: the same samples at all levels.
    """
    mean = differences.mean(axis=0)
    away = differences - mean
    spectrum, basis = np.linalg.eigh(away.T @ away / (len(away) * max(len(away) - 1, 1)))
    normals = rng.standard_normal((DRAWS, len(mean)))
    drawn = mean + (normals * np.sqrt(np.maximum(spectrum, 0.0))) @ basis.T
    stretch = _stretch(noise_variances, mean)
    stretches = np.array([_stretch(noise_variances, each) for each in drawn])
    tails = (0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE))
    # an order statistic, not a mean of two: one of them may be infinite
    low, high = np.quantile(stretches, tails, axis=0, method="inverted_cdf")
    begins, ends = (
        Located(value, float(a), float(b)) for value, a, b in zip(stretch, low, high, strict=True)
    )
    return Lead(begins, ends)


def _stretch(noise: FloatArray, difference: FloatArray) -> tuple[float, float]:
    ahead = difference > 0.0
    if not ahead.any():
        return np.inf, np.inf
    first = int(ahead.argmax())
    behind = np.flatnonzero(~ahead[first:])
    begins = float(noise[0]) if first == 0 else _root(noise, difference, first)
    return begins, _root(noise, difference, first + int(behind[0])) if behind.size else np.inf


def _root(noise: FloatArray, difference: FloatArray, after: int) -> float:
    """Where the line through the values at ``after`` and before it is zero."""
    left, right = difference[after - 1], difference[after]
    share = left / (left - right)
    return float(noise[after - 1] + share * (noise[after] - noise[after - 1]))
