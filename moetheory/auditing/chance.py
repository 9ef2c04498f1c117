"""The share of energy that an audit's blocks and groups would have by chance."""

from __future__ import annotations

import numpy as np

from moetheory.auditing.arguments import Structure
from moetheory.auditing.blocks import blocks_of
from moetheory.auditing.features import Features
from moetheory.auditing.modularity import MOST_ROWS, Chance, chance_share, loudest_blocks
from moetheory.auditing.routers import Chosen
from moetheory.auditing.structure import CompleteStructure, correlations_of
from moetheory.common.arrays import FloatArray, IntArray

SHUFFLES = 8  # of features, of which blocks are found again
FEW, MANY_FEATURES = 2, 512  # shuffles of more features, which take long


def chance_of(
    x: Features,
    rows: IntArray,
    found: CompleteStructure,
    given: Structure,
    function: Chosen | None,
    rng: np.random.Generator,
) -> Chance:
    """The share of energy by chance, with groups and blocks computed as they were."""
    chosen = np.sort(rng.permutation(rows)[:MOST_ROWS])
    features = np.concatenate([chunk for _, chunk in x.chunks(chosen)])
    blocks = int(found.block_of.max()) + 1

    def find_blocks(shuffled: FloatArray) -> IntArray:
        return blocks_of(correlations_of([shuffled], x.dim), blocks)

    def said(shuffled: FloatArray, _: IntArray) -> IntArray:
        assert function is not None
        return found.routed_by(function).route(shuffled, 0)

    regroup = {"found": loudest_blocks, "router": said, "given": None}[found.source]
    return chance_share(
        features,
        found.block_of,
        found.groups[chosen],
        regroup,
        own_blocks=found.own_blocks,
        find_blocks=find_blocks if given.block_of is None else None,
        draws=SHUFFLES if x.dim <= MANY_FEATURES else FEW,
        rng=rng,
    )
