"""Files of commands: no output overwrites an input or another output."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands.outputs import require_different

INPUTS = ("d.csv", "x.npy", "y.npy", "g.npy", "b.npy", "z.npz", "m.json", "part.npz")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with all kinds of inputs; they are as they were after the test."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savetxt(
        "d.csv",
        np.column_stack([x, x.sum(1)]),
        delimiter=",",
        header="a,b,c,d,y",
        comments="",
    )
    for name, values in {"x": x, "y": x.sum(1), "g": np.arange(60) % 2, "b": [0, 0, 1, 1]}.items():
        np.save(f"{name}.npy", np.asarray(values))
    np.savez("z.npz", features=x, labels=x.sum(1))
    np.savez("part.npz", anything=x)
    mt.BlockModel.isotropic(8, 2, 1.0).to_json("m.json")
    (tmp_path / "sub").mkdir()
    before = {name: (tmp_path / name).read_bytes() for name in INPUTS}
    names = set(tmp_path.iterdir())
    yield tmp_path
    assert {name: (tmp_path / name).read_bytes() for name in INPUTS} == before
    written = set(tmp_path.iterdir()) - names
    assert all(path.is_symlink() or path.name.startswith("hard") for path in written)


def refused(run, *arguments):
    """The message with which a command line is refused, before the work."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


CSV, NPY, NPZ = (
    ("audit", "d.csv", "--labels", "y"),
    ("audit", "x.npy", "--labels", "y.npy", "--groups", "g.npy", "--block-of", "b.npy"),
    ("audit", "z.npz", "--labels", "labels"),
)


@pytest.mark.parametrize(
    ("command", "outputs", "message"),
    [
        (CSV, "--csv out --save-model out", "--save-model must be another file than --csv, got ou"),
        (CSV, "--csv out.svg --figure ./out.svg", "--figure must be another file than --csv, got"),
        (CSV, "--csv sub/../o --save-model o", "--save-model must be another file than --csv, got"),
        (CSV, "--csv d.csv", "--csv must not be the file of FILE, which would be lost, got d.csv"),
        (CSV, "--save-model sub/../d.csv", "--save-model must not be the file of FILE, which woul"),
        (NPY, "--csv x.npy", "--csv must not be the file of FILE"),
        (NPY, "--csv y.npy", "--csv must not be the file of --labels"),
        (NPY, "--save-model g.npy", "--save-model must not be the file of --groups"),
        (NPY, "--csv ./b.npy", "--csv must not be the file of --block-of"),
        (NPZ, "--csv z.npz", "--csv must not be the file of FILE"),
        (("sweep", "--dim", "8"), "--csv s.svg --figure s.svg", "--figure must be another file th"),
        (
            ("sweep", "--model", "m.json", "--over", "noise-variance"),
            "--csv m.json",
            "--csv must not be the file of --model, which would be lost, got m.json",
        ),
        (
            ("simulate", "--model", "m.json"),
            "--checkpoint m.json",
            "--checkpoint must not be the file of --model",
        ),
        (
            ("simulate", "--merge", "part.npz", "other.npz"),
            "--checkpoint ./part.npz",
            "--checkpoint must not be the file of --merge",
        ),
    ],
)
def test_commands_refuse_them(run, command, outputs, message):
    assert message in refused(run, *command, *outputs.split())


def test_links_are_the_files_they_lead_to(run, folder):
    Path("soft.csv").symlink_to("d.csv")
    Path("hard.csv").hardlink_to("d.csv")
    for name in ("soft.csv", "hard.csv"):
        assert "must not be the file of FILE" in refused(run, *CSV, "--csv", name)
        assert "must not be the file of FILE" in refused(
            run, "audit", name, "--labels", "y", "--csv", "d.csv"
        )
    Path("to-nowhere.csv").symlink_to("nowhere.csv")
    message = refused(run, *CSV, "--csv", "to-nowhere.csv", "--save-model", "nowhere.csv")
    assert "--save-model must be another file than --csv" in message


def test_links_in_a_circle_are_refused(run):
    Path("a.csv").symlink_to("b.csv")
    Path("b.csv").symlink_to("a.csv")
    message = refused(run, *CSV, "--csv", "a.csv")
    assert "a.csv cannot be written: Too many levels of symbolic links" in message
    assert "'a.csv' cannot be read" in refused(run, "audit", "a.csv", "--labels", "y")
    assert "'a.csv' cannot be read" in refused(run, "risk", "--model", "a.csv")


def test_names_that_are_no_files_do_not_count(run, folder):
    """The column y and a file y, the array b.npy of an archive: what is refused is the input."""
    (folder / "hard-none.csv").write_text("a\n1\n")
    message = refused(run, "audit", "hard-none.csv", "--labels", "y", "--csv", "y")
    assert "must name a column" in message
    message = refused(run, "audit", "z.npz", "--labels", "b.npy", "--csv", "b.npy")
    assert "must name an array" in message


def test_different_files_and_devices_are_taken(folder):
    null = folder / "null"
    null.symlink_to("/dev/null")
    require_different({"--csv": null, "--save-model": null, "--figure": None}, {"--model": ["m"]})
    require_different({"--csv": folder / "a", "--figure": folder / "b"}, {"FILE": ["c", "d"]})
    os.mkfifo("hard-pipe")
    require_different({"--csv": folder / "hard-pipe"}, {"FILE": ["d.csv"]})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/a.csv", "no/a.csv cannot be written: no is not a directory"),
        ("sub", "sub cannot be written: it is a directory"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(run, name, message):
    assert message in refused(run, *CSV, "--csv", name)
    assert message in refused(run, "sweep", "--dim", "8", "--csv", name)


def test_files_that_never_end_are_refused(run, folder):
    os.mkfifo("hard-pipe")
    for name in ("/dev/zero", "hard-pipe"):
        assert "must be a regular file" in refused(run, "risk", "--model", name)
        link = f"to{name.replace('/', '-')}.csv"
        Path(link).symlink_to(name)
        assert "must be a regular file" in refused(run, "audit", link, "--labels", "y")
        assert "must be a regular file" in refused(run, "simulate", "--model", link)


def test_a_cell_that_is_no_finite_number_is_named_with_its_line(run, folder):
    rows = (folder / "d.csv").read_text().splitlines()
    for word in ("nan", "NA"):
        table = folder / "to-table.csv"
        changed = [*rows[:5], f"{word},{rows[5].partition(',')[2]}", *rows[6:]]
        table.write_text("\n".join(changed) + "\n")
        message = refused(run, "audit", "to-table.csv", "--labels", "y")
        table.unlink()
        assert "line 6" in message
        assert "column 'a'" in message


def test_the_file_that_receives_what_is_printed_is_no_output(tmp_path):
    command = "from moetheory.cli import main; raise SystemExit(main())"
    arguments = ["sweep", "--dim", "4", "--replicates", "0", "--csv", "/dev/stdout"]
    printed = tmp_path / "sub" / "printed.txt"
    printed.write_text("before\n")
    with printed.open("a") as file:
        run = subprocess.run(
            [sys.executable, "-c", command, *arguments], stdout=file, stderr=subprocess.PIPE
        )
    assert run.returncode == 2
    assert b"--csv must be another file than the standard output, got /dev/stdout" in run.stderr
    assert printed.read_text() == "before\n"
