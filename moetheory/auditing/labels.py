"""Labels of an audit: numbers, one or several columns, or classes as columns of 0 and 1."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.auditing.entries import entries_or_rows
from moetheory.auditing.units import unit_exponent
from moetheory.common.array_likes import TEXT_KINDS
from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import choice

Kind = Literal["classes", "regression"]
MOST_CLASSES = 1000  # each is a column
FEW_NUMBERS = 10  # different whole numbers that may rather be names
SMALLEST = 2.0**-232  # of columns in the unit, so that squares of squares keep their digits


class Labels(NamedTuple):
    """Labels as columns of numbers.

    Attributes
    ----------
    values : ndarray, shape (n, m)
        Numbers in the unit; one column of two numbers for two classes; a column of 0 and 1 for each
        of more classes.
    exponent : int
        The unit is the power of two of this exponent.
    classes : tuple, or None
        The names of the classes in order; None where labels are numbers.
    note : str
        How the labels were taken, where that is not plain; else empty.
    boundary : float, or None
        The number between the labels of two classes, in the unit.
    """

    values: FloatArray
    exponent: int
    classes: tuple[Any, ...] | None
    note: str = ""
    boundary: float | None = None


def read_labels(labels: Any, samples: int, kind: Kind | None = None) -> Labels:
    """Read the labels of an audit, as numbers or as classes.

    Text and booleans are names of classes. Numbers are numbers, but one column of just two
    different ones is of two classes, which keep their numbers.

    Parameters
    ----------
    labels : (n,) or (n, m) array, series or frame
    samples : int
        The number n of samples.
    kind : "classes", "regression" or None
        "classes" takes numbers too as names; "regression" takes them as numbers, also two.

    Returns
    -------
    Labels

    Raises
    ------
    ArgumentError
        Labels have another shape, are missing (how many, where first), do not vary, or are neither
        numbers nor text; a class has a single sample (which), or there are more than 1000 classes.

    Examples
    --------
    >>> found = read_labels(["b", "a", "c", "a", "b", "c"], 6)
    >>> found.classes, found.values.tolist()[:2]
    (('a', 'b', 'c'), [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> read_labels([2, 1, 3, 1], 4).note.partition(";")[0]
    'Labels are 3 different whole numbers, taken as numbers'
    """
    if kind is not None:
        choice("kind", kind, ("classes", "regression"))
    given = entries_or_rows("labels", labels, samples)
    is_text = given.dtype.kind in TEXT_KINDS
    if not is_text and given.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            "labels", f"must hold real numbers or names, got {given.dtype} values"
        )
    if is_text and kind == "regression":
        raise ArgumentTypeError(
            "labels", f"must hold numbers for regression, got {given.dtype} values"
        )
    _require_finite(given)
    as_names = is_text or (given.dtype.kind == "b" and given.ndim == 1)
    if kind == "classes" or (as_names and kind is None):
        if given.ndim == 2:
            raise ArgumentError(
                "labels", f"must be one column where they are names, got shape {given.shape}"
            )
        return _classes(given)
    return _numbers(given, kind)


def _classes(given: NDArray[Any]) -> Labels:
    """The labels of classes by name: a column of 0 and 1, for more than two one each."""
    names, codes, counts = np.unique(given, return_inverse=True, return_counts=True)
    classes = _names(names)
    _require_classes(classes, counts)
    if len(names) == 2:
        return Labels(codes[:, np.newaxis].astype(np.float64), 0, classes, boundary=0.5)
    values = np.zeros((len(given), len(names)))
    values[np.arange(len(given)), codes] = 1.0
    return Labels(values, 0, classes)


def _require_classes(classes: tuple[Any, ...], counts: NDArray[Any], advice: str = "") -> None:
    """Refuse one class, too many, and one with a single sample; ``advice`` ends the last error."""
    if len(classes) < 2:
        raise ArgumentError("labels", f"must differ, got {classes[0]} {counts[0]} times")
    if counts.min() < 2:
        alone = [name for name, count in zip(classes, counts, strict=True) if count < 2]
        others = f" and of {len(alone) - 1} more classes" if len(alone) > 1 else ""
        raise ArgumentError(
            "labels",
            f"must have at least 2 samples of each class, got a single one of {alone[0]!r}{others}"
            f"{advice}",
        )
    if len(classes) > MOST_CLASSES:
        raise ArgumentError(
            "labels", f"must be of at most {MOST_CLASSES} classes, got {len(classes)}"
        )


def _names(different: NDArray[Any]) -> tuple[Any, ...]:
    """The names of classes; whole numbers are integers, as they were before a file of text."""
    names: list[Any] = different.tolist()
    if different.dtype.kind == "f" and all(name.is_integer() for name in names):
        names = [int(name) for name in names]
    return tuple(names)


def _numbers(given: NDArray[Any], kind: Kind | None) -> Labels:
    """The labels that are numbers, with a note where they may rather be names."""
    columns = given if given.ndim == 2 else given[:, np.newaxis]
    values = columns.astype(np.float64) + 0.0  # no negative zero
    constant = np.flatnonzero(values.min(axis=0) == values.max(axis=0))
    if constant.size:
        where = f" in column {constant[0]}" if columns.shape[1] > 1 else ""
        raise ArgumentError(
            "labels", f"must differ, got {columns[0, constant[0]]} {len(columns)} times{where}"
        )
    largest = np.abs(values).max(axis=0)
    exponent = unit_exponent(float(largest.max()))
    values = np.ldexp(values, -exponent)
    if np.ldexp(largest.min(), -exponent) < SMALLEST:
        raise ArgumentError(
            "labels",
            f"must have columns of sizes that one unit can measure, got {largest.min():g} at most "
            f"in column {largest.argmin()} and {largest.max():g} in column {largest.argmax()}",
        )
    if kind == "regression" or columns.shape[1] > 1:
        return Labels(values, exponent, None)
    different, counts = np.unique(values, return_counts=True)
    original = np.ldexp(different, exponent)
    if len(different) == 2:
        classes = tuple(original.tolist())
        _require_classes(classes, counts, "; classes=False (--regression) takes both as numbers")
        note = (
            f"Labels are two different numbers, {classes[0]:g} and {classes[1]:g}, taken as "
            "classes; classes=False (--regression) takes them as numbers"
        )
        if kind == "classes" or given.dtype.kind == "b":
            note = ""
        return Labels(values, exponent, classes, note, boundary=float(different.mean()))
    note = ""
    if len(different) <= FEW_NUMBERS and np.array_equal(original, np.floor(original)):
        note = (
            f"Labels are {len(different)} different whole numbers, taken as numbers; "
            "classes=True (--classes) takes them as names"
        )
    return Labels(values, exponent, None, note)


def _require_finite(given: NDArray[Any]) -> None:
    """Refuse labels that are missing or infinite; the error says how many, and where first."""
    if given.dtype.kind != "f":
        return
    bad = np.argwhere(~np.isfinite(given))
    if len(bad):
        place = tuple(map(int, bad[0]))
        index = f"index {place[0]}" if given.ndim == 1 else f"row {place[0]}, column {place[1]}"
        verb = "is" if len(bad) == 1 else "are"
        raise ArgumentError(
            "labels",
            f"must be finite, got {len(bad)} that {verb} not, the first {given[place]} at {index}",
        )
