"""Files of pyarrow: columns by name, only those that are needed; without pyarrow a hint."""

import sys

import numpy as np
import pytest

from moetheory.datafile import DataArgumentError, contents, read_data

N = 6
X = np.random.default_rng(0).standard_normal((N, 3))
COLUMNS = {
    "a": X[:, 0].astype(np.float32),
    "b": X[:, 1].astype(np.float32),
    "topic": ["maths", "music", "maths", "art", "art", "music"],
    "part": np.array([2, 0, 1, 1, 0, 2]),
    "doc": [7, 7, 8, 8, 9, 9],
    "id": ["s"] * N,
    "nested": [[1.0]] * N,
}
ASKED = {"labels": "topic", "groups": "part", "clusters": "doc", "ignore": ["id", "nested"]}


def test_without_pyarrow_the_extra_is_named(folder, monkeypatch):
    (folder / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataArgumentError) as error:
        read_data("x.parquet", labels="y")
    assert error.value.argument == "path"
    assert str(error.value).endswith(".parquet file: pip install 'moetheory[parquet]'")


@pytest.fixture
def pyarrow():
    return pytest.importorskip("pyarrow")


@pytest.fixture
def parquet(pyarrow, folder):
    """``parquet(columns, **asked)``: what is read of a file with these columns."""
    from pyarrow.parquet import write_table

    def read(columns, metadata=None, **asked):
        table = columns if isinstance(columns, pyarrow.Table) else pyarrow.table(columns)
        write_table(table.replace_schema_metadata(metadata), "x.parquet")
        return read_data("x.parquet", **asked)

    return read


def test_columns_by_name(parquet, folder):
    np.save("of.npy", [0, 1])
    data = parquet(COLUMNS, **ASKED, block_of="of.npy")
    np.testing.assert_array_equal(data.features, X[:, :2].astype(np.float32))
    assert data.features.dtype == np.float32
    assert data.names == ("a", "b")
    assert data.labels.tolist() == COLUMNS["topic"]
    assert data.groups.tolist() == [2, 0, 1, 1, 0, 2]
    assert data.clusters.tolist() == COLUMNS["doc"]
    assert data.block_of.tolist() == [0, 1]
    assert data.lines is None


def test_numbers_of_many_types_and_null(parquet, pyarrow):
    from decimal import Decimal

    columns = {
        "int": pyarrow.array([1, None, 3]),
        "bool": pyarrow.array([True, None, False]),
        "decimal": pyarrow.array([Decimal("1.25"), None, Decimal("-3.00")]),
        "single": pyarrow.array([0.5, 1.5, 2.5], "float32"),
        "y": pyarrow.array(["b", "a", "b"]).dictionary_encode(),
    }
    data = parquet(columns, labels="y")
    nan = float("nan")
    np.testing.assert_array_equal(
        data.features, [[1, 1, 1.25, 0.5], [nan, nan, nan, 1.5], [3, 0, -3, 2.5]]
    )
    assert data.labels.tolist() == ["b", "a", "b"]
    truth = {"a": [1.0, 2.0], "y": pyarrow.array([True, False])}
    assert parquet(truth, labels="y").labels.dtype == bool
    assert parquet({"a": [1], "y": pyarrow.array([2], "int8")}, labels="y").labels.tolist() == [2]


def test_the_index_of_a_frame_is_no_feature_unless_it_is_asked_for(parquet):
    columns = {"a": [1.0, 2.0], "y": [0.0, 1.0], "row": [5, 6]}
    metadata = {"pandas": '{"index_columns": ["row", {"kind": "range"}]}'}
    assert parquet(columns, metadata, labels="y").names == ("a",)
    assert parquet(columns, metadata, labels="row").names == ("a", "y")
    for damaged in ("{", "[]", "7", '{"index_columns": 7}', "[" * 10**5):
        assert parquet(columns, {"pandas": damaged}, labels="y").names == ("a", "row")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"labels": "Topic"},
            "labels must name a column of 'x.parquet', got 'Topic'; did you mean",
        ),
        (
            {"ignore": ["id", "x"]},
            "ignore must name a column of 'x.parquet', got 'x'; there are a,",
        ),
        (
            {"ignore": ["nested"]},
            "'x.parquet' must hold numbers in columns of features, got string in column 'id'",
        ),
        (
            {"labels": "nested", "ignore": ["id"], "clusters": "topic", "groups": "doc"},
            "column 'nested' of 'x.parquet' must hold numbers or text, got list<",
        ),
        (
            {"ignore": ["a", "b", "id", "nested"]},
            "must have columns of features beside a, b, topic",
        ),
        ({"block_of": "a"}, "block_of must be a .npy file where features are in a .parquet file"),
    ],
)
def test_what_cannot_be_is_refused(parquet, refusal, asked, message):
    assert message in refusal(parquet, COLUMNS, **{**ASKED, **asked})


def test_null_among_labels_is_refused(parquet, refusal):
    for labels in (["x", "y", None, None], [1, 2, None, None]):
        message = refusal(parquet, {"a": [1.0] * 4, "y": labels}, labels="y")
        assert message == (
            "column 'y' of 'x.parquet' must have no empty cells, got 2, the first in row 2"
        )


def test_columns_of_one_name_and_no_rows_are_refused(parquet, pyarrow, refusal):
    twice = pyarrow.Table.from_arrays([pyarrow.array([1.0])] * 3, names=["a", "a", "y"])
    assert "must name each column differently; twice or more: a" in refusal(
        parquet, twice, labels="y"
    )
    none = pyarrow.table({"a": pyarrow.array([], "float64"), "y": pyarrow.array([], "float64")})
    assert refusal(parquet, none, labels="y") == "'x.parquet' must have rows, got none"


def test_a_file_that_unpacks_to_far_more_is_refused(parquet, monkeypatch, refusal):
    monkeypatch.setattr(contents, "BOMB_SIZE", 10**5)
    monkeypatch.setattr(contents, "BOMB_RATIO", 10)
    zeros = {"a": np.zeros(10**5), "y": np.zeros(10**5)}
    message = refusal(parquet, zeros, labels="y")
    assert message.startswith("'x.parquet' must not be compressed more than 10 times, got ")


def test_a_damaged_file_is_refused_or_read(parquet, folder):
    import random

    parquet(COLUMNS, **ASKED)
    whole, chance, messages = (folder / "x.parquet").read_bytes(), random.Random(0), []
    for _ in range(100):
        content = whole[: chance.randrange(len(whole))]
        (folder / "x.parquet").write_bytes(content)
        with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
            read_data("x.parquet", **ASKED)
        messages.append(str(error.value))
    assert {message.partition(":")[0] for message in messages} == {
        "'x.parquet' is not a .parquet file"
    }
