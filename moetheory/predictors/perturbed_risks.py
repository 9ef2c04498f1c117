"""Risks of given coefficients, fitted or optimal, under a perturbation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, NoClosedForm
from moetheory.common.validation import shown
from moetheory.formulas import erasure, perturbed
from moetheory.formulas.perturbed import BlockLosses, RoutedLosses
from moetheory.predictors.optimal import (
    coefficient_errors,
    leakage_of,
    unchecked_optimal_coefficients,
)
from moetheory.problem.estimators import Dense, Estimator, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

UNCHANGED = Perturbation()


def require_defined_perturbation(
    under: Perturbation, estimator: Estimator, model: BlockModel
) -> None:
    """Refuse a perturbation that is not defined for the estimator or the model."""
    if not isinstance(under, Perturbation):
        raise ArgumentTypeError("under", f"must be a Perturbation, got {shown(under)}")
    if under.confusion is not None and len(under.confusion) != model.experts:
        raise ArgumentError(
            "confusion",
            f"must have {model.experts} rows, one for each group, got {len(under.confusion)}",
        )
    if routes_by_input(estimator) and (under.confusion is not None or under.radius):
        what = "confusion" if under.confusion is not None else "radius"
        raise ArgumentError(
            what,
            "needs oracle routing: the errors of another gate depend on the input, not on a given "
            "rule, got ",
            estimator,
        )


def require_normal_errors(under: Perturbation, instead: object) -> None:
    """Refuse a worst-case shift of errors that are not normal; the error says what to do instead.

    ``instead`` is a part of a message.
    """
    if under.radius and (under.erasure or under.noise is not None):
        other = "erasure" if under.erasure else "noise that is not normal"
        raise NoClosedForm(
            "the risk under a worst-case shift is known for normal errors only, not with "
            f"{other}, got ",
            under,
            "; ",
            instead,
        )


def block_losses(
    model: BlockModel,
    mean: Any,
    coefficient_error: Any,
    variance: Any = 0.0,
    *,
    coefficients: Any = None,
) -> BlockLosses:
    """The block losses of fitted coefficients (..., d), from their mean and variance.

    ``coefficient_error`` are the true coefficients less the mean. ``coefficients`` are the true
    coefficients where they differ from those of the model.
    """
    return perturbed.block_losses(
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        leakage_of(model),
        model.coefficients if coefficients is None else coefficients,
        mean,
        coefficient_error,
        variance,
    )


def optimal_losses(estimator: Estimator, model: BlockModel) -> BlockLosses:
    """The block losses of the population optimum."""
    mean = unchecked_optimal_coefficients(estimator, model)
    return block_losses(model, mean, coefficient_errors(estimator, model))


def correlated_blocks(model: BlockModel) -> NDArray[np.bool_]:
    """The mask (K,) of blocks with coordinates that are correlated before the rotation."""
    result = np.zeros(model.experts, dtype=bool)
    for g, basis in enumerate(model.rotations or ()):
        own = model.block_of == g
        anisotropic = (
            np.ptp(model.signal_variances[own]) + np.ptp(model.leakage_variances[own]) > 0.0
        )
        # a basis that only reorders coordinates has one entry in each column
        result[g] = anisotropic and np.count_nonzero(basis) > len(basis)
    return result


def erasure_terms(
    model: BlockModel, mean: FloatArray, variance: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    """The terms that erasure adds for correlated coordinates, block active and inactive, (..., K).

    After the rotation the coefficients have this mean, and uncorrelated errors of this variance.
    """
    if model.rotations is None:
        nothing = np.zeros((*np.shape(mean)[:-1], model.experts))
        return nothing, nothing
    return erasure.independence_variances(
        model.rotations,
        model.block_of,
        model.signal_variances,
        model.leakage_variances,
        mean,
        variance,
    )


def routed_losses(
    losses: BlockLosses, estimator: Estimator, model: BlockModel, under: Perturbation
) -> RoutedLosses:
    """The losses of inputs of each group, routed to each expert, with test noise and drag."""
    route = perturbed.dense_routed if isinstance(estimator, Dense) else perturbed.expert_routed
    return route(losses, under.noise_of(model.noise_variance), under.drag)


def perturbed_excess(
    losses: BlockLosses,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    added_by_erasure: tuple[FloatArray, FloatArray] | None = None,
) -> FloatArray:
    """Excess risk given the group, (..., K); ``added_by_erasure`` are `erasure_terms`, if any."""
    if under.erasure:
        losses = erasure.erased(losses, under.erasure, *(added_by_erasure or ()))
    routed = routed_losses(losses, estimator, model, under)
    if under.radius:
        omega = model.label_noise_variance
        return perturbed.adversarial(routed, under.confusion, omega, under.radius)
    return perturbed.excess(routed, under.confusion)
