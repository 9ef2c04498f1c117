"""How much of the energy lies where it should, and how much would by chance."""

from __future__ import annotations

import math

import numpy as np

from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.common.arrays import FloatArray, IntArray, block_sums


def group_share(energies: FloatArray, groups: IntArray) -> float:
    """Share of the energies (n, K) that lies in the blocks of the samples' groups."""
    own = energies[np.arange(len(groups)), groups]
    return float(own.sum() / energies.sum())


def equivalent_leakage(energies: FloatArray, groups: IntArray) -> float:
    r""":math:`\alpha`, the root of mean energies of blocks off their groups, over those in them.

    Summed over the blocks; infinite if none has energy in its group.
    """
    count, experts = energies.shape
    if experts == 1:
        return 0.0
    members = np.bincount(groups, minlength=experts)
    own = np.bincount(groups, energies[np.arange(count), groups], experts)
    off = (energies.sum(axis=0) - own) / (count - members)
    on = float((own / members).sum())
    return math.sqrt(float(off.sum()) / on) if on > 0.0 else math.inf


def share_by_chance(energies: FloatArray, groups: IntArray) -> float:
    """`group_share` if groups that are given had nothing to do with blocks."""
    means = energies.mean(axis=0)
    return float(np.bincount(groups, minlength=len(means)) @ means / len(groups) / means.sum())


def share_when_shuffled(
    x: Features, rows: IntArray, block_of: IntArray, most: int, rng: np.random.Generator
) -> float:
    """`group_share` of the loudest blocks if features had nothing to do with each other.

    Of ``most`` of the rows at most.
    """
    some = rows[np.sort(rng.permutation(len(rows))[:most])]
    whole = np.concatenate([chunk for _, chunk in x.chunks(some)])
    rng.permuted(whole, axis=0, out=whole)
    energies = block_sums(np.square(whole), block_of)
    return group_share(energies, EnergyGate.relative(energies.mean(axis=0)).route(energies, 0))
