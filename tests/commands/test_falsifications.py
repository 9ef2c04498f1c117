"""What ``moetheory falsify`` prints and returns."""

import json

import moetheory as mt
from moetheory.commands import falsifications

ORDER = "risk(MoE()) <= risk(Dense())"


def test_a_counterexample_is_exit_code_1(run, tmp_path):
    path = tmp_path / "model.json"
    code, out, err = run("falsify", ORDER, "--seed", "1", "--save", str(path))
    assert code == 1
    assert out.splitlines()[0] == f"{ORDER}: counterexample found"
    assert "confirmed with 50 digits" in out
    assert "replay with --seed 1" in out
    assert err == f"model: {path}\n"
    model = mt.BlockModel.from_json(path)
    assert mt.risk(mt.MoE(), model).value > mt.risk(mt.Dense(), model).value


def test_none_found_is_exit_code_0(run):
    code, out, _ = run("falsify", ORDER, "--strict", "--budget", "60", "--seed", "1")
    assert code == 0
    assert "no counterexample in 60 models that apply" in out
    assert "smallest slack" in out
    assert "proved" not in out


def test_never_applied_is_exit_code_3(run):
    code, out, _ = run("falsify", "convergence-joint", "--no-strict", "--budget", "40")
    assert code == 3
    assert "the assumptions were never met in 40 models" in out


def test_assumptions_that_exclude_are_named(run):
    code, out, _ = run("falsify", "generalization", "--anyway", "--seed", "2")
    assert code == 1
    assert "violated: MoE <= dense" in out
    assert "excluded by: strict blocks (no leakage)" in out


def test_json(run):
    code, out, _ = run("falsify", ORDER, "--no-strict", "--experts", "2", "--seed", "7", "--json")
    assert code == 1
    document = json.loads(out)
    assert (document["schema"], document["command"], document["entropy"]) == (1, "falsify", "7")
    results = document["results"]
    assert results["status"] == "counterexample"
    assert results["space"]["experts"] == [2, 2]
    assert results["space"]["strict"] is False
    names = {"BlockModel": mt.BlockModel}
    exec(results["code"], names)
    assert mt.risk(mt.MoE(), names["model"]).value == results["left"] > results["right"]


def test_the_place_of_an_error_is_shown(run):
    code, _, err = run("falsify", "risk(MoE()) <= risk(Dens())")
    assert code == 2
    assert err.splitlines() == [
        "  risk(MoE()) <= risk(Dens())",
        "                      ^",
        "moetheory: error: CLAIM has an unknown word Dens; did you mean Dense?",
    ]


def test_bad_options_take_one_line(run):
    for options, said in (
        (("generalizaton",), "CLAIM must be that of a theorem"),
        ((ORDER, "--experts", "3,2"), "--experts[1] must be at least 3, got 2"),
        ((ORDER, "--experts", "1.5"), "--experts[0] must be an integer, got 1.5"),
        ((ORDER, "--noise-variances", "1,2,3"), "--noise-variances must be the least and"),
        ((ORDER, "--probability-ratio", "2"), "--probability-ratio must be at most 1, got 2"),
        ((ORDER, "--budget", "0"), "--budget"),
        ((ORDER, "--save", "/no/such/folder/x.json"), "cannot be written"),
    ):
        code, out, err = run("falsify", *options)
        assert code == 2
        assert out == ""
        assert said in err
        assert len(err.splitlines()) == 1


def test_what_is_interrupted_is_printed(run, monkeypatch):
    partial = mt.Falsification(ORDER, mt.ModelSpace(), 100, 5, 60, 60, interrupted=True)
    monkeypatch.setattr(falsifications, "falsify", lambda *_, **__: partial)
    code, out, err = run("falsify", ORDER, "--seed", "5")
    assert code == 130
    assert "interrupted after 60 models" in out
    assert err == "moetheory: interrupted; tried 60 models, with --seed 5\n"
