"""The contents of a data file, and words for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
_SHOWN = 8  # the most names that a message lists


class Data(NamedTuple):
    """The contents of a data file.

    Attributes
    ----------
    features : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
        The labels, numbers or text.
    groups : ndarray, shape (n,), or None
    block_of : ndarray, shape (d,), or None
    names : tuple of str, or None
        The names of the features, where the file has names; the numbers of their columns where
        other columns are no features.
    """

    features: Array
    labels: Array
    groups: Array | None
    block_of: Array | None
    names: tuple[str, ...] | None


def require(argument: str, name: str, names: Sequence[str], what: str) -> None:
    """Refuse a ``name`` that is not in ``names``; the error suggests the nearest or lists them."""
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {listed(names)}"
    raise ValueError(f"{argument} must name {what}, got {name!r}{hint}")


def listed(names: Sequence[str]) -> str:
    """The names separated by commas; a long list is shortened.

    >>> listed(["a", "b"])
    'a, b'
    >>> listed("abcdefghijkl")
    'a, b, c, d, e, f, g, h, … (12 in all)'
    """
    shown = ", ".join(names[:_SHOWN]) or "none"
    return shown if len(names) <= _SHOWN else f"{shown}, … ({len(names)} in all)"


def quoted(place: Path) -> str:
    """The path of a file as quoted text for messages."""
    return repr(str(place))
