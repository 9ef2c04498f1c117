"""The figures of README and docs: one command makes them all, and words are where they belong."""

import importlib
import re
import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from placement import assert_well_placed

from moetheory import cli
from moetheory.paper import rows

ROOT = Path(__file__).parent.parent.parent
COMMANDS = runpy.run_path(str(ROOT / "docs" / "figures.py"))["COMMANDS"]
MAPS = runpy.run_path(str(ROOT / "examples" / "maps.py"))["MAPS"]
DRAWN = [name for name in rows if rows[name].draw is not None]
FEW = {  # of what takes long in a row
    "theorem-4-1": {"SETS": 4, "INPUTS": 3200, "TAIL_SETS": 20, "TAIL_INPUTS": 20},
    "theorem-4-7": {"MATRICES": 10},
    "overlap-table": {"REPLICATES": 2000},
    "moefied-t5": {"INPUTS": 2000},
}


def made() -> set[str]:
    """The figures that the commands name."""
    named = {name for each in COMMANDS for name in re.findall(r"(?<= )\w+\.png", each)}
    return named | {f"paper/{name}.png" for name in DRAWN} | {f"maps/{name}.png" for name in MAPS}


def test_the_commands_make_all_figures_that_are_shown_and_no_others():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/**/*.md")]
    images = [
        (page.parent / image).resolve()
        for page in pages
        for image in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page.read_text(encoding="utf-8"))
    ]
    folder = ROOT / "docs" / "figures"
    assert {path.relative_to(folder.resolve()).as_posix() for path in images} == made()
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == made()


@pytest.mark.parametrize("command", [each for each in COMMANDS if "python" not in each][:-1])
@pytest.mark.filterwarnings("ignore")  # few replicates
def test_the_words_of_a_sweep_are_well_placed(command, saved, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    few = "20" if "samples" in command else "600"
    assert cli.main([*shlex.split(command)[1:], "--replicates", few]) == 0
    (figure,) = saved
    assert_well_placed(figure)


@pytest.mark.parametrize("command", [each for each in COMMANDS if "--redraw" in each])
def test_the_words_of_the_language_task_are_well_placed(command, saved, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    _, script, *arguments = shlex.split(command.format(root=ROOT))
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.syspath_prepend(str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")
    (figure,) = saved
    assert_well_placed(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_the_words_of_a_row_are_well_placed(name, monkeypatch):
    module = importlib.import_module(f"moetheory.paper.{name.replace('-', '_')}")
    for constant, value in FEW.get(name, {}).items():
        monkeypatch.setattr(module, constant, value)
    found = replace(rows[name], theorems=()).evaluate(rng=1)
    assert_well_placed(found.draw(Figure(figsize=rows[name].size, layout="constrained")))
