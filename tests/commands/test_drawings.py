"""Figures of the command line: no backend, nothing half written, and where they come from."""

import hashlib
import os
import re
import subprocess
import sys

import matplotlib as mpl
import pytest

import moetheory as mt
from moetheory.cli import main
from moetheory.commands.drawings import save_figure

COMMAND = "moetheory sweep --dim 8 --seed 3"
INLINE = "module://matplotlib_inline.backend_inline"


@pytest.fixture(scope="module")
def draw():
    result = mt.sweep(mt.BlockModel.isotropic(4, 2, 1.0), "noise_variance", [0.5, 1.0, 2.0])
    return lambda figure: mt.plot(result, figure.add_subplot())


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_figure_says_where_it_comes_from_and_is_the_same_again(draw, tmp_path, suffix):
    digests = set()
    for name in ("a", "b"):
        path = tmp_path / f"{name}{suffix}"
        save_figure(draw, path, COMMAND)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    content = path.read_bytes()
    for words in (COMMAND, f"moetheory {mt.__version__}, python ", "numpy "):
        assert words.encode() in content
    assert not re.search(rb"CreationDate|<dc:date>|Creation Time", content)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_command_with_any_letters_is_written(draw, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    save_figure(draw, path, "moetheory sweep --csv 'Gr\u00f6\u00dfe & <\u65e5\u672c>.csv'")
    assert path.stat().st_size > 1000


def test_a_figure_that_cannot_be_written_leaves_the_old_one(draw, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(self, file, **_):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(draw, path, COMMAND)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


def test_a_figure_touches_neither_pyplot_nor_the_backend(tmp_path):
    code = f"""
import sys
from moetheory import cli
assert cli.main(["sweep", "--dim", "6", "--replicates", "0", "--figure", r"{tmp_path}/a.png"]) == 0
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
assert matplotlib.rcParams._get_backend_or_none() is None
"""
    plain = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    subprocess.run([sys.executable, "-c", code], check=True, env=plain, stdout=subprocess.PIPE)


@pytest.mark.parametrize("backend", [INLINE, "nonsense", "svg", ""])
def test_any_backend_may_be_in_the_environment(tmp_path, backend):
    sweep = ("sweep", "--dim", "6", "--replicates", "0", "--figure", str(tmp_path / "a.pdf"))
    for arguments in (("risk", "--json"), sweep):
        done = subprocess.run(
            [sys.executable, "-m", "moetheory", *arguments],
            env={**os.environ, "MPLBACKEND": backend},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_the_backend_of_the_caller_stays(draw, tmp_path):
    before = mpl.rcParams["backend"]
    with mpl.rc_context({"text.usetex": False}):
        save_figure(draw, tmp_path / "a.svg", COMMAND)
    assert mpl.rcParams["backend"] == before
    assert mpl.rcParams["svg.hashsalt"] is None


@pytest.mark.parametrize(
    "command", [("sweep",), ("map",), ("descent",), ("audit", "none.csv", "--labels", "y")]
)
def test_a_title_needs_a_figure(command, capsys):
    assert main([*command, "--title", "Experts win"]) == 2
    assert "--title needs --figure, the file of the figure" in capsys.readouterr().err
