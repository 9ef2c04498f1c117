"""Checkpoints: files of finished chunks, from which an interrupted run goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from moetheory.common.files import FilePath, discard_unfinished, replacing_bytes
from moetheory.simulation.methods.tally import Tally

FORMAT = "moetheory checkpoint 2"
SHARE = 0.05  # of the time, at most, goes into saving
PAUSE = 2.0  # seconds between two saves, at least
SHOWN = 60  # characters of a value in an error
# as in Tally
ROWS = ("replicates", "means", "comoments", "group_counts", "group_means", "variance_spread")
ARRAYS = ("index", *ROWS, "kept", "values")

Chunks = dict[str, dict[int, Tally]]
Arrays = dict[str, NDArray[Any]]


class Checkpoint:
    """The finished chunks of one run, by family and index; a context that saves when it ends.

    The file is replaced as a whole: if the process is killed, the file is as it was last saved.
    One run at a time may use it.
    """

    def __init__(self, path: FilePath, identity: Mapping[str, Any], chunks: Chunks) -> None:
        self._path, self._identity, self._chunks = path, identity, chunks
        self._unsaved = True
        self._due = 0.0

    @classmethod
    def open(cls, path: FilePath, identity: Mapping[str, Any]) -> Self:
        """The checkpoint at ``path`` of the run with ``identity``: read from the file, or new.

        Parameters
        ----------
        path : str or path
        identity : mapping
            All that the chunks depend on, as JSON can hold it.

        Raises
        ------
        OSError
            The file cannot be read or cannot be written.
        ValueError
            The file is no checkpoint or that of another run; it is not changed.
        """
        saved = _read(path) if Path(path).exists() else _Saved(dict(identity), {})
        if difference := _difference(saved.identity, identity):
            raise ValueError(
                f"{os.fspath(path)} is the checkpoint of another run: {difference}; "
                "delete it or name another file"
            )
        discard_unfinished(path)
        checkpoint = cls(path, identity, saved.chunks)
        checkpoint.save()  # what cannot be written should be known before the work
        return checkpoint

    @staticmethod
    def entropy_in(path: FilePath) -> int | None:
        """The entropy of the run whose checkpoint is at ``path``; None if there is no file."""
        if not Path(path).exists():
            return None
        entropy: int | None = _read(path, chunks=False).identity.get("entropy")
        return entropy

    def finished(self, family: str) -> dict[int, Tally]:
        """The finished chunks of a family by index."""
        return dict(self._chunks.get(family, {}))

    def add(self, family: str, index: int, tally: Tally) -> None:
        """Add the tally of a finished chunk, to be saved now or soon.

        A longer run may have left a longer tally of this chunk, which is then kept.
        """
        _keep_longer(self._chunks.setdefault(family, {}), index, tally)
        self._unsaved = True
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Write the chunks into the file, unless all are in it."""
        if not self._unsaved:
            return
        start = time.monotonic()
        _write(self._path, self._identity, self._chunks)
        end = time.monotonic()
        self._unsaved = False
        self._due = end + max(PAUSE, (end - start) / SHARE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.save()


def merge_checkpoints(parts: Sequence[FilePath], into: FilePath) -> None:
    """Write the finished chunks of several checkpoints of one run into one file.

    So several machines can each do a part of a run.

    Parameters
    ----------
    parts : sequence of paths
        Checkpoints that `simulate` left, called with the same arguments.
    into : path
        Written when all is well. If it exists it must be a checkpoint of the same run, one of
        ``parts`` or not; what it holds is kept.

    Raises
    ------
    OSError
        A part is missing or cannot be read, or ``into`` cannot be written.
    ValueError
        A file is no checkpoint or that of another run; or two of them have different results
        for the same chunk, as runs on different machines may: then one of them is to be left out.
    """
    if isinstance(parts, str | os.PathLike):
        raise ValueError(f"parts must be a sequence of paths, got the path {os.fspath(parts)}")
    paths = [*parts, into] if Path(into).exists() else list(parts)
    if not paths:
        raise ValueError("parts must name at least one checkpoint, got an empty sequence")
    identity, merged = _read(paths[0])
    for path in paths[1:]:
        other = _read(path)
        if difference := _difference(other.identity, identity):
            raise ValueError(
                f"{os.fspath(path)} is the checkpoint of another run than "
                f"{os.fspath(paths[0])}: {difference}"
            )
        for family, chunks in other.chunks.items():
            together = merged.setdefault(family, {})
            for index, tally in chunks.items():
                kept = _keep_longer(together, index, tally)
                if kept.replicates == tally.replicates and _bits(kept) != _bits(tally):
                    raise ValueError(
                        f"{os.fspath(path)} has other results for chunk {index} of {family!r} "
                        "than those before it: leave one of them out"
                    )
    _write(into, identity, merged)


def _keep_longer(chunks: dict[int, Tally], index: int, tally: Tally) -> Tally:
    """The longer of two tallies of a chunk, the first where they are equally long."""
    if index not in chunks or chunks[index].replicates < tally.replicates:
        chunks[index] = tally
    return chunks[index]


class _Saved(NamedTuple):
    """The content of a checkpoint file."""

    identity: dict[str, Any]
    chunks: Chunks


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The differences between two identities in words; empty if there is none."""
    differing = []
    for key in {**found, **wanted}:
        a, b = (
            json.dumps(each[key], sort_keys=True, ensure_ascii=False) if key in each else "absent"
            for each in (found, wanted)
        )
        if a != b:
            same = next(i for i, (x, y) in enumerate(zip_longest(a, b)) if x != y)
            start = max(0, same - SHOWN // 2)
            differing.append(f"{key} is {_shown(a, start)}, not {_shown(b, start)}")
    more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
    return "; ".join(differing[:3]) + more


def _shown(text: str, start: int) -> str:
    """The piece of a long text that begins at ``start``; a short text as it is."""
    if len(text) <= SHOWN:
        return text
    end = start + SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _read(path: FilePath, *, chunks: bool = True) -> _Saved:
    if Path(path).exists() and not Path(path).is_file():  # to open a pipe might take forever
        raise OSError(f"{os.fspath(path)} must be a file, is a directory or a device")
    with Path(path).open("rb") as file:
        try:
            return _parsed(file, chunks)
        except Exception as error:  # what a damaged archive makes its readers raise is anything
            raise ValueError(
                f"{os.fspath(path)} is not a checkpoint of moetheory, or is damaged: "
                "delete it or name another file"
            ) from error


def _parsed(file: BinaryIO, chunks: bool) -> _Saved:
    with np.load(file, allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
        if header["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT!r}, got {header['format']!r}")
        families = enumerate(header["families"] if chunks else [])
        return _Saved(
            header["identity"],
            {
                family: _unpacked({name: archive[f"{number}/{name}"] for name in ARRAYS})
                for number, family in families
            },
        )


def _write(path: FilePath, identity: Mapping[str, Any], chunks: Chunks) -> None:
    header = {"format": FORMAT, "identity": dict(identity), "families": list(chunks)}
    arrays: Arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    for number, tallies in enumerate(chunks.values()):
        arrays |= {f"{number}/{name}": array for name, array in _packed(tallies).items()}
    with replacing_bytes(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def _packed(chunks: Mapping[int, Tally]) -> Arrays:
    """The chunks of a family as arrays with one row per chunk; ragged ``values`` are joined."""
    rows = {name: np.array([getattr(each, name) for each in chunks.values()]) for name in ROWS}
    values = [each.values.ravel() for each in chunks.values()]
    return rows | {
        "index": np.array(list(chunks)),
        "kept": np.array([len(each) for each in values]),
        "values": np.concatenate(values),
    }


def _unpacked(arrays: Arrays) -> dict[int, Tally]:
    values = np.split(arrays["values"], np.cumsum(arrays["kept"])[:-1])
    rows = zip(*(arrays[name] for name in ROWS), strict=True)
    return {
        index: Tally(
            int(replicates), means, comoments, counts, given, kept.reshape(len(means), -1), spread
        )
        for index, kept, (replicates, means, comoments, counts, given, spread) in zip(
            arrays["index"].tolist(), values, rows, strict=True
        )
    }


def _bits(tally: Tally) -> list[bytes]:
    return [np.asarray(getattr(tally, name)).tobytes() for name in (*ROWS, "values")]
