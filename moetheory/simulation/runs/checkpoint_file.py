"""The file of a checkpoint: an .npz archive of tallies with a digest of all that it holds.

A file is hostile until its digest is found right: it is of the size that its directory says, and
nothing in it is compressed or unpickled, so that reading takes no more memory than its size.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from moetheory.common.files import FilePath, open_regular, replacing_bytes
from moetheory.simulation.methods.tally import Tally

FORMAT = "moetheory checkpoint 3"
# one row a chunk, as in Tally, but for `values`, which are those of all chunks one after another
TYPES = {
    "index": np.int64,
    "kept": np.int64,
    "replicates": np.int64,
    "means": np.float64,
    "comoments": np.float64,
    "group_counts": np.int64,
    "group_means": np.float64,
    "variance_spread": np.float64,
    "values": np.float64,
}
ROWS = ("replicates", "means", "comoments", "group_counts", "group_means", "variance_spread")

Chunks = dict[str, dict[int, Tally]]
Arrays = dict[str, NDArray[Any]]


class Saved(NamedTuple):
    """The content of a checkpoint file."""

    identity: dict[str, Any]
    chunks: Chunks


class _OtherFormatError(Exception):
    """The file is a checkpoint in the format that is the argument."""


class _DamageError(Exception):
    """The file is no checkpoint, or a damaged one."""


def read(path: FilePath, *, chunks: bool = True) -> Saved:
    """The content of the checkpoint at ``path``, checked to its last bit.

    Without ``chunks`` these are not read, and only the header is checked.

    Raises
    ------
    OSError
        There is no file, or not a regular one.
    ValueError
        It is no checkpoint, or a damaged one, or one of another format.
    """
    with open_regular(path) as file:
        try:
            return _parsed(file, chunks)
        except MemoryError:
            raise
        except _OtherFormatError as error:
            raise ValueError(
                f"{os.fspath(path)} is a checkpoint of another version of moetheory, in the format "
                f"{error.args[0]!r}, not {FORMAT!r}: name another file, or delete this one"
            ) from None
        except Exception as error:  # what a damaged archive makes its readers raise is anything
            raise ValueError(
                f"{os.fspath(path)} is not a checkpoint of moetheory, or is damaged: "
                "name another file, or delete this one"
            ) from error


def write(path: FilePath, identity: Mapping[str, Any], chunks: Chunks) -> None:
    """Replace the file at ``path`` by the checkpoint of ``chunks``."""
    header = {"format": FORMAT, "identity": dict(identity), "families": list(chunks)}
    arrays: Arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    for number, tallies in enumerate(chunks.values()):
        arrays |= {f"{number}/{name}": array for name, array in _packed(tallies).items()}
    arrays["digest"] = np.frombuffer(_digest(arrays), np.uint8)
    with replacing_bytes(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def _parsed(file: BinaryIO, chunks: bool) -> Saved:
    with zipfile.ZipFile(file) as archive:
        _require(
            sum(each.file_size for each in archive.infolist()) <= os.fstat(file.fileno()).st_size
        )
        arrays = {"header": _read_array(archive, "header", np.uint8)}
        identity, families = _parsed_header(arrays["header"].tobytes())
        if not chunks:
            return Saved(identity, {})
        names = [f"{number}/{name}" for number in range(len(families)) for name in TYPES]
        found = [each.filename for each in archive.infolist()]
        _require(found == [f"{name}.npy" for name in ("header", *names, "digest")])
        for name in names:
            arrays[name] = _read_array(archive, name, TYPES[name.partition("/")[2]])
        _require(_read_array(archive, "digest", np.uint8).tobytes() == _digest(arrays))
    return Saved(
        identity,
        {
            family: dict(_unpacked({name: arrays[f"{number}/{name}"] for name in TYPES}))
            for number, family in enumerate(families)
        },
    )


def _require(condition: object) -> None:
    if not condition:
        raise _DamageError


def _parsed_header(text: bytes) -> tuple[dict[str, Any], Sequence[str]]:
    """The identity of the run and the names of its families."""
    header = json.loads(text)
    if header["format"] != FORMAT:
        _require(re.fullmatch(r"moetheory checkpoint \d{1,9}", header["format"], re.ASCII))
        raise _OtherFormatError(header["format"])
    identity, families = header["identity"], header["families"]
    _require(isinstance(identity, dict) and isinstance(families, list))
    _require(all(isinstance(each, str) for each in families))
    _require(len(set(families)) == len(families))
    entropy = identity.get("entropy", 0)
    _require(type(entropy) is int and entropy >= 0)
    return identity, families


def _read_array(archive: zipfile.ZipFile, name: str, wanted: DTypeLike) -> NDArray[Any]:
    """An array of the archive, which is read to its end, so that its checksum is compared."""
    member = archive.getinfo(f"{name}.npy")
    _require(member.compress_type == zipfile.ZIP_STORED)
    _require(member.compress_size == member.file_size)
    with archive.open(member) as file:
        _require(np.lib.format.read_magic(file) == (1, 0))
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        _require(dtype == wanted and not by_columns and all(type(each) is int for each in shape))
        size = math.prod(shape) * dtype.itemsize
        _require(min(shape, default=0) >= 0 and file.tell() + size == member.file_size)
        content = file.read(size)
        _require(len(content) == size and not file.read(1))
    return np.frombuffer(content, dtype).reshape(shape)


def _digest(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The digest of arrays: of their names, types, shapes and bits."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _packed(chunks: Mapping[int, Tally]) -> Arrays:
    """The chunks of a family as arrays with one row per chunk; ragged ``values`` are joined."""
    tallies = list(chunks.values())
    arrays = {name: np.array([getattr(each, name) for each in tallies]) for name in ROWS}
    arrays["index"] = np.array(list(chunks))
    arrays["kept"] = np.array([each.values.size for each in tallies])
    arrays["values"] = np.concatenate([each.values.ravel() for each in tallies])
    return {name: arrays[name].astype(dtype, copy=False) for name, dtype in TYPES.items()}


def _unpacked(arrays: Arrays) -> Iterator[tuple[int, Tally]]:
    """The chunks of a family by index."""
    _require_shapes(arrays)
    estimators, end = arrays["means"].shape[1], 0
    none = np.empty((estimators, 0))
    rows = zip(*(arrays[name] for name in ROWS[1:]), strict=True)
    numbers = (arrays[name].tolist() for name in ("index", "kept", "replicates"))
    for index, kept, replicates, row in zip(*numbers, rows, strict=True):
        means, comoments, counts, given, spread = row
        start, end = end, end + kept
        values = arrays["values"][start:end].reshape(estimators, -1) if kept else none
        yield index, Tally(replicates, means, comoments, counts, given, values, spread)


def _require_shapes(arrays: Arrays) -> None:
    """Refuse arrays that do not belong together."""
    chunks, estimators = arrays["means"].shape
    groups = arrays["group_counts"].shape[1]
    index, kept, replicates = arrays["index"], arrays["kept"], arrays["replicates"]
    shapes = {
        "index": (chunks,),
        "kept": (chunks,),
        "replicates": (chunks,),
        "means": (chunks, estimators),
        "comoments": (chunks, estimators, estimators),
        "group_counts": (chunks, groups),
        "group_means": (chunks, estimators, groups),
        "variance_spread": (chunks, estimators),
        "values": (sum(kept.tolist()),),
    }
    _require(all(arrays[name].shape == shape for name, shape in shapes.items()))
    _require(estimators > 0 and index.min() >= 0 and len(np.unique(index)) == chunks)
    _require(replicates.min() >= 1 and arrays["group_counts"].min(initial=0) >= 0)
    _require(np.all((kept == 0) | ((kept % estimators == 0) & (kept // estimators == replicates))))
