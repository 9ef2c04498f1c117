"""Labels of an audit: what is a number, what a class, and what is said of it."""

import re

import numpy as np
import pytest

from moetheory.auditing.labels import MOST_CLASSES, read_labels
from moetheory.common.errors import ArgumentError

NAN, INF = float("nan"), float("inf")
NOTE = (
    "Labels are {} different whole numbers, taken as numbers; classes=True (--classes) takes them "
    "as names"
)


class Frame:
    def __init__(self, **columns):
        self.data = columns

    @property
    def columns(self):
        return list(self.data)

    def __getitem__(self, key):
        return self.data[key]

    def __len__(self):
        return len(next(iter(self.data.values())))

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a detour by objects")


def shown(found):
    return found.values.tolist(), found.exponent, found.classes, found.note, found.boundary


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[0.5, 1.5, -2.5], np.array([0.5, 1.5, -2.5], np.float32)])
@pytest.mark.parametrize("kind", [None, "regression"])
def test_numbers_are_one_column_of_numbers(labels, kind):
    for given in (labels, np.reshape(labels, (3, 1)), Frame(y=labels)):
        found = read_labels(given, 3, kind)
        assert shown(found) == ([[0.5], [1.5], [-2.5]], 0, None, "", None)


def test_several_columns_are_as_many_targets():
    targets = np.array([[1, 0], [2, 1], [3, 0]])
    frame = Frame(a=targets[:, 0], b=targets[:, 1])
    for given in (targets, targets.tolist(), frame):
        for kind in (None, "regression"):
            found = read_labels(given, 3, kind)
            assert shown(found) == (targets.tolist(), 0, None, "", None)
    found = read_labels(targets == 1, 3)
    assert (found.values.tolist(), found.classes) == ([[1, 0], [0, 1], [0, 0]], None)


def test_a_negative_zero_is_zero():
    assert not np.signbit(read_labels([-0.0, 0.5, 1.5], 3).values).any()


@pytest.mark.parametrize("scale", [1e200, 1e-200, -3e300])
def test_numbers_of_any_size_are_measured_in_a_power_of_two(scale):
    found = read_labels(scale * np.array([1.0, 2.0, -0.5]), 3)
    assert np.abs(found.values).max() < 1.0
    np.testing.assert_array_equal(
        np.ldexp(found.values[:, 0], found.exponent), scale * np.array([1.0, 2.0, -0.5])
    )


@pytest.mark.parametrize("different", [3, 10])
def test_few_whole_numbers_are_taken_as_numbers_with_a_note(different):
    labels = np.tile(np.arange(different) - 1.0, 2)
    assert read_labels(labels, len(labels)).note == NOTE.format(different)
    for kind in ("regression", "classes"):
        assert read_labels(labels, len(labels), kind).note == ""
    assert read_labels(labels + 0.5, len(labels)).note == ""
    assert read_labels(np.arange(11), 11).note == ""


# --- two classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "values", "classes", "boundary"),
    [
        (["spam", "ham", "spam", "ham"], [1, 0, 1, 0], ("ham", "spam"), 0.5),
        (np.array(["b", "a", "b", "a"], object), [1, 0, 1, 0], ("a", "b"), 0.5),
        (np.array(["b", "a", "b", "a"], np.dtypes.StringDType()), [1, 0, 1, 0], ("a", "b"), 0.5),
        ([True, False, True, False], [1, 0, 1, 0], (False, True), 0.5),
    ],
)
def test_two_classes_are_one_column_with_a_number_between_them(labels, values, classes, boundary):
    found = read_labels(labels, 4)
    assert shown(found) == (np.reshape(values, (4, 1)).tolist(), 0, classes, "", boundary)


@pytest.mark.parametrize(
    ("labels", "classes", "boundary"),
    [
        ([2.0, -1.0, 2.0, -1.0], (-1.0, 2.0), 0.5),
        (np.array([7, 3, 7, 3]), (3.0, 7.0), 5.0),
    ],
)
def test_two_numbers_are_classes_and_that_is_said(labels, classes, boundary):
    found = read_labels(labels, 4)
    assert shown(found) == (np.reshape(labels, (4, 1)).tolist(), 0, classes, found.note, boundary)
    assert found.note == (
        f"Labels are two different numbers, {classes[0]:g} and {classes[1]:g}, taken as classes; "
        "classes=False (--regression) takes them as numbers"
    )


def test_two_numbers_are_numbers_or_names_if_that_is_asked_for():
    assert shown(read_labels([3.0, 7.0, 7.0, 3.0], 4, "regression")) == (
        ([[3.0], [7.0], [7.0], [3.0]], 0, None, "", None)
    )
    assert shown(read_labels([3.0, 7.0, 7.0, 3.0], 4, "classes")) == (
        ([[0.0], [1.0], [1.0], [0.0]], 0, (3, 7), "", 0.5)
    )
    assert shown(read_labels([True, False, True, True], 4, "regression")) == (
        ([[1.0], [0.0], [1.0], [1.0]], 0, None, "", None)
    )


def test_the_boundary_is_in_the_unit():
    found = read_labels([1e200, 3e200, 1e200, 3e200], 4)
    assert found.classes == (1e200, 3e200)
    assert np.ldexp(found.boundary, found.exponent) == pytest.approx(2e200, rel=1e-15)


# --- more classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        (["b", "c", "a", "b", "a", "c"], None, ("a", "b", "c")),
        ([2, 9, -1, 2, -1, 9], "classes", (-1, 2, 9)),
        ([2.0, 9.0, -1.0, 2.0, -1.0, 9.0], "classes", (-1, 2, 9)),
        ([0.5, 0.75, 0.25, 0.5, 0.25, 0.75], "classes", (0.25, 0.5, 0.75)),
        ([2**60 + 1, 2**60 + 2, 2**60, 2**60 + 1, 2**60, 2**60 + 2], "classes", None),
    ],
)
def test_more_classes_have_a_column_each(labels, kind, classes):
    found = read_labels(labels, 6, kind)
    assert found.classes == (classes or tuple(2**60 + i for i in range(3)))
    assert len({type(name) for name in (*found.classes, *(classes or [0]))}) == 1
    np.testing.assert_array_equal(found.values.argmax(axis=1), [1, 2, 0, 1, 0, 2])
    np.testing.assert_array_equal(found.values.sum(axis=1), np.ones(6))
    assert set(found.values.ravel()) == {0.0, 1.0}
    assert (found.exponent, found.note, found.boundary) == (0, "", None)


def test_text_of_one_column_of_a_frame_is_classes():
    for given in (Frame(y=np.array(["b", "a"] * 2, dtype=object)), [["b"], ["a"]] * 2):
        found = read_labels(given, 4)
        assert found.classes == ("a", "b")
        assert found.values.tolist() == [[1.0], [0.0]] * 2


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (
            [1.0, 2.0],
            None,
            "labels must have shape (4,), one for each sample, got (2,)",
        ),
        (2.0, None, "labels must have shape (4,), one for each sample, got ()"),
        (None, None, "labels must have shape (4,), one for each sample, got ()"),
        (
            np.empty((4, 0)),
            None,
            "labels must have shape (4, m), one row for each sample, got (4, 0)",
        ),
        (np.ones((4, 1, 1)), None, "one row for each sample, got (4, 1, 1)"),
        ([1.0] * 4, None, "labels must differ, got 1.0 4 times"),
        ([[1, 2], [2, 2], [3, 2], [4, 2]], None, "labels must differ, got 2 4 times in column 1"),
        (["a"] * 4, None, "labels must differ, got a 4 times"),
        ([3] * 4, "classes", "labels must differ, got 3 4 times"),
        (["a", "b", "a", "a"], None, "at least 2 samples of each class, got a single one of 'b'"),
        (["a", "b", "c", "a"], None, "got a single one of 'b' and of 1 more classes"),
        (
            [0, 0, 1, 0],
            None,
            "got a single one of 1.0; classes=False (--regression) takes both as numbers",
        ),
        ([0.1, 0.2, 0.3, 0.4], "classes", "got a single one of 0.1 and of 3 more classes"),
        ([1.0, NAN, None, INF], None, "finite, got 3 that are not, the first nan at index 1"),
        ([1.0, 2, 3, -INF], "classes", "finite, got 1 that is not, the first -inf at index 3"),
        (
            [[1, 2], [2, NAN], [3, NAN], [4, 2]],
            None,
            "got 2 that are not, the first nan at row 1, c",
        ),
        (["a", None, "b", NAN], None, "all text or none, got None at index 1, and 1 more that are"),
        (["a", "b", "a", 1], None, "labels must be all text or none, got 1 at index 3"),
        (["a", "b", "a", "b"], "regression", "labels must hold numbers for regression, got <U1"),
        ([["a", "b"]] * 4, None, "must be one column where they are names, got shape (4, 2)"),
        ([[1, 2]] * 4, "classes", "must be one column where they are names, got shape (4, 2)"),
        ([1j, 2, 3, 4], None, "labels must hold real numbers or names, got complex128"),
        ([1.0, 2.0, object(), 3.0], None, "labels must hold real numbers or names, got object"),
        (
            np.arange(4).astype("M8[D]"),
            None,
            "labels must hold real numbers or names, got datetime",
        ),
        (
            Frame(a=[1.0] * 4, b=["x"] * 4),
            None,
            "labels must hold real numbers, got text in column",
        ),
        (
            [[1e-90, 1.0], [2e-90, 2.0], [3e-90, 3.0], [0, 0]],
            None,
            "sizes that one unit can measure, got 3e-90 at most in column 0 and 3 in column 1",
        ),
        ([1, 2, 3, 4], "numbers", 'kind must be "classes" or "regression", got \'numbers\''),
    ],
)
def test_labels_refused(labels, kind, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        read_labels(labels, 4, kind)


def test_too_many_classes_are_refused():
    labels = np.tile(np.arange(MOST_CLASSES + 1), 2)
    with pytest.raises(ArgumentError, match="labels must be of at most 1000 classes, got 1001"):
        read_labels(labels, len(labels), "classes")
    assert read_labels(labels // 2, len(labels), "classes").values.shape == (2002, 501)


# --- the libraries themselves ---------------------------------------------------------------------


def test_labels_of_pandas():
    pd = pytest.importorskip("pandas")
    names = ["b", "a", "b", "a"]
    for series in (
        pd.Series(names),
        pd.Series(names, dtype="category"),
        pd.DataFrame({"y": names}),
    ):
        assert read_labels(series, 4).classes == ("a", "b")
    unused = pd.Series(names).astype(pd.CategoricalDtype(["c", "b", "a"]))
    assert read_labels(unused, 4).classes == ("a", "b")
    whole = pd.Series([1, 2, 3, 1], dtype="Int64")
    assert read_labels(whole, 4).note == NOTE.format(3)
    with pytest.raises(ArgumentError, match="got 2 that are not, the first nan at index 1"):
        read_labels(pd.Series([1, None, None, 3], dtype="Int64"), 4)
    both = pd.DataFrame({"a": whole, "b": [0.5, 1.5, 2.5, 3.5]})
    assert read_labels(both, 4).values.tolist() == [[1, 0.5], [2, 1.5], [3, 2.5], [1, 3.5]]
