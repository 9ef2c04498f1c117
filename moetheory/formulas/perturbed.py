r"""Risks when the test differs from training (docs/theory.md §7).

Given the group i and the group j that an input is routed to, the error of linear coefficients c
is a sum of independent terms, one for each coordinate. All risks therefore follow from a few
quadratic forms of c on each block: `BlockLosses`. These forms are linear in the mean and the
variance of c, so fitted coefficients enter through their first two moments.

Arrays have shape (..., K): leading axes are for several predictors, the last for blocks and,
in what is returned, for the group of the input.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.sums import sum_over_others


class BlockLosses(NamedTuple):
    r"""Quadratic forms of coefficients c, summed over the coordinates of each block.

    Attributes
    ----------
    active, inactive : (..., K) arrays
        :math:`\sum\lambda(b-c)^2` and :math:`\sum\nu(b-c)^2`, signal that is missed while the
        block is active, inactive.
    noise_gain : (..., K) array
        :math:`\sum c^2`, what each unit of noise variance adds to the risk.
    noise : (..., K) array
        :math:`\sum u_mc_m^2`, what each unit of the noise's scale adds to the risk: coordinate m
        has the variance :math:`u_m` times the scale.
    interference : (..., K) array
        :math:`\sum\kappa c^2`, what interference adds to the risk while the block is inactive.
    drag_gain : (..., K) array
        :math:`\sum\lambda c^2`, what each unit of :math:`\eta^2` adds to the risk.
    null_active, null_inactive : (..., K) arrays
        :math:`\sum\lambda b^2` and :math:`\sum\nu b^2`, what predicting zero misses.
    """

    active: FloatArray
    inactive: FloatArray
    noise_gain: FloatArray
    noise: FloatArray
    interference: FloatArray
    drag_gain: FloatArray
    null_active: FloatArray
    null_inactive: FloatArray


class RoutedLosses(NamedTuple):
    r"""The parts of the excess risk :math:`R_{i\to j}` of an input of group i, routed to expert j.

    Attributes
    ----------
    correct : (..., K) array
        :math:`R_{i\to i}`.
    own_block, routed_block, other_blocks : (..., K) arrays
        For :math:`j \ne i` the risk is own_block[i] + routed_block[j] + the sum of other_blocks[k]
        over all k that are neither i nor j.
    noise_gain : (..., K) array
        :math:`\|c\|^2` of the predictor that answers: of expert j, or of dense.
    """

    correct: FloatArray
    own_block: FloatArray
    routed_block: FloatArray
    other_blocks: FloatArray
    noise_gain: FloatArray


def block_losses(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    coefficients: ArrayLike,
    mean: ArrayLike,
    coefficient_error: ArrayLike,
    variance: ArrayLike = 0.0,
    noise_units: FloatArray | None = None,
    interference: ArrayLike = 0.0,
) -> BlockLosses:
    r"""The expected `BlockLosses` of random coefficients c, such as fitted ones.

    .. math:: E\,(b-c)^2 = (b-E\,c)^2 + \operatorname{Var} c, \qquad
              E\,c^2 = (E\,c)^2 + \operatorname{Var} c .

    Parameters
    ----------
    group_probabilities : (..., K) array
        Only the number of blocks K matters.
    block_of : (d,) integer array
        The block of each coordinate.
    signal, leakage, coefficients : (..., d) arrays or scalars
        :math:`\lambda, \nu, b`.
    mean, variance : (..., d) arrays or scalars
        :math:`E\,c` and :math:`\operatorname{Var} c`.
    coefficient_error : (..., d) array or scalar
        :math:`b - E\,c`, given apart: it keeps its digits where the mean is close to b.
    noise_units : (d,) array, optional
        :math:`u`; 1 in all coordinates if not given.
    interference : (d,) array or scalar
        :math:`\kappa`.
    """
    interferes = bool(np.any(interference))
    noises = [] if noise_units is None else [noise_units]
    noises += [np.asarray(interference)] * interferes

    def terms(
        _: Any,
        signal: Any,
        leakage: Any,
        b: Any,
        mean: Any,
        error: Any,
        variance: Any,
        *noises: Any,
    ) -> tuple[FloatArray, ...]:
        squared_error = np.square(error) + variance
        squared_fit, squared_truth = np.square(mean) + variance, np.square(b)
        return (
            signal * squared_error,
            leakage * squared_error,
            squared_fit,
            signal * squared_fit,
            signal * squared_truth,
            leakage * squared_truth,
            *(each * squared_fit for each in noises),
        )

    arrays = (signal, leakage, coefficients, mean, coefficient_error, variance, *noises)
    active, inactive, noise_gain, drag_gain, null_active, null_inactive, *passed = sums.by_block(
        terms, group_probabilities, block_of, *arrays
    )
    return BlockLosses(
        active=active,
        inactive=inactive,
        noise_gain=noise_gain,
        noise=noise_gain if noise_units is None else passed[0],
        interference=passed[-1] if interferes else np.zeros_like(noise_gain),
        drag_gain=drag_gain,
        null_active=null_active,
        null_inactive=null_inactive,
    )


def dense_routed(losses: BlockLosses, noise: float, drag: float) -> RoutedLosses:
    r"""The parts of the risk of dense for an input of group i that is routed to group j.

    .. math:: R_{i\to j} = \sum_m (S_{im}(b-c)^2 + n_mc^2) + \sum_{m\notin i}\kappa c^2
              + \eta^2\sum_{m\in j}\lambda c^2 \;(j \ne i) .

    Parameters
    ----------
    losses : BlockLosses
    noise, drag : float
        The scale of the noise, :math:`n_m = \mathrm{noise}\cdot u_m`, and :math:`\eta`.
    """
    gain = passed = _total(losses.noise_gain)
    if losses.noise is not losses.noise_gain:
        passed = _total(losses.noise)
    risk = losses.active + sum_over_others(losses.inactive) + times(noise, passed)
    if losses.interference.any():
        risk = risk + sum_over_others(losses.interference)
    nothing = np.zeros_like(losses.null_inactive)
    return RoutedLosses(risk, risk, times(drag**2, losses.drag_gain), nothing, gain)


def expert_routed(losses: BlockLosses, noise: float, drag: float) -> RoutedLosses:
    r"""The parts of the risk of experts for an input of group i that goes to expert j.

    .. math:: i \to i: \sum_{m\in i}\big(\lambda(b-c)^2 + nc^2\big)
              + \sum_{m\notin i}\nu b^2, \qquad
              i \to j: \sum_{m\in i}\lambda b^2
              + \sum_{m\in j}\big(\nu(b-c)^2 + (\eta^2\lambda+n+\kappa)c^2\big)
              + \sum_{m\notin i,j}\nu b^2 .

    Arguments as for `dense_routed`.
    """
    passed = times(noise, losses.noise)
    idle = losses.inactive + passed + times(drag**2, losses.drag_gain)
    return RoutedLosses(
        correct=losses.active + passed + sum_over_others(losses.null_inactive),
        own_block=losses.null_active,
        routed_block=idle + losses.interference if losses.interference.any() else idle,
        other_blocks=losses.null_inactive,
        noise_gain=losses.noise_gain,
    )


def excess(routed: RoutedLosses, confusion: FloatArray | None) -> FloatArray:
    r"""Excess risk given the group, :math:`\sum_jM_{ij}R_{i\to j}`, shape (..., K).

    Parameters
    ----------
    routed : RoutedLosses
    confusion : (K, K) array, optional
        M; None for perfect routing.
    """
    if confusion is None:
        return routed.correct
    right, wrong = _split(confusion)
    error_rate = wrong.sum(axis=-1)
    infinite = np.isinf(routed.routed_block)
    elsewhere = np.matvec(wrong, np.where(infinite, 0.0, routed.routed_block))
    elsewhere = np.where(np.matvec(wrong, infinite * 1.0) > 0.0, np.inf, elsewhere)
    # [i, k]: how often block k is neither that of the input nor that of its expert
    neither = sum_over_others(wrong)
    np.fill_diagonal(neither, 0.0)
    elsewhere = elsewhere + np.matvec(neither, routed.other_blocks)
    return np.asarray(
        times(right, routed.correct) + times(error_rate, routed.own_block) + elsewhere
    )


def pairs(routed: RoutedLosses) -> FloatArray:
    r"""Excess risk of an input of group i that is routed to group j, shape (..., K, K)."""
    same = np.eye(routed.other_blocks.shape[-1], dtype=bool)
    rest = sum_over_others(np.where(same, 0.0, routed.other_blocks[..., np.newaxis, :]))
    wrong = routed.own_block[..., np.newaxis] + routed.routed_block[..., np.newaxis, :] + rest
    return np.where(same, routed.correct[..., np.newaxis], wrong)


def adversarial(
    routed: RoutedLosses, confusion: FloatArray | None, label_noise: float, radius: float
) -> FloatArray:
    r"""Excess risk given the group, each input shifted in the worst direction.

    Given i and j the error e of a linear predictor is normal with variance R, and the worst
    shift makes it :math:`|e| + \delta_{\max}\|c\|`:

    .. math:: \mathbb E\big(|e|+\delta_{\max}\|c\|\big)^2 = R
              + 2\,\delta_{\max}\sqrt{2/\pi}\,\|c\|\sqrt R + \delta_{\max}^2\|c\|^2 .

    Parameters
    ----------
    routed : RoutedLosses
    confusion : (K, K) array, optional
        M; None for perfect routing.
    label_noise : float
        :math:`\omega^2`, a part of R that is no excess.
    radius : float
        :math:`\delta_{\max}`, the largest length of a shift.
    """

    def worst(risk: FloatArray, gain: FloatArray) -> FloatArray:
        """The excess risk under the worst shift, from R and the squared norm of c."""
        # a risk of zero may be below zero by rounding
        crossed = np.sqrt(gain) * np.sqrt(np.maximum(risk + label_noise, 0.0))
        return np.asarray(risk + radius * (np.sqrt(8.0 / np.pi) * crossed + radius * gain))

    if confusion is None:
        return worst(routed.correct, routed.noise_gain)
    right, wrong = _split(confusion)
    total = right * worst(routed.correct, routed.noise_gain)
    for j in range(len(right)):  # a column at a time: all pairs would be K times the memory
        rest = sum_over_others(np.where(np.arange(len(right)) == j, 0.0, routed.other_blocks))
        risk = routed.own_block + routed.routed_block[..., j, np.newaxis] + rest
        total = total + wrong[:, j] * worst(risk, routed.noise_gain[..., j, np.newaxis])
    return np.asarray(total)


def _total(values: FloatArray) -> FloatArray:
    """The sum over the blocks, as often as there are blocks."""
    return np.broadcast_to(values.sum(axis=-1, keepdims=True), values.shape)


def _split(confusion: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The diagonal of a confusion matrix, and the matrix without its diagonal."""
    right = np.diagonal(confusion)
    return right, confusion - np.diag(right)


def times(factor: Any, values: FloatArray) -> FloatArray:
    """The product, with zero times infinity equal to zero."""
    out = np.zeros(np.broadcast(factor, values).shape)
    return np.asarray(np.multiply(factor, values, out=out, where=np.not_equal(factor, 0.0)))
