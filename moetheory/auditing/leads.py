"""Noise variances over which one predictor is better than another, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.text import short_repr

DRAWS = 2000
CONFIDENCE = 0.95
BETWEEN = 3  # levels between two that are told, at which risks are predicted too


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

    def mapped(self, told: Callable[[float], float]) -> Lead:
        """The lead at the noise levels that are ``told`` for these."""
        return Lead(*(Located(*map(told, each)) for each in self))


class Crossovers(NamedTuple):
    """The noise variances over which experts lead over dense, predicted and measured.

    Attributes
    ----------
    predicted, measured : Lead
        Each with ``begins`` and ``ends``, noise variances as ``value``, and from ``low`` to
        ``high`` their 95 % interval; ``inf`` is beyond the largest.
    against : str
        The predictor that they lead over.
    """

    predicted: Lead
    measured: Lead
    against: str = "dense"

    def __repr__(self) -> str:
        return short_repr(self)

    @property
    def agree(self) -> bool:
        """Whether the 95 % intervals of the two leads overlap, at the start and at the end."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return all(predicted.agrees(measured) for predicted, measured in pairs)


def lead(
    levels: FloatArray,
    differences: FloatArray,
    rng: np.random.Generator,
    base: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> Lead:
    """The lead around the most significant positive mean difference, with 95 % intervals.

    Parameters
    ----------
    levels : (F,) array
        Noise levels, in increasing order.
    differences : (n, L) array
        Of independent samples, or sums over sets of them, at all levels or at some.
    base, weights : (F,) and (L, F) arrays, optional
        What the mean differences are at all levels without them, and how they add to it: measured
        differences at few levels correct a curve that theory knows at many.

    Notes
    -----
    The most significant mean is the largest in standard errors; the first positive one may be
    chance where two predictors are alike. Between levels the mean is interpolated along a straight
    line. Its error is normal with the covariance of the differences.
    """
    mean = differences.mean(axis=0)
    centred = differences - mean
    covariance = centred.T @ centred / (len(centred) * max(len(centred) - 1, 1))
    spectrum, basis = np.linalg.eigh(covariance)
    normals = rng.standard_normal((DRAWS, len(mean)))
    drawn = mean + (normals * np.sqrt(np.maximum(spectrum, 0.0))) @ basis.T
    curves, errors = np.vstack([mean, drawn]), np.sqrt(covariance.diagonal())
    if base is not None and weights is not None:
        curves = base + curves @ weights
        errors = np.sqrt(np.maximum(np.vecdot(weights.T, weights.T @ covariance), 0.0))
    ranges = _begins_and_ends(levels, curves, errors)
    tails = (0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE))
    # an order statistic, not a mean of two, of which one may be infinite
    low, high = np.quantile(ranges[1:], tails, axis=0, method="inverted_cdf")
    # the interval contains the estimate
    low, high = np.minimum(low, ranges[0]), np.maximum(high, ranges[0])
    begins, ends = map(Located, ranges[0].tolist(), low.tolist(), high.tolist())
    return Lead(begins, ends)


def fine_levels(told: FloatArray) -> tuple[FloatArray, IntArray]:
    """Levels between those that are told, and which of them are told.

    Between two positive ones there are `BETWEEN` more, in equal ratios; below the first positive
    one they go down to a thousandth of it.
    """
    parts = [told[:1]]
    for low, high in pairwise(told.tolist()):
        start = low if low > 0.0 else high * 1e-3
        inner = np.geomspace(start, high, BETWEEN + 2)
        parts.append(inner[1:] if low > 0.0 else inner)
    levels = np.concatenate(parts)
    # a told level is itself, not the end of a range
    at = np.searchsorted(levels, told * (1.0 - 1e-9))
    levels[at] = told
    return levels, at


def _begins_and_ends(levels: FloatArray, curves: FloatArray, errors: FloatArray) -> FloatArray:
    """The noise levels where the lead of each row begins and ends, (rows, 2)."""
    behind, places = curves <= 0.0, np.arange(len(levels))
    significance = np.full_like(curves, np.inf)
    np.divide(curves, errors, out=significance, where=errors > 0.0)
    significance[behind] = 0.0
    most_significant = significance.argmax(axis=1)[:, np.newaxis]
    before = np.where(behind & (places < most_significant), places, -1).max(axis=1)
    after = np.where(behind & (places > most_significant), places, len(levels)).min(axis=1)
    begins = np.where(before < 0, levels[0], _root(levels, curves, before))
    ends = np.where(after == len(levels), np.inf, _root(levels, curves, after - 1))
    never = behind.all(axis=1, keepdims=True)
    return np.where(never, np.inf, np.column_stack([begins, ends]))


def _root(levels: FloatArray, curves: FloatArray, left: IntArray) -> FloatArray:
    """The zero of the line from level ``left`` of each row to the next level."""
    rows, right = np.arange(len(left)), np.minimum(left + 1, len(levels) - 1)
    first, second = curves[rows, left], curves[rows, right]
    fall = first - second
    share = np.where(fall == 0.0, 0.0, first / np.where(fall == 0.0, 1.0, fall))
    return np.asarray(levels[left] + share * (levels[right] - levels[left]))


def extent_in_words(
    lead: Lead, grid: FloatArray, level_name: str, *, intervals: bool = True
) -> str:
    """Over which noise levels a lead reaches, with 95 % intervals or without."""

    def said(place: Located) -> str:
        return _with_interval(place, grid) if intervals else f"{place.value:.3g}"

    begins, ends = lead
    from_the_start, to_the_end = begins.value <= grid[0], math.isinf(ends.value)
    if math.isinf(begins.value):
        return "never"
    if from_the_start and to_the_end:
        return "at every noise"
    if to_the_end:
        return f"from {level_name} {said(begins)} on"
    if from_the_start:
        return f"up to {level_name} {said(ends)}"
    return f"from {level_name} {said(begins)} to {said(ends)}"


def _with_interval(place: Located, grid: FloatArray) -> str:
    high = f"beyond {grid[-1]:.3g}" if math.isinf(place.high) else f"{place.high:.3g}"
    return f"{place.value:.3g} (95 %: {place.low:.3g} to {high})"
