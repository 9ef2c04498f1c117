"""Tables: numbers and names in columns, every damage named with its line."""

import csv as csv_module
import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from moetheory.datafile import read_data, require_finite

TABLE = "a,b,y\n1,2.5,0.5\n-3e2,nan,1\n"
BLOCKS = [0, 1]


def test_a_table(csv):
    data = csv(TABLE)
    np.testing.assert_array_equal(data.features, [[1.0, 2.5], [-300.0, np.nan]])
    assert data.features.dtype == np.float64
    assert data.labels.tolist() == [0.5, 1.0]
    assert (data.groups, data.block_of, data.names) == (None, None, ("a", "b"))


def test_a_table_with_all_there_is(csv, folder):
    np.save("blocks.npy", BLOCKS)
    table = (
        'page, a,"b, or not",topic,part\r\np_1, 1,2,music,1.0\r\n\r\n"p\n2",3,inf,"maths ",0\r\n'
    )
    asked = {"groups": "part", "ignore": ["page"], "block_of": "blocks.npy"}
    for content in (table, "\ufeff" + table):
        data = csv(content, "topic", **asked)
        assert data.features.tolist() == [[1.0, 2.0], [3.0, np.inf]]
        assert data.labels.tolist() == ["music", "maths"]
        assert (data.groups.tolist(), data.groups.dtype.kind) == ([1, 0], "i")
        assert data.block_of.tolist() == BLOCKS
        assert data.names == ("a", "b, or not")
    (folder / "x.csv").rename("X.CSV")
    assert read_data("X.CSV", labels="topic", **asked).names == ("a", "b, or not")


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        (["10", "2.0", "-3."], [10, 2, -3]),
        (["0", "-7", "999999999999999"], [0, -7, 999999999999999]),
        # an integer would lose how they are written, or that they are two
        (["007", "7", "7"],) * 2,
        (["007", "008", "009"],) * 2,
        (["10", "2.0", "2"],) * 2,
        (["+1", "2", "3"],) * 2,
        (["0", "-0", "0"],) * 2,
        (["1", "1e3", "2"],) * 2,
        (["1", "２", "3"],) * 2,  # a digit, but not of ASCII
        (["10", "2.5", "2"], ["10", "2.5", "2"]),
        (["a", "2", "b"], ["a", "2", "b"]),
        # two that are one as floats
        (["12345678901234567", "12345678901234568", "1"],) * 2,
    ],
)
def test_groups_are_integers_or_names(csv, cells, groups):
    lines = "".join(f"{i},0,{cell}\n" for i, cell in enumerate(cells))
    assert csv(f"a,y,g\n{lines}", groups="g").groups.tolist() == groups


def test_a_column_without_a_name_can_be_ignored(csv, refusal):
    table = ",a,y\n0,1,2\n"  # a row index
    message = refusal(csv, table)
    assert "must name each column, got none for column 1" in message
    assert message.endswith("ignore the column by the name ''")
    assert csv(table, ignore=[""]).names == ("a",)


MANY = ",".join(f"c{i}" for i in range(30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must begin with a header line that names its columns; its first line is empty"),
        ("\n1,2\n", "its first line is empty"),
        ("1,2e5, nan\n1,2,3\n", "its first line holds numbers only"),
        ("1,5;2\n1;2\n", "its first line holds numbers only"),
        ("a,b,y,b,a\n", "must name each column differently; twice or more: a, b"),
        ("a,b,y\n", "must have lines below its header, got none"),
        ("y\n1\n", "must have columns of features beside y"),
        (
            "a,b,y\n1,2,3\n4,5\n",
            "must have 3 cells in each line, as in its header, got 2 in line 3",
        ),
        ("a,b,y\n\n1,2,3,4\n", "must have 3 cells in each line, as in its header, got 4 in line 3"),
        (
            "a,b,y\n1,2,3\n1,2,\n",
            "column 'y' of 'x.csv' must have no empty cells, got '' in line 3",
        ),
        (
            "a,b,y\n1,x,3\n",
            "got in line 2 'x' in column 'b'; leave out such lines, or ignore",
        ),
        ("a,b,y\n1,,3\n", "got in line 2 '' in column 'b'"),
        ("a,b,y\n2024_05,1,3\n", "got in line 2 '2024_05' in column 'a'; leave out"),
        ("a,b,y\n2024_05,x,3\n", "got in line 2 '2024_05' in column 'a', 'x' in column 'b'; leave"),
        (f"{MANY},y\n{MANY},1\n", "'c7' in column 'c7', … (30 in all)"),
        (
            "a,y\n1,2\n1,n/a\n1,3\n",
            "got 3 different cells that are not all numbers, first 'n/a' in",
        ),
        ("a,y\n1,yes\n1,yes\n", "must hold numbers or the names of classes, got 1 different cell"),
        ('a,y\n"1,2\n', "is not a CSV file: unexpected end of data (line 2)"),
        ('a,y\n"1"2,3\n', "is not a CSV file: ',' expected after '\"' (line 2)"),
        (
            "a,b,label\n1,2,3\n",
            "labels must name a column in the first line of 'x.csv', got 'y'; there are a, b, lab",
        ),
        (
            "a;b;y\n1;2;3\n1;2\n",
            "must have 3 cells in each line, as in its header, got 2 in line 3",
        ),
        (
            "a|b|Y\n1|2|3\n",
            "labels must name a column in the first line of 'x.csv', got 'y'; there",
        ),
        ("a;b;Y\n1;2;3\n1;2\n", "there are a, b, Y"),
        ("a\tb\ty\n1\t2,5\t3\n", "got in line 2 '2,5' in column 'b'"),
        ("a;b;y\n1;2,5,1;3\n", "got in line 2 '2,5,1' in column 'b'"),
        (
            "a;b;y\n1;2;3\n1,5;2;3\n1;2.5;3\n",
            "must have the same mark before all decimals, got points first in line 4 and commas "
            "first in line 3",
        ),
        ("a;y\n1,5;3.5\n", "points first in line 2 and commas first in line 2"),
        ('"a""b,y\n1,2\n', "is not a CSV file: unexpected end of data (line 2)"),
        (
            "a b y\n1 2 3\n",
            "'x.csv' must separate cells by commas, semicolons, tabs or bars; in its",
        ),
        ("a b y\n1 2 3\n", "first line the separator seems to be spaces"),
        ("a b\n1\n", "got 'y'; there are a b"),
        ("a,the y of x\n1,2\n", "got 'y'; there are a, the y of x"),
        (f"{MANY}\n{MANY}\n", "there are c0, c1, c2, c3, c4, c5, c6, c7, … (30 in all)"),
        (b"a\0,y\n1,2\n", "is not a CSV file: its first line is no text"),
        (b"\x89PNG\r\n\x1a\n", "is not a CSV file in UTF-8: invalid start byte"),
        ("a,y\n1,2\n".encode("utf-16"), "is not a CSV file in UTF-8: invalid start byte"),
        ("a,é,y\n1,2,3\n".encode("latin-1"), "is not a CSV file in UTF-8: "),
    ],
)
def test_a_table_that_is_none_is_refused(csv, content, message, refusal):
    assert message in refusal(csv, content)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"labels": "Y"},
            "labels must name a column in the first line of 'x.csv', got 'Y'; there are a, b, y",
        ),
        (
            {"groups": "grop"},
            "groups must name a column in the first line of 'x.csv', got 'grop'; there are",
        ),
        (
            {"ignore": ["bb"]},
            "ignore must name a column in the first line of 'x.csv', got 'bb'; did you mean 'b'?",
        ),
        ({"groups": "y"}, "groups must be something else than the labels, got 'y'"),
        ({"ignore": ["b", "y"]}, "ignore must not name the labels too, got 'y'"),
        ({"ignore": ["a", "b"]}, "must have columns of features beside a, b, y"),
        ({"block_of": "b"}, "block_of must be a .npy file where features are in a .csv file, got"),
    ],
)
def test_columns_that_are_not_there_are_refused(csv, asked, message, refusal):
    assert message in refusal(csv, TABLE, **asked)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_separator_is_found_in_every_kind_of_table(folder, separator, ending, packed):
    table = 'a,"text, with a | bar; a\tab",b,y\n1,"x,y",2.5,0\n\n-3,";",4,1\n'
    rows = csv_module.reader(io.StringIO(table))
    written = io.StringIO()
    csv_module.writer(written, delimiter=separator).writerows(rows)
    content = written.getvalue().encode()
    path = folder / f"x.{ending}{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(content) if packed else content)
    data = read_data(path, labels="y", ignore=["text, with a | bar; a\tab"])
    assert data.features.tolist() == [[1.0, 2.5], [-3.0, 4.0]]
    assert data.labels.tolist() == [0.0, 1.0]
    assert data.names == ("a", "b")


@pytest.mark.parametrize(
    "table",
    [
        "a;b;y\n1,5;-2,5e1;0,5\n3;,25;1\n",
        '"a";"b";"y"\r\n"1,5";"-2,5e1";"0,5"\r\n"3";"0,25";"1"\r\n',
        "a;b;y\n1.5;-2.5e1;0.5\n3;.25;1\n",
    ],
)
def test_decimals_have_points_or_commas(csv, table):
    data = csv(table)
    assert data.features.tolist() == [[1.5, -25.0], [3.0, 0.25]]
    assert data.labels.tolist() == [0.5, 1.0]


def test_the_decimal_mark_of_numbers_is_not_that_of_names_and_of_what_is_ignored(csv):
    data = csv("a;t;g;y\n1,5;1.5;v1.2;x, or y\n2;a.b;v1.3;z.\n", groups="g", ignore=["t"])
    assert data.features.tolist() == [[1.5], [2.0]]
    assert data.labels.tolist() == ["x, or y", "z."]
    assert data.groups.tolist() == ["v1.2", "v1.3"]


def test_the_lines_of_a_table_with_other_marks_are_counted_too(csv):
    content = "a;b;y\n" + "1;2;3\n" * 50
    assert csv(content).lines.tolist() == list(range(2, 52))


@pytest.mark.parametrize(
    "classes", [["yes", "no"], ["1", "one"], ["a", "b", "c"], ["A1", "2b", "_"]]
)
def test_labels_are_names_of_two_or_more_classes(csv, classes):
    lines = "".join(f"{i},{cell}\n" for i, cell in enumerate(classes))
    assert csv(f"a,y\n{lines}").labels.tolist() == classes


def test_clusters_are_a_column(csv, refusal):
    data = csv("doc,a,y\n12,1,2\n7,3,4\n7,5,6\n", clusters="doc")
    assert data.clusters.tolist() == [12, 7, 7]
    assert data.names == ("a",)
    assert "clusters must name a column" in refusal(csv, TABLE, clusters="doc")
    message = refusal(csv, TABLE, groups="b", clusters="b")
    assert message == "clusters must be something else than the groups, got 'b'"
    message = refusal(csv, "d,a,y\n1,2,3\n,4,5\n", clusters="d")
    assert message == "column 'd' of 'x.csv' must have no empty cells, got '' in line 3"


def test_a_cell_may_be_of_any_length(csv, refusal):
    long = "x" * 300_000
    limit = csv_module.field_size_limit()
    assert len(long) > limit
    for cell in (long, f'"{long},\n""{long}"', f'"{long}"'):
        data = csv(f"text,a,y\nshort,1,2\n{cell},3,4\n", ignore=["text"])
        assert data.features.tolist() == [[1.0], [3.0]]
    assert csv_module.field_size_limit() == limit  # it is one for the whole process
    message = refusal(csv, f"a,y\n{long},1\n")
    assert f"got in line 2 '{'x' * 60}…' in column 'a'" in message


def test_names_too_long_for_an_array_are_refused(csv, refusal):
    """In an array, each name takes the room of the longest: here 120 GB."""
    table = "a,y,g\n" + "1,2,b\n" * 10**5 + f"1,2,{'x' * 300_000}\n"
    message = refusal(csv, table, groups="g")
    assert message == (
        "column 'g' of 'x.csv' must have shorter names, got 300000 characters in line 100002 "
        "of 100001 samples"
    )
    assert csv(table, ignore=["g"]).features.shape == (100_001, 1)


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", "NA"])
@pytest.mark.parametrize(("cells", "where"), [("1,{},3", "column 'b'"), ("1,2,{}", "labels")])
def test_what_is_no_finite_number_is_named_with_its_line(csv, word, cells, where, refusal):
    table = 'a,b,y\n\n"1",2,3\n' + f"{cells.format(word)}\n" * 2 + "1,2,4\n"

    def read():
        require_finite(csv(table), Path("x.csv"))

    message = refusal(read)
    assert "line 4" in message
    assert "'x.csv'" in message
    assert where.replace("labels", "'y'" if word == "NA" else "labels") in message
    require_finite(csv("a,y\n1,2\n3,4\n"), Path("x.csv"))
    require_finite(csv("a,y\n1,yes\n3,no\n"), Path("x.csv"))


def test_the_lines_of_samples(csv):
    assert csv('a,t,y\n1,"two\nlines",2\n\n3,one,4\n', ignore=["t"]).lines.tolist() == [3, 5]
