"""Reading .parquet files by pyarrow, an optional dependency."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from moetheory.datafile.contents import (
    Array,
    Asked,
    Data,
    DataArgumentError,
    listed,
    open_regular,
    printable,
    quoted,
    refuse_bomb,
    require,
    text_array,
)

NUMBER = 8  # bytes, at most


def read_parquet(place: Path, asked: Asked) -> Data:
    """The data of a .parquet file, of which only the columns that are needed are read.

    `moetheory.datafile.read_data` states the rules.
    """
    with open_regular(place) as file:
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise DataArgumentError(
                "path", "needs pyarrow to be a .parquet file: pip install 'moetheory[parquet]'"
            ) from None
        try:
            parquet = ParquetFile(file, page_checksum_verification=True)
            features = _names_of_features(place, parquet.schema_arrow, asked)
            rows = parquet.metadata.num_rows
            size = os.fstat(file.fileno()).st_size
            refuse_bomb(quoted(place), size, rows * len(features) * NUMBER)
            table = parquet.read(columns=[*features, *asked.of_samples.values()])
            if not rows:
                raise ValueError(f"{quoted(place)} must have rows, got none")
            found = {
                argument: _entries(table.column(name), f"column {quoted(name)} of {quoted(place)}")
                for argument, name in asked.of_samples.items()
            }
            matrix = np.column_stack([_numbers(table.column(name)) for name in features])
        except (ArrowException, OSError, UnicodeDecodeError) as error:
            why = printable(str(error).partition("\n")[0])
            raise ValueError(f"{quoted(place)} is not a .parquet file: {why}") from None
    return Data(
        matrix,
        found["labels"],
        found.get("groups"),
        None,
        tuple(features),
        clusters=found.get("clusters"),
    )


def _names_of_features(place: Path, schema: Any, asked: Asked) -> list[str]:
    """The columns that are features; ValueError unless they hold numbers and all asked exist."""
    from pyarrow import types

    names: list[str] = schema.names
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{quoted(place)} must name each column differently; twice or more: {listed(repeated)}"
        )
    named = [*asked.of_samples.items(), *(("ignore", name) for name in asked.ignore)]
    for argument, name in named:
        require(argument, name, names, f"a column of {quoted(place)}")
    others = {*asked.of_samples.values(), *asked.ignore, *_index_columns(schema)}
    features = [name for name in names if name not in others]
    if not features:
        raise ValueError(f"{quoted(place)} must have columns of features beside {listed(names)}")
    numeric = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    bad = [
        f"{schema.field(name).type} in column {quoted(name)}"
        for name in features
        if not any(fits(schema.field(name).type) for fits in numeric)
    ]
    if bad:
        raise ValueError(
            f"{quoted(place)} must hold numbers in columns of features, got {listed(bad)}; "
            "ignore a column if it is no feature"
        )
    return features


def _index_columns(schema: Any) -> set[str]:
    """The columns that are the index of a frame of pandas."""
    try:
        return {name for name in schema.pandas_metadata["index_columns"] if isinstance(name, str)}
    except (TypeError, KeyError, ValueError, RecursionError):  # there is none, or it is damaged
        return set()


def _numbers(column: Any) -> Array:
    """A column of numbers; null is nan."""
    from pyarrow import types

    if types.is_boolean(column.type):
        column = column.cast("int8")
    elif types.is_decimal(column.type):
        column = column.cast("float64")
    found: Array = column.to_numpy()
    return found


def _entries(column: Any, what: str) -> Array:
    """A column of numbers or names; ValueError for others, and for null among them."""
    from pyarrow import types

    if column.null_count:
        first = int(np.argmax(column.is_null().to_numpy()))
        raise ValueError(
            f"{what} must have no empty cells, got {column.null_count}, the first in row {first}"
        )
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return text_array(column.to_pylist(), what, "row {}".format)
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise ValueError(f"{what} must hold numbers or text, got {kind}")
    found: Array = column.to_numpy()
    return found
