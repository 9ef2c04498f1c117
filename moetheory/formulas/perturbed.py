r"""Risks when the test differs from training (docs/theory.md §7).

An input of group i that is taken for one of group j meets the expert of j, and the error of
linear coefficients c is a sum of independent terms, one for each coordinate. All risks therefore
follow from a few quadratic forms of c on each block: `BlockLosses`. These forms are linear in the
mean and the variance of c, so fitted coefficients enter through their first two moments.

Expert e(g) serves group g. It sees the blocks of all groups that it serves: dense is one expert
for all groups, a mixture has one for each. Off these blocks the predictor has the coefficients of
a shared expert (docs/theory.md §11), or zero.

Arrays have shape (..., K): leading axes are for several predictors, the last for blocks and,
in what is returned, for the group of the input.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.expert_sums import ExpertSums
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
    r"""The parts of the excess risk :math:`R_{i\to j}` of an input of group i, taken for group j.

    Attributes
    ----------
    expert_of : (K,) integer array
        The expert e(g), 0 to E-1, that serves each group.
    correct : (..., K) array
        :math:`R_{i\to i}`.
    drag : (..., K) array
        For :math:`j \ne i` that the expert of i serves too, the risk is correct[i] + drag[j].
    own_blocks, routed_blocks : (..., K) arrays
    other_blocks : (..., E) array
        If another expert serves j, the risk is own_blocks[i] + routed_blocks[j] + the sum of
        other_blocks[e] over all e that are neither e(i) nor e(j).
    noise_gain : (..., K) array
        :math:`\|c\|^2` of the predictor that answers for group j.
    """

    expert_of: IntArray
    correct: FloatArray
    drag: FloatArray
    own_blocks: FloatArray
    routed_blocks: FloatArray
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
    noise_units : (..., d) array, optional
        :math:`u`; 1 in all coordinates if not given.
    interference : (..., d) array or scalar
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


def routed(
    losses: BlockLosses,
    noise: Any,
    drag: float,
    expert_of: IntArray,
    shared: BlockLosses | None = None,
) -> RoutedLosses:
    r"""The parts of the risk for an input of group i that is taken for group j.

    With the coefficients c on the blocks of the expert e(j), and w off them,

    .. math:: R_{i\to j} = \sum_{m\in e(j)} \big(S_{im}(b-c)^2 + N_{im}c^2\big)
              + \sum_{m\notin e(j)} \big(S_{im}(b-w)^2 + N_{im}w^2\big)
              + \eta^2\sum_{m\in j}\lambda c^2 \;(j \ne i),

    S and N the variances of signal and noise: :math:`\lambda, n` on block i,
    :math:`\nu, n+\kappa` off it.

    Parameters
    ----------
    losses : BlockLosses
        Those of c.
    noise : float or (..., 1) array
        The scale of the noise, :math:`n_m = \mathrm{noise}\cdot u_m`.
    drag : float
        :math:`\eta`.
    expert_of : (K,) integer array
        e, from 0 to E-1. All 0 for dense, 0 to K-1 for one expert a group.
    shared : BlockLosses, optional
        Those of w; without them w is zero.
    """

    served, passed = ExpertSums(expert_of), times(noise, losses.noise)
    correct = losses.active + served.others(losses.inactive)
    correct = correct + times(noise, served.total(losses.noise))
    drags, idle = times(drag**2, losses.drag_gain), losses.inactive + passed
    gain = served.total(losses.noise_gain)
    if losses.interference.any():
        correct = correct + served.others(losses.interference)
        idle = idle + losses.interference
    if served.experts == 1:
        nothing = np.zeros_like(gain)
        return RoutedLosses(expert_of, correct, drags, nothing, nothing, nothing[..., :1], gain)
    missed, unseen = losses.null_active, losses.null_inactive
    if shared is not None:
        passed = times(noise, shared.noise)
        missed, unseen = shared.active + passed, shared.inactive + passed
        if shared.interference.any():
            unseen = unseen + shared.interference
        gain = gain + served.elsewhere(shared.noise_gain)
    return RoutedLosses(
        expert_of=expert_of,
        correct=correct + served.elsewhere(unseen),
        drag=drags,
        own_blocks=missed + served.others(unseen),
        routed_blocks=served.total(idle) + drags,
        other_blocks=served.by_expert(unseen),
        noise_gain=gain,
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
    served = ExpertSums(routed.expert_of)
    same = routed.expert_of[:, np.newaxis] == routed.expert_of
    right, wrong = np.where(same, confusion, 0.0), np.where(same, 0.0, confusion)
    found = times(right.sum(axis=-1), routed.correct)
    if not served.one_each:
        found = found + _means(right - np.diag(np.diagonal(right)), routed.drag)
    if served.experts == 1:
        return found
    # [i, e]: how often the blocks of e are neither those of the expert of i nor of that it meets
    neither = sum_over_others(served.by_expert(wrong))
    np.put_along_axis(neither, routed.expert_of[:, np.newaxis], 0.0, axis=1)
    found = found + times(wrong.sum(axis=-1), routed.own_blocks)
    return np.asarray(
        found + _means(wrong, routed.routed_blocks) + np.matvec(neither, routed.other_blocks)
    )


def pairs(routed: RoutedLosses) -> FloatArray:
    r"""Excess risk of an input of group i that is taken for group j, shape (..., K, K)."""
    experts = routed.other_blocks.shape[-1]
    others = np.where(np.eye(experts, dtype=bool), 0.0, routed.other_blocks[..., np.newaxis, :])
    rest = sum_over_others(others)[..., routed.expert_of[:, np.newaxis], routed.expert_of]
    wrong = routed.own_blocks[..., np.newaxis] + routed.routed_blocks[..., np.newaxis, :] + rest
    return np.where(
        routed.expert_of[:, np.newaxis] == routed.expert_of,
        routed.correct[..., np.newaxis]
        + np.where(np.eye(len(routed.expert_of)), 0.0, routed.drag[..., np.newaxis, :]),
        wrong,
    )


def adversarial(
    routed: RoutedLosses, confusion: FloatArray | None, label_noise: Any, radius: Any
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
    label_noise : float or (..., 1) array
        :math:`\omega^2`, a part of R that is no excess.
    radius : float or (..., 1) array
        :math:`\delta_{\max}`, the largest length of a shift.
    """

    def worst(risk: FloatArray, gain: FloatArray) -> FloatArray:
        """The excess risk under the worst shift, from R and the squared norm of c."""
        # a risk of zero may be below zero by rounding
        crossed = np.sqrt(gain) * np.sqrt(np.maximum(risk + label_noise, 0.0))
        return np.asarray(risk + radius * (np.sqrt(8.0 / np.pi) * crossed + radius * gain))

    if confusion is None:
        return worst(routed.correct, routed.noise_gain)
    total = np.diagonal(confusion) * worst(routed.correct, routed.noise_gain)
    groups, experts = np.arange(len(confusion)), np.arange(routed.other_blocks.shape[-1])
    for j, e in enumerate(routed.expert_of):  # all pairs at once would be K times the memory
        chances = np.where(groups == j, 0.0, confusion[:, j])
        if not chances.any():
            continue
        rest = sum_over_others(np.where(experts == e, 0.0, routed.other_blocks))
        risk = np.where(
            routed.expert_of == e,
            routed.correct + routed.drag[..., j, np.newaxis],
            routed.own_blocks
            + routed.routed_blocks[..., j, np.newaxis]
            + rest[..., routed.expert_of],
        )
        total = total + chances * worst(risk, routed.noise_gain[..., j, np.newaxis])
    return np.asarray(total)


def _means(weights: FloatArray, values: FloatArray) -> FloatArray:
    """The sums of values (..., K) with weights (K, K); zero times infinity is zero."""
    infinite = np.isinf(values)
    finite = np.matvec(weights, np.where(infinite, 0.0, values))
    return np.where(np.matvec(weights, infinite * 1.0) > 0.0, np.inf, finite)


def times(factor: Any, values: FloatArray) -> FloatArray:
    """The product, with zero times infinity equal to zero."""
    out = np.zeros(np.broadcast(factor, values).shape)
    return np.asarray(np.multiply(factor, values, out=out, where=np.not_equal(factor, 0.0)))
