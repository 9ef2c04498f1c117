r"""Noise on features: its covariance beside theirs, and draws of it.

Features are in units of their own (``features.py``). Additive noise of a level :math:`\tau` has the
covariance :math:`\tau FF^\top`. Dropping a feature with probability q, to its mean, is the same to
second moments: kept features are measured in :math:`1-q`, :math:`\tilde x = x m/(1-q)`, which adds
:math:`\tau x^2` with :math:`\tau = q/(1-q)` in the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from moetheory.auditing.features import Features
from moetheory.auditing.moments import SampleMoments
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.validation import real_array, shown, vector

NoiseKind = Literal["equal", "relative", "own", "dropout", "given"]
SYMMETRIC = 1e-10  # largest difference of a covariance from its transpose, beside its entries
LEVELS = np.concatenate([[0.0], np.geomspace(0.01, 10.0, 10)])
DROPOUTS = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
LEVEL_NAMES: dict[NoiseKind, str] = {  # what a noise level is called
    "equal": "noise variance",
    "relative": "relative noise variance",
    "own": "multiple of the features' own covariance",
    "dropout": "dropout probability",
    "given": "multiple of the given noise",
}
UNLIKE = 100.0  # ratio of the largest to the smallest deviation beyond which units are unlike


@dataclass(frozen=True, eq=False)
class FeatureNoise:
    """Noise of one unit on features in units of their own.

    Attributes
    ----------
    kind : str
    factor : (d,) or (d, d) array
        Deviations of independent noise, or F.
    unit : float
        What a level of one stands for in the unit of the data: a variance, for the levels that are
        told; 1 for noise relative to the features.
    """

    kind: NoiseKind
    factor: FloatArray
    unit: float = 1.0

    @property
    def variances(self) -> FloatArray:
        """The variances of one unit of noise, (d,)."""
        squares = np.square(self.factor)
        return squares if squares.ndim == 1 else squares.sum(axis=1)

    def factor_on(self, moments: SampleMoments) -> FloatArray:
        """The factor on some samples: a feature that is dropped loses what it has there."""
        if self.kind != "dropout":
            return self.factor
        return np.sqrt(moments.scatter.diagonal() / moments.count + np.square(moments.mean))

    def draw(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """What one draw of noise needs, for all levels: (rows, d)."""
        shape = rows, len(self.factor)
        if self.kind == "dropout":
            return rng.random(shape)
        normals = rng.standard_normal(shape)
        return normals * self.factor if self.factor.ndim == 1 else normals @ self.factor.T

    def applied(self, chunk: FloatArray, draw: FloatArray, level: float) -> FloatArray:
        """A chunk of features with noise of a level."""
        if level == 0.0:
            return chunk
        if self.kind == "dropout":
            return np.where(draw * (1.0 + level) >= level, chunk * (1.0 + level), 0.0)
        noisy = math.sqrt(level) * draw
        noisy += chunk
        return np.asarray(noisy)


def feature_noise(given: ArrayLike | str, x: Features) -> FeatureNoise:
    """The noise that an audit is asked for: a name, variances (width,) or a covariance."""
    ones = np.ones(x.dim)
    if isinstance(given, str):
        match given:
            case "relative" | "dropout":
                return FeatureNoise(given, ones)
            case "equal":
                typical = typical_scale(x)
                return FeatureNoise("equal", typical / x.scale, typical**2)
            case "own":
                return FeatureNoise("own", ones)  # the factor follows from the moments
        raise ArgumentError(
            "noise",
            "must be 'equal', 'relative', 'own', 'dropout', a variance for each feature or a "
            f"covariance, got {shown(given)}",
        )
    array = real_array("noise", given)
    if array.ndim == 1:
        variances = vector("noise", array, minimum=0.0, length=x.width)[x.kept]
        if not variances.any():
            raise ArgumentError("noise", "must be positive for one feature at least, got 0 for all")
        return FeatureNoise("given", np.sqrt(variances) / x.scale)
    return FeatureNoise("given", _root(array, x))


def typical_scale(x: Features) -> float:
    """The scale of a typical feature: the median."""
    return float(np.median(x.scale))


def unlike_units(x: Features) -> bool:
    """Whether features have scales so different that equal noise means little."""
    logs = np.log(x.scale)
    return bool(logs.max() - logs.min() > math.log(UNLIKE))


def _root(array: FloatArray, x: Features) -> FloatArray:
    """A root of a covariance of the features, (d, d), in units of the features' own."""
    if array.shape != (x.width, x.width):
        raise ArgumentError(
            "noise",
            f"must be a name, ({x.width},) variances or a ({x.width}, {x.width}) covariance, "
            f"got shape {array.shape}",
        )
    if np.abs(array - array.T).max() > SYMMETRIC * np.abs(array).max():
        raise ArgumentError("noise", "must be a covariance, got a matrix that is not symmetric")
    # in these units, in which no feature's noise hides another's digits
    kept = array[np.ix_(x.kept, x.kept)] / np.multiply.outer(x.scale, x.scale)
    values, vectors = np.linalg.eigh((kept + kept.T) / 2.0)
    if values[0] < -SYMMETRIC * max(values[-1], 0.0) or values[-1] <= 0.0:
        sign = "a negative" if values[0] < 0.0 else "no positive"
        raise ArgumentError("noise", f"must be a covariance, got a matrix with {sign} eigenvalue")
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def checked_levels(noise_variances: ArrayLike | None, noise: FeatureNoise) -> FloatArray:
    """The levels in increasing order, in the unit in which they are told."""
    if noise_variances is None:
        if noise.kind == "dropout":
            return DROPOUTS
        return LEVELS * noise.unit
    array = real_array("noise_variances", noise_variances)
    given = vector("noise_variances", array.reshape(1) if array.ndim == 0 else array, minimum=0.0)
    if noise.kind == "dropout" and given.max() >= 1.0:
        raise ArgumentError(
            "noise_variances",
            "must be probabilities below 1 with ",
            Mention("noise", "dropout"),
            f", got {given.max():g}",
        )
    return np.unique(given)


def internal_levels(told: FloatArray, noise: FeatureNoise) -> FloatArray:
    r"""Levels :math:`\tau` of the noise's factor from those that are told."""
    if noise.kind == "dropout":
        return told / (1.0 - told)
    return told / noise.unit


def told_level(level: float, noise: FeatureNoise) -> float:
    r"""The level that is told for a level :math:`\tau` of the noise's factor."""
    if noise.kind == "dropout":
        return level / (1.0 + level) if level < math.inf else math.inf
    return level * noise.unit


def own_factor(x: Features, rows: IntArray) -> FloatArray:
    """A root of the features' own covariance on ``rows``, (d, d)."""
    second = SampleMoments.total(
        SampleMoments.of(chunk, np.zeros((len(chunk), 1))) for _, chunk in x.chunks(rows)
    )
    values, vectors = np.linalg.eigh(second.scatter / second.count)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
