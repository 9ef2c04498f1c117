"""Noise variances over which one predictor is better than another, with intervals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.text import short_repr

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
    """A range of noise variances over which one predictor is ahead of another.

    The lead ``begins`` where the predictor overtakes: at the least of the grid if the predictor is
    ahead there, at ``inf`` if never. The lead ``ends`` where the predictor falls behind again, at
    ``inf`` if never.
    """

    begins: Located
    ends: Located

    @property
    def is_sure(self) -> bool:
        """Whether the 95 % interval of ``begins`` is finite."""
        return self.begins.high < math.inf

    def times(self, unit: float) -> Lead:
        """The lead with noise variances ``unit`` times as large."""
        return Lead(*(Located(*(unit * value for value in each)) for each in self))


class Crossovers(NamedTuple):
    """The noise variances over which experts lead over dense, predicted and measured.

    Attributes
    ----------
    predicted, measured : Lead
        Each with ``begins`` and ``ends``, noise variances as ``value``, and from ``low`` to
        ``high`` their 95 % interval; ``inf`` is beyond the largest.
    """

    predicted: Lead
    measured: Lead

    def __repr__(self) -> str:
        return short_repr(self)

    @property
    def agree(self) -> bool:
        """Whether the 95 % intervals of the two leads overlap, at the start and at the end."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return all(predicted.agrees(measured) for predicted, measured in pairs)


def lead(noise_variances: FloatArray, differences: FloatArray, rng: np.random.Generator) -> Lead:
    """The lead around the most significant positive mean of ``differences``, with 95 % intervals.

    Differences are (n, L), of the same samples at all levels. The most significant mean is the
    largest in standard errors; the first positive one may be chance where two predictors are
    alike. Between levels the mean is interpolated along a straight line. Its error is normal with
    the covariance of the differences.
    """
    mean = differences.mean(axis=0)
    centred = differences - mean
    covariance = centred.T @ centred / (len(centred) * max(len(centred) - 1, 1))
    spectrum, basis = np.linalg.eigh(covariance)
    normals = rng.standard_normal((DRAWS, len(mean)))
    drawn = mean + (normals * np.sqrt(np.maximum(spectrum, 0.0))) @ basis.T
    errors = np.sqrt(covariance.diagonal())
    ranges = _begins_and_ends(noise_variances, np.vstack([mean, drawn]), errors)
    tails = (0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE))
    # an order statistic, not a mean of two, of which one may be infinite
    low, high = np.quantile(ranges[1:], tails, axis=0, method="inverted_cdf")
    # the interval contains the estimate
    low, high = np.minimum(low, ranges[0]), np.maximum(high, ranges[0])
    begins, ends = map(Located, ranges[0].tolist(), low.tolist(), high.tolist())
    return Lead(begins, ends)


def _begins_and_ends(noise: FloatArray, differences: FloatArray, errors: FloatArray) -> FloatArray:
    """The noise variances where the lead of each row begins and ends, (rows, 2)."""
    behind, levels = differences <= 0.0, np.arange(len(noise))
    significance = np.full_like(differences, np.inf)
    np.divide(differences, errors, out=significance, where=errors > 0.0)
    significance[behind] = 0.0
    most_significant = significance.argmax(axis=1)[:, np.newaxis]
    before = np.where(behind & (levels < most_significant), levels, -1).max(axis=1)
    after = np.where(behind & (levels > most_significant), levels, len(noise)).min(axis=1)
    begins = np.where(before < 0, noise[0], _root(noise, differences, before))
    ends = np.where(after == len(noise), np.inf, _root(noise, differences, after - 1))
    never = behind.all(axis=1, keepdims=True)
    return np.where(never, np.inf, np.column_stack([begins, ends]))


def _root(noise: FloatArray, differences: FloatArray, left: IntArray) -> FloatArray:
    """The zero of the line from level ``left`` of each row to the next level."""
    rows, right = np.arange(len(left)), np.minimum(left + 1, len(noise) - 1)
    first, second = differences[rows, left], differences[rows, right]
    fall = first - second
    share = np.where(fall == 0.0, 0.0, first / np.where(fall == 0.0, 1.0, fall))
    return np.asarray(noise[left] + share * (noise[right] - noise[left]))


def lead_in_words(lead: Lead, grid: FloatArray) -> str:
    begins, ends = lead
    if math.isinf(begins.value):
        return "never ahead of dense"
    _, from_the_start, to_the_end = shape_on_grid(lead, grid)
    if from_the_start and to_the_end:
        extent = "at every noise variance"
    elif to_the_end:
        extent = f"from noise variance {_with_interval(begins, grid)} on"
    elif from_the_start:
        extent = f"up to noise variance {_with_interval(ends, grid)}"
    else:
        extent = (
            f"from noise variance {_with_interval(begins, grid)} to {_with_interval(ends, grid)}"
        )
    return f"ahead of dense {extent}{'' if lead.is_sure else ', if at all'}"


def shape_on_grid(lead: Lead, grid: FloatArray) -> tuple[bool, bool, bool]:
    """Whether the lead exists, whether it begins with the grid, whether it never ends."""
    begins, ends = lead.begins.value, lead.ends.value
    return math.isfinite(begins), begins <= grid[0], math.isinf(ends)


def _with_interval(place: Located, grid: FloatArray) -> str:
    high = f"more than {grid[-1]:.3g}" if math.isinf(place.high) else f"{place.high:.3g}"
    return f"{place.value:.3g} ({place.low:.3g} to {high})"
