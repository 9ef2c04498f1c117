r"""Variances of the errors of optimal predictors, given the group and the group taken for it.

Given both, an error is a linear combination of independent normal variables, hence normal: its
variance is all there is to know. The mean of its square is r, that of its fourth power 3r².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import perturbed
from moetheory.predictors.perturbed_risks import optimal_routed_losses
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


class ErrorCases(NamedTuple):
    """The J cases of an input of each group, and the variance of the error in each.

    Attributes
    ----------
    chances : (K, J) array
        Probabilities given the group: of each group that the input is taken for, or J = 1.
    variances : (K, J) array
        Excess risk, label noise and shift left out.
    shifts : (K, J) array
        What a worst-case shift adds to the absolute error.
    """

    chances: FloatArray
    variances: FloatArray
    shifts: FloatArray


def error_cases(estimator: Estimator, model: BlockModel, under: Perturbation) -> ErrorCases:
    """The error cases of dense and oracle-routed predictors.

    Noise of another law and erasure count as normal of the same variance.
    """
    routed = optimal_routed_losses(estimator, model, under)
    shifts = under.radius * np.sqrt(routed.noise_gain)
    if under.confusion is None:
        ones = np.ones((model.experts, 1))
        return ErrorCases(ones, routed.correct[:, np.newaxis], shifts[:, np.newaxis])
    variances = perturbed.pairs(routed)
    return ErrorCases(under.confusion, variances, np.broadcast_to(shifts, variances.shape))
