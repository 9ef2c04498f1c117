"""True risks of fits given the group; helper of the routes over training sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.perturbed_risks import fit_excess, rowwise_fit_excess
from moetheory.predictors.sign_errors import fit_sign_errors, rowwise_fit_sign_errors
from moetheory.problem.estimators import Dense, Estimator, MoE, experts_of
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

# numbers in the fits whose risks are found together, if they are not sums over coordinates
SLICE = 1 << 14


def group_clean_variances(model: BlockModel) -> FloatArray:
    """Clean variance of every coordinate in every group, (K, d)."""
    return kernels.group_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )


def group_noise_variances(model: BlockModel) -> float | FloatArray:
    """Noise variance of every coordinate in every group, (K, d); one or (d,) if groups share it."""
    if not model.interferes:
        return model.noise_variance
    return kernels.group_variances(
        model.block_of, model.noise_variance, model.idle_noise, model.experts
    )


def dense_fit_risks(
    model: BlockModel,
    fits: FloatArray,
    under: Perturbation | None = None,
    loss: Loss = "squared",
) -> FloatArray:
    """True risks given the group, (..., K), of dense with coefficients ``fits`` (..., d)."""
    if loss == "sign":
        return _wrong_signs(Dense(), model, fits, under)
    if under is not None:
        return _perturbed_fit_risks(Dense(), model, fits, under)
    return _group_risks(model, fits[..., np.newaxis, :])


def expert_fit_risks(
    model: BlockModel,
    fits: FloatArray,
    regressions: Regressions,
    under: Perturbation | None = None,
    loss: Loss = "squared",
) -> FloatArray:
    """True risks given the group, (..., K), of experts with coefficients ``fits`` (..., d)."""
    if loss == "sign":
        return _wrong_signs(MoE(), model, fits, under)
    if under is not None:
        return _perturbed_fit_risks(MoE(), model, fits, under)
    return kernels.expert_risks(
        fits,
        model.block_of,
        model.signal_variances,
        model.coefficients,
        model.noise_variance,
        regressions.leaked_variance + model.label_noise_variance,
    )


def assigned_fit_risks(
    estimator: Estimator,
    model: BlockModel,
    fits: FloatArray,
    shared_fits: FloatArray | None,
    under: Perturbation | None = None,
    loss: Loss = "squared",
) -> FloatArray:
    """True risks given the group, (..., K), of experts that serve several groups.

    An input meets ``fits`` (..., d) on the blocks of its expert, and off them ``shared_fits``
    (..., d), or zero.
    """
    if loss == "sign":
        return _wrong_signs(estimator, model, fits, under, shared_fits)
    if under is not None:
        return _perturbed_fit_risks(estimator, model, fits, under, shared_fits)
    return _group_risks(model, met_coefficients(estimator, model, fits, shared_fits))


def met_coefficients(
    estimator: Estimator, model: BlockModel, fits: FloatArray, shared_fits: FloatArray | None
) -> FloatArray:
    """The coefficients that an input of each group meets in its own expert, (..., K, d)."""
    expert_of = experts_of(estimator, model)
    own = expert_of[:, np.newaxis] == expert_of[model.block_of]
    rest = 0.0 if shared_fits is None else shared_fits[..., np.newaxis, :]
    return np.where(own, fits[..., np.newaxis, :], rest)


def rowwise_fit_risks(
    model: BlockModel, fits: FloatArray, under: Perturbation | None, loss: Loss
) -> FloatArray:
    """True risks given the group, (R, K), of a linear predictor for each group, (K, R, d)."""
    if loss == "sign":
        return _in_slices(lambda here: rowwise_fit_sign_errors(model, under, fits[:, here]), fits)
    if under is None:
        return _group_risks(model, np.moveaxis(fits, 0, -2))
    excess = _in_slices(lambda here: rowwise_fit_excess(model, under, fits[:, here]), fits)
    return excess + model.label_noise_variance


def _group_risks(model: BlockModel, met: FloatArray) -> FloatArray:
    """The risks of the coefficients that an input of each group meets, (..., K or 1, d)."""
    return kernels.group_risks(
        met,
        group_clean_variances(model),
        model.coefficients,
        group_noise_variances(model),
        model.label_noise_variance,
    )


def _perturbed_fit_risks(
    estimator: Estimator,
    model: BlockModel,
    fits: FloatArray,
    under: Perturbation,
    shared_fits: FloatArray | None = None,
) -> FloatArray:
    """True risks given the group, (..., R, K), of ``fits`` (..., R, d) under a perturbation."""

    def risks(here: slice) -> FloatArray:
        shared = None if shared_fits is None else shared_fits[..., here, :]
        return fit_excess(estimator, model, under, fits[..., here, :], shared)

    return _in_slices(risks, fits) + model.label_noise_variance


def _wrong_signs(
    estimator: Estimator,
    model: BlockModel,
    fits: FloatArray,
    under: Perturbation | None,
    shared_fits: FloatArray | None = None,
) -> FloatArray:
    """The probability of a wrong sign given the group, (..., R, K), of ``fits`` (..., R, d)."""

    def risks(here: slice) -> FloatArray:
        shared = None if shared_fits is None else shared_fits[..., here, :]
        return fit_sign_errors(estimator, model, under, fits[..., here, :], shared)

    return _in_slices(risks, fits)


def _in_slices(risks: Callable[[slice], FloatArray], fits: FloatArray) -> FloatArray:
    """The risks of ``fits`` (..., R, d), those of some training sets at a time, (..., R, K)."""
    # not all at once: there are many arrays between fits and risks
    rows = max(1, SLICE * fits.shape[-2] // fits.size)
    parts = [risks(slice(at, at + rows)) for at in range(0, fits.shape[-2], rows)]
    return np.concatenate(parts, axis=-2)
