"""Escapes in place of characters that would command a terminal."""

from __future__ import annotations

import re

_MARKS = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
_COMMANDS = re.compile(rf"[\x00-\x09\x0b-\x1f{_MARKS}]")
_COMMANDS_AND_BREAKS = re.compile(rf"[\x00-\x1f{_MARKS}]")


def printable(text: str, *, lines: bool = True) -> str:
    """The text with escapes in place of what would command a terminal, or reorder what it shows.

    Escaped are control characters, marks of the direction of writing, and halves of surrogates.
    Line breaks stay unless ``lines`` is false.

    >>> print(printable("a\\x1b[31m\\u202eb\\r"), printable("one\\ntwo", lines=False))
    a\\x1b[31m\\u202eb\\r one\\ntwo
    """
    return (_COMMANDS if lines else _COMMANDS_AND_BREAKS).sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
