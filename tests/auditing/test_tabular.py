"""Tables of features: whatever holds a matrix, with the names of its columns."""

import re

import numpy as np
import pytest

from moetheory.auditing.tabular import Table, table_of
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column

NAN = float("nan")
X = np.random.default_rng(0).standard_normal((5, 3))


class Frame:
    """A frame of no library: columns by name, each of a type of its own."""

    def __init__(self, columns, keys=None):
        self.data, self.keys = columns, keys or list(columns)

    @property
    def columns(self):
        return self.keys

    def __getitem__(self, key):
        return self.data[key]

    def __len__(self):
        return len(next(iter(self.data.values()), ()))

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a detour by objects")


class Odd:
    """What is no number."""


class Table2(Frame):
    """A frame as pyarrow has it: its ``columns`` are what is in them."""

    @property
    def column_names(self):
        return self.keys

    @property
    def columns(self):
        return list(self.data.values())


# --- arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i1", "u8", "?"])
def test_an_array_is_taken_as_it_is(dtype):
    array = np.ones((4, 2)).astype(dtype)
    found = table_of(array)
    assert found.array.dtype == dtype
    assert np.shares_memory(found.array, array)
    assert found.names is None


def test_a_memory_map_stays_one(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = table_of(mapped).array
    assert np.shares_memory(found, mapped)
    assert found.dtype == np.float32
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        ([[1, None], [NAN, 4.5]], np.array([[1.0, NAN], [NAN, 4.5]])),
        ([np.float32([1, 2]), np.float32([3, 4])], np.float32([[1, 2], [3, 4]])),
        (np.array([[True, 2], [None, 4]], dtype=object), np.array([[1.0, 2.0], [NAN, 4.0]])),
    ],
)
def test_lists_and_objects_that_are_numbers(value, expected):
    found = table_of(value).array
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "features must have shape (n, d) with n, d > 0, got (2,)"),
        (np.empty((0, 3)), "features must have shape (n, d) with n, d > 0, got (0, 3)"),
        (None, "features must have shape (n, d) with n, d > 0, got None"),
        ("a", "features must have shape (n, d) with n, d > 0, got 'a'"),
        ({"a": [1.0]}, "features must have shape (n, d) with n, d > 0, got {'a': [1.0]}"),
        ([[1.0], [2.0, 3.0]], "features must be a regular array, got rows of unequal length"),
        ([[1j]], "features must hold real numbers, got complex128 values"),
        (np.array([["a", "b"]]), "features must hold real numbers, got <U1 values"),
        ([[1, "a", "b"], [2, 3, None]], "got text in column 1, text in column 2: leave out"),
        ([[1, Odd()]], "features must hold real numbers, got Odd values in column 1: leave"),
        (np.array([["2020-01-01"]], "M8[D]"), "must hold real numbers, got datetime64[D] values"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(value, message):
    with pytest.raises(ArgumentError, match=re.escape(message)) as error:
        table_of(value)
    assert error.value.argument == "features"


def test_columns_without_names_are_parts_of_the_message():
    with pytest.raises(ArgumentTypeError) as error:
        table_of([[1, "a"], [2, None]])
    assert Column(1) in error.value.args


def test_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ArgumentError, match="features must be dense, got a sparse csr_array"):
        table_of(sparse.csr_array(np.eye(3)))


# --- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Frame, Table2])
@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ((np.float32([1, 2]), np.float32([3, 4])), "f4"),
        ((np.float32([1, 2]), np.int8([3, 4])), "f4"),
        ((np.float32([1, 2]), np.array([3, 4])), "f8"),
        ((np.array([1, 2]), np.array([True, False])), "i8"),
        ((np.array([True, True]), np.array([True, False])), "?"),
        ((np.array([1, 2]), [3, None]), "f8"),
    ],
)
def test_columns_are_put_together_in_the_smallest_type_for_all(kind, columns, dtype):
    found = table_of(kind(dict(zip("ab", columns, strict=True))))
    assert found.names == ["a", "b"]
    assert found.array.dtype == dtype
    for number, column in enumerate(columns):
        expected = [NAN if each is None else each for each in column]
        np.testing.assert_array_equal(found.array[:, number], expected)


def test_names_are_text():
    found = table_of(Frame({1: [1.0], ("a", 2): [2.0]}))
    assert found.names == ["1", "('a', 2)"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (Frame({"a": [1], "b": [2]}, ["a", "b", "a"]), "twice or more: 'a'"),
        (Frame({1: [1.0], "1": [2.0]}), "columns of different names, twice or more: '1'"),
        (
            Frame({"a": [1], "city": ["x"], "when": np.array(["2020-01-01"], "M8[D]")}),
            "features must hold real numbers, got text in column 'city', datetime64[D] values in "
            "column 'when': leave out what is no number",
        ),
        (Frame({f"c{i}": ["x"] for i in range(20)}), "text in column 'c7', … (20 in all): leave"),
        (Frame({"a": [1, "x"]}), "got text in column 'a'"),
        (
            Frame({"a": [1, 2], "b": [[1], [2]]}),
            "got values of shape (1,) in column 'b': leave out",
        ),
        (
            Frame({"a": np.array([[1], [2, 3]], dtype=object)}),
            "got list values in column 'a': leave",
        ),
        (
            Frame({"a": [None, 1j], "b": [1j, 2.0]}),
            "got complex values in column 'a', complex128 v",
        ),
        (Frame({"a": []}), "features must have shape (n, d) with n, d > 0, got (0, 1)"),
        (Frame({}), "features must have shape (n, d) with n, d > 0, got (0, 0)"),
    ],
)
def test_frames_refused(frame, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        table_of(frame)


# --- the same columns again -----------------------------------------------------------------------


def frame(names):
    return Frame({name: [float(number)] for number, name in enumerate(names)})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("acb", "got 'c' in place of 'b' as column 1"),
        ("ab", "got no column in place of 'c' as column 2"),
        ("abcd", "got 'd' in place of no column as column 3"),
        (
            "xbc",
            "features must have the 3 columns of the audit in their order, got 'x' in place of",
        ),
    ],
)
def test_other_columns_are_refused_and_the_first_named(names, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        Table.matching(frame(names), ["a", "b", "c"])


def test_the_same_columns_arrays_and_what_had_no_names_match():
    assert Table.matching(frame("abc"), ["a", "b", "c"]).array.tolist() == [[0.0, 1.0, 2.0]]
    assert Table.matching(X, ["a", "b", "c"]).array is not None
    assert Table.matching(frame("zy"), None).names == ["z", "y"]


# --- the libraries themselves ---------------------------------------------------------------------


def test_frames_of_pandas():
    pd = pytest.importorskip("pandas")
    single = pd.DataFrame(X.astype(np.float32), columns=list("abc"))
    found = table_of(single)
    assert found.array.dtype == np.float32
    assert np.shares_memory(found.array, single.to_numpy())
    assert found.names == ["a", "b", "c"]
    mixed = pd.DataFrame(
        {
            "int": pd.array([1, None, 3], dtype="Int64"),
            "single": pd.array([0.5, None, 2.5], dtype="Float32"),
            "truth": pd.array([True, False, None], dtype="boolean"),
            "plain": [1.5, NAN, 3.5],
            "whole": np.arange(3),
            "columns": [True, False, True],
            "dtype": pd.Series([1, pd.NA, 3], dtype=object),
            "nnz": pd.Series([3, 1, 2]).astype("category"),
        }
    )
    expected = [
        [1, 0.5, 1, 1.5, 0, 1, 1, 3],
        [NAN, NAN, 0, NAN, 1, 0, NAN, 1],
        [3, 2.5, NAN, 3.5, 2, 1, 3, 2],
    ]
    found = table_of(mixed)
    np.testing.assert_array_equal(found.array, expected)
    assert found.array.dtype == np.float64
    assert found.names == list(mixed.columns)
    with pytest.raises(ArgumentTypeError, match="got text in column 'city'"):
        table_of(mixed.assign(city=["x", "y", None]))
    with pytest.raises(ArgumentError, match="twice or more: 'plain'"):
        table_of(pd.concat([mixed, mixed[["plain"]]], axis=1))
    with pytest.raises(ArgumentError, match=r"got 'b' in place of 'a' as column 0"):
        Table.matching(single[["b", "a", "c"]], ["a", "b", "c"])


def test_frames_of_polars_and_tables_of_pyarrow():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {"a": [1, None, 3], "b": [0.5, 1.5, 2.5], "c": [True, False, None]}
    expected = [[1, 0.5, 1], [NAN, 1.5, 0], [3, 2.5, NAN]]
    for made in (pl.DataFrame, pa.table, pa.RecordBatch.from_pydict):
        found = table_of(made(columns))
        np.testing.assert_array_equal(found.array, expected)
        assert found.names == ["a", "b", "c"]
        with pytest.raises(ArgumentTypeError, match="got text in column 'd'"):
            table_of(made({**columns, "d": ["x", "y", None]}))
