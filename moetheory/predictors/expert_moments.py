"""Moments of the coefficients of experts that are fitted without ridge, where they are exact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import sums
from moetheory.formulas.finite import expert_moments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import coefficient_errors, unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel


class ExpertMoments(NamedTuple):
    r"""Moments of the fitted coefficients c of experts without ridge.

    Attributes
    ----------
    mean, coefficient_error, variance : (d,) arrays
        :math:`E\,c`, :math:`b - E\,c` and :math:`\operatorname{Var}c`; the variance is infinite
        for experts with :math:`|n_g - s_g| \le 1`.
    uncorrelated, exact : masks (K,)
        Experts with uncorrelated coefficients; experts whose moments are these.
    """

    mean: FloatArray
    coefficient_error: FloatArray
    variance: FloatArray
    uncorrelated: Any
    exact: Any

    @classmethod
    def of(cls, model: BlockModel, regressions: Regressions) -> ExpertMoments:
        """The moments for experts with enough samples, isotropic blocks, or no samples."""
        counts, sizes, residual = regressions.counts, regressions.sizes, regressions.residual
        block_of, optimum = model.block_of, unchecked_optimal_coefficients(MoE(), model)
        norm = squared_norms(model, optimum)
        k, t, u, v = expert_moments(counts, sizes, residual, norm)
        noisy_variances = model.signal_variances + model.noise_variance
        varies = noisy_variances > 0.0
        variance = np.divide(v[block_of], noisy_variances, out=np.zeros(model.dim), where=varies)
        mean, mean_error = optimum, coefficient_errors(MoE(), model)
        if np.any(k < 1.0):
            mean = k[block_of] * optimum
            mean_error = mean_error + (1.0 - k)[block_of] * optimum
            from_projection = t[block_of] * np.square(optimum) + u[block_of]
            variance = np.where(varies, from_projection, 0.0) + variance
        trivial = (counts == 0) | (sizes == 0)
        infinite = (np.abs(counts - sizes) <= 1) & (residual > 0.0)
        uncorrelated = trivial | (counts >= sizes) | infinite
        exact = uncorrelated | regressions.isotropic
        return cls(mean, mean_error, variance, uncorrelated, exact)


def squared_norms(model: BlockModel, optimum: FloatArray) -> FloatArray:
    r"""The squared norms :math:`\|\theta\|^2` of the blocks, (K,)."""
    (norm,) = sums.by_block(
        lambda _, theta: (np.square(theta),), model.group_probabilities, model.block_of, optimum
    )
    return norm
