"""Files are opened only if they are regular; messages hold no control character."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from moetheory.datafile import DataArgumentError, read_data

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.arange(6) / 7


@pytest.mark.parametrize("ending", ["csv", "tsv.gz", "npz", "npy", "parquet"])
def test_only_regular_files_are_read(folder, ending, refusal):
    (folder / f"to-zero.{ending}").symlink_to("/dev/zero")
    os.mkfifo(folder / f"pipe.{ending}")
    (folder / f"to-pipe.{ending}").symlink_to(f"pipe.{ending}")
    for name, what in (
        ("to-zero", "a device or a socket"),
        ("pipe", "a pipe"),
        ("to-pipe", "a pipe"),
    ):
        message = refusal(read_data, f"{name}.{ending}", labels="0")
        assert message == f"'{name}.{ending}' must be a regular file, got {what}"
    (folder / f"a.{ending}").symlink_to(f"b.{ending}")
    (folder / f"b.{ending}").symlink_to(f"a.{ending}")
    with pytest.raises(OSError, match=f"a.{ending}"):
        read_data(f"a.{ending}", labels="0")
    np.save("x.npy", X)
    os.mkfifo(folder / "y.npy")
    assert "'y.npy' must be a regular file" in refusal(read_data, "x.npy", labels="y.npy")
    assert "'y.npy' must be a regular file" in refusal(
        read_data, "x.npy", labels="0", block_of="y.npy"
    )


def test_a_name_that_becomes_a_pipe_in_between_is_refused(folder, monkeypatch, refusal):
    os.mkfifo(folder / "pipe")
    np.save("x.npy", X)
    look = Path.stat

    def looks_and_then_it_changes(path, **how):
        seen = look(path, **how)
        (folder / "pipe").replace(folder / "x.npy")
        return seen

    monkeypatch.setattr(Path, "stat", looks_and_then_it_changes)
    assert "'x.npy' must be a regular file, got a pipe" in refusal(read_data, "x.npy", labels="0")


def test_an_error_keeps_its_argument_when_it_is_pickled():
    error = DataArgumentError("labels", "must be a string, got 1")
    again = pickle.loads(pickle.dumps(error))
    assert (again.argument, str(again)) == ("labels", "labels must be a string, got 1")


RED = "\x1b[31m\x07\x9b\u202e"


def test_no_control_character_is_in_a_message(folder, csv):
    (folder / f"{RED}.csv").write_text("a,y\nx,1\n")
    np.savez("x.npz", **{f"{RED}a": X, f"{RED}b": X, "y": Y, f"{RED}o": np.array([None])})
    np.save(f"{RED}.npy", Y)
    refused = [
        (read_data, f"{RED}.csv", "y"),
        (read_data, f"{RED}.csv", "z"),
        (read_data, f"{RED}.npy", "0"),
        (read_data, "x.npz", "y"),
        (read_data, "x.npz", RED),
        (read_data, "x.npz", f"{RED}o"),
        (csv, f"{RED},y\n{RED},1\n", "y"),
        (csv, f"{RED},b,y\n1,2,{RED}\n1,2,z\n1,2,3\n", "y"),
        (csv, f"{RED},{RED},y\n", "y"),
        (csv, f"{RED},b\n", "y"),
    ]
    for read, first, labels in refused:
        with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
            read(first, labels=labels)
        assert str(error.value).isprintable(), repr(str(error.value))
        assert "\\x1b" in str(error.value) or first == "x.npz"
