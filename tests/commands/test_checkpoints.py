"""Chunks of ``moetheory simulate``: checkpoints, parts, workers and interrupts."""

import json

import pytest

import moetheory as mt
from moetheory.commands import simulations
from moetheory.simulation.runs.chunks import Run

SMALL = ("--dim", "6", "--experts", "3")
SIMULATE = ("simulate", *SMALL, "--seed", "1")
TWO_CHUNKS = (*SIMULATE, "--replicates", "100000")  # the second is smaller


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


def test_simulate_interrupted_is_130_and_keeps_what_is_finished(
    run, tmp_path, carried_out, interrupted_in_a_terminal
):
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


def test_workers_that_die_are_71_and_one_line_of_what_the_library_knows(run, monkeypatch):
    def die(*_, **__):
        raise mt.ExecutorError("a worker was killed;\nname a checkpoint")

    monkeypatch.setattr(simulations, "simulate", die)
    code, out, err = run(*SIMULATE, "--workers", "2")
    assert (code, out) == (71, "")
    assert err == "moetheory: error: a worker was killed;\\nname a checkpoint\n"


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
