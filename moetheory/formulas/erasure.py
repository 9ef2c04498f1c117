r"""Erased coordinates (docs/theory.md §7): each is set to zero with probability :math:`\tau`.

Leading axes are for several predictors; the last axis is for coordinates, (..., d), or for
blocks, (..., K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.perturbed import BlockLosses

UNCORRELATED = (0.0, 0.0, 0.0, 0.0)


def erased(losses: BlockLosses, chance: Any, added: Sequence[Any] = UNCORRELATED) -> BlockLosses:
    r"""The losses with each coordinate set to zero with probability :math:`\tau`, independently.

    For uncorrelated coordinates every quadratic form is multiplied by :math:`1-\tau`, and
    :math:`\tau` times the form of predicting zero is added. Coordinates that are correlated before
    the rotation add :math:`\tau(1-\tau)` times their `independence_variances`.

    Parameters
    ----------
    losses : BlockLosses
        The losses without erasure.
    chance : float or (..., 1) array
        :math:`\tau`.
    added : 4 (..., K) arrays
        The `independence_variances` by clean variances while a block is active and inactive, by
        the units of the noise and by interference; 0 for uncorrelated coordinates.
    """
    kept = 1.0 - chance
    both = chance * kept
    active, inactive, noise, interference = added
    noise_gain = kept * losses.noise_gain
    one_noise = losses.noise is losses.noise_gain
    return BlockLosses(
        active=kept * losses.active + chance * losses.null_active + both * active,
        inactive=kept * losses.inactive + chance * losses.null_inactive + both * inactive,
        noise_gain=noise_gain,
        noise=noise_gain if one_noise else kept * losses.noise + both * noise,
        interference=kept * losses.interference + both * interference,
        drag_gain=kept * losses.drag_gain + both * active,
        null_active=losses.null_active,
        null_inactive=losses.null_inactive,
    )


def independence_variances(
    bases: Sequence[FloatArray],
    block_of: IntArray,
    variances: Sequence[Any],
    mean: FloatArray,
    variance: Any = 0.0,
) -> list[FloatArray]:
    r"""The variances that predictions would gain were coordinates independent, (..., K) each.

    .. math:: \mathbb E\Big(\sum_m\Sigma_{mm}w_m^2 - w^\top\Sigma w\Big), \qquad
              w = Uc, \quad \Sigma = U\operatorname{diag}(v)\,U^\top,

    for each block and each of the ``variances`` v: clean ones, or those of a part of the noise.
    The coefficients w and the covariance :math:`\Sigma` are those before the rotation by the
    block's basis U. A result is negative where coordinates repeat each other.

    Parameters
    ----------
    bases : K arrays (s_g, s_g)
        U: column m is the eigenvector of the block's coordinate m after the rotation.
    block_of : (d,) integer array
        The block of each coordinate.
    variances : sequence of (d,) arrays or scalars
        Variances after the rotation; equal ones add nothing.
    mean, variance : (..., d) arrays, or a scalar variance
        :math:`E\,c` and :math:`\operatorname{Var} c` of coefficients with uncorrelated errors.
    """
    shape = np.broadcast_shapes(np.shape(mean), np.shape(variance))
    error_variance = np.broadcast_to(variance, shape)
    gained = [np.zeros((*shape[:-1], len(bases))) for _ in variances]
    for g, basis in enumerate(bases):
        own = np.flatnonzero(block_of == g)
        squared_basis = np.square(basis)  # the share of each direction in each coordinate
        errors = np.matvec(squared_basis, error_variance[..., own])
        squared_before = np.square(np.matvec(basis, mean[..., own])) + errors
        squared_after = np.square(mean[..., own]) + error_variance[..., own]
        for gain, each in zip(gained, variances, strict=True):
            if np.ndim(each) == 0:
                continue
            # equal variances cancel exactly, without rounding errors
            above_least = each[own] - each[own].min()
            before = np.vecdot(squared_before, np.matvec(squared_basis, above_least))
            gain[..., g] = before - np.vecdot(squared_after, above_least)
    return gained
