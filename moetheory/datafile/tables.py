"""Reading .csv files: tables with a header line."""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moetheory.datafile.contents import Array, Data, listed, quoted, require


def read_csv(place: Path, labels: str, groups: str | None, ignore: Collection[str]) -> Data:
    """The data of a .csv file; ``labels`` and ``groups`` are different columns, not in ``ignore``.

    `moetheory.datafile.read_data` states the rules.
    """
    with place.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True, strict=True)
        try:
            header = _checked_header(place, next(lines, []))
            names_of = {"labels": [labels], "groups": [groups] if groups else [], "ignore": ignore}
            for argument, names in names_of.items():
                for name in names:
                    require(
                        argument, name, header, f"a column in the first line of {quoted(place)}"
                    )
            rows = ((lines.line_num, cells) for cells in lines if cells)
            return _read_rows(place, header, rows, labels, groups, ignore)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file in UTF-8: {error.reason}"
            ) from None
        except csv.Error as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file: {error} (line {lines.line_num})"
            ) from None


def _checked_header(place: Path, cells: Sequence[str]) -> list[str]:
    """The names of the columns from the header line, each name once."""
    header = [cell.strip() for cell in cells]
    if any("\0" in name for name in header):
        raise ValueError(f"{quoted(place)} is not a CSV file: its first line is no text")
    if all(map(_is_number, header)):
        what = "holds numbers only" if header else "is empty"
        raise ValueError(
            f"{quoted(place)} must begin with a header line that names its columns; "
            f"its first line {what}"
        )
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise ValueError(
            f"{quoted(place)} must name each column differently; twice or more: {listed(repeated)}"
        )
    return header


class _TextColumn(NamedTuple):
    """The cells of a column that holds no features."""

    place: str  # for messages
    cells: list[str]
    lines: Sequence[int]  # of the cells

    def of(self, row: int) -> str:
        """The words for the cell of a row in messages."""
        return f"{self.cells[row]!r} in line {self.lines[row]}"


def _read_rows(
    place: Path,
    header: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    labels: str,
    groups: str | None,
    ignore: Collection[str],
) -> Data:
    """The data in the rows below the header; ``rows`` are numbers of lines and their cells."""
    is_feature = [name not in {labels, groups, *ignore} for name in header]
    names = tuple(compress(header, is_feature))
    if not names:
        raise ValueError(f"{quoted(place)} must have columns of features beside {listed(header)}")
    if "" in names:
        raise ValueError(
            f"{quoted(place)} must name each column, got none for column {header.index('') + 1}; "
            "what is no feature can be ignored, here by the name ''"
        )
    values, lines = array("d"), array("q")
    text_columns = {
        name: _TextColumn(f"column {name!r} of {quoted(place)}", [], lines)
        for name in (labels, groups)
        if name is not None
    }
    cells_of = [(header.index(name), column.cells) for name, column in text_columns.items()]
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{quoted(place)} must have {len(header)} cells in each line, as in its header, "
                f"got {len(row)} in line {line}"
            )
        cells = list(compress(row, is_feature))
        try:
            values.extend(map(float, cells))
            numeric = "_" not in "".join(cells)  # float takes 2024_05
        except ValueError:
            numeric = False
        if not numeric:
            bad = [pair for pair in zip(names, cells, strict=True) if not _is_number(pair[1])]
            raise ValueError(
                f"{quoted(place)} must hold numbers in columns of features, got in line {line} "
                f"{listed([f'{cell!r} in column {name!r}' for name, cell in bad])}; "
                "columns that are no features can be ignored"
            )
        for index, texts in cells_of:
            texts.append(row[index].strip())
        lines.append(line)
    if not lines:
        raise ValueError(f"{quoted(place)} must have lines below its header, got none")
    return Data(
        np.frombuffer(values, np.float64).reshape(len(lines), len(names)),
        _numbers_or_classes(text_columns[labels]),
        None if groups is None else _integers_or_names(text_columns[groups]),
        None,
        names,
    )


def _is_number(text: str) -> bool:
    """Whether ``text`` is a number; an underscore between digits is refused."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _numbers_or_classes(column: _TextColumn) -> Array:
    """The labels: numbers if all cells are, else the names of two classes."""
    _require_no_empty_cells(column)
    first_text = next((i for i, cell in enumerate(column.cells) if not _is_number(cell)), None)
    if first_text is None:
        return np.array([float(cell) for cell in column.cells])
    different = len(set(column.cells))
    if different != 2:
        raise ValueError(
            f"{column.place} must hold numbers or the names of two classes, got {different} "
            f"different cells that are not all numbers, first {column.of(first_text)}"
        )
    return np.array(column.cells)


def _integers_or_names(column: _TextColumn) -> Array:
    """The groups: integers, also where they are written as 1.0, else the cells as text."""
    _require_no_empty_cells(column)
    if all(re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", cell) for cell in column.cells):
        return np.array([int(float(cell)) for cell in column.cells])
    return np.array(column.cells)


def _require_no_empty_cells(column: _TextColumn) -> None:
    """Refuse a column with an empty cell."""
    if "" in column.cells:
        raise ValueError(
            f"{column.place} must have no empty cells, got {column.of(column.cells.index(''))}"
        )
