"""Features read in chunks: the same numbers whatever holds them, and what is refused."""

import re
import tracemalloc

import numpy as np
import pytest

from moetheory.auditing import features as module
from moetheory.auditing.features import Features


def checked(array):
    read = []
    found = Features(array, read.append)
    found.check()
    assert sum(read) == found.samples
    return found


def whole(found, rows):
    pieces = [(part, chunk) for part, chunk in found.chunks(np.asarray(rows))]
    stops = [0, *(part.stop for part, _ in pieces)]
    assert [part.start for part, _ in pieces] == stops[:-1]
    assert stops[-1] == len(rows)
    return np.concatenate([chunk for _, chunk in pieces])


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 4)


@pytest.fixture
def plain():
    return np.random.default_rng(0).normal(2.0, 3.0, size=(11, 3))


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.longdouble, np.int8, np.uint16, bool, ">f4"]
)
def test_any_real_type_gives_what_its_numbers_give_as_floats(small_chunks, plain, dtype):
    given = (plain > 2.0).astype(dtype) if dtype is bool else np.abs(plain).astype(dtype)
    rows = np.array([0, 2, 3, 5, 8, 10])
    found = whole(checked(given), rows)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, given.astype(np.float64)[rows])


def test_how_an_array_lies_in_memory_does_not_matter(small_chunks, plain, tmp_path):
    np.save(tmp_path / "x.npy", plain)
    frozen = plain.copy()
    frozen.flags.writeable = False
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for given in (frozen, np.asfortranarray(plain), mapped, plain.tolist(), plain[::-1][::-1]):
        np.testing.assert_array_equal(whole(checked(given), np.arange(11)), plain)


def test_chunks_can_be_written_to_without_harm(plain):
    before = plain.copy()
    found = checked(plain)
    for _, chunk in found.chunks(np.arange(11)):
        chunk[:] = 0.0
    np.testing.assert_array_equal(plain, before)


def test_the_mean_is_that_of_the_rows_it_is_asked_for(small_chunks, plain):
    found = checked(plain)
    rows = np.array([1, 2, 4, 7, 9, 10])
    found.move_to_mean(rows)
    np.testing.assert_allclose(found.centre, plain[rows].mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(
        whole(found, np.arange(11)), plain - plain[rows].mean(axis=0), atol=1e-14
    )


def test_few_rows_are_read_at_a_time_where_features_are_many(monkeypatch, plain):
    monkeypatch.setattr(module, "CHUNK", 7)
    found = checked(plain)
    assert [part.stop - part.start for part, _ in found.chunks(np.arange(5))] == [2, 2, 1]
    monkeypatch.setattr(module, "CHUNK", 1)  # fewer than a row: a row
    np.testing.assert_array_equal(whole(found, np.arange(11)), plain)


def test_a_memory_map_is_not_copied_as_a_whole(tmp_path):
    path = tmp_path / "x.npy"
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 40))
    mapped[:] = np.random.default_rng(0).normal(size=40).astype(np.float32)
    mapped[::7] += 1.0
    mapped.flush()
    given = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        found = checked(given)
        for _ in found.chunks(np.arange(1, 200_000)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.4 * given.nbytes


# --- what is refused ---------------------------------------------------------------------------


def placed(*values, dtype=np.float64):
    array = np.random.default_rng(0).normal(size=(11, 3)).astype(dtype)
    for place, value in values:
        array[place] = value
    return array


ALL = slice(None)
SIGNALLING = np.array([0x7FA00000], dtype=np.uint32).view(np.float32)[0]


@pytest.mark.parametrize(
    ("array", "count", "first"),
    [
        (placed(((7, 2), np.nan)), "1 that is", "nan at row 7, column 2"),
        (placed(((9, 0), np.nan), ((5, 1), -np.inf)), "2 that are", "-inf at row 5, column 1"),
        (
            placed(((3, 1), np.inf), ((3, 0), np.nan), ((8, 0), 1.0)),
            "2 that are",
            "nan at row 3, col",
        ),
        (placed(((4, 0), np.inf), dtype=np.float32), "1 that is", "inf at row 4, column 0"),
        (placed(((4, 0), SIGNALLING), dtype=np.float32), "1 that is", "nan at row 4, column 0"),
        (placed(((ALL, 1), np.nan)), "11 that are", "nan at row 0, column 1"),
        (
            placed(((10, 2), np.finfo(np.longdouble).max), dtype=np.longdouble),
            "1 that is",
            "inf at row 10, column 2",
        ),
    ],
)
def test_what_is_not_finite_is_counted_and_the_first_is_shown(small_chunks, array, count, first):
    with pytest.raises(ValueError, match=f"features must be finite, got {count} not.*{first}"):
        checked(array)


def test_rows_of_a_memory_map_are_counted_from_its_beginning(small_chunks, tmp_path):
    np.save(tmp_path / "x.npy", placed(((9, 1), np.nan), dtype=np.float32))
    with pytest.raises(ValueError, match="the first nan at row 9, column 1"):
        checked(np.load(tmp_path / "x.npy", mmap_mode="r"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (placed(((ALL, 1), 2.5)), "got 1 that is constant, the first column 1 (always 2.5)"),
        (placed(((ALL, [1, 2]), 0.0)), "got 2 that are constant, the first column"),
        (np.ones((1, 3)), "got 3 that are constant"),
        (placed(((0, 0), 1e200)), "features must be at most 1e+153 in size, got 1e+200"),
        (placed(((0, 0), -1e160)), "features must be at most 1e+153 in size, got 1e+160"),
        (np.ones(5), "shape (n, d) with n, d > 0, got (5,)"),
        (np.ones((0, 3)), "got (0, 3)"),
        (np.ones((3, 0)), "got (3, 0)"),
        (np.ones((1, 3, 3)), "got (1, 3, 3)"),
        (3.0, "got ()"),
        (None, "got ()"),
        ([[1.0, 2.0], [3.0]], "features must be a regular array"),
        (placed() + 0j, "features must hold real numbers, got complex128 values"),
        (placed().astype(object), "features must hold real numbers, got object values"),
        ([["a", "b"]], "features must hold real numbers, got <U1 values"),
        (np.ones((2, 2), "M8[D]"), "features must hold real numbers, got datetime64[D] values"),
    ],
)
def test_refusals(small_chunks, array, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        checked(array)


def test_a_feature_that_varies_from_chunk_to_chunk_only_is_not_constant(small_chunks):
    array = placed()
    array[:, 1] = np.arange(11) // 4
    checked(array)


def test_masked_values_are_counted_not_uncovered():
    masked = np.ma.masked_greater(np.arange(12.0).reshape(4, 3), 9.0)
    with pytest.raises(ValueError, match="features must not be masked, got 2 masked values"):
        Features(masked, lambda rows: None)
