"""Atomic writing of files: a file is written whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

FilePath = str | os.PathLike[str]
TOKEN = 8  # bytes of the random part of a temporary name


@contextmanager
def replacing(path: FilePath) -> Iterator[TextIO]:
    """A text file that replaces ``path`` when the context ends without an error.

    Links are followed. A path that is not a regular file (a pipe, a device) is written directly.
    """
    with replacing_bytes(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def replacing_bytes(path: FilePath) -> Iterator[BinaryIO]:
    """A binary file that replaces ``path`` when the context ends without an error."""
    target = resolved(path)
    if target.exists() and not target.is_file() and not target.is_dir():
        with target.open("wb") as file:
            yield file
        return
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(TOKEN)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from None
    try:
        with file:
            yield file
            # else a power cut may leave the new name on a file that is still empty
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def discard_unfinished(path: FilePath) -> None:
    """Remove temporary files of killed processes that were `replacing` ``path``.

    To be called by the holder of its `file_lock.FileLock` alone: those of others are then dead.
    """
    target = resolved(path)
    for unfinished in target.parent.glob(
        f".{glob.escape(target.name)}.{'[0-9a-f]' * 2 * TOKEN}.tmp"
    ):
        unfinished.unlink(missing_ok=True)


def resolved(path: FilePath) -> Path:
    """The absolute path behind all links; OSError for links in a circle."""
    try:
        return Path(path).resolve()
    except RuntimeError:  # of Python below 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path)) from None


def is_regular_file(path: FilePath) -> bool:
    """Whether there is a file at ``path``; an error if it is a folder, a pipe or a device."""
    try:
        _require_regular(path, Path(path).stat().st_mode)
    except FileNotFoundError:
        return False
    return True


def open_regular(path: FilePath) -> BinaryIO:
    """The regular file at ``path``, opened for reading.

    A pipe would be waited for, and a device may have no end: these are a ValueError.
    """
    _require_regular(path, Path(path).stat().st_mode)  # to open a device may already do something
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _require_regular(path, os.fstat(file.fileno()).st_mode)  # another may have taken the name
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(path: FilePath, mode: int) -> None:
    """Refuse the mode of anything but a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        raise ValueError(f"{os.fspath(path)!r} must be a regular file, got {what}")
