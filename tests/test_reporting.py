"""Tables for wide and narrow places, and JSON that machines can trust."""

import json
import math

import numpy as np
import pytest

import moetheory as mt
from moetheory import reporting

HEADER = ("name", "value")
ROWS = [("a", "1.5"), ("longer", "-10")]


def test_a_table_that_fits_is_aligned():
    lines = reporting.table(HEADER, ROWS, 13).splitlines()
    assert lines == ["name    value", "a         1.5", "longer    -10"]


def test_a_table_that_does_not_fit_becomes_blocks():
    text = reporting.table(HEADER, [("a", "1.5"), ("b", "")], 8)
    assert text == "name   a\nvalue  1.5\n\nname   b"


def test_a_report_fits_a_narrow_terminal():
    report = reporting.check_report([mt.check("one-over-k", replicates=500, rng=0)], 60)
    table, *_ = report.split("\n\none-over-k: ")
    assert max(map(len, table.splitlines())) <= 60


@pytest.fixture(scope="module")
def verdicts():
    return [mt.check(name, replicates=500, rng=7) for name in mt.catalogue]


def test_a_report_says_what_was_simulated(verdicts):
    report = reporting.check_report(verdicts, None)
    assert "22 simulated comparisons: largest |z|" in report
    assert "replay with --seed 7" in report
    assert "one-over-k: inconclusive: dense == V d noise/(S + d noise): at K=" in report
    assert f"{verdicts[0].claims[0].points[0].left:.5g}" in report


def test_an_experiment_leaves_blank_what_it_has_not_and_adds_its_note(verdicts):
    report = reporting.check_report([verdicts[-1]], None)
    row = next(line for line in report.splitlines() if "law of the MoE's risk" in line)
    cells = [cell for cell in row.split("  ") if cell]
    assert len(cells) == 7  # no left, right, slack, certificate
    assert "proved" not in row
    assert "% of probability" in row
    assert "would have seen what its row says" in report
    assert "P(an expert is beyond its bound) <= 0.05: the bound is 1." in report


def test_a_report_without_comparisons_or_points():
    lone = mt.check("one-over-k", mt.BlockModel.isotropic(1, 1, 1.0), rng=0, replicates=500)
    increase = reporting.check_report([lone], None).splitlines()[4]
    assert increase.split("  ")[0] == "one-over-k"
    assert increase.endswith("holds")


def test_json_holds_everything_and_nothing_json_cannot(verdicts):
    document = json.loads(
        reporting.document("check", verdicts, entropy=2**100, odd=[math.inf, np.float64(1.0)])
    )
    assert document["schema"] == 1
    assert document["versions"]["moetheory"] == mt.__version__
    assert set(document["versions"]) > {"python", "numpy", "scipy", "sympy"}
    assert document["entropy"] == str(2**100)
    assert document["odd"] == ["inf", 1.0]
    assert document["results"][0]["entropy"] == "7"
    model = mt.BlockModel(
        **{
            name: value
            for name, value in document["results"][0]["model"].items()
            if name not in ("format", "schema")
        }
    )
    assert model == verdicts[0].model
    claim = document["results"][1]["claims"][0]
    assert claim["certificate"]["status"] == "proved"
    assert claim["points"][0]["comparison"]["replicates"] == 500
