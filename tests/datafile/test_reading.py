"""Data files: each kind read as it is, every damage named, nothing ever unpickled."""

import contextlib
import os
import pickle
import random
import zipfile

import numpy as np
import pytest

from moetheory.datafile import read_data

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y, G = np.arange(6) / 7, np.array([2, 0, 1, 1, 0, 2])
BLOCKS = np.array([0, 1, 2, 1])
TABLE = "a,b,y\n1,2.5,0.5\n-3e2,nan,1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def csv(folder):
    """``csv(content, **asked)``: what is read from a table, by default with labels y."""

    def read(content: str | bytes, labels: str = "y", **asked):
        raw = content.encode() if isinstance(content, str) else content
        (folder / "x.csv").write_bytes(raw)
        return read_data("x.csv", labels=labels, **asked)

    return read


def refusal(read, *arguments, **asked):
    """The message with which something is refused; it has one line."""
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
        read(*arguments, **asked)
    return str(error.value)


# --- .csv -------------------------------------------------------------------------------------


def test_a_table(csv):
    data = csv(TABLE)
    np.testing.assert_array_equal(data.features, [[1.0, 2.5], [-300.0, np.nan]])
    assert data.features.dtype == np.float64
    assert data.labels.tolist() == [0.5, 1.0]
    assert (data.groups, data.block_of, data.names) == (None, None, ("a", "b"))


def test_a_table_with_all_there_is(csv, folder):
    np.save("blocks.npy", BLOCKS[:2])
    table = (
        'page, a,"b, or not",topic,part\r\np_1, 1,2,music,1.0\r\n\r\n"p\n2",3,inf,"maths ",0\r\n'
    )
    asked = {"groups": "part", "ignore": ["page"], "block_of": "blocks.npy"}
    for content in (table, "\ufeff" + table):
        data = csv(content, "topic", **asked)
        assert data.features.tolist() == [[1.0, 2.0], [3.0, np.inf]]
        assert data.labels.tolist() == ["music", "maths"]
        assert (data.groups.tolist(), data.groups.dtype.kind) == ([1, 0], "i")
        assert data.block_of.tolist() == BLOCKS[:2].tolist()
        assert data.names == ("a", "b, or not")
    (folder / "x.csv").rename("X.CSV")
    assert read_data("X.CSV", labels="topic", **asked).names == ("a", "b, or not")


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        (["10", "2.0", "+2."], [10, 2, 2]),
        (["10", "2.5", "2"], ["10", "2.5", "2"]),
        (["a", "2", "b"], ["a", "2", "b"]),
        # two that are one as floats
        (["12345678901234567", "12345678901234568", "1"],) * 2,
    ],
)
def test_groups_are_integers_or_names(csv, cells, groups):
    lines = "".join(f"{i},0,{cell}\n" for i, cell in enumerate(cells))
    assert csv(f"a,y,g\n{lines}", groups="g").groups.tolist() == groups


def test_a_column_without_a_name_can_be_ignored(csv):
    table = ",a,y\n0,1,2\n"  # a row index
    message = refusal(csv, table)
    assert "must name each column, got none for column 1" in message
    assert message.endswith("can be ignored, here by the name ''")
    assert csv(table, ignore=[""]).names == ("a",)


MANY = ",".join(f"c{i}" for i in range(30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must begin with a header line that names its columns; its first line is empty"),
        ("\n1,2\n", "its first line is empty"),
        ("1,2e5, nan\n1,2,3\n", "its first line holds numbers only"),
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
            "got in line 2 'x' in column 'b'; columns that are no features can be i",
        ),
        ("a,b,y\n1,,3\n", "got in line 2 '' in column 'b'"),
        ("a,b,y\n2024_05,1,3\n", "got in line 2 '2024_05' in column 'a'; columns that"),
        ("a,b,y\n2024_05,x,3\n", "got in line 2 '2024_05' in column 'a', 'x' in column 'b'; col"),
        (f"{MANY},y\n{MANY},1\n", "'c7' in column 'c7', … (30 in all)"),
        (
            "a,y\n1,2\n1,n/a\n1,3\n",
            "got 3 different cells that are not all numbers, first 'n/a' in",
        ),
        ("a,y\n1,yes\n1,yes\n", "must hold numbers or the names of two classes, got 1 different"),
        ('a,y\n"1,2\n', "is not a CSV file: unexpected end of data (line 2)"),
        ('a,y\n"1"2,3\n', "is not a CSV file: ',' expected after '\"' (line 2)"),
        (
            "a,b,label\n1,2,3\n",
            "labels must name a column in the first line of 'x.csv', got 'y'; there are a, b, lab",
        ),
        ("a;b;y\n1;2;3\n", "got 'y'; there are a;b;y"),
        (f"{MANY}\n{MANY}\n", "there are c0, c1, c2, c3, c4, c5, c6, c7, … (30 in all)"),
        (b"a\0,y\n1,2\n", "is not a CSV file: its first line is no text"),
        (b"\x89PNG\r\n\x1a\n", "is not a CSV file in UTF-8: invalid start byte"),
        ("a,y\n1,2\n".encode("utf-16"), "is not a CSV file in UTF-8: invalid start byte"),
        ("a,é,y\n1,2,3\n".encode("latin-1"), "is not a CSV file in UTF-8: "),
    ],
)
def test_a_table_that_is_none_is_refused(csv, content, message):
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
        ({"ignore": ["b", "y"]}, "ignore must not name labels or groups, got 'y'"),
        ({"ignore": ["a", "b"]}, "must have columns of features beside a, b, y"),
        ({"block_of": "b"}, "block_of must be a .npy file where features are in a .csv file, got"),
    ],
)
def test_columns_that_are_not_there_are_refused(csv, asked, message):
    assert message in refusal(csv, TABLE, **asked)


# --- .npz -------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["features", "activations"])
def test_an_archive(save, name):
    save("x.npz", **{name: X}, y=Y, groups=G, blocks=BLOCKS, epochs=3)
    data = read_data("x.npz", labels="y", groups="groups", block_of="blocks")
    assert data.features.dtype == np.float32
    for found, saved in zip(data, (X, Y, G, BLOCKS), strict=False):
        np.testing.assert_array_equal(found, saved)
    assert data.names is None
    assert read_data("x.npz", labels="y")[2:] == (None, None, None)


def test_of_several_the_array_of_features_is_the_one_of_that_name():
    np.savez("x.npz", features=X, more=X, y=Y)
    np.testing.assert_array_equal(read_data("x.npz", labels="y").features, X)
    np.savez("x.npz", some=X, more=X, y=Y, n=3)
    assert refusal(read_data, "x.npz", labels="y").endswith(
        'in an array "features" or in just one other with two dimensions, got some (6, 4), '
        "more (6, 4), n ()"
    )
    np.savez("x.npz", y=Y)
    assert refusal(read_data, "x.npz", labels="y").endswith("two dimensions, got none")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"labels": "label"},
            "labels must name an array of 'x.npz', got 'label'; did you mean 'la",
        ),
        ({"groups": "g"}, "groups must name an array of 'x.npz', got 'g'; there are features, lab"),
        ({"block_of": "x"}, "block_of must name an array of 'x.npz', got 'x'; there are"),
        ({"ignore": ["a"]}, "ignore is for columns of .csv and .npy files, got an .npz file"),
    ],
)
def test_arrays_that_are_not_there_are_refused(asked, message):
    np.savez("x.npz", features=X, labels=Y)
    assert message in refusal(read_data, "x.npz", **{"labels": "labels", **asked})


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("name", ["features", "labels", "groups"])
def test_python_objects_are_never_unpickled(folder, name):
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


def test_an_array_that_goes_on_after_its_end_is_refused(folder):
    np.save("features.npy", X)
    np.save("labels.npy", Y)
    whole = (folder / "features.npy").read_bytes()
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("features.npy", whole.replace(b"(6, 4)", b"(5, 4)"))
        archive.write("labels.npy")
    message = refusal(read_data, "x.npz", labels="labels")
    assert message == "array 'features' of 'x.npz' must end where its header says, got more"


def test_an_archive_of_something_else_is_refused(folder):
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
    ("asked", "message"),
    [
        (
            {"labels": "2"},
            "at its ends, or all features would have to be copied, got column 2 of 4",
        ),
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
def test_columns_that_cannot_be_are_refused(asked, message):
    np.save("x.npy", X)
    assert message in refusal(read_data, "x.npy", **asked)


def test_a_file_that_is_no_array_is_refused(folder):
    np.save("y.npy", Y)
    whole = (folder / "y.npy").read_bytes()
    assert "must have two dimensions, samples by features, got (6,)" in refusal(
        read_data, "y.npy", labels="0"
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


# --- any --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.txt", "x", "x.csv.gz", "x.npz "])
def test_other_endings_are_refused(name):
    assert refusal(read_data, name, labels="y") == f"{name!r} must end in .csv, .npz or .npy"


@pytest.mark.parametrize("ending", ["csv", "npz", "npy"])
def test_a_file_that_cannot_be_read_is_an_os_error(folder, ending):
    with pytest.raises(FileNotFoundError, match=f"none.{ending}"):
        read_data(f"none.{ending}", labels="0")
    (folder / f"x.{ending}").mkdir()
    with pytest.raises(IsADirectoryError, match=f"x.{ending}"):
        read_data(folder / f"x.{ending}", labels="0")
