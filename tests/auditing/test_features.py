"""Features read in chunks, in units of their own: whatever holds them; what is left out, refused"""

import re
import tracemalloc

import numpy as np
import pytest

from moetheory.auditing import features as module
from moetheory.auditing.features import Features
from moetheory.auditing.tabular import Table, table_of


def checked(array, names=None):
    read = []
    found = Features(Table(np.asarray(array), names), read.append)
    found.check()
    assert sum(read) == found.samples
    return found


def prepared(array, rows=None, *, center=True, keep_constant=False, names=None):
    found = checked(array, names)
    rows = np.arange(found.samples) if rows is None else np.asarray(rows)
    return found, found.prepare(rows, center=center, keep_constant=keep_constant)


def whole(found, rows=None):
    rows = np.arange(found.samples) if rows is None else np.asarray(rows)
    pieces = [*found.chunks(rows)]
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


# --- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.longdouble, np.int8, np.uint16, bool, ">f4"]
)
def test_any_real_type_gives_what_its_numbers_give_as_floats(small_chunks, plain, dtype):
    given = (plain > 2.0).astype(dtype) if dtype is bool else np.abs(plain).astype(dtype)
    rows = np.array([0, 2, 3, 5, 8, 10])
    found = whole(checked(given), rows)
    assert found.dtype == np.float64
    as_floats = given.astype(np.float64)
    np.testing.assert_array_equal(found, as_floats[rows])
    standardised = whole(prepared(given)[0])
    expected = (as_floats - as_floats.mean(axis=0)) / as_floats.std(axis=0)
    np.testing.assert_allclose(standardised, expected, rtol=1e-12, atol=1e-13)


def test_how_an_array_lies_in_memory_does_not_matter(small_chunks, plain, tmp_path):
    np.save(tmp_path / "x.npy", plain)
    frozen = plain.copy()
    frozen.flags.writeable = False
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for given in (frozen, np.asfortranarray(plain), mapped, plain[::-1][::-1]):
        np.testing.assert_array_equal(whole(checked(given)), plain)


def test_chunks_can_be_written_to_without_harm(plain):
    before = plain.copy()
    for _, chunk in checked(plain).chunks(np.arange(11)):
        chunk[:] = 0.0
    np.testing.assert_array_equal(plain, before)


def test_few_rows_are_read_at_a_time_where_features_are_many(monkeypatch, plain):
    monkeypatch.setattr(module, "CHUNK", 7)
    found = checked(plain)
    assert [part.stop - part.start for part, _ in found.chunks(np.arange(5))] == [2, 2, 1]
    monkeypatch.setattr(module, "CHUNK", 1)  # fewer than a row: a row
    np.testing.assert_array_equal(whole(found), plain)


def test_no_chunk_parts_a_set(small_chunks, plain):
    sets = np.array([0, 0, 1, 2, 2, 2, 3, 3, 4, 5, 5])
    pieces = [part for part, _ in checked(plain).chunks(np.arange(11), sets)]
    assert [(part.start, part.stop) for part in pieces] == [(0, 6), (6, 11)]


def test_a_memory_map_is_not_copied_as_a_whole(tmp_path):
    path = tmp_path / "x.npy"
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 40))
    mapped[:] = np.random.default_rng(0).normal(size=40).astype(np.float32)
    mapped[::7] += 1.0
    mapped.flush()
    given = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        found = Features(table_of(given), lambda rows: None)
        found.check()
        found.prepare(np.arange(1, 200_000), center=True, keep_constant=False)
        for _ in found.chunks(np.arange(1, 200_000)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.shares_memory(found.array, given)
    assert peak < 0.5 * given.nbytes


# --- units -------------------------------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
def test_units_are_those_of_the_rows_that_are_asked_for(small_chunks, plain, center):
    rows = np.array([1, 2, 4, 7, 9, 10])
    found, dropped = prepared(plain, rows, center=center)
    assert not dropped.any
    centre = plain[rows].mean(axis=0) * center
    scale = np.sqrt(np.square(plain[rows] - centre).mean(axis=0))
    np.testing.assert_allclose(found.centre, centre, rtol=1e-13)
    np.testing.assert_allclose(found.scale, scale, rtol=1e-13)
    np.testing.assert_allclose(whole(found), (plain - centre) / scale, rtol=1e-11)
    mean_squares = np.square(plain[rows].mean(axis=0)) / np.square(plain[rows]).mean(axis=0)
    assert found.means_share == pytest.approx(np.median(mean_squares), rel=1e-12)


@pytest.mark.parametrize(
    "exponents", [[3, -20, 0], [500, 500, 500], [-500, -500, -498], [0, 40, 0]]
)
def test_units_that_are_powers_of_two_change_no_bit(small_chunks, plain, exponents):
    found, _ = prepared(np.ldexp(plain, exponents))
    before, _ = prepared(plain)
    np.testing.assert_array_equal(whole(found), whole(before))
    np.testing.assert_array_equal(found.scale, np.ldexp(before.scale, exponents))
    np.testing.assert_array_equal(found.centre, np.ldexp(before.centre, exponents))


@pytest.mark.parametrize("offset", [1e4, -1e8])
def test_offsets_cost_the_digits_that_the_numbers_have_lost_and_no_more(small_chunks, offset):
    """The moved numbers less the offset are exact (Sterbenz); they are the reference."""
    array = np.random.default_rng(0).exponential(size=(50, 3)) + offset
    moved = array - offset
    expected = (moved - moved.mean(axis=0)) / moved.std(axis=0)
    # the centre is a float of the size of the offset
    np.testing.assert_allclose(
        whole(prepared(array)[0]), expected, rtol=0, atol=4e-16 * abs(offset)
    )


# --- what is left out --------------------------------------------------------------------------


def hostile(samples=40):
    """Alive: columns 0, 3, 6 and 8, with ratios of 1e12 between their deviations."""
    rng = np.random.default_rng(0)
    array = rng.normal(size=(samples, 9)) * 10.0 ** np.array([0, 0, 0, 6, 0, 0, -6, 0, 1])
    array[:, 1] = 0.0
    array[:, 2] = 1e5  # constant
    array[:, 4] = 0.1 + 1e-19 * np.arange(samples)  # rounds to a constant
    array[:, 5] = 1.0 + 2.0**-52 * (np.arange(samples) % 2)  # varies in its last digit
    array[:, 7] *= 1e-40
    return array


def test_all_that_is_dead_is_found_at_once(small_chunks):
    found, dropped = prepared(hostile())
    assert dropped.any
    np.testing.assert_array_equal(dropped.constant, [1, 2, 4])
    np.testing.assert_array_equal(dropped.near_dead, [5, 7])
    np.testing.assert_array_equal(found.kept, [0, 3, 6, 8])
    assert (found.dim, found.width) == (4, 9)
    alive = hostile()[:, found.kept]
    expected = (alive - alive.mean(axis=0)) / alive.std(axis=0)
    np.testing.assert_allclose(whole(found), expected, rtol=1e-11, atol=1e-14)
    assert found.listed(dropped) == ("3 constant (1, 2, 4) and 2 constant but for rounding (5, 7)")


def test_dead_features_are_refused_if_they_are_to_be_kept(small_chunks):
    names = list("abcdefghi")
    message = "features must vary, got 3 constant (b, c, e) and 2 constant but for rounding"
    with pytest.raises(ValueError, match=re.escape(message)):
        prepared(hostile(), keep_constant=True, names=names)


def test_at_most_five_names_are_listed():
    array = np.random.default_rng(0).normal(size=(9, 8))
    array[:, 1:] = 3.0
    found, dropped = prepared(array)
    assert found.listed(dropped) == "7 constant (1, 2, 3, 4, 5, …)"


def test_what_varies_on_other_rows_alone_is_left_out(small_chunks, plain):
    plain[:8, 1] = 4.0
    found, dropped = prepared(plain, np.arange(8))
    np.testing.assert_array_equal(dropped.near_dead, [1])
    np.testing.assert_array_equal(found.kept, [0, 2])


def test_single_precision_is_dead_where_its_own_digits_end(small_chunks):
    array = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    array[:, 1] = np.float32(1.0) + np.finfo(np.float32).eps * (np.arange(40) % 2)
    np.testing.assert_array_equal(prepared(array)[1].near_dead, [1])
    np.testing.assert_array_equal(prepared(array.astype(np.float64))[1].near_dead, [])


def test_integers_have_no_rounding(small_chunks):
    array = np.random.default_rng(0).integers(0, 9, size=(40, 3)) + 10**15
    found, dropped = prepared(array)
    assert not dropped.any
    exact = (array - 10**15).astype(float)
    np.testing.assert_allclose(
        whole(found), (exact - exact.mean(axis=0)) / exact.std(axis=0), atol=0.1
    )


def test_a_feature_that_varies_from_chunk_to_chunk_only_is_not_constant(small_chunks, plain):
    plain[:, 1] = np.arange(11) // 4
    assert not prepared(plain)[1].any


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((5, 2), 3.0), "features must vary, got 2 of which none does"),
        (
            np.random.default_rng(0).normal(size=(9, 2)) * 1e-200,
            "squares that are floats, got a typical size",
        ),
    ],
)
def test_refusals_over_the_training_rows(array, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        prepared(array)


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
        (placed(((0, 0), 1e200)), "features must be at most 1e+153 in size, got 1e+200"),
        (placed(((0, 0), -1e160)), "features must be at most 1e+153 in size, got 1e+160"),
        (np.ones(5), "shape (n, d) with n, d > 0, got (5,)"),
        (np.ones((0, 3)), "got (0, 3)"),
        (np.ones((3, 0)), "got (3, 0)"),
        (np.ones((1, 3, 3)), "got (1, 3, 3)"),
        (np.ones((2, 2**14 + 1), dtype=np.int8), "must have at most 16384 columns, got 16385"),
        (placed() + 0j, "features must hold real numbers, got complex128 values"),
    ],
)
def test_refusals(small_chunks, array, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        checked(array)
