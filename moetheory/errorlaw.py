"""The law of simulated squared errors: their spread, their skewness, and how many it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moetheory.estimates import student_quantile
from moetheory.evaluation import risk
from moetheory.model import BlockModel
from moetheory.theorems._declaration import DETECTION, Claim, Theorem
from moetheory.validation import FloatArray

POWER = 0.01  # the relative error that a simulation must be able to see
DISTORTION = 0.5  # most that skewness may change a tail probability by, to leading order
LEAST_REPLICATES = 10_000


@dataclass(frozen=True, eq=False)
class Law:
    """What theory says of one simulated quantity, a weighted sum of squared errors.

    Given the group an error is exactly normal, with the estimator's risk r for variance, so its
    even moments are 3r² and 15r³. Quantities that are differences get upper bounds: of k squared
    errors of one sign the n-th moment of the sum is at most k^(n-1) times the sum of moments.
    """

    weights: FloatArray
    mean: float
    deviation: float  # at least the standard deviation
    skewness: float  # at least E|·|³ / deviation³
    scale: float
    relative_to: str
    rounding: float

    @classmethod
    def of(cls, claim: Claim, model: BlockModel, theorem: Theorem) -> Law:
        """The law of what simulation measures for ``claim`` at ``model``."""
        assert claim.weights is not None
        assert claim.left is not None
        weights = np.asarray(claim.weights(model), dtype=np.float64)
        clean = without_label_noise(model)
        risks = np.stack([risk(e, clean).per_group for e in theorem.estimators])
        p = model.group_probabilities
        # relative to the largest part, so that no square overflows or underflows
        unit = float(np.max(np.abs(weights) @ risks, initial=0.0)) or 1.0
        parts = weights[:, np.newaxis] * (risks / unit)
        terms = max(int(np.sum(weights > 0)), int(np.sum(weights < 0)), 1)
        second = 3.0 * terms * float(p @ np.square(parts).sum(axis=0))
        third = 15.0 * terms**2 * float(p @ np.abs(parts**3).sum(axis=0))
        variance = max(second - float(p @ parts.sum(axis=0)) ** 2, 0.0)
        left = claim.left(model)
        # a squared error of size r inherits this from the rounding of labels and predictions
        delta = 64.0 * 2.0**-52 * math.sqrt(model.label_power)
        size = float(np.abs(weights) @ risks @ p)
        return cls(
            weights=weights,
            mean=left,
            deviation=unit * math.sqrt(variance),
            skewness=third / variance**1.5 if variance > 0.0 else 0.0,
            scale=abs(left if claim.scale is None else claim.scale.of(model)),
            relative_to="left" if claim.scale is None else claim.scale.name,
            rounding=2.0 * math.sqrt(size) * delta + delta**2,
        )

    def needed(self, tail: float) -> float:
        """Replicates for the power of 1 % and for a mean that is as good as normal."""
        threshold = student_quantile(tail, LEAST_REPLICATES)
        power = self.power(self.deviation, threshold) / POWER
        # 5 % more, since the spread that will be observed varies
        return 1.05 * max(power, self.distortion(1, threshold) / DISTORTION) ** 2

    def power(self, sem: float, threshold: float) -> float:
        """Smallest relative error that a mean with this standard error is sure to show."""
        seen = (threshold + DETECTION) * sem
        return seen / max(self.scale, self.rounding) if seen > 0.0 else 0.0

    def distortion(self, replicates: int, threshold: float) -> float:
        """What skewness changes the tail probability beyond ``threshold`` by, to leading order."""
        return threshold**3 * self.skewness / (3.0 * math.sqrt(replicates))


def without_label_noise(model: BlockModel) -> BlockModel:
    """Without label noise, which adds its variance to every risk and blurs every simulation."""
    return model.replace(label_noise_variance=0.0)
