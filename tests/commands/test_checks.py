"""What ``moetheory check`` prints and returns."""

import argparse
import json
import os
import re
from dataclasses import replace

import pytest

import moetheory as mt
from moetheory.checking import checker, processes
from moetheory.commands import options as shared

SMALL = ("--dim", "6", "--experts", "3")
CONTROL = " [negative control]"


def test_check_holds_the_theorems_it_is_given(run):
    code, out, err = run("check", "generalization", "leakage", "--seed", "1")
    assert code == 0
    assert re.fullmatch(r"checked in \d+ s\n", err)
    assert out.splitlines()[0].split() == ["claim", "evidence", "verdict"]
    assert max(map(len, out.splitlines())) <= 80
    assert [line for line in out.splitlines() if line.endswith(": holds")] == [
        "generalization: holds",
        "leakage: holds",
    ]
    summary = " ".join(out.rpartition("\n\n")[2].split())
    assert summary.startswith("7 claims of 2 theorems: 7 hold 6 simulated comparisons: largest |z|")
    assert "each would have seen an error of 0." in summary
    assert summary.endswith("replay with --seed 1")


def test_check_shows_all_numbers_if_asked(run):
    code, out, _ = run("check", "generalization", "leakage", "--seed", "1", "--wide")
    assert code == 0
    header, *rows = out.split("\n\n")[0].splitlines()
    for column in ("theorem", "left", "right", "slack", "certificate", "z", "power", "verdict"):
        assert column in header
    assert len(rows) == 7
    assert [row.endswith("holds") for row in rows] == [True] * 5 + [False] * 2
    assert all("  holds to " in row and row.endswith(" %") for row in rows[5:])
    assert "7 claims of 2 theorems: 7 hold" in out


def test_a_verdict_is_printed_as_soon_as_it_is_there(run, monkeypatch):
    """What is interrupted shows what was done, and says how much that is."""
    first = mt.check("generalization", replicates=2, rng=5)

    def one_then_interrupt(theorem, *_, **__):
        if theorem.name != "generalization":
            raise KeyboardInterrupt
        return first

    monkeypatch.setattr(processes, "check", one_then_interrupt)
    said = "moetheory: interrupted; checked 1 of 2, with --seed 5\n"
    for option, begins in ((), "  claim"), (("--wide",), "theorem"):
        code, out, err = run("check", "generalization", "leakage", "--seed", "5", *option)
        assert (code, err) == (130, said)
        assert out.startswith(begins)
        assert "generalization: inconclusive: MoE <= dense" in out
    code, out, err = run("check", "generalization", "leakage", "--seed", "5", "--json")
    assert (code, out, err) == (130, "", said)


def test_check_a_model_of_ones_own(run):
    few = ("--replicates", "300")  # undecided
    code, out, _ = run("check", "generalization", *SMALL, "--noise-variance", "0.5", *few, "--json")
    assert code == 3
    (verdict,) = json.loads(out)["results"]
    assert verdict["theorem"] == "generalization"
    shown = verdict["claims"][0]["shown"]
    assert shown["label"] == "K=3"
    assert shown["left"] == pytest.approx(0.5 * 6 / (3 * 6 + 0.5 * 6))


def test_negative_controls_are_violated(run):
    names = ("generalization", "leakage")
    code, out, _ = run("check", *names, "--negative-control", "--seed", "1")
    assert code == 0
    for name in names:
        assert f"{name} [negative control]: violated" in out
    assert "7 wrong variants of 2 theorems: 7 caught\n" in out


def test_a_negative_control_that_escapes_is_1_and_said(run, monkeypatch):
    theorem = mt.catalogue["generalization"]
    first, second = theorem.claims
    weak = replace(theorem, claims=(first, replace(second, control=1.0)))
    monkeypatch.setattr(checker, "catalogue", {"generalization": weak})
    code, out, _ = run("check", "generalization", "--negative-control", "--seed", "1")
    assert code == 1
    assert "dense - MoE == gap [right x 1]: escaped\n" in out
    assert "2 wrong variants of 1 theorem: 1 escaped, 1 caught\n" in out
    few = ("--replicates", "2")
    code, out, _ = run("check", "generalization", "--negative-control", "--seed", "1", *few)
    assert code == 3
    assert "2 wrong variants of 1 theorem: 1 caught, 1 inconclusive\n" in out


@pytest.mark.parametrize("name", ["routing", "misrouting"])
def test_a_theorem_with_nothing_to_say_of_a_model_says_so(run, name):
    code, out, _ = run("check", name, "--dim", "4", "--experts", "1", "--seed", "1")
    assert code == 3
    said, model = out.splitlines()[2:4]
    assert said == f"{name}: assumptions not met: needs several groups"
    assert model.startswith("for BlockModel dim=4")
    assert f"; assumptions not met: {name}\n" in out


def test_one_group_leaks_into_no_other(run):
    few = ("--replicates", "100", "--seed", "1")
    code, out, _ = run("check", "leakage", "--dim", "4", "--experts", "1", *few)
    assert code == 3
    assert "leakage: assumptions not met: needs several groups" in out


def test_what_is_not_evaluated_is_undecided(run, monkeypatch):
    theorem = replace(mt.catalogue["generalization"], claims=())
    verdict = mt.check(theorem)
    monkeypatch.setattr(processes, "check", lambda *_, **__: verdict)
    code, out, _ = run("check", "generalization")
    assert code == 3
    assert "generalization: not evaluated: the theorem has no claim\nfor BlockModel" in out


def test_the_help_names_the_code_of_every_status(run):
    _, out, _ = run("check", "--help")
    assert "3 inconclusive, assumptions not met or not evaluated" in " ".join(out.split())


@pytest.mark.parametrize(("option", "suffix"), [((), ""), (("--negative-control",), CONTROL)])
def test_all_theorems_are_checked_if_none_is_named(run, monkeypatch, option, suffix):
    verdict, asked = mt.check("generalization", replicates=2), []

    def noted(theorem, model, *, level, **_):
        asked.append((theorem.name, model, level))
        return verdict

    monkeypatch.setattr(processes, "check", noted)
    assert run("check", *option)[0] == 3
    assert asked == [(name + suffix, None, 1e-6 / len(mt.catalogue)) for name in mt.catalogue]


def test_off_the_regime_and_underpowered_are_undecided(run):
    few = ("--replicates", "100")
    code, out, _ = run("check", "generalization", *SMALL, "--leakage-variances", "0.1", *few)
    assert code == 3
    assert "assumptions not met: needs strict blocks" in out
    code, out, _ = run("check", "generalization", *few)
    assert code == 3
    assert "inconclusive" in out


def test_the_seed_that_is_printed_replays(run):
    _, out, _ = run("check", "generalization", "--replicates", "300")
    seed = out.split("--seed ")[1].strip()
    _, again, _ = run("check", "generalization", "--replicates", "300", "--seed", seed)
    assert out == again


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        ("0", "must be at least 1, got 0"),
        ("-3", "must be at least 1, got -3"),
        ("10001", "must be at most 10000, got 10001"),
        ("two", "must be an integer, got 'two'"),
        ("1.5", "must be an integer, got '1.5'"),
    ],
)
def test_a_number_of_workers_that_cannot_be_is_refused(run, workers, message):
    code, out, err = run("check", "generalization", "--workers", workers)
    assert (code, out) == (2, "")
    said = f"moetheory check: error: argument --workers: {message} (see moetheory check --help)\n"
    assert err == said


def test_the_cores_are_at_work_if_the_command_line_has_a_process_of_its_own(monkeypatch):
    def workers(*arguments, alone=True):
        return shared.workers_of(argparse.Namespace(workers=arguments[0], alone=alone))

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7}, raising=False)
    assert (workers(None), workers(None, alone=False), workers(5)) == (3, 1, 5)
    monkeypatch.setattr(shared, "why_none_can_start", lambda: "a daemonic process")
    assert workers(None) == 1


# --- what a verdict must rest on -----------------------------------------------------------------


def test_a_proof_can_be_required(run):
    code, out, _ = run("check", "convergence-own-samples", "--seed", "1")
    assert code == 0
    assert "at models alone, not proved)" in " ".join(out.split())
    assert run("check", "convergence-own-samples", "--seed", "1", "--require", "proof")[0] == 3
    assert run("check", "one-over-k", "--seed", "1", "--require", "proof")[0] == 0


def test_evidence_is_in_json(run):
    code, out, _ = run("check", "convergence-own-samples", "--seed", "1", "--json")
    assert code == 0
    (verdict,) = json.loads(out)["results"]
    evidence = {claim["name"]: claim["evidence"] for claim in verdict["claims"]}
    alone = evidence["own <= dense: risk after t = 5, a <= 1/H_max"]
    assert re.fullmatch(r"evaluated at \d\d models", *alone)


def test_anyway_evaluates_claims_outside_their_assumptions(run):
    options = ("--leakage-variances", "50", "--replicates", "1000", "--seed", "1")
    code, out, _ = run("check", "generalization", *options, "--anyway")
    assert code == 3
    assert "generalization: assumptions not met: needs strict blocks" in out
    assert "generalization: MoE <= dense: violated: at K=16 left is" in " ".join(out.split())
    code, out, _ = run("check", "generalization", *options)
    assert code == 3
    assert "MoE <= dense" not in out


def test_a_claim_in_one_line_is_checked(run):
    code, out, _ = run("check", "risk(MoE()) <= risk(Dense())", "--seed", "1")
    assert code == 1
    assert "risk(MoE()) <= risk(Dense()): violated" in " ".join(out.split())
    code, out, _ = run("check", "risk(MoE()).excess <= null_risk", "--seed", "1")
    assert code == 0
    assert "models, not proved" in " ".join(out.split())
    code, _, err = run("check", "risk(MoE(), samples=n) <= 1")
    assert code == 2
    assert "must have a number in place of n" in err
