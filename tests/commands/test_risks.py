"""What ``moetheory risk`` prints."""

import json

import moetheory as mt

SMALL = ("--dim", "6", "--experts", "3")
ROUTED = [mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]


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


def test_risk_with_gates(run, cells_of):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    code, out, err = run("risk", *SMALL, "--gate", "hard,soft", "--gate", "oracle,hard")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    assert [row[0] for row in rows] == ["dense", "moe", "moe(hard)", "moe(soft)"]
    for row, estimator in zip(rows, ROUTED, strict=True):
        shown, theory = dict(zip(header, row, strict=True)), mt.risk(estimator, model)
        assert shown["risk"] == f"{theory.value:.6g}"
        assert (shown["exactness"], shown["error"]) == (theory.exactness, f"{theory.error:.2g}")
    assert {row[3] for row in rows[2:]} == {"quadrature"}
    results = json.loads(run("risk", *SMALL, "--gate", "soft", "--json")[1])["results"]
    assert list(results) == ["dense", "moe", "moe(soft)"]
    assert results["moe(soft)"]["risk"] == mt.risk(ROUTED[3], model).value
    assert results["moe(soft)"]["active"] == 6
