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
from moetheory.common.errors import Call

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
        ((), "are required: {check,falsify,risk,simulate,sweep,map,descent,audit,paper}"),
        (("chek",), "invalid choice: 'chek'; did you mean check?"),
        (
            ("what",),
            "invalid choice: 'what'; choose from check, falsify, risk, simulate, sweep, map",
        ),
        (
            ("check", "one-over-q"),
            "NAME must be that of a theorem, got 'one-over-q'; did you mean 'one-over-k'?",
        ),
        (
            ("check", "zzz"),
            f"NAME must be that of a theorem, got 'zzz'; there are {', '.join(mt.catalogue)}",
        ),
        (("check", "--dim", "10", "--experts", "3"), "experts must divide --dim"),
        (("check", "--dim", "ten"), "--dim: must be an integer, got 'ten'"),
        (("check", "--dim", "0"), "dim must be at least 1, got 0"),
        (("risk", "--dim", "10000000000000"), "--dim must be at most "),
        (("check", "--noise-variance", "-1"), "--noise-variance must be at least 0, got -1"),
        (("check", "--noise-variance", "nan"), "--noise-variance must be finite, got nan"),
        (("check", "--replicates", "1"), "must be at least 2, got 1"),
        (("check", "--seed", "-3"), "must be at least 0, got -3"),
        (("check", "--model", "nowhere.json"), "'nowhere.json' cannot be read: No such file"),
        (("check", "--model", "x.json", "--dim", "4"), "--model cannot be combined with --dim"),
        (("risk", "--model", ""), "--model must be the path of a file, got ''"),
        (("risk", "--model", "a\nb"), "'a\\nb' cannot be read: No such file"),
        (("risk", "a\nb"), "unrecognized arguments: a\\nb"),
        (("risk", "--dim", "9" * 30), "dim must be at most 134217728, got 9999"),
        (("risk", "--ridge", "-1"), "ridge must be at least 0, got -1"),
        (("risk", "--ridge", "nan"), "ridge must be finite, got nan"),
        (("sweep", "--values", "1,x"), "must be numbers separated by commas, got '1,x'"),
        (("sweep", "--values", "1,inf"), "must be numbers separated by commas, got '1,inf'"),
        (("sweep", "--values", "1.5"), "--values must be integers when sweeping over experts"),
        (("sweep", "--dim", "6", "--values", "4"), "--values must divide --dim, got -"),
        (("sweep", "--over", "noise_variance", "--values", "-1"), "--values must be at least 0"),
        (("sweep", "--over", "leak"), "invalid choice: 'leak'"),
        (("sweep", "--over", "samples", "--samples", "5"), "samples must not be given with --"),
        (
            ("sweep", "--over", "samples", "--values", "8,1.5"),
            "--values must be an integer, got 1.5",
        ),
        (
            ("sweep", "--over", "samples", "--values", "0"),
            "--values must be at least 1, got 0",
        ),
        (("sweep", "--over", "samples", "--values", "1e19"), "must be at most 9223372036854775807"),
        (("sweep", "--over", "samples", "--replicates", "1"), "replicates must be at least 2, got"),
        (("sweep", "--samples", "0"), "samples must be at least 1, got 0"),
        (("sweep", "--samples", "1,2"), "--samples must be one number, or 1 separated by commas"),
        (("risk", "--samples", "0"), "samples must be at least 1, got 0"),
        (("risk", "--samples", "1.5"), "must be an integer, or one for each group separated by"),
        (("risk", "--samples", ""), "must be an integer, or one for each group separated by"),
        (("risk", "--samples", "1,2"), "--samples must be one number, or 16 separated by commas"),
        (("risk", *SMALL, "--samples", "1,-2,3"), "samples[1] must be at least 0, got -2"),
        (("risk", *SMALL, "--samples", "0,0,0"), "samples must be at least 1 in total, got 0"),
        (
            ("sweep", "--model", "x.json"),
            "--over experts, the default, cannot be combined with --model",
        ),
        (
            ("sweep", "--experts", "4"),
            "--over experts, the default, cannot be combined with --experts",
        ),
        (
            ("sweep", "--assignment", "0,0"),
            "--over experts, the default, cannot be combined with --assignment",
        ),
        (
            ("sweep", "--over", "steps", "--loss", "sign"),
            '--loss must be "squared" with --over steps, along which misclassification is not kn',
        ),
        (
            ("sweep", "--over", "steps", "--experts", "2", "--shared"),
            "without a shared expert, got moe(shared)",
        ),
        (
            ("sweep", "--over", "samples", "--loss", "sign", "--replicates", "0"),
            "estimators is known by simulation only; give --replicates, or run moetheory simulate",
        ),
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
        raise mt.NoClosedForm("no formula; ", Call("simulate(...)"))

    monkeypatch.setattr(risks, "risk", refuse)
    monkeypatch.setattr(sweeps, "sweep", refuse)
    for command in ("risk", "sweep"):
        assert run(command, "--samples", "9") == (
            *(2, ""),
            "moetheory: error: no formula; run moetheory simulate with the same options\n",
        )


def test_what_does_not_fit_into_memory_is_one_line_and_exit_2(run, monkeypatch):
    def fill(*_, **__):
        raise MemoryError

    monkeypatch.setattr(risks, "risk", fill)
    said = "moetheory: error: model or samples do not fit into memory\n"
    assert run("risk") == (2, "", said)


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
    names = ("generalization",) if command == "check" else ()
    code, _, err = run(command, *names, *SMALL, "--seed", "7")
    more = {
        "check": "checked 0 of 1, with --seed 7",
        "simulate": "with --checkpoint FILE the same command could go on",
    }[command]
    assert (code, err) == (130, f"moetheory: interrupted; {more}\n")


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
    code, text = in_a_terminal(*arguments, columns=50)
    assert code == 3  # too few to decide
    progress, _, report = text.rpartition("\r")
    assert " %, 1 s left: check generalization" in progress
    lines = report.splitlines()
    assert any(line.split()[:1] == ["evidence"] for line in lines)
    assert max(map(len, lines)) <= 50


def test_quick_work_shows_no_progress(in_a_terminal):
    code, text = in_a_terminal("risk", columns=100)
    assert code == 0
    assert "replicates" not in text


# sends a signal to itself when the module ``at`` is looked for, or when the interpreter ends
SIGNALLED = """
import atexit, os, signal, sys
from moetheory import cli
at, number, *sys.argv[1:] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)

def kill():
    os.kill(os.getpid(), int(number))

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            kill()

if at == "exit":
    atexit.register(kill)
sys.meta_path.insert(0, Finder())
raise SystemExit(cli.main())
"""


def signalled(at, number, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, at, str(int(number)), *arguments],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "at", ["moetheory.commands", "numpy", "numpy.linalg", "argparse", "moetheory.sweeping"]
)
def test_an_interrupt_of_an_import_is_one_line_and_130(at):
    assert signalled(at, signal.SIGINT, "risk") == (130, "moetheory: interrupted\n")


@pytest.mark.parametrize("at", ["scipy", "scipy.special", "sympy"])
def test_an_interrupt_while_a_library_loads_is_130_without_a_traceback(at):
    few = ("check", "generalization", "--replicates", "9")
    code, err = signalled(at, signal.SIGINT, *few)
    assert code == 130
    assert err.startswith("moetheory: interrupted")
    assert err.count("\n") == 1


def test_an_interrupt_when_all_is_done_changes_nothing():
    assert signalled("exit", signal.SIGINT, "risk", *SMALL) == (0, "")


def test_termination_is_in_order_and_143():
    assert signalled("scipy", signal.SIGTERM, "check", "generalization") == (
        143,
        "moetheory: terminated\n",
    )


def test_signals_remain_those_of_a_caller_with_arguments(run):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert run("risk", *SMALL)[0] == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_names_of_files_command_no_terminal(run, tmp_path):
    odd = tmp_path / "\x1b[31m\u202e\x9b.csv"
    for arguments in (("risk", "--model", str(odd)), ("audit", str(odd), "--labels", "y\x07")):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", err)
        assert r"\x1b[31m\u202e\x9b.csv" in err
    sweep = ("sweep", *SMALL, "--over", "steps", "--values", "1", "--csv", str(odd))
    code, _, err = run(*sweep)
    assert (code, err) == (0, f"table: {tmp_path}/" + r"\x1b[31m\u202e\x9b.csv" + "\n")
    assert odd.read_text().startswith("# moetheory sweep ")
    assert "\x1b" not in odd.read_text()
