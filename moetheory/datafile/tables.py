"""Reading .csv files: tables with a header line."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moetheory.datafile.contents import Array, Data, listed, open_regular, quoted, require
from moetheory.datafile.csv_rows import Rows

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}  # of other programs
MOST_CELLS = 8  # that a message shows
LARGEST_TEXT = 2**30  # bytes of a column of names, each of which takes the room of the longest


def read_csv(place: Path, labels: str, groups: str | None, ignore: Collection[str]) -> Data:
    """The data of a .csv file; ``labels`` and ``groups`` are different columns, not in ``ignore``.

    `moetheory.datafile.read_data` states the rules.
    """
    with (
        io.TextIOWrapper(open_regular(place), encoding="utf-8-sig", newline="") as file,
        Rows(file) as rows,
    ):
        try:
            header = _checked_header(place, rows, labels)
            names_of = {
                "labels": [labels],
                "groups": [] if groups is None else [groups],
                "ignore": ignore,
            }
            for argument, names in names_of.items():
                for name in names:
                    require(
                        argument, name, header, f"a column in the first line of {quoted(place)}"
                    )
            numbered = ((rows.line, cells) for cells in rows if cells)
            return _read_rows(place, header, numbered, labels, groups, ignore)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file in UTF-8: {error.reason}"
            ) from None
        except csv.Error as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file: {error} (line {rows.line})"
            ) from None


def _checked_header(place: Path, rows: Rows, labels: str) -> list[str]:
    """The names of the columns from the header line, each name once."""
    try:
        header = [cell.strip() for cell in next(rows, [])]
    except csv.Error:
        if "," not in rows.text:
            _require_commas(place, [rows.text], labels)
        raise
    if any("\0" in name for name in header):
        raise ValueError(f"{quoted(place)} is not a CSV file: its first line is no text")
    if all(map(_is_number, header)):
        what = "holds numbers only" if header else "is empty"
        raise ValueError(
            f"{quoted(place)} must begin with a header line that names its columns; "
            f"its first line {what}"
        )
    if labels not in header:
        _require_commas(place, header, labels)
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise ValueError(
            f"{quoted(place)} must name each column differently; twice or more: {listed(repeated)}"
        )
    return header


def _require_commas(place: Path, header: Sequence[str], labels: str) -> None:
    """Refuse a header that another separator than a comma divides better."""
    line = ",".join(header)
    for separator, called in _SEPARATORS.items():
        if len(header) > 1 and separator == " ":  # within a name
            continue
        alone = len(header) == 1 and separator in line and separator != " "
        if alone or labels in [cell.strip(' "') for cell in line.split(separator)]:
            raise ValueError(
                f"{quoted(place)} must separate cells by commas; in its first line the separator "
                f"seems to be {called}: save it with commas, and decimal points"
            )


class _TextColumn(NamedTuple):
    """The cells of a column that holds no features."""

    place: str  # for messages
    cells: list[str]
    lines: Sequence[int]  # of the cells

    def of(self, row: int) -> str:
        """The words for the cell of a row in messages."""
        return f"{quoted(self.cells[row])} in line {self.lines[row]}"


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
        name: _TextColumn(f"column {quoted(name)} of {quoted(place)}", [], lines)
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
                f"{_cells_in_words(bad)}; "
                "leave out such lines, or ignore the column if it is no feature"
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
        np.frombuffer(lines, np.int64),
    )


def _cells_in_words(cells: Sequence[tuple[str, str]]) -> str:
    """The names of columns and their cells in words; of many the first."""
    shown = [f"{quoted(cell)} in column {quoted(name)}" for name, cell in cells[:MOST_CELLS]]
    return ", ".join(shown) + (f", … ({len(cells)} in all)" if len(cells) > MOST_CELLS else "")


def require_finite(data: Data, place: Path) -> None:
    """Refuse nan and inf among features and labels of a .csv file; the error names the line.

    Other files have no lines: nothing is refused.
    """
    if data.lines is None or data.names is None:
        return
    columns = [(data.features, "features")]
    if data.labels.dtype.kind == "f":
        columns.append((data.labels[:, np.newaxis], "labels"))
    for values, what in columns:
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if not bad.size:
            continue
        row = values[bad[0]]
        column = int(np.argmin(np.isfinite(row)))
        name = f" in column {quoted(data.names[column])}" if what == "features" else ""
        more = f" ({bad.size} lines have such cells)" if bad.size > 1 else ""
        raise ValueError(
            f"{quoted(place)} must hold finite numbers in columns of {what}, got in line "
            f"{data.lines[bad[0]]} {row[column]}{name}{more}; replace or remove them first"
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
    return _names(column)


def _integers_or_names(column: _TextColumn) -> Array:
    """The groups: integers, also where they are written as 1.0, else the cells as text.

    Text it is too where an integer would lose something: leading zeros, or that 1 and 1.0 are two.
    """
    _require_no_empty_cells(column)
    different = set(column.cells)
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.0*)?", cell, re.ASCII) for cell in different):
        integers = {cell: int(float(cell)) for cell in different}
        if len(set(integers.values())) == len(different):
            return np.array([integers[cell] for cell in column.cells])
    return _names(column)


def _names(column: _TextColumn) -> Array:
    """The cells as an array of text; ValueError if one of them is too long for that."""
    longest = max(range(len(column.cells)), key=lambda row: len(column.cells[row]))
    length = len(column.cells[longest])
    if 4 * length * len(column.cells) > LARGEST_TEXT:  # four bytes a character
        raise ValueError(
            f"{column.place} must have shorter names, got {length} characters in line "
            f"{column.lines[longest]} of {len(column.cells)} samples"
        )
    return np.array(column.cells)


def _require_no_empty_cells(column: _TextColumn) -> None:
    """Refuse a column with an empty cell."""
    if "" in column.cells:
        raise ValueError(
            f"{column.place} must have no empty cells, got {column.of(column.cells.index(''))}"
        )
