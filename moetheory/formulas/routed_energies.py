r"""Energies of the blocks on the inputs that the hard gate sends to them (docs/theory.md §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.block_evidence import Block, sum_over_other_blocks
from moetheory.formulas.largest_score import Factors, Scores, integrated


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
    if counts.sum() == 1 and constant == 0.0:
        return [RoutedEnergies(np.ones(sizes[0]), np.full(sizes[0], signal_free))]
    # all coordinates together, then each
    loads = [[np.ones(size), *np.eye(max(sizes), size)] for size in sizes]
    scores = Scores(blocks, counts, np.log(constant) if constant > 0.0 else -np.inf, loads, loads)
    priors = np.exp([block.log_prior for block in blocks])[:, np.newaxis]

    def integrals(found: Factors, weights: FloatArray) -> list[FloatArray]:
        sent = sum_over_other_blocks(priors * found.below, counts) + signal_free * found.product
        return [found.own[2:] @ weights, np.vecdot(found.hazards[2:], sent * weights)]

    (own, other), _ = integrated(scores, integrals)
    return [
        RoutedEnergies(a[:size], b[:size]) for a, b, size in zip(own.T, other.T, sizes, strict=True)
    ]
