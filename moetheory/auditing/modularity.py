"""Shares of the energy in the blocks of the samples' groups, in the data and by chance."""

from __future__ import annotations

import math

import numpy as np

from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.common.arrays import FloatArray, IntArray, block_sums


def group_share(energies: FloatArray, groups: IntArray) -> float:
    """The share of the energies (n, K) that lies in the blocks of the samples' groups."""
    own = energies[np.arange(len(groups)), groups]
    return float(own.sum() / energies.sum())


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
    off = (energies.sum(axis=0) - own) / (count - members)
    on = float((own / members).sum())
    return math.sqrt(float(off.sum()) / on) if on > 0.0 else math.inf


def share_by_chance(energies: FloatArray, groups: IntArray) -> float:
    """The expected `group_share` if the given groups were independent of the blocks."""
    means = energies.mean(axis=0)
    return float(np.bincount(groups, minlength=len(means)) @ means / len(groups) / means.sum())


def share_when_shuffled(
    x: Features, rows: IntArray, block_of: IntArray, max_rows: int, rng: np.random.Generator
) -> float:
    """The `group_share` of groups found by energy, if features were independent.

    Each feature is shuffled over ``max_rows`` of the rows at most.
    """
    chosen = rows[np.sort(rng.permutation(len(rows))[:max_rows])]
    shuffled = np.concatenate([chunk for _, chunk in x.chunks(chosen)])
    rng.permuted(shuffled, axis=0, out=shuffled)
    energies = block_sums(np.square(shuffled), block_of)
    return group_share(energies, EnergyGate.relative(energies.mean(axis=0)).route(energies, 0))
