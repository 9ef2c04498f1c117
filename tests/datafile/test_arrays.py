"""Archives and arrays: every damage named, nothing ever unpickled."""

import contextlib
import os
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest

from moetheory.datafile import arrays, contents, read_data

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y, G = np.arange(6) / 7, np.array([2, 0, 1, 1, 0, 2])
BLOCKS = np.array([0, 1, 2, 1])
TABLE = "a,b,y\n1,2.5,0.5\n-3e2,nan,1\n"


# --- .npz -------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["features", "activations"])
def test_an_archive(save, name):
    save("x.npz", **{name: X}, y=Y, groups=G, blocks=BLOCKS, users=-G, epochs=3)
    asked = {"groups": "groups", "block_of": "blocks", "clusters": "users"}
    data = read_data("x.npz", labels="y", **asked)
    assert data.features.dtype == np.float32
    for found, saved in zip(data, (X, Y, G, BLOCKS), strict=False):
        np.testing.assert_array_equal(found, saved)
    np.testing.assert_array_equal(data.clusters, -G)
    assert data.names is None
    assert read_data("x.npz", labels="y")[2:] == (None,) * 5


def test_of_several_the_array_of_features_is_the_one_of_that_name(refusal):
    np.savez("x.npz", features=X, more=X, y=Y)
    np.testing.assert_array_equal(read_data("x.npz", labels="y").features, X)
    np.savez("x.npz", some=X, more=-X, y=Y, n=3)
    message = refusal(read_data, "x.npz", labels="y")
    assert message == (
        "features must name an array of 'x.npz' where none is called features and not just one "
        "has two dimensions, got some (6, 4), more (6, 4), n ()"
    )
    np.testing.assert_array_equal(read_data("x.npz", labels="y", features="more").features, -X)
    np.savez("x.npz", y=Y)
    assert refusal(read_data, "x.npz", labels="y").endswith("has two dimensions, got none")


@pytest.mark.parametrize("asked", [{}, {"features": "activations"}])
def test_only_the_arrays_that_are_asked_for_are_looked_at(folder, asked):
    """Others may be of any type, packed in any way, or no arrays at all."""
    np.savez("x.npz", features=X, activations=-X, y=Y)
    np.save("other.npy", np.array([Trap()]))
    with zipfile.ZipFile("x.npz", "a") as archive:
        archive.write("other.npy", "objects.npy")
        archive.write("other.npy", "bzip2.npy", zipfile.ZIP_BZIP2)
        archive.writestr("text.npy", TABLE)
    data = read_data("x.npz", labels="y", **asked)
    np.testing.assert_array_equal(data.features, -X if asked else X)
    np.testing.assert_array_equal(data.labels, Y)
    assert not (folder / "unpickled").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"labels": "label"},
            "labels must name an array of 'x.npz', got 'label'; did you mean 'la",
        ),
        ({"groups": "g"}, "groups must name an array of 'x.npz', got 'g'; there are features, lab"),
        ({"block_of": "x"}, "block_of must name an array of 'x.npz', got 'x'; there are"),
        ({"clusters": "x"}, "clusters must name an array of 'x.npz', got 'x'; there are"),
        ({"features": "feature"}, "features must name an array of 'x.npz', got 'feature'; did you"),
        ({"features": "labels"}, "features must be something else than the labels, got 'labels'"),
        ({"ignore": ["a"]}, "ignore is for columns, got an .npz file, which has arrays"),
    ],
)
def test_arrays_that_are_not_there_are_refused(asked, message, refusal):
    np.savez("x.npz", features=X, labels=Y)
    assert message in refusal(read_data, "x.npz", **{"labels": "labels", **asked})


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("name", ["features", "labels", "groups"])
def test_python_objects_are_never_unpickled(folder, name, refusal):
    arrays = {"features": X, "labels": Y, "groups": G}
    np.savez("x.npz", **arrays | {name: np.array([[Trap()], [Trap()]])})
    message = refusal(read_data, "x.npz", labels="labels", groups="groups")
    assert f"array {name!r} of 'x.npz' must hold numbers or text, got Python objects" in message
    assert "values.astype(float)" in message
    np.save("x.npy", np.array([[Trap()], [Trap()]]))
    np.save("y.npy", X)
    for file, labels in (("x.npy", "y.npy"), ("y.npy", "x.npy")):
        message = refusal(read_data, file, labels=labels)
        assert "'x.npy' must hold numbers or text, got Python objects" in message
    for file in ("x.npz", "x.npy"):
        (folder / file).write_bytes(pickle.dumps(Trap()))
        assert f"'{file}' is not a" in refusal(read_data, file, labels="y.npy")
    assert not (folder / "unpickled").exists()
    pickle.loads(pickle.dumps(Trap()))
    assert (folder / "unpickled").exists()  # the trap works


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_refused_or_read_as_it_was(folder, save):
    save("x.npz", features=X, labels=Y)
    whole, chance = (folder / "x.npz").read_bytes(), random.Random(0)
    damaged = [whole[:end] for end in range(0, len(whole), 20)]
    for _ in range(80):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        damaged.append(bytes(flipped))
    found = []
    for content in damaged:
        (folder / "x.npz").write_bytes(content)
        with contextlib.suppress(ValueError):
            found.append(read_data("x.npz", labels="labels"))
    assert 0 < len(found) < len(damaged) / 2  # of the directory at its end, not all matters
    for data in found:
        assert (data.features.tobytes(), data.labels.tobytes()) == (X.tobytes(), Y.tobytes())


def test_an_array_that_goes_on_after_its_end_is_refused(folder, refusal):
    np.save("features.npy", X)
    np.save("labels.npy", Y)
    whole = (folder / "features.npy").read_bytes()
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("features.npy", whole.replace(b"(6, 4)", b"(5, 4)"))
        archive.write("labels.npy")
    message = refusal(read_data, "x.npz", labels="labels")
    assert message == (
        "array 'features' of 'x.npz' must end where its array ends, got 16 more bytes behind it"
    )


def test_an_archive_of_something_else_is_refused(folder, refusal):
    for content in (b"", TABLE.encode(), b"PK\x03\x04"):
        (folder / "x.npz").write_bytes(content)
        assert "'x.npz' is not an .npz file: File is not a zip" in refusal(
            read_data, "x.npz", labels="labels"
        )
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("labels", "no array")
        archive.writestr("features.npy", TABLE)
    assert refusal(read_data, "x.npz", labels="labels").endswith("there are features")
    assert "array 'features' of 'x.npz' is not a .npy file" in refusal(
        read_data, "x.npz", labels="features"
    )


def test_an_array_that_unpacks_to_far_more_is_refused(folder, monkeypatch, refusal):
    np.savez_compressed("x.npz", features=np.zeros((500, 1000)), labels=np.zeros(500))
    assert read_data("x.npz", labels="labels").features.shape == (500, 1000)
    monkeypatch.setattr(contents, "BOMB_SIZE", 10**6)
    monkeypatch.setattr(contents, "BOMB_RATIO", 100)
    message = refusal(read_data, "x.npz", labels="labels")
    assert message.startswith("array 'features' of 'x.npz' must not be compressed more than 100")
    assert message.endswith("bytes that unpack to 4000128")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_in_another_way_is_refused(method, refusal):
    """Some unpack a thousand times more than is read of them."""
    np.save("features.npy", X)
    np.save("labels.npy", Y)
    with zipfile.ZipFile("x.npz", "w", method) as archive:
        archive.write("features.npy")
        archive.write("labels.npy")
    message = refusal(read_data, "x.npz", labels="labels")
    assert "array 'labels' of 'x.npz' must be compressed as by numpy.savez_compressed" in message


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(refusal):
    np.save("y.npy", Y)
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.write("y.npy")
        archive.write("y.npy")
    message = refusal(read_data, "x.npz", labels="y")
    assert message == "'x.npz' must name each array differently; twice: 'y'"


# --- .npy -------------------------------------------------------------------------------------


def is_view(features) -> bool:
    return isinstance(features, np.memmap) and not features.flags.owndata


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_memory_map_stays_one(order):
    np.save("x.npy", np.asarray(X, order=order))
    np.save("y.npy", Y)
    np.save("g.npy", np.array(["a", "b"] * 3))
    np.save("b.npy", BLOCKS)
    data = read_data("x.npy", labels="y.npy", groups="g.npy", block_of="b.npy")
    assert is_view(data.features)
    assert data.features.dtype == np.float32
    np.testing.assert_array_equal(data.features, X)
    np.testing.assert_array_equal(data.labels, Y)
    assert data.groups.tolist() == ["a", "b"] * 3
    np.testing.assert_array_equal(data.block_of, BLOCKS)
    assert data.names is None


@pytest.mark.parametrize(
    ("labels", "groups", "ignore", "features"),
    [
        ("0", None, (), slice(1, 6)),
        ("-1", None, (), slice(0, 5)),
        ("1", "0", (), slice(2, 6)),
        ("-1", "+0", (), slice(1, 5)),
        ("4", "0", ("5", "-5"), slice(2, 4)),
    ],
)
def test_columns_at_the_ends_leave_a_view(labels, groups, ignore, features):
    table = np.concatenate([G[:, None], X, G[:, None]], axis=1, dtype=np.float32)
    np.save("x.npy", table)
    data = read_data("x.npy", labels=labels, groups=groups, ignore=ignore)
    assert is_view(data.features)
    np.testing.assert_array_equal(data.features, table[:, features])
    np.testing.assert_array_equal(data.labels, table[:, int(labels)])
    if groups:
        np.testing.assert_array_equal(data.groups, table[:, int(groups)])
    assert data.names == tuple(str(column) for column in range(6)[features])


@pytest.mark.parametrize(
    ("labels", "ignore", "kept"),
    [("2", (), [0, 1, 3]), ("0", ("-2",), [1, 3]), ("-1", ("0", "1"), [2])],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_column_can_be_no_feature(labels, ignore, kept, order):
    np.save("x.npy", np.asarray(X, order=order))
    data = read_data("x.npy", labels=labels, ignore=ignore)
    assert data.features.dtype == np.float32
    np.testing.assert_array_equal(data.features, X[:, kept])
    np.testing.assert_array_equal(data.labels, X[:, int(labels)])
    assert data.names == tuple(map(str, kept))
    assert is_view(data.features) == (len(kept) == 1)


def test_features_too_large_for_a_copy_are_refused_in_words(monkeypatch, refusal):
    def full(_):
        raise MemoryError

    np.save("x.npy", X)
    monkeypatch.setattr(arrays.np, "asarray", full)
    message = refusal(read_data, "x.npy", labels="2")
    assert "columns that are no features at its ends, or features that fit into" in message
    assert message.endswith("got 72 bytes")


def test_clusters_are_a_column_or_a_file():
    np.save("x.npy", X)
    np.save("g.npy", G)
    np.testing.assert_array_equal(read_data("x.npy", labels="0", clusters="-1").clusters, X[:, -1])
    np.testing.assert_array_equal(read_data("x.npy", labels="0", clusters="g.npy").clusters, G)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"labels": "4"},
            "labels must be a column, 0 to 3 or from the end -1 to -4, or another .n",
        ),
        ({"labels": "-5"}, "labels must be a column, 0 to 3 or from the end"),
        ({"labels": "y"}, "or another .npy file, got 'y'"),
        ({"labels": "0", "groups": "-4"}, "groups must be a column of its own, got -4"),
        ({"labels": "0", "groups": "1.0"}, "groups must be a column, 0 to 3"),
        (
            {"labels": "0", "ignore": ["9"]},
            "ignore must be a column, 0 to 3 or from the end -1 to -",
        ),
        ({"labels": "0", "ignore": ["1", "2", "3"]}, "must have columns of features, got 4 in all"),
        (
            {"labels": "0", "block_of": "1"},
            "block_of must be a .npy file where features are in a .n",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused(asked, message, refusal):
    np.save("x.npy", X)
    assert message in refusal(read_data, "x.npy", **asked)


def test_a_file_that_is_no_array_is_refused(folder, refusal):
    np.save("y.npy", Y)
    whole = (folder / "y.npy").read_bytes()
    assert (
        "must have two dimensions, samples by features, at most 16777216 of them, got (6,)"
        in refusal(read_data, "y.npy", labels="0")
    )
    broken = whole.replace(b"'descr'", b"('desc'")
    for content in (b"", TABLE.encode(), whole[:50], broken, whole[:6] + b"\x09" + whole[7:]):
        (folder / "x.npy").write_bytes(content)
        assert "'x.npy' is not a .npy file: " in refusal(read_data, "x.npy", labels="y.npy")
    (folder / "x.npy").write_bytes(whole[:-1])
    assert "'x.npy' is not complete: " in refusal(read_data, "x.npy", labels="y.npy")
    np.savez("x.npz", features=X)
    (folder / "x.npz").rename("x.npy")
    assert "'x.npy' is not a .npy file: the magic string" in refusal(
        read_data, "x.npy", labels="y.npy"
    )


def test_data_behind_an_array_is_refused(folder, refusal):
    with (folder / "x.npy").open("wb") as file:
        for _ in range(3):
            np.save(file, X)
    size = 2 * (X.nbytes + 128)
    message = f"'x.npy' must end where its array ends, got {size} more bytes behind it"
    assert refusal(read_data, "x.npy", labels="0") == message
    np.save("y.npy", X)
    assert refusal(read_data, "y.npy", labels="x.npy") == message
    content = (folder / "x.npy").read_bytes()
    (folder / "x.npy").write_bytes(content[: X.nbytes + 128 - 5])
    assert refusal(read_data, "x.npy", labels="0") == "'x.npy' is not complete: 5 bytes are missing"


def npy(shape: str, kind: str = "'<f4'") -> bytes:
    """A .npy file with the numbers of X, whatever its header says."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + X.tobytes()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(True, 24)", "'x.npy' must have a shape of at most 32 integers from 0 to 2814749"),
        ("(-6, -4)", "its header says otherwise"),
        (f"({10**30},)", "its header says otherwise"),
        (f"(0, {10**30})", "its header says otherwise"),
        (f"({'1,' * 40})", "its header says otherwise"),
        ("(6.0, 4)", "'x.npy' is not a .npy file: its header cannot be read"),
        ("[6, 4]", "its header cannot be read"),
        ("(" * 300, "its header cannot be read"),
        ("-" * 9000 + "1", "its header cannot be read"),
        (f"(6, 4){' ' * 10_000}", "its header cannot be read"),
        (f"({10**12}, 4)", "'x.npy' is not complete: 15999999999904 bytes are missing"),
        (f"(0, {10**12})", "must end where its array ends, got 96 more bytes"),
        ("(24,)", "must have two dimensions, samples by features"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(folder, shape, message, refusal):
    (folder / "x.npy").write_bytes(npy("(6, 4)"))
    np.testing.assert_array_equal(read_data("x.npy", labels="0").labels, X[:, 0])
    (folder / "x.npy").write_bytes(npy(shape))
    found = refusal(read_data, "x.npy", labels="0")
    assert message in found
    assert "pickle" not in found


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("[('a', '<f4')]", "must hold numbers or text, got a table with named fields"),
        ("'<M8[s]'", "must hold numbers or text, got datetime64[s] values"),
        ("'V4'", "must hold numbers or text, got |V4 values"),
        ("'<U0'", "must hold numbers or text, got <U0 values"),
        ("'|O'", "must hold numbers or text, got Python objects"),
        ("'<f999'", "its header cannot be read"),
    ],
)
def test_other_types_are_refused(folder, kind, message, refusal):
    (folder / "x.npy").write_bytes(npy("(6, 4)", kind))
    assert message in refusal(read_data, "x.npy", labels="0")
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.write("x.npy", "features.npy")
        archive.writestr("labels.npy", npy("(24,)"))
    assert message in refusal(read_data, "x.npz", labels="labels")


def test_an_extra_array_may_be_of_any_type():
    np.savez("x.npz", features=X, labels=Y, when=np.array(["2024-01-01"], "M8[D]"))
    np.testing.assert_array_equal(read_data("x.npz", labels="labels").features, X)


def test_too_many_columns_and_none(folder, refusal):
    for shape in ("(0, 17000000)", "(5, 0)"):
        (folder / "x.npy").write_bytes(npy(shape)[: -X.nbytes])
        assert "at most 16777216 of them" in refusal(read_data, "x.npy", labels="0")
