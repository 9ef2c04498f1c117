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
from typing import NamedTuple

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


class FlipCumulants(NamedTuple):
    """The first three cumulants in J cases of an input of each group.

    Attributes
    ----------
    units : (K, J) array
        Cumulant k is in the k-th power of this: none overflows or underflows.
    cumulants : (3, K, J) array
    """

    units: FloatArray
    cumulants: FloatArray


def flip_cumulants(
    weights: FloatArray, estimators: Sequence[Estimator], model: BlockModel, under: Perturbation
) -> FlipCumulants:
    """The cumulants given the group and the group taken for it; without confusion J = 1.

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
    blocks = [_of_blocks(weights, estimators, model, under, met) for met in patterns.T]
    of_units, of_forms = (np.stack(each) for each in zip(*blocks, strict=True))
    forms = np.moveaxis(of_forms, 1, 0)
    units, cumulants = [], []
    for g in groups:
        block, taken = groups[:, np.newaxis], groups if under.confusion is not None else [g]
        dragged = (block == taken) & (block != g)
        place = pattern[:, taken], (block == g).astype(int), dragged.astype(int), block
        given, largest = of_units[place], of_units[place].max(axis=0)
        shares = given / np.where(largest > 0.0, largest, 1.0)
        cumulants.append([np.sum(forms[k][place] * shares ** (k + 1), axis=0) for k in range(3)])
        units.append(largest)
    return FlipCumulants(np.stack(units), np.stack(cumulants, axis=1))


def _of_blocks(
    weights: FloatArray,
    estimators: Sequence[Estimator],
    model: BlockModel,
    under: Perturbation,
    met: Sequence[bool],
) -> tuple[FloatArray, FloatArray]:
    """Units, (2, 2, K), and cumulants, (3, 2, 2, K), of each block.

    They are those of a block of another group, or of its own; not dragged, or dragged. An input
    meets estimator e's expert there if ``met[e]``, else the shared expert or nothing.
    """
    b, shape = model.coefficients, (len(estimators), 2, 2, model.dim)
    own_noise = np.broadcast_to(under.noise_of(model.noise_variance), b.shape)
    clean, noise = np.empty(shape[1:]), np.empty(shape[1:])
    clean[0], clean[1] = leakage_of(model), model.signal_variances
    noise[0], noise[1] = own_noise + under.interference_of(interference_of(model)), own_noise
    noise[:, 1] += under.drag**2 * model.signal_variances
    of_clean, of_noise = np.empty(shape), np.empty(shape)
    for e, estimator in enumerate(estimators):
        shared = shared_coefficients(estimator, model)
        if met[e]:
            fit = unchecked_optimal_coefficients(estimator, model)
        else:
            fit = np.zeros_like(b) if shared is None else shared.values
        of_clean[e], of_noise[e] = (b - fit) * np.sqrt(clean), fit * np.sqrt(noise)
    # the entries of A, its trace and its determinant, in units of the largest of the block
    sizes = np.tensordot(np.abs(weights), of_clean**2 + of_noise**2, axes=1)
    units = np.stack(
        [sizes[..., model.block_of == g].max(axis=-1) for g in range(model.experts)], axis=-1
    )
    scale = np.where(units > 0.0, units, 1.0)[..., model.block_of]
    first, second, product = (
        np.tensordot(weights, each, axes=1) / scale
        for each in (of_clean**2, of_noise**2, of_clean * of_noise)
    )
    trace, determinant = first + second, first * second - product**2
    cumulants = np.stack(
        [
            trace,
            2.0 * (first**2 + second**2 + 2.0 * product**2),
            8.0 * trace * (trace**2 - 3.0 * determinant),
        ]
    )
    return units, block_sums(cumulants, model.block_of)
