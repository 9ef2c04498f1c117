"""Risks of given coefficients, fitted or optimal, under a perturbation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, NoClosedForm
from moetheory.common.validation import shown
from moetheory.formulas import erasure, perturbed
from moetheory.formulas.perturbed import BlockLosses, RoutedLosses
from moetheory.predictors.optimal import (
    Coefficients,
    interference_of,
    leakage_of,
    optimal_predictor,
)
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    Simulated,
    experts_of,
    routes_by_input,
)
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

UNCHANGED = Perturbation()


def require_defined_perturbation(
    under: Perturbation, estimator: Simulated, model: BlockModel
) -> None:
    """Refuse a perturbation that is not defined for the estimator or the model."""
    if not isinstance(under, Perturbation):
        raise ArgumentTypeError("under", f"must be a Perturbation, got {shown(under)}")
    if under.confusion is not None and len(under.confusion) != model.experts:
        raise ArgumentError(
            "confusion",
            f"must have {model.experts} rows, one for each group, got {len(under.confusion)}",
        )
    for name in ("noise_variance", "interference_variances"):
        given = getattr(under, name)
        if np.ndim(given) and len(given) != model.dim:
            raise ArgumentError(
                name,
                f"must be a number or {model.dim} of them, one for each coordinate, "
                f"got {len(given)}",
            )
    if model.experts == 1 and np.any(under.interference_of(0.0)):
        raise ArgumentError(
            "interference_variances",
            "must be 0 for one group, whose block is never inactive, got "
            f"{np.max(under.interference_of(0.0)):g}",
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


def require_normal_predictions(under: Perturbation, what: str, instead: object) -> None:
    """Refuse what makes predictions other than normal, given the group.

    ``what`` names the quantity that is known for normal predictions only, ``instead`` is a part of
    a message, as for `require_normal_errors`.
    """
    if under.erasure or under.radius or under.noise is not None:
        raise NoClosedForm(
            f"{what} is known for normal noise, without erasure and without a worst-case shift, "
            "got ",
            under,
            "; ",
            instead,
        )


def block_losses(
    model: BlockModel,
    under: Perturbation,
    mean: Any,
    coefficient_error: Any,
    variance: Any = 0.0,
    *,
    coefficients: Any = None,
) -> BlockLosses:
    """The block losses of fitted coefficients (..., d), from their mean and variance.

    The noise is that ``under`` the perturbation. ``coefficient_error`` are the true coefficients
    less the mean. ``coefficients`` are the true coefficients where they differ from those of the
    model.
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
        *noise_under(model, under)[1:],
    )


def noise_under(model: BlockModel, under: Perturbation) -> tuple[float, Any, Any]:
    """The scale of the test noise, its units, and the interference at test time.

    One noise variance is a scale, in which all have the unit 1 (None); several have the scale 1.
    """
    noise, interference = under.noise_variance, under.interference_variances
    noise = model.noise_variance if noise is None else noise
    interference = interference_of(model) if interference is None else interference
    return (noise, None, interference) if isinstance(noise, float) else (1.0, noise, interference)


def optimal_losses(
    estimator: Estimator, model: BlockModel, under: Perturbation = UNCHANGED
) -> BlockLosses:
    """The block losses of the population optimum, with the noise ``under`` a perturbation."""
    met, _ = optimal_predictor(estimator, model)
    return block_losses(model, under, *met)


def correlated_blocks(model: BlockModel, under: Perturbation) -> NDArray[np.bool_]:
    """The mask (K,) of blocks with coordinates that are correlated before the rotation."""
    result = np.zeros(model.experts, dtype=bool)
    variances = [np.broadcast_to(each, model.dim) for each in _test_variances(model, under)]
    for g, basis in enumerate(model.rotations or ()):
        own = model.block_of == g
        anisotropic = any(np.ptp(each[own]) > 0.0 for each in variances)
        # a basis that only reorders coordinates has one entry in each column
        result[g] = anisotropic and np.count_nonzero(basis) > len(basis)
    return result


def _test_variances(model: BlockModel, under: Perturbation) -> tuple[Any, ...]:
    """The variances of which `erasure.erased` needs to know whether coordinates are correlated."""
    _, units, interference = noise_under(model, under)
    clean = model.signal_variances, model.leakage_variances
    return *clean, 1.0 if units is None else units, interference


def erasure_terms(
    model: BlockModel, under: Perturbation, mean: FloatArray, variance: Any = 0.0
) -> Sequence[Any]:
    """The terms that erasure adds for correlated coordinates, as `erasure.erased` takes them.

    After the rotation the coefficients have this mean, and uncorrelated errors of this variance.
    """
    if model.rotations is None:
        return erasure.UNCORRELATED
    variances = _test_variances(model, under)
    return erasure.independence_variances(
        model.rotations, model.block_of, variances, mean, variance
    )


def optimal_routed_losses(
    estimator: Estimator, model: BlockModel, under: Perturbation = UNCHANGED
) -> RoutedLosses:
    """The losses of optimal predictors, routed to each expert, with test noise, drag and erasure.

    An estimator with a gate has the losses of its experts.
    """

    def losses(found: Coefficients) -> BlockLosses:
        return _erased(block_losses(model, under, *found), model, under, found.values)

    met, shared = optimal_predictor(estimator, model)
    of_shared = None if shared is None else losses(shared)
    return _routed(losses(met), estimator, model, under, of_shared)


def _erased(
    losses: BlockLosses, model: BlockModel, under: Perturbation, fit: FloatArray
) -> BlockLosses:
    """The losses of the coefficients ``fit`` with the erasure of ``under``."""
    if not under.erasure:
        return losses
    return erasure.erased(losses, under.erasure, erasure_terms(model, under, fit))


def _routed(
    losses: BlockLosses,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    shared: BlockLosses | None = None,
) -> RoutedLosses:
    """The losses of inputs of each group, taken for each group, with test noise and drag."""
    noise, _, _ = noise_under(model, under)
    return perturbed.routed(losses, noise, under.drag, experts_of(estimator, model), shared)


def routed_excess(routed: RoutedLosses, model: BlockModel, under: Perturbation) -> FloatArray:
    """Excess risk given the group, (..., K), with confusion and a worst-case shift."""
    return _confused_excess(routed, model, under, under.confusion)


def _confused_excess(
    routed: RoutedLosses, model: BlockModel, under: Perturbation, confusion: FloatArray | None
) -> FloatArray:
    """Excess risk given the group, (..., K), with a worst-case shift and this confusion."""
    if under.radius:
        omega = model.label_noise_variance
        return perturbed.adversarial(routed, confusion, omega, under.radius)
    return perturbed.excess(routed, confusion)


def perturbed_excess(
    losses: BlockLosses,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    added_by_erasure: Sequence[Any] = erasure.UNCORRELATED,
) -> FloatArray:
    """Excess risk given the group, (..., K); ``added_by_erasure`` are `erasure_terms`."""
    if under.erasure:
        losses = erasure.erased(losses, under.erasure, added_by_erasure)
    return routed_excess(_routed(losses, estimator, model, under), model, under)


def fit_excess(
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    fits: FloatArray,
    shared_fits: FloatArray | None = None,
) -> FloatArray:
    """Excess risk given the group, (..., K), of given coefficients under a perturbation.

    An input meets ``fits`` (..., d) on the blocks of its expert, and off them ``shared_fits``
    (..., d), or zero.
    """
    shared = None if shared_fits is None else _fit_losses(model, under, shared_fits)
    losses = _fit_losses(model, under, fits)
    return routed_excess(_routed(losses, estimator, model, under, shared), model, under)


def _fit_losses(model: BlockModel, under: Perturbation, fit: FloatArray) -> BlockLosses:
    """The block losses of given coefficients (..., d) under a perturbation."""
    return _erased(block_losses(model, under, fit, model.coefficients - fit), model, under, fit)


def rowwise_fit_excess(model: BlockModel, under: Perturbation, fits: FloatArray) -> FloatArray:
    r"""Excess risk given the group, (..., K), of a linear predictor for each group.

    An input of group i that is taken for one of group j meets ``fits[j]`` (..., d) in all
    coordinates. So it has the risk that dense has with these coefficients, if the input is taken
    for j: :math:`\sum_jM_{ij}R_{i\to j}(\hat\beta_j)`.
    """
    total: FloatArray = np.zeros(())
    for fit, only in zip(fits, confusions_by_expert(model, under), strict=True):
        routed = _routed(_fit_losses(model, under, fit), Dense(), model, under)
        total = total + _confused_excess(routed, model, under, only)
    return total


def confusions_by_expert(model: BlockModel, under: Perturbation) -> Iterator[FloatArray]:
    """For each group j the confusion matrix (K, K), zero but for the inputs taken for j."""
    given = np.eye(model.experts) if under.confusion is None else under.confusion
    for j in range(model.experts):
        only = np.zeros_like(given)
        only[:, j] = given[:, j]
        yield only
