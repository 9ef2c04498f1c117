"""Checkpoints: files of finished chunks, from which an interrupted run goes on."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from types import TracebackType
from typing import Any, Self

import numpy as np

from moetheory.common.errors import ArgumentError, CheckpointWarning
from moetheory.common.file_lock import FileLock
from moetheory.common.files import FilePath, discard_unfinished, is_regular_file
from moetheory.common.validation import file_path, members
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.checkpoint_file import ROWS, Chunks, Saved, read, write

SHARE = 0.05  # of the time, at most, goes into saving
PAUSE = 2.0  # seconds between two saves, at least
SHOWN = 60  # characters of a value in an error
FAILURES = (OSError, MemoryError)  # of saving, which do not end a run


class Checkpoint:
    """The finished chunks of one run, by family and index; a context that saves when it ends.

    The file is replaced as a whole: if the process is killed, the file is as it was last saved.
    One run at a time may use it, which a lock sees to. A forked child never writes it.
    """

    def __init__(
        self, path: FilePath, identity: Mapping[str, Any], chunks: Chunks, lock: FileLock
    ) -> None:
        self._path, self._identity, self._chunks, self._lock = path, identity, chunks, lock
        self._unsaved, self._warned = True, False
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
            The file cannot be read or cannot be written, or another run has it, which is named.
        ValueError
            The file is no checkpoint or that of another run; it is not changed.
        """
        is_regular_file(path)  # beside a device, say, there shall be no lock
        lock = FileLock(path)
        try:
            chunks = cls.chunks_in(path, identity)
            if lock.exclusive:
                discard_unfinished(path)
            checkpoint = cls(path, identity, chunks, lock)
            checkpoint.save()  # what cannot be written should be known before the work
        except BaseException:
            lock.release()
            raise
        return checkpoint

    @staticmethod
    def chunks_in(path: FilePath, identity: Mapping[str, Any]) -> Chunks:
        """The chunks in a file of the run with ``identity``, by family; none if there is no file.

        Raises
        ------
        OSError, ValueError
            As from `open`, but that nothing is written, and another run may have it.
        """
        saved = read(path) if is_regular_file(path) else Saved(dict(identity), {})
        if difference := _difference(saved.identity, identity):
            raise ValueError(
                f"{os.fspath(path)} is the checkpoint of another run: {difference}; "
                "name another file, or delete this one"
            )
        return saved.chunks

    @staticmethod
    def entropy_in(path: FilePath) -> int | None:
        """The entropy of the run whose checkpoint is at ``path``; None if there is no file."""
        if not is_regular_file(path):
            return None
        entropy: int | None = read(path, chunks=False).identity.get("entropy")
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
        if time.monotonic() < self._due:
            return
        try:
            self.save()
        except FAILURES as error:
            if not self._warned:
                self._warned = True
                self._warn(error, "the run goes on and will try again")

    def save(self) -> None:
        """Write the chunks into the file, unless all are in it."""
        if not self._unsaved or self._lock.forked:
            return
        start = time.monotonic()
        try:
            write(self._path, self._identity, self._chunks)
            self._unsaved = False
        finally:
            end = time.monotonic()
            self._due = end + max(PAUSE, (end - start) / SHARE)

    def saved(self) -> bool:
        """Try to save; whether all chunks are in the file."""
        with suppress(*FAILURES):
            self.save()
        return not self._unsaved

    def _warn(self, error: BaseException, what_now: str) -> None:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        warnings.warn(
            f"the checkpoint {os.fspath(self._path)} could not be saved ({said}): {what_now}",
            CheckpointWarning,
            stacklevel=3,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.save()
        except FAILURES as failure:
            self._warn(failure, "it lacks the last chunks of this run")
        finally:
            self._lock.release()


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
        A part is missing or cannot be read; ``into`` cannot be written, or a run is using it.
    ValueError
        A file is no checkpoint or that of another run; or two of them have different results
        for the same chunk, as runs on different machines may: then one of them is to be left out.
    """
    if isinstance(parts, os.PathLike | str):
        raise ArgumentError(
            "parts", f"must be a sequence of paths, got the path {os.fspath(parts)}"
        )
    given: list[FilePath] = members("parts", parts, "paths")
    for number, path in enumerate(given):
        file_path(f"parts[{number}]", path)
    file_path("into", into)
    if not given:
        raise ArgumentError("parts", "must name at least one checkpoint, got an empty sequence")
    is_regular_file(into)  # beside a device, say, there shall be no lock
    with FileLock(into):
        write(into, *_merged([*given, into] if is_regular_file(into) else given))


def _merged(paths: Sequence[FilePath]) -> Saved:
    """The chunks of all checkpoints."""
    identity, merged = read(paths[0])
    for path in paths[1:]:
        other = read(path)
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
    return Saved(identity, merged)


def _keep_longer(chunks: dict[int, Tally], index: int, tally: Tally) -> Tally:
    """The longer of two tallies of a chunk, the first where they are equally long."""
    if index not in chunks or chunks[index].replicates < tally.replicates:
        chunks[index] = tally
    return chunks[index]


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


def _bits(tally: Tally) -> list[bytes]:
    return [np.asarray(getattr(tally, name)).tobytes() for name in (*ROWS, "values")]
