"""Arrays with one entry, or one row, for each sample or feature."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from moetheory.auditing.tabular import columns_of, is_frame, table_of
from moetheory.common.array_likes import plain_array
from moetheory.common.errors import ArgumentError


def entries(name: str, value: Any, length: int, entry: str = "sample") -> NDArray[Any]:
    """The entries of ``value``, (length,), one for each sample or feature, as ``entry`` says.

    They are of one type, numbers or text; a missing number is NaN.

    >>> entries("groups", ["a", "b"], 2)
    array(['a', 'b'], dtype='<U1')
    """
    given = plain_array(name, value)
    if given.shape != (length,):
        raise ArgumentError(
            name, f"must have shape ({length},), one for each {entry}, got {given.shape}"
        )
    return given


def entries_or_rows(name: str, value: Any, length: int) -> NDArray[Any]:
    """The entries of ``value``, (length,), or its rows, (length, m), one for each sample.

    A single column is taken for its entries, of a frame too.

    >>> entries_or_rows("labels", [["a"], ["b"]], 2)
    array(['a', 'b'], dtype='<U1')
    """
    if is_frame(value):
        columns = list(columns_of(value).values())
        given = plain_array(name, columns[0]) if len(columns) == 1 else table_of(value, name).array
    else:
        given = plain_array(name, value)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim not in (1, 2) or len(given) != length or 0 in given.shape:
        shape = f"({length},), one" if given.ndim < 2 else f"({length}, m), one row"
        raise ArgumentError(name, f"must have shape {shape} for each sample, got {given.shape}")
    return given
