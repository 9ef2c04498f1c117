"""The rows of a .csv file.

Python's csv module has one limit on the length of a cell for the whole process, and to change it
would change it for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

LONGEST_LINE = 2**28  # characters; so that a file that is no text does not fill the memory
_ENDS_QUOTED = re.compile(r'[^"]*+(?:""[^"]*+)*+"')  # the rest of a quoted cell


class RowError(ValueError):
    """An error: a row is not as the format of .csv files wants it."""


class Rows:
    r"""The rows of a text file as lists of cells; an empty line has none.

    Cells are separated by commas. A cell in quotation marks may hold commas, ends of lines and
    doubled quotation marks. Spaces before a cell do not belong to it.

    Attributes
    ----------
    line : int
        The number of lines that have been read.

    Examples
    --------
    >>> from io import StringIO
    >>> rows = Rows(StringIO('a, "b, ""c"" "\n\n"1\n2",3\n'))
    >>> [(rows.line, cells) for cells in rows]
    [(1, ['a', 'b, "c" ']), (2, []), (4, ['1\n2', '3'])]
    """

    def __init__(self, file: TextIO) -> None:
        """Read from ``file``, which is opened with ``newline=""``."""
        self._file = file
        self.line = 0

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        line = self._next_line()
        if not line:
            raise StopIteration
        if '"' in line:
            return self._cells(line)
        text = line.rstrip("\r\n")
        cells = text.split(",") if text else []
        return [cell.lstrip(" ") for cell in cells] if " " in text else cells

    def _next_line(self) -> str:
        """The next line with its end; an empty text after the last."""
        line = self._file.readline(LONGEST_LINE)
        self.line += bool(line)
        if len(line) == LONGEST_LINE:
            raise RowError(f"a line has {LONGEST_LINE} characters or more")
        return line

    def _cells(self, line: str) -> list[str]:
        """The cells of the row that begins with ``line`` and has quotation marks."""
        text = line.rstrip("\r\n")
        if text[0] == text[-1] == '"':  # all cells may be quoted, which is fast to divide
            cells = text[1:-1].split('","')
            if text.count('"') == 2 * len(cells):
                return cells
        cells, at = [], 0
        while True:
            while line.startswith(" ", at):
                at += 1
            if line.startswith('"', at):
                cell, line, at = self._quoted_cell(line, at + 1)
            else:
                end = line.find(",", at)
                end = len(line.rstrip("\r\n")) if end < 0 else end
                cell, at = line[at:end], end
            cells.append(cell)
            if line[at:].strip("\r\n") == "":
                return cells
            if line[at] != ",":
                raise RowError(f"',' expected after '\"', got {line[at]!r}")
            at += 1

    def _quoted_cell(self, line: str, at: int) -> tuple[str, str, int]:
        """The quoted cell from ``at`` on, the line in which it ends, and where."""
        parts = []
        while (ends := _ENDS_QUOTED.match(line, at)) is None:
            parts.append(line[at:])
            line, at = self._next_line(), 0
            if not line:
                raise RowError("unexpected end of data")
        parts.append(line[at : ends.end() - 1])
        return "".join(parts).replace('""', '"'), line, ends.end()
