"""The experts of an audit; what is not given is found from training samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.auditing.arguments import Structure
from moetheory.auditing.blocks import blocks_of, coactivation
from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import ArgumentError


class CompleteStructure(NamedTuple):
    """The experts' names, the group of each sample, the block of each feature, block energies."""

    names: list[Any]
    groups: IntArray
    block_of: IntArray
    energies: FloatArray


def complete_structure(
    given: Structure, experts: int | None, x: Features, rows: IntArray
) -> CompleteStructure:
    """The whole structure; what is not given is found from the training ``rows``."""
    blocks = given.block_of
    if blocks is None:
        chunks = (chunk for _, chunk in x.chunks(rows))
        wanted = len(given.names) or experts
        blocks = blocks_of(coactivation(chunks, x.dim), wanted, samples=len(rows))
    names = given.names or list(range(int(blocks.max()) + 1))
    energies = np.empty((x.samples, len(names)))
    for part, chunk in x.chunks(np.arange(x.samples)):
        energies[part] = block_sums(np.square(chunk), blocks)
    groups = given.groups
    if groups is None:
        groups = EnergyGate.relative(energies[rows].mean(axis=0)).route(energies, 0)
    elif given.block_of is None:
        group_of_block = _group_of_each_block(energies[rows], groups[rows])
        blocks = group_of_block[blocks]
        energies = energies[:, np.argsort(group_of_block)]
    return CompleteStructure(names, groups, blocks, energies)


def _group_of_each_block(energies: FloatArray, groups: IntArray) -> IntArray:
    """The group of each block, (K,), by the largest total of relative energies."""
    from scipy.optimize import linear_sum_assignment

    experts = energies.shape[1]
    means = energies.mean(axis=0)
    relative = energies / np.where(means > 0.0, means, 1.0)
    members = np.bincount(groups, minlength=experts)
    totals = np.zeros((experts, experts))
    np.add.at(totals, groups, relative)
    by_group = totals / np.maximum(members, 1)[:, np.newaxis]
    return np.asarray(linear_sum_assignment(by_group.T, maximize=True)[1], dtype=np.int64)


def require_samples(found: CompleteStructure, rows: IntArray) -> None:
    experts = len(found.names)
    if len(rows) < experts:
        raise ArgumentError(
            "features",
            "must have at least as many training samples as there are groups, "
            f"got {len(rows)} for {experts}",
        )
    members = np.bincount(found.groups[rows], minlength=experts)
    if not members.all():
        empty = found.names[int(np.argmin(members))]
        raise ArgumentError(
            "groups",
            f"must give every expert a training sample, got none for {empty} (of "
            f"{experts} experts): merge its block with another's, or hold out fewer samples",
        )
