"""Tables: the columns of an estimator in a sweep, and their CSV."""

import csv
import io
import pickle

import numpy as np
import pytest

import moetheory as mt

BOTH = (mt.Dense(), mt.MoE(ridge=0.5))


@pytest.fixture(scope="module")
def model():
    return mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)


@pytest.mark.parametrize("over", ["noise_variance", "steps"])
def test_a_sweep_knows_its_estimators_and_their_columns(model, over):
    estimators = (mt.Dense(), mt.MoE())
    result = mt.sweep(model, over, [1, 2], estimators, samples=60, replicates=20, rng=0)
    assert result.estimators == estimators
    for estimator, label in zip(estimators, ("dense", "moe"), strict=True):
        for found, name in (
            (result.theory(estimator), label),
            (result.simulated(estimator), f"{label}_simulated"),
            (result.sem(estimator), f"{label}_sem"),
        ):
            assert found is result[name]
    assert len({id(column) for column in result.columns.values()}) == len(result.columns)


def test_errors_are_of_asymptotic_formulas_alone(model):
    result = mt.sweep(model, "samples", [30, 60], list(BOTH))
    assert result.error(BOTH[0]) is result["dense_error"]
    assert np.all(result["dense_error"] > 0.0)
    exact = mt.sweep(model, "noise_variance", [1.0, 2.0], list(BOTH))
    for estimator in BOTH:
        assert exact.error(estimator) is None
        assert exact.simulated(estimator) is exact.sem(estimator) is None
    for method in (exact.theory, exact.error, exact.simulated, exact.sem):
        with pytest.raises(KeyError, match=r"^estimator must be one of Dense\(ridge=0.0\), MoE"):
            method(mt.MoE())
        with pytest.raises(TypeError, match=r"^estimator must be Dense"):
            method("moe")


def test_an_unknown_column_is_refused_with_those_there_are(model):
    result = mt.sweep(model, "noise_variance", [1.0, 2.0], [mt.Dense()])
    for bad in ("moe", 0, None, ["dense"], np.array(["dense"])):
        with pytest.raises(KeyError, match=r"^name must be one of noise_variance, dense, got"):
            result[bad]


def test_a_notebook_shows_a_table_with_escaped_names(model):
    result = mt.sweep(model, "noise_variance", np.linspace(1.0, 2.0, 100), [mt.Dense()])
    shown = result._repr_html_()
    assert shown.count("<tr>") == 1 + 61
    assert "<th>dense</th>" in shown
    assert "<td>…</td>" in shown
    named = mt.Sweep("<b>", {"<b>": np.ones(2), "a&b": np.zeros(2)}, 0, None)
    assert "<b>" not in named._repr_html_()
    assert "<th>&lt;b&gt;</th><th>a&amp;b</th>" in named._repr_html_()


def test_a_sweep_by_steps_and_a_pickled_one_keep_their_estimators(model):
    result = mt.sweep(model, "steps", [1, 2], [mt.MoE(), mt.Dense()])
    assert result.estimators == (mt.MoE(), mt.Dense())
    again = pickle.loads(pickle.dumps(result))
    assert again.estimators == result.estimators
    assert list(again.columns) == ["steps", "moe", "dense"]
    written = io.StringIO()
    again.write_csv(written)
    assert written.getvalue().startswith("steps,moe,dense\n1,")


def test_a_sweep_writes_every_digit_and_replaces_whole_files(tmp_path):
    result = mt.sweep(
        mt.BlockModel.isotropic(4, 2, 1.0), "noise_variance", [0.1, 1 / 3], replicates=50, rng=0
    )
    path = tmp_path / "sweep.csv"
    path.write_text("old")
    result.to_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result) == 2
    for name, column in result.columns.items():
        assert [float(row[name]) for row in rows] == column.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.csv"]


def test_the_repr_names_a_loss_that_is_not_the_default():
    squared, signs = (
        mt.sweep(mt.BlockModel.isotropic(8, 4, 1.0), "noise_variance", [1.0], loss=loss)
        for loss in ("squared", "sign")
    )
    assert (squared.loss, signs.loss) == ("squared", "sign")
    assert "loss" not in repr(squared)
    assert "loss='sign'" in repr(signs)
