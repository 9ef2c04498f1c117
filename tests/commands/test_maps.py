"""The command ``moetheory map``."""

import csv
import json

import numpy as np
import pytest

import moetheory as mt

SMALL = ("--dim", "16", "--noise-variance", "0.5")


def test_without_options_it_says_how_often_the_oracle_may_err(run):
    code, out, err = run("map")
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == "dense or moe over experts (2 to 256) and misrouting (0 to 1), 320 cells"
    assert rest[-1].startswith("the order changes at")


def test_cells_go_to_a_file_and_the_border_to_json(run, tmp_path):
    target = tmp_path / "cells.csv"
    axes = ("--x", "experts=2:16", "--y", "misrouting=0:1:5")
    code, out, _ = run("map", *SMALL, *axes, "--csv", str(target), "--json")
    assert code == 0
    comment, *lines = target.read_text().splitlines()
    assert comment.startswith("# moetheory map --dim 16")
    rows = list(csv.DictReader(lines))
    assert len(rows) == 4 * 5
    assert [row["experts"] for row in rows[:4]] == ["2", "4", "8", "16"]
    model = mt.BlockModel.isotropic(16, 8, 0.5, signal_energy=16.0)
    found = json.loads(out)["results"]
    assert (found["x"], found["y"], found["a"], found["b"]) == (
        "experts",
        "misrouting",
        "dense",
        "moe",
    )
    roots = [y for x, y in found["border"] if x == 8]
    wanted = mt.crossover(mt.Dense(), mt.MoE(), model, over="misrouting")
    np.testing.assert_allclose(roots, [wanted], rtol=1e-9)
    assert float(rows[2]["moe"]) == pytest.approx(mt.risk(mt.MoE(), model).excess, rel=1e-12)


def test_a_figure_has_the_same_bytes_again(run, tmp_path):
    written = []
    for name in ("one.svg", "other.svg"):
        target = tmp_path / name
        code, out, err = run("map", *SMALL, "--y", "misrouting=0:1:5", "--figure", str(target))
        assert (code, err) == (0, f"figure: {target}\n")
        assert out.startswith("dense or moe over experts (2 to 16)")
        written.append(target.read_text().replace(name, ""))
    assert written[0] == written[1]
    assert "moetheory map --dim 16" in written[0]


@pytest.mark.parametrize(
    ("options", "first"),
    [
        (("--b", "hard"), "dense or moe(hard) over experts (1 to 16) and noise_variance (0.005 t"),
        (
            ("--y", "experts"),
            "dense or moe over noise_variance (0.005 to 50) and experts (1 to 16)",
        ),
        (
            ("--x", "misrouting"),
            "dense or moe over misrouting (0 to 1) and noise_variance (0.005 t",
        ),
        (("--x", "noise-variance"), "dense or moe over noise_variance (0.005 to 50) and misrouti"),
        (("--x", "dim=32:64:3"), "dense or moe over dim (32 to 64) and misrouting (0 to 1), 120"),
        (("--x", "dim=24,48", "--y", "experts"), "dense or moe over dim (24 to 48) and experts"),
        (
            ("--x", "samples=20:60:3", "--y", "leakage=0,0.2"),
            "dense or moe over samples (20 to 60)",
        ),
        (
            ("--x", "leakage=0:1:3", "--samples", "40"),
            "dense or moe over leakage (0 to 1) and misr",
        ),
        (
            ("--x", "smallest-probability"),
            "dense or moe over smallest_probability (6.25e-05 to 0.0",
        ),
        (
            ("--a", "moe", "--b", "shared", "--y", "signal-to-noise"),
            "moe or moe(shared) over exper",
        ),
        (
            ("--x", "leakage=0,1", "--drag", "1"),
            "dense or moe over leakage (0 to 1) and misrouting",
        ),
        (("--ridge", "0.5", "--y", "leakage"), "dense(ridge=0.5) or moe(ridge=0.5) over experts"),
        (
            ("--b", "top-2", "--y", "leakage=0,0.1", "--x", "experts=1:4"),
            "dense or moe(top-2) over",
        ),
    ],
)
def test_axes_and_their_default_values(run, options, first):
    dim = () if options[1].startswith("dim") else ("--dim", "16")
    code, out, err = run("map", *dim, "--noise-variance", "0.5", *options)
    assert (code, err) == (0, "")
    assert out.startswith(first)


def test_a_model_from_a_file_and_its_drag(run, tmp_path, generic):
    path = tmp_path / "model.json"
    generic().to_json(path)
    options = ("--y", "misrouting=0.1,0.9", "--x", "noise-variance=0.5,1", "--drag", "0.5")
    code, out, _ = run("map", "--model", str(path), *options, "--json")
    assert code == 0
    columns = json.loads(out)["results"]["columns"]
    under = mt.Perturbation(confusion=mt.even_confusion(generic().experts, 0.9), drag=0.5)
    wanted = mt.risk(mt.MoE(), generic(1.0), under=under).excess
    assert columns["moe"][-1] == pytest.approx(wanted, rel=1e-12)


def test_a_drag_of_errors_over_experts(run):
    options = ("--x", "experts=2,8", "--y", "misrouting=0,1", "--drag", "1", "--json")
    code, out, err = run("map", *SMALL, *options)
    assert (code, err) == (0, "")
    model = mt.BlockModel.isotropic(16, 8, 0.5, signal_energy=16.0)
    wanted = mt.crossover(mt.Dense(), mt.MoE(), model, over="misrouting", drag=1.0)
    found = json.loads(out)["results"]["border"]
    np.testing.assert_allclose([y for x, y in found if x == 8], [wanted], rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--x", "foo"), "argument --x: no quantity 'foo': there are experts, dim, samples, sm"),
        (("--x", "exprts=2:16"), "--x: no quantity 'exprts'; did you mean 'experts'?"),
        (("--x", "noise_varance"), "no quantity 'noise_varance'; did you mean 'noise-variance'?"),
        (("--x", "leakage=1:0"), "argument --x: must be NAME, NAME=A:B, NAME=A:B:N with A < B and"),
        (("--x", "leakage=0:1:1"), "argument --x: must be NAME, NAME=A:B, NAME=A:B:N with A < B"),
        (("--x", "leakage=0:1:3:4"), "argument --x: must be NAME, NAME=A:B, NAME=A:B:N with A <"),
        (("--x", "leakage=0:inf"), "argument --x: must be NAME, NAME=A:B, NAME=A:B:N with A < B"),
        (("--x", "leakage=a,b"), "argument --x: must be numbers separated by commas, got 'a,b'"),
        (("--x", "leakage=1"), "--x must have two values or more, got 1"),
        (("--x", "leakage=1,0"), "--x must have ascending values, got 1 before 0"),
        (("--x", "leakage", "--y", "leakage"), "--y must name another quantity than x"),
        (("--x", "experts=2.5,4"), "experts must be integers, got 2.5, 4.0"),
        (("--x", "experts=5:7"), "a map over experts needs two values or more, got []"),
        (("--x", "experts=3,5"), "--experts must divide --dim, got"),
        (("--x", "experts", "--experts", "4"), "a map over experts cannot be combined with --expe"),
        (("--x", "dim", "--model", "m.json"), "a map over dim cannot be combined with --model"),
        (
            ("--x", "misrouting=0:2", "--y", "leakage"),
            "at misrouting=2, leakage=0: --misrouting mu",
        ),
        (("--misrouting", "0.1"), "--misrouting cannot be combined with a map over it"),
        (
            ("--y", "leakage", "--drag", "0.1"),
            "--drag needs --misrouting, the groups to be dragged to, got",
        ),
        (
            ("--b", "hard", "--y", "misrouting"),
            "--y must not be 'misrouting' with a gate that reads",
        ),
        (("--b", "hard,soft"), "argument --b: must be one estimator, got 'hard,soft'"),
        (("--b", "best"), "argument --b: no gate 'best'"),
        (("--a", "moe"), "--b must differ from --a, got moe twice"),
        (("--x", "samples", "--samples", "30"), "--samples must not be given where"),
        (("--samples", "1,2,3"), "--samples must be one number, or 2 separated by commas"),
        (("--csv", "no/such/folder.csv"), "no/such is not a directory"),
    ],
)
def test_bad_options_take_one_line(run, options, message):
    code, out, err = run("map", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
