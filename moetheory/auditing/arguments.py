"""Checks of an audit's arguments: labels, groups, blocks, clusters, noise, held-out samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.entries import entries
from moetheory.common.array_likes import TEXT_KINDS, plain_array
from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.validation import number

LARGEST_FLOAT_NAME = 2.0**53  # floats beyond it skip integers


class Structure(NamedTuple):
    """The experts' names, the group of each sample, the block of each feature; None: not given."""

    names: list[Any]
    groups: IntArray | None
    block_of: IntArray | None


def checked_structure(
    groups: ArrayLike | None,
    block_of: ArrayLike | None,
    experts: int | None,
    samples: int,
    dim: int,
) -> Structure:
    """The experts, named by their blocks or else their groups; no names if neither is given."""
    blocks = None if block_of is None else _integers_or_names("block_of", block_of, dim, "feature")
    members = None if groups is None else _integers_or_names("groups", groups, samples, "sample")
    given = members if blocks is None else blocks
    if given is None:
        return Structure([], None, None)
    names, codes = np.unique(given, return_inverse=True)
    if experts is not None and experts != len(names):
        name = "groups" if blocks is None else "block_of"
        raise ArgumentError(
            "experts",
            f"must be {len(names)}, as many as ",
            Mention(name),
            f" has, got {experts}",
        )
    if blocks is None or members is None:
        found = codes.astype(np.int64)
        pair = (found, None) if blocks is None else (None, found)
        return Structure(names.tolist(), *pair)
    if (blocks.dtype.kind in TEXT_KINDS) != (members.dtype.kind in TEXT_KINDS):
        raise ArgumentError(
            "groups",
            "must be named as the blocks of ",
            Mention("block_of"),
            f" are, got {members.dtype} values for {blocks.dtype} values",
        )
    unknown = np.flatnonzero(~np.isin(members, names))
    if unknown.size:
        raise ArgumentError(
            "groups",
            "must be among the blocks of ",
            Mention("block_of"),
            f" ({_shortened(names)}), got {members[unknown[0]]} at index {unknown[0]}",
        )
    return Structure(names.tolist(), np.searchsorted(names, members), codes.astype(np.int64))


def checked_clusters(clusters: ArrayLike, samples: int) -> IntArray:
    """The cluster of each sample by a number from 0, (n,); what belongs together is one cluster."""
    given = _integers_or_names("clusters", clusters, samples, "sample")
    names, codes = np.unique(given, return_inverse=True)
    if len(names) < 2:
        raise ArgumentError(
            "clusters",
            f"must be at least 2, got {given[0]} {samples} times: leave out clusters where samples "
            "are independent",
        )
    return codes.astype(np.int64)


def held_out_mask(
    held_out: ArrayLike,
    samples: int,
    groups: IntArray | None,
    sets: IntArray,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The mask of held-out samples: the given one, or a random share (of each group if given).

    Samples of one of ``sets`` (n,) stay together, but for a mask that is given.
    """
    given = plain_array("held_out", held_out)
    if given.ndim == 0:
        share = number("held_out", held_out, above=0.0, below=1.0)
        _, first, codes = np.unique(sets, return_index=True, return_inverse=True)
        order = rng.permutation(len(first))
        if groups is not None:  # of a set, the group of its first sample
            order = order[np.argsort(groups[first][order], kind="stable")]
        chosen = np.zeros(len(first), dtype=bool)
        steps = np.floor(rng.random() + share * np.arange(len(first) + 1))
        chosen[order[np.diff(steps) > 0.0]] = True
        mask: NDArray[np.bool_] = chosen[codes]
    else:
        if given.shape != (samples,) or given.dtype.kind != "b":
            raise ArgumentError(
                "held_out",
                f"must be a share or ({samples},) booleans, "
                f"got {given.dtype} values of shape {given.shape}",
            )
        mask = given.copy()
    for what, count in (("held-out", int(mask.sum())), ("training", int((~mask).sum()))):
        if count < 2:
            together = len(np.unique(sets))
            why = (
                "" if together == samples else f" (there are {together} clusters or single samples)"
            )
            raise ArgumentError(
                "held_out", f"must leave at least 2 {what} samples, got {count}{why}"
            )
    return mask


def straddling(sets: IntArray, mask: NDArray[np.bool_]) -> int:
    """The number of sets with samples on both sides of the split."""
    _, codes = np.unique(sets, return_inverse=True)
    held = np.bincount(codes, mask)
    return int(np.count_nonzero((held > 0.0) & (held < np.bincount(codes))))


def _integers_or_names(name: str, value: ArrayLike, length: int, entry: str) -> NDArray[Any]:
    given = entries(name, value, length, entry)
    if given.dtype.kind == "f" and are_whole(given):  # as CSV has them
        given = given.astype(np.int64)
    if given.dtype.kind not in "biu" + TEXT_KINDS:
        missing = np.flatnonzero(np.isnan(given)) if given.dtype.kind == "f" else np.empty(0, int)
        more = f", {len(missing)} missing, the first at index {missing[0]}" if len(missing) else ""
        raise ArgumentTypeError(
            name, f"must hold integers or names, got {given.dtype} values{more}"
        )
    return given


def are_whole(values: NDArray[Any]) -> bool:
    """Whether floats are integers of which none is skipped."""
    return bool(np.all((values == np.floor(values)) & (np.abs(values) <= LARGEST_FLOAT_NAME)))


def _shortened(names: NDArray[Any]) -> str:
    shown = [str(each) for each in names[:4].tolist()]
    return ", ".join(shown if len(names) <= 4 else [*shown[:3], "…", str(names[-1])])
