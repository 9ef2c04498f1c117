"""Tables of features: arrays, and frames whose columns have names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.array_likes import (
    holds_text,
    is_number_or_missing,
    loose_array,
    plain_array,
)
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column
from moetheory.common.validation import shown

REAL_KINDS = "biuf"
MOST_NAMED = 8  # columns that a message names


class Table(NamedTuple):
    """A matrix of features and the names of its columns.

    Attributes
    ----------
    array : ndarray, shape (n, d)
        Real numbers of any type; NaN is what is missing. A memory map is not read.
    names : list of str, or None
        The names of the columns of a frame; None for an array, whose columns have none.
    """

    array: NDArray[Any]
    names: list[str] | None

    @classmethod
    def matching(cls, features: Any, names: Sequence[str] | None) -> Table:
        """The table of other features for what was fitted on columns of these ``names``.

        Parameters
        ----------
        features : (n, d) array or frame
            An array is taken as it is, for its columns have no names.
        names : sequence of str, or None
            None if the columns had no names: then those of a frame may be any.

        Returns
        -------
        Table

        Raises
        ------
        ArgumentError
            The columns of a frame are others, or in another order: the message names the first that
            differs. Also whatever `table_of` refuses.

        Examples
        --------
        >>> Table.matching([[1.0, 2.0]], ["height", "width"]).array
        array([[1., 2.]])
        """
        found = table_of(features)
        if names is None or found.names is None:
            return found
        for number, (wanted, given) in enumerate(zip_longest(names, found.names)):
            if wanted != given:
                raise ArgumentError(
                    "features",
                    f"must have the {len(names)} columns of the audit in their order, "
                    f"got {_named(given)} in place of {_named(wanted)} as ",
                    Column(number),
                )
        return found


def table_of(features: Any, name: str = "features") -> Table:
    """The features as one matrix of real numbers, with the names of columns where there are any.

    Arrays are taken as they are, memory maps and single precision included. The columns of a frame
    are put together in the smallest type that holds the numbers of all.

    Parameters
    ----------
    features : (n, d) array or frame
        An array of NumPy, a list of rows, a frame of pandas or polars, a table of pyarrow, or what
        has ``__array__`` or ``__dlpack__``. Nullable numbers are taken: what is missing is NaN. A
        `Table` is taken as it is.
    name : str
        The name of the argument in messages.

    Returns
    -------
    Table

    Raises
    ------
    ArgumentError
        Features are no matrix, or sparse; columns hold text or anything else but real numbers
        (which), or have the same name (which).

    Examples
    --------
    >>> table_of([[1, None], [3, 4]])
    Table(array=array([[ 1., nan],
           [ 3.,  4.]]), names=None)
    """
    if isinstance(features, Table):
        return features
    if is_frame(features):
        return _table_of_frame(features, name)
    array = loose_array(name, features)
    if array.ndim != 2 or 0 in array.shape:
        got = array.shape if array.ndim else shown(features)
        raise ArgumentError(name, f"must have shape (n, d) with n, d > 0, got {got}")
    if array.dtype.kind == "O":
        array = _stacked(name, array.T, None)
    if array.dtype.kind not in REAL_KINDS:
        raise ArgumentTypeError(name, f"must hold real numbers, got {array.dtype} values")
    return Table(array, None)


def is_frame(value: object) -> bool:
    """Whether ``value`` has columns by name and can be an array: a frame of any library."""
    kind = type(value)
    has_columns = hasattr(kind, "column_names") or hasattr(kind, "columns")
    return has_columns and hasattr(kind, "__array__") and hasattr(kind, "__getitem__")


def columns_of(frame: Any) -> dict[Any, Any]:
    """The columns of a frame by their names as it has them; of equal names one stays."""
    return {key: frame[key] for key in _keys(frame)}


def _keys(frame: Any) -> list[Any]:
    """The names of the columns; pyarrow says "columns" for what is in them."""
    return list(frame.column_names if hasattr(type(frame), "column_names") else frame.columns)


def _table_of_frame(frame: Any, name: str) -> Table:
    keys = _keys(frame)
    names = [str(key) for key in keys]
    repeated = [each for each, times in Counter(names).items() if times > 1]
    if repeated:
        raise ArgumentError(
            name, f"must have columns of different names, twice or more: {_listed(repeated)}"
        )
    if not keys or not len(frame):
        shape = (len(frame), len(keys))
        raise ArgumentError(name, f"must have shape (n, d) with n, d > 0, got {shape}")
    if _is_one_matrix(frame):
        return Table(plain_array(name, frame), names)
    return Table(_stacked(name, columns_of(frame).values(), names), names)


def _is_one_matrix(frame: Any) -> bool:
    """Whether a frame of pandas becomes a matrix of numbers without a detour by objects."""
    dtypes = list(getattr(frame, "dtypes", ()))
    if not dtypes or not all(isinstance(each, np.dtype) for each in dtypes):
        return False
    kinds = {each.kind for each in dtypes}
    return kinds <= set("iuf") or kinds == {"b"}


def _stacked(name: str, columns: Iterable[Any], names: list[str] | None) -> NDArray[Any]:
    """The columns side by side; ArgumentTypeError if some hold text or other things."""
    arrays, bad = [], []
    for number, column in enumerate(columns):
        array = loose_array(name, column)
        wrong = _what_is_wrong(array)
        if wrong:
            where = Column(number) if names is None else f"column {names[number]!r}"
            bad.append((wrong, where))
        elif not bad:
            arrays.append(plain_array(name, array))
    if bad:
        parts: list[object] = []
        for what, where in bad[:MOST_NAMED]:
            parts += [", " if parts else "", f"{what} in ", where]
        more = f", … ({len(bad)} in all)" if len(bad) > MOST_NAMED else ""
        raise ArgumentTypeError(
            name, "must hold real numbers, got ", *parts, f"{more}: leave out what is no number"
        )
    return np.column_stack(arrays)


def _what_is_wrong(column: NDArray[Any]) -> str:
    """What a column holds in words if it does not hold real numbers, else nothing."""
    if holds_text(column):
        return "text"
    if column.dtype.kind == "O":
        others = [entry for entry in column.tolist() if not is_number_or_missing(entry)]
        return f"{type(others[0]).__name__} values" if others else ""
    if column.ndim != 1:
        return f"values of shape {column.shape[1:]}"
    return "" if column.dtype.kind in REAL_KINDS else f"{column.dtype} values"


def _named(column: str | None) -> str:
    return "no column" if column is None else repr(column)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_NAMED]))
    return shown if len(names) <= MOST_NAMED else f"{shown}, … ({len(names)} in all)"
