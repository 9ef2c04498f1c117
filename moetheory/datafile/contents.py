"""The contents of a data file, the files that are opened, and words for error messages."""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_SHOWN = 8  # the most names that a message lists
_LENGTH = 60  # the most characters of a name or a cell in a message


class DataArgumentError(ValueError):
    """An error: an argument of `read_data` cannot be used.

    Attributes
    ----------
    argument : str
        The name of the argument; the message is this name and the problem.

    Examples
    --------
    >>> error = DataArgumentError("labels", "must be a string, got 1")
    >>> error.argument, str(error)
    ('labels', 'labels must be a string, got 1')
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(argument, problem)

    @property
    def argument(self) -> str:
        """The name of the argument."""
        return str(self.args[0])

    def __str__(self) -> str:
        return " ".join(self.args)


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
    lines : ndarray, shape (n,), or None
        The line of each sample in a .csv file, from 1; of several lines the last.
    """

    features: Array
    labels: Array
    groups: Array | None
    block_of: Array | None
    names: tuple[str, ...] | None
    lines: NDArray[np.int64] | None = None


def open_regular(place: Path) -> BinaryIO:
    """The file at ``place``, opened for reading; ValueError if it is a pipe or a device.

    A pipe without a writer would be waited for, and a device may have no end.
    """
    _require_regular(place, place.stat().st_mode)  # to open a device may already do something
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(place, flags), "rb")
    try:
        # another file may have taken the name in between
        _require_regular(place, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(place: Path, mode: int) -> None:
    """Refuse the mode of anything but a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
    if not stat.S_ISREG(mode):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        raise ValueError(f"{quoted(place)} must be a regular file, got {what}")


def require(argument: str, name: str, names: Sequence[str], what: str) -> None:
    """Refuse a ``name`` that is not in ``names``; the error suggests the nearest or lists them."""
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {quoted(near[0])}?" if near else f"; there are {listed(names)}"
    raise DataArgumentError(argument, f"must name {what}, got {quoted(name)}{hint}")


def listed(names: Sequence[str]) -> str:
    """The names separated by commas; a long list is shortened, and so is a long name.

    >>> listed(["a", "b"])
    'a, b'
    >>> listed("abcdefghijkl")
    'a, b, c, d, e, f, g, h, … (12 in all)'
    >>> print(listed(["cle\\x1bar"]))
    cle\\x1bar
    """
    shown = ", ".join(map(printable, names[:_SHOWN])) or "none"
    return shown if len(names) <= _SHOWN else f"{shown}, … ({len(names)} in all)"


def quoted(text: str | Path) -> str:
    """A path whole, or a text shortened, in quotation marks; control characters are escaped.

    >>> print(quoted("a\\nb"), quoted("x" * 1000))
    'a\\nb' 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
    """
    return repr(str(text) if isinstance(text, Path) else _shortened(text))


def printable(text: str) -> str:
    """The text for a message: shortened, and control characters are escaped.

    >>> printable("café"), printable("a\\x9b\\u202e")
    ('café', 'a\\\\x9b\\\\u202e')
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in _shortened(text))


def _shortened(text: str) -> str:
    """At most `_LENGTH` characters of the text, and "…" if there are more."""
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"
