"""Argument checks: each error names the argument, what was given and what is needed."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import OutOfRangeError

Option = TypeVar("Option", bound=str)
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
    if not integer and (
        np.ndim(np.asarray(value, dtype=object)) or np.asarray(value).dtype.kind not in "iuf"
    ):
        raise ValueError(f"{name} must be a real number, got {value!r}")
    try:
        result = float(value) + 0.0  # no negative zero
    except OverflowError:
        raise ValueError(f"{name} must be finite, got an integer beyond all floats") from None
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    if result < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {result:g}")
    if result <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {result:g}")
    if result >= below:
        raise ValueError(f"{name} must be less than {below:g}, got {result:g}")
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
    bad = np.flatnonzero((sizes != 0.0) & ((sizes < low) | (sizes > high)))
    if bad.size:
        size = " in size" if np.any(array < 0.0) else ""
        alone = given.ndim == 0 or given.strides == (0,)
        raise OutOfRangeError(
            f"{name} must be 0 or between {low:g} and {high:g}{size}, "
            f"got {array[bad[0]]:g}{'' if alone else f' at index {bad[0]}'}"
        )


def distinct(array: NDArray[Any]) -> NDArray[Any]:
    """The first entry alone of a number that was repeated without taking memory, else all."""
    return array[:1] if array.strides == (0,) else array


def count(name: str, value: Any, *, minimum: int = 0, maximum: int = 2**63 - 1) -> int:
    """``value`` as a Python int from ``minimum`` to ``maximum``; no float or boolean is taken."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if result < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {result}")
    if result > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {result}")
    return result


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
        raise ValueError(f"{name} must be True or False, got {value!r}")
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
    raise ValueError(f"{name} must be {named}, got {value!r}")


def read_only(*arrays: NDArray[Any]) -> None:
    """Make arrays read-only, in place."""
    for array in arrays:
        array.flags.writeable = False


def members(name: str, value: Any, of: str = "arrays") -> list[Any]:
    """The members of the sequence ``value`` as a list; errors say that it must hold ``of``."""
    try:
        return list(value)
    except TypeError:
        raise ValueError(f"{name} must be a sequence of {of}, got {value!r}") from None


def regular_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """``value`` as an array of any type, not copied if it is an array; rows have equal length."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be a regular array, got rows of unequal length") from None


def real_array(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as a new array of finite floats; a negative zero becomes zero."""
    given = regular_array(name, value)
    if given.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got {given.dtype} values")
    array = given.astype(np.float64) + 0.0
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        raise ValueError(f"{name} must be finite, got {array[place]} at index {_index_text(place)}")
    return array


def vector(
    name: str, value: ArrayLike, *, length: int | None = None, minimum: float = -math.inf
) -> FloatArray:
    """``value`` as a new, read-only array of shape (length,) with entries at least ``minimum``."""
    array = real_array(name, value)
    if array.ndim != 1 or array.size == 0 or (length is not None and array.size != length):
        wanted = "(n,) with n > 0" if length is None else f"({length},)"
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    return _checked_minimum(name, array, minimum)


def scalar_or_vector(
    name: str, value: ArrayLike, *, length: int, minimum: float = -math.inf
) -> FloatArray:
    """``value`` as a read-only array (length,); one number is repeated without taking memory."""
    if regular_array(name, value).ndim > 0:
        return vector(name, value, length=length, minimum=minimum)
    return np.broadcast_to(np.float64(number(name, value, minimum=minimum)), (length,))


def _checked_minimum(name: str, array: FloatArray, minimum: float) -> FloatArray:
    """``array`` itself, made read-only; ValueError if an entry is below ``minimum``."""
    bad = np.flatnonzero(array < minimum)
    if bad.size:
        raise ValueError(
            f"{name} must be at least {minimum:g}, got {array[bad[0]]:g} at index {bad[0]}"
        )
    read_only(array)
    return array


def _index_text(place: tuple[int, ...]) -> str:
    """The index of an entry as text: a number for one axis, else a tuple."""
    return str(place[0]) if len(place) == 1 else str(place)
