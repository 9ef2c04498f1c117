"""``moetheory paper``: the whole table once, its words, and folders that cannot be used."""

import io
import json
import os
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from moetheory import catalogue, cli
from moetheory.commands import outputs, paper_rows
from moetheory.paper import declaration, rows
from moetheory.paper.declaration import NOT_SHOWN, Fact


@pytest.fixture(scope="module")
def whole(tmp_path_factory, held):
    """The exit code, the document and the folder of figures of the whole table."""
    folder = tmp_path_factory.mktemp("whole") / "figures"  # which does not exist yet
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        # checks with the seed 1 are those of tests/theorems: one of them serves both
        patch.setattr(declaration, "check", lambda name, rng: held(catalogue[name]))
        code = cli.main(["paper", "--json", "--seed", "1", "--figures", str(folder)])
    return code, json.loads(out.getvalue()), folder


@pytest.mark.slow
def test_every_row_is_borne_out(whole):
    code, document, _ = whole
    assert [row["row"] for row in document["results"]] == list(rows)
    for row in document["results"]:
        assert row["verdict"] == rows[row["row"]].verdict, row
        assert row["facts"]
        assert all(fact["holds"] for fact in row["facts"]), row
    assert code == 0


@pytest.mark.slow
def test_every_theorem_of_the_paper_is_checked_with_a_row(whole):
    checked = {theorem for row in rows.values() for theorem in row.theorems}
    stated = {name for name, theorem in catalogue.items() if "[SNB] Theorem 4" in theorem.source}
    assert stated - checked == set()
    found = {
        fact["numbers"]["theorem"]: fact["numbers"]["status"]
        for row in whole[1]["results"]
        for fact in row["facts"]
        if "theorem" in fact["numbers"]
    }
    assert found == dict.fromkeys(checked, "holds")


@pytest.mark.slow
def test_each_figure_is_written_and_says_its_command(whole):
    _, _, folder = whole
    drawn = {f"{name}.png" for name, row in rows.items() if row.draw is not None}
    assert {path.name for path in folder.iterdir()} == drawn
    for path in folder.iterdir():
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert b"moetheory paper --json --seed 1 --figures" in content


@pytest.fixture
def row(monkeypatch):
    """A row that is quickly computed, and what it becomes with another computation."""
    quick = rows["linear-probes"]

    def with_facts(*facts):
        changed = replace(quick, compute=lambda entropy: (facts, None))
        monkeypatch.setattr(paper_rows, "rows", {"linear-probes": changed})

    return with_facts


def test_a_row_in_words(run):
    code, out, err = run("paper", "linear-probes", "--seed", "5")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("[SNB] Sun, Nittala, Burkholz: Robustness of Mixtures of Experts")
    first = lines.index("linear-probes (Linear probes): out of reach")
    assert lines[first + 1].startswith("  paper: On activations of T5-small")
    assert any(line.startswith("  here: ") for line in lines)
    assert sum(line.startswith("  - ") for line in lines) == 3
    assert "  more: python examples/language/probes.py" in lines
    assert "linear-probes  Linear probes  out of reach           3 of 3" in lines
    assert "1 row: 1 out of reach" in lines
    assert lines[-1] == "replay with --seed 5"
    assert max(map(len, lines)) <= 80
    assert "computed in" in err


def test_a_fact_that_does_not_hold_is_told(row, run):
    row(Fact("one is one", True, {}), Fact("one is two", False, {}))
    code, out, _ = run("paper", "--seed", "5")
    assert code == 1
    assert f"linear-probes (Linear probes): {NOT_SHOWN}" in out
    assert "  - NOT BORNE OUT: one is two" in out
    assert "1 row: 1 not shown" in out


def test_a_row_is_computed_again_from_the_seed(run):
    first, again = (run("paper", "overlap-table", "--json", "--seed", "9")[1] for _ in range(2))
    assert first == again
    assert json.loads(first)["entropy"] == "9"


def test_a_typo_is_answered_with_the_name(run):
    code, out, err = run("paper", "theorem4.3")
    assert (code, out) == (2, "")
    assert "NAME must be that of a row of the paper, got 'theorem4.3'; did you mean" in err
    assert "'theorem-4-3'?" in err


def refused(run, folder):
    """The line that refuses a folder of figures, before anything is computed."""
    code, out, err = run("paper", "linear-probes", "--figures", str(folder))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def test_a_folder_that_is_a_file_is_refused_and_stays(run, tmp_path):
    path = tmp_path / "figures"
    path.write_text("mine")
    assert f"--figures must be a folder, got {path}, which is a file" in refused(run, path)
    assert path.read_text() == "mine"


def test_a_folder_in_no_folder_is_refused(run, tmp_path):
    folder = tmp_path / "no" / "figures"
    line = refused(run, folder)
    assert f"--figures cannot be written: {folder}: No such file or directory" in line
    assert not folder.parent.exists()


def test_a_folder_that_is_a_link_to_nothing_is_refused(run, tmp_path):
    folder = tmp_path / "link"
    folder.symlink_to(tmp_path / "nowhere")
    assert f"--figures must be a folder, got {folder}, which is a link to" in refused(run, folder)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_not_writable_is_refused(run, tmp_path, monkeypatch):
    def denied(**_):  # a superuser may write nearly everywhere
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(outputs, "TemporaryFile", denied)
    line = refused(run, tmp_path)
    assert f"--figures cannot be written: {tmp_path}: Permission denied" in line


def test_a_folder_that_takes_no_files_is_refused_to_anybody(run):
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    assert "--figures cannot be written: /proc: " in refused(run, "/proc")


def test_a_figure_in_whose_place_is_a_pipe_or_a_lost_link_is_refused(run, tmp_path):
    path = tmp_path / "linear-probes.png"
    os.mkfifo(path)
    assert "cannot be written: it is a pipe or a device" in refused(run, tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "no" / "figure.png")
    assert "it is a link into" in refused(run, tmp_path)


def test_a_figure_whose_name_is_taken_by_a_folder_is_refused(run, tmp_path):
    (tmp_path / "linear-probes.png").mkdir()
    assert "cannot be written: it is a directory" in refused(run, tmp_path)


def test_a_figure_that_cannot_be_written_later_is_one_line(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paper_rows, "save_figure", full)
    code, _, err = run("paper", "linear-probes", "--figures", str(tmp_path))
    assert code == 2
    assert "cannot write: [Errno 28] No space left on device" in err


def test_an_interrupt_says_what_was_computed(run, monkeypatch):
    class Interrupted:
        name, draw = "two", None

        def evaluate(self, rng):
            raise KeyboardInterrupt

    both = {"linear-probes": rows["linear-probes"], "two": Interrupted()}
    monkeypatch.setattr(paper_rows, "rows", both)
    code, out, err = run("paper", "--seed", "4")
    assert code == 130
    assert "linear-probes (Linear probes)" in out
    assert "interrupted; computed 1 of 2 rows, with --seed 4" in err
