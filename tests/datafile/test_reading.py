"""The reader of data files: endings, and arguments that cannot be."""

import gzip
import random

import numpy as np
import pytest

from moetheory.datafile import DataArgumentError, read_data

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.arange(6) / 7


@pytest.mark.parametrize("name", ["x.txt", "x", "x.gz", "x.npy.gz", "x.npz "])
def test_other_endings_are_refused(name, refusal):
    message = refusal(read_data, name, labels="y")
    endings = ".csv, .tsv, .csv.gz, .tsv.gz, .npz, .npy or .parquet"
    assert message == f"path must end in {endings}, got {name!r}"


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "npy", "parquet"])
def test_an_array_of_features_is_asked_of_archives_alone(ending, refusal):
    message = refusal(read_data, f"x.{ending}", labels="0", features="x")
    assert message == f"features is for the arrays of an .npz file, got a .{ending} file"


@pytest.mark.parametrize("ending", ["csv", "tsv.gz", "npz", "npy", "parquet"])
def test_a_file_that_cannot_be_read_is_an_os_error(folder, ending):
    with pytest.raises(FileNotFoundError, match=f"none.{ending}"):
        read_data(f"none.{ending}", labels="0")
    (folder / f"x.{ending}").mkdir()
    with pytest.raises(IsADirectoryError, match=f"x.{ending}"):
        read_data(folder / f"x.{ending}", labels="0")


NOT_NAMES = [
    "a\0.npy",
    "\ud800.npy",
    10**9999,
    1,
    1.5,
    True,
    b"y",
    ["y"],
    object(),
    np.array(["y", "z"]),
    lambda: 0,
]


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        (
            "path",
            [
                1,
                None,
                True,
                b"x.csv",
                ["x.csv"],
                object(),
                "a\0.csv",
                "\ud800.csv",
                "",
                "x",
                "x.csv\x1b",
            ],
        ),
        ("labels", [*NOT_NAMES, None, "", "no such"]),
        ("groups", [*NOT_NAMES, False, "", "no such", "y"]),
        ("clusters", [*NOT_NAMES, False, "", "no such", "y"]),
        ("features", [*NOT_NAMES, False, "", "no such", "y"]),
        ("block_of", [*NOT_NAMES, False, "", "no such", "y"]),
        (
            "ignore",
            ["ab", b"ab", None, 1, True, object(), [1], [b"a"], ["no such"], ["y"], [["a"]]],
        ),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "npz", "npy"])
def test_every_wrong_argument_is_refused_by_its_name(folder, argument, values, ending):
    (folder / "x.csv").write_text("a,b,y\n1,2,3\n")
    np.savez("x.npz", features=X, y=Y)
    np.save("x.npy", X)
    whole = {"path": f"x.{ending}", "labels": "0" if ending == "npy" else "y"}
    for value in values:
        asked = {**whole, argument: value}
        with pytest.raises(DataArgumentError) as error:
            read_data(asked.pop("path"), **asked)
        assert error.value.argument == error.value.args[0] == argument
        assert str(error.value) == " ".join(error.value.args)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 300


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content with bits flipped, bytes cut out or put in, or its end lost."""
    changed, at = bytearray(content), chance.randrange(len(content))
    match chance.randrange(4):
        case 0:
            for _ in range(chance.randrange(1, 5)):
                changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        case 1:
            del changed[at : at + chance.randrange(1, 40)]
        case 2:
            changed[at:at] = chance.randbytes(chance.randrange(1, 40))
        case 3:
            del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize(
    ("ending", "asked"),
    [
        ("csv", {"labels": "y", "groups": "g"}),
        ("csv.gz", {"labels": "y", "groups": "g"}),
        ("npz", {"labels": "labels", "groups": "groups"}),
        ("npy", {"labels": "-1", "groups": "0"}),
    ],
)
def test_a_damaged_file_is_read_or_refused_in_words(folder, ending, asked):
    rows = "".join(f'{a},"{b}",{c},{d}\n' for (a, b, *_), c, d in zip(X, Y, "abcabc", strict=True))
    (folder / "x.csv").write_text("a,b,y,g\n" + rows)
    (folder / "x.csv.gz").write_bytes(gzip.compress((folder / "x.csv").read_bytes(), mtime=0))
    np.savez("x.npz", features=X, labels=Y, groups=Y)
    np.save("x.npy", X)
    whole, chance, messages = (folder / f"x.{ending}").read_bytes(), random.Random(0), []
    for _ in range(300):
        (folder / f"x.{ending}").write_bytes(damaged(whole, chance))
        try:
            read_data(f"x.{ending}", **asked)
        except ValueError as error:  # no other
            messages.append(str(error))
    assert len(messages) > 100
    for message in messages:
        assert message.isprintable()
        assert len(message) < 600
        assert "pickle" not in message
