r"""Energies of the blocks on the inputs that the hard gate sends to them (docs/theory.md §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, sum_over_other_blocks
from moetheory.formulas.largest_score import Scores, integrated


class RoutedEnergies(NamedTuple):
    r"""Energies of a block of one class, for each of its I laws of coordinates.

    Attributes
    ----------
    own : (I,) array
        :math:`E_j[\chi^2_1;\,j\to j]` of a coordinate of the active block, in its variance.
    other : (I,) array
        :math:`\sum_{g\ne j}p_gE_g[\chi^2_1;\,g\to j]` of a coordinate of the inactive block.
    """

    own: FloatArray
    other: FloatArray


def routed_energies(
    blocks: Sequence[Block], counts: IntArray, constant: float = 0.0, signal_free: float = 0.0
) -> list[RoutedEnergies]:
    """The energies of a block of each class, by the integrals of ``largest_score.py``.

    Parameters
    ----------
    blocks, counts, constant
        As for `hard_gate.hard_routing`.
    signal_free : float
        The probability of all groups without signal together.
    """
    sizes = [len(block.degrees) for block in blocks]
    nothing = [np.zeros(size) for size in sizes]  # forms are not asked for
    blocks = [
        block._replace(missed=none, met=none, wrong=none)
        for block, none in zip(blocks, nothing, strict=True)
    ]
    if counts.sum() == 1 and constant == 0.0:
        return [RoutedEnergies(np.ones(sizes[0]), np.full(sizes[0], signal_free))]
    scores = Scores(blocks, counts, np.log(constant) if constant > 0.0 else -np.inf)
    priors = np.exp([block.log_prior for block in blocks])[:, np.newaxis]

    def integrals(v: FloatArray, step: float) -> list[FloatArray]:
        found, above = scores.factors(v), np.exp(v)
        log_cdf = scores.laws(chisquares.log_cdf, above, active=False)
        possible = found.product > 0.0
        turn = np.where(possible, v - np.where(possible, log_cdf, 0.0), -np.inf)
        sent = sum_over_other_blocks(priors * found.below, counts) + signal_free * found.product
        own, other = np.zeros((2, len(blocks), max(sizes)))
        for i in range(max(sizes)):
            loads = [1.0 * (np.arange(size) == i) for size in sizes]
            active, idle = (
                np.exp(turn + scores.laws(chisquares.log_pdf, above, active=state, loads=loads))
                for state in (True, False)
            )
            own[:, i], other[:, i] = active @ found.product, np.vecdot(idle, sent)
        return [step * own, step * other]

    (own, other), _ = integrated(scores, integrals)
    return [
        RoutedEnergies(a[:size], b[:size]) for a, b, size in zip(own, other, sizes, strict=True)
    ]
