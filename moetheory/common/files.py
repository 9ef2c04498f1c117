"""Atomic writing of files: a file is written whole or not at all."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
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
    target = Path(path).resolve()
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
    """Remove temporary files of killed processes that were `replacing` ``path``."""
    target = Path(path).resolve()
    for unfinished in target.parent.glob(
        f".{glob.escape(target.name)}.{'[0-9a-f]' * 2 * TOKEN}.tmp"
    ):
        unfinished.unlink(missing_ok=True)
