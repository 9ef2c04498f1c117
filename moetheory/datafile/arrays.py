"""Reading .npz archives and .npy files, without ever unpickling."""

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
# errors of zipfile: OSError for a wrong offset, RuntimeError for encryption or unknown compression
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
_BAD_HEADER = (ValueError, TypeError, TokenError)


def read_npz(place: Path, labels: str, groups: str | None, block_of: str | None) -> Data:
    """The data of an .npz archive; ``labels``, ``groups`` and ``block_of`` are names of arrays.

    `moetheory.datafile.read_data` states the rules.
    """
    asked = {"labels": labels, "groups": groups, "block_of": block_of}
    found: dict[str, Any] = dict.fromkeys(asked)
    with place.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
            arrays = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            for argument, name in asked.items():
                if name is not None:
                    require(argument, name, arrays, f"an array of {quoted(place)}")
                    found[argument] = _read_array(archive, place, name)
            remaining = [name for name in arrays if name not in asked.values()]
            features = _read_array(archive, place, _name_of_features(archive, place, remaining))
        except _DAMAGE as error:
            why = str(error) or "it ends too soon"
            raise ValueError(f"{quoted(place)} is not an .npz file: {why}") from None
    return Data(features, names=None, **found)


def _name_of_features(archive: zipfile.ZipFile, place: Path, remaining: Sequence[str]) -> str:
    """The name of the array of features: "features", or the only matrix that is left."""
    shapes = {}
    for name in remaining:
        with archive.open(f"{name}.npy") as file:
            shapes[name] = _checked_shape(file, _array_description(place, name))
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    if "features" in matrices:
        return "features"
    if len(matrices) != 1:
        described = listed([f"{name} {shape}" for name, shape in shapes.items()])
        raise ValueError(
            f'{quoted(place)} must have features, samples by features, in an array "features" or '
            f"in just one other with two dimensions, got {described}"
        )
    return matrices[0]


def _read_array(archive: zipfile.ZipFile, place: Path, name: str) -> Array:
    """One array of an archive; ValueError if it is damaged or needs unpickling."""
    what = _array_description(place, name)
    with archive.open(f"{name}.npy") as file:
        _checked_shape(file, what)
    with archive.open(f"{name}.npy") as file:
        try:
            found = _FORMAT.read_array(file, allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{what} is not complete: {error}") from None
        if file.read(1):  # reading to the end also compares the checksum
            raise ValueError(f"{what} must end where its header says, got more")
    return found


def _array_description(place: Path, name: str) -> str:
    """The words for an array of an archive in messages."""
    return f"array {name!r} of {quoted(place)}"


def read_npy(place: Path, labels: str, groups: str | None, ignore: Collection[str]) -> Data:
    """The data of a .npy file; ``labels`` and ``groups`` are numbers of columns or other files.

    `moetheory.datafile.read_data` states the rules.
    """
    matrix = mapped(place)
    if matrix.ndim != 2:
        raise ValueError(
            f"{quoted(place)} must have two dimensions, samples by features, got {matrix.shape}"
        )
    columns = matrix.shape[1]
    taken = {_column_number("ignore", text, columns) for text in ignore}
    found: dict[str, Any] = {"labels": None, "groups": None}
    for argument, text in {"labels": labels, "groups": groups}.items():
        if text is None:
            continue
        if text.lower().endswith(".npy"):
            found[argument] = mapped(Path(text))
            continue
        number = _column_number(argument, text, columns, "or another .npy file, ")
        if number in taken:
            raise ValueError(f"{argument} must be a column of its own, got {text}")
        taken.add(number)
        found[argument] = matrix[:, number]
    kept = [number for number in range(columns) if number not in taken]
    if not kept:
        raise ValueError(f"{quoted(place)} must have columns of features, got {columns} in all")
    inside = [number for number in sorted(taken) if kept[0] < number < kept[-1]]
    if inside:
        raise ValueError(
            f"{quoted(place)} must have columns that are no features at its ends, or all features "
            f"would have to be copied, got column {inside[0]} of {columns}; save it in a file of "
            "its own, and features without it"
        )
    features = matrix[:, kept[0] : kept[-1] + 1]
    return Data(features, block_of=None, names=tuple(map(str, kept)) if taken else None, **found)


def _column_number(argument: str, text: str, columns: int, what_else: str = "") -> int:
    """The number of the column that ``text`` names, counted from 0."""
    number = int(text) if re.fullmatch(r"[+-]?\d+", text) else columns
    if not -columns <= number < columns:
        raise ValueError(
            f"{argument} must be a column, 0 to {columns - 1} or from the end -1 to {-columns}, "
            f"{what_else}got {text!r}"
        )
    return number % columns


def mapped(place: Path) -> Array:
    """A memory map of the array in a .npy file."""
    with place.open("rb") as file:
        _checked_shape(file, quoted(place))
    try:
        return _FORMAT.open_memmap(place, mode="r")
    except ValueError as error:
        raise ValueError(f"{quoted(place)} is not complete: {error}") from None


def _checked_shape(file: IO[bytes], what: str) -> tuple[int, ...]:
    """The shape of an array from its header; ValueError if reading it needs unpickling."""
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
