"""Risks of given coefficients, fitted or optimal, when they meet a perturbation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import perturbed, sums
from moetheory.formulas.perturbed import BlockLosses, RoutedLosses
from moetheory.predictors.optimal import coefficient_errors, leakage_of, optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

UNCHANGED = Perturbation()


def checked_perturbation(under: Perturbation, estimator: Estimator, model: BlockModel) -> None:
    """Refuse a perturbation that is not defined for the estimator or the model."""
    if not isinstance(under, Perturbation):
        raise ValueError(f"under must be a Perturbation, got {under!r}")
    if under.confusion is not None and len(under.confusion) != model.experts:
        raise ValueError(
            f"confusion must have {model.experts} rows, one for each group, "
            f"got {len(under.confusion)}"
        )
    if routes_by_input(estimator) and (under.confusion is not None or under.radius):
        what = "confusion" if under.confusion is not None else "radius"
        raise ValueError(
            f"{what} needs oracle routing, as another gate errs by the input and not by a given "
            f"rule, got {estimator!r}"
        )


def require_normal_errors(under: Perturbation, call: str) -> None:
    """Refuse a worst-case shift of errors that are not normal; ``call`` is what to ask instead."""
    if under.radius and (under.erasure or under.noise is not None):
        other = "erasure" if under.erasure else "noise that is not normal"
        raise NoClosedForm(
            f"the risk under a worst-case shift is known for normal errors only, not with {other}, "
            f"got {under!r}; call {call}"
        )


def block_losses(
    model: BlockModel, mean: Any, missed: Any, variance: Any = 0.0, *, coefficients: Any = None
) -> BlockLosses:
    """Those of coefficients (..., d) with this mean and variance, in the order of the model.

    ``coefficients`` are the true ones, if not those of the model.
    """
    b = model.coefficients if coefficients is None else coefficients

    def terms(_: Any, *arrays: Any) -> tuple[FloatArray, ...]:
        return perturbed.losses_of_moments(*arrays)

    return BlockLosses(
        *sums.by_block(
            terms,
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            leakage_of(model),
            b,
            mean,
            missed,
            variance,
        )
    )


def optimal_losses(estimator: Estimator, model: BlockModel) -> BlockLosses:
    """Those of the population optimum."""
    mean, missed = optimal_coefficients(estimator, model), coefficient_errors(estimator, model)
    return block_losses(model, mean, missed)


def correlated(model: BlockModel) -> NDArray[np.bool_]:
    """Whether coordinates of a block are correlated before the rotation, booleans (K,)."""
    found = np.zeros(model.experts, dtype=bool)
    for g, basis in enumerate(model.rotations or ()):
        own = model.block_of == g
        uneven = np.ptp(model.signal_variances[own]) + np.ptp(model.leakage_variances[own]) > 0.0
        # a basis that only reorders coordinates has one entry in each column
        found[g] = uneven and np.count_nonzero(basis) > len(basis)
    return found


def erasure_terms(
    model: BlockModel, mean: FloatArray, variance: Any = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""What erasure adds where coordinates are correlated, block active and inactive, (..., K).

    :math:`\sum_m\Sigma_{mm}w_m^2 - w^\top\Sigma w` for the coefficients w before the rotation,
    which have uncorrelated errors of this variance after it.
    """
    shape = (*np.shape(mean)[:-1], model.experts)
    found = np.zeros((2, *shape))
    if model.rotations is None:
        return found[0], found[1]
    spread = np.broadcast_to(variance, np.shape(mean))
    for g, basis in enumerate(model.rotations):
        own = np.flatnonzero(model.block_of == g)
        share = np.square(basis)  # of each direction in each coordinate
        squares = np.square(np.matvec(basis, mean[..., own])) + np.matvec(share, spread[..., own])
        along = np.square(mean[..., own]) + spread[..., own]
        for part, variances in zip(
            found, (model.signal_variances[own], model.leakage_variances[own]), strict=True
        ):
            # of equal variances nothing is left, not even rounding
            uneven = variances - variances.min()
            part[..., g] = np.vecdot(squares, share @ uneven) - np.vecdot(along, uneven)
    return found[0], found[1]


def routed_losses(
    losses: BlockLosses, estimator: Estimator, model: BlockModel, under: Perturbation
) -> RoutedLosses:
    """What inputs meet in each group, with test noise and drag."""
    route = perturbed.dense_routed if isinstance(estimator, Dense) else perturbed.expert_routed
    return route(losses, under.noise_of(model.noise_variance), under.drag)


def perturbed_excess(
    losses: BlockLosses,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    scattered: tuple[FloatArray, FloatArray] | None = None,
) -> FloatArray:
    """Excess risk given the group, (..., K); ``scattered`` is of `erasure_terms`, else none."""
    if under.erasure:
        none = np.zeros(model.experts)
        losses = perturbed.erased(losses, under.erasure, *(scattered or (none, none)))
    meeting = routed_losses(losses, estimator, model, under)
    if under.radius:
        outside = model.label_noise_variance
        return perturbed.adversarial(meeting, under.confusion, outside, under.radius)
    return perturbed.excess(meeting, under.confusion)
