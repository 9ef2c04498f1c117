"""Tables with a header line, as .csv files."""

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
    """See `moetheory.datafile.read_data`; ``labels``, ``groups`` and ``ignore`` differ."""
    with place.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True, strict=True)
        try:
            header = _header(place, next(lines, []))
            asked = {"labels": [labels], "groups": [groups] if groups else [], "ignore": ignore}
            for argument, names in asked.items():
                for name in names:
                    require(
                        argument, name, header, f"a column in the first line of {quoted(place)}"
                    )
            rows = ((lines.line_num, cells) for cells in lines if cells)
            return _table(place, header, rows, labels, groups, ignore)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file in UTF-8: {error.reason}"
            ) from None
        except csv.Error as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file: {error} (line {lines.line_num})"
            ) from None


def _header(place: Path, cells: Sequence[str]) -> list[str]:
    """The names of the columns."""
    header = [cell.strip() for cell in cells]
    if any("\0" in name for name in header):
        raise ValueError(f"{quoted(place)} is not a CSV file: its first line is no text")
    if all(map(_is_number, header)):
        what = "holds numbers only" if header else "is empty"
        raise ValueError(
            f"{quoted(place)} must begin with a header line that names its columns; "
            f"its first line {what}"
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise ValueError(
            f"{quoted(place)} must name each column differently; twice or more: {listed(twice)}"
        )
    return header


class _Column(NamedTuple):
    """One that holds no features."""

    place: str  # for messages
    cells: list[str]
    lines: Sequence[int]  # of the cells

    def of(self, row: int) -> str:
        return f"{self.cells[row]!r} in line {self.lines[row]}"


def _table(
    place: Path,
    header: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    labels: str,
    groups: str | None,
    ignore: Collection[str],
) -> Data:
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
    others = {
        name: _Column(f"column {name!r} of {quoted(place)}", [], lines)
        for name in (labels, groups)
        if name is not None
    }
    taken = [(header.index(name), column.cells) for name, column in others.items()]
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
        for index, texts in taken:
            texts.append(row[index].strip())
        lines.append(line)
    if not lines:
        raise ValueError(f"{quoted(place)} must have lines below its header, got none")
    return Data(
        np.frombuffer(values, np.float64).reshape(len(lines), len(names)),
        _numbers_or_classes(others[labels]),
        None if groups is None else _integers_or_names(others[groups]),
        None,
        names,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _numbers_or_classes(column: _Column) -> Array:
    _require_no_empty_cells(column)
    text = next((i for i, cell in enumerate(column.cells) if not _is_number(cell)), None)
    if text is None:
        return np.array([float(cell) for cell in column.cells])
    different = len(set(column.cells))
    if different != 2:
        raise ValueError(
            f"{column.place} must hold numbers or the names of two classes, got {different} "
            f"different cells that are not all numbers, first {column.of(text)}"
        )
    return np.array(column.cells)


def _integers_or_names(column: _Column) -> Array:
    """Integers also where a program has written them as 1.0."""
    _require_no_empty_cells(column)
    if all(re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", cell) for cell in column.cells):
        return np.array([int(float(cell)) for cell in column.cells])
    return np.array(column.cells)


def _require_no_empty_cells(column: _Column) -> None:
    if "" in column.cells:
        raise ValueError(
            f"{column.place} must have no empty cells, got {column.of(column.cells.index(''))}"
        )
