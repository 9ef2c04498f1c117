"""The figures of README and docs: one command makes them all, and words are where they belong."""

import importlib
import re
import runpy
import shlex
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import moetheory as mt
from moetheory import cli
from moetheory.figures.captions import CAPTION
from moetheory.figures.end_names import NAME
from moetheory.figures.obstacles import BACKGROUND
from moetheory.paper import rows

ROOT = Path(__file__).parent.parent.parent
COMMANDS = runpy.run_path(str(ROOT / "docs" / "figures.py"))["COMMANDS"]
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
    return named | {f"paper/{name}.png" for name in DRAWN}


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


# --- where words are ----------------------------------------------------------------------------


def data_of(ax):
    """Points along lines and bars of axes, and corners of bands, in pixels."""
    found = [np.empty((0, 2))]
    for line in ax.get_lines():
        points = line.get_transform().transform(line.get_xydata().astype(float))
        joined = line.get_linestyle() not in ("None", "none")
        found += [points, *(np.linspace(a, b, 200) for a, b in pairwise(points) if joined)]
    for each in ax.collections:
        if each.get_gid() != BACKGROUND:
            paths = [each.get_transform().transform_path(path) for path in each.get_paths()]
            found += [path.vertices for path in paths]
            if isinstance(each, LineCollection):
                found += [np.linspace(*path.vertices[:2], 50) for path in paths]
    for bar in (patch.get_window_extent() for patch in ax.patches if patch.get_gid() is None):
        x, y = np.meshgrid(np.linspace(bar.x0, bar.x1, 30), np.linspace(bar.y0, bar.y1, 200))
        found.append(np.column_stack([x.ravel(), y.ravel()]))
    return np.concatenate(found)


def covers(box, points):
    """Whether a point is inside a box; those of gaps are not."""
    with np.errstate(invalid="ignore"):
        inside = (points > (box.x0, box.y0)) & (points < (box.x1, box.y1))
    return bool(inside.all(axis=1).any())


def apart(boxes):
    """Whether no two boxes overlap."""
    return all(
        a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        for a, b in combinations(boxes, 2)
    )


def assert_well_placed(figure):
    """No word outside its axes, over data or over another word; ticks that can be read."""
    figure.draw_without_rendering()
    captions, page = [], figure.bbox.padded(1.0)
    for ax in figure.axes:
        names = [each.get_window_extent() for each in ax.texts if each.get_gid() == NAME]
        captions += [each.get_window_extent() for each in ax.texts if each.get_gid() == CAPTION]
        legend = ax.get_legend()
        names += [legend.get_window_extent()] if legend else []
        inside = ax.get_window_extent().padded(2.0)
        data = data_of(ax)
        for box in names:
            assert inside.x0 <= box.x0
            assert box.x1 <= inside.x1
            assert inside.y0 <= box.y0
            assert box.y1 <= inside.y1
            assert not covers(box, data)
        assert apart(names)
        if not ax.axison:
            continue
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            shown = [t.label1 for t in ticks if t.label1.get_text() and t.label1.get_visible()]
            assert len(ticks) >= 2
            assert apart([each.get_window_extent() for each in shown])
    assert apart(captions)
    for box in captions:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1


def test_a_word_in_the_wrong_place_is_found():
    figure = Figure()
    ax = figure.subplots()
    ax.plot([0.0, 1.0], [0.0, 1.0])
    assert_well_placed(figure)
    word = ax.text(0.5, 0.5, "on the line", gid=NAME)
    with pytest.raises(AssertionError):
        assert_well_placed(figure)
    word.set_position((0.9, 0.2))
    with pytest.raises(AssertionError):
        assert_well_placed(figure)
    word.set_position((0.6, 0.2))
    assert_well_placed(figure)


@pytest.fixture
def few(monkeypatch):
    """Simulations of few replicates, and ridges that are not the best."""

    def fewer(function):
        return lambda *given, **options: function(*given, **options | {"replicates": 40})

    for name in ("simulate", "simulate_descent"):
        monkeypatch.setattr(mt, name, fewer(getattr(mt, name)))
    sweep = mt.sweep
    monkeypatch.setattr(
        mt,
        "sweep",
        lambda *given, **options: sweep(
            *given, **options | ({"replicates": 40} if "replicates" in options else {})
        ),
    )
    monkeypatch.setattr(
        mt,
        "optimal_ridge",
        lambda estimator, model, samples: SimpleNamespace(
            risk=mt.risk(type(estimator)(ridge=0.5), model, samples=samples)
        ),
    )


@pytest.mark.filterwarnings("ignore")  # few replicates
@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_the_words_of_a_figure_are_well_placed(command, few, monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command.format(root=ROOT))
    if program == "moetheory":
        assert cli.main([*arguments, "--replicates", "600"]) == 0
    else:
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.syspath_prepend(str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
    assert len(figures) == len(re.findall(r"(?<= )\w+\.png", command))
    for figure in figures:
        assert_well_placed(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_the_words_of_a_row_are_well_placed(name, monkeypatch):
    module = importlib.import_module(f"moetheory.paper.{name.replace('-', '_')}")
    for constant, value in FEW.get(name, {}).items():
        monkeypatch.setattr(module, constant, value)
    found = replace(rows[name], theorems=()).evaluate(rng=1)
    assert_well_placed(found.draw(Figure(figsize=rows[name].size, layout="constrained")))
