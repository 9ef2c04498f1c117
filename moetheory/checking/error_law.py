"""The law of simulated squared errors: deviation, skewness, and how many replicates suffice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.experiments import DETECTION_QUANTILE
from moetheory.common.arrays import FloatArray
from moetheory.formulas import perturbed
from moetheory.predictors.perturbed_risks import UNCHANGED, optimal_losses, routed_losses
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.estimates import student_quantile

DISTORTION = 0.5  # largest relative change of a tail probability that skewness may cause
LEAST_REPLICATES = 10_000


@dataclass(frozen=True, eq=False)
class ErrorLaw:
    """The law of one simulated quantity, a weighted sum of squared errors, in theory.

    Given the group, and the group that an input is taken for, an error is exactly normal with the
    risk r for variance, so its fourth and sixth moments are 3r² and 15r³. Errors of several
    estimators are normal together, and the mean product of two squares is between rr' and 3rr'.
    So with the sum P of all positive terms wr, and N of the negative ones, the second moment is
    at most 3P² + 3N² - 2PN, and the third, which is that of max(P, N) at most, 15(P³ + N³).
    """

    weights: FloatArray
    mean: float
    deviation: float  # at least the standard deviation
    skewness: float  # at least E|·|³ / deviation³
    scale: float
    relative_to: str
    rounding: float
    resolution: float

    @classmethod
    def of(cls, claim: Claim, model: BlockModel, theorem: Theorem) -> ErrorLaw:
        """The law of the quantity that simulation measures for ``claim`` at ``model``."""
        assert claim.weights is not None
        assert claim.left is not None
        weights = np.asarray(claim.weights(model), dtype=np.float64)
        clean, under = without_label_noise(model), claim.under(model)
        _require_normal_errors(under, claim)
        cases = [_cases(estimator, clean, under) for estimator in theorem.estimators]
        chances, risks = cases[0][0], np.stack([each for _, each in cases])
        # relative to the largest part, so that no square overflows or underflows
        unit = float(np.max(np.abs(weights) @ risks, initial=0.0)) or 1.0
        parts = weights[:, np.newaxis] * (risks / unit)
        gained, lost = (np.maximum(sign * parts, 0.0).sum(axis=0) for sign in (1.0, -1.0))
        second = float(chances @ (3.0 * (gained**2 + lost**2) - 2.0 * gained * lost))
        third = 15.0 * float(chances @ (gained**3 + lost**3))
        variance = max(second - float(chances @ (gained - lost)) ** 2, 0.0)
        cubed = variance**1.5  # of errors that hardly ever occur it may underflow
        left = claim.left(model)
        # a squared error of size r inherits this from the rounding of labels and predictions
        delta = 64.0 * 2.0**-52 * math.sqrt(model.label_power)
        size = float(np.abs(weights) @ risks @ chances)
        return cls(
            weights=weights,
            mean=left,
            deviation=unit * math.sqrt(variance),
            skewness=third / cubed if cubed > 0.0 else math.inf if variance > 0.0 else 0.0,
            scale=abs(left if claim.scale is None else claim.scale.size(model)),
            relative_to="left" if claim.scale is None else claim.scale.name,
            rounding=2.0 * math.sqrt(size) * delta + delta**2,
            resolution=claim.resolution,
        )

    def needed(self, tail: float) -> float:
        """The number of replicates that gives enough power and an approximately normal mean."""
        threshold = student_quantile(tail, LEAST_REPLICATES)
        power = self.power(self.deviation, threshold) / self.resolution
        # 5 % more, since the spread that will be observed varies
        return 1.05 * max(power, self.distortion(1, threshold) / DISTORTION) ** 2

    def power(self, sem: float, threshold: float) -> float:
        """The smallest relative error that a mean with standard error ``sem`` shows (99 %)."""
        seen = (threshold + DETECTION_QUANTILE) * sem
        return seen / max(self.scale, self.rounding) if seen > 0.0 else 0.0

    def distortion(self, replicates: int, threshold: float) -> float:
        """The relative change, to leading order, of the tail beyond ``threshold`` by skewness."""
        return threshold**3 * self.skewness / (3.0 * math.sqrt(replicates))


def without_label_noise(model: BlockModel) -> BlockModel:
    """The model without label noise, which would only blur the simulation of excess risks."""
    return model.replace(label_noise_variance=0.0)


def _require_normal_errors(under: Perturbation | None, claim: Claim) -> None:
    """Refuse perturbations under which errors given the groups are not normal."""
    if under is not None and (under.noise is not None or under.erasure or under.radius):
        raise ValueError(
            f"under of the claim {claim.name!r} may have noise_variance, confusion and drag only, "
            f"for which the law of simulated errors is known, got {under!r}"
        )


def _cases(
    estimator: Estimator, model: BlockModel, under: Perturbation | None
) -> tuple[FloatArray, FloatArray]:
    """Probability and excess risk of each pair of true group and assumed group."""
    change = under or UNCHANGED
    routed = routed_losses(optimal_losses(estimator, model), estimator, model, change)
    p = model.group_probabilities
    if change.confusion is None:
        return p, routed.correct
    return (p[:, np.newaxis] * change.confusion).ravel(), perturbed.pairs(routed).ravel()
