"""``--plan`` of `simulate` and `sweep`: what a command would take, and nothing is simulated."""

import json

import pytest

from moetheory.commands import plan_tables
from moetheory.results.planned_runs import PlannedRun, SimulationPlan
from moetheory.simulation.runs import calibration
from moetheory.simulation.runs.chunks import Run

SMALL = ("--dim", "6", "--experts", "3", "--seed", "1")


@pytest.fixture(autouse=True)
def _in_short(monkeypatch):
    def never(run, index):
        raise AssertionError("a plan computes no chunk")

    monkeypatch.setattr(Run, "__call__", never)
    monkeypatch.setattr(calibration, "SECONDS", 0.05)
    monkeypatch.setattr(calibration, "SLICE", 0.005)


def test_a_simulation_is_planned(run, cells_of):
    code, out, err = run("simulate", *SMALL, "--samples", "40", "--plan")
    assert (code, err) == (0, "")
    header, moe, dense = cells_of(out)
    assert header == [
        *("estimators", "method", "replicates", "chunks", "seconds", "MiB a chunk"),
    ]
    assert moe[:4] == ["moe", "law", "1000", "1"]
    assert dense[:4] == ["dense", "statistics", "1000", "1"]
    said = out.partition("\n\n")[2].splitlines()
    assert said[0].startswith("2 chunks, ")
    assert "useful are up to 2 workers: there are no more chunks" in said
    assert "one process is the fastest: to start others takes longer than they save" in said


def test_with_workers_their_seconds_are_told(run, monkeypatch):
    monkeypatch.setattr(plan_tables, "cores", lambda: 2)
    runs = (PlannedRun(None, ("dense",), "data", 4000, 40, 60.0, 2**20),)
    plan = SimulationPlan(runs, 2**28, 5)
    monkeypatch.setattr("moetheory.commands.simulations.simulation_plan", lambda *_, **__: plan)
    code, out, _ = run("simulate", *SMALL, "--plan", "--workers", "4")
    assert code == 0
    assert out.partition("\n\n")[2] == (
        "40 chunks, 60 s in one process\n"
        "with --workers 4: 16 s, 4 MiB at work\n"
        "useful are up to 5 workers: more memory (--memory) would allow more\n"
        "this machine has 2 cores: more workers share them\n"
    )


def test_a_target_is_an_estimate(run, monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.3)
    code, out, _ = run("simulate", *SMALL, "--target-sem", "0.0001", "--plan")
    assert code == 0
    assert "in one process (estimates)\n" in out
    assert "replicates for --target-sem 0.0001 are estimated from " in out


def test_a_sweep_is_planned_over_all_its_points(run, cells_of):
    code, out, err = run(
        *("sweep", *SMALL, "--over", "noise-variance", "--values", "0.5,1,2"),
        *("--samples", "40", "--replicates", "300", "--plan"),
    )
    assert (code, err) == (0, "")
    header, moe, dense = cells_of(out)
    assert header[:5] == ["estimators", "method", "points", "replicates", "chunks"]
    assert moe[:5] == ["moe", "law", "3", "900", "3"]
    assert dense[:5] == ["dense", "statistics", "3", "900", "3"]
    assert out.partition("\n\n")[2].startswith("6 chunks, ")


@pytest.mark.parametrize(
    ("command", "points"),
    [
        (("simulate", *SMALL), [None]),
        (
            ("sweep", *SMALL, "--over", "erasure", "--values", "0,0.5"),
            ["erasure=0.0", "erasure=0.5"],
        ),
        (("sweep", *SMALL, "--over", "steps", "--samples", "20", "--values", "1,2"), [None, None]),
    ],
)
def test_a_plan_as_json(run, command, points):
    code, out, _ = run(*command, "--plan", "--workers", "2", "--json")
    found = json.loads(out)
    assert (code, found["command"], found["plan"], found["warnings"]) == (0, command[0], True, [])
    results = found["results"]
    assert [each["point"] for each in results["runs"]] == points
    assert results["chunks"] == sum(each["chunks"] for each in results["runs"])
    assert results["workers"] == 2
    for name in ("seconds", "seconds_with_workers", "memory_with_workers", "useful_workers"):
        assert results[name] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "--replicates", "0", "--plan"), "--replicates must be given: without them"),
        (("sweep", "--over", "steps", "--plan"), "--replicates must be given: without them"),
        (("sweep", "--workers", "0"), "argument --workers: must be at least 1, got 0"),
        (("sweep", "--workers", "-2"), "argument --workers: must be at least 1, got -2"),
        (("sweep", "--memory", "0"), "argument --memory: must be at least 1, got 0"),
        (
            ("simulate", "--workers", "10001"),
            "argument --workers: must be at most 10000, got 10001",
        ),
        (("simulate", "--workers", "two"), "argument --workers: must be an integer, got 'two'"),
        (
            ("simulate", "--plan", "--merge", "a", "b", "--checkpoint", "c"),
            "--plan cannot be combined with --merge, which writes a file",
        ),
        (("simulate", "--plan", "--memory", "1", "--samples", "600"), "--memory must be at least"),
        (("simulate", "--plan", "--target-sem", "1e-20"), "--target-sem must be at least about"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_plan_leaves_no_checkpoint(run, tmp_path):
    path = tmp_path / "kept"
    assert run("simulate", *SMALL, "--plan", "--checkpoint", str(path))[0] == 0
    assert not path.exists()
