"""The door for arrays of other libraries, by stand-ins and, where they are there, by themselves."""

import re

import numpy as np
import pytest

from moetheory.common.array_likes import holds_text, loose_array, plain_array
from moetheory.common.errors import ArgumentError

NAN = float("nan")


class WithArray:
    """What can be an array, and nothing else."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.array, Exception):
            raise self.array
        return self.array


class WithDLPack:
    """What hands on its memory, and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class NullableDtype:
    def __init__(self, dtype):
        self.numpy_dtype = np.dtype(dtype)


class NullableSeries:
    """A series of pandas whose type is nullable, as versions have it that detour by objects."""

    def __init__(self, entries, dtype):
        self.entries, self.dtype = entries, NullableDtype(dtype)

    def isna(self):
        return np.array([entry is None for entry in self.entries])

    def to_numpy(self, dtype, na_value=None):
        return np.array([na_value if e is None else e for e in self.entries], dtype)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.entries, dtype=object)


@pytest.mark.parametrize(
    ("entries", "dtype", "expected"),
    [
        ([1, None, 3], "i4", "f8"),
        ([1, 2, 3], "i4", "i4"),
        ([0.5, None], "f4", "f4"),
        ([True, None], "?", "f8"),
        ([True, False], "?", "?"),
    ],
)
def test_nullable_numbers_keep_their_type_where_it_has_nan(entries, dtype, expected):
    found = plain_array("x", NullableSeries(entries, dtype))
    assert found.dtype == expected
    np.testing.assert_array_equal(found, np.array(entries, dtype=float))


@pytest.mark.parametrize("kind", [WithArray, WithDLPack])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u8"])
def test_what_can_be_an_array_is_not_copied(kind, dtype):
    numbers = np.arange(6, dtype=dtype).reshape(2, 3)
    found = plain_array("x", kind(numbers))
    assert found.dtype == dtype
    assert np.shares_memory(found, numbers)


@pytest.mark.parametrize("text", ["requires grad;\nuse detach()", ""])
def test_what_refuses_to_be_an_array_is_refused_by_name_and_in_its_own_words(text):
    with pytest.raises(ArgumentError) as error:
        plain_array("x", WithArray(RuntimeError(text)))
    why = "requires grad; use detach()" if text else "RuntimeError"
    assert str(error.value) == f"x must be readable as an array, got a WithArray: {why}"


def test_a_mask_is_refused_behind_the_door_too():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for value in (masked, WithArray(masked), [masked, masked]):
        with pytest.raises(ArgumentError, match="x must not be masked"):
            plain_array("x", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, None, 3], [1.0, NAN, 3.0]),
        (np.array([1, NAN, None], dtype=object), [1.0, NAN, NAN]),
        ([True, None], [1.0, NAN]),
        ([[1, None], [np.float32(2.5), 4]], [[1.0, NAN], [2.5, 4.0]]),
        (np.array([True, False], dtype=object), [True, False]),
        (np.array([2**60 + 1, 2], dtype=object), [2**60 + 1, 2]),
    ],
)
def test_numbers_in_objects_are_numbers_and_what_is_missing_is_nan(value, expected):
    found = plain_array("x", value)
    assert found.dtype == np.array(expected).dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "value",
    [
        ["b", "a"],
        np.array(["b", "a"], dtype=object),
        np.array(["b", "a"], dtype=np.dtypes.StringDType()),
        np.array(["b", "a"], dtype=np.dtypes.StringDType(na_object=None)),
        WithArray(np.array(["b", "a"], dtype=object)),
    ],
)
def test_text_is_text(value):
    found = plain_array("x", value)
    assert (found.dtype.kind, found.tolist()) == ("U", ["b", "a"])
    assert holds_text(found)
    assert holds_text(loose_array("x", value))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a", 1], "x must be all text or none, got 1 at index 1"),
        ([1, "a", None], "got 1 at index 0, and 1 more that are no text"),
        ([["a", "b"], ["c", None]], "x must be all text or none, got None at index (1, 1)"),
        (
            np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)),
            "x must be all text or none, got None at index 1",
        ),
        ([[1], [2, 3]], "x must be a regular array"),
    ],
)
def test_text_among_other_things_is_refused(value, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        plain_array("x", value)


def test_other_objects_are_left_for_others_to_refuse():
    assert plain_array("x", [object(), None]).dtype == object
    assert plain_array("x", object()).shape == ()


class TensorThatIsSparse:
    is_sparse = True

    def to_dense(self):
        """Not called."""


def test_sparse_matrices_are_refused_by_that_word():
    sparse = pytest.importorskip("scipy.sparse")
    for made in (sparse.csr_matrix, sparse.coo_array, sparse.dok_array, sparse.lil_matrix):
        message = f"x must be dense, got a sparse {made.__name__}: its method toarray() makes it"
        with pytest.raises(ArgumentError, match=re.escape(message)):
            plain_array("x", made(np.eye(3)))
    with pytest.raises(ArgumentError, match=re.escape("its method to_dense() makes it dense")):
        plain_array("x", TensorThatIsSparse())


# --- the libraries themselves ---------------------------------------------------------------------


def test_series_of_pandas():
    pd = pytest.importorskip("pandas")
    cases = [
        (pd.Series([1, None, 3], dtype="Int64"), [1.0, NAN, 3.0], "f8"),
        (pd.Series([1, 2, 3], dtype="Int8"), [1, 2, 3], "i1"),
        (pd.Series([0.5, None], dtype="Float32"), [0.5, NAN], "f4"),
        (pd.Series([True, None], dtype="boolean"), [1.0, NAN], "f8"),
        (pd.Series([True, False], dtype="boolean"), [True, False], "b1"),
        (pd.Series([1, pd.NA], dtype=object), [1.0, NAN], "f8"),
        (pd.Series([3, 1, 3]).astype("category"), [3, 1, 3], "i8"),
        (pd.Series(["b", "a"], dtype="category"), ["b", "a"], "U1"),
        (pd.Series(["b", "a"], dtype="string"), ["b", "a"], "U1"),
        (pd.Series(["b", "a"]), ["b", "a"], "U1"),
        (pd.Index([2, 1]), [2, 1], "i8"),
    ]
    for series, expected, dtype in cases:
        found = plain_array("x", series)
        assert found.dtype == dtype, series.dtype
        np.testing.assert_array_equal(found, expected)
    for kind in ("string", "category", object):
        with pytest.raises(ArgumentError, match=r"x must be all text or none, got .* at index 1"):
            plain_array("x", pd.Series(["a", None], dtype=kind))


def test_series_of_polars_and_arrays_of_pyarrow():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for made in (pl.Series, pa.array, lambda values: pa.chunked_array([values])):
        np.testing.assert_array_equal(plain_array("x", made([1, None, 3])), [1.0, NAN, 3.0])
        np.testing.assert_array_equal(plain_array("x", made([True, None])), [1.0, NAN])
        assert plain_array("x", made([True, False])).dtype == bool
        assert plain_array("x", made(["b", "a"])).tolist() == ["b", "a"]
        with pytest.raises(ArgumentError, match="x must be all text or none, got None at index 1"):
            plain_array("x", made(["b", None]))
