"""The door for arrays that others hold: frames, series, tensors, nullable and object types.

Nothing of another library is imported here. What an object is shows in what it can do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import regular_array, shown

TEXT_KINDS = "US"  # of the types of arrays of text
_DENSE = ("toarray", "todense", "to_dense")  # methods that sparse matrices have
_NUMBERS = (int, float, np.integer, np.floating, np.bool_)


def plain_array(name: str, value: Any) -> NDArray[Any]:
    """``value`` as an array of one type, of numbers with NaN for what is missing, or of text.

    What has ``__array__`` or ``__dlpack__`` is taken, and copied only where its numbers have to be
    converted. Numbers among text are refused, and so are sparse matrices. An array of type object
    is of something else.

    >>> plain_array("groups", [1, None, 3])
    array([ 1., nan,  3.])
    >>> plain_array("groups", ["a", None])
    Traceback (most recent call last):
    moetheory.common.errors.ArgumentError: groups must be all text or none, got None at index 1
    """
    array = loose_array(name, value)
    if array.dtype.kind != "O" or array.ndim == 0:
        return array
    entries = array.ravel().tolist()
    odd = [place for place, entry in enumerate(entries) if not isinstance(entry, str | bytes)]
    if odd and len(odd) < len(entries):
        place = np.unravel_index(odd[0], array.shape)
        index = str(place[0]) if array.ndim == 1 else str(tuple(map(int, place)))
        more = f", and {len(odd) - 1} more that are no text" if len(odd) > 1 else ""
        raise ArgumentError(
            name, f"must be all text or none, got {shown(entries[odd[0]])} at index {index}{more}"
        )
    if odd and all(map(is_number_or_missing, entries)):
        entries = [np.nan if _is_missing(entry) else entry for entry in entries]
        return regular_array(name, entries).reshape(array.shape)
    return regular_array(name, array.tolist())


def loose_array(name: str, value: Any) -> NDArray[Any]:
    """``value`` as an array; of type object where text stands among other things or is missing."""
    _refuse_sparse(name, value)
    if isinstance(value, np.ndarray):
        array = regular_array(name, value)
    elif hasattr(type(value), "__array__") or hasattr(type(value), "__dlpack__"):
        array = _converted(name, value)
    else:
        array = regular_array(name, value)
        if array.dtype.kind in TEXT_KINDS and array.ndim:  # also of numbers among text
            array = np.asarray(value, dtype=object)
    return array.astype(object) if array.dtype.kind == "T" else array


def holds_text(array: NDArray[Any]) -> bool:
    """Whether an array is of text, or of objects of which some are text."""
    if array.dtype.kind == "O":
        return any(isinstance(entry, str | bytes) for entry in array.ravel().tolist())
    return array.dtype.kind in TEXT_KINDS


def is_number_or_missing(value: object) -> bool:
    """Whether ``value`` is a real number or a boolean, or stands for one that is missing.

    >>> [is_number_or_missing(each) for each in (0.5, True, None, 1j, "1")]
    [True, True, True, False, False]
    """
    return isinstance(value, _NUMBERS) or _is_missing(value)


def _is_missing(value: object) -> bool:
    """Whether ``value`` stands for nothing: None, NaN, or the NA of pandas."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float) and value != value


def _converted(name: str, value: Any) -> NDArray[Any]:
    """The array that an object of another library gives of itself."""
    try:
        nullable = getattr(getattr(value, "dtype", None), "numpy_dtype", None)
        if isinstance(nullable, np.dtype) and nullable.kind in "biuf":  # a series of pandas
            return _filled(value, nullable)
        is_array = hasattr(type(value), "__array__")
        array = np.asanyarray(value) if is_array else np.from_dlpack(value)
    except Exception as error:  # whatever another library raises
        why = " ".join(str(error).split()) or type(error).__name__
        kind = type(value).__name__
        raise ArgumentError(name, f"must be readable as an array, got a {kind}: {why}") from None
    return regular_array(name, array)


def _filled(series: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A series of pandas whose type is nullable, with NaN for what is missing."""
    if not series.isna().any():
        return np.asarray(series.to_numpy(dtype=dtype))
    filled = dtype if dtype.kind == "f" else np.dtype(np.float64)
    return np.asarray(series.to_numpy(dtype=filled, na_value=np.nan))


def _refuse_sparse(name: str, value: Any) -> None:
    """Refuse a sparse matrix; the error names the method that makes it dense."""
    kind = type(value)  # of a frame, a column may have any of these names
    counts_entries = hasattr(kind, "nnz") or hasattr(kind, "nse")
    if not counts_entries and getattr(value, "is_sparse", False) is not True:
        return
    method = next((each for each in _DENSE if hasattr(kind, each)), None)
    if method is not None:
        raise ArgumentError(
            name,
            f"must be dense, got a sparse {kind.__name__}: its method {method}() makes it dense",
        )
