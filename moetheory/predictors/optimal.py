"""The population-optimal coefficients of an estimator, and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import population
from moetheory.problem.estimators import Estimator, MoE, checked_estimator
from moetheory.problem.model import BlockModel, checked_model


def optimal_coefficients(estimator: Estimator, model: BlockModel) -> FloatArray:
    r"""The population-optimal coefficients, shape (d,).

    Dense: :math:`\hat b_m = b_m h_m/(h_m+\sigma^2+\mu)`. MoE: coordinate m of expert
    :math:`g(m)`, :math:`\theta_m = b_m\lambda_m/(\lambda_m+\sigma^2+\mu)`. Zero where
    variance, noise and ridge are all zero. In general :math:`\sigma^2` is :math:`n_m`, and for
    dense the mean noise :math:`n_m + (1-p)\kappa_m`. Source: docs/theory.md §2 and §10.

    Examples
    --------
    >>> from moetheory import Dense
    >>> model = BlockModel([0.5, 0.5], [0, 1], [2.0, 4.0], [1.0, 1.0], noise_variance=1.0)
    >>> optimal_coefficients(Dense(), model), optimal_coefficients(MoE(), model)
    (array([0.5       , 0.66666667]), array([0.66666667, 0.8       ]))
    """
    return unchecked_optimal_coefficients(checked_estimator(estimator), checked_model(model))


def unchecked_optimal_coefficients(estimator: Estimator, model: BlockModel) -> FloatArray:
    """The `optimal_coefficients` of arguments that have been checked."""
    if isinstance(estimator, MoE):
        return population.expert_coefficients(
            model.signal_variances, model.coefficients, model.noise_variance, estimator.ridge
        )
    return population.dense_coefficients(
        model.group_probabilities[model.block_of],
        model.signal_variances,
        leakage_of(model),
        model.coefficients,
        model.noise_variance,
        interference_of(model),
        estimator.ridge,
    )


def coefficient_errors(estimator: Estimator, model: BlockModel) -> FloatArray:
    """The true coefficients less the optimal coefficients, (d,), without cancellation."""
    moment, noise = model.signal_variances, model.noise_variance
    if not isinstance(estimator, MoE):
        p = model.group_probabilities[model.block_of]
        moment = population.second_moment(p, moment, leakage_of(model))
        noise = population.mean_noise(p, noise, interference_of(model))
    penalty = noise + estimator.ridge
    scaled = model.coefficients / population.shrinkage_denominator(moment, penalty)
    return np.asarray(scaled * population.lost_numerator(moment, penalty))


def formula_arguments(
    model: BlockModel,
) -> tuple[FloatArray, IntArray, FloatArray, Any, FloatArray, Any, Any]:
    r"""The arguments :math:`p, g(m), \lambda, \nu, b, n, \kappa` of formulas such as `gap`."""
    return (
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        leakage_of(model),
        model.coefficients,
        model.noise_variance,
        interference_of(model),
    )


def leakage_of(model: BlockModel) -> Any:
    """The leakage variances, or a scalar zero for strict blocks, which lets formulas skip them."""
    return 0.0 if model.strict else model.leakage_variances


def interference_of(model: BlockModel) -> Any:
    """The interference variances, or a scalar zero where there are none: formulas skip them."""
    return model.interference_variances if model.interferes else 0.0
