"""What a check prints: rows that fit, all numbers if asked, failures and a summary."""

import json
from dataclasses import replace

import pytest

import moetheory as mt
from moetheory.checking.claim_rows import heading
from moetheory.commands import check_reports, reports


@pytest.fixture(scope="module")
def verdicts(held):
    return [held(mt.catalogue[name]) for name in mt.catalogue]


@pytest.mark.parametrize("width", [None, 40, 59, 60, 80, 99, 100, 160])
def test_every_line_fits(verdicts, width):
    printed = [heading(width or 80), check_reports.summary(verdicts, width)]
    printed += [verdict.table(width or 80) for verdict in verdicts]
    printed += [check_reports.theorem_report(verdict, width) for verdict in verdicts]
    lines = [line for text in printed for line in text.splitlines()]
    assert max(map(len, lines)) <= (width or 80)
    assert all(line == line.rstrip() for line in lines)


def test_a_row_says_claim_evidence_and_verdict(verdicts):
    law = next(verdict for verdict in verdicts if verdict.theorem == "one-over-k")
    first, model, *rows = check_reports.theorem_report(law, 160).splitlines()
    assert (first, model) == ("one-over-k: holds", f"for {law.model.summary}")
    words = " ".join(" ".join(rows).split())
    for claim in law.claims:
        assert claim.name in words
        assert claim.evidence[0] in words
    assert rows[0].startswith("  dense == V d noise/(S + d noise)")
    assert rows[0].endswith("  holds")
    narrow = check_reports.theorem_report(law, 50).splitlines()
    assert narrow[narrow.index("") + 1] == "claim     dense == V d noise/(S + d noise)"


def test_a_number_keeps_its_unit(verdicts):
    for verdict in verdicts:
        lines = check_reports.theorem_report(verdict, 80).splitlines()
        assert not [line for line in lines if line.split()[:1] in (["%"], ["="])]
        assert "\N{NO-BREAK SPACE}" not in "".join(lines)


def test_a_summary_counts_claims_and_names_failures(verdicts):
    made = sum(len(verdict.comparisons) for verdict in verdicts)
    claims = sum(len(verdict.claims) for verdict in verdicts)
    *_, counted, compared, _, replay = check_reports.summary(verdicts, 90).splitlines()
    evaluated = sum(claim.only_evaluated for verdict in verdicts for claim in verdict.claims)
    assert counted == (
        f"{claims} claims of {len(verdicts)} theorems: {claims} hold ({evaluated} at models alone, "
        "not proved)"
    )
    assert compared.startswith(f"{made} simulated comparisons: largest |z|")
    assert replay == "replay with --seed 1"
    law = next(verdict for verdict in verdicts if verdict.theorem == "one-over-k")
    wrong = replace(law.claims[0], status="violated", reason="left is 1, right is 2")
    one = replace(law, claims=(wrong, *law.claims[1:]))
    failure, counted, *_ = check_reports.summary([one], 200).splitlines()
    assert failure == f"one-over-k: {wrong.name}: violated: left is 1, right is 2"
    assert counted == "4 claims of 1 theorem: 3 hold, 1 violated"
    failures = check_reports.summary([one], 200, control=True).splitlines()[:4]
    assert [line.endswith(": escaped") for line in failures] == [True] * 3 + [False]
    assert failures[3] == "4 wrong variants of 1 theorem: 3 escaped, 1 caught"


def test_a_wide_report_has_all_numbers(verdicts):
    report = check_reports.wide_report(verdicts, None)
    assert "inconclusive" not in report
    law = next(verdict for verdict in verdicts if verdict.theorem == "one-over-k")
    assert f"{law.claims[0].points[0].left:.5g}" in report
    header, *rows = report.partition("\n\n")[0].splitlines()
    for column in ("theorem", "left", "right", "slack", "certificate", "z", "power", "verdict"):
        assert column in header
    assert len(rows) == sum(len(verdict.claims) for verdict in verdicts)


def test_an_experiment_leaves_blank_what_it_has_not_and_adds_its_note(verdicts):
    fits = next(verdict for verdict in verdicts if verdict.theorem == "sample-complexity")
    report = check_reports.wide_report([fits], None)
    row = next(line for line in report.splitlines() if "law of the MoE's risk" in line)
    cells = [cell for cell in row.split("  ") if cell]
    assert len(cells) == 7  # no left, right, slack, certificate
    assert "proved" not in row
    assert "% of probability" in row
    assert "P(an expert is beyond its bound) <= 0.05: the bound is 1." in report
    assert "would have seen what its row says" in check_reports.summary([fits], 200)


def test_a_report_without_comparisons_or_points():
    verdict_of_one_expert = mt.check(
        "one-over-k", mt.BlockModel.isotropic(1, 1, 1.0), rng=0, replicates=500
    )
    increase = check_reports.wide_report([verdict_of_one_expert], None).splitlines()[4]
    assert increase.split("  ")[0] == "one-over-k"
    assert increase.endswith("holds")


def test_a_report_says_which_claims_were_not_evaluated_and_why():
    theorem = mt.catalogue["misrouting"]
    closed = tuple(replace(claim, weights=None) for claim in theorem.claims)
    one_group = theorem.example().replace(group_probabilities=[1.0, 0.0, 0.0])
    verdict = mt.check(replace(theorem, claims=closed), one_group, rng=0)
    lines = check_reports.wide_report([verdict], None).splitlines()
    beside = [claim.name for claim in closed if "of the crossover" in claim.name]
    rows = [line for line in lines if any(f"  {name}  " in line for name in beside)]
    assert len(rows) == len(beside) == 4
    assert all(row.endswith("not evaluated") for row in rows)
    place = next(i for i, line in enumerate(lines) if line == "misrouting: holds")
    said = f"  not evaluated (condition not met: a crossover): {'; '.join(beside)}"
    assert lines[place + 2] == said
    assert check_reports.theorem_report(verdict, 500).splitlines()[-1] == said
    assert "8 hold, 4 not evaluated" in check_reports.summary([verdict], 80)


def test_a_report_gives_the_reason_of_a_verdict_once():
    claim = replace(mt.catalogue["generalization"].claims[0], weights=None, symbolic=None)
    theorem = replace(mt.catalogue["generalization"], assumptions=(), claims=(claim,))
    verdict = mt.check(theorem, theorem.example().replace(noise_variance=0.0), rng=0)
    for report in (
        check_reports.wide_report([verdict], None),
        check_reports.theorem_report(verdict, 200),
    ):
        said = "generalization: not evaluated: MoE <= dense: at K=3 both sides are 0; check another"
        assert said in report
        assert report.count("both sides are 0") == 1
    document = json.loads(reports.document("check", [verdict]))
    (found,) = document["results"][0]["claims"]
    assert (found["status"], found["applies"]) == ("not evaluated", True)
    (point,) = found["points"]
    assert (point["holds"], point["reason"]) == (None, "both sides are 0")
