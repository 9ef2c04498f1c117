"""The command line as a person meets it: output, exit codes, one-line errors."""

import csv
import io
import itertools
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory import cli
from moetheory.commands import audits, checks, risks, simulations, sweeps
from moetheory.commands.descents import STEPS
from moetheory.common import terminal, text
from moetheory.simulation.runs.chunks import Run


@pytest.fixture
def run(capsys):
    def main(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return main


SMALL = ("--dim", "6", "--experts", "3")
COMMAND = [sys.executable, "-m", "moetheory"]
CONTROL = " [negative control]"


def test_check_holds_the_theorems_it_is_given(run):
    code, out, err = run("check", "generalization", "leakage", "--seed", "1")
    assert (code, err) == (0, "")
    header, *rows = out.split("\n\n")[0].splitlines()
    for column in ("theorem", "left", "right", "slack", "certificate", "z", "power", "verdict"):
        assert column in header
    assert len(rows) == 7
    assert all(row.endswith("holds") for row in rows)
    assert "6 simulated comparisons: largest |z|" in out
    assert "each would have seen an error of 0." in out


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
    code, out, _ = run("check", *names, "--negative-control", "--replicates", "500", "--seed", "1")
    assert code == 1
    for name in names:
        assert f"{name} [negative control]: violated" in out


@pytest.mark.parametrize("name", ["routing", "misrouting"])
def test_a_theorem_with_nothing_to_say_of_a_model_says_so(run, name):
    code, out, _ = run("check", name, "--dim", "4", "--experts", "1", "--seed", "1")
    assert code == 3
    assert out.startswith(f"{name}: assumptions not met: several groups, for <BlockModel dim=4")


@pytest.mark.parametrize(("option", "suffix"), [((), ""), (("--negative-control",), CONTROL)])
def test_all_theorems_are_checked_if_none_is_named(run, monkeypatch, option, suffix):
    verdict, asked = mt.check("generalization", replicates=2), []

    def noted(theorem, model, *, level, **_):
        asked.append((theorem.name, model, level))
        return verdict

    monkeypatch.setattr(checks, "check", noted)
    assert run("check", *option)[0] == 3
    assert asked == [(name + suffix, None, 1e-6 / len(mt.catalogue)) for name in mt.catalogue]


def test_off_the_regime_and_underpowered_are_undecided(run):
    few = ("--replicates", "100")
    code, out, _ = run("check", "generalization", *SMALL, "--leakage-variances", "0.1", *few)
    assert code == 3
    assert "assumptions not met: strict blocks" in out
    code, out, _ = run("check", "generalization", *few)
    assert code == 3
    assert "inconclusive" in out


def test_the_seed_that_is_printed_replays(run):
    _, out, _ = run("check", "generalization", "--replicates", "300")
    seed = out.split("--seed ")[1].strip()
    _, again, _ = run("check", "generalization", "--replicates", "300", "--seed", seed)
    assert out == again


def test_experts_default_to_a_divisor_of_the_dimension(run):
    assert json.loads(run("risk", "--dim", "100", "--json")[1])["results"]["moe"]["active"] == 10
    assert json.loads(run("risk", "--json")[1])["results"]["moe"]["active"] == 16


def test_risk_prints_what_the_library_says(run):
    model = mt.BlockModel.isotropic(6, 3, 0.5, signal_energy=6.0)
    code, out, _ = run("risk", *SMALL, "--noise-variance", "0.5", "--ridge", "0.2")
    assert code == 0
    for estimator in (mt.Dense(ridge=0.2), mt.MoE(ridge=0.2)):
        assert f"{estimator.label}" in out
        assert f"{mt.risk(estimator, model).value:.6g}" in out
    assert f"{mt.gap(model):.6g}" in out
    code, out, _ = run("risk", *SMALL, "--noise-variance", "0.5", "--json")
    document = json.loads(out)
    assert document["results"]["moe"]["risk"] == mt.risk(mt.MoE(), model).value
    assert document["gap"] == mt.gap(model)


def test_risk_after_fitting(run):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    code, out, _ = run("risk", *SMALL, "--samples", "40")
    assert code == 0
    assert "error" in out.splitlines()[0]
    for estimator in (mt.Dense(), mt.MoE()):
        theory = mt.risk(estimator, model, samples=40)
        assert f"{theory.value:.6g}" in out
        assert f"{theory.error:.2g}" in out
    assert "fitted on 40 samples, 13 to 14 in each group; below: infinitely many samples" in out
    assert f"{mt.gap(model):.6g}" in out
    assert "error" not in run("risk", *SMALL)[1]
    code, out, _ = run("risk", *SMALL, "--samples", "6")
    assert (code, out.count(" inf ")) == (0, 4)


def test_risk_of_counts_as_json(run):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    code, out, _ = run("risk", *SMALL, "--samples", "10,0,30", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["samples"] == document["counts"] == [10, 0, 30]
    for label, estimator in (("dense", mt.Dense()), ("moe", mt.MoE())):
        theory = mt.risk(estimator, model, samples=[10, 0, 30])
        assert document["results"][label]["risk"] == theory.value
        assert document["results"][label]["error"] == theory.error
    document = json.loads(run("risk", *SMALL, "--samples", "40", "--json")[1])
    assert (document["samples"], document["counts"]) == (40, [14, 13, 13])
    document = json.loads(run("risk", *SMALL, "--json")[1])
    assert document["samples"] is document["counts"] is None
    assert document["results"]["dense"]["error"] == 0.0


def test_what_has_no_closed_form_is_one_line_and_exit_2(run, monkeypatch):
    def refuse(*_, **__):
        raise mt.NoClosedForm("no formula; call simulate(...)")

    monkeypatch.setattr(risks, "risk", refuse)
    monkeypatch.setattr(sweeps, "sweep", refuse)
    for command in ("risk", "sweep"):
        assert run(command, "--samples", "9") == (
            *(2, ""),
            "moetheory: error: no formula; call simulate(...)\n",
        )


def test_a_model_file_is_used(run, tmp_path, generic):
    path = tmp_path / "model.json"
    generic().to_json(path)
    code, out, _ = run("risk", "--model", str(path), "--json")
    assert code == 0
    assert json.loads(out)["results"]["dense"]["risk"] == mt.risk(mt.Dense(), generic()).value
    few = ("--replicates", "300")
    code, out, _ = run("check", "generalization", "--model", str(path), *few, "--json")
    assert code == 3
    shown = json.loads(out)["results"][0]["claims"][0]["shown"]
    assert shown["left"] == mt.risk(mt.MoE(), generic()).excess


def test_sweep_over_experts_prints_csv_and_draws(run, tmp_path):
    figure = tmp_path / "law.png"
    code, out, _ = run("sweep", "--dim", "6", "--seed", "0", "--figure", str(figure))
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["experts"] for row in rows] == ["1", "2", "3", "6"]
    np.testing.assert_allclose([float(r["dense"]) for r in rows], 0.5, rtol=1e-14)
    np.testing.assert_allclose(
        [float(r["moe"]) for r in rows], [1 / 2, 1 / 3, 1 / 4, 1 / 7], rtol=1e-14
    )
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_sweep_over_noise_writes_a_file(run, tmp_path, generic):
    path, target = tmp_path / "model.json", tmp_path / "out.csv"
    generic().to_json(path)
    code, out, _ = run(
        *("sweep", "--over", "noise_variance", "--model", str(path)),
        *("--values", "0.1,1,10", "--replicates", "0", "--csv", str(target)),
    )
    assert (code, out) == (0, "")
    header, *rows = target.read_text().splitlines()
    assert header == "noise_variance,dense,moe,bound"
    assert float(rows[2].split(",")[1]) == mt.risk(mt.Dense(), generic(10.0)).excess
    code, out, _ = run("sweep", "--dim", "6", "--replicates", "0", "--json", "--values", "1,6")
    assert json.loads(out)["results"]["columns"]["experts"] == [1, 6]


def test_sweep_over_samples_covers_both_thresholds(run, tmp_path):
    figure = tmp_path / "descent.png"
    code, out, _ = run(
        *("sweep", "--over", "samples", "--dim", "24", "--experts", "2"),
        *("--replicates", "3", "--seed", "0", "--figure", str(figure)),
    )
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [
        *("samples", "dense", "dense_error", "moe"),
        *("dense_simulated", "dense_sem", "moe_simulated", "moe_sem"),
    ]
    infinite = {
        label: [int(row["samples"]) for row in rows if row[label] == "inf"]
        for label in ("dense", "moe")
    }
    assert infinite["dense"] == [23, 24, 25]
    # with 11 to 13 samples an expert of 12 coordinates is at its threshold
    assert (min(infinite["moe"]), max(infinite["moe"])) == (21, 27)
    finite = [int(row["samples"]) for row in rows if row["moe"] != "inf"]
    assert {20, 28} <= set(finite)
    assert (int(rows[0]["samples"]), int(rows[-1]["samples"])) == (3, 192)
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_default_sample_sizes_look_at_every_threshold():
    blocks, ones = [0] * 10 + [1] * 10 + [2], np.ones(21)
    model = mt.BlockModel([0.9, 0.1, 0.0], blocks, ones, ones, 1.0)
    sizes = sweeps.sample_sizes(model)
    assert sizes == sorted(set(sizes))
    for threshold in (21, 10 / 0.9, 10 / 0.1):
        assert round(threshold) in sizes
    assert (sizes[0], sizes[-1]) == (3, 168)


def test_a_sweep_may_fit_its_estimators(run):
    sweep = ("sweep", *SMALL, "--over", "noise_variance", "--values", "1")
    code, out, _ = run(*sweep, "--samples", "10,20,30", "--replicates", "0", "--json")
    assert code == 0
    columns = json.loads(out)["results"]["columns"]
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    assert columns["dense"] == [mt.risk(mt.Dense(), model, samples=[10, 20, 30]).excess]
    assert "bound" not in columns
    assert json.loads(run(*sweep, "--samples", "60", "--json")[1])["results"]["replicates"] == 200
    assert json.loads(run(*sweep, "--json")[1])["results"]["replicates"] == 2000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: command"),
        (("chek",), "invalid choice: 'chek'"),
        (("check", "one-over-q"), "no theorem 'one-over-q'; did you mean 'one-over-k'?"),
        (("check", "zzz"), f"no theorem 'zzz'; there are {', '.join(mt.catalogue)}"),
        (("check", "--dim", "10", "--experts", "3"), "experts must divide dim"),
        (("check", "--dim", "ten"), "invalid int value: 'ten'"),
        (("check", "--dim", "0"), "dim must be at least 1, got 0"),
        (("risk", "--dim", "10000000000000"), "model or samples do not fit into memory"),
        (("check", "--noise-variance", "-1"), "--noise-variance must be at least 0, got -1"),
        (("check", "--noise-variance", "nan"), "--noise-variance must be finite, got nan"),
        (("check", "--replicates", "1"), "must be at least 2, got 1"),
        (("check", "--seed", "-3"), "must be at least 0, got -3"),
        (("check", "--model", "nowhere.json"), "'nowhere.json' cannot be read: No such file"),
        (("check", "--model", "x.json", "--dim", "4"), "--model cannot be combined with --dim"),
        (("risk", "--model", ""), "'' cannot be read: Is a directory"),
        (("risk", "--model", "a\nb"), "'a\\nb' cannot be read: No such file"),
        (("risk", "a\nb"), "unrecognized arguments: a\\nb"),
        (("risk", "--dim", "9" * 30), "dim must be at most 281474976710656, got 9999"),
        (("risk", "--ridge", "-1"), "ridge must be at least 0, got -1"),
        (("risk", "--ridge", "nan"), "ridge must be finite, got nan"),
        (("sweep", "--values", "1,x"), "must be numbers separated by commas, got '1,x'"),
        (("sweep", "--values", "1,inf"), "must be numbers separated by commas, got '1,inf'"),
        (("sweep", "--values", "1.5"), "--values must be integers when sweeping over experts"),
        (("sweep", "--dim", "6", "--values", "4"), "--values must divide dim, got exp"),
        (("sweep", "--over", "noise_variance", "--values", "-1"), "--values must be at least 0"),
        (("sweep", "--over", "leak"), "invalid choice: 'leak'"),
        (("sweep", "--over", "samples", "--samples", "5"), "--over samples cannot be combined"),
        (("sweep", "--over", "samples", "--values", "8,1.5"), "at least 1 with --over samples, go"),
        (("sweep", "--over", "samples", "--values", "0"), "with --over samples, got 0"),
        (("sweep", "--over", "samples", "--values", "1e19"), "must be at most 9223372036854775807"),
        (("sweep", "--over", "samples", "--replicates", "1"), "replicates must be at least 2, got"),
        (("sweep", "--samples", "0"), "samples must be at least 1, got 0"),
        (("sweep", "--samples", "1,2"), "samples must be an integer or have shape (1,), got (2,)"),
        (("risk", "--samples", "0"), "samples must be at least 1, got 0"),
        (("risk", "--samples", "1.5"), "must be an integer, or one for each group separated by"),
        (("risk", "--samples", ""), "must be an integer, or one for each group separated by"),
        (("risk", "--samples", "1,2"), "must be an integer or have shape (16,), got (2,)"),
        (("risk", *SMALL, "--samples", "1,-2,3"), "samples[1] must be at least 0, got -2"),
        (("risk", *SMALL, "--samples", "0,0,0"), "samples must be at least 1 in total, got 0"),
        (("sweep", "--model", "x.json"), "--over experts cannot be combined with --model"),
        (("sweep", "--experts", "4"), "--over experts cannot be combined with --experts"),
        (("sweep", "--csv", "no/such/folder.csv"), "no/such is not a directory"),
        (("sweep", "--figure", "a.gif"), "--figure must end in .png, .pdf, .svg, got a.gif"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("content", ["", '{"format"', "[]", "{}", '{"extra": 1}'])
def test_a_bad_model_file_is_one_line_and_exit_2(run, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    code, out, err = run("check", "--model", str(path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "bad.json must" in err


def test_a_target_that_cannot_be_written_is_one_line_and_exit_2(run, tmp_path):
    target = tmp_path / "taken.csv"
    target.mkdir()
    code, _, err = run("sweep", "--dim", "6", "--replicates", "0", "--csv", str(target))
    assert (code, err.count("\n")) == (2, 1)
    assert "taken.csv cannot be written" in err


def test_help_names_commands_options_and_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    for word in ("check", "risk", "simulate", "sweep", "exit code: 0 all hold"):
        assert word in out
    code, out, _ = run("check", "--help")
    assert code == 0
    assert f"{', '.join(mt.catalogue)}; all if none" in " ".join(out.split())
    assert run("--version") == (0, f"moetheory {mt.__version__}\n", "")


def test_an_internal_error_is_70_and_shows_where(run, monkeypatch):
    monkeypatch.setattr(risks, "risk", lambda *_, **__: 1 / 0)
    code, _, err = run("risk")
    assert code == 70
    assert "ZeroDivisionError" in err
    assert err.endswith("moetheory: internal error (the lines above say where)\n")


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        ["bash", "-c", f'{" ".join(COMMAND)} risk | true; exit "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.parametrize(
    ("command", "redirect"),
    [("risk", ">&-"), ("risk", "> /dev/full"), ("--help", ">&-")],
)
def test_a_standard_output_that_takes_nothing_is_no_traceback(redirect, command):
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {command} {redirect}"], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1
    if "full" in redirect:  # argparse prints help unheard
        assert (done.returncode, "No space left" in done.stderr) == (2, True)


def test_an_ascii_terminal_gets_no_traceback(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert cli.main([*SIMULATE, "--replicates", "9"]) == 0
    sys.stdout.flush()
    assert re.search(rb"dense - MoE  [-\d.]+ \? [\d.]+ \(paired\)", written.getvalue())


def shown(master: int) -> Iterator[bytes]:
    """What a terminal shows, part by part, until nobody writes any more."""
    with suppress(OSError):  # how a closed terminal ends on Linux
        while part := os.read(master, 4096):
            yield part
    os.close(master)


@pytest.fixture
def in_a_terminal(monkeypatch):
    """Run with a terminal for stdout and stderr, which holds a few lines until they are read."""

    def main(*arguments: str, columns: int) -> tuple[int, str]:
        master, slave = pty.openpty()
        with os.fdopen(slave, "w", encoding="utf-8") as screen, monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(sys, "stdout", screen)
            patch.setattr(sys, "stderr", screen)
            code = cli.main(arguments)
        return code, b"".join(shown(master)).decode().replace("\r\n", "\n")

    return main


# by a clock that goes on a second whenever it is read, all work is long
HURRIED = """
import itertools, time
from moetheory.cli import main
time.monotonic = itertools.count().__next__
raise SystemExit(main())
"""


def interrupted_in_a_terminal(*arguments: str, columns: int, until: str) -> tuple[int, str]:
    """Run in a hurried process with a terminal, interrupted when it shows ``until``."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", HURRIED, *arguments],
        stdout=slave,
        stderr=slave,
        env={**os.environ, "COLUMNS": str(columns)},
    )
    os.close(slave)
    written, interrupted = b"", False
    for part in shown(master):
        written += part
        if not interrupted and until.encode() in written:
            process.send_signal(signal.SIGINT)
            interrupted = True
    return process.wait(timeout=60), written.decode().replace("\r\n", "\n")


def test_a_narrow_terminal_gets_blocks_and_long_work_shows_progress(in_a_terminal, monkeypatch):
    monkeypatch.setattr(terminal.time, "monotonic", itertools.count().__next__)
    arguments = ("check", "generalization", "--replicates", "100000", "--seed", "0")
    code, text = in_a_terminal(*arguments, columns=60)
    assert code == 3  # too few to decide
    progress, _, report = text.rpartition("\r")
    assert "% of 100000 replicates, " in progress
    lines = report.splitlines()
    assert any(line.split() == ["theorem", "generalization"] for line in lines)


def test_quick_work_shows_no_progress(in_a_terminal):
    code, text = in_a_terminal("risk", columns=100)
    assert code == 0
    assert "replicates" not in text


# --- gates ------------------------------------------------------------------------------------

ROUTED = [mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]


def test_risk_with_gates(run):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    code, out, err = run("risk", *SMALL, "--gate", "hard,soft", "--gate", "oracle,hard")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    assert [row[0] for row in rows] == ["dense", "moe", "moe(hard)", "moe(soft)"]
    for row, estimator in zip(rows, ROUTED, strict=True):
        shown, theory = dict(zip(header, row, strict=True)), mt.risk(estimator, model)
        assert shown["risk"] == f"{theory.value:.6g}"
        assert (shown["exactness"], shown["error"]) == (theory.exactness, f"{theory.error:.2g}")
    assert {row[3] for row in rows[2:]} == {"quadrature"}
    results = json.loads(run("risk", *SMALL, "--gate", "soft", "--json")[1])["results"]
    assert list(results) == ["dense", "moe", "moe(soft)"]
    assert results["moe(soft)"]["risk"] == mt.risk(ROUTED[3], model).value
    assert results["moe(soft)"]["active"] == 6


def test_simulate_with_gates(run, small):
    gates = ("--gate", "hard,soft:0.5,top-2,learned:200,learned:200:full")
    code, out, err = run(*SIMULATE, *gates, "--replicates", "300")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    shown = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert list(shown) == [
        *("dense", "moe", "moe(hard)", "moe(soft temperature=0.5)", "moe(top-2)"),
        *("moe(learned samples=200)", "moe(learned samples=200 moments=full)"),
    ]
    assert {row["method"] for row in shown.values()} == {"identity"}
    assert shown["moe(hard)"]["theory"] == f"{mt.risk(ROUTED[2], small).value:.6g}"
    assert shown["moe(hard)"]["exactness"] == "quadrature"
    assert shown["moe(top-2)"]["theory"] == "-"
    estimates = mt.simulate(ROUTED[:3], small, replicates=300, rng=1)
    mean = estimates.difference(0, 1).mean
    assert float(re.search("dense - MoE  (.*) ±", out)[1]) == pytest.approx(mean, abs=1e-3)
    document = json.loads(run(*SIMULATE, *gates, "--replicates", "300", "--json")[1])
    assert document["results"]["moe(hard)"]["mean"] == estimates[2].mean
    assert document["difference"]["mean"] == mean
    assert document["results"]["moe(top-2)"]["theory"] is None


@pytest.mark.parametrize("experts", ["2", "3", "4", "6", "8", "12"])
def test_simulate_does_not_hold_rounding_against_theory(run, experts):
    # the risk of the oracle's experts is the same for every draw: no standard error
    options = ("--dim", "24", "--experts", experts, "--replicates", "30", "--json")
    code, out, _ = run("simulate", *options, "--gate", "hard")
    assert (code, json.loads(out)["results"]["moe"]["z"]) == (0, 0.0)


def test_simulate_one_of_the_two_and_gates_has_no_difference(run):
    code, out, _ = run(*SIMULATE, "--only", "moe", "--gate", "soft", "--replicates", "30")
    assert (code, [row[0] for row in cells_of(out)[1:]]) == (0, ["moe", "moe(soft)"])
    assert "dense" not in out


def test_a_sweep_without_gates_is_that_of_dense_and_moe(run):
    asked = ("sweep", "--dim", "6", "--seed", "3")
    expected = io.StringIO()
    mt.sweep(
        lambda k: mt.BlockModel.isotropic(6, k, 1.0, signal_energy=6.0),
        *("experts", [1, 2, 3, 6], [mt.Dense(), mt.MoE()]),
        replicates=2000,
        rng=3,
    ).write_csv(expected)
    assert run(*asked) == (0, expected.getvalue(), "")
    assert run(*asked, "--gate", "oracle") == run(*asked)


@pytest.mark.parametrize("over", ["experts", "noise_variance"])
def test_a_sweep_with_gates(run, tmp_path, over):
    figure = tmp_path / "gates.png"
    options = ("--over", over, "--dim", "6", "--values", "2,3", "--replicates", "40", "--seed", "0")
    code, out, err = run(
        "sweep", *options, "--gate", "hard", "--gate", "soft,top-2", "--figure", str(figure)
    )
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    names = ("dense", "moe", "moe(hard)", "moe(soft)", "moe(top-2)")
    assert list(rows[0]) == [
        *(over, *names, "bound"),
        *(f"{name}_{what}" for name in names for what in ("simulated", "sem")),
    ]
    for row in rows:
        at = {"experts": 6, "noise_variance": 1.0, over: float(row[over])}
        model = mt.BlockModel.isotropic(
            6, int(at["experts"]), at["noise_variance"], signal_energy=6
        )
        for estimator in ROUTED:
            assert float(row[estimator.label]) == mt.risk(estimator, model).excess
    assert rows[-1]["moe(top-2)"] == "nan"
    assert figure.read_bytes().startswith(b"\x89PNG")
    code, out, _ = run("sweep", *options, "--gate", "top-2", "--json")
    assert json.loads(out)["results"]["columns"]["moe(top-2)"][-1] == "nan"


def test_a_sweep_starts_where_its_gates_are_defined(run):
    code, out, _ = run("sweep", "--dim", "6", "--gate", "top-2", "--replicates", "9")
    assert (code, [line.split(",")[0] for line in out.splitlines()[1:]]) == (0, ["2", "3", "6"])


def test_a_sweep_draws_fewer_training_sets_of_full_routers(run):
    one = ("sweep", "--dim", "6", "--values", "3", "--json", "--gate")
    for gate, replicates in (("learned:90:full", 200), ("learned:90", 2000), ("learned", 2000)):
        assert json.loads(run(*one, gate)[1])["results"]["replicates"] == replicates


def test_a_sweep_with_gates_through_a_pipe(monkeypatch, capsys):
    there, here = os.pipe()
    with os.fdopen(here, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        assert cli.main(["sweep", "--dim", "6", "--gate", "hard", "--replicates", "9"]) == 0
    with os.fdopen(there) as pipe:
        *_, last = pipe.read().splitlines()
    assert (capsys.readouterr().err, last.count(",")) == ("", 10)
    assert last.startswith("6,")


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("hrad", "argument --gate: no gate 'hrad'; did you mean 'hard'?"),
        ("Soft", "argument --gate: no gate 'Soft'; did you mean 'soft'?"),
        ("top2", "argument --gate: no gate 'top2'; did you mean 'top-2'?"),
        ("lerned:100", "argument --gate: no gate 'lerned:100'; did you mean 'learned'?"),
        ("zzz", "argument --gate: no gate 'zzz': there are hard, soft[:T], top-k, learned[:N"),
        ("", "argument --gate: no gate '': there are hard"),
        ("hard,,soft", "argument --gate: no gate '': there are hard"),
        ("hard:1", "argument --gate: no gate 'hard:1': there are hard"),
        ("soft:1:2", "argument --gate: no gate 'soft:1:2': there are hard"),
        ("soft:0", "argument --gate: 'soft:0': temperature must be greater than 0, got 0"),
        ("soft:nan", "argument --gate: 'soft:nan': temperature must be finite, got nan"),
        ("soft:x", "argument --gate: 'soft:x': temperature must be a number, got 'x'"),
        ("top-0", "argument --gate: 'top-0': k must be at least 1, got 0"),
        ("top-x", "argument --gate: 'top-x': k must be an integer, got 'x'"),
        ("learned:x", "argument --gate: 'learned:x': samples must be an integer, got 'x'"),
        ("learned:0", "argument --gate: 'learned:0': samples must be at least 1, got 0"),
        ("learned:9:all", "'learned:9:all': moments must be \"blocks\" or \"full\", got 'all'"),
        ("soft:0.5,soft:0.50000001", "--gate must name different gates, got soft temperature=0.5"),
    ],
)
@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_a_bad_gate_is_one_line_and_exit_2(run, command, gate, message):
    code, out, err = run(command, "--dim", "6", "--gate", gate)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("risk", *SMALL, "--gate", "top-4"), "--gate top-4: k must be at most 3, the number of e"),
        (("simulate", *SMALL, "--gate", "top-4"), "--gate top-4: k must be at most 3, the number"),
        (("risk", "--gate", "top-2"), "no formula is known for TopK(k=2); call simulate(MoE("),
        (("risk", "--gate", "hard", "--ridge", "1"), "are known without ridge; call simulate("),
        (("sweep", "--gate", "soft:2", "--replicates", "0"), "no formula is known for Soft(temp"),
        *(
            ((command, "--gate", "hard", "--samples", "90"), "--gate cannot be combined with --sa")
            for command in ("risk", "simulate", "sweep")
        ),
        *(
            (
                (command, "--gate", "hard", "--leakage-variances", "0.1"),
                "--gate needs strict blocks, got a model with leakage",
            )
            for command in ("risk", "simulate", "sweep")
        ),
        (("sweep", "--over", "samples", "--gate", "hard"), "--gate cannot be combined with --over"),
        (
            ("sweep", "--dim", "6", "--gate", "top-3", "--values", "2,6"),
            "--values must be at least 3 with --gate top-3, got 2",
        ),
        (("sweep", "--dim", "6", "--gate", "top-7"), "--gate top-7: k must be at most 6, the num"),
        (
            ("simulate", "--method", "population", "--gate", "learned:99"),
            'a gate that is learned is simulated with method="identity" only',
        ),
        (("simulate", "--method", "identity", "--samples", "9"), "--method identity fits nothing"),
        (
            ("simulate", *SMALL, "--gate", "learned:2"),
            "moments='blocks') needs samples=",
        ),
    ],
)
def test_gates_that_cannot_be_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_help_names_the_gates(run, command):
    words = " ".join(run(command, "--help")[1].split())
    assert "hard, soft[:T], top-k, learned[:N[:full]], oracle" in words


# --- test time --------------------------------------------------------------------------------

PERTURBED = (
    *("--test-noise-variance", "2", "--misrouting", "0.25", "--drag", "0.5"),
    *("--noise-law", "student-t:5", "--erasure", "0.125"),
)
GIVEN = {
    "test_noise_variance": 2.0,
    "misrouting": 0.25,
    "drag": 0.5,
    "noise_law": "student-t:5",
    "erasure": 0.125,
}


@pytest.fixture(scope="module")
def under():
    return mt.Perturbation(2.0, mt.even_confusion(3, 0.25), 0.5, noise=stats.t(5), erasure=0.125)


def test_risk_at_test_time(run, small, under):
    code, out, err = run("risk", *SMALL, *PERTURBED)
    assert (code, err) == (0, "")
    for row, estimator in zip(cells_of(out)[1:], BOTH, strict=True):
        assert row[1] == f"{mt.risk(estimator, small, under=under).value:.6g}"
    assert (
        "\n\ntested under test noise variance 2, misrouting 0.25, drag 0.5, noise law student-t:5, "
        "erasure 0.125; below: unperturbed\ndense - MoE"
    ) in out
    assert f"{mt.gap(small):.6g}" in out
    document = json.loads(run("risk", *SMALL, *PERTURBED, "--samples", "60", "--json")[1])
    assert document["under"] == GIVEN
    theory = mt.risk(mt.MoE(), small, samples=60, under=under)
    assert document["results"]["moe"]["risk"] == theory.value
    assert json.loads(run("risk", *SMALL, "--json")[1])["under"] is None
    assert "tested under" not in run("risk", *SMALL)[1]


@pytest.mark.parametrize(
    ("option", "under"),
    [
        (("--radius", "0.5"), mt.Perturbation(radius=0.5)),
        # of normal noise a worst case is known
        (("--radius", "0.5", "--noise-law", "normal"), mt.Perturbation(radius=0.5)),
        (("--misrouting", "1"), mt.Perturbation(confusion=mt.even_confusion(3, 1.0))),
        (("--erasure", "0"), mt.Perturbation()),
        (("--noise-law", "uniform"), mt.Perturbation()),
    ],
)
def test_risk_with_one_option_of_test_time(run, small, option, under):
    document = json.loads(run("risk", *SMALL, *option, "--json")[1])
    assert document["results"]["moe"]["risk"] == mt.risk(mt.MoE(), small, under=under).value


def test_simulate_at_test_time(run, small, under):
    asked = (*SIMULATE, *PERTURBED, "--replicates", "300")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert "\n\ntested under test noise variance 2, misrouting 0.25, drag 0.5, noise law" in out
    document = json.loads(run(*asked, "--json")[1])
    assert document["under"] == GIVEN
    estimates = mt.simulate(BOTH, small, under=under, replicates=300, rng=1)
    for estimator, estimate in zip(BOTH, estimates, strict=True):
        result = document["results"][estimator.label]
        assert result["mean"] == estimate.mean
        assert result["theory"] == mt.risk(estimator, small, under=under).value
    worst = (*SIMULATE, "--samples", "60", "--radius", "1", "--replicates", "9")
    document = json.loads(run(*worst, "--json")[1])
    assert document["results"]["moe"]["theory"] is None  # not known, and simulated nevertheless
    assert json.loads(run(*SIMULATE, "--replicates", "9", "--json")[1])["under"] is None


@pytest.mark.parametrize(
    ("over", "first", "last", "length"),
    [
        ("test_noise_variance", 0.1, 100.0, 13),
        ("misrouting", 0.0, 1.0, 11),
        ("leakage", 0.0, 1.0, 21),
        ("erasure", 0.0, 0.9, 10),
        ("radius", 0.0, 2.0, 11),
    ],
)
def test_sweep_over_what_differs_at_test_time(run, tmp_path, small, over, first, last, length):
    figure = tmp_path / "sweep.png"
    options = ("--over", over, "--replicates", "9", "--seed", "0", "--figure", str(figure))
    code, out, err = run("sweep", *SMALL, *options)
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    values = [float(row[over]) for row in rows]
    assert len(values) == length
    np.testing.assert_allclose([values[0], values[-1]], [first, last], rtol=1e-12)
    expected = mt.sweep(small, over, values, BOTH)
    assert ("bound" in rows[0]) == (over == "leakage")
    for label in ("dense", "moe"):
        assert [float(row[label]) for row in rows] == expected[label].tolist()
        assert all(float(row[f"{label}_sem"]) > 0.0 for row in rows)
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_default_radii_know_the_scale_of_the_coefficients(generic):
    model = generic(label_noise_variance=0.5)
    slope = math.sqrt(np.sum(model.coefficients**2))
    assert sweeps.default_values("radius", model)[-1] == pytest.approx(
        2 * math.sqrt(model.null_risk) / slope, rel=1e-14
    )
    nothing = model.replace(coefficients=np.zeros(9), noise_variance=0.0)
    assert sweeps.default_values("radius", nothing)[-1] == 1.0
    assert sweeps.default_values("test_noise_variance", nothing)[-1] == 100.0


def test_a_sweep_under_a_perturbation(run, small):
    sweep = ("sweep", *SMALL, "--replicates", "0", "--json", "--values", "0.1,0.5")
    asked = ("--over", "misrouting", "--drag", "2", "--erasure", "0.25")
    document = json.loads(run(*sweep, *asked)[1])
    assert document["under"] == {"drag": 2.0, "erasure": 0.25}
    expected = mt.sweep(
        small, "misrouting", [0.1, 0.5], under=mt.Perturbation(erasure=0.25), drag=2.0
    )
    assert document["results"]["columns"]["moe"] == expected["moe"].tolist()
    asked = ("--over", "noise_variance", "--misrouting", "0.5", "--drag", "2", "--samples", "60")
    under = mt.Perturbation(confusion=mt.even_confusion(3, 0.5), drag=2.0)
    expected = mt.sweep(small, "noise_variance", [0.1, 0.5], samples=60, under=under)
    columns = json.loads(run(*sweep, *asked)[1])["results"]["columns"]
    assert columns["dense"] == expected["dense"].tolist()
    louder = ("sweep", "--dim", "6", "--replicates", "0", "--test-noise-variance", "2", "--json")
    columns = json.loads(run(*louder)[1])["results"]["columns"]
    assert list(columns) == ["experts", "dense", "moe"]
    assert json.loads(run(*louder[:5], "--json")[1])["under"] is None


def test_a_sweep_over_test_noise_with_gates(run):
    asked = ("sweep", *SMALL, "--over", "test_noise_variance", "--values", "0.5,2", "--seed", "0")
    code, out, _ = run(*asked, "--gate", "hard", "--replicates", "20")
    assert code == 0
    for row in csv.DictReader(io.StringIO(out)):
        assert row["moe(hard)"] == "nan"
        assert float(row["moe(hard)_simulated"]) > 0.0


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--test-noise-variance", "-1"), "--test-noise-variance must be at least 0, got -1"),
        (("--test-noise-variance", "x"), "argument --test-noise-variance: invalid float value"),
        (("--test-noise-variance", "nan"), "--test-noise-variance must be finite, got nan"),
        (("--drag", "1"), "--drag needs --misrouting"),
        (("--noise-law", "student:2"), "no noise law 'student:2'; did you mean 'student-t:5'?"),
        (("--noise-law", "student-t"), "no noise law 'student-t'; did you mean 'student-t:5'?"),
        (("--noise-law", "student-t:x"), "DF must be a number, got 'x'"),
        (("--noise-law", "student-t:1.5"), "DF must be above 2 for a finite variance, got 1.5"),
        (("--noise-law", "student-t:nan"), "DF must be above 2 for a finite variance, got nan"),
        (("--noise-law", "Laplace"), "no noise law 'Laplace'; did you mean 'laplace'?"),
        (("--noise-law", "laplace:2"), "no noise law 'laplace:2': there are normal, uniform, la"),
        (("--noise-law", ""), "no noise law '': there are normal, uniform, laplace, student-t:DF"),
        (("--erasure", "1"), "--erasure must be less than 1, got 1"),
        (("--erasure", "-0.1"), "--erasure must be at least 0, got -0.1"),
        (("--radius", "-1"), "--radius must be at least 0, got -1"),
        (("--radius", "inf"), "--radius must be finite, got inf"),
    ],
)
def test_bad_options_of_test_time_are_one_line_and_exit_2(run, command, arguments, message):
    code, out, err = run(command, "--dim", "6", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ((command, *SMALL, "--misrouting", rate), f"--misrouting must be {what}, got {rate}")
            for command in ("risk", "simulate")
            for rate, what in (("2", "at most 1"), ("-1", "at least 0"))
        ),
        *(
            (
                (command, "--dim", "6", "--experts", "1", "--misrouting", "0.1"),
                "--misrouting needs at least 2 experts, got 1",
            )
            for command in ("risk", "simulate")
        ),
        (("risk", *SMALL, "--gate", "hard", "--misrouting", "0.1"), "--misrouting needs oracle ro"),
        (("simulate", *SMALL, "--gate", "hard", "--radius", "1"), "--radius needs oracle routing"),
        (
            ("simulate", "--method", "identity", "--misrouting", "0.1"),
            "--method identity is for inp",
        ),
        (
            ("simulate", "--gate", "learned:99", "--erasure", "0.1"),
            "a gate that is learned is simu",
        ),
        (("risk", "--gate", "hard", "--erasure", "0.1"), "under a perturbation are known for De"),
        (("risk", "--radius", "1", "--samples", "600"), "worst-case shift is known for infinitely"),
        (("risk", "--radius", "1", "--erasure", "0.5"), "known for normal errors only, not with"),
        (
            ("sweep", "--over", "experts", "--misrouting", "0.1"),
            "--over experts cannot be combined",
        ),
        (("sweep", "--over", "misrouting", "--misrouting", "0.1"), "combined with --misrouting"),
        (("sweep", "--over", "erasure", "--erasure", "0"), "combined with --erasure"),
        (("sweep", "--over", "radius", "--radius", "1"), "combined with --radius"),
        (
            ("sweep", "--over", "test_noise_variance", "--test-noise-variance", "1"),
            "--over test_noise_variance cannot be combined with --test-noise-variance",
        ),
        (
            ("sweep", "--over", "leakage", "--leakage-variances", "0.1"),
            "--over leakage cannot be combined with --leakage-variances",
        ),
        (("sweep", "--over", "erasure", "--drag", "1"), "--drag needs --misrouting"),
        *(
            (("sweep", "--over", over, "--gate", "hard"), "--gate cannot be combined with --over")
            for over in ("misrouting", "leakage", "radius")
        ),
        (
            ("sweep", "--over", "misrouting", "--experts", "1"),
            "at misrouting=0.0: --experts must be at least 2, got 1",
        ),
        (
            ("sweep", "--over", "misrouting", "--values", "0,1.5"),
            "at misrouting=1.5: --values must be at most 1, got 1.5",
        ),
        (("sweep", "--over", "erasure", "--values", "1"), "at erasure=1.0: --values must be less"),
        (("sweep", "--over", "radius", "--values", "-1"), "at radius=-1.0: --values must be at le"),
        (("sweep", "--over", "leakage", "--values", "-1"), "at leakage=-1.0: --values must be at"),
        (
            ("sweep", "--over", "test_noise_variance", "--values", "-1"),
            "at test_noise_variance=-1.0: --values must be at least 0, got -1",
        ),
        (
            ("sweep", "--over", "radius", "--samples", "600", "--replicates", "0"),
            "at radius=0.2: the risk under a worst-case shift is known for infinitely many samples",
        ),
    ],
)
def test_perturbations_that_cannot_be_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_help_names_the_options_of_test_time(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(command, "--help")
    assert code == 0
    for option in ("--test-noise-variance X", "--misrouting EPS", "--drag ETA", "--noise-law LAW"):
        assert f"  {option}" in out
    assert "normal, uniform, laplace, student-t:DF with DF > 2" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


# --- simulate ---------------------------------------------------------------------------------

SIMULATE = ("simulate", *SMALL, "--seed", "1")
TWO_CHUNKS = (*SIMULATE, "--replicates", "100000")  # the second is smaller
BOTH = [mt.Dense(), mt.MoE()]


@pytest.fixture(scope="module")
def small():
    return mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)


@pytest.fixture
def carried_out(monkeypatch):
    """The chunks that are really computed, one after another."""
    indices = []
    compute = Run.__call__

    def counted(self, index):
        indices.append(index)
        return compute(self, index)

    monkeypatch.setattr(Run, "__call__", counted)
    return indices


def cells_of(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("  ") if cell]
        for line in table.partition("\n\n")[0].splitlines()
    ]


def test_simulate_stands_beside_theory(run, small):
    code, out, err = run(*SIMULATE, "--replicates", "3000")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    assert header == [
        *("estimator", "risk", "sem", "95 % interval", "theory", "exactness", "z"),
        *("method", "replicates"),
    ]
    estimates = mt.simulate(BOTH, small, replicates=3000, rng=1)
    for row, estimator, estimate in zip(rows, BOTH, estimates, strict=True):
        theory, (low, high) = mt.risk(estimator, small), estimate.interval(0.95)
        shown = dict(zip(header, row, strict=True))
        assert float(shown["risk"]) == pytest.approx(estimate.mean, abs=estimate.sem / 10)
        assert shown["sem"] == f"{estimate.sem:.2g}"
        ends = [float(end) for end in shown["95 % interval"].split(" to ")]
        assert ends == pytest.approx([low, high], abs=estimate.sem / 10)
        assert (shown["theory"], shown["exactness"]) == (f"{theory.value:.6g}", "exact")
        assert shown["z"] == f"{estimate.z(theory):+.2f}"
        assert (shown["method"], shown["replicates"]) == ("population", "3000")
    difference = estimates.difference(0, 1)
    line = r"dense - MoE  (.*) ± (.*) \(paired\)\nreplay with --seed 1\n"
    mean, sem = re.fullmatch(line, out.partition("\n\n")[2]).groups()
    assert float(mean) == pytest.approx(difference.mean, abs=difference.sem / 10)
    assert sem == f"{difference.sem:.2g}"


def test_simulate_fits_and_has_no_z_where_theory_is_asymptotic(run, small):
    code, out, err = run(*SIMULATE, "--samples", "60", "--replicates", "500")
    assert (code, err) == (0, "")
    _, dense, moe = cells_of(out)
    assert dense[0] == "dense"
    assert dense[-4:] == ["asymptotic", "-", "statistics", "500"]
    z = mt.simulate(BOTH, small, samples=60, replicates=500, rng=1)[1].z(
        mt.risk(mt.MoE(), small, samples=60)
    )
    assert moe[-4:] == ["exact", f"{z:+.2f}", "law", "500"]
    assert "fitted on 60 samples, 20 in each group\ndense - MoE  " in out
    assert "(independent)\n" in out
    _, out, _ = run(*SIMULATE, "--samples", "60", "--replicates", "500", "--method", "data")
    assert [row[-2] for row in cells_of(out)[1:]] == ["data", "data"]
    assert "(paired)\n" in out


def test_simulate_one_estimator_by_its_law(run):
    fitted = (*SIMULATE, "--samples", "9,8,0", "--replicates", "50")
    code, out, _ = run(*fitted, "--only", "moe", "--method", "law")
    assert code == 0
    assert [row[0] for row in cells_of(out)] == ["estimator", "moe"]
    assert "dense" not in out
    assert "fitted on 17 samples, 0 to 9 in each group\n" in out
    code, out, _ = run(*fitted, "--only", "dense", "--ridge", "0.5")
    assert [row[0] for row in cells_of(out)] == ["estimator", "dense(ridge=0.5)"]


def test_simulate_draws_counts_for_which_there_is_no_theory(run, small):
    drawn = (*SIMULATE, "--samples", "90", "--counts", "multinomial", "--replicates", "200")
    code, out, _ = run(*drawn, "--ridge", "0.1")
    assert code == 0
    assert [row[4:7] for row in cells_of(out)[1:]] == [["-", "-", "-"]] * 2
    assert "fitted on 90 samples, their groups drawn\n" in out
    ridged = [mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)]
    estimates = mt.simulate(ridged, small, samples=90, counts="multinomial", replicates=200, rng=1)
    results = json.loads(run(*drawn, "--ridge", "0.1", "--json")[1])["results"]
    for estimator, estimate in zip(ridged, estimates, strict=True):
        assert results[estimator.label]["mean"] == estimate.mean
        assert results[estimator.label]["theory"] is None


def test_simulate_as_json(run, small):
    seed = 2**100
    code, out, err = run(
        *("simulate", *SMALL, "--seed", str(seed)),
        *("--samples", "20,20,20", "--replicates", "300", "--json"),
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    estimates = mt.simulate(BOTH, small, samples=[20, 20, 20], replicates=300, rng=seed)
    assert (document["schema"], document["command"]) == (1, "simulate")
    assert document["entropy"] == str(seed)
    assert (document["samples"], document["counts"]) == ([20, 20, 20], "fixed")
    assert document["warnings"] == []
    for estimator, estimate in zip(BOTH, estimates, strict=True):
        theory, result = mt.risk(estimator, small, samples=60), document["results"][estimator.label]
        assert (result["mean"], result["sem"]) == (estimate.mean, estimate.sem)
        assert result["interval"] == list(estimate.interval())
        assert result["per_group"] == estimate.per_group.tolist()
        assert (result["method"], result["replicates"]) == (estimate.method, 300)
        assert (result["theory"], result["error"]) == (theory.value, theory.error)
        assert result["exactness"] == theory.exactness
        assert result["median"] is result["median_interval"] is None
    assert document["results"]["dense"]["z"] is None
    assert document["results"]["moe"]["z"] == estimates[1].z(mt.risk(mt.MoE(), small, samples=60))
    difference = estimates.difference(0, 1)
    assert document["difference"] == {
        "mean": difference.mean,
        "sem": difference.sem,
        "interval": list(difference.interval()),
        "paired": False,
    }
    document = json.loads(run(*SIMULATE, "--replicates", "300", "--json")[1])
    assert document["samples"] is None
    assert document["difference"]["paired"] is True
    assert document["results"]["dense"]["z"] is not None
    assert json.loads(run(*SIMULATE, "--only", "moe", "--json")[1])["difference"] is None


def test_simulate_says_medians_where_the_variance_is_infinite(run, small):
    heavy = (*SIMULATE, "--samples", "6", "--replicates", "200")
    code, out, err = run(*heavy)
    assert code == 0
    dense, moe = err.splitlines()
    assert dense.startswith("moetheory: warning: mean and variance of the risk of dense are")
    assert moe.startswith("moetheory: warning: mean and variance of the risk of moe are")
    header, *rows = cells_of(out)
    assert header[4:6] == ["median", "its 95 % interval"]
    with pytest.warns(mt.HeavyTailWarning):
        estimates = mt.simulate(BOTH, small, samples=6, replicates=200, rng=1)
    for row, estimate in zip(rows, estimates, strict=True):
        low, high = estimate.median_interval()
        assert row[2:4] == ["inf", "-inf to inf"]
        assert row[4:6] == [f"{estimate.median:.6g}", f"{low:.6g} to {high:.6g}"]
        assert row[6:9] == ["inf", "exact", "-"]
    assert " ± inf (independent)\n" in out

    code, out, again = run(*heavy, "--json")
    document = json.loads(out)
    assert (code, again) == (0, err)
    prefix = "moetheory: warning: "
    assert document["warnings"] == [dense.removeprefix(prefix), moe.removeprefix(prefix)]
    result = document["results"]["dense"]
    assert (result["sem"], result["theory"], result["z"]) == ("inf", "inf", None)
    assert (result["median"], result["interval"]) == (estimates[0].median, ["-inf", "inf"])
    assert result["median_interval"] == list(estimates[0].median_interval())


def test_simulate_goes_on_until_the_standard_error_is_met(run, carried_out):
    def sem_aimed_at(sem: float) -> float:
        _, out, _ = run(*SIMULATE, "--only", "moe", "--json", "--target-sem", str(sem))
        return json.loads(out)["results"]["moe"]["sem"]

    first = sem_aimed_at(1.0)
    assert sem_aimed_at(0.8 * first) <= 0.8 * first
    assert carried_out == [0, 0, 1]


def test_simulate_goes_on_from_a_checkpoint(run, tmp_path, carried_out):
    file = str(tmp_path / "half")
    expected = run(*TWO_CHUNKS, "--json")
    whole = len(carried_out)
    run(*SIMULATE, "--replicates", "90000", "--checkpoint", file)  # it ends with another one
    carried_out.clear()
    kept = ("--checkpoint", file, "--json")
    assert run(*TWO_CHUNKS, *kept) == expected
    assert 0 < len(carried_out) < whole
    carried_out.clear()
    without_seed = [argument for argument in TWO_CHUNKS if argument not in ("--seed", "1")]
    assert run(*without_seed, *kept) == expected
    assert carried_out == []


def test_simulate_in_parts_and_merged_is_as_simulated_at_once(run, tmp_path, carried_out):
    expected = run(*TWO_CHUNKS)
    files = [str(tmp_path / f"part{i}") for i in range(2)]
    for i, file in enumerate(files):
        code, out, _ = run(*TWO_CHUNKS, "--part", f"{i}/2", "--checkpoint", file)
        assert (code, f"part {i} of 2, counted from 0\n" in out) == (0, True)
        assert out != expected[1]
    carried_out.clear()
    merged = ("--merge", *files, "--checkpoint", str(tmp_path / "whole"))
    assert run(*TWO_CHUNKS, *merged) == expected
    assert carried_out == []


def test_simulate_gives_the_same_with_two_workers(run, carried_out):
    elsewhere = run(*TWO_CHUNKS, "--workers", "2")
    assert carried_out == []
    assert elsewhere == run(*TWO_CHUNKS)


def test_simulate_interrupted_is_130_and_keeps_what_is_finished(run, tmp_path, carried_out):
    file = str(tmp_path / "kept")
    code, text = interrupted_in_a_terminal(
        *(*SIMULATE, "--replicates", "1000000000", "--checkpoint", file),
        columns=40,
        until="% of 1000000000",
    )
    progress, _, said = text.rpartition("\r")
    assert code == 130
    assert said == (
        f"moetheory: interrupted; finished work is in {file}, the same command goes on\n"
    )
    assert max(map(len, progress.split("\r"))) < 40
    kept = run(*TWO_CHUNKS, "--checkpoint", file)
    resumed = len(carried_out)
    carried_out.clear()
    assert kept == run(*TWO_CHUNKS)
    assert resumed < len(carried_out)


@pytest.mark.parametrize("command", ["check", "simulate"])
def test_interrupted_without_anything_kept_is_one_line(run, monkeypatch, command):
    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(simulations.terminal.Progress, "__call__", interrupt)
    assert run(command, *SMALL) == (130, "", "moetheory: interrupted\n")


def test_workers_that_die_are_71_and_one_line(run, monkeypatch, tmp_path):
    def die(*_, **__):
        raise mt.ExecutorError("broke")

    monkeypatch.setattr(simulations, "simulate", die)
    code, out, err = run(*SIMULATE, "--workers", "2")
    assert (code, out, err.count("\n")) == (71, "", 1)
    assert err.startswith("moetheory: error: a worker process died")
    assert "with --checkpoint" in err
    file = tmp_path / "kept"
    file.touch()
    _, _, err = run(*SIMULATE, "--workers", "2", "--checkpoint", str(file))
    assert f"finished work is in {file}, the same command goes on\n" in err


def test_simulate_in_a_narrow_terminal_prints_blocks(in_a_terminal):
    code, text = in_a_terminal(*SIMULATE, "--samples", "60", "--replicates", "9", columns=45)
    assert code == 0
    table, _, rest = text.partition("\n\nfitted on ")
    lines = table.splitlines()
    assert ["estimator", "moe"] in [line.split() for line in lines]
    assert ["exactness", "exact"] in [line.split() for line in lines]
    assert max(map(len, lines)) <= 45
    assert rest.endswith("replay with --seed 1\n")


def test_simulate_help_names_options_defaults_and_exit_codes(run):
    code, out, _ = run("simulate", "--help")
    assert code == 0
    for option in (
        *("--samples", "--counts", "--ridge", "--method", "--replicates", "--target-sem"),
        *("--seed", "--workers", "--memory", "--checkpoint", "--part", "--merge", "--json"),
    ):
        assert f"{option} " in out
    words = " ".join(out.split())
    for said in ("default 1000", "(100000)", "(default 256)", "71 a worker process died"):
        assert said in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replicats", "9"), "unrecognized arguments: --replicats 9"),
        (("--replicates", "1"), "argument --replicates: must be at least 2, got 1"),
        (("--replicates", "-9"), "argument --replicates: must be at least 2, got -9"),
        (("--replicates", "1e3"), "argument --replicates: invalid integer value: '1e3'"),
        (("--replicates", "9", "--target-sem", "1"), "--target-sem: not allowed with argument --r"),
        (("--target-sem", "0"), "argument --target-sem: must be a number above 0, got '0'"),
        (("--target-sem", "nan"), "argument --target-sem: must be a number above 0, got 'nan'"),
        (("--target-sem", "x"), "argument --target-sem: must be a number above 0, got 'x'"),
        (("--target-sem", "1", "--samples", "6"), "--target-sem=1 cannot be met: "),
        (("--target-sem", "1", "--part", "0/2"), "--part cannot be combined with --target-sem"),
        (("--memory", "0"), "argument --memory: must be at least 1, got 0"),
        (("--memory", "1", "--samples", "60"), "--memory must be at least"),
        (("--workers", "0"), "argument --workers: must be at least 1, got 0"),
        (("--part", "3/2"), "argument --part: must be I/M with I from 0 to M - 1, got '3/2'"),
        (("--part", "2/2"), "argument --part: must be I/M with I from 0 to M - 1, got '2/2'"),
        (("--part", "-1/2"), "argument --part: expected one argument"),
        (("--part", "1"), "argument --part: must be I/M with I from 0 to M - 1, got '1'"),
        (("--part", "0/2"), "--part needs --seed, the same for all parts"),
        (("--part", "0/99", "--seed", "1"), "--part must be one of at most"),
        (("--merge", "a", "b"), "--merge needs --checkpoint, the file to merge into"),
        (("--merge",), "argument --merge: expected at least one argument"),
        (("--merge", "no-such-part", "--checkpoint", "c"), "no-such-part"),
        (("--checkpoint", "no/such/folder"), "no/such"),
        (("--checkpoint", "."), ". must be a file"),
        (("--counts", "drawn"), "argument --counts: invalid choice: 'drawn'"),
        (("--counts", "multinomial"), "--counts multinomial needs --samples"),
        (("--counts", "multinomial", "--samples", "1,2,3"), "--samples must be one number"),
        (("--samples", "0"), "--samples must be at least 1, got 0"),
        (("--samples", "1,2"), "--samples must be an integer or have shape (3,), got (2,)"),
        (("--samples", "4.5"), "argument --samples: must be an integer, or one for each group"),
        (("--method", "exact"), "argument --method: invalid choice: 'exact'"),
        (("--method", "data"), "--method data needs --samples"),
        (("--method", "population", "--samples", "9"), "--method population fits nothing"),
        (("--method", "law", "--samples", "9"), "--method law is known for the MoE alone"),
        (
            ("--method", "law", "--only", "moe", "--ridge", "1", "--samples", "9"),
            '--method="law" does not know ridge > 0',
        ),
        (("--only", "sparse"), "argument --only: invalid choice: 'sparse'"),
        (("--ridge", "-1"), "--ridge must be at least 0, got -1"),
        (("--ridge", "x"), "argument --ridge: invalid float value: 'x'"),
        (("--seed", "-1"), "argument --seed: must be at least 0, got -1"),
        (("--noise-variance", "-1"), "--noise-variance must be at least 0, got -1"),
        (("--experts", "4"), "--experts must divide dim"),
    ],
)
def test_bad_usage_of_simulate_is_one_line_and_exit_2(
    run, arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("simulate", *SMALL, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert err.startswith("moetheory")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_run_is_one_line_and_exit_2(run, tmp_path):
    file = tmp_path / "kept"
    kept = (*SMALL, "--replicates", "9", "--checkpoint", str(file))
    assert run("simulate", *kept, "--seed", "1")[0] == 0
    for other in (
        *(("--seed", "2"), ("--seed", "1", "--ridge", "3"), ("--noise-variance", "3")),
        ("--seed", "1", "--test-noise-variance", "3"),
    ):
        code, out, err = run("simulate", *kept, *other)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert str(file) in err
    file.write_bytes(file.read_bytes()[:20])
    code, out, err = run("simulate", *kept, "--seed", "1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(file) in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("simulate", "--samples", "9", "--radius", "1", "--erasure", "0.1"),
            "a worst-case shift is known for normal errors only, not with erasure",
        ),
        (
            ("simulate", "--samples", "9", "--radius", "1", "--noise-law", "laplace"),
            "a worst-case shift is known for normal errors only, not with noise that is not normal",
        ),
        (
            ("risk", "--misrouting", "0.1", "--drag", "1e200"),
            "--drag must have a finite square, got 1e+200",
        ),
        (("risk", "--radius", "1e200"), "--radius must have a finite square, got 1e+200"),
        (
            ("sweep", "--over", "leakage", "--values", "0.5,1e200"),
            "at leakage=1e+200: --values must be less than 1e+150, got 1e+200",
        ),
    ],
)
def test_test_times_without_an_answer_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(arguments[0], "--dim", "4", "--experts", "2", *arguments[1:])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_descent_counts_steps_three_ways(run):
    code, out, err = run("descent", *SMALL, "--decay", "1", "--tolerance", "0.001")
    assert (code, err) == (0, "")
    header, *rows = out.split("\n\n")[0].splitlines()
    assert header.split()[:4] == ["learner", "factor", "condition", "step"]
    model = mt.BlockModel.power_law(6, 3, 1.0, decay=1.0, signal_energy=6.0)
    for row, estimator, training in zip(
        rows, (mt.Dense(), mt.MoE(), mt.MoE()), ("own", "own", "joint"), strict=True
    ):
        counts = [
            mt.steps_to(estimator, model, 0.001, relative=True, training=training, cost=cost)
            for cost in ("iterations", "samples", "multiplications")
        ]
        assert [float(cell) for cell in row.split()[-4:-1]] == counts
    assert "counted until 0.1 % of the gain is left" in out


def test_descent_to_a_risk_that_one_of_them_never_has(run):
    code, out, _ = run("descent", *SMALL, "--excess", "0.4", "--json")
    results = json.loads(out)["results"]
    assert code == 0
    assert results["dense"]["iterations"] is None
    assert results["experts, jointly"]["iterations"] == 1
    assert json.loads(out)["goal"] == {"tolerance": 0.4, "relative": False}
    text = run("descent", *SMALL, "--excess", "0.4")[1].splitlines()
    assert text[1].split()[4:7] == ["never"] * 3
    assert text[1][: text[0].index("iterations") + len("iterations")].endswith("never")


def test_descent_to_a_floor_and_with_steps_that_get_nowhere(run, tmp_path):
    def iterations(model, *goal):
        model.to_json(tmp_path / "m.json")
        code, out, _ = run("descent", "--model", str(tmp_path / "m.json"), *goal, "--json")
        assert code == 0
        return [row["iterations"] for row in json.loads(out)["results"].values()]

    # one step meets the optimum of isotropic blocks exactly
    isotropic = mt.BlockModel.isotropic(16, 4, 1.0, signal_energy=16.0)
    assert iterations(isotropic, "--excess", repr(mt.risk(mt.MoE(), isotropic).excess)) == [
        None,
        1,
        1,
    ]
    model = mt.BlockModel.power_law(16, 4, 1.0, decay=1.0, signal_energy=16.0)
    floor = float(np.nextafter(mt.risk(mt.MoE(), model).excess, 1.0))
    dense, own, joint = iterations(model, "--excess", repr(floor))
    assert dense is None
    assert min(own, joint) > 1
    assert iterations(model, "--step-size", "1e-30") == [None, None, None]


def test_descent_is_stopped_early_on_samples(run):
    asked = ("descent", *SMALL, "--samples", "12", "--replicates", "20", "--seed", "5")
    code, out, _ = run(*asked)
    assert code == 0
    assert "stopped early, on 12 samples, 4 in each group:" in out
    assert out.rstrip().endswith("replay with --seed 5")
    _, risk, sem, late, _ = out.split("stopped early")[-1].splitlines()[2].split()[1:]
    assert len(risk.partition(".")[2]) == 1 - math.floor(math.log10(float(sem)))
    assert float(late) > float(risk)
    assert "late: after 1e+06 steps" in out
    assert run(*asked)[1] == out
    rows = json.loads(run(*asked, "--json")[1])["results"]
    assert all(row["best_risk"] <= row["last_risk"] for row in rows.values())


def test_descent_says_what_the_library_says(run, monkeypatch):
    shares = []

    class Recorded(terminal.Progress):
        def __call__(self, done: int, total: int) -> None:
            shares.append(done / total)

    monkeypatch.setattr(terminal, "Progress", Recorded)
    how, sets = {"step_size": 0.02}, {"samples": 24, "replicates": 20, "rng": 5}
    code, out, _ = run(
        *("descent", *SMALL, "--decay", "1", "--ridge", "0.3", "--step-size", "0.02", "--json"),
        *("--samples", "24", "--replicates", "20", "--seed", "5"),
    )
    assert code == 0
    model = mt.BlockModel.power_law(6, 3, 1.0, decay=1.0, signal_energy=6.0)
    moe = mt.MoE(ridge=0.3)
    for row, estimator, training in zip(
        json.loads(out)["results"].values(),
        (mt.Dense(ridge=0.3), moe, moe),
        ("own", "own", "joint"),
        strict=True,
    ):
        factor = mt.contraction_factor(estimator, model, training=training, **how)
        assert (row["factor"], row["limit"]) == (factor.value, mt.risk(estimator, model).excess)
        path = mt.simulate_descent(estimator, model, STEPS, training=training, **how, **sets)
        best, last = path.best, path.estimates[-1]
        stopped = [best.steps, best.risk.mean, best.risk.sem, STEPS[-1], last.mean, last.sem]
        assert [row[name] for name in row if name.startswith(("best_", "last_"))] == stopped
    assert shares == sorted(shares)
    assert shares[0] < shares[-1] == 1.0


def test_long_counts_of_steps_are_in_powers_of_ten(run):
    for size, form in (("1e-9", r"\d(\.\d+)?e\+\d\d"), ("1e-3", r"\d{3,6}")):
        _, out, _ = run("descent", *SMALL, "--decay", "1", "--step-size", size)
        counts = [row.split()[-4:-1] for row in out.splitlines()[1:4]]
        assert all(re.fullmatch(form, cell) for row in counts for cell in row)


def test_a_sweep_over_steps(run, tmp_path):
    figure = tmp_path / "steps.png"
    asked = ("sweep", "--over", "steps", *SMALL, "--step-size", "0.1", "--training", "joint")
    code, out, _ = run(*asked, "--figure", str(figure))
    table = list(csv.DictReader(io.StringIO(out)))
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    expected = mt.descent(mt.MoE(), model, 1000, step_size=0.1, training="joint").excess[0]
    assert code == 0
    assert (table[-1]["steps"], float(table[-1]["moe"])) == ("1000", expected)
    assert figure.read_bytes().startswith(b"\x89PNG")
    code, out, _ = run(*asked, "--samples", "40", "--values", "0,5", "--replicates", "10")
    assert code == 0
    assert out.startswith("steps,dense,dense_simulated,dense_sem,moe,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("descent", "--step-size", "0"), "argument --step-size: must be a number above 0"),
        (("descent", "--step-size", "9"), "--step-size must be less than 1, 2 over the largest"),
        (("descent", "--excess", "1", "--tolerance", "1"), "--excess cannot be combined with"),
        (("descent", "--replicates", "9"), "--replicates needs --samples"),
        (("descent", "--seed", "9"), "--seed needs --samples"),
        (("descent", "--ridge", "-1"), "--ridge must be at least 0, got -1"),
        (("descent", "--tolerance", "5"), "--tolerance must be at most 1, a share of what there"),
        (("descent", "--samples", "9", "--step-size", "0.9"), "--step-size must be less than"),
        (("descent", "--trainin", "own"), "unrecognized arguments: --trainin"),
        (("sweep", "--training", "joint"), "--training needs --over steps"),
        (("sweep", "--over", "steps", "--training", "alone"), "invalid choice: 'alone'"),
        (("sweep", "--over", "steps", "--values", "-1"), "--values must be integers of at least 0"),
        (("sweep", "--over", "steps", "--erasure", "0.1"), "--over steps needs --samples with"),
        (("sweep", "--over", "steps", "--replicates", "5"), "--replicates needs samples with"),
        (
            ("sweep", "--over", "steps", "--samples", "9", "--replicates", "0"),
            "--replicates must be at least 2",
        ),
        (("sweep", "--over", "steps", "--gate", "hard"), "--gate cannot be combined with --over"),
    ],
)
def test_descent_in_one_line_if_it_cannot_be(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_descent_on_directions_that_are_all_alike_says_so(run, tmp_path):
    assert "learned in one step; --decay 1 makes them differ\n" in run("descent", *SMALL)[1]
    assert "one step" not in run("descent", *SMALL, "--decay", "1")[1]
    path = tmp_path / "model.json"
    mt.BlockModel.isotropic(6, 3, 1.0).to_json(path)
    assert run("descent", "--model", str(path))[1].endswith("learned in one step\n")


# --- audit ------------------------------------------------------------------------------------

OTHERS = np.arange(12) % 3  # other blocks than those that are there
FEW = ("--noise-variances", "0.1,1,4", "--seed", "3")
NOT_FEATURES = ("--ignore", "id", "--ignore", "sign")


@pytest.fixture(scope="module")
def drawn():
    """300 samples of 12 features with unequal blocks, groups and leakage."""
    blocks = np.repeat([0, 1, 2], [3, 5, 4])
    strength = np.array([3.0, 1.0, 2.0])[blocks]
    model = mt.BlockModel([0.5, 0.3, 0.2], blocks, strength, np.cos(np.arange(12)), 0.0)
    return model.replace(leakage_variances=0.05, label_noise_variance=0.2).sample(300, rng=0)


@pytest.fixture(scope="module")
def data(drawn, tmp_path_factory):
    """A folder with the same samples in a file of each kind."""
    folder = tmp_path_factory.mktemp("data")
    features, labels, groups = drawn.features, drawn.labels, drawn.groups
    np.savez(folder / "x.npz", features=features, y=labels, part=groups, of=OTHERS)
    np.save(folder / "x.npy", np.column_stack([groups, features, labels]))
    np.save(folder / "of.npy", OTHERS)
    np.savez(folder / "objects.npz", features=features, y=labels.astype(object))
    bad = features.copy()
    bad[[7, 4, 4], [1, 9, 2]] = np.nan, np.inf, np.nan
    np.savez(folder / "bad.npz", features=bad, y=labels)
    np.savez(folder / "short.npz", features=features, y=labels[1:])
    with (folder / "x.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(f"f{i}" for i in range(12)), "part", "sign", "y"])
        for i, (row, label, group) in enumerate(zip(features, labels, groups, strict=True)):
            signs = "up" if label > 0 else "down"
            writer.writerow([f"s{i}", *row.tolist(), "abc"[group], signs, float(label)])
    (folder / "bad.csv").write_text(
        "f0,flat,y\n1,2,0\n3,2,1\n5,2,3\n6,2,1\n9,2,5\n7,2,0\n2,2,2\n4,2,8\n"
    )
    (folder / "none.csv").mkdir()
    return folder


@pytest.fixture
def audited(run, data, monkeypatch):
    """``audited(*arguments)``: run in the folder of `data`."""
    monkeypatch.chdir(data)
    return lambda *arguments: run("audit", *arguments)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("x.csv", "--labels", "y", "--groups", "part", *NOT_FEATURES), ("part",)),
        (("x.npz", "--labels", "y"), ()),
        (("x.npz", "--labels", "y", "--groups", "part", "--block-of", "of"), ("part", "of")),
        (("x.npy", "--labels", "-1", "--groups", "0", "--block-of", "of.npy"), ("part", "of")),
    ],
)
def test_audit_says_of_each_kind_of_file_what_the_library_says(audited, drawn, arguments, asked):
    code, out, err = audited(*arguments, *FEW, "--json")
    assert (code, err) == (0, "")
    given = {
        "groups": drawn.groups if "part" in asked else None,
        "block_of": OTHERS if "of" in asked else None,
    }
    grid = [0.1, 1.0, 4.0]
    expected = mt.audit(drawn.features, drawn.labels, **given, noise_variances=grid, rng=3)
    document = json.loads(out)
    results = document["results"]
    assert document["entropy"] == "3"
    assert results["columns"] == {name: each.tolist() for name, each in expected.columns.items()}
    assert results["block_of"] == expected.block_of.tolist()
    assert (results["leakage"], results["verdict"]) == (expected.leakage, expected.verdict)
    begins = results["crossovers"]["moe"]["predicted"]["begins"]
    assert begins == {
        name: value if math.isfinite(value) else str(value)
        for name, value in expected.crossovers["moe"].predicted.begins._asdict().items()
    }
    assert results["samples"] == {"training": 225, "held_out": 75}
    if arguments[0] == "x.csv":
        assert results["names"] == ["a", "b", "c"]
        assert results["features"] == [f"f{i}" for i in range(12)]


@pytest.mark.parametrize("width", [None, 100, 80, 30])
def test_audit_prints_risks_and_a_verdict(audited, drawn, monkeypatch, width):
    monkeypatch.setattr(terminal, "width", lambda: width)
    code, out, err = audited("x.npz", "--labels", "y", "--groups", "part", *FEW)
    assert (code, err) == (0, "")
    expected = mt.audit(
        drawn.features, drawn.labels, groups=drawn.groups, noise_variances=[0.1, 1, 4], rng=3
    )
    table, _, rest = out.partition("\n\n3 experts")
    said = f"{expected.verdict}\nreplay with --seed 3\n"
    assert f"3 experts{rest}".split() == said.split()
    if width is None:
        assert rest.count("\n") == said.count("\n")
    else:
        assert max(map(len, out.splitlines())) <= width
    key = audits.KEY.split()
    assert table.split()[-len(key) :] == key
    lines = table.splitlines()
    for name in expected.predictors:
        # in how many parts the table comes
        assert sum(name in line.split() for line in lines) == (6 if width == 30 else 1)
        for what, sem in (("predicted", "predicted_sem"), ("measured", "sem")):
            value, error = (expected[f"{name}_{each}"][1] for each in (what, sem))
            assert f"{text.rounded(value, error)} ± {error:.2g}" in table


def test_audit_of_two_classes(audited, drawn):
    asked = ("x.csv", "--labels", "sign", "--groups", "part", "--ignore", "id", "--ignore", "y")
    code, out, _ = audited(*asked, *FEW, "--json")
    assert code == 0
    results = json.loads(out)["results"]
    assert results["classes"] == ["down", "up"]
    assert all(0.5 < share <= 1.0 for share in results["columns"]["moe_accuracy"][:2])
    assert "accuracy" in audited(*asked, *FEW)[1]


def test_audit_passes_on_what_it_is_told(audited, monkeypatch):
    asked = {}

    def noted(features, labels, **options):
        asked.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(audits, "audit", noted)
    options = ("--experts", "2", "--held-out", "0.5", "--repeats", "7", "--center")
    code, out, err = audited("x.npz", "--labels", "y", *options, "--no-intercept", *FEW)
    assert (code, out, err) == (130, "", "moetheory: interrupted\n")
    del asked["progress"]
    assert asked == {
        "groups": None,
        "block_of": None,
        "experts": 2,
        "noise_variances": [0.1, 1.0, 4.0],
        "held_out": 0.5,
        "repeats": 7,
        "center": True,
        "intercept": False,
        "rng": 3,
    }


def test_audit_writes_a_table_a_figure_and_a_model(audited, run, drawn, tmp_path):
    table, figure, model = (tmp_path / name for name in ("a.csv", "a.png", "model.json"))
    asked = ("x.npz", "--labels", "y", "--groups", "part", *FEW)
    targets = ("--csv", str(table), "--figure", str(figure), "--save-model", str(model))
    assert audited(*asked, *targets) == audited(*asked)
    expected = mt.audit(
        drawn.features, drawn.labels, groups=drawn.groups, noise_variances=[0.1, 1, 4], rng=3
    )
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert list(rows[0]) == list(expected.columns)
    for name, column in expected.columns.items():
        assert [float(row[name]) for row in rows] == column.tolist()
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert mt.BlockModel.from_json(model) == expected.model
    risks_of_it = json.loads(run("risk", "--model", str(model), "--json")[1])["results"]
    assert risks_of_it["moe"]["risk"] == mt.risk(mt.MoE(), expected.model).value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.csv",), "the following arguments are required: --labels"),
        (
            ("x.csv", "--labels", "sing"),
            "--labels must name a column in the first line of 'x.csv', got 'sing'; did",
        ),
        (("x.csv", "--labels", "y"), "got in line 2 's0' in column 'id', 'b' in column 'part', "),
        (
            ("x.csv", "--labels", "y", "--groups", "prat"),
            "--groups must name a column in the first line of 'x.csv', ",
        ),
        (
            ("x.csv", "--labels", "y", "--ignore", "ID"),
            "--ignore must name a column in the first line of 'x.csv', go",
        ),
        (
            ("x.csv", "--labels", "y", "--block-of", "y"),
            "--block-of must be a .npy file where feat",
        ),
        (("x.npz", "--labels", "Y"), "--labels must name an array of 'x.npz', got 'Y'; there are"),
        (("x.npz", "--labels", "of"), "--labels must have shape (300,), one for each sample, got"),
        (("x.npy", "--labels", "14"), "--labels must be a column, 0 to 13 or from the end -1 to"),
        (("x.npy", "--labels", "3"), "at its ends, or all features would have to be copied"),
        (
            ("short.npz", "--labels", "y"),
            "--labels must have shape (300,), one for each sample, go",
        ),
        (
            ("objects.npz", "--labels", "y"),
            "array 'y' of 'objects.npz' must hold numbers or text, ",
        ),
        (
            ("bad.npz", "--labels", "y"),
            "features must be finite, got 3 that are not, the first nan at row 4, column 2",
        ),
        (("bad.csv", "--labels", "y"), "the first column 'flat' (always 2): leave them out"),
        (("nowhere.csv", "--labels", "y"), "'nowhere.csv' cannot be read: No such file or direct"),
        (("none.csv", "--labels", "y"), "'none.csv' cannot be read: Is a directory"),
        (("x.npy", "--labels", "y.npy"), "'y.npy' cannot be read: No such file or directory"),
        (("x.txt", "--labels", "y"), "'x.txt' must end in .csv, .npz or .npy"),
        (("x.npz", "--labels", "y", "--experts", "0"), "--experts must be at least 1, got 0"),
        (("x.npz", "--labels", "y", "--experts", "x"), "argument --experts: invalid int value"),
        (("x.npz", "--labels", "y", "--held-out", "1"), "--held-out must be less than 1, got 1"),
        (("x.npz", "--labels", "y", "--repeats", "0"), "--repeats must be at least 1, got 0"),
        (
            ("x.npz", "--labels", "y", "--noise-variances=-1"),
            "--noise-variances must be at least 0",
        ),
        (
            ("x.npz", "--labels", "y", "--noise-variances", "a"),
            "must be numbers separated by comma",
        ),
        (("x.npz", "--labels", "y", "--seed", "-1"), "argument --seed: must be at least 0, got -1"),
        (("x.npz", "--labels", "y", "--figure", "a.gif"), "--figure must end in .png, .pdf, .svg"),
        (("x.npz", "--labels", "y", "--csv", "no/x.csv"), "no/x.csv cannot be written: no is not"),
        (
            ("x.csv", "--labels", "y", "--csv", "none.csv/../x.csv"),
            "x.csv is the file to be audited: write",
        ),
        (("x.npz", "--labels", "y", "--save-model", "x.npz"), "x.npz is the file to be audited"),
    ],
)
def test_an_audit_that_cannot_be_is_one_line_and_exit_2(audited, arguments, message):
    code, out, err = audited(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_audit_counts_rows(audited, monkeypatch):
    shares = []

    class Recorded(terminal.Progress):
        def __call__(self, done: int, total: int) -> None:
            shares.append((self.unit, done / total))

    monkeypatch.setattr(terminal, "Progress", Recorded)
    assert audited("x.npz", "--labels", "y", *FEW)[0] == 0
    assert {unit for unit, _ in shares} == {"rows"}
    done = [share for _, share in shares]
    assert done == sorted(done)
    assert done[0] < done[-1] == 1.0


def test_an_audit_through_a_pipe(data):
    asked = f"{' '.join(COMMAND)} audit {data / 'x.npz'} --labels y {' '.join(FEW)}"
    done = subprocess.run(["bash", "-c", f"{asked} | tail -n 1"], capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "replay with --seed 3\n")
