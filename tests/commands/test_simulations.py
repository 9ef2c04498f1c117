"""What ``moetheory simulate`` prints and refuses."""

import json
import re

import pytest

import moetheory as mt

SMALL = ("--dim", "6", "--experts", "3")
SIMULATE = ("simulate", *SMALL, "--seed", "1")
BOTH = [mt.Dense(), mt.MoE()]
ROUTED = [mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]


def test_simulate_stands_beside_theory(run, small, cells_of):
    code, out, err = run(*SIMULATE, "--replicates", "3000")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    assert header == [
        *("estimator", "risk", "sem", "95 % interval", "theory", "exactness", "z"),
        *("method", "replicates"),
    ]
    estimates = mt.simulate(BOTH, small, replicates=3000, rng=1)
    for row, estimator, estimate in zip(rows, BOTH, estimates, strict=True):
        theory, (low, high) = mt.risk(estimator, small), estimate.interval(0.95)
        shown = dict(zip(header, row, strict=True))
        assert float(shown["risk"]) == pytest.approx(estimate.mean, abs=estimate.sem / 10)
        assert shown["sem"] == f"{estimate.sem:.2g}"
        ends = [float(end) for end in shown["95 % interval"].split(" to ")]
        assert ends == pytest.approx([low, high], abs=estimate.sem / 10)
        assert (shown["theory"], shown["exactness"]) == (f"{theory.value:.6g}", "exact")
        assert shown["z"] == f"{estimate.z(theory):+.2f}"
        assert (shown["method"], shown["replicates"]) == ("population", "3000")
    difference = estimates.difference(0, 1)
    line = r"dense - MoE  (.*) ± (.*) \(paired\)\nreplay with --seed 1\n"
    mean, sem = re.fullmatch(line, out.partition("\n\n")[2]).groups()
    assert float(mean) == pytest.approx(difference.mean, abs=difference.sem / 10)
    assert sem == f"{difference.sem:.2g}"


def test_simulate_fits_and_has_no_z_where_theory_is_asymptotic(run, small, cells_of):
    code, out, err = run(*SIMULATE, "--samples", "60", "--replicates", "500")
    assert (code, err) == (0, "")
    _, dense, moe = cells_of(out)
    assert dense[0] == "dense"
    assert dense[-4:] == ["asymptotic", "-", "statistics", "500"]
    z = mt.simulate(BOTH, small, samples=60, replicates=500, rng=1)[1].z(
        mt.risk(mt.MoE(), small, samples=60)
    )
    assert moe[-4:] == ["exact", f"{z:+.2f}", "law", "500"]
    assert "fitted on 60 samples, 20 in each group\ndense - MoE  " in out
    assert "(independent)\n" in out
    _, out, _ = run(*SIMULATE, "--samples", "60", "--replicates", "500", "--method", "data")
    assert [row[-2] for row in cells_of(out)[1:]] == ["data", "data"]
    assert "(paired)\n" in out


def test_simulate_one_estimator_by_its_law(run, cells_of):
    fitted = (*SIMULATE, "--samples", "9,8,0", "--replicates", "50")
    code, out, _ = run(*fitted, "--only", "moe", "--method", "law")
    assert code == 0
    assert [row[0] for row in cells_of(out)] == ["estimator", "moe"]
    assert "dense" not in out
    assert "fitted on 17 samples, 0 to 9 in each group\n" in out
    code, out, _ = run(*fitted, "--only", "dense", "--ridge", "0.5")
    assert [row[0] for row in cells_of(out)] == ["estimator", "dense(ridge=0.5)"]


def test_simulate_draws_counts_for_which_there_is_no_theory(run, small, cells_of):
    drawn = (*SIMULATE, "--samples", "90", "--counts", "multinomial", "--replicates", "200")
    code, out, _ = run(*drawn, "--ridge", "0.1")
    assert code == 0
    assert [row[4:7] for row in cells_of(out)[1:]] == [["-", "-", "-"]] * 2
    assert "fitted on 90 samples, their groups drawn\n" in out
    ridged = [mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)]
    estimates = mt.simulate(ridged, small, samples=90, counts="multinomial", replicates=200, rng=1)
    results = json.loads(run(*drawn, "--ridge", "0.1", "--json")[1])["results"]
    for estimator, estimate in zip(ridged, estimates, strict=True):
        assert results[estimator.label]["mean"] == estimate.mean
        assert results[estimator.label]["theory"] is None


def test_simulate_as_json(run, small):
    seed = 2**100
    code, out, err = run(
        *("simulate", *SMALL, "--seed", str(seed)),
        *("--samples", "20,20,20", "--replicates", "300", "--json"),
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    estimates = mt.simulate(BOTH, small, samples=[20, 20, 20], replicates=300, rng=seed)
    assert (document["schema"], document["command"]) == (1, "simulate")
    assert document["entropy"] == str(seed)
    assert (document["samples"], document["counts"]) == ([20, 20, 20], "fixed")
    assert document["warnings"] == []
    for estimator, estimate in zip(BOTH, estimates, strict=True):
        theory, result = mt.risk(estimator, small, samples=60), document["results"][estimator.label]
        assert (result["mean"], result["sem"]) == (estimate.mean, estimate.sem)
        assert result["interval"] == list(estimate.interval())
        assert result["per_group"] == estimate.per_group.tolist()
        assert (result["method"], result["replicates"]) == (estimate.method, 300)
        assert (result["theory"], result["error"]) == (theory.value, theory.error)
        assert result["exactness"] == theory.exactness
        assert result["median"] is result["median_interval"] is None
    assert document["results"]["dense"]["z"] is None
    assert document["results"]["moe"]["z"] == estimates[1].z(mt.risk(mt.MoE(), small, samples=60))
    difference = estimates.difference(0, 1)
    assert document["difference"] == {
        "mean": difference.mean,
        "sem": difference.sem,
        "interval": list(difference.interval()),
        "paired": False,
    }
    document = json.loads(run(*SIMULATE, "--replicates", "300", "--json")[1])
    assert document["samples"] is None
    assert document["difference"]["paired"] is True
    assert document["results"]["dense"]["z"] is not None
    assert json.loads(run(*SIMULATE, "--only", "moe", "--json")[1])["difference"] is None


def test_simulate_says_medians_where_the_variance_is_infinite(run, small, cells_of):
    heavy = (*SIMULATE, "--samples", "6", "--replicates", "200")
    code, out, err = run(*heavy)
    assert code == 0
    dense, moe = err.splitlines()
    assert dense.startswith("moetheory: warning: mean and variance of the risk of dense are")
    assert moe.startswith("moetheory: warning: mean and variance of the risk of moe are")
    header, *rows = cells_of(out)
    assert header[4:6] == ["median", "its 95 % interval"]
    with pytest.warns(mt.HeavyTailWarning):
        estimates = mt.simulate(BOTH, small, samples=6, replicates=200, rng=1)
    for row, estimate in zip(rows, estimates, strict=True):
        low, high = estimate.median_interval()
        assert row[2:4] == ["inf", "-inf to inf"]
        assert row[4:6] == [f"{estimate.median:.6g}", f"{low:.6g} to {high:.6g}"]
        assert row[6:9] == ["inf", "exact", "-"]
    assert " ± inf (independent)\n" in out

    code, out, again = run(*heavy, "--json")
    document = json.loads(out)
    assert (code, again) == (0, err)
    prefix = "moetheory: warning: "
    assert document["warnings"] == [dense.removeprefix(prefix), moe.removeprefix(prefix)]
    result = document["results"]["dense"]
    assert (result["sem"], result["theory"], result["z"]) == ("inf", "inf", None)
    assert (result["median"], result["interval"]) == (estimates[0].median, ["-inf", "inf"])
    assert result["median_interval"] == list(estimates[0].median_interval())


def test_simulate_with_gates(run, small, cells_of):
    gates = ("--gate", "hard,soft:0.5,top-2,learned:200,learned:200:full")
    code, out, err = run(*SIMULATE, *gates, "--replicates", "300")
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    shown = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert list(shown) == [
        *("dense", "moe", "moe(hard)", "moe(soft temperature=0.5)", "moe(top-2)"),
        *("moe(learned samples=200)", "moe(learned samples=200 moments=full)"),
    ]
    assert {row["method"] for row in shown.values()} == {"identity"}
    assert shown["moe(hard)"]["theory"] == f"{mt.risk(ROUTED[2], small).value:.6g}"
    assert shown["moe(hard)"]["exactness"] == "quadrature"
    assert shown["moe(top-2)"]["theory"] == f"{mt.risk(mt.MoE(gate=mt.TopK(2)), small).value:.6g}"
    assert shown["moe(soft temperature=0.5)"]["theory"] == "-"
    estimates = mt.simulate(ROUTED[:3], small, replicates=300, rng=1)
    mean = estimates.difference(0, 1).mean
    assert float(re.search("dense - MoE  (.*) ±", out)[1]) == pytest.approx(mean, abs=1e-3)
    document = json.loads(run(*SIMULATE, *gates, "--replicates", "300", "--json")[1])
    assert document["results"]["moe(hard)"]["mean"] == estimates[2].mean
    assert document["difference"]["mean"] == mean
    assert document["results"]["moe(soft temperature=0.5)"]["theory"] is None


def test_simulate_signs(run, small, cells_of):
    every = [*BOTH, mt.MoE(mt.Hard()), mt.MoE(assignment=(0, 1, 0)), mt.MoE(shared=True)]
    more = ("--gate", "hard", "--assignment", "0,1,0", "--shared")
    asked = (*SIMULATE, "--loss", "sign", *more, "--replicates", "400")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    header, *rows = cells_of(out)
    assert header == [
        *("estimator", "misclassification", "sem", "95 % interval", "theory", "z"),
        *("method", "replicates"),
    ]
    document = json.loads(run(*asked, "--json")[1])
    assert document["loss"] == "sign"
    estimates = mt.simulate(every, small, loss="sign", replicates=400, rng=1)
    for row, estimator, estimate in zip(rows, every, estimates, strict=True):
        shown, result = dict(zip(header, row, strict=True)), document["results"][estimator.label]
        assert (result["mean"], result["sem"]) == (estimate.mean, estimate.sem)
        assert shown["method"] == "population"
        if estimator == every[2]:  # a gate that routes by the input
            assert (shown["theory"], shown["z"], result["theory"]) == ("-", "-", None)
        else:
            theory = mt.misclassification(estimator, small).value
            assert (shown["theory"], result["theory"]) == (f"{theory:.6g}", theory)
            assert (result["exactness"], result["error"]) == ("exact", 0.0)
            assert shown["z"] == f"{estimate.z(theory):+.2f}"
    fitted = (*SIMULATE, "--loss", "sign", "--samples", "60", "--replicates", "30", "--json")
    document = json.loads(run(*fitted)[1])
    estimates = mt.simulate(BOTH, small, samples=60, loss="sign", replicates=30, rng=1)
    for estimator, estimate in zip(BOTH, estimates, strict=True):
        result = document["results"][estimator.label]
        assert (result["mean"], result["theory"]) == (estimate.mean, None)


@pytest.mark.parametrize("experts", ["2", "3", "4", "6", "8", "12"])
def test_simulate_does_not_hold_rounding_against_theory(run, experts):
    # the risk of the oracle's experts is the same for every draw: no standard error
    options = ("--dim", "24", "--experts", experts, "--replicates", "30", "--json")
    code, out, _ = run("simulate", *options, "--gate", "hard")
    assert (code, json.loads(out)["results"]["moe"]["z"]) == (0, 0.0)


def test_simulate_one_of_the_two_and_gates_has_no_difference(run, cells_of):
    code, out, _ = run(*SIMULATE, "--only", "moe", "--gate", "soft", "--replicates", "30")
    assert (code, [row[0] for row in cells_of(out)[1:]]) == (0, ["moe", "moe(soft)"])
    assert "dense" not in out


def test_simulate_in_a_narrow_terminal_prints_blocks(in_a_terminal):
    code, text = in_a_terminal(*SIMULATE, "--samples", "60", "--replicates", "9", columns=45)
    assert code == 0
    table, _, rest = text.partition("\n\nfitted on ")
    lines = table.splitlines()
    assert ["estimator", "moe"] in [line.split() for line in lines]
    assert ["exactness", "exact"] in [line.split() for line in lines]
    assert max(map(len, lines)) <= 45
    assert rest.endswith("replay with --seed 1\n")


def test_simulate_help_names_options_defaults_and_exit_codes(run):
    code, out, _ = run("simulate", "--help")
    assert code == 0
    for option in (
        *("--samples", "--counts", "--ridge", "--method", "--replicates", "--target-sem"),
        *("--seed", "--workers", "--memory", "--checkpoint", "--part", "--merge", "--json"),
    ):
        assert f"{option} " in out
    words = " ".join(out.split())
    for said in ("default 1000", "(100000)", "(default 256)", "71 a worker process died"):
        assert said in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replicats", "9"), "no option --replicats; did you mean --replicates?"),
        (("--replicates", "1"), "argument --replicates: must be at least 2, got 1"),
        (("--replicates", "-9"), "argument --replicates: must be at least 2, got -9"),
        (("--replicates", "1e3"), "argument --replicates: must be an integer, got '1e3'"),
        (("--replicates", "9", "--target-sem", "1"), "--target-sem: not allowed with argument --r"),
        (("--target-sem", "0"), "argument --target-sem: must be a number above 0, got '0'"),
        (("--target-sem", "nan"), "argument --target-sem: must be a number above 0, got 'nan'"),
        (("--target-sem", "x"), "argument --target-sem: must be a number above 0, got 'x'"),
        (("--target-sem", "1", "--samples", "6"), "--target-sem 1 cannot be met: "),
        (
            ("--target-sem", "1", "--part", "0/2", "--seed", "1"),
            "--part cannot be combined with --target-sem",
        ),
        (("--memory", "0"), "argument --memory: must be at least 1, got 0"),
        (("--memory", "1", "--samples", "60"), "--memory must be at least"),
        (("--workers", "0"), "argument --workers: must be at least 1, got 0"),
        (("--part", "3/2"), "argument --part: must be I/M with I from 0 to M - 1, got '3/2'"),
        (("--part", "2/2"), "argument --part: must be I/M with I from 0 to M - 1, got '2/2'"),
        (("--part", "-1/2"), "argument --part: must be I/M with I from 0 to M - 1, got '-1/2'"),
        (("--part", "1"), "argument --part: must be I/M with I from 0 to M - 1, got '1'"),
        (("--part", "0/2"), "--part needs --seed, the same for all parts"),
        (("--part", "0/99", "--seed", "1"), "--part must be one of at most"),
        (("--merge", "a", "b"), "--merge needs --checkpoint, the file to merge into"),
        (("--merge",), "argument --merge: expected at least one argument"),
        (("--merge", "no-such-part", "--checkpoint", "c"), "no-such-part"),
        (("--checkpoint", "no/such/folder"), "no/such"),
        (("--checkpoint", "."), ".: Is a directory"),
        (("--counts", "drawn"), "argument --counts: invalid choice: 'drawn'"),
        (("--counts", "multinomial"), "--counts multinomial needs --samples"),
        (("--counts", "multinomial", "--samples", "1,2,3"), "--samples must be an integer wi"),
        (("--samples", "0"), "--samples must be at least 1, got 0"),
        (("--samples", "1,2"), "--samples must be one number, or 3 separated by commas"),
        (("--samples", "4.5"), "argument --samples: must be an integer, or one for each group"),
        (("--method", "exact"), "argument --method: invalid choice: 'exact'"),
        (("--method", "data"), "--method data needs --samples"),
        (("--method", "population", "--samples", "9"), "--method population draws no tra"),
        (
            ("--method", "law", "--samples", "9"),
            "--method law is known for MoE with one expert a group",
        ),
        (
            ("--method", "law", "--only", "moe", "--ridge", "1", "--samples", "9"),
            "--method law has no closed form for ridge > 0; leave out --method",
        ),
        (("--only", "sparse"), "argument --only: invalid choice: 'sparse'"),
        (("--ridge", "-1"), "--ridge must be at least 0, got -1"),
        (("--ridge", "x"), "argument --ridge: must be a number, got 'x'"),
        (("--seed", "-1"), "argument --seed: must be at least 0, got -1"),
        (("--noise-variance", "-1"), "--noise-variance must be at least 0, got -1"),
        (("--experts", "4"), "--experts must divide --dim, got --experts 4 and --dim 6"),
    ],
)
def test_bad_usage_of_simulate_is_one_line_and_exit_2(
    run, arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("simulate", *SMALL, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert err.startswith("moetheory")
    assert list(tmp_path.iterdir()) == []
