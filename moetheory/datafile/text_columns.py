"""Columns of a table that hold no features: labels, groups and clusters, from cells of text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.datafile.contents import Array, quoted, text_array
from moetheory.datafile.marks import DecimalMark, is_number


class TextColumn(NamedTuple):
    """The cells of a column, with what messages say of it."""

    place: str
    cells: list[str]
    lines: Sequence[int]  # of the cells

    def cell(self, row: int) -> str:
        """The words for the cell of a row in messages."""
        return f"{quoted(self.cells[row])} in {self.line(row)}"

    def line(self, row: int) -> str:
        """The words for the line of a row in messages."""
        return f"line {self.lines[row]}"


def numbers_or_classes(column: TextColumn, mark: DecimalMark) -> Array:
    """The labels: numbers if all cells are, else the names of two or more classes.

    Cells of which some are numbers are the names of classes if there are two: of more, those that
    are no numbers are rather missing.
    """
    _require_no_empty_cells(column)
    cells = mark.pointed(column.cells)
    texts = [row for row, cell in enumerate(cells) if not is_number(cell)]
    if not texts:
        return np.array([float(cell) for cell in cells])
    different = len(set(column.cells))
    if different == 1 or (different > 2 and len(texts) < len(cells)):
        raise ValueError(
            f"{column.place} must hold numbers or the names of classes, got {different} different "
            f"{'cell' if different == 1 else 'cells'} that are not all numbers, "
            f"first {column.cell(texts[0])}"
        )
    return text_array(column.cells, column.place, column.line)


def integers_or_names(column: TextColumn) -> Array:
    """The groups: integers, also where they are written as 1.0, else the cells as text.

    Text it is too where an integer would lose something: leading zeros, or that 1 and 1.0 are two.
    """
    _require_no_empty_cells(column)
    different = set(column.cells)
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.0*)?", cell, re.ASCII) for cell in different):
        integers = {cell: int(float(cell)) for cell in different}
        if len(set(integers.values())) == len(different):
            return np.array([integers[cell] for cell in column.cells])
    return text_array(column.cells, column.place, column.line)


def _require_no_empty_cells(column: TextColumn) -> None:
    """Refuse a column with an empty cell."""
    if "" in column.cells:
        raise ValueError(
            f"{column.place} must have no empty cells, got {column.cell(column.cells.index(''))}"
        )
