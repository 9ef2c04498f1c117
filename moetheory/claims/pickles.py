"""Pickles of declarations whose functions are lambdas: by the place where they are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FoundByName:
    """A base of declarations that pickle by where they are found.

    Their functions are lambdas, which do not pickle. A declaration that the catalogue has not
    placed pickles as other objects do, by its functions, which must then stand in a module.
    """

    def pickled_as(self, find: Callable[..., Any], *arguments: object) -> None:
        """From now on pickle, and be copied, as the result of ``find(*arguments)``."""
        vars(self)["_found"] = (find, arguments)

    @property
    def is_placed(self) -> bool:
        """Whether the catalogue has placed it."""
        return "_found" in vars(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return vars(self).get("_found") or super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return {name: each for name, each in vars(self).items() if name != "cases"}


def part_of(declaration: Any, place: str, *index: int) -> Any:
    """What stands at a ``place`` of a declaration, for pickles."""
    found = getattr(declaration, place)
    return found[index[0]] if index else found
