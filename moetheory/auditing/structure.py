"""The experts of an audit; what is not given is found from training samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np

from moetheory.auditing.arguments import Structure
from moetheory.auditing.blocks import LARGEST_SIZE, coactivation
from moetheory.auditing.features import Features
from moetheory.auditing.routers import CallableRouter, Chosen, group_codes, group_names
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import ArgumentError

FEWEST = 2  # training samples of a group that has an expert of its own

Source = Literal["given", "found", "router"]


class CompleteStructure(NamedTuple):
    """Experts, the group of each sample, and the features of each expert's block.

    Attributes
    ----------
    names : list
        Of the experts.
    groups : (n,) integer array
    block_of : (d,) integer array
        The block of each feature.
    own_blocks : (K,) integer array
        The block of each expert: with more groups than blocks, some share theirs.
    energies : (n, B) array
        Of the blocks.
    source : str
        Where the groups come from.
    merged : list
        Names of groups with too few training samples.
    joined : int
        The expert of these, that of the most frequent group.
    """

    names: list[Any]
    groups: IntArray
    block_of: IntArray
    own_blocks: IntArray
    energies: FloatArray
    source: Source
    merged: list[Any]
    joined: int

    def routed_by(self, function: Chosen) -> CallableRouter:
        """A user's function as a router to these experts."""
        experts = np.arange(len(self.names))
        also = np.full(len(self.merged), self.joined)
        names = [*self.names, *self.merged]
        return CallableRouter(function, names, np.concatenate([experts, also]))

    @property
    def blocks(self) -> list[IntArray]:
        """The features of each expert's block."""
        return [np.flatnonzero(self.block_of == block) for block in self.own_blocks.tolist()]


class Merging(NamedTuple):
    """Groups without enough training samples joined with the most frequent one.

    Attributes
    ----------
    names, merged : list
        Of the groups that are left, and of those that are not.
    place : (old K,) integer array
        The new number of each group.
    joined : int
        The new number of the most frequent one.
    """

    names: list[Any]
    merged: list[Any]
    place: IntArray
    joined: int

    @classmethod
    def of(cls, groups: IntArray, names: list[Any], rows: IntArray) -> Merging:
        """What is to be merged of groups (n,), by their training ``rows``."""
        members = np.bincount(groups[rows], minlength=len(names))
        enough = members >= FEWEST
        if not enough.any():
            raise ArgumentError(
                "groups",
                f"must give an expert at least {FEWEST} training samples, got at most "
                f"{members.max()} for each of {len(names)} groups",
            )
        kept = np.flatnonzero(enough)
        joined = int(np.argmax(members[kept]))
        place = np.full(len(names), joined)
        place[kept] = np.arange(len(kept))
        merged = [name for name, each in zip(names, enough, strict=True) if not each]
        return cls([names[k] for k in kept.tolist()], merged, place, joined)


def complete_structure(
    given: Structure,
    experts: int | None,
    x: Features,
    rows: IntArray,
    router: Chosen | None,
    find: Callable[[int | None], IntArray],
) -> CompleteStructure:
    """The whole structure; what is not given is found from the training ``rows``.

    ``router`` is a user's function, which groups the samples if ``given`` does not. ``find`` gives
    the block of each feature (d,) for a number of blocks, or for as many as there are.
    """
    names, groups, source = given.names, given.groups, "given"
    if groups is None and router is not None:
        names, groups = _sorted_by(router, x, names)
        source = "router"
    merging = None if groups is None else Merging.of(groups, names, rows)
    blocks = given.block_of
    if blocks is None:
        blocks = find(experts if merging is None else min(len(merging.names), x.dim))
    else:
        blocks = blocks[x.kept]
        left = np.bincount(blocks, minlength=len(names))
        if not left.all():
            raise ArgumentError(
                "block_of",
                "must leave each block a feature that varies, got none for "
                f"{names[int(np.argmin(left))]}",
            )
    energies = np.empty((x.samples, int(blocks.max()) + 1))
    for part, chunk in x.chunks(np.arange(x.samples)):
        energies[part] = block_sums(np.square(chunk), blocks)
    if groups is None or merging is None:
        means = energies[rows].mean(axis=0)
        groups = np.asarray(relative_to(means, energies).argmax(axis=1))
        merging = Merging.of(groups, names or list(range(len(means))), rows)
        source = "found"
    groups, count = merging.place[groups], len(merging.names)
    own = np.arange(count)
    if source == "found" or given.block_of is not None:
        # the blocks of groups that are merged are one block
        blocks, energies = merging.place[blocks], energies @ np.eye(count)[merging.place]
    else:
        own = blocks_of_groups(energies[rows], groups[rows], count)
        if count == energies.shape[1]:  # a block takes the number of its group
            order = np.argsort(own)
            blocks, energies, own = order[blocks], energies[:, own], np.arange(count)
    return CompleteStructure(
        merging.names,
        groups,
        blocks,
        own,
        energies,
        source,  # type: ignore[arg-type]
        merging.merged,
        merging.joined,
    )


def correlations_of(chunks: Iterable[FloatArray], dim: int) -> FloatArray:
    """The correlations of squares from which blocks are found, (d, d)."""
    return coactivation((np.clip(chunk, -LARGEST_SIZE, LARGEST_SIZE) for chunk in chunks), dim)


def relative_to(means: FloatArray, energies: FloatArray) -> FloatArray:
    """Energies (n, B) as multiples of their blocks' means; those of a block without any are 0."""
    return energies / np.where(means > 0.0, means, 1.0)


def blocks_of_groups(energies: FloatArray, groups: IntArray, experts: int) -> IntArray:
    """The block of each group, (K,), by the largest total of relative energies.

    Each group has a block of its own if there are enough.
    """
    from scipy.optimize import linear_sum_assignment

    relative = relative_to(energies.mean(axis=0), energies)
    members = np.maximum(np.bincount(groups, minlength=experts), 1)
    totals = np.zeros((experts, energies.shape[1]))
    np.add.at(totals, groups, relative)
    by_group = totals / members[:, np.newaxis]
    if experts > energies.shape[1]:
        return np.asarray(by_group.argmax(axis=1))
    return np.asarray(linear_sum_assignment(by_group, maximize=True)[1], dtype=np.int64)


def _sorted_by(router: Chosen, x: Features, names: list[Any]) -> tuple[list[Any], IntArray]:
    """The groups that a user's router gives to features without noise, and their names."""
    found = []
    for _, chunk in x.chunks(np.arange(x.samples)):
        found.append(group_names(router(chunk), len(chunk)))
    groups = np.concatenate(found)
    names = names or np.unique(groups).tolist()
    return names, group_codes(groups, x.samples, names)
