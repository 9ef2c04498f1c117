"""The contents of a data file, the files that are opened, and words for error messages."""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BOMB_SIZE, BOMB_RATIO = 2**30, 1000  # bytes unpacked, and by how much they were compressed
LARGEST_TEXT = 2**30  # bytes of a column of names, each of which takes the room of the longest
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
        The line of each sample in a .csv or .tsv file, from 1; of several lines the last.
    clusters : ndarray, shape (n,), or None
        What each sample belongs to, a document or a user, as integers or names.
    """

    features: Array
    labels: Array
    groups: Array | None
    block_of: Array | None
    names: tuple[str, ...] | None
    lines: NDArray[np.int64] | None = None
    clusters: Array | None = None


class Asked(NamedTuple):
    """What is asked of a data file: the names of its columns or arrays, or other files."""

    labels: str
    groups: str | None = None
    clusters: str | None = None
    block_of: str | None = None
    features: str | None = None
    ignore: tuple[str, ...] = ()

    @property
    def of_samples(self) -> dict[str, str]:
        """The columns beside the features by their arguments: labels, and groups and clusters."""
        named = {"labels": self.labels, "groups": self.groups, "clusters": self.clusters}
        return {argument: name for argument, name in named.items() if name is not None}


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


def refuse_bomb(what: str, packed: int, unpacked: int) -> None:
    """Refuse what is larger than 1 GiB and was compressed more than text or numbers ever are.

    >>> refuse_bomb("'x.npz'", packed=2**20, unpacked=2**31)
    Traceback (most recent call last):
    ValueError: 'x.npz' must not be compressed more than 1000 times, got 1048576 bytes that unpack \
to 2147483648
    """
    if unpacked > BOMB_SIZE and unpacked > BOMB_RATIO * packed:
        raise ValueError(
            f"{what} must not be compressed more than {BOMB_RATIO} times, "
            f"got {packed} bytes that unpack to {unpacked}"
        )


def text_array(cells: Sequence[str], what: str, place_of: Callable[[int], str]) -> Array:
    """The cells as an array of text; ValueError if one of them is too long for that.

    ``place_of`` gives the words for the place of a cell in the message.

    >>> text_array(["b", "a"], "column 'y'", "line {}".format).tolist()
    ['b', 'a']
    """
    longest = max(range(len(cells)), key=lambda row: len(cells[row]))
    length = len(cells[longest])
    if 4 * length * len(cells) > LARGEST_TEXT:  # four bytes a character
        raise ValueError(
            f"{what} must have shorter names, got {length} characters in {place_of(longest)} "
            f"of {len(cells)} samples"
        )
    return np.array(cells)


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
