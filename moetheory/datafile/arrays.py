"""Arrays in .npz archives and .npy files, of which nothing is ever unpickled."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np

from moetheory.datafile.contents import Array, Data, listed, quoted, require

_FORMAT = np.lib.format
# what zipfile raises: an OSError where an offset is wrong, a RuntimeError for what is encrypted, or
# compressed in a way that it does not know
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
_BAD_HEADER = (ValueError, TypeError, TokenError)


def read_npz(place: Path, labels: str, groups: str | None, block_of: str | None) -> Data:
    """See `moetheory.datafile.read_data`; the names are those of arrays."""
    asked = {"labels": labels, "groups": groups, "block_of": block_of}
    found: dict[str, Any] = dict.fromkeys(asked)
    with place.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
            there = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            for argument, name in asked.items():
                if name is not None:
                    require(argument, name, there, f"an array of {quoted(place)}")
                    found[argument] = _member(archive, place, name)
            others = [name for name in there if name not in asked.values()]
            features = _member(archive, place, _name_of_features(archive, place, others))
        except _DAMAGE as error:
            why = str(error) or "it ends too soon"
            raise ValueError(f"{quoted(place)} is not an .npz file: {why}") from None
    return Data(features, names=None, **found)


def _name_of_features(archive: zipfile.ZipFile, place: Path, others: Sequence[str]) -> str:
    shapes = {}
    for name in others:
        with archive.open(f"{name}.npy") as file:
            shapes[name] = _shape(file, _of_archive(place, name))
    flat = [name for name, shape in shapes.items() if len(shape) == 2]
    if "features" in flat:
        return "features"
    if len(flat) != 1:
        there = listed([f"{name} {shape}" for name, shape in shapes.items()])
        raise ValueError(
            f'{quoted(place)} must have features, samples by features, in an array "features" or '
            f"in just one other with two dimensions, got {there}"
        )
    return flat[0]


def _member(archive: zipfile.ZipFile, place: Path, name: str) -> Array:
    what = _of_archive(place, name)
    with archive.open(f"{name}.npy") as file:
        _shape(file, what)
    with archive.open(f"{name}.npy") as file:
        try:
            found = _FORMAT.read_array(file, allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{what} is not complete: {error}") from None
        if file.read(1):  # else all was read, and its checksum compared
            raise ValueError(f"{what} must end where its header says, got more")
    return found


def _of_archive(place: Path, name: str) -> str:
    return f"array {name!r} of {quoted(place)}"


def read_npy(place: Path, labels: str, groups: str | None, ignore: Collection[str]) -> Data:
    """See `moetheory.datafile.read_data`; what is asked for are columns or other files."""
    table = mapped(place)
    if table.ndim != 2:
        raise ValueError(
            f"{quoted(place)} must have two dimensions, samples by features, got {table.shape}"
        )
    columns = table.shape[1]
    taken = {_column("ignore", text, columns) for text in ignore}
    found: dict[str, Any] = {"labels": None, "groups": None}
    for argument, text in {"labels": labels, "groups": groups}.items():
        if text is None:
            continue
        if text.lower().endswith(".npy"):
            found[argument] = mapped(Path(text))
            continue
        number = _column(argument, text, columns, "or another .npy file, ")
        if number in taken:
            raise ValueError(f"{argument} must be a column of its own, got {text}")
        taken.add(number)
        found[argument] = table[:, number]
    rest = [number for number in range(columns) if number not in taken]
    if not rest:
        raise ValueError(f"{quoted(place)} must have columns of features, got {columns} in all")
    between = [number for number in sorted(taken) if rest[0] < number < rest[-1]]
    if between:
        raise ValueError(
            f"{quoted(place)} must have columns that are no features at its ends, or all features "
            f"would have to be copied, got column {between[0]} of {columns}; save it in a file of "
            "its own, and features without it"
        )
    features = table[:, rest[0] : rest[-1] + 1]
    return Data(features, block_of=None, names=tuple(map(str, rest)) if taken else None, **found)


def _column(argument: str, text: str, columns: int, what_else: str = "") -> int:
    number = int(text) if re.fullmatch(r"[+-]?\d+", text) else columns
    if not -columns <= number < columns:
        raise ValueError(
            f"{argument} must be a column, 0 to {columns - 1} or from the end -1 to {-columns}, "
            f"{what_else}got {text!r}"
        )
    return number % columns


def mapped(place: Path) -> Array:
    """A memory map of a .npy file."""
    with place.open("rb") as file:
        _shape(file, quoted(place))
    try:
        return _FORMAT.open_memmap(place, mode="r")
    except ValueError as error:
        raise ValueError(f"{quoted(place)} is not complete: {error}") from None


def _shape(file: IO[bytes], what: str) -> tuple[int, ...]:
    """The shape of an array, if it can be read without unpickling."""
    try:
        oldest = _FORMAT.read_magic(file) == (1, 0)
        read = _FORMAT.read_array_header_1_0 if oldest else _FORMAT.read_array_header_2_0
        shape, _, dtype = read(file)
    except _BAD_HEADER as error:
        raise ValueError(f"{what} is not a .npy file: {error}") from None
    if dtype.hasobject:
        raise ValueError(
            f"{what} must hold numbers or text, got Python objects, which could run any program and"
            " are not read; save them as values.astype(float) or values.astype(str)"
        )
    return shape
