"""Objects by the names of the files that declare them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from moetheory.common.errors import ArgumentKeyError
from moetheory.common.validation import shown

T = TypeVar("T")
SHORT = 2  # letters that are in too many names to be meant


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
            near = self._near(str(name))
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self)}"
            raise ArgumentKeyError(
                "name", f"must be that of {self._kind}, got {shown(name)}; {hint}"
            )
        return self._load(name)

    def _near(self, given: str) -> list[str]:
        """The one name that has what was given in it, or is the most like it."""
        part = re.sub(r"\W|_", "-", given.lower())
        inside = [each for each in self if len(part) > SHORT and part in each]
        return inside if len(inside) == 1 else difflib.get_close_matches(given, list(self), n=1)

    def __repr__(self) -> str:
        return f"<{self._title}: {', '.join(self)}>"
