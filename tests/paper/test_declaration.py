"""Rows of the paper: facts bear out a verdict, and commands show it."""

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

from moetheory import catalogue
from moetheory.paper import declaration, rows
from moetheory.paper.declaration import JUDGEMENTS, Computed, Fact, Row

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
TRUE, FALSE = Fact("2 + 2 = 4", True, {"sum": 4}), Fact("2 + 2 = 5", False)


def true_facts(entropy):
    return Computed([TRUE])


def a_false_fact(entropy):
    return Computed([TRUE, FALSE])


ROW = Row("Lemma 1", "Two and two are four.", "reproduced", "Addition.", true_facts)


def test_a_verdict_needs_all_facts():
    assert ROW.evaluate(rng=0).outcome == "reproduced"
    assert replace(ROW, compute=a_false_fact).evaluate(rng=0).outcome == "not shown"


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
    with pytest.raises(KeyError, match=r"row of the paper, got 'theorem-43'; did you mean 'theore"):
        rows["theorem-43"]


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
    found = rows["linear-probes"].evaluate(rng=3)
    again = pickle.loads(pickle.dumps(found))
    assert (again.outcome, again.entropy) == (found.outcome, 3)
    assert again.facts[1].numbers == found.facts[1].numbers
