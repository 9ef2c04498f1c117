"""What a file holds, and the words of its refusals."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
_SHOWN = 8  # names that a message lists


class Data(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    features : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
        Numbers, or text.
    groups : ndarray, shape (n,), or None
    block_of : ndarray, shape (d,), or None
    names : tuple of str, or None
        Of the features, where the file has them; the numbers of columns where some are not
        features.
    """

    features: Array
    labels: Array
    groups: Array | None
    block_of: Array | None
    names: tuple[str, ...] | None


def require(argument: str, name: str, names: Sequence[str], what: str) -> None:
    """Refuse a ``name`` that is none of ``names``, with the nearest of them or a list."""
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {listed(names)}"
    raise ValueError(f"{argument} must name {what}, got {name!r}{hint}")


def listed(names: Sequence[str]) -> str:
    """Names separated by commas, many of them shortened.

    >>> listed(["a", "b"])
    'a, b'
    >>> listed("abcdefghijkl")
    'a, b, c, d, e, f, g, h, … (12 in all)'
    """
    shown = ", ".join(names[:_SHOWN]) or "none"
    return shown if len(names) <= _SHOWN else f"{shown}, … ({len(names)} in all)"


def quoted(place: Path) -> str:
    """A file, in a message."""
    return repr(str(place))
