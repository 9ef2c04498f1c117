"""Where one predictor leads another along the noise, and how surely."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

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

    It ``begins`` where the predictor overtakes, at the least of the grid if it is ahead there
    already, at ``inf`` if it never is; it ``ends`` where it falls behind again, at ``inf`` if it
    does not.
    """

    begins: Located
    ends: Located

    @property
    def is_sure(self) -> bool:
        """Whether it begins at all within its interval."""
        return self.begins.high < math.inf


class Crossovers(NamedTuple):
    """Where experts lead dense along the noise: foreseen, and measured.

    Attributes
    ----------
    predicted, measured : Lead
        Each with ``begins`` and ``ends``, noise variances as ``value``, and from ``low`` to
        ``high`` their 95 % interval; ``inf`` is beyond the largest.
    """

    predicted: Lead
    measured: Lead

    @property
    def agree(self) -> bool:
        """Whether both leads begin, and end, at the same noise within their 95 % intervals."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return all(foreseen.agrees(found) for foreseen, found in pairs)


def lead(noise_variances: FloatArray, differences: FloatArray, rng: np.random.Generator) -> Lead:
    """The stretch around the clearest positive mean of ``differences``, with 95 % intervals.

    Differences are (n, L); clearest is the largest mean in standard errors, not the first: where
    two predictors are alike they lead by turns, by chance. Between levels the mean is interpolated
    along a straight line. Its error is normal with the covariance of the differences: the same
    samples at all levels.
    """
    mean = differences.mean(axis=0)
    away = differences - mean
    covariance = away.T @ away / (len(away) * max(len(away) - 1, 1))
    spectrum, basis = np.linalg.eigh(covariance)
    normals = rng.standard_normal((DRAWS, len(mean)))
    drawn = mean + (normals * np.sqrt(np.maximum(spectrum, 0.0))) @ basis.T
    errors = np.sqrt(covariance.diagonal())
    stretches = _stretches(noise_variances, np.vstack([mean, drawn]), errors)
    tails = (0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE))
    # an order statistic, not a mean of two: one of them may be infinite
    low, high = np.quantile(stretches[1:], tails, axis=0, method="inverted_cdf")
    # the mean itself is one of what may be drawn
    low, high = np.minimum(low, stretches[0]), np.maximum(high, stretches[0])
    begins, ends = map(Located, stretches[0].tolist(), low.tolist(), high.tolist())
    return Lead(begins, ends)


def _stretches(noise: FloatArray, differences: FloatArray, errors: FloatArray) -> FloatArray:
    """Where each row, (rows, L), rises above 0 before its clearest level, and where it ends."""
    behind, levels = differences <= 0.0, np.arange(len(noise))
    clearness = np.full_like(differences, np.inf)
    np.divide(differences, errors, out=clearness, where=errors > 0.0)
    clearness[behind] = 0.0
    clearest = clearness.argmax(axis=1)[:, np.newaxis]
    before = np.where(behind & (levels < clearest), levels, -1).max(axis=1)
    after = np.where(behind & (levels > clearest), levels, len(noise)).min(axis=1)
    begins = np.where(before < 0, noise[0], _root(noise, differences, before))
    ends = np.where(after == len(noise), np.inf, _root(noise, differences, after - 1))
    never = behind.all(axis=1, keepdims=True)
    return np.where(never, np.inf, np.column_stack([begins, ends]))


def _root(noise: FloatArray, differences: FloatArray, left: IntArray) -> FloatArray:
    """Where the line from the level ``left`` of each row to the next one is zero."""
    rows, right = np.arange(len(left)), np.minimum(left + 1, len(noise) - 1)
    first, second = differences[rows, left], differences[rows, right]
    apart = first - second
    share = np.where(apart == 0.0, 0.0, first / np.where(apart == 0.0, 1.0, apart))
    return np.asarray(noise[left] + share * (noise[right] - noise[left]))


def stretch_in_words(lead: Lead, grid: FloatArray) -> str:
    begins, ends = lead
    if math.isinf(begins.value):
        return "never ahead of dense"
    _, from_the_start, to_the_end = pattern(lead, grid)
    if from_the_start and to_the_end:
        stretch = "at every noise variance"
    elif to_the_end:
        stretch = f"from noise variance {_located(begins, grid)} on"
    elif from_the_start:
        stretch = f"up to noise variance {_located(ends, grid)}"
    else:
        stretch = f"from noise variance {_located(begins, grid)} to {_located(ends, grid)}"
    return f"ahead of dense {stretch}{'' if lead.is_sure else ', if at all'}"


def pattern(lead: Lead, grid: FloatArray) -> tuple[bool, bool, bool]:
    """Whether there is a lead, whether it is there from the start, whether it lasts."""
    begins, ends = lead.begins.value, lead.ends.value
    return math.isfinite(begins), begins <= grid[0], math.isinf(ends)


def _located(place: Located, grid: FloatArray) -> str:
    high = f"more than {grid[-1]:.3g}" if math.isinf(place.high) else f"{place.high:.3g}"
    return f"{place.value:.3g} ({place.low:.3g} to {high})"
