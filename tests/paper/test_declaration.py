"""Rows of the paper: facts bear out a verdict, and commands show it."""

import math
import pickle
import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from moetheory import catalogue
from moetheory.paper import declaration, rows
from moetheory.paper.declaration import JUDGEMENTS, Computed, Fact, Row, turns

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
TRUE, FALSE = Fact("2 + 2 = 4", True, {"sum": 4}), Fact("2 + 2 = 5", False, {"sum": 5})


def true_facts(entropy):
    return Computed([TRUE])


def a_false_fact(entropy):
    return Computed([TRUE, FALSE])


ROW = Row("Lemma 1", "Two and two are four.", "reproduced", "Addition.", true_facts)


def no_fact(entropy):
    return Computed([])


def test_a_verdict_needs_all_facts():
    assert ROW.evaluate(rng=0).outcome == "reproduced"
    assert replace(ROW, compute=a_false_fact).evaluate(rng=0).outcome == "not shown"
    assert replace(ROW, compute=no_fact).evaluate(rng=0).outcome == "not shown"


def test_a_verdict_is_one_of_four():
    with pytest.raises(ValueError, match="verdict must be one of reproduced, corrected, explained"):
        replace(ROW, verdict="true")


def test_a_verdict_needs_its_theorems(monkeypatch, held):
    row = replace(ROW, theorems=("generalization",))
    monkeypatch.setattr(declaration, "check", lambda name, rng: held(catalogue[name]))
    found = row.evaluate(rng=0)
    assert found.outcome == "reproduced"
    assert found.all_facts[-1].numbers["hold"] == len(catalogue["generalization"].claims)
    monkeypatch.setattr(declaration, "check", lambda name, rng: held.control(catalogue[name]))
    found = row.evaluate(rng=0)
    assert found.outcome == "not shown"
    assert "generalization [negative control]: 0 of 2 claims hold" in found.all_facts[-1].text


def test_a_name_that_is_almost_right_is_answered_with_it():
    for given in ("theorem-43", "Theorem 4.3", "4.3", "4_3"):
        with pytest.raises(KeyError, match=r"row of the paper, got .*; did you mean 'theorem-4-3'"):
            rows[given]
    with pytest.raises(KeyError, match="got 'theorem'; did you mean"):  # the first of several
        rows["theorem"]
    with pytest.raises(KeyError, match="got 'xx'; there are one-over-k, theorem-4-1, "):
        rows["xx"]


@pytest.mark.parametrize("name", rows)
def test_a_row_stands_on_the_page_with_its_verdict_and_its_commands(name):
    row = rows[name]
    assert row.verdict in JUDGEMENTS
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row.place} |"))
    assert f"*{row.verdict}*" in line
    for command in row.shown_by:
        assert f"`{command}`" in line


@pytest.mark.parametrize("name", rows)
def test_the_commands_of_a_row_exist(name):
    row = rows[name]
    assert set(row.theorems) <= set(catalogue)
    for command in row.commands:
        (script,) = re.fullmatch(r"python (examples/[\w/]+\.py)", command).groups()
        assert (ROOT / script).is_file()


def test_an_evaluation_can_be_sent_to_another_process():
    assert list(pickle.loads(pickle.dumps(rows))) == list(rows)
    for name in ("linear-probes", "theorem-4-3"):
        found = replace(rows[name], theorems=()).evaluate(rng=3)
        again = pickle.loads(pickle.dumps(found))
        assert (again.outcome, again.entropy) == (found.outcome, 3)
        assert again.facts[1].numbers == found.facts[1].numbers


def test_an_evaluation_is_drawn_on_a_figure_and_on_nothing_else():
    found = rows["linear-probes"].evaluate(rng=3)
    figure = Figure()
    for _ in range(2):
        assert found.draw(figure) is figure
        assert len(figure.axes) == 1
    with pytest.raises(TypeError, match="figure must be a matplotlib Figure, got Axes"):
        found.draw(figure.axes[0])
    assert not ROW.evaluate(rng=0).draw(figure).axes


def test_a_new_figure_has_the_size_of_the_row():
    row = rows["linear-probes"]
    matplotlib.use("Agg")
    new = replace(row, size=(10.0, 4.0)).evaluate(rng=3).draw()
    assert tuple(new.get_size_inches()) == (10.0, 4.0)
    pyplot.close(new)


def test_a_lead_turns_at_its_zero_alone():
    assert turns(lambda x: 2.0 - x, 2.0)
    assert not turns(lambda x: x - 2.0, 2.0)
    assert not turns(lambda x: 2.0 - x, 1.9)
    assert not turns(lambda x: 2.0 - x, math.inf)
