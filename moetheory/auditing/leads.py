"""Where one predictor leads another along the noise, and how surely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    stretches = _stretches(noise_variances, np.vstack([mean, drawn]))
    tails = (0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE))
    # an order statistic, not a mean of two: one of them may be infinite
    low, high = np.quantile(stretches[1:], tails, axis=0, method="inverted_cdf")
    begins, ends = (
        Located(value, float(a), float(b))
        for value, a, b in zip(stretches[0].tolist(), low, high, strict=True)
    )
    return Lead(begins, ends)


def _stretches(noise: FloatArray, differences: FloatArray) -> FloatArray:
    """Where each row, (rows, L), is first above 0, and where it is not any more: (rows, 2)."""
    ahead = differences > 0.0
    begins = _first(noise, differences, ahead)
    before = np.maximum.accumulate(ahead, axis=1)
    return np.column_stack([begins, _first(noise, differences, before & ~ahead)])


def _first(noise: FloatArray, differences: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Where the line through the values there and before it is zero; ``inf`` if nowhere."""
    rows, after = np.arange(len(where)), where.argmax(axis=1)
    before = np.maximum(after - 1, 0)
    left, right = differences[rows, before], differences[rows, after]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(after == 0, 0.0, left / (left - right))
    roots = noise[before] + share * (noise[after] - noise[before])
    return np.where(where.any(axis=1), roots, np.inf)
