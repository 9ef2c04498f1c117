"""The law of simulated squared errors: deviation, skewness, and how many replicates suffice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.experiments import DETECTION_QUANTILE
from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.predictors.error_variances import error_cases
from moetheory.predictors.flip_cumulants import flip_cumulants
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.estimates import student_quantile
from moetheory.simulation.methods.strata import group_shares

DISTORTION = 0.5  # largest relative change of a tail probability that skewness may cause
LEAST_REPLICATES = 10_000


@dataclass(frozen=True, eq=False)
class ErrorLaw:
    r"""The law of one simulated quantity, a weighted sum of squared errors, in theory.

    Simulated are means over the flips of an input (``methods/flips.py``). Given the group, and the
    group that an input is taken for, their first three cumulants k are those of
    `flip_cumulants`; given the group alone the variance is
    :math:`v = E(k_2 + \delta^2)` and the third central moment :math:`E(k_3 + 3k_2\delta +
    \delta^3)`, :math:`\delta = k_1 - Ek_1`.

    Groups are strata: of n inputs, group g has :math:`\alpha_gn`. The mean has n times the
    variance :math:`\sum_gp_g^2v_g/\alpha_g`, and n² times the third moment
    :math:`\sum_gp_g^3t_g/\alpha_g^2`.
    """

    weights: FloatArray
    mean: float
    deviation: float  # the sem times √n
    skewness: float  # the size of the skewness of the mean times √n
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
        estimators = theorem.estimators_for(clean)
        cases = [error_cases(each, clean, under or UNCHANGED) for each in estimators]
        chances, risks = cases[0].chances, np.stack([each.variances for each in cases])
        shares, drawn = group_shares([clean], estimators, under), clean.group_probabilities
        often = np.divide(drawn, shares, out=np.zeros_like(shares), where=shares > 0.0)
        # relative to the largest part of the mean, so that no power overflows or underflows
        terms = often[:, np.newaxis] * (np.abs(weights)[:, np.newaxis, np.newaxis] * risks)
        unit = float(np.max(terms.sum(axis=0), initial=0.0)) or 1.0
        units, cumulants = flip_cumulants(weights, estimators, clean, under or UNCHANGED)
        scales = units * often[:, np.newaxis] / unit
        means, variances, thirds = (scales**k * each for k, each in enumerate(cumulants, 1))
        away = means - np.vecdot(chances, means)[:, np.newaxis]
        variance = float(shares @ np.vecdot(chances, variances + away**2))
        third = float(shares @ np.vecdot(chances, thirds + 3.0 * variances * away + away**3))
        cubed = variance**1.5  # of errors that hardly ever occur it may underflow
        left = claim.left(model)
        # a squared error of size r inherits this from the rounding of labels and predictions
        delta = 64.0 * 2.0**-52 * math.sqrt(model.label_power)
        size = float(np.abs(weights) @ (drawn @ np.vecdot(chances, risks).T))
        return cls(
            weights=weights,
            mean=left,
            deviation=unit * math.sqrt(variance),
            skewness=abs(third) / cubed if cubed > 0.0 else math.inf if variance > 0.0 else 0.0,
            scale=abs(left if claim.scale is None else claim.scale.size(model)),
            relative_to="left" if claim.scale is None else claim.scale.name,
            rounding=2.0 * math.sqrt(size) * delta + delta**2,
            resolution=claim.resolution,
        )

    def needed(self, tail: float) -> float:
        """The number of replicates that gives enough power and an approximately normal mean.

        It is infinite if rounding alone hides an error of the size ``resolution``.
        """
        threshold = student_quantile(tail, LEAST_REPLICATES)
        seen = (threshold + DETECTION_QUANTILE) * self.deviation
        if seen == 0.0:
            return 0.0
        largest = self.resolution * self.scale - self.rounding
        power = seen / largest if largest > 0.0 else math.inf
        # 5 % more, since the spread that will be observed varies
        root = max(power, self.distortion(1, threshold) / DISTORTION)
        return 1.05 * root * root

    def power(self, sem: float, threshold: float) -> float:
        """The smallest relative error that a mean with standard error ``sem`` shows (99 %).

        Errors within rounding are never shown.
        """
        seen = (threshold + DETECTION_QUANTILE) * sem + self.rounding
        return seen / self.scale if self.scale > 0.0 else math.inf if sem > 0.0 else 0.0

    def distortion(self, replicates: int, threshold: float) -> float:
        """The relative change, to leading order, of the tail beyond ``threshold`` by skewness."""
        return threshold**3 * self.skewness / (3.0 * math.sqrt(replicates))


def without_label_noise(model: BlockModel) -> BlockModel:
    """The model without label noise, which would only blur the simulation of excess risks."""
    return model.replace(label_noise_variance=0.0)


def _require_normal_errors(under: Perturbation | None, claim: Claim) -> None:
    """Refuse perturbations under which errors given the groups are not normal."""
    if under is not None and (under.noise is not None or under.erasure or under.radius):
        raise ArgumentError(
            "under",
            f"of the claim {claim.name!r} may have noise_variance, confusion and drag only, "
            f"for which the law of simulated errors is known, got {under!r}",
        )
