"""The command line as a person meets it: output, exit codes, one-line errors."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import moetheory as mt
from moetheory import cli, commands


@pytest.fixture
def run(capsys):
    def main(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return main


SMALL = ("--dim", "6", "--experts", "3")
COMMAND = [sys.executable, "-m", "moetheory"]


def test_check_holds_the_theorems_it_is_given(run):
    code, out, err = run("check", "generalization", "one-over-k", "--seed", "1")
    assert (code, err) == (0, "")
    header, *rows = out.split("\n\n")[0].splitlines()
    for column in ("theorem", "left", "right", "slack", "certificate", "z", "power", "verdict"):
        assert column in header
    assert len(rows) == 6
    assert all(row.endswith("holds") for row in rows)
    assert "13 simulated comparisons: largest |z|" in out
    assert "each would have seen an error of 0." in out


def test_check_a_model_of_ones_own(run):
    code, out, _ = run("check", "one-over-k", *SMALL, "--noise-variance", "0.5", "--json")
    assert code == 0
    (verdict,) = json.loads(out)["results"]
    assert verdict["theorem"] == "one-over-k"
    shown = verdict["claims"][1]["shown"]
    assert shown["label"] == "K=3"
    assert shown["left"] == pytest.approx(0.5 * 6 / (3 * 6 + 0.5 * 6))


def test_negative_controls_are_violated(run):
    code, out, _ = run("check", "--negative-control", "--replicates", "500", "--seed", "1")
    assert code == 1
    for name in mt.catalogue:  # all of them if none is named
        assert f"{name} [negative control]: violated" in out


def test_off_the_regime_and_underpowered_are_undecided(run):
    code, out, _ = run("check", "generalization", *SMALL, "--leakage-variances", "0.1")
    assert code == 3
    assert "assumptions not met: strict blocks" in out
    code, out, _ = run("check", "generalization", "--replicates", "100")
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

    monkeypatch.setattr(commands, "risk", refuse)
    monkeypatch.setattr(commands, "sweep", refuse)
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
    assert run("check", "generalization", "--model", str(path), "--seed", "0")[0] == 0


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
    sizes = commands.sample_sizes(model)
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
        (("check", "zzz"), "no theorem 'zzz'; there are generalization, one-over-k"),
        (("check", "--dim", "10", "--experts", "3"), "experts must divide dim"),
        (("check", "--dim", "ten"), "invalid int value: 'ten'"),
        (("check", "--dim", "0"), "dim must be at least 1, got 0"),
        (("risk", "--dim", "10000000000000"), "model or samples do not fit into memory"),
        (("check", "--noise-variance", "-1"), "noise_variance must be at least 0, got -1"),
        (("check", "--noise-variance", "nan"), "noise_variance must be finite, got nan"),
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
        (("sweep", "--dim", "6", "--values", "4"), "experts must divide dim"),
        (("sweep", "--over", "noise_variance", "--values", "-1"), "noise_variance must be at"),
        (("sweep", "--over", "leakage"), "invalid choice: 'leakage'"),
        (("sweep", "--over", "samples", "--samples", "5"), "--over samples cannot be combined"),
        (("sweep", "--over", "samples", "--values", "8,1.5"), "at least 1 with --over samples, go"),
        (("sweep", "--over", "samples", "--values", "0"), "with --over samples, got 0"),
        (("sweep", "--over", "samples", "--values", "1e19"), "must be at most 9223372036854775807"),
        (("sweep", "--over", "samples", "--values", "1e13"), "samples do not fit into memory"),
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
    for word in ("check", "risk", "sweep", "exit code: 0 all hold"):
        assert word in out
    code, out, _ = run("check", "--help")
    assert code == 0
    assert f"{', '.join(mt.catalogue)}; all if none" in " ".join(out.split())
    assert run("--version") == (0, f"moetheory {mt.__version__}\n", "")


def test_an_internal_error_is_70_and_shows_where(run, monkeypatch):
    monkeypatch.setattr(commands, "risk", lambda *_, **__: 1 / 0)
    code, _, err = run("risk")
    assert code == 70
    assert "ZeroDivisionError" in err
    assert err.endswith("moetheory: internal error (the lines above say where)\n")


def test_interrupted_is_130():
    process = subprocess.Popen(
        [*COMMAND, "check", "one-over-k", "--dim", "4096", "--replicates", "10000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == ("", "moetheory: interrupted\n")


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        ["bash", "-c", f'{" ".join(COMMAND)} risk | true; exit "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.parametrize("redirect", [">&-", "> /dev/full"])
@pytest.mark.parametrize("command", ["risk", "check generalization --replicates 9", "--help"])
def test_a_standard_output_that_takes_nothing_is_no_traceback(redirect, command):
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {command} {redirect}"], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1
    if "full" in redirect and command != "--help":  # argparse prints help unheard
        assert (done.returncode, "No space left" in done.stderr) == (2, True)


def test_an_ascii_terminal_gets_no_traceback():
    done = subprocess.run(
        [*COMMAND, "check", "generalization", "--replicates", "100"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 3
    assert b"simulated ? sem" in done.stdout


def in_a_terminal(*arguments: str, columns: int) -> tuple[int, str]:
    """Run with a terminal for stdout and stderr; what was written to it."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=slave,
        stderr=slave,
        env={**os.environ, "COLUMNS": str(columns)},
    )
    os.close(slave)
    written = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # how a closed terminal ends on Linux
            break
        if not part:
            break
        written += part
    os.close(master)
    return process.wait(timeout=60), written.decode()


def test_a_narrow_terminal_gets_blocks_and_long_work_shows_progress():
    code, text = in_a_terminal(
        *("check", "generalization", "--replicates", "3000000", "--seed", "0"), columns=60
    )
    assert code == 0
    progress, _, report = text.rpartition("\r\x1b") if "\x1b" in text else text.rpartition("\r ")
    assert "% of 3000000 replicates" in progress
    lines = report.replace("\r", "").splitlines()
    assert any(line.split() == ["theorem", "generalization"] for line in lines)


def test_quick_work_shows_no_progress():
    code, text = in_a_terminal("risk", columns=100)
    assert code == 0
    assert "replicates" not in text
