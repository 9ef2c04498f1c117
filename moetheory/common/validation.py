"""Argument checks: each error names the argument, what was given and what is needed."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterator, Mapping, Set, Sized
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import (
    ArgumentError,
    ArgumentIndexError,
    ArgumentTypeError,
    OutOfRangeError,
)

Option = TypeVar("Option", bound=str)
LONGEST = 2**27  # members of a sequence that becomes an array
SHOWN = 60  # characters of a value in a message
Limits = tuple[float, float]  # the smallest and the largest size of a number that is not 0


def number(
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """``value`` as a finite Python float, at least ``minimum``, between ``above`` and ``below``.

    A negative zero becomes zero.
    """
    integer = isinstance(value, int) and not isinstance(value, bool)  # of any size
    if not (integer or type(value) is float):
        if np.ndim(np.asarray(value, dtype=object)) or np.asarray(value).dtype.kind not in "iuf":
            raise ArgumentTypeError(name, f"must be a real number, got {shown(value)}")
        refuse_masks(name, value)
    try:
        result = float(value) + 0.0  # no negative zero
    except OverflowError:
        raise ArgumentError(name, "must be finite, got an integer beyond all floats") from None
    if not math.isfinite(result):
        raise ArgumentError(name, f"must be finite, got {result}")
    if result < minimum:
        raise ArgumentError(name, f"must be at least {minimum:g}, got {result:g}")
    if result <= above:
        raise ArgumentError(name, f"must be greater than {above:g}, got {result:g}")
    if result >= below:
        raise ArgumentError(name, f"must be less than {below:g}, got {result:g}")
    return result


def zero_or_within(name: str, value: float | FloatArray, limits: Limits) -> None:
    """Raise `OutOfRangeError` unless each number is 0 or has a size within ``limits``.

    >>> zero_or_within("ridge", 1e50, (1e-40, 1e40))
    Traceback (most recent call last):
    moetheory.common.errors.OutOfRangeError: ridge must be 0 or between 1e-40 and 1e+40, got 1e+50
    """
    given = np.asarray(value)
    array, (low, high) = distinct(np.atleast_1d(given)), limits
    sizes = np.abs(array)
    outside = (sizes != 0.0) & ((sizes < low) | (sizes > high))
    if outside.any():
        bad = np.flatnonzero(outside)
        size = " in size" if np.any(array < 0.0) else ""
        alone = given.ndim == 0 or given.strides == (0,)
        raise OutOfRangeError(
            name,
            f"must be 0 or between {low:g} and {high:g}{size}, "
            f"got {array[bad[0]]:g}{'' if alone else f' at index {bad[0]}'}",
        )


def distinct(array: NDArray[Any]) -> NDArray[Any]:
    """The first entry alone of a number that was repeated without taking memory, else all."""
    return array[:1] if array.strides == (0,) else array


def count(name: str, value: Any, *, minimum: float = 0, maximum: float = 2**63 - 1) -> int:
    """``value`` as a Python int from ``minimum`` to ``maximum``; no float or boolean is taken."""
    refuse_masks(name, value)
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(name, f"must be an integer, got {shown(value)}") from None
    if result < minimum:
        raise ArgumentError(name, f"must be at least {minimum}, got {shown(result)}")
    if result > maximum:
        raise ArgumentError(name, f"must be at most {maximum}, got {shown(result)}")
    return result


def index(name: str, value: Any, length: int) -> int:
    """``value`` as an index from 0 to ``length`` - 1; a negative one counts from the end.

    >>> index("i", -1, 3)
    2
    """
    place = count(name, value, minimum=-math.inf, maximum=math.inf)
    if not -length <= place < length:
        raise ArgumentIndexError(
            name,
            f"must be from {-length} to {length - 1}, the last of {length}, got {shown(place)}",
        )
    return place % length


def whole(name: str, value: Any, *, minimum: int = 0, maximum: int = 2**63 - 1) -> int:
    """``value`` as a Python int within limits; unlike in `count`, a float may be a whole number.

    >>> whole("steps", 1e9)
    1000000000
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return count(name, value, minimum=minimum, maximum=maximum)


def flag(name: str, value: Any) -> bool:
    """``value`` as a Python bool; it must be True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentTypeError(name, f"must be True or False, got {shown(value)}")
    return bool(value)


def choice(name: str, value: Any, options: tuple[Option, ...]) -> Option:
    """``value``, which must be one of the strings ``options``.

    >>> choice("counts", "fixed", ("fixed", "multinomial"))
    'fixed'
    """
    if isinstance(value, str) and value in options:
        return options[options.index(value)]
    named = " or ".join(f'"{each}"' for each in options)
    if len(options) > 2:
        named = f"one of {', '.join(options)}"
    kind = ArgumentError if isinstance(value, str) else ArgumentTypeError
    raise kind(name, f"must be {named}, got {shown(value)}")


def text(name: str, value: Any) -> str:
    """``value``, which must be a string."""
    if not isinstance(value, str):
        raise ArgumentTypeError(name, f"must be a string, got {shown(value)}")
    return value


def file_path(name: str, value: Any) -> Path:
    """``value`` as a path; it must be a string or a path of strings, and not empty."""
    if isinstance(value, str | os.PathLike):
        given = None
        with suppress(TypeError):  # of a path that is none
            given = os.fspath(value)
        if isinstance(given, str):
            if not given or "\0" in given or not _has_file_name(given):
                raise ArgumentError(name, f"must be the path of a file, got {given!r}")
            return Path(given)
    raise ArgumentTypeError(name, f"must be a path, got {shown(value)}")


def _has_file_name(text: str) -> bool:
    """Whether the operating system can write ``text``: it has no lone surrogates."""
    try:
        return bool(os.fsencode(text))
    except UnicodeEncodeError:
        return False


def shown(value: object) -> str:
    """The value as code, shortened to what fits a message.

    >>> shown("x" * 200)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**SHOWN:
        return f"an integer beyond 10^{SHOWN}"  # Python refuses to write very long ones
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape} and type {value.dtype}"
    try:
        code = " ".join(repr(value).split())
    except Exception:  # the repr is another's, and Python refuses to write very long integers
        return f"an object of type {type(value).__name__}"
    half = SHOWN // 2
    return code if len(code) <= SHOWN else f"{code[:half]}…{code[-half:]}"


def read_only(*arrays: NDArray[Any]) -> None:
    """Make arrays read-only, in place."""
    for array in arrays:
        array.flags.writeable = False


def members(name: str, value: Any, of: str = "arrays") -> list[Any]:
    """The members of the sequence ``value`` as a list; errors say that it must hold ``of``."""
    return list(iterated(name, value, of))


def iterated(name: str, value: Any, of: str = "arrays") -> Iterator[Any]:
    """An iterator over ``value``; errors say that it must hold ``of``.

    A string, a mapping and a set are refused: what they hold has no order, or is not meant.
    """
    if not isinstance(value, str | bytes | Mapping | Set):
        refuse_masks(name, value)
        with suppress(TypeError):
            return iter(value)
    raise ArgumentTypeError(name, f"must be a sequence of {of}, got {shown(value)}")


def regular_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """``value`` as an array of any type, not copied if it is an array; rows have equal length.

    Every array argument passes here, so that masks, whose numbers are not meant, are refused.
    """
    refuse_masks(name, value)
    if isinstance(value, Sized) and not isinstance(value, np.ndarray) and len(value) > LONGEST:
        raise ArgumentError(name, f"must have at most {LONGEST} members, got {len(value)}")
    try:
        array = np.asanyarray(value)
    except (ValueError, TypeError):
        raise ArgumentError(name, "must be a regular array, got rows of unequal length") from None
    refuse_masks(name, array)  # an object may turn into a masked array
    return np.asarray(array)


def refuse_masks(name: str, value: object) -> None:
    """Refuse a masked array that is masked anywhere, also as a member of a sequence.

    >>> refuse_masks("labels", np.ma.masked_equal([1.0, -9999.0], -9999.0))
    Traceback (most recent call last):
    moetheory.common.errors.ArgumentError: labels must not be masked, got 1 masked value
    """
    arrays = value if isinstance(value, list | tuple) else (value,)
    masks = (np.ma.getmaskarray(a) for a in arrays if isinstance(a, np.ma.MaskedArray))
    masked = sum(np.count_nonzero(mask) for mask in masks)
    if masked:
        values = "value" if masked == 1 else "values"
        raise ArgumentError(name, f"must not be masked, got {masked} masked {values}")


def by_precision(given: ArrayLike, double: float, single: float) -> float:
    """The tolerance of an argument: ``single`` if it was given in single precision (float32).

    >>> by_precision([1.0], 1e-9, 1e-6), by_precision(np.ones(1, np.float32), 1e-9, 1e-6)
    (1e-09, 1e-06)
    """
    return single if np.asarray(given).dtype == np.float32 else double


def real_array(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as a new array of finite floats; a negative zero becomes zero."""
    given = regular_array(name, value)
    if given.dtype.kind not in "iuf":
        raise ArgumentTypeError(name, f"must hold real numbers, got {given.dtype} values")
    array = given.astype(np.float64) + 0.0
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ArgumentError(
            name, f"must be finite, got {array[place]} at index {_index_text(place)}"
        )
    return array


def vector(
    name: str, value: ArrayLike, *, length: int | None = None, minimum: float = -math.inf
) -> FloatArray:
    """``value`` as a new, read-only array of shape (length,) with entries at least ``minimum``."""
    array = real_array(name, value)
    if array.ndim != 1 or array.size == 0 or (length is not None and array.size != length):
        wanted = "(n,) with n > 0" if length is None else f"({length},)"
        raise ArgumentError(name, f"must have shape {wanted}, got {array.shape}")
    return _checked_minimum(name, array, minimum)


def scalar_or_vector(
    name: str, value: ArrayLike, *, length: int, minimum: float = -math.inf
) -> FloatArray:
    """``value`` as a read-only array (length,); one number is repeated without taking memory."""
    if regular_array(name, value).ndim > 0:
        return vector(name, value, length=length, minimum=minimum)
    return np.broadcast_to(np.float64(number(name, value, minimum=minimum)), (length,))


def number_or_vector(
    name: str, value: ArrayLike, *, length: int | None = None, minimum: float = -math.inf
) -> float | FloatArray:
    """``value`` as a float, also where all entries are equal, or as a read-only array (length,)."""
    if regular_array(name, value).ndim == 0:
        return number(name, value, minimum=minimum)
    array = vector(name, value, length=length, minimum=minimum)
    first = array[:1]
    return float(first[0]) if first.size and np.all(array == first) else array


def _checked_minimum(name: str, array: FloatArray, minimum: float) -> FloatArray:
    """``array`` itself, made read-only; ValueError if an entry is below ``minimum``."""
    below = array < minimum
    if below.any():
        first = int(np.argmax(below))
        raise ArgumentError(
            name, f"must be at least {minimum:g}, got {array[first]:g} at index {first}"
        )
    read_only(array)
    return array


def _index_text(place: tuple[int, ...]) -> str:
    """The index of an entry as text: a number for one axis, else a tuple."""
    return str(place[0]) if len(place) == 1 else str(place)
