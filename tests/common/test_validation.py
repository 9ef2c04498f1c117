"""Argument checks: what passes, and what each refusal says."""

import re
from functools import partial

import numpy as np
import pytest

from moetheory.common.errors import OutOfRangeError
from moetheory.common.validation import (
    count,
    index,
    members,
    number,
    real_array,
    regular_array,
    scalar_or_vector,
    vector,
    whole,
    zero_or_within,
)

at_least_0, above_0 = partial(number, minimum=0.0), partial(number, above=0.0)
pair = partial(vector, length=2, minimum=0.0)
scalar_or_pair = partial(scalar_or_vector, length=2, minimum=0.0)
RAGGED = [[1], [1, 2]]


@pytest.mark.parametrize(
    ("check", "given", "kind"),
    [(at_least_0, g, float) for g in (2, 2.0, np.float32(2), np.int64(2), np.array(2.0))]
    + [(count, g, int) for g in (2, np.int8(2), np.uint64(2), np.array(2))],
)
def test_numbers_and_counts_become_those_of_python(check, given, kind):
    assert check("x", given) == 2
    assert type(check("x", given)) is kind


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        *[(number, bad, f"a real number, got {bad!r}") for bad in ("1", None, True, 1j, RAGGED)],
        *[(number, bad, f"finite, got {bad}") for bad in (np.nan, np.inf, -np.inf)],
        (at_least_0, -1e-300, "at least 0, got -1e-300"),
        (above_0, 0, "greater than 0, got 0"),
        *[(count, bad, f"an integer, got {bad!r}") for bad in (2.0, 2.5, True, np.True_, "2", [2])],
        (count, -1, "at least 0, got -1"),
        (partial(count, minimum=3), 2, "at least 3, got 2"),
        *[(check, RAGGED, "a regular array, got rows of") for check in (vector, scalar_or_pair)],
        (real_array, [None], "real numbers, got object values"),
        (real_array, [[1.0, 2.0], [-np.inf, 3.0]], "finite, got -inf at index (1, 0)"),
        (vector, [], "shape (n,) with n > 0, got (0,)"),
        (vector, 1.0, "shape (n,) with n > 0, got ()"),
        *[(check, [1, -2], "at least 0, got -2 at index 1") for check in (pair, scalar_or_pair)],
        *[(check, [[1, 2]], "shape (2,), got (1, 2)") for check in (pair, scalar_or_pair)],
        (scalar_or_pair, -1, "at least 0, got -1"),
    ],
)
def test_refusals_say_what_is_needed_and_what_was_given(check, given, message):
    with pytest.raises(ValueError, match=f"^x must (be|have|hold) {re.escape(message)}"):
        check("x", given)


@pytest.mark.parametrize("check", [pair, scalar_or_pair])
def test_vectors_are_read_only_copies_without_negative_zeros(check):
    given = np.array([1.0, -0.0])
    result = check("x", given)
    given[0] = 5.0
    assert result.tolist() == [1.0, 0.0]
    assert not np.signbit(result).any()
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 5.0


def test_a_scalar_stands_for_a_vector_and_takes_no_memory():
    result = scalar_or_vector("x", 2, length=10**6)
    assert (result.shape, result.strides, result[-1]) == ((10**6,), (0,), 2.0)
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 5.0


@pytest.mark.parametrize("value", [0.0, 1e-3, -1e-3, 1e3, -1e3, np.array([0.0, 1.0, -1e3])])
def test_zero_and_sizes_within_limits_pass(value):
    zero_or_within("x", value, (1e-3, 1e3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (9e-4, "got 0.0009"),
        (5e-324, "got 4.94066e-324"),
        (1001.0, "got 1001"),
        (np.array([0.0, 1.0, 2e3, 0.0]), "got 2000 at index 2"),
        (np.array([9e-4]), "got 0.0009 at index 0"),
        (np.broadcast_to(2e3, (10**6,)), "got 2000"),
    ],
)
def test_sizes_beyond_limits_are_refused(value, message):
    with pytest.raises(
        OutOfRangeError, match=f"^x must be 0 or between 0.001 and 1000, {message}$"
    ):
        zero_or_within("x", value, (1e-3, 1e3))


def test_the_size_of_a_negative_number_is_what_counts():
    message = "^x must be 0 or between 0.001 and 1000 in size, got -2000 at index 1$"
    with pytest.raises(OutOfRangeError, match=message):
        zero_or_within("x", np.array([1.0, -2e3]), (1e-3, 1e3))


class Masked:
    """An object that turns into a masked array."""

    def __array__(self, dtype=None, copy=None):
        return np.ma.masked_equal([1.0, -9.0], -9.0)


class Unspeakable:
    """An object whose own description fails."""

    def __repr__(self):
        raise RuntimeError("no words")


MASKED_INTEGER = np.ma.array(2, mask=True)


@pytest.mark.parametrize("check", [count, number, whole, regular_array, members])
@pytest.mark.parametrize("value", [MASKED_INTEGER, np.ma.masked])
def test_a_single_masked_value_is_refused(check, value):
    with pytest.raises(ValueError, match=r"^x must "):
        check("x", value)


def test_masks_are_refused_where_an_object_hides_them():
    with pytest.raises(ValueError, match=r"^x must not be masked, got 1 masked value$"):
        regular_array("x", Masked())


@pytest.mark.parametrize("value", [Unspeakable(), [10**5000], {"a": Unspeakable()}])
def test_what_cannot_be_written_is_named_by_its_type(value):
    with pytest.raises(ValueError, match=f"got an object of type {type(value).__name__}$"):
        count("x", value)


def test_an_index_of_any_size_is_out_of_range():
    for value in (3, -4, 10**5000, -(10**5000)):
        with pytest.raises(IndexError, match=r"^i must be from -3 to 2, the last of 3, got "):
            index("i", value, 3)


def test_a_sequence_is_not_unrolled_without_end():
    with pytest.raises(ValueError, match=r"^x must have at most 134217728 members, got 1000"):
        regular_array("x", range(10**10))
