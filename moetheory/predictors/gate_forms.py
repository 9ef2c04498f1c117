"""What each coordinate costs a mixture whose gate reads the input, given its square."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.predictors.optimal import leakage_of, unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


class GateForms(NamedTuple):
    r"""Means of the parts of each coordinate in the forms Q of docs/theory.md §6, at test time.

    With :math:`\theta'` the best coefficients at test time, t those in use, and
    :math:`\theta^0 = b\nu/(\nu+n'+\kappa')` what leaks into an inactive block.

    Attributes
    ----------
    idle, active : (d,) arrays
        The variances :math:`\nu+n'+\kappa'` and :math:`\lambda+n'`.
    missed, met, cross : (d,) arrays
        :math:`\theta'^2`, :math:`E(\theta'-t)^2` and :math:`\theta'(\theta'-Et)`, times ``active``.
    wrong : (d,) array
        :math:`Et^2 - 2\theta^0Et`, times ``idle``.
    """

    idle: FloatArray
    active: FloatArray
    missed: FloatArray
    met: FloatArray
    cross: FloatArray
    wrong: FloatArray

    @classmethod
    def of(cls, there: BlockModel, mean: FloatArray, variance: Any = 0.0) -> GateForms:
        """The forms of coefficients of this ``mean`` and ``variance``, (d,), tested on ``there``."""
        leakage = leakage_of(there)
        idle = np.broadcast_to(there.idle_noise + leakage, there.dim)
        active = there.signal_variances + there.noise_variance
        best = unchecked_optimal_coefficients(MoE(), there)
        off = best - mean
        wrong = (mean**2 + variance) * idle - 2.0 * there.coefficients * leakage * mean
        forms = (best**2, off**2 + variance, best * off)
        return cls(idle, active, *(each * active for each in forms), wrong)


def model_at_test(model: BlockModel, under: Perturbation | None) -> BlockModel:
    """The model that test inputs come from, with the noise and the interference of ``under``."""
    if under is None or (under.noise_variance is None and under.interference_variances is None):
        return model
    return model.replace(
        noise_variance=under.noise_of(model.noise_variance),
        interference_variances=under.interference_of(model.interference_variances),
    )
