"""Tables for wide and narrow places, and numbers with the digits that they have."""

import math
import re
import sys
import unicodedata

import pytest

from moetheory.common import text

HEADER = ("name", "value")
ROWS = [("a", "1.5"), ("longer", "-10")]
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_a_table_that_fits_is_aligned():
    lines = text.table(HEADER, ROWS, 13).splitlines()
    assert lines == ["name    value", "a         1.5", "longer    -10"]


def test_a_table_that_does_not_fit_becomes_blocks():
    printed = text.table(HEADER, [("a", "1.5"), ("b", "")], 8)
    assert printed == "name   a\nvalue  1.5\n\nname   b"


@pytest.mark.parametrize(
    ("value", "sem", "printed"),
    [
        (0.123456, 0.0012, "0.1235"),
        (0.123456, 0.0099, "0.1235"),
        (12.3456, 0.1, "12.35"),
        (123456.7, 99.0, "123457"),
        (0.5, 0.0, "0.5"),  # no error: all digits that are shown of any number
        (0.123456789, math.inf, "0.123457"),
        (-math.inf, math.inf, "-inf"),
        (1.23456789e-9, 1e-12, "1.23457e-09"),
        (1.23456789e12, 1e3, "1.23457e+12"),
    ],
)
def test_a_value_has_the_digits_that_its_standard_error_leaves(value, sem, printed):
    assert text.rounded(value, sem) == printed


def test_code_is_broken_between_words_alone():
    long = f"f({', '.join(['0.1234567890123456'] * 20)}, note='a-b')"
    broken = text.code(long)
    assert " ".join(broken.split()) == long
    assert all(len(line) <= text.COLUMNS for line in broken.splitlines())
    assert text.code("f(x)") == "f(x)"


@pytest.mark.parametrize(
    ("lines", "columns", "fits"), [(10, 100, True), (11, 100, False), (10, 101, False)]
)
def test_a_screen_has_ten_lines_of_a_hundred_columns(lines, columns, fits):
    assert text.fits_screen("\n".join(["x" * columns] * lines)) is fits


@pytest.mark.parametrize("rows", [0, 1, 59, 60, 61, 1000])
def test_a_notebook_shows_sixty_rows_at_most(rows):
    shown = text.html_table(["a", "b"], rows, lambda row: [str(row), "&"])
    cells = re.findall(r"<td>(.*?)</td><td>(.*?)</td>", shown)
    numbers = [int(first) for first, _ in cells if first != "…"]
    assert numbers == [row for row in range(rows) if rows <= 60 or min(row, rows - 1 - row) < 30]
    assert (("…", "…") in cells) == (rows > 60)
    assert {second for _, second in cells} <= {"&amp;", "…"}


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "80"])
def test_a_width_is_a_number_of_columns_or_none(bad):
    assert text.checked_width(None) is None
    with pytest.raises(ValueError, match=r"^width must be"):
        text.checked_width(bad)


def test_nothing_that_commands_a_terminal_is_printable():
    unsafe = "".join(
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(c) in BIDIRECTIONAL
        or c in "\u200e\u200f\u061c\ufeff"
    )
    for lines in (True, False):
        kept = {c for c in unsafe if text.printable(c, lines=lines) == c}
        assert kept == ({"\n"} if lines else set())
    plain = "a \u00e9 \u03c3\u00b2 \u65e5 \u05d0 \u0e01\u0e48 \U0001f600 \\x1b"
    assert text.printable(plain) == plain
    assert text.printable("\x1b\r\n\x85\u2028") == "\\x1b\\r\n\\x85\\u2028"


def test_cells_of_tables_command_nothing_and_stay_aligned():
    first, second = text.table(["a\x1b", "b"], [["x\n", "y"]], None).splitlines()
    assert first == "a\\x1b  b"
    assert second == "x\\n    y"
