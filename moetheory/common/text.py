"""Numbers and tables as text for people."""

from __future__ import annotations

import dataclasses
import html
import math
import reprlib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common.escapes import printable
from moetheory.common.validation import count

LINES, COLUMNS = 10, 100  # of a repr, at most
MOST_ROWS = 60  # of a table in a notebook
UNLESS_DEFAULT = {"repr": "unless default"}  # metadata of a field: when a repr has it
NOT_IN_JSON = {"json": False}  # metadata of a field: no JSON document has it
_ITEMS = 4  # of a sequence that are shown in a repr


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    """A table of aligned columns, or a block of names and values for each row if too wide.

    Text is flush left, numbers (cells that start with a digit, a sign or a dot, inf, nan and
    never) flush right. What a cell cannot show is escaped (`printable`).

    >>> print(table(["name", "value"], [["a", "1.5"], ["bc", "10"]], width=None))
    name  value
    a       1.5
    bc       10
    """
    header = [printable(cell, lines=False) for cell in header]
    rows = [[printable(cell, lines=False) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        name_width = max(map(len, header))
        blocks = (
            "\n".join(
                f"{name:<{name_width}}  {cell}".rstrip()
                for name, cell in zip(header, row, strict=True)
                if cell
            )
            for row in rows
        )
        return "\n\n".join(blocks)

    def line(cells: Sequence[str], numeric: Sequence[bool]) -> str:
        padded = (
            cell.rjust(size) if right else cell.ljust(size)
            for cell, size, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    def is_numeric(cell: str) -> bool:
        return not cell or cell[0] in "+-.0123456789" or cell in ("inf", "nan", "never")

    numeric = [any(column) and all(map(is_numeric, column)) for column in zip(*rows, strict=True)]
    return "\n".join(line(row, numeric) for row in (header, *rows))


def tables(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, lead: int
) -> str:
    """The fewest tables that fit ``width``; each begins with the first ``lead`` columns.

    >>> print(tables(["at", "left", "right"], [["a", "1.5", "10"]], width=10, lead=1))
    at  left
    a    1.5
    <BLANKLINE>
    at  right
    a      10
    """
    others = range(lead, len(header))
    for number_of_tables in range(1, len(others) + 1):
        size = math.ceil(len(others) / number_of_tables)
        parts = [
            [*range(lead), *others[start : start + size]] for start in range(0, len(others), size)
        ]
        text = "\n\n".join(
            table([header[i] for i in part], [[row[i] for i in part] for row in rows], None)
            for part in parts
        )
        if width is None or max(map(len, text.splitlines())) <= width:
            return text
    return table(header, rows, width)


def wrapped(text: str, width: int | None) -> str:
    """The text with lines broken between words where they are longer than ``width``.

    >>> print(wrapped("where experts win\\nand why", width=14))
    where experts
    win
    and why
    """
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "row"), counted(3, "row")
    ('1 row', '3 rows')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def number(value: float) -> str:
    """The number with six significant digits."""
    return f"{value:.6g}"


def rounded(value: float, sem: float) -> str:
    """The digits of ``value`` that its standard error leaves: up to the second of ``sem``.

    >>> rounded(0.123456, 0.0123), rounded(1234.5, 20.0), rounded(0.123456789, math.inf)
    ('0.123', '1234', '0.123457')
    """
    if not 0.0 < sem < math.inf:
        return number(value)
    digits = max(1 - math.floor(math.log10(sem)), 0)
    # longer numbers are easier to read with an exponent
    return f"{value:.{digits}f}" if digits < 8 and abs(value) < 1e9 else number(value)


def with_error(value: float, sem: float) -> str:
    """The text of a `rounded` number and its standard error.

    >>> with_error(0.51234, 0.0021)
    '0.5123 ± 0.0021'
    """
    return f"{rounded(value, sem)} ± {sem:.2g}"


def checked_width(width: Any) -> int | None:
    """``width`` as a number of columns of at least 1, or None for any."""
    return None if width is None else count("width", width, minimum=1)


def code(call: str) -> str:
    """The code of a call with its lines broken between words where they are too long."""
    return textwrap.fill(
        call, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def fits_screen(text: str) -> bool:
    """Whether the lines of a text are no more and no longer than those of a repr may be."""
    lines = text.splitlines()
    return len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines)


def _is_shown(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether the repr of ``value`` has ``field``."""
    left_out = field.metadata == UNLESS_DEFAULT and getattr(value, field.name) == field.default
    return field.repr and not left_out


def short_repr(value: Any) -> str:
    """The repr of a dataclass or named tuple on a screen: long arrays and texts are abridged.

    >>> from typing import NamedTuple
    >>> class Place(NamedTuple):
    ...     steps: int
    ...     note: str
    >>> print(short_repr(Place(3, "x" * 200)))
    Place(steps=3, note='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')
    """
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value) if _is_shown(each, value)]
    else:
        names = list(value._fields)
    text = ""
    for size in (240, 72, 36, 18):  # of a field
        abridged = _Abridged(size)
        parts = (f"{name}={abridged.field(getattr(value, name))}" for name in names)
        text = code(f"{type(value).__name__}({', '.join(parts)})")
        if fits_screen(text):
            break
    return text


class _Abridged(reprlib.Repr):
    """The reprs of the fields of a dataclass, each in at most ``size`` characters."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = self.maxstring = self.maxlong = self.maxother = size
        self.maxlist = self.maxtuple = _ITEMS

    def field(self, value: object) -> str:
        """The repr of a value on one line; numbers are never cut, but rounded or left out."""
        text = " ".join(self.repr(value).split())
        if len(text) <= self.size:
            return text
        if isinstance(value, list | tuple):
            return f"<{len(value)} of {type(value[0]).__name__}>"
        half = (self.size - 3) // 2
        return f"{text[:half]}...{text[-half:]}"

    def repr_instance(self, x: object, level: int) -> str:
        """The repr of an object, or its type alone."""
        text = " ".join(repr(x).split())
        return text if len(text) <= self.size else f"{type(x).__name__}(...)"

    def repr_float(self, x: float, level: int) -> str:
        """All digits, or six where there is no room for them."""
        text = repr(x)
        return text if len(text) <= self.size or level < self.maxlevel else f"{x:.6g}"

    def repr_dict(self, x: Mapping[Any, Any], level: int) -> str:
        """The number of entries and the first keys, in their order."""
        keys = [repr(key) for key, _ in zip(x, range(_ITEMS), strict=False)]
        more = ", ..." if len(x) > _ITEMS else ""
        text = f"<{len(x)} entries: {', '.join(keys)}{more}>"
        return text if len(text) <= self.size else f"<{len(x)} entries>"

    repr_mappingproxy = repr_dict

    def repr_ndarray(self, x: NDArray[Any], level: int) -> str:
        """The first and last entries, or type and shape where these are too long."""
        with np.printoptions(threshold=2 * _ITEMS, edgeitems=2, linewidth=10**6):
            text = " ".join(repr(x).split()).replace("[ ", "[") if x.ndim < 3 else ""
        return text if 0 < len(text) <= self.size else f"<{x.dtype} array {x.shape}>"


def html_table(header: Sequence[str], rows: int, cells: Callable[[int], Sequence[str]]) -> str:
    """A table for a notebook; of more than 60 rows the first and the last thirty.

    Parameters
    ----------
    header : names of columns
    rows : int
        The number of rows.
    cells : callable
        The cells of the row of an index.

    Examples
    --------
    >>> html_table(["<x>"], 1, lambda row: [str(row)])
    '<table><tr><th>&lt;x&gt;</th></tr><tr><td>0</td></tr></table>'
    """

    def line(tag: str, texts: Sequence[str]) -> str:
        return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)

    half = MOST_ROWS // 2
    shown = [*range(rows)] if rows <= MOST_ROWS else [*range(half), *range(rows - half, rows)]
    lines = [line("td", cells(row)) for row in shown]
    if rows > MOST_ROWS:
        lines.insert(half, line("td", ["…"] * len(header)))
    return f"<table>{''.join(f'<tr>{each}</tr>' for each in (line('th', header), *lines))}</table>"
