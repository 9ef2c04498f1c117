"""Options that several commands share: models and gates."""

import json

import pytest

import moetheory as mt

SMALL = ("--dim", "6", "--experts", "3")


def test_a_model_file_is_used(run, tmp_path, generic):
    path = tmp_path / "model.json"
    generic().to_json(path)
    code, out, _ = run("risk", "--model", str(path), "--json")
    assert code == 0
    assert json.loads(out)["results"]["dense"]["risk"] == mt.risk(mt.Dense(), generic()).value
    few = ("--replicates", "300")
    code, out, _ = run("check", "generalization", "--model", str(path), *few, "--json")
    assert code == 3
    shown = json.loads(out)["results"][0]["claims"][0]["shown"]
    assert shown["left"] == mt.risk(mt.MoE(), generic()).excess


@pytest.mark.parametrize("content", ["", '{"format"', "[]", "{}", '{"extra": 1}'])
def test_a_bad_model_file_is_one_line_and_exit_2(run, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    code, out, err = run("check", "--model", str(path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "bad.json' must" in err


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("hrad", "argument --gate: no gate 'hrad'; did you mean 'hard'?"),
        ("Soft", "argument --gate: no gate 'Soft'; did you mean 'soft'?"),
        ("top2", "argument --gate: no gate 'top2'; did you mean 'top-2'?"),
        ("lerned:100", "argument --gate: no gate 'lerned:100'; did you mean 'learned'?"),
        (
            "zzz",
            "argument --gate: no gate 'zzz': there are hard, soft[:T], top-k[:plain], learned[:N",
        ),
        ("", "argument --gate: no gate '': there are hard"),
        ("hard,,soft", "argument --gate: no gate '': there are hard"),
        ("hard:1", "argument --gate: no gate 'hard:1': there are hard"),
        ("soft:1:2", "argument --gate: no gate 'soft:1:2': there are hard"),
        ("soft:0", "argument --gate: 'soft:0': temperature must be greater than 0, got 0"),
        ("soft:nan", "argument --gate: 'soft:nan': temperature must be finite, got nan"),
        ("soft:x", "argument --gate: 'soft:x': temperature must be a number, got 'x'"),
        ("top-0", "argument --gate: 'top-0': k must be at least 1, got 0"),
        ("top-x", "argument --gate: 'top-x': k must be a number, as in top-2"),
        ("learned:x", "argument --gate: 'learned:x': samples must be an integer, got 'x'"),
        ("learned:0", "argument --gate: 'learned:0': samples must be at least 1, got 0"),
        ("learned:9:all", "'learned:9:all': moments must be \"blocks\" or \"full\", got 'all'"),
        (
            "hard,retrained",
            "argument --gate: 'retrained': this is no gate but an option, --retrained",
        ),
        ("soft:0.5,soft:0.50000001", "--gate must name different gates, got soft temperature=0.5"),
    ],
)
@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_a_bad_gate_is_one_line_and_exit_2(run, command, gate, message):
    code, out, err = run(command, "--dim", "6", "--gate", gate)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("risk", *SMALL, "--gate", "top-4"), "k of --gate top-k must be at most 3, the number "),
        (("simulate", *SMALL, "--gate", "top-4"), "k of --gate top-k must be at most 3, the num"),
        (
            ("risk", "--gate", "soft:2"),
            "no formula is known for Soft(temperature=2.0); "
            "run moetheory simulate with the same options\n",
        ),
        (
            ("risk", "--gate", "hard", "--ridge", "1"),
            "is known without ridge, got moe(hard ridge=1); "
            "run moetheory simulate with the same options\n",
        ),
        (("sweep", "--gate", "soft:2", "--replicates", "0"), "no formula is known for Soft(temp"),
        (
            ("risk", "--gate", "learned:99", "--samples", "90"),
            "no formula is known for Learned(samples=99, moments='blocks'); run moetheory simulate",
        ),
        (
            ("risk", "--retrained", "--samples", "90"),
            "where the experts are retrained, got --sampl",
        ),
        (("risk", "--retrained", "--ridge", "1"), "--retrained cannot be combined with --ridge\n"),
        (
            ("simulate", "--retrained", "--ridge", "1"),
            "--retrained cannot be combined with --ridge",
        ),
        (("simulate", *SMALL, "--gate", "learned:2", "--samples", "90"), "must have at least 6 sa"),
        (
            ("sweep", "--dim", "6", "--gate", "top-3", "--values", "2,6"),
            "at experts=2: k of --gate top-k must be at most 2, the number of experts, got 3",
        ),
        (("sweep", "--dim", "6", "--gate", "top-7"), "at experts=6: k of --gate top-k must be at"),
        (
            ("simulate", "--method", "population", "--gate", "learned:99"),
            "gate, which is simulated with --method identity only, got Learned(",
        ),
        (
            ("simulate", "--method", "identity", "--samples", "9"),
            "--method identity is not known with ",
        ),
        (
            ("simulate", *SMALL, "--gate", "learned:2"),
            "must have at least 6 samples, to estimate moments",
        ),
    ],
)
def test_gates_that_cannot_be_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_help_names_the_gates(run, command):
    words = " ".join(run(command, "--help")[1].split())
    assert "hard, soft[:T], top-k[:plain], learned[:N[:full]], oracle" in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--assignment", "0,1.5,1"), "argument --assignment: must be integers separated by com"),
        (("--assignment", ""), "argument --assignment: must be integers separated by commas, got"),
        (("--assignment",), "argument --assignment: expected one argument"),
        (("--assignment", "0,0"), "--assignment must have 3 entries, one for each group of the mo"),
        (("--assignment", "-1,0,1"), "--assignment[0] must be at least 0, got -1"),
        (("--assignment", "0,2,2"), "--assignment must number the experts from 0 and skip none, g"),
        (("--shared=2",), "argument --shared: ignored explicit argument '2'"),
        (("--share",), "no option --share; did you mean --shared?"),
        (("--loss", "signs"), "argument --loss: invalid choice: 'signs'; did you mean sign?"),
        (("--loss", "sign", "--label-power", "0"), "the model must have labels that vary in each"),
    ],
)
@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_bad_mixtures_and_losses_are_one_line_and_exit_2(run, command, arguments, message):
    over = ("--over", "overlap") if command == "sweep" else ()
    code, out, err = run(command, *over, "--dim", "6", "--experts", "3", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_each_assignment_counts_once_and_has_a_label_of_its_own(run):
    asked = ("risk", "--dim", "31", "--experts", "31", "--json")
    one, other = (",".join(map(str, (*range(30), last))) for last in (0, 1))
    twice = json.loads(run(*asked, "--assignment", one, "--assignment", one)[1])["results"]
    assert list(twice) == ["dense", "moe", "moe(assignment=31 groups to 30 experts #5f63)"]
    both = json.loads(run(*asked, "--assignment", one, "--assignment", other)[1])["results"]
    assert len(both) == 4
