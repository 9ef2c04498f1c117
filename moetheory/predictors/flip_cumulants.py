r"""Cumulants of what method="flips" averages: weighted sums of squares, coordinate by coordinate.

Given the group g, and the group t that an input is taken for, coordinate m adds
:math:`e_m = (b_m-c_m)x_m - c_m\xi_m` to the error of an estimator, :math:`c_m` the coefficient that
the input meets, x and :math:`\xi` independent and normal. Of several estimators with weights
:math:`w_e` the sum :math:`\sum_ew_ee_{em}^2` is a quadratic form of two standard normals, with the
matrix :math:`A_m = \sum_ew_eu_eu_e^\top`, :math:`u_e = ((b_m-c_m)\sqrt{S_{gm}},\; -c_m\sqrt{N_m})`,
hence with the cumulants :math:`\operatorname{tr}A_m`, :math:`2\operatorname{tr}A_m^2` and
:math:`8\operatorname{tr}A_m^3`. Coordinates are independent: cumulants add.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.predictors.optimal import (
    interference_of,
    leakage_of,
    shared_coefficients,
    unchecked_optimal_coefficients,
)
from moetheory.problem.estimators import Estimator, experts_of
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


def flip_cumulants(
    weights: FloatArray, estimators: Sequence[Estimator], model: BlockModel, under: Perturbation
) -> FloatArray:
    """The first three cumulants given the groups g and t, (3, K, K).

    Parameters
    ----------
    weights : (E,) array
    estimators : E of Dense or MoE
        A gate counts as the oracle.
    model, under
        Test noise is normal; there is no erasure and no shift.
    """
    groups = np.arange(model.experts)
    served = np.stack([experts_of(each, model) for each in estimators])
    # whether the expert to which t is sent serves a block, by estimator: few patterns occur
    meets = served[:, :, np.newaxis] == served[:, np.newaxis]
    patterns, found = np.unique(meets.reshape(len(served), -1), axis=1, return_inverse=True)
    pattern = found.reshape(model.experts, model.experts)  # of a block, of t
    by_block = np.stack(
        [_by_block(weights, estimators, model, under, met) for met in patterns.T], axis=-1
    )
    # blocks of other groups, not dragged; then the group's own, and the one it is taken for
    others = by_block[:, 0, 0]
    taken = others[:, groups[:, np.newaxis], pattern]
    cumulants = np.repeat(taken.sum(axis=1)[:, np.newaxis], len(groups), axis=1)
    cumulants += (by_block[:, 1, 0] - others)[:, groups[:, np.newaxis], pattern]
    dragged = (by_block[:, 0, 1] - others)[:, groups, np.diagonal(pattern)]
    cumulants += np.where(groups == groups[:, np.newaxis], 0.0, dragged[:, np.newaxis])
    return cumulants


def _by_block(
    weights: FloatArray,
    estimators: Sequence[Estimator],
    model: BlockModel,
    under: Perturbation,
    met: Sequence[bool],
) -> FloatArray:
    """The cumulants of each block, (3, 2, 2, K): of another group or its own, dragged or not.

    An input meets estimator e's expert there if ``met[e]``, else the shared expert or nothing.
    """
    b, shape = model.coefficients, (len(estimators), 2, 2, model.dim)
    interference = under.interference_of(interference_of(model))
    own_noise = np.broadcast_to(under.noise_of(model.noise_variance), b.shape)
    clean = np.empty(shape[1:])
    clean[0], clean[1] = leakage_of(model), model.signal_variances
    noise = np.empty(shape[1:])
    noise[0], noise[1] = own_noise + interference, own_noise
    noise[:, 1] += under.drag**2 * model.signal_variances
    of_clean, of_noise = np.empty(shape), np.empty(shape)
    for e, estimator in enumerate(estimators):
        shared = shared_coefficients(estimator, model)
        if met[e]:
            fit = unchecked_optimal_coefficients(estimator, model)
        else:
            fit = np.zeros_like(b) if shared is None else shared.values
        of_clean[e], of_noise[e] = (b - fit) * np.sqrt(clean), fit * np.sqrt(noise)
    # the entries of A, its trace and its determinant
    first, second = (np.tensordot(weights, u**2, axes=1) for u in (of_clean, of_noise))
    product = np.tensordot(weights, of_clean * of_noise, axes=1)
    trace, determinant = first + second, first * second - product**2
    cumulants = np.stack(
        [
            trace,
            2.0 * (first**2 + second**2 + 2.0 * product**2),
            8.0 * trace * (trace**2 - 3.0 * determinant),
        ]
    )
    return block_sums(cumulants, model.block_of)
