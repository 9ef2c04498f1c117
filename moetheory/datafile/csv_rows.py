"""The rows of a .csv file by Python's csv module, with cells of any length."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TextIO

LONGEST_LINE = 2**28  # characters; so that a file that is no text does not fill the memory
HEAD_LINES, HEAD_SIZE = 10, 2**22  # lines and characters that show how cells are separated


class Rows:
    r"""The rows of a text file as lists of cells: a context, in which cells may have any length.

    Cells are separated by commas, or by another ``separator``. A cell in quotation marks may hold
    separators, ends of lines and doubled quotation marks. Spaces before a cell do not belong to it.
    An empty line has no cells. What is no such file is a `csv.Error`.

    Attributes
    ----------
    line, text : int, str
        The number of lines that have been read, and the last of them with its end.

    Examples
    --------
    >>> from io import StringIO
    >>> with Rows(StringIO('a, "b, ""c"" "\n\n"1\n2",3\n')) as rows:
    ...     [(rows.line, cells) for cells in rows]
    [(1, ['a', 'b, "c" ']), (2, []), (4, ['1\n2', '3'])]
    """

    def __init__(self, file: TextIO, separator: str = ",", head: Sequence[str] = ()) -> None:
        """Read from ``file``, opened with ``newline=""``; the lines of ``head`` come first."""
        self.line, self.text = 0, ""
        self._rows = csv.reader(
            self._lines(chain(head, _lines_of(file))),
            delimiter=separator,
            skipinitialspace=True,
            strict=True,
        )

    def __iter__(self) -> Iterator[list[str]]:
        return self._rows

    def __next__(self) -> list[str]:
        return next(self._rows)

    def _lines(self, lines: Iterator[str]) -> Iterator[str]:
        for text in lines:
            self.line, self.text = self.line + 1, text
            if len(text) == LONGEST_LINE:
                raise csv.Error(f"a line has {LONGEST_LINE} characters or more")
            yield text

    def __enter__(self) -> Rows:
        _limit.lift()
        return self

    def __exit__(self, *_: object) -> None:
        _limit.restore()


def first_lines(file: TextIO) -> list[str]:
    """The first lines of a text file, of which there are few if they are long."""
    found: list[str] = []
    for text in islice(_lines_of(file), HEAD_LINES):
        found.append(text)
        if sum(map(len, found)) > HEAD_SIZE:
            break
    return found


def _lines_of(file: TextIO) -> Iterator[str]:
    while text := file.readline(LONGEST_LINE):
        yield text


class _FieldLimit:
    """The limit of the csv module on the length of a cell, which is one for the process."""

    def __init__(self) -> None:
        self._lock, self._readers, self._before = threading.Lock(), 0, 0

    def lift(self) -> None:
        """Set it to the longest line if this is the first reader."""
        with self._lock:
            if self._readers == 0:
                self._before = csv.field_size_limit(LONGEST_LINE)
            self._readers += 1

    def restore(self) -> None:
        """Set it to what it was if this was the last reader."""
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                csv.field_size_limit(self._before)

    def leave_to_the_parent(self) -> None:
        """Begin anew in a forked child, in which the readers of other threads do not go on."""
        if self._readers:
            csv.field_size_limit(self._before)
        self._lock, self._readers = threading.Lock(), 0


_limit = _FieldLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.leave_to_the_parent)
