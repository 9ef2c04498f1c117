"""The marks of a table: what separates its cells, and what stands before decimals."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from moetheory.datafile.contents import quoted
from moetheory.datafile.csv_rows import Rows

SEPARATORS = ",;\t|"


def separator_of(head: Sequence[str], labels: str, usual: str) -> str:
    r"""The separator of the cells in the first lines of a table.

    It is the one that makes a column of the name ``labels``, then one that gives all lines equally
    many cells, then the ``usual`` one, then one that makes the most cells.

    >>> separator_of(["size, cm;y\n", "1,5;2\n"], "y", usual=",")
    ';'
    >>> separator_of(["a\tb, c\n", "1\t2\n"], "y", usual=",")
    '\t'
    """

    def suits(separator: str) -> tuple[bool, bool, bool, bool, int]:
        rows = _first_rows(head, separator)
        header = [cell.strip() for cell in rows[0]] if rows else []
        several = len(header) > 1
        alike = all(len(row) == len(header) for row in rows if row)
        named = several and labels in header
        return named, several and alike, several, separator == usual, len(header)

    return max(SEPARATORS, key=suits)


def _first_rows(head: Sequence[str], separator: str) -> list[list[str]]:
    """The rows in the first lines, up to one that is none or that goes on after them."""
    found: list[list[str]] = []
    with Rows(io.StringIO(), separator, head) as rows, suppress(csv.Error):
        for cells in rows:
            found.append(cells)
    return found


def is_number(text: str) -> bool:
    """Whether ``text`` is a number; an underscore between digits is refused.

    >>> is_number("-1e3"), is_number("1_000"), is_number("nan")
    (True, False, True)
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


class DecimalMark:
    """The mark before decimals: a point, or a comma where semicolons separate cells.

    A comma anywhere else may as well separate thousands, so it makes no number.
    """

    def __init__(self, place: Path, separator: str) -> None:
        self._place, self._may_be_comma = place, separator == ";"
        self._first_lines: dict[str, int] = {}  # in which the marks were seen

    def pointed(self, cells: list[str]) -> list[str]:
        """The cells as they are with points before their decimals."""
        return [cell.replace(",", ".") for cell in cells] if self._may_be_comma else cells

    def note(self, cells: list[str], line: int) -> None:
        """Note the marks in the numbers among the cells of a line; ValueError if both were seen."""
        if not self._may_be_comma:
            return
        text = " ".join(cells)
        for mark in ".,":
            if mark in text and mark not in self._first_lines:
                pairs = zip(cells, self.pointed(cells), strict=True)
                if any(mark in cell and is_number(pointed) for cell, pointed in pairs):
                    self._first_lines[mark] = line
        if len(self._first_lines) == 2:
            point, comma = self._first_lines["."], self._first_lines[","]
            raise ValueError(
                f"{quoted(self._place)} must have the same mark before all decimals, got points "
                f"first in line {point} and commas first in line {comma}"
            )
