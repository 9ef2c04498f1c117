"""Tables and figures of ``moetheory sweep``."""

import csv
import io
import json
import os
import re
import sys

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, PER_COORDINATE, STRICT
from moetheory import cli

SMALL = ("--dim", "6", "--experts", "3")
BOTH = [mt.Dense(), mt.MoE()]
ROUTED = [mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]


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
    comment, header, *rows = target.read_text().splitlines()
    assert comment.startswith("# moetheory sweep --over noise_variance --model ")
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


def test_a_target_that_cannot_be_written_is_one_line_and_exit_2(run, tmp_path):
    target = tmp_path / "taken.csv"
    target.mkdir()
    code, _, err = run("sweep", "--dim", "6", "--replicates", "0", "--csv", str(target))
    assert (code, err.count("\n")) == (2, 1)
    assert "taken.csv cannot be written" in err


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
    assert (code, err) == (0, f"figure: {figure}\n")
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
    exact = mt.risk(mt.MoE(gate=mt.TopK(2)), model).excess
    assert float(rows[-1]["moe(top-2)"]) == exact
    assert figure.read_bytes().startswith(b"\x89PNG")
    code, out, _ = run("sweep", *options, "--gate", "top-2", "--json")
    assert json.loads(out)["results"]["columns"]["moe(top-2)"][-1] == exact


def test_a_sweep_starts_where_its_gates_are_defined(run):
    code, out, _ = run("sweep", "--dim", "6", "--gate", "top-2", "--replicates", "12")
    assert (code, [line.split(",")[0] for line in out.splitlines()[1:]]) == (0, ["2", "3", "6"])


def test_a_sweep_with_interference_starts_where_there_is_some(run):
    options = ("--replicates", "0", "--json", "--interference-variances")
    document = json.loads(run("sweep", "--dim", "6", *options, "0.5")[1])
    columns = document["results"]["columns"]
    assert columns["experts"] == [2, 3, 6]
    for label, estimator in (("dense", mt.Dense()), ("moe", mt.MoE())):
        worlds = [
            mt.BlockModel.isotropic(6, k, 1.0, signal_energy=6.0, interference_variances=0.5)
            for k in (2, 3, 6)
        ]
        assert columns[label] == [mt.risk(estimator, world).excess for world in worlds]
    none = json.loads(run("sweep", "--dim", "6", *options, "0")[1])
    assert none["results"]["columns"]["experts"] == [1, 2, 3, 6]


@pytest.mark.parametrize(
    ("over", "model", "line"),
    [
        ("noise_variance", PER_COORDINATE, "replaces the 9 noise variances of the model by one"),
        ("test_noise_variance", STRICT, "replaces the 9 noise variances of the model by one"),
        ("leakage", LEAKING, "replaces the leakage variances of the model"),
        ("interference", STRICT, "replaces the interference variances of the model"),
        ("leakage", STRICT, ""),
        ("interference", PER_COORDINATE, ""),
        ("overlap", LEAKING, ""),
    ],
)
def test_a_sweep_says_which_variances_of_the_model_it_replaces(run, tmp_path, over, model, line):
    path = tmp_path / "model.json"
    model.to_json(path)
    code, _, err = run("sweep", "--over", over, "--model", str(path), "--replicates", "0")
    assert (code, err) == (0, f"--over {over} {line}\n" if line else "")


def test_a_sweep_draws_fewer_training_sets_of_full_routers(run):
    one = ("sweep", "--dim", "6", "--values", "3", "--json", "--gate")
    for gate, replicates in (("learned:90:full", 200), ("learned:90", 2000), ("learned", 2000)):
        assert json.loads(run(*one, gate)[1])["results"]["replicates"] == replicates


def test_a_sweep_with_gates_through_a_pipe(monkeypatch, capsys):
    there, here = os.pipe()
    with os.fdopen(here, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        assert cli.main(["sweep", "--dim", "6", "--gate", "hard", "--replicates", "12"]) == 0
    with os.fdopen(there) as pipe:
        *_, last = pipe.read().splitlines()
    assert re.fullmatch(r"replay with --seed \d+\n", capsys.readouterr().err)
    assert last.count(",") == 10
    assert last.startswith("6,")


@pytest.mark.parametrize(
    ("over", "first", "last", "length"),
    [
        ("test_noise_variance", 0.1, 100.0, 13),
        ("misrouting", 0.0, 1.0, 11),
        ("leakage", 0.0, 1.0, 21),
        ("interference", 0.0, 1.0, 21),
        ("overlap", 0.0, 1.0, 21),
        ("erasure", 0.0, 0.9, 10),
        ("radius", 0.0, 2.0, 11),
    ],
)
def test_sweep_over_what_differs_at_test_time(run, tmp_path, small, over, first, last, length):
    figure = tmp_path / "sweep.png"
    options = ("--over", over, "--replicates", "9", "--seed", "0", "--figure", str(figure))
    code, out, err = run("sweep", *SMALL, *options)
    assert (code, err) == (0, f"figure: {figure}\n")
    rows = list(csv.DictReader(io.StringIO(out)))
    values = [float(row[over]) for row in rows]
    assert len(values) == length
    np.testing.assert_allclose([values[0], values[-1]], [first, last], rtol=1e-12)
    expected = mt.sweep(small, over, values, BOTH)
    assert ("bound" in rows[0]) == (over in ("leakage", "interference", "overlap"))
    for label in ("dense", "moe"):
        assert [float(row[label]) for row in rows] == expected[label].tolist()
        assert all(float(row[f"{label}_sem"]) > 0.0 for row in rows)
    assert figure.read_bytes().startswith(b"\x89PNG")


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


def test_a_sweep_of_signs(run, small, tmp_path):
    figure = tmp_path / "accuracy.png"
    more = ("--assignment", "0,1,0", "--shared", "--loss", "sign")
    asked = ("sweep", *SMALL, *more, "--over", "overlap", "--values", "0,1", "--seed", "4")
    code, out, err = run(*asked, "--replicates", "60", "--figure", str(figure))
    assert (code, err) == (0, f"figure: {figure}\n")
    every = [*BOTH, mt.MoE(assignment=(0, 1, 0)), mt.MoE(shared=True)]
    expected = io.StringIO()
    signs = {"loss": "sign", "replicates": 60, "rng": 4}
    mt.sweep(small, "overlap", [0.0, 1.0], every, **signs).write_csv(expected)
    assert out == expected.getvalue()
    assert figure.read_bytes().startswith(b"\x89PNG")
    for loss in ("sign", "squared"):
        document = json.loads(run(*asked, "--replicates", "0", "--loss", loss, "--json")[1])
        assert document["results"]["loss"] == loss
        assert ("bound" in document["results"]["columns"]) == (loss == "squared")


def test_a_sweep_over_test_noise_with_gates(run):
    asked = ("sweep", *SMALL, "--over", "test_noise_variance", "--values", "0.5,2", "--seed", "0")
    code, out, _ = run(*asked, "--gate", "hard", "--replicates", "20")
    assert code == 0
    for row in csv.DictReader(io.StringIO(out)):
        theory, sem = float(row["moe(hard)"]), float(row["moe(hard)_sem"])
        assert abs(float(row["moe(hard)_simulated"]) - theory) < 5.0 * sem


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


def test_a_quantity_may_be_written_like_an_option(run):
    asked = ("--values", "1,2", "--replicates", "0", *SMALL)
    dashed, underscored = (
        run("sweep", "--over", name, *asked) for name in ("noise-variance", "noise_variance")
    )
    assert dashed == underscored
    assert dashed[0] == 0


def test_a_sweep_says_where_its_files_went_and_how_to_replay_it(run, tmp_path):
    table, figure = tmp_path / "t.csv", tmp_path / "f.svg"
    asked = ("sweep", *SMALL, "--over", "noise_variance", "--values", "1,2", "--replicates", "9")
    code, out, err = run(*asked, "--csv", str(table), "--figure", str(figure))
    said = re.fullmatch(rf"table: {table}\nfigure: {figure}\nreplay with --seed (\d+)\n", err)
    assert (code, out) == (0, "")
    assert said
    again = run(*asked, "--seed", said[1])[1]
    comment, rows = table.read_text().split("\n", 1)
    assert rows == again
    command = f"moetheory {' '.join(asked)} --csv {table} --figure {figure} --seed {said[1]}"
    assert comment.startswith(f"# {command} (moetheory {mt.__version__}, python ")
    assert command in figure.read_text()


def test_common_readers_read_a_table_with_its_comment(run, tmp_path):
    table = tmp_path / "t.csv"
    asked = ("--values", "1,2", "--replicates", "0", "--csv", str(table))
    run("sweep", *SMALL, "--over", "noise_variance", *asked)
    read = np.genfromtxt(table, delimiter=",", names=True, skip_header=1)
    assert read.dtype.names == ("noise_variance", "dense", "moe", "bound")
    plain = np.loadtxt(table, delimiter=",", skiprows=2)
    assert plain[:, 0].tolist() == [1.0, 2.0]


def test_a_terminal_gets_no_table_beside_a_figure(in_a_terminal, tmp_path):
    figure = tmp_path / "f.png"
    asked = ("sweep", "--dim", "6", "--replicates", "0")
    said = f"figure: {figure}\ndense, moe at 4 values of experts, 1 to 6: theory\n"
    assert in_a_terminal(*asked, "--figure", str(figure), columns=80) == (0, said)
    assert in_a_terminal(*asked, columns=80)[1].startswith("experts,dense,moe,bound\n1,")
    _, said = in_a_terminal(*asked, "--loss", "sign", "--figure", str(figure), columns=80)
    assert said.endswith(
        "\nmisclassification of dense, moe at 4 values of experts, 1 to 6: theory\n"
    )


def test_a_sweep_gives_the_same_with_two_workers(run):
    command = ("sweep", "--dim", "6", "--over", "experts", "--seed", "1", "--replicates", "100000")
    here = run(*command)
    assert here[0] == 0
    assert run(*command, "--workers", "2", "--memory", "300") == here
