"""Rows of claims in a given width: claim, evidence and verdict, broken between words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

COLUMNS = ("claim", "evidence", "verdict")
NARROW, WIDE = 60, 120  # below, there is no room for three columns; beyond, no use
NO_BREAK = "\N{NO-BREAK SPACE}"


def heading(width: int) -> str:
    """The names of the columns above the rows of claims; empty where there are no columns.

    >>> heading(60)
    '  claim                evidence             verdict'
    """
    return "" if width < NARROW else "\n".join(_row(COLUMNS, _sizes(width)))


def claim_lines(cells: Sequence[str], width: int) -> Iterator[str]:
    """The lines of a claim: three columns, or one below the other where there is no room.

    >>> for line in claim_lines(("MoE <= dense", "proved for any strict model", "holds"), 60):
    ...     print(line)
      MoE <= dense         proved for any       holds
                           strict model
    """
    return _row(cells, _sizes(width)) if width >= NARROW else _block(cells, width)


def broken(line: str, width: int, first: str = "", others: str = "") -> list[str]:
    """A line broken between words, but not before a unit or around "=", with indents.

    >>> broken("an error of 2 %", 12)
    ['an error of', '2 %']
    """
    # textwrap breaks at blanks of ASCII alone
    kept = line.replace(" %", f"{NO_BREAK}%").replace(" = ", f"{NO_BREAK}={NO_BREAK}")
    lines = textwrap.wrap(kept, width, initial_indent=first, subsequent_indent=others)
    return [each.replace(NO_BREAK, " ") for each in lines]


def _sizes(width: int) -> tuple[int, int, int]:
    """The sizes of the columns for claims, evidence and verdicts, with two blanks between them.

    They depend on the width alone: rows are printed before the later ones are known.
    """
    verdict = 16 if width < 100 else 24
    left = min(width, WIDE) - verdict - 4
    return (left + 1) // 2 + 1, left // 2 - 1, verdict


def _row(cells: Sequence[str], sizes: Sequence[int]) -> Iterator[str]:
    """The lines of a row whose cells are broken between words."""
    columns = [
        broken(cell, size, indent, 2 * indent)
        for cell, size, indent in zip(cells, sizes, ("  ", "", ""), strict=True)
    ]
    for parts in zip_longest(*columns, fillvalue=""):
        yield "  ".join(f"{part:<{size}}" for part, size in zip(parts, sizes, strict=True)).rstrip()


def _block(cells: Sequence[str], width: int) -> Iterator[str]:
    """The cells of a row below one another, each after the name of its column."""
    yield ""
    size = max(map(len, COLUMNS)) + 2
    for name, cell in zip(COLUMNS, cells, strict=True):
        yield from broken(cell, width, f"{name:<{size}}", " " * size)
