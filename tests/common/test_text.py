"""Tables for wide and narrow places, and numbers with the digits that they have."""

import math

import pytest

from moetheory.common import text

HEADER = ("name", "value")
ROWS = [("a", "1.5"), ("longer", "-10")]


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
