r"""Routing probabilities and losses of the hard gate (docs/theory.md §6, Hard routing).

A group is *signal-free* if its block has no signal, or if the group is never drawn: no block is
active for its samples. Groups that are recognised for certain are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.block_evidence import Block, ClassLosses, sum_over_other_blocks
from moetheory.formulas.largest_score import Factors, Scores, integrated

WRONG = 1e-8  # largest deviation from 1 of a sum of routing probabilities
ROUNDING = 1e-12  # relative


class HardRouting(NamedTuple):
    """Routing probabilities and losses by class of blocks with signal.

    Attributes
    ----------
    to_other : (C, C) array
        Probability that a sample of a group of class c goes to one given other block of class e.
    to_own, to_signal_free : (C,) arrays
        Probability that it goes to its own block, to the most probable group without signal.
    losses : ClassLosses
        What routing and the fits of the experts add to the risk.
    signal_free_to_block, signal_free_to_signal_free : (C,) array and float
        Probability that a sample of a signal-free group goes to one given block of class e, to
        the most probable group without signal.
    error : float
        Estimate of the largest relative error of all probabilities.
    """

    to_other: FloatArray
    to_own: FloatArray
    to_signal_free: FloatArray
    losses: ClassLosses
    signal_free_to_block: FloatArray
    signal_free_to_signal_free: float
    error: float


def union_bound(experts: ArrayLike, size: ArrayLike, ratio: ArrayLike) -> FloatArray:
    r"""Bound on the probability of misrouting, equal isotropic blocks and equal probabilities.

    .. math:: (K-1)\,I_{1/(1+\varrho)}(s/2, s/2), \qquad
              \varrho = \frac{\lambda+n}{n+\kappa} \ge 1,

    I the regularised incomplete beta function: K-1 times the probability that the energy of one
    inactive block exceeds that of the active one. Not capped at 1. The arguments are
    :math:`K, s, \varrho`.

    >>> union_bound(16, 16, 4.0)
    array(0.06359625)
    """
    from scipy import special

    half = np.asarray(size, dtype=np.float64) / 2.0
    one = special.betainc(half, half, 1.0 / (1.0 + np.asarray(ratio, dtype=np.float64)))
    return np.asarray((np.asarray(experts, dtype=np.float64) - 1.0) * one)


def hard_routing(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> HardRouting:
    r"""Routing probabilities and losses of the hard gate.

    The integrals are those of ``largest_score.py``;
    :math:`P(g \to g) = \int f^1_g\prod_{l\ne g}F_l\,d\zeta`, and the loss of group g is
    :math:`E[Q^\mathrm{met}_g;\,g\to g]
    + \sum_{j\ne g} E[Q^\mathrm{missed}_g + Q^\mathrm{wrong}_j;\,g\to j]`, in the mean.

    Parameters
    ----------
    blocks, counts : sequence of C Block, (C,) integer array
        The distinct blocks with signal, one for each class, and how many blocks are in the class.
    constant : float
        The largest probability of a drawn group without signal; 0 without such groups. Its
        score is constant, and a sample goes there where all other scores are below. What its
        expert loses there is left out.
    """
    if counts.sum() == 1 and constant == 0.0:
        never, always, (only,) = np.zeros(1), np.ones(1), blocks
        losses = ClassLosses(np.array([only.met.sum(), only.wrong.sum()]), np.zeros(2))
        return HardRouting(never[np.newaxis], always, never, losses, always, 0.0, 0.0)
    # without second rows for experts that are optimal
    rows = 2 if any(np.any(each.met) or np.any(each.wrong < 0.0) for each in blocks) else 1
    wrong = [[np.maximum(sign * each.wrong, 0.0) for sign in (1, -1)][:rows] for each in blocks]
    own = [[each.missed, each.met][:rows] for each in blocks]
    least = math.log(constant) if constant > 0.0 else -math.inf
    scores = Scores(blocks, counts, least, wrong, own)
    parts, change = integrated(scores, partial(_integrals, counts))
    to_other, to_own, signal_free_to_block, gained, saved = parts
    below_constant = scores.below_constant()
    row_sums = to_other @ counts - np.diagonal(to_other) + to_own + below_constant.probability
    # every part has an integral of its own: rows sum to 1 only if all parts are right
    deviation = float(np.abs(row_sums - 1.0).max())
    if not deviation <= WRONG:
        raise ArithmeticError(f"routing probabilities sum to 1 only to within {deviation:.1g}")
    error = change + scores.laws.error + deviation + ROUNDING
    gained[:-1] += below_constant.missed
    return HardRouting(
        to_other=to_other,
        to_own=to_own,
        to_signal_free=below_constant.probability,
        losses=ClassLosses(gained - saved, error * (gained + saved)),
        signal_free_to_block=signal_free_to_block,
        signal_free_to_signal_free=below_constant.signal_free_probability,
        error=error,
    )


def _integrals(counts: IntArray, found: Factors, weights: FloatArray) -> list[FloatArray]:
    """Sums over nodes, in the order in which `hard_routing` unpacks them."""
    hazard, *wrong = found.hazards * weights
    gained = found.missed * sum_over_other_blocks(hazard, counts)
    if len(wrong) > 1:
        gained += found.own[2] * weights
    sums = np.zeros((2, len(counts) + 1))
    for row, each in zip(sums, wrong, strict=False):
        row[:-1] = np.vecdot(found.below, sum_over_other_blocks(each, counts))
        row[-1] = (counts @ each) @ found.product
    sums[0, :-1] += gained.sum(axis=1)
    return [
        found.below @ hazard.T,
        found.own[0] @ weights,
        hazard @ found.product,
        *sums,
    ]
