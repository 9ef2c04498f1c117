"""Tables for wide and narrow places, and JSON that machines can trust."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands import reports


def test_a_report_fits_a_narrow_terminal():
    report = reports.check_report([mt.check("one-over-k", replicates=500, rng=0)], 60)
    table, _, reason = report.partition("\n\none-over-k: ")
    assert reason.startswith("inconclusive: dense == V d noise/(S + d noise): at K=")
    assert max(map(len, table.splitlines())) <= 60


@pytest.fixture(scope="module")
def verdicts(held):
    return [held(mt.catalogue[name]) for name in mt.catalogue]


def test_a_report_says_what_was_simulated(verdicts):
    report = reports.check_report(verdicts, None)
    made = sum(len(verdict.comparisons) for verdict in verdicts)
    assert f"{made} simulated comparisons: largest |z|" in report
    assert "replay with --seed 1" in report
    assert "inconclusive" not in report
    law = next(verdict for verdict in verdicts if verdict.theorem == "one-over-k")
    assert f"{law.claims[0].points[0].left:.5g}" in report


def test_an_experiment_leaves_blank_what_it_has_not_and_adds_its_note(verdicts):
    report = reports.check_report([verdicts[-1]], None)
    row = next(line for line in report.splitlines() if "law of the MoE's risk" in line)
    cells = [cell for cell in row.split("  ") if cell]
    assert len(cells) == 7  # no left, right, slack, certificate
    assert "proved" not in row
    assert "% of probability" in row
    assert "would have seen what its row says" in report
    assert "P(an expert is beyond its bound) <= 0.05: the bound is 1." in report


def test_a_report_without_comparisons_or_points():
    verdict_of_one_expert = mt.check(
        "one-over-k", mt.BlockModel.isotropic(1, 1, 1.0), rng=0, replicates=500
    )
    increase = reports.check_report([verdict_of_one_expert], None).splitlines()[4]
    assert increase.split("  ")[0] == "one-over-k"
    assert increase.endswith("holds")


def test_a_report_says_which_claims_were_not_evaluated_and_why():
    theorem = mt.catalogue["misrouting"]
    closed = tuple(replace(claim, weights=None) for claim in theorem.claims)
    one_group = theorem.example().replace(group_probabilities=[1.0, 0.0, 0.0])
    verdict = mt.check(replace(theorem, claims=closed), one_group, rng=0)
    lines = reports.check_report([verdict], None).splitlines()
    beside = [claim.name for claim in closed if "of the crossover" in claim.name]
    rows = [line for line in lines if any(f"  {name}  " in line for name in beside)]
    assert len(rows) == len(beside) == 4
    assert all(row.endswith("not evaluated") for row in rows)
    place = next(i for i, line in enumerate(lines) if line.startswith("misrouting: holds, for"))
    said = f"  not evaluated (condition not met: a crossover): {'; '.join(beside)}"
    assert lines[place + 1] == said


def test_a_report_gives_the_reason_of_a_verdict_once():
    claim = replace(mt.catalogue["generalization"].claims[0], weights=None, symbolic=None)
    theorem = replace(mt.catalogue["generalization"], assumptions=(), claims=(claim,))
    verdict = mt.check(theorem, theorem.example().replace(noise_variance=0.0), rng=0)
    report = reports.check_report([verdict], None)
    said = "generalization: not evaluated: MoE <= dense: at K=3 both sides are 0; check another"
    assert said in report
    assert report.count("both sides are 0") == 1
    document = json.loads(reports.document("check", [verdict]))
    (found,) = document["results"][0]["claims"]
    assert (found["status"], found["applies"]) == ("not evaluated", True)
    (point,) = found["points"]
    assert (point["holds"], point["reason"]) == (None, "both sides are 0")


def test_json_holds_everything_and_nothing_json_cannot(verdicts):
    document = json.loads(
        reports.document("check", verdicts, entropy=2**100, odd=[math.inf, np.float64(1.0)])
    )
    assert document["schema"] == 1
    assert document["versions"]["moetheory"] == mt.__version__
    assert set(document["versions"]) > {"python", "numpy", "scipy", "sympy"}
    assert document["entropy"] == str(2**100)
    assert document["odd"] == ["inf", 1.0]
    assert document["results"][0]["entropy"] == "1"
    model = mt.BlockModel(
        **{
            name: value
            for name, value in document["results"][0]["model"].items()
            if name not in ("format", "schema")
        }
    )
    assert model == verdicts[0].model
    place = [verdict.theorem for verdict in verdicts].index("generalization")
    claim = document["results"][place]["claims"][0]
    assert claim["certificate"]["status"] == "proved"
    shown = verdicts[place].claims[0].points[0].comparison
    assert claim["points"][0]["comparison"]["replicates"] == shown.replicates


def result(**changes):
    return {
        "mean": 0.51234,
        "sem": 0.0123,
        "interval": (0.4883, 0.5364),
        "median": None,
        "median_interval": None,
        "theory": 0.5,
        "exactness": "exact",
        "z": 1.004,
        "method": "law",
        "replicates": 100,
    } | changes


def test_a_simulation_table_has_a_row_for_each_estimator():
    rows = {"dense": result(theory=None, exactness=None, z=None), "moe": result(mean=0.48, z=-2.0)}
    assert reports.simulation_table(rows, None).splitlines() == [
        "estimator   risk    sem   95 % interval  theory  exactness      z  method  replicates",
        "dense      0.512  0.012  0.488 to 0.536       -  -              -  law            100",
        "moe        0.480  0.012  0.488 to 0.536     0.5  exact      -2.00  law            100",
    ]


def test_a_simulation_table_has_medians_where_one_variance_is_infinite():
    heavy = result(
        sem=math.inf, interval=(-math.inf, math.inf), median=0.4, median_interval=(0.3, 0.5), z=None
    )
    light = result(median=0.5, median_interval=(0.45, 0.55))
    header, first, second = reports.simulation_table(
        {"dense": heavy, "moe": light}, None
    ).splitlines()
    assert "median  its 95 % interval  theory" in header
    assert first.split()[1:6] == ["0.51234", "inf", "-inf", "to", "inf"]
    assert "   0.4         0.3 to 0.5     0.5  exact          -  law" in first
    assert "   0.5       0.45 to 0.55     0.5  exact      +1.00  law" in second


def test_counts_in_words():
    assert reports.counts_in_words(np.array([1])) == "1 sample, 1 in each group"
    assert reports.counts_in_words(np.array([5, 0])) == "5 samples, 0 to 5 in each group"


def test_settings_in_words():
    given = {"test_noise_variance": 2.0, "noise_law": "laplace", "erasure": 1e-7}
    said = "test noise variance 2, noise law laplace, erasure 1e-07"
    assert reports.settings_in_words(given) == said
