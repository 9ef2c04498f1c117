"""Numbers and tables as text for people."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    """A table of aligned columns, or a block of names and values for each row if too wide.

    Text is flush left, numbers (cells that start with a digit, a sign or a dot, inf, nan and
    never) flush right.

    >>> print(table(["name", "value"], [["a", "1.5"], ["bc", "10"]], width=None))
    name  value
    a       1.5
    bc       10
    """
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
    for count in range(1, len(others) + 1):
        size = math.ceil(len(others) / count)
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
