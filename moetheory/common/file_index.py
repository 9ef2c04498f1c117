"""Objects by the names of the files that declare them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from moetheory.common.errors import ArgumentKeyError
from moetheory.common.validation import shown

T = TypeVar("T")


class FileIndex(Mapping[str, T]):
    """Objects by name, each loaded from its file when it is asked for; listing loads none.

    Parameters
    ----------
    title, kind : str
        What the index is, and what one of its objects is: "catalogue" and "a theorem".
    names : callable
        Returns the names: those of the files with dashes.
    load : callable
        Returns the object of a name.

    Raises
    ------
    KeyError
        There is no object of that name; the message has the nearest name, or all.

    Examples
    --------
    >>> squares = FileIndex("squares", "a number", lambda: ["one", "two"], {"one": 1, "two": 4}.get)
    >>> squares, squares["two"], "three" in squares
    (<squares: one, two>, 4, False)
    """

    def __init__(
        self, title: str, kind: str, names: Callable[[], Iterable[str]], load: Callable[[str], T]
    ) -> None:
        self._title, self._kind, self._names, self._load = title, kind, names, load

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> T:
        given: object = name
        if not isinstance(given, str) or name not in set(self):
            near = difflib.get_close_matches(str(name), list(self), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self)}"
            raise ArgumentKeyError(
                "name", f"must be that of {self._kind}, got {shown(name)}; {hint}"
            )
        return self._load(name)

    def __repr__(self) -> str:
        return f"<{self._title}: {', '.join(self)}>"
