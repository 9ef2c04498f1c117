"""The marks of a table: which separator is found in hostile first lines."""

import pytest

from moetheory.datafile.marks import DecimalMark, separator_of


@pytest.mark.parametrize(
    ("lines", "usual", "found"),
    [
        (["a,b,y\n", "1,2,3\n"], ",", ","),
        (["a,b,y\n", "1,2,3\n"], "\t", ","),
        (["y\n", "1\n"], ",", ","),  # one column: nothing separates it
        (["y\n", "1\n"], "\t", "\t"),
        ([], ",", ","),
        (["a;y\n", "1,5;2,5\n"], ",", ";"),
        (["a b;c d;y\n", "1|2;3|4;5|6\n"], ",", ";"),  # bars in cells alone
        (["a;b,c;z\n", "1,5;2,0;3,0\n", "1,5;2;3\n"], ",", ";"),  # labels misspelt, lines unlike
        (["a;b,c;z\n", "1;2,0;3\n"], ",", ","),  # both divide alike, and nothing else decides
        (["a;b;z\n", "1;2\n"], ",", ";"),  # lines unlike either way, only one divides the header
        (["a,b;y\n", "1,2;3\n"], ",", ";"),  # the labels decide
        (['"a;b;y",y\n', '"1;2;3",4\n'], ",", ","),
        (['a;"a text\n', 'of lines";y\n', '1;"of,\n', 'more";2\n'], ",", ";"),
        (["a;b;y\n", '1;2;"not, closed\n'], ",", ";"),
    ],
)
def test_the_separator(lines, usual, found):
    assert separator_of(lines, "y", usual) == found


def test_marks_are_noted_in_numbers_alone():
    mark = DecimalMark("x.csv", ";")
    mark.note(["1,5", "a.b", "1.000,5"], 2)  # a name, and no number
    mark.note(["2", "1e3"], 3)
    with pytest.raises(ValueError, match="points first in line 4 and commas first in line 2"):
        mark.note(["2.5"], 4)


def test_a_comma_makes_decimals_between_semicolons_alone():
    assert DecimalMark("x.csv", ";").pointed(["1,5", "2"]) == ["1.5", "2"]
    for separator in ",\t|":
        assert DecimalMark("x.csv", separator).pointed(["1,5", "2"]) == ["1,5", "2"]
