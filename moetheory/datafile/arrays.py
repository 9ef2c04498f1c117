"""Reading .npz archives and .npy files, without ever unpickling."""

from __future__ import annotations

import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np

from moetheory.datafile.contents import (
    Array,
    Asked,
    Data,
    DataArgumentError,
    listed,
    open_regular,
    printable,
    quoted,
    refuse_bomb,
    require,
)

LONGEST_AXIS, MOST_DIMENSIONS, MOST_COLUMNS = 2**48, 32, 2**24
_FORMAT = np.lib.format
# errors of zipfile: OSError for a wrong offset, RuntimeError for encryption, struct.error for
# extra fields that end too soon, ValueError for names and offsets that cannot be
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, struct.error),
    *(OverflowError, UnicodeError),
)
_BAD_HEADER = (
    *(ValueError, TypeError, TokenError, SyntaxError, MemoryError, RecursionError, OverflowError),
    *(IndexError, KeyError, AttributeError, UnicodeError),
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # with which NumPy writes archives
_Members = Mapping[str, zipfile.ZipInfo]


class _Header(NamedTuple):
    """What the header of an array says, and its own length in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int


def read_npz(place: Path, asked: Asked) -> Data:
    """The data of an .npz archive, of which only the arrays that are asked for are looked at.

    `moetheory.datafile.read_data` states the rules.
    """
    names = {**asked.of_samples, "block_of": asked.block_of, "features": asked.features}
    wanted = {argument: name for argument, name in names.items() if name is not None}
    found: dict[str, Any] = {"groups": None, "block_of": None, "names": None}
    with open_regular(place) as file:
        try:
            archive = zipfile.ZipFile(file)
            arrays = _members(archive, place)
            for argument, name in wanted.items():
                require(argument, name, list(arrays), f"an array of {quoted(place)}")
                found[argument] = _read_array(archive, place, name, arrays[name])
            if "features" not in wanted:
                name = _name_of_features(archive, place, arrays, wanted.values())
                found["features"] = _read_array(archive, place, name, arrays[name])
        except _DAMAGE as error:
            why = printable(str(error)) or "it ends too soon"
            raise ValueError(f"{quoted(place)} is not an .npz file: {why}") from None
    return Data(**found)


def _members(archive: zipfile.ZipFile, place: Path) -> _Members:
    """The arrays of an archive by name; ValueError if two have one name."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise ValueError(
                f"{quoted(place)} must name each array differently; twice: {quoted(name)}"
            )
        if name != info.filename:
            members[name] = info
    return members


def _name_of_features(
    archive: zipfile.ZipFile, place: Path, arrays: _Members, taken: Collection[str]
) -> str:
    """The name of the array of features: "features", or else the only matrix that is left."""
    remaining = {name: info for name, info in arrays.items() if name not in taken}
    if "features" in remaining:
        return "features"
    shapes = {}
    for name, info in remaining.items():
        what = _array_description(place, name)
        with _opened(archive, info, what) as file:
            shapes[name] = _read_header(file, what).shape
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    if len(matrices) != 1:
        described = listed([f"{name} {shape}" for name, shape in shapes.items()])
        raise DataArgumentError(
            "features",
            f"must name an array of {quoted(place)} where none is called features and not just "
            f"one has two dimensions, got {described}",
        )
    return matrices[0]


def _read_array(archive: zipfile.ZipFile, place: Path, name: str, info: zipfile.ZipInfo) -> Array:
    """One array of an archive; ValueError if it is damaged or needs unpickling."""
    what = _array_description(place, name)
    refuse_bomb(what, info.compress_size, info.file_size)
    with _opened(archive, info, what) as file:
        _require_plain(_read_header(file, what), info.file_size, what)
    with _opened(archive, info, what) as file:
        try:
            found = _FORMAT.read_array(file, allow_pickle=False)
        except ValueError:
            raise ValueError(f"{what} is not complete: it ends too soon") from None
        file.read(1)  # reading to the end also compares the checksum
    return found


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo, what: str) -> IO[bytes]:
    """A member of an archive, opened; ValueError unless it is compressed as NumPy does it.

    Others unpack far more at once than is read.
    """
    if info.compress_type not in _METHODS:
        raise ValueError(f"{what} must be compressed as by numpy.savez_compressed, got another way")
    return archive.open(info)


def _array_description(place: Path, name: str) -> str:
    """The words for an array of an archive in messages."""
    return f"array {quoted(name)} of {quoted(place)}"


def read_npy(place: Path, asked: Asked) -> Data:
    """The data of a .npy file, whose columns have numbers.

    `moetheory.datafile.read_data` states the rules.
    """
    matrix = mapped(place)
    if matrix.ndim != 2 or not 0 < matrix.shape[1] <= MOST_COLUMNS:
        raise ValueError(
            f"{quoted(place)} must have two dimensions, samples by features, at most "
            f"{MOST_COLUMNS} of them, got {matrix.shape}"
        )
    columns = matrix.shape[1]
    taken = {_column_number("ignore", text, columns) for text in asked.ignore}
    found: dict[str, Any] = {"groups": None}
    for argument, text in asked.of_samples.items():
        if text.lower().endswith(".npy"):
            found[argument] = mapped(Path(text))
            continue
        number = _column_number(argument, text, columns, "or another .npy file, ")
        if number in taken:
            raise DataArgumentError(argument, f"must be a column of its own, got {text}")
        taken.add(number)
        found[argument] = matrix[:, number]
    kept = [number for number in range(columns) if number not in taken]
    if not kept:
        raise ValueError(f"{quoted(place)} must have columns of features, got {columns} in all")
    features = _columns(matrix, kept, place)
    return Data(features, block_of=None, names=tuple(map(str, kept)) if taken else None, **found)


def _columns(matrix: Array, kept: list[int], place: Path) -> Array:
    """The columns that are kept: a view where they are neighbours, else a copy."""
    if kept[-1] - kept[0] == len(kept) - 1:
        return matrix[:, kept[0] : kept[-1] + 1]
    try:
        return np.asarray(matrix)[:, kept]
    except MemoryError:
        size = len(matrix) * len(kept) * matrix.itemsize
        raise ValueError(
            f"{quoted(place)} must have columns that are no features at its ends, or features that "
            f"fit into memory without them, got {size} bytes"
        ) from None


def _column_number(argument: str, text: str, columns: int, what_else: str = "") -> int:
    """The number of the column that ``text`` names, counted from 0."""
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else columns
    if not -columns <= number < columns:
        raise DataArgumentError(
            argument,
            f"must be a column, 0 to {columns - 1} or from the end -1 to {-columns}, "
            f"{what_else}got {quoted(text)}",
        )
    return number % columns


def mapped(place: Path) -> Array:
    """A memory map of the array in a .npy file."""
    what = quoted(place)
    with open_regular(place) as file:
        header = _read_header(file, what)
        _require_plain(header, os.fstat(file.fileno()).st_size, what)
        if 0 in header.shape:
            return np.empty(header.shape, header.dtype)
        return np.memmap(
            file,
            dtype=header.dtype,
            mode="r",
            offset=header.length,
            shape=header.shape,
            order="F" if header.fortran else "C",
        )


def _read_header(file: IO[bytes], what: str) -> _Header:
    """The header at the beginning of a file; ValueError if it is none."""
    try:
        oldest = _FORMAT.read_magic(file) == (1, 0)
    except ValueError as error:
        raise ValueError(f"{what} is not a .npy file: {error}") from None
    read = _FORMAT.read_array_header_1_0 if oldest else _FORMAT.read_array_header_2_0
    try:
        shape, fortran, dtype = read(file)
    except _BAD_HEADER:  # NumPy's own words advise to trust the file
        raise ValueError(f"{what} is not a .npy file: its header cannot be read") from None
    sizes_are_integers = all(type(n) is int and 0 <= n <= LONGEST_AXIS for n in shape)
    if not sizes_are_integers or len(shape) > MOST_DIMENSIONS:
        raise ValueError(
            f"{what} must have a shape of at most {MOST_DIMENSIONS} integers from 0 to "
            f"{LONGEST_AXIS}, its header says otherwise"
        )
    return _Header(shape, fortran, dtype, file.tell())


def _require_plain(header: _Header, size: int, what: str) -> None:
    """Refuse an array of other things than numbers or text, or not as long as its header says.

    ``size`` is that of the whole file in bytes.
    """
    if header.dtype.hasobject:
        raise ValueError(
            f"{what} must hold numbers or text, got Python objects, which could run any program and"
            " are not read; save them as values.astype(float) or values.astype(str)"
        )
    if header.dtype.kind not in "biufcUS" or not header.dtype.itemsize:
        kind = "a table with named fields" if header.dtype.names else f"{header.dtype} values"
        raise ValueError(f"{what} must hold numbers or text, got {kind}")
    left = size - header.length - math.prod(header.shape) * header.dtype.itemsize
    if left < 0:
        raise ValueError(f"{what} is not complete: {-left} bytes are missing")
    if left > 0:
        raise ValueError(f"{what} must end where its array ends, got {left} more bytes behind it")
