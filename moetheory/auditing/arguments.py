"""Checks of an audit's arguments: labels, groups, blocks, noise and held-out samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.units import unit_exponent
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.validation import number, real_array, regular_array, shown, vector

LARGEST_NOISE = 1e300  # in the square of the unit of features
TEXT_KINDS = "US"
LARGEST_FLOAT_NAME = 2.0**53  # floats beyond it skip integers


class Labels(NamedTuple):
    """Labels as numbers, (n,); two classes also have names and a number between their labels.

    ``exponent`` is that of the power of two in which the numbers are measured.
    """

    values: FloatArray
    exponent: int
    classes: tuple[Any, Any] | None
    boundary: float | None


def checked_labels(labels: ArrayLike, samples: int) -> Labels:
    """The labels as numbers; two classes that are not numbers become 0 and 1."""
    given = _flat_array("labels", labels, samples, "sample")
    classes = np.unique(given) if given.dtype.kind in "bUS" else None
    if classes is not None and len(classes) > 2:
        raise ArgumentError(
            "labels",
            f"must be numbers or of two classes, got {len(classes)} different: "
            f"{', '.join(map(str, classes[:3]))}, …",
        )
    values = (
        real_array("labels", given)
        if classes is None
        else np.searchsorted(classes, given).astype(np.float64)
    )
    different = np.unique(values)
    if len(different) < 2:
        raise ArgumentError("labels", f"must differ, got {given[0]} {samples} times")
    exponent = unit_exponent(float(np.abs(values).max()))
    values = np.ldexp(values, -exponent)
    if len(different) > 2:
        return Labels(values, exponent, None, None)
    low, high = (different if classes is None else classes).tolist()
    return Labels(values, exponent, (low, high), float(np.ldexp(different, -exponent).mean()))


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
    if blocks is None and len(names) > dim:
        raise ArgumentError(
            "groups", f"must be at most {dim}, as many as there are features, got {len(names)}"
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


def checked_noise(
    noise_variances: ArrayLike | None, signal: float, exponent: int = 0
) -> FloatArray:
    """The noise variances in increasing order; by default 0 to ten times the signal.

    ``exponent`` is that of the unit of the features.
    """
    if noise_variances is None:
        return signal * np.concatenate([[0.0], np.geomspace(0.01, 10.0, 10)])
    array = real_array("noise_variances", noise_variances)
    given = vector("noise_variances", array.reshape(1) if array.ndim == 0 else array, minimum=0.0)
    largest = math.ldexp(LARGEST_NOISE, min(2 * exponent, 0))
    if exponent <= 0 and given.max() > largest:
        raise ArgumentError("noise_variances", f"must be at most {largest:g}, got {given.max():g}")
    return np.unique(given)


def held_out_mask(
    held_out: ArrayLike, samples: int, groups: IntArray | None, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The mask of held-out samples: the given one, or a random share (of each group if given)."""
    given = regular_array("held_out", held_out)
    if given.ndim == 0:
        share = number("held_out", held_out, above=0.0, below=1.0)
        order = rng.permutation(samples)
        if groups is not None:
            order = order[np.argsort(groups[order], kind="stable")]
        mask = np.zeros(samples, dtype=bool)
        steps = np.floor(rng.random() + share * np.arange(samples + 1))
        mask[order[np.diff(steps) > 0.0]] = True
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
            raise ArgumentError("held_out", f"must leave at least 2 {what} samples, got {count}")
    return mask


def _flat_array(name: str, value: ArrayLike, length: int, entry: str) -> NDArray[Any]:
    """A flat array with one entry for each sample or feature, as ``entry`` says."""
    given = regular_array(name, value)
    if given.dtype.kind in TEXT_KINDS and not isinstance(value, np.ndarray):
        given = np.asarray(value, dtype=object)  # or NumPy would turn numbers among text into text
    if given.dtype.kind == "O":  # text, as some readers of tables hold it
        entries = given.tolist()
        is_text = [isinstance(each, str | bytes) for each in np.atleast_1d(given)]
        if any(is_text) and not all(is_text):
            odd = is_text.index(False)
            raise ArgumentError(
                name, f"must be all text or none, got {shown(entries[odd])} at index {odd}"
            )
        given = regular_array(name, entries)
    if given.shape != (length,):
        raise ArgumentError(
            name, f"must have shape ({length},), one for each {entry}, got {given.shape}"
        )
    return given


def _integers_or_names(name: str, value: ArrayLike, length: int, entry: str) -> NDArray[Any]:
    given = _flat_array(name, value, length, entry)
    if given.dtype.kind == "f" and _are_whole(given):  # as CSV has them
        given = given.astype(np.int64)
    if given.dtype.kind not in "biu" + TEXT_KINDS:
        raise ArgumentTypeError(name, f"must hold integers or names, got {given.dtype} values")
    return given


def _are_whole(values: NDArray[Any]) -> bool:
    return bool(np.all((values == np.floor(values)) & (np.abs(values) <= LARGEST_FLOAT_NAME)))


def _shortened(names: NDArray[Any]) -> str:
    shown = [str(each) for each in names[:4].tolist()]
    return ", ".join(shown if len(names) <= 4 else [*shown[:3], "…", str(names[-1])])
