"""Shares of the energy in the blocks of the samples' groups, in the data and by chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from moetheory.auditing.group_rules import telling_rule
from moetheory.auditing.structure import blocks_of_groups, relative_to
from moetheory.common.arrays import FloatArray, IntArray, block_sums

MODULAR, WEAKLY_MODULAR = 0.5, 0.1  # of the way from chance to strict blocks
BEYOND_CHANCE = 4.0  # spreads
MOST_ROWS = 2000  # that are shuffled

FindBlocks = Callable[[FloatArray], IntArray]  # the blocks (d,) of features (n, d)
Regroup = Callable[[FloatArray, IntArray], IntArray]  # the groups (n,) of features and blocks


class Chance(NamedTuple):
    """The `group_share` that chance gives: its mean, its spread, and how chance was computed."""

    share: float
    spread: float
    how: str


def group_share(energies: FloatArray, groups: IntArray) -> float:
    """The share of the energies (n, K) that lies in the blocks of the samples' groups."""
    own = energies[np.arange(len(groups)), groups]
    return float(own.sum() / energies.sum())


def modularity_of(share: float, chance: float) -> float:
    """A `group_share` on a scale where chance is 0 and strict blocks are 1."""
    return (share - chance) / max(1.0 - chance, 1e-12)


def how_modular(
    share: float, chance: Chance
) -> Literal["modular", "weakly modular", "not modular"]:
    """The word for a `group_share`: how far it is on the way from chance to strict blocks.

    It must also be beyond what chance gives.
    """
    way = modularity_of(share, chance.share)
    if way < WEAKLY_MODULAR or share <= chance.share + BEYOND_CHANCE * chance.spread:
        return "not modular"
    return "modular" if way >= MODULAR else "weakly modular"


def equivalent_leakage(energies: FloatArray, groups: IntArray) -> float:
    r"""The amplitude :math:`\alpha` of a leakage that has the energies off the groups.

    The root of mean energies off the groups over those in them, both summed over the blocks;
    infinite if no block has energy in its group.
    """
    count, experts = energies.shape
    if experts == 1:
        return 0.0
    members = np.bincount(groups, minlength=experts)
    own = np.bincount(groups, energies[np.arange(count), groups], experts)
    off = (energies.sum(axis=0) - own) / np.maximum(count - members, 1)
    on = float((own / np.maximum(members, 1)).sum())
    return math.sqrt(float(off.sum()) / on) if on > 0.0 else math.inf


def chance_share(
    features: FloatArray,
    blocks: IntArray,
    groups: IntArray,
    regroup: Regroup | None,
    *,
    own_blocks: IntArray | None = None,
    find_blocks: FindBlocks | None = None,
    draws: int = 8,
    rng: np.random.Generator,
) -> Chance:
    """The `group_share` of independent features, if blocks and groups come about as they did.

    Each draw shuffles every feature over the samples on its own, finds the blocks again where they
    were found, and the groups as they were. Where the groups are given ids (no ``regroup``) nobody
    knows how they came about. Then a draw shuffles the ids; if a rule tells them from the features
    (`telling_rule`), chance is the larger one of this and of shuffled features sorted by that rule.

    Parameters
    ----------
    features : (n, d) array
        Standardised; at most 2000 of the samples are shuffled.
    blocks, groups : (d,) and (n,) integer arrays
        As given or found, none of the blocks empty.
    regroup : callable or None
        The groups (n,) from features and blocks, as they were found; None for given ids.
    own_blocks : (K,) integer array, optional
        The block of each group; that of its number if not given.
    find_blocks : callable, optional
        The blocks (d,) from features, as many as there are; not given if blocks were given. Blocks
        that were found are matched to the groups, again in every draw.
    draws : int
        At least 2.
    """
    if len(features) > MOST_ROWS:
        chosen = np.sort(rng.permutation(len(features))[:MOST_ROWS])
        features, groups = features[chosen], groups[chosen]
    if own_blocks is None:
        own_blocks = np.arange(int(blocks.max()) + 1)
    own, matched = own_blocks, find_blocks is not None
    found = "groups" if find_blocks is None else "blocks and groups"

    def shuffled(regroup: Regroup, how: str) -> Chance:
        each = []
        for _ in range(draws):
            independent = rng.permuted(features, axis=0)
            new = blocks if find_blocks is None else find_blocks(independent)
            energies = block_sums(np.square(independent), new)
            each.append((energies, regroup(independent, new)))
        return _chance(each, own, matched, how)

    if regroup is not None:
        return shuffled(regroup, f"features shuffled, {found} found again")
    energies = block_sums(np.square(features), blocks)
    ids = _chance(
        [(energies, rng.permutation(groups)) for _ in range(draws)],
        own,
        matched,
        "group ids shuffled",
    )
    told = telling_rule(features, groups, len(own), rng)
    if told is None:
        return ids
    sorted_by_rule = shuffled(
        lambda x, _: told.rule(x),
        f"features shuffled, groups told by a rule, {told.by}, that gives your group for "
        f"{100 * told.share:.0f} % of the samples",
    )
    return max(ids, sorted_by_rule, key=lambda chance: chance.share)


def loudest_blocks(features: FloatArray, blocks: IntArray) -> IntArray:
    """The groups (n,) that are found by energy: the block that is loudest relative to its mean."""
    energies = block_sums(np.square(features), blocks)
    return np.asarray(relative_to(energies.mean(axis=0), energies).argmax(axis=1))


def _chance(
    draws: list[tuple[FloatArray, IntArray]], own_blocks: IntArray, matched: bool, how: str
) -> Chance:
    """The mean over draws of energies and groups, and the larger one of two spreads.

    Blocks that were found are ``matched`` to the groups in each draw. One spread is that between
    draws, the other that over the samples of a draw, which is not small by luck where draws are
    few.
    """
    shares, errors = [], []
    for energies, groups in draws:
        if matched:
            own_blocks = blocks_of_groups(energies, groups, len(own_blocks))
        share = group_share(energies, own_blocks[groups])
        own = energies[np.arange(len(groups)), own_blocks[groups]]
        residuals = own / energies.sum() - share * energies.sum(axis=1) / energies.sum()
        shares.append(share)
        errors.append(math.sqrt(float(np.square(residuals).sum())))
    spread = max(float(np.std(shares, ddof=1)), float(np.mean(errors)))
    return Chance(float(np.mean(shares)), spread, how)
