"""The command line as a person meets it: exit codes, one-line errors, pipes and interrupts."""

import io
import itertools
import os
import re
import signal
import subprocess
import sys

import pytest

import moetheory as mt
from moetheory import cli
from moetheory.commands import risks, simulations, sweeps
from moetheory.common import terminal

COMMAND = [sys.executable, "-m", "moetheory"]
SMALL = ("--dim", "6", "--experts", "3")
SIMULATE = ("simulate", *SMALL, "--seed", "1")


def test_help_names_commands_options_and_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    for word in ("check", "risk", "simulate", "sweep", "exit code: 0 all hold"):
        assert word in out
    code, out, _ = run("check", "--help")
    assert code == 0
    assert f"{', '.join(mt.catalogue)}; all if none" in " ".join(out.split())
    assert run("--version") == (0, f"moetheory {mt.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: command"),
        (("chek",), "invalid choice: 'chek'"),
        (("check", "one-over-q"), "no theorem 'one-over-q'; did you mean 'one-over-k'?"),
        (("check", "zzz"), f"no theorem 'zzz'; there are {', '.join(mt.catalogue)}"),
        (("check", "--dim", "10", "--experts", "3"), "experts must divide --dim"),
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
        (("sweep", "--dim", "6", "--values", "4"), "--values must divide --dim, got -"),
        (("sweep", "--over", "noise_variance", "--values", "-1"), "--values must be at least 0"),
        (("sweep", "--over", "leak"), "invalid choice: 'leak'"),
        (("sweep", "--over", "samples", "--samples", "5"), "samples must not be given with --"),
        (("sweep", "--over", "samples", "--values", "8,1.5"), "with --over samples must be an int"),
        (
            ("sweep", "--over", "samples", "--values", "0"),
            "--over samples must be at least 1, got 0",
        ),
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


def test_what_has_no_closed_form_is_one_line_and_exit_2(run, monkeypatch):
    def refuse(*_, **__):
        raise mt.NoClosedForm("no formula; call simulate(...)")

    monkeypatch.setattr(risks, "risk", refuse)
    monkeypatch.setattr(sweeps, "sweep", refuse)
    for command in ("risk", "sweep"):
        assert run(command, "--samples", "9") == (
            *(2, ""),
            "moetheory: error: no formula; run moetheory simulate with the same options\n",
        )


def test_an_internal_error_is_70_and_shows_where(run, monkeypatch):
    monkeypatch.setattr(risks, "risk", lambda *_, **__: 1 / 0)
    code, _, err = run("risk")
    assert code == 70
    assert "ZeroDivisionError" in err
    assert err.endswith("moetheory: internal error (the lines above say where)\n")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("command", ["check", "simulate"])
def test_interrupted_without_anything_kept_is_one_line(run, monkeypatch, command):
    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(simulations.terminal.Progress, "__call__", interrupt)
    assert run(command, *SMALL) == (130, "", "moetheory: interrupted\n")


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
