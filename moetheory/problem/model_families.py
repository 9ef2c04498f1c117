"""Fields of block models that follow from a few numbers, or from covariance matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, Mention, OutOfRangeError
from moetheory.common.validation import (
    count,
    distinct,
    members,
    number,
    scalar_or_vector,
    vector,
    zero_or_within,
)
from moetheory.problem import eigenbasis, limits


def power_law(
    dim: int,
    experts: int,
    decay: float,
    signal_energy: float,
    label_power: float,
    leakage_variances: ArrayLike,
) -> dict[str, Any]:
    """The fields of `BlockModel.power_law` that it does not take as they are given."""
    dim = count("dim", dim, minimum=1, maximum=limits.MOST_COORDINATES)
    experts = count("experts", experts, minimum=1)
    if dim % experts:
        raise ArgumentError(
            "experts",
            "must divide ",
            Mention("dim"),
            ", got ",
            Mention("experts", experts),
            " and ",
            Mention("dim", dim),
        )
    energy = number("signal_energy", signal_energy, above=0.0)
    power = number("label_power", label_power, minimum=0.0)
    decay = number("decay", decay, minimum=0.0)
    leakage = scalar_or_vector("leakage_variances", leakage_variances, length=dim, minimum=0.0)
    low, high = limits.NUMBERS
    if not low <= energy <= high:
        raise OutOfRangeError(
            "signal_energy", f"must be between {low:g} and {high:g}, got {energy:g}"
        )
    zero_or_within("label_power", power, limits.NUMBERS)
    zero_or_within("leakage_variances", leakage, limits.NUMBERS)
    ranks = np.arange(1, dim // experts + 1, dtype=np.float64)
    with np.errstate(under="ignore"):
        shape = ranks**-decay
        variances = shape * (energy / shape.sum())
    if variances.min() < low:
        raise OutOfRangeError(
            Mention("signal_energy", energy),
            "must leave every coordinate a variance of at least "
            f"{low:g}, got {variances.min():g} with ",
            Mention("decay", decay),
        )
    # E (xᵀb)² = b² Σ_m (λ_m + (K-1) ν_m)/K when all coefficients equal b
    spread = energy + (experts - 1) * float(distinct(leakage).mean()) * dim / experts
    coefficient = float(np.sqrt(power / spread))
    if 0.0 < coefficient < low:
        raise OutOfRangeError(
            Mention("label_power", power),
            f"must leave every coefficient a size of at least {low:g}, got {coefficient:g}",
        )
    return {
        "group_probabilities": np.full(experts, 1.0 / experts),
        "block_of": np.repeat(np.arange(experts), dim // experts),
        "signal_variances": np.tile(variances, experts),
        "coefficients": np.full(dim, coefficient),
    }


def from_covariances(
    covariances: Sequence[ArrayLike],
    coefficients: Sequence[ArrayLike],
    noise_covariances: Sequence[ArrayLike] | None,
    group_probabilities: ArrayLike | None,
) -> dict[str, Any]:
    """The fields of `BlockModel.from_covariances` that it does not take as they are given."""
    matrices, betas = members("covariances", covariances), members("coefficients", coefficients)
    if not matrices:
        raise ArgumentError("covariances", "must hold at least one matrix, got none")
    if noise_covariances is not None:
        diagonal, place = _whitened(matrices, noise_covariances), "in units of the noise"
    else:
        diagonal = [eigenbasis.diagonalise(f"covariances[{g}]", c) for g, c in enumerate(matrices)]
        place = "its eigenvalues"
    if len(betas) != len(matrices):
        raise ArgumentError(
            "coefficients",
            f"must hold one vector for each of the {len(matrices)} covariances, got {len(betas)}",
        )
    spectra, rotated = [], []
    for g, ((eigenvalues, basis), beta) in enumerate(zip(diagonal, betas, strict=True)):
        given = vector(f"coefficients[{g}]", beta, length=len(eigenvalues))
        zero_or_within(f"coefficients[{g}]", given, limits.NUMBERS)
        spectra.append(limits.without_rounding(eigenvalues))
        rotated.append(limits.without_rounding(basis.T @ given))
        for name, values in (
            (f"covariances[{g}] ({place})", spectra[g]),
            (f"coefficients[{g}] (in the eigenbasis)", rotated[g]),
        ):
            zero_or_within(name, values, limits.NUMBERS)
    experts = len(spectra)
    if group_probabilities is None:
        group_probabilities = np.full(experts, 1.0 / experts)
    else:
        vector("group_probabilities", group_probabilities, length=experts)
    return {
        "group_probabilities": group_probabilities,
        "block_of": np.repeat(np.arange(experts), [len(spectrum) for spectrum in spectra]),
        "signal_variances": np.concatenate(spectra),
        "coefficients": np.concatenate(rotated),
        # the basis of whitened coordinates is not orthogonal
        "rotations": None if noise_covariances is not None else [basis for _, basis in diagonal],
    }


def _whitened(
    covariances: Sequence[ArrayLike], noise_covariances: Sequence[ArrayLike]
) -> list[tuple[FloatArray, FloatArray]]:
    r"""The eigenvalues and the basis of each block where its noise is the identity.

    With the covariance :math:`\Sigma`, a root of that of the noise, :math:`N = RR^\top`, and
    :math:`R^{-1}\Sigma^{1/2} = UDW^\top`, the clean covariance of :math:`z = U^\top R^{-1}x` is
    :math:`D^2`. The basis is RU, by which :math:`x = RUz` and coefficients become
    :math:`(RU)^\top\beta`.
    """
    signals = [eigenbasis.semidefinite(f"covariances[{g}]", c) for g, c in enumerate(covariances)]
    noises = members("noise_covariances", noise_covariances)
    if len(noises) != len(covariances):
        raise ArgumentError(
            "noise_covariances",
            f"must hold one matrix for each of the {len(covariances)} covariances, "
            f"got {len(noises)}",
        )
    whitened = []
    for g, (noise, signal) in enumerate(zip(noises, signals, strict=True)):
        root, inverse = eigenbasis.inverse_root(f"noise_covariances[{g}]", noise, len(signal))
        for name, matrix in (("covariances", signal), ("noise_covariances", root @ root.T)):
            variances = limits.without_rounding(np.diagonal(matrix))
            zero_or_within(f"{name}[{g}] (its diagonal)", variances, limits.NUMBERS)
        # the noise's deviations as units: small variances keep their digits beside large ones
        unit = np.sqrt(np.square(root).sum(axis=1))
        eigenvalues, basis = np.linalg.eigh(signal / np.outer(unit, unit))
        spread = basis * np.sqrt(np.maximum(eigenvalues, 0.0))
        left, singular, _ = np.linalg.svd((inverse * unit) @ spread)
        # ascending, as without correlated noise
        whitened.append((singular[::-1] ** 2, root @ left[:, ::-1]))
    return whitened
