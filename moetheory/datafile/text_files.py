"""Text files, opened for reading, also where they are packed by gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from moetheory.datafile.contents import open_regular, printable, quoted, refuse_bomb

BUFFER = 2**16  # bytes unpacked at a time


def open_text(place: Path) -> io.TextIOWrapper:
    """The text of a regular file in UTF-8; a name that ends in .gz says that it is packed.

    What cannot be unpacked is a ValueError at the time of reading.
    """
    file = open_regular(place)
    binary = file
    if place.suffix.lower() == ".gz":
        binary = io.BufferedReader(_Unpacked(file, place), BUFFER)
    return io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


class _Unpacked(io.RawIOBase):
    """The bytes of a file that is packed by gzip."""

    def __init__(self, file: BinaryIO, place: Path) -> None:
        self._file, self._place = file, place
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            unpacked = self._gzip.read(len(buffer))
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ValueError(
                f"{quoted(self._place)} is not a .gz file: {printable(str(error))}"
            ) from None
        refuse_bomb(quoted(self._place), self._file.tell(), self._gzip.tell())
        buffer[: len(unpacked)] = unpacked
        return len(unpacked)

    def close(self) -> None:
        self._gzip.close()
        self._file.close()
        super().close()
