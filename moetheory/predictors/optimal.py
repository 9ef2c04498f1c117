"""The population-optimal coefficients of an estimator, and their errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import population, shared_expert
from moetheory.formulas.expert_sums import ExpertSums
from moetheory.predictors.retrained import retrained_coefficients
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    MoE,
    checked_estimator,
    experts_of,
    one_each,
    simplest,
)
from moetheory.problem.model import BlockModel, checked_model


def optimal_coefficients(estimator: Estimator, model: BlockModel) -> FloatArray:
    r"""The population-optimal coefficients, shape (d,), with a shared expert (2, d).

    Dense: :math:`\hat b_m = b_m h_m/(h_m+\sigma^2+\mu)`. MoE: coordinate m of expert
    :math:`g(m)`, :math:`\theta_m = b_m\lambda_m/(\lambda_m+\sigma^2+\mu)`. Zero where
    variance, noise and ridge are all zero. In general :math:`\sigma^2` is :math:`n_m`, and for
    dense the mean noise :math:`n_m + (1-p)\kappa_m`.

    An expert e that serves several groups has the coefficients of dense for these groups alone,
    with :math:`p_g/p_e` in place of :math:`p_g`. With a shared expert the first row holds its
    coefficients, without ridge :math:`b_m\nu_m/(\nu_m+n_m+\kappa_m)`, the second row those of the
    other experts, which add to them. With ``MoE(gate=Hard(), retrained=True)``

    .. math:: t_m = \frac{\theta_m\,p_jE_j[\bar x_m^2;\,j\to j]}
                        {\sum_gp_gE_g[\bar x_m^2;\,g\to j]}

    for strict blocks. Source: docs/theory.md §2, §6, §10 and §11.

    Examples
    --------
    >>> from moetheory import Dense
    >>> model = BlockModel([0.5, 0.5], [0, 1], [2.0, 4.0], [1.0, 1.0], noise_variance=1.0)
    >>> optimal_coefficients(Dense(), model), optimal_coefficients(MoE(), model)
    (array([0.5       , 0.66666667]), array([0.66666667, 0.8       ]))
    """
    estimator = simplest(checked_estimator(estimator), checked_model(model))
    found = unchecked_optimal_coefficients(estimator, model)
    shared = shared_coefficients(estimator, model)
    return found if shared is None else np.stack([shared.values, found - shared.values])


def unchecked_optimal_coefficients(estimator: Estimator, model: BlockModel) -> FloatArray:
    """What an input meets on the blocks of its expert, (d,), that of the shared one included.

    Without a shared expert, the `optimal_coefficients` of arguments that have been checked.
    """
    if isinstance(estimator, MoE):
        if estimator.retrained:
            return retrained_coefficients(model).copy()
        if one_each(estimator):
            return population.expert_coefficients(
                model.signal_variances, model.coefficients, model.noise_variance, estimator.ridge
            )
        if estimator.shared:
            return optimal_predictor(estimator, model)[0].values
    return population.dense_coefficients(*_served_arguments(estimator, model))


def coefficient_errors(estimator: Estimator, model: BlockModel) -> FloatArray:
    """The true coefficients less those of `unchecked_optimal_coefficients`, not by a difference.

    Except for experts that are retrained.
    """
    if isinstance(estimator, MoE):
        if estimator.retrained:
            return model.coefficients - retrained_coefficients(model)
        if one_each(estimator):
            return population.expert_errors(
                model.signal_variances, model.coefficients, model.noise_variance, estimator.ridge
            )
        if estimator.shared:
            return optimal_predictor(estimator, model)[0].errors
    return population.dense_errors(*_served_arguments(estimator, model))


class Coefficients(NamedTuple):
    """Coefficients and their ``errors``, the true coefficients less them, (d,) each."""

    values: FloatArray
    errors: FloatArray


def optimal_predictor(
    estimator: Estimator, model: BlockModel
) -> tuple[Coefficients, Coefficients | None]:
    """All that an input meets of the optimum: on the blocks of its expert, and off them.

    Off them it meets the `shared_coefficients`.
    """
    if isinstance(estimator, MoE) and estimator.retrained:
        values = unchecked_optimal_coefficients(estimator, model)
        return Coefficients(values, coefficient_errors(estimator, model)), None
    return predictor_of(estimator, experts_of(estimator, model), *formula_arguments(model))


def predictor_of(
    estimator: Estimator,
    expert_of: IntArray,
    group_probabilities: FloatArray,
    block_of: IntArray,
    *arrays: Any,
) -> tuple[Coefficients, Coefficients | None]:
    """The `optimal_predictor` of `formula_arguments`, whose arrays may have leading axes."""
    signal, _, coefficients, noise, _ = arrays
    if isinstance(estimator, MoE) and one_each(estimator):
        known = signal, coefficients, noise, estimator.ridge
        values = population.expert_coefficients(*known)
        return Coefficients(values, population.expert_errors(*known)), None
    activity, used = group_probabilities, group_probabilities
    if isinstance(estimator, MoE):
        served = ExpertSums(expert_of)
        activity, used = served.share(group_probabilities), served.total(group_probabilities)
    arguments = (activity[..., block_of], *arrays, estimator.ridge)
    if isinstance(estimator, MoE) and estimator.shared:
        found = shared_expert.coefficients_beside_shared(used[..., block_of], *arguments)
        return Coefficients(*found[:2]), Coefficients(*found[2:])
    values = population.dense_coefficients(*arguments)
    return Coefficients(values, population.dense_errors(*arguments)), None


def shared_coefficients(estimator: Estimator, model: BlockModel) -> Coefficients | None:
    """The coefficients of the shared expert: all that an input meets off its expert's blocks."""
    if isinstance(estimator, MoE) and estimator.shared:
        return optimal_predictor(estimator, model)[1]
    return None


def _served_arguments(estimator: Estimator, model: BlockModel) -> tuple[Any, ...]:
    """The arguments of `population.dense_coefficients` for the groups of each expert alone."""
    _, block_of, *arrays = formula_arguments(model)
    return block_activity(estimator, model)[block_of], *arrays, estimator.ridge


def block_activity(estimator: Estimator, model: BlockModel) -> FloatArray:
    r"""The probability that a block is active while its expert is used, :math:`p_g/p_e`, (K,).

    The groups of an expert that is never used count as equally frequent.
    """
    p = model.group_probabilities
    if isinstance(estimator, Dense):
        return p
    return ExpertSums(experts_of(estimator, model)).share(p)


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
