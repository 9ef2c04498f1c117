r"""Risks when the test differs from training (docs/theory.md §7).

Given the group i and the group j that an input is taken for, the error of linear coefficients c
is a sum of independent terms, one for each coordinate, so that all risks follow from a few
quadratic forms of c, each summed over the blocks: `BlockLosses`. They are linear in the first
two moments of c, so that those of fitted coefficients may be averaged first.

Arrays have shape (..., K): leading axes are for several predictors, the last for blocks and,
in what is returned, for the group of the input.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.sums import of_others


class BlockLosses(NamedTuple):
    r"""Sums over the coordinates of each block, for coefficients c.

    Attributes
    ----------
    active, inactive : arrays
        :math:`\sum\lambda(b-c)^2` and :math:`\sum\nu(b-c)^2`, signal that is missed.
    gain : array
        :math:`\sum c^2`, noise that passes for each unit of its variance.
    pulled : array
        :math:`\sum\lambda c^2`, drag that passes for each unit of :math:`\eta^2`.
    own, other : arrays
        :math:`\sum\lambda b^2` and :math:`\sum\nu b^2`, signal that there is.
    """

    active: FloatArray
    inactive: FloatArray
    gain: FloatArray
    pulled: FloatArray
    own: FloatArray
    other: FloatArray


class RoutedLosses(NamedTuple):
    r"""Excess risk of an input of group i: ``right`` if it is taken for what it is.

    If it is taken for group j, ``unseen`` [i] + ``wrong`` [j] and ``idle`` of all other blocks;
    and what noise passes, :math:`\|c\|^2`, in the hands of expert j, or in those of dense.
    """

    right: FloatArray
    unseen: FloatArray
    wrong: FloatArray
    idle: FloatArray
    gain: FloatArray


def losses_of_moments(
    signal: Any, leakage: Any, coefficient: Any, mean: Any, missed: Any, variance: Any
) -> tuple[FloatArray, ...]:
    r"""The terms of `BlockLosses`, for coefficients of this mean and variance.

    ``missed`` is :math:`b` less the mean, which keeps its digits where that is close to b.
    """
    squared = np.square(missed) + variance
    passed = np.square(mean) + variance
    there = np.square(coefficient)
    return (
        signal * squared,
        leakage * squared,
        passed,
        signal * passed,
        signal * there,
        leakage * there,
    )


def erased(
    losses: BlockLosses, probability: float, scatter: FloatArray, leaked_scatter: FloatArray
) -> BlockLosses:
    r"""With each coordinate set to zero with probability q, independently.

    For uncorrelated coordinates every quadratic form becomes :math:`1-q` times what it was plus
    q times that of predicting zero. Correlated ones, of covariance :math:`\Sigma` before they
    were rotated, add :math:`q(1-q)` times the scatter
    :math:`\sum_m \Sigma_{mm}w_m^2 - w^\top\Sigma w`, w the coefficients before the rotation.

    Parameters
    ----------
    scatter, leaked_scatter : arrays
        That of the clean features of the block, while it is active and inactive.
    """
    kept = 1.0 - probability
    both = probability * kept
    return BlockLosses(
        active=kept * losses.active + probability * losses.own + both * scatter,
        inactive=kept * losses.inactive + probability * losses.other + both * leaked_scatter,
        gain=kept * losses.gain,
        pulled=kept * losses.pulled + both * scatter,
        own=losses.own,
        other=losses.other,
    )


def dense_routed(losses: BlockLosses, noise: float, drag: float) -> RoutedLosses:
    r"""Dense in group i: :math:`\sum_m S_{im}(b-c)^2 + \sigma_o^2\|c\|^2`, and drag.

    Drag towards block j adds :math:`\eta^2\sum_{m\in j}\lambda c^2`.
    """
    gain = np.broadcast_to(losses.gain.sum(axis=-1, keepdims=True), losses.gain.shape)
    right = losses.active + of_others(losses.inactive) + times(noise, gain)
    idle = np.zeros_like(losses.other)
    return RoutedLosses(right, right, times(drag**2, losses.pulled), idle, gain)


def expert_routed(losses: BlockLosses, noise: float, drag: float) -> RoutedLosses:
    r"""Expert i in group i, and expert j in group i.

    .. math:: i \to i: \sum_{m\in i}\big(\lambda(b-c)^2 + \sigma_o^2c^2\big)
              + \sum_{m\notin i}\nu b^2, \qquad
              i \to j: \sum_{m\in i}\lambda b^2
              + \sum_{m\in j}\big(\nu(b-c)^2 + (\eta^2\lambda+\sigma_o^2)c^2\big)
              + \sum_{m\notin i,j}\nu b^2 .
    """
    passed = times(noise, losses.gain)
    return RoutedLosses(
        right=losses.active + passed + of_others(losses.other),
        unseen=losses.own,
        wrong=losses.inactive + passed + times(drag**2, losses.pulled),
        idle=losses.other,
        gain=losses.gain,
    )


def excess(routed: RoutedLosses, confusion: FloatArray | None) -> FloatArray:
    r"""Excess risk given the group, :math:`\sum_jM_{ij}R_{i\to j}`, shape (..., K)."""
    if confusion is None:
        return routed.right
    right, wrong = _split(confusion)
    often = wrong.sum(axis=-1)
    infinite = np.isinf(routed.wrong)
    met = np.matvec(wrong, np.where(infinite, 0.0, routed.wrong))
    met = np.where(np.matvec(wrong, infinite * 1.0) > 0.0, np.inf, met)
    # how often block k is neither that of the input nor that it is taken for: [i, k]
    apart = of_others(wrong)
    np.fill_diagonal(apart, 0.0)
    met = met + np.matvec(apart, routed.idle)
    return np.asarray(times(right, routed.right) + times(often, routed.unseen) + met)


def pairs(routed: RoutedLosses) -> FloatArray:
    r"""Excess risk of an input of group i that is taken for group j, shape (..., K, K)."""
    same = np.eye(routed.idle.shape[-1], dtype=bool)
    idle = of_others(np.where(same, 0.0, routed.idle[..., np.newaxis, :]))
    other = routed.unseen[..., np.newaxis] + routed.wrong[..., np.newaxis, :] + idle
    return np.where(same, routed.right[..., np.newaxis], other)


def adversarial(
    routed: RoutedLosses, confusion: FloatArray | None, outside: float, radius: float
) -> FloatArray:
    r"""Excess risk given the group, each input shifted by at most r where it hurts most.

    Given i and j the error e of a linear predictor is normal with variance R, and the worst
    shift makes it :math:`|e| + r\|c\|`:

    .. math:: \mathbb E\big(|e|+r\|c\|\big)^2 = R + 2r\sqrt{2/\pi}\,\|c\|\sqrt R + r^2\|c\|^2 .

    Parameters
    ----------
    outside : float
        Label noise, a part of R that is no excess.
    """

    def worst(risk: FloatArray, gain: FloatArray) -> FloatArray:
        # a risk of nothing may be below zero by rounding
        crossed = np.sqrt(gain) * np.sqrt(np.maximum(risk + outside, 0.0))
        return np.asarray(risk + radius * (np.sqrt(8.0 / np.pi) * crossed + radius * gain))

    if confusion is None:
        return worst(routed.right, routed.gain)
    right, wrong = _split(confusion)
    total = right * worst(routed.right, routed.gain)
    for j in range(len(right)):  # a column at a time: all pairs would be K times the memory
        idle = of_others(np.where(np.arange(len(right)) == j, 0.0, routed.idle))
        risk = routed.unseen + routed.wrong[..., j, np.newaxis] + idle
        total = total + wrong[:, j] * worst(risk, routed.gain[..., j, np.newaxis])
    return np.asarray(total)


def _split(confusion: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The diagonal, and the matrix without it."""
    right = np.diagonal(confusion)
    return right, confusion - np.diag(right)


def times(factor: Any, values: FloatArray) -> FloatArray:
    """The product, where nothing of something infinite is nothing."""
    out = np.zeros(np.broadcast(factor, values).shape)
    return np.asarray(np.multiply(factor, values, out=out, where=np.not_equal(factor, 0.0)))
