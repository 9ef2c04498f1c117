"""What ``moetheory descent`` counts, simulates and refuses."""

import json
import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands.descents import STEPS
from moetheory.common import terminal

SMALL = ("--dim", "6", "--experts", "3")


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("descent", "--step-size", "0"), "argument --step-size: must be a number above 0"),
        (("descent", "--step-size", "9"), "--step-size must be less than 1, 2 over the largest"),
        (("descent", "--excess", "1", "--tolerance", "1"), "--excess cannot be combined with"),
        (("descent", "--replicates", "9"), "--replicates needs --samples"),
        (("descent", "--seed", "9"), "--seed needs --samples"),
        (("descent", "--ridge", "-1"), "--ridge must be at least 0, got -1"),
        (
            ("descent", "--tolerance", "5"),
            "--tolerance must be at most 1: it is a share of the possible",
        ),
        (("descent", "--samples", "9", "--step-size", "0.9"), "--step-size must be less than"),
        (("descent", "--trainin", "own"), "no option --trainin"),
        (("sweep", "--training", "joint"), "--training needs --over steps"),
        (("sweep", "--over", "steps", "--training", "alone"), "invalid choice: 'alone'"),
        (
            ("sweep", "--over", "steps", "--values", "-1"),
            "--values must be at least 0, got -1",
        ),
        (
            ("sweep", "--over", "steps", "--erasure", "0.1"),
            "--erasure 0.1 needs --samples with --ove",
        ),
        (
            ("sweep", "--over", "steps", "--replicates", "5"),
            "--replicates needs --samples with --ov",
        ),
        (
            ("sweep", "--over", "steps", "--samples", "9", "--replicates", "0"),
            "--replicates must be at least 2, got 0",
        ),
        (
            ("sweep", "--over", "steps", "--gate", "hard"),
            "only, got moe(hard)",
        ),
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


def test_a_figure_shows_the_risks(run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "moetheory.commands.outputs.plot", lambda *args, **how: drawn.append((args, how))
    )
    path = tmp_path / "descent.png"
    title = "Experts learn faster"
    how = ("--figure", str(path), "--title", title)
    code, _, err = run("descent", *SMALL, "--decay", "1", *how)
    assert (code, err) == (0, f"figure: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    (((paths, _), how),) = drawn
    assert how == {"title": title, "label": [mt.Dense(), mt.MoE(), "experts, jointly"]}
    model = mt.BlockModel.power_law(6, 3, 1.0, decay=1.0, signal_energy=6.0)
    for found, estimator, training in zip(
        paths, (mt.Dense(), mt.MoE(), mt.MoE()), ("own", "own", "joint"), strict=True
    ):
        expected = mt.descent(estimator, model, found.steps, training=training)
        np.testing.assert_array_equal(found.excess, expected.excess)
    code, _, err = run("descent", *SMALL, "--figure", str(tmp_path / "descent.txt"))
    assert code == 2
    assert "--figure must end in" in err
