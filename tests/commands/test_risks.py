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


def test_risk_of_experts_that_serve_several_groups_and_of_a_shared_one(run, cells_of):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0, leakage_variances=0.2)
    asked = ("risk", *SMALL, "--leakage-variances", "0.2", "--ridge", "0.5")
    code, out, err = run(*asked, "--assignment", "0,1,0", "--shared", "--assignment", "1,0,0")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    mixtures = [
        mt.MoE(ridge=0.5, assignment=(0, 1, 0)),
        mt.MoE(ridge=0.5, assignment=(1, 0, 0)),
        mt.MoE(ridge=0.5, shared=True),
    ]
    for row, estimator in zip(rows[2:], mixtures, strict=True):
        shown, held = dict(zip(header, row, strict=True)), estimator.parameters(model)
        assert shown["estimator"] == estimator.label
        assert shown["risk"] == f"{mt.risk(estimator, model).value:.6g}"
        assert (shown["parameters"], shown["active"]) == (f"{held.total}", f"{held.active:g}")


def test_risk_of_signs(run, cells_of):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)
    under = mt.Perturbation(confusion=mt.even_confusion(3, 0.25))
    asked = ("risk", *SMALL, "--loss", "sign", "--misrouting", "0.25", "--shared")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert out.endswith("\n\ntested under misrouting 0.25\n")
    header, *rows = cells_of(out)
    assert header == ["estimator", "misclassification", "accuracy", "parameters", "active"]
    document = json.loads(run(*asked, "--json")[1])
    assert document["loss"] == "sign"
    assert not {"gap", "null_risk", "moe_bound"} & set(document)
    for row, estimator in zip(rows, [mt.Dense(), mt.MoE(), mt.MoE(shared=True)], strict=True):
        theory = mt.misclassification(estimator, model, under=under)
        assert row[1:3] == [f"{theory.value:.6g}", f"{theory.accuracy:.6g}"]
        result = document["results"][estimator.label]
        assert (result["misclassification"], result["accuracy"]) == (theory.value, theory.accuracy)
        assert result["per_group"] == theory.per_group.tolist()
    assert json.loads(run("risk", *SMALL, "--json")[1])["loss"] == "squared"


def test_risk_of_signs_that_are_known_by_simulation_only(run):
    advice = "run moetheory simulate with the same options\n"
    for more in (("--samples", "60"), ("--gate", "hard"), ("--erasure", "0.1"), ("--radius", "1")):
        code, out, err = run("risk", *SMALL, "--loss", "sign", *more)
        assert (code, out) == (2, "")
        assert err.endswith(f"; {advice}")
    assert (
        "--loss sign cannot be combined with --samples"
        in run("risk", *SMALL, "--loss", "sign", "--samples", "60")[2]
    )
