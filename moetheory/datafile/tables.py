"""Reading .csv and .tsv files: tables with a header line."""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from moetheory.datafile.contents import Asked, Data, listed, quoted, require
from moetheory.datafile.csv_rows import Rows, first_lines
from moetheory.datafile.marks import DecimalMark, is_number, separator_of
from moetheory.datafile.text_columns import TextColumn, integers_or_names, numbers_or_classes
from moetheory.datafile.text_files import open_text

MOST_CELLS = 8  # that a message shows


def read_csv(place: Path, asked: Asked) -> Data:
    """The data of a .csv or .tsv file, whose columns have names.

    `moetheory.datafile.read_data` states the rules.
    """
    usual = "\t" if ".tsv" in place.name.lower() else ","
    with open_text(place) as file:
        try:
            head = first_lines(file)
            separator = separator_of(head, asked.labels, usual)
            with Rows(file, separator, head) as rows:
                try:
                    mark = DecimalMark(place, separator)
                    header = _checked_header(place, rows, asked, mark)
                    numbered = ((rows.line, cells) for cells in rows if cells)
                    return _read_rows(place, header, numbered, asked, mark)
                except csv.Error as error:
                    raise ValueError(
                        f"{quoted(place)} is not a CSV file: {error} (line {rows.line})"
                    ) from None
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{quoted(place)} is not a CSV file in UTF-8: {error.reason}"
            ) from None


def _checked_header(place: Path, rows: Rows, asked: Asked, mark: DecimalMark) -> list[str]:
    """The names of the columns from the header line, each name once, with all that are asked."""
    header = [cell.strip() for cell in next(rows, [])]
    if any("\0" in name for name in header):
        raise ValueError(f"{quoted(place)} is not a CSV file: its first line is no text")
    if all(map(is_number, mark.pointed(header))):
        what = "holds numbers only" if header else "is empty"
        raise ValueError(
            f"{quoted(place)} must begin with a header line that names its columns; "
            f"its first line {what}"
        )
    if len(header) == 1 and asked.labels in header[0].split()[1:]:
        raise ValueError(
            f"{quoted(place)} must separate cells by commas, semicolons, tabs or bars; in its "
            "first line the separator seems to be spaces"
        )
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise ValueError(
            f"{quoted(place)} must name each column differently; twice or more: {listed(repeated)}"
        )
    named = [*asked.of_samples.items(), *(("ignore", name) for name in asked.ignore)]
    for argument, name in named:
        require(argument, name, header, f"a column in the first line of {quoted(place)}")
    return header


def _read_rows(
    place: Path,
    header: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    asked: Asked,
    mark: DecimalMark,
) -> Data:
    """The data in the rows below the header; ``rows`` are numbers of lines and their cells."""
    is_feature = [name not in {*asked.of_samples.values(), *asked.ignore} for name in header]
    names = tuple(compress(header, is_feature))
    if not names:
        raise ValueError(f"{quoted(place)} must have columns of features beside {listed(header)}")
    if "" in names:
        raise ValueError(
            f"{quoted(place)} must name each column, got none for column {header.index('') + 1}; "
            "if it is no feature, ignore the column by the name ''"
        )
    values, lines = array("d"), array("q")
    columns = {
        argument: TextColumn(f"column {quoted(name)} of {quoted(place)}", [], lines)
        for argument, name in asked.of_samples.items()
    }
    cells_of = [
        (header.index(name), columns[argument].cells) for argument, name in asked.of_samples.items()
    ]
    of_labels = header.index(asked.labels)
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{quoted(place)} must have {len(header)} cells in each line, as in its header, "
                f"got {len(row)} in line {line}"
            )
        cells = list(compress(row, is_feature))
        pointed = mark.pointed(cells)
        try:
            values.extend(map(float, pointed))
            numeric = "_" not in "".join(cells)  # float takes 2024_05
        except ValueError:
            numeric = False
        if not numeric:
            bad = [
                (name, cell)
                for name, cell, number in zip(names, cells, pointed, strict=True)
                if not is_number(number)
            ]
            raise ValueError(
                f"{quoted(place)} must hold numbers in columns of features, got in line {line} "
                f"{_cells_in_words(bad)}; "
                "leave out such lines, or ignore the column if it is no feature"
            )
        mark.note([*cells, row[of_labels]], line)
        for index, texts in cells_of:
            texts.append(row[index].strip())
        lines.append(line)
    if not lines:
        raise ValueError(f"{quoted(place)} must have lines below its header, got none")
    return Data(
        np.frombuffer(values, np.float64).reshape(len(lines), len(names)),
        numbers_or_classes(columns["labels"], mark),
        integers_or_names(columns["groups"]) if "groups" in columns else None,
        None,
        names,
        np.frombuffer(lines, np.int64),
        integers_or_names(columns["clusters"]) if "clusters" in columns else None,
    )


def _cells_in_words(cells: Sequence[tuple[str, str]]) -> str:
    """The names of columns and their cells in words; of many the first."""
    shown = [f"{quoted(cell)} in column {quoted(name)}" for name, cell in cells[:MOST_CELLS]]
    return ", ".join(shown) + (f", … ({len(cells)} in all)" if len(cells) > MOST_CELLS else "")


def require_finite(data: Data, place: Path) -> None:
    """Refuse nan and inf among features and labels of a table; the error names the line.

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
