"""Checks in several processes: the same verdicts, no process in vain, none that stays behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing, nullcontext
from dataclasses import replace

import pytest

import moetheory as mt
from moetheory.checking import checker, processes
from moetheory.checking.processes import Checks
from moetheory.common.errors import ExecutorError

NAMES = ("generalization", "leakage", "noise-shift")
THEOREMS = [mt.catalogue[name] for name in NAMES]
FEW = ("--replicates", "2000", "--seed", "3")


def verdicts(theorems, workers):
    checks = Checks(theorems, None, 2000, 3, 1e-6)
    return checks.verdicts(workers, lambda _: nullcontext(lambda *_: None))


def test_verdicts_come_in_order_and_do_not_depend_on_the_number_of_processes(run):
    alone = run("check", *NAMES, *FEW, "--json", "--workers", "1")
    assert [alone[1].count(f'"theorem": "{name}"') for name in NAMES] == [1, 1, 1]
    assert run("check", *NAMES, *FEW, "--json", "--workers", "2") == alone


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--wide", "--negative-control"])
def test_what_is_printed_does_not_depend_on_it_either(run, option):
    alone, together = (run("check", *NAMES, *FEW, option, "--workers", n)[:2] for n in "12")
    assert alone == together


@pytest.mark.parametrize(
    ("theorems", "workers", "started"),
    [(3, 2, [1]), (3, 8, [2]), (2, 2, [1]), (1, 8, []), (3, 1, [])],
)
def test_no_more_processes_than_work_and_none_for_a_single_theorem(
    monkeypatch, theorems, workers, started
):
    asked = []

    def counted(number):
        asked.append(number)
        raise ExecutorError("as many as this")

    for module in (processes, checker):
        monkeypatch.setattr(module, "own_pool", counted)
    with nullcontext() if not started else pytest.raises(ExecutorError):
        assert len(list(verdicts(THEOREMS[:theorems], workers))) == theorems
    assert asked == started


class Deadly:
    """A theorem that kills the process in which it arrives."""

    name = "deadly"

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def test_a_process_that_dies_is_an_error_that_says_so_after_what_was_found():
    with closing(verdicts([THEOREMS[0], Deadly()], 2)) as found:
        assert next(found).theorem == "generalization"
        with pytest.raises(ExecutorError, match=r"check was broken off: .* killed by SIGKILL"):
            next(found)


@pytest.mark.slow
def test_progress_of_other_processes_is_told():
    told = {0: [], 1: []}
    checks = Checks(THEOREMS[1::-1], None, 400_000, 3, 1e-6)

    def progress(index):
        return nullcontext(lambda done, total: told[index].append(done / total))

    assert len(list(checks.verdicts(2, progress))) == 2
    assert told[0][-1] == 1.0
    assert told[1] == sorted(told[1])
    assert 0.0 <= told[1][0] <= told[1][-1] <= 1.0


class Lasting:
    """A theorem that takes a minute to arrive."""

    name = "lasting"

    def __reduce__(self):
        return time.sleep, (60,)


def test_processes_do_not_finish_work_that_nobody_waits_for():
    before, start = set(multiprocessing.active_children()), time.monotonic()
    with closing(verdicts([THEOREMS[0], Lasting()], 2)) as found:
        next(found)
    assert time.monotonic() - start < 30.0
    assert set(multiprocessing.active_children()) == before


def test_an_interrupt_ends_all_processes_at_once(interrupted_in_a_terminal):
    """The terminal is closed only when the last process that could write to it has ended."""
    code, text = interrupted_in_a_terminal(
        *("check", "--workers", "2", "--seed", "5"), columns=60, until="%"
    )
    assert code == 130
    assert text.rpartition("\r")[2] == ("moetheory: interrupted; checked 0 of 16, with --seed 5\n")
    assert "Traceback" not in text


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m moetheory check {' '.join((*NAMES, *FEW))} --workers 2"
    done = subprocess.run(
        ["bash", "-c", f'{command} | head -1; exit "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert done.stderr in ("", "checked in 1 s\n", "checked in 2 s\n")
    assert done.returncode in (3, 141)


def test_an_executor_changes_no_bit_of_a_verdict(pool):
    theorem = mt.catalogue["gating-order"]
    gated = replace(theorem, claims=theorem.claims[1:3])
    for each, replicates in ((THEOREMS[0], 200_000), (gated, 20_000)):
        alone, shared = (
            mt.check(each, rng=1, replicates=replicates, executor=by) for by in (None, pool)
        )
        assert len(alone.comparisons) == 2
        assert alone.comparisons == shared.comparisons


def test_processes_are_started_where_much_is_drawn(monkeypatch):
    asked = []

    def none(number):
        asked.append(number)
        return nullcontext()

    monkeypatch.setattr(checker, "own_pool", none)
    mt.check("generalization", rng=0, replicates=2000, executor=2)
    assert asked == []
    monkeypatch.setattr(checker, "FEW_NUMBERS", 1000)
    mt.check("generalization", rng=0, replicates=2000, executor=1)
    assert asked == []
    mt.check("generalization", rng=0, replicates=2000, executor=2)
    assert asked == [2]


def test_an_experiment_tells_of_its_progress():
    theorem, told = mt.catalogue["gating-order"], []
    lone = replace(theorem, claims=(theorem.claims[1],))
    mt.check(lone, rng=0, replicates=400_000, progress=lambda *done: told.append(done))
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == (checker.PARTS, checker.PARTS)
