"""How often predictions with given coefficients, fitted or optimal, have the wrong sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.formulas.joint_moments import BlockMoments, block_moments
from moetheory.formulas.sign_errors import sign_errors
from moetheory.predictors.optimal import leakage_of, optimal_predictor
from moetheory.predictors.perturbed_risks import UNCHANGED, confusions_by_expert, noise_under
from moetheory.problem.estimators import Dense, Estimator, experts_of
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


def optimal_sign_errors(
    estimator: Estimator, model: BlockModel, under: Perturbation | None = None
) -> FloatArray:
    """The misclassification of the population optimum given the group, (K,)."""
    met, shared = optimal_predictor(estimator, model)
    seen = _block_moments(model, under, *met)
    unseen = None if shared is None else _block_moments(model, under, *shared)
    return _sign_errors(estimator, model, under, seen, unseen)


def fit_sign_errors(
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation | None,
    fits: FloatArray,
    shared_fits: FloatArray | None = None,
) -> FloatArray:
    """The misclassification of each of several fits given the group, (..., K).

    An input meets ``fits`` (..., d) on the blocks of its expert, and off them ``shared_fits``
    (..., d), or zero. NaN for groups whose labels do not vary. The noise ``under`` a perturbation
    must be normal, without erasure and worst-case shifts.
    """
    seen = _block_moments(model, under, fits)
    unseen = None if shared_fits is None else _block_moments(model, under, shared_fits)
    return _sign_errors(estimator, model, under, seen, unseen)


def rowwise_fit_sign_errors(
    model: BlockModel, under: Perturbation | None, fits: FloatArray
) -> FloatArray:
    """The misclassification given the group, (..., K), of a linear predictor for each group.

    An input that is taken for one of group j meets ``fits[j]`` (..., d) in all coordinates.
    """
    under = under or UNCHANGED
    one = experts_of(Dense(), model)
    unseen = _block_moments(model, under, 0.0, model.coefficients)
    total: FloatArray = np.zeros(())
    for fit, only in zip(fits, confusions_by_expert(model, under), strict=True):
        seen = _block_moments(model, under, fit)
        omega = model.label_noise_variance
        total = total + sign_errors(seen, unseen, omega, one, under.drag, only)
    return total


def require_signs(per_group: FloatArray, model: BlockModel) -> None:
    """Refuse sign errors (K,) that are undefined in a group that is drawn."""
    undefined = np.flatnonzero((model.group_probabilities > 0.0) & np.isnan(per_group))
    if undefined.size:
        raise ArgumentError(
            "model",
            "must have labels that vary in each group, got labels of group "
            f"{undefined[0]} without variance: their sign is undefined",
        )


def _block_moments(
    model: BlockModel, under: Perturbation | None, fit: Any, errors: Any = None
) -> BlockMoments:
    """The moments of coefficients, with the test noise ``under`` a perturbation."""
    noise, units, interference = noise_under(model, under or UNCHANGED)
    return block_moments(
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        leakage_of(model),
        noise if units is None else units,
        interference,
        model.coefficients,
        fit,
        errors,
    )


def _sign_errors(
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation | None,
    seen: BlockMoments,
    unseen: BlockMoments | None,
) -> FloatArray:
    """The misclassification given the group; without moments ``unseen`` inputs meet zero."""
    under = under or UNCHANGED
    return sign_errors(
        seen,
        _block_moments(model, under, 0.0, model.coefficients) if unseen is None else unseen,
        model.label_noise_variance,
        experts_of(estimator, model),
        under.drag,
        under.confusion,
    )
