"""Options of the test time, which several commands share."""

import json

import pytest
from scipy import stats

import moetheory as mt

SMALL = ("--dim", "6", "--experts", "3")
SIMULATE = ("simulate", *SMALL, "--seed", "1")
BOTH = [mt.Dense(), mt.MoE()]
PERTURBED = (
    *("--test-noise-variance", "2", "--test-interference-variances", "0.75"),
    *("--misrouting", "0.25", "--drag", "0.5"),
    *("--noise-law", "student-t:5", "--erasure", "0.125"),
)
GIVEN = {
    "test_noise_variance": 2.0,
    "test_interference_variances": 0.75,
    "misrouting": 0.25,
    "drag": 0.5,
    "noise_law": "student-t:5",
    "erasure": 0.125,
}


@pytest.fixture(scope="module")
def under():
    return mt.Perturbation(
        2.0,
        mt.even_confusion(3, 0.25),
        0.5,
        noise=stats.t(5),
        erasure=0.125,
        interference_variances=0.75,
    )


def test_risk_at_test_time(run, small, under, cells_of):
    code, out, err = run("risk", *SMALL, *PERTURBED)
    assert (code, err) == (0, "")
    for row, estimator in zip(cells_of(out)[1:], BOTH, strict=True):
        assert row[1] == f"{mt.risk(estimator, small, under=under).value:.6g}"
    assert (
        "\n\ntested under test noise variance 2, test interference variances 0.75, "
        "misrouting 0.25, drag 0.5, noise law student-t:5, erasure 0.125; below: unperturbed\n"
        "dense - MoE"
    ) in out
    assert f"{mt.gap(small):.6g}" in out
    document = json.loads(run("risk", *SMALL, *PERTURBED, "--samples", "60", "--json")[1])
    assert document["under"] == GIVEN
    theory = mt.risk(mt.MoE(), small, samples=60, under=under)
    assert document["results"]["moe"]["risk"] == theory.value
    assert json.loads(run("risk", *SMALL, "--json")[1])["under"] is None
    assert "tested under" not in run("risk", *SMALL)[1]


@pytest.mark.parametrize(
    ("option", "under"),
    [
        (("--radius", "0.5"), mt.Perturbation(radius=0.5)),
        # of normal noise a worst case is known
        (("--radius", "0.5", "--noise-law", "normal"), mt.Perturbation(radius=0.5)),
        (("--misrouting", "1"), mt.Perturbation(confusion=mt.even_confusion(3, 1.0))),
        (("--erasure", "0"), mt.Perturbation()),
        (
            ("--test-interference-variances", "2"),
            mt.Perturbation(interference_variances=2.0),
        ),
        (("--noise-law", "uniform"), mt.Perturbation()),
    ],
)
def test_risk_with_one_option_of_test_time(run, small, option, under):
    document = json.loads(run("risk", *SMALL, *option, "--json")[1])
    for estimator in BOTH:
        risk = document["results"][estimator.label]["risk"]
        assert risk == mt.risk(estimator, small, under=under).value


def test_simulate_at_test_time(run, small, under):
    asked = (*SIMULATE, *PERTURBED, "--replicates", "300")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert "\n\ntested under test noise variance 2, test interference variances 0.75, misr" in out
    document = json.loads(run(*asked, "--json")[1])
    assert document["under"] == GIVEN
    estimates = mt.simulate(BOTH, small, under=under, replicates=300, rng=1)
    for estimator, estimate in zip(BOTH, estimates, strict=True):
        result = document["results"][estimator.label]
        assert result["mean"] == estimate.mean
        assert result["theory"] == mt.risk(estimator, small, under=under).value
    worst = (*SIMULATE, "--samples", "60", "--radius", "1", "--replicates", "9")
    document = json.loads(run(*worst, "--json")[1])
    assert document["results"]["moe"]["theory"] is None  # not known, and simulated nevertheless
    assert json.loads(run(*SIMULATE, "--replicates", "9", "--json")[1])["under"] is None


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--test-noise-variance", "-1"), "--test-noise-variance must be at least 0, got -1"),
        (("--test-noise-variance", "x"), "argument --test-noise-variance: must be a number"),
        (("--test-noise-variance", "nan"), "--test-noise-variance must be finite, got nan"),
        (
            ("--test-interference-variances", "-1"),
            "--test-interference-variances must be at least 0, got -1",
        ),
        (
            ("--interference-variances", "-1"),
            "--interference-variances must be at least 0, got -1",
        ),
        (("--drag", "1"), "--drag needs --misrouting"),
        (("--noise-law", "student:2"), "no noise law 'student:2'; did you mean 'student-t:5'?"),
        (("--noise-law", "student-t"), "no noise law 'student-t'; did you mean 'student-t:5'?"),
        (("--noise-law", "student-t:x"), "DF must be a number, got 'x'"),
        (("--noise-law", "student-t:1.5"), "DF must be above 2 for a finite variance, got 1.5"),
        (("--noise-law", "student-t:nan"), "DF must be above 2 for a finite variance, got nan"),
        (("--noise-law", "Laplace"), "no noise law 'Laplace'; did you mean 'laplace'?"),
        (("--noise-law", "laplace:2"), "no noise law 'laplace:2': there are normal, uniform, la"),
        (("--noise-law", ""), "no noise law '': there are normal, uniform, laplace, student-t:DF"),
        (("--erasure", "1"), "--erasure must be less than 1, got 1"),
        (("--erasure", "-0.1"), "--erasure must be at least 0, got -0.1"),
        (("--radius", "-1"), "--radius must be at least 0, got -1"),
        (("--radius", "inf"), "--radius must be finite, got inf"),
    ],
)
def test_bad_options_of_test_time_are_one_line_and_exit_2(run, command, arguments, message):
    code, out, err = run(command, "--dim", "6", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ((command, *SMALL, "--misrouting", rate), f"--misrouting must be {what}, got {rate}")
            for command in ("risk", "simulate")
            for rate, what in (("2", "at most 1"), ("-1", "at least 0"))
        ),
        *(
            (
                (command, "--dim", "6", "--experts", "1", "--misrouting", "0.1"),
                "the number of experts with --misrouting must be at least 2, got 1",
            )
            for command in ("risk", "simulate")
        ),
        (("risk", *SMALL, "--gate", "hard", "--misrouting", "0.1"), "--misrouting needs oracle ro"),
        (("simulate", *SMALL, "--gate", "hard", "--radius", "1"), "--radius needs oracle routing"),
        (
            ("simulate", "--method", "identity", "--misrouting", "0.1"),
            "--method identity is known for test noise that is normal, and nothing else, got "
            "--misrouting 0.1; leave out --method",
        ),
        (
            ("simulate", "--gate", "learned:99", "--erasure", "0.1"),
            "gate, which is simulated with --method identity only",
        ),
        (
            ("risk", "--gate", "hard", "--erasure", "0.1"),
            "without erasure at test time, got --erasure 0.1; run moetheory simulate with the same",
        ),
        (("risk", "--radius", "1", "--samples", "600"), "worst-case shift is known for infinitely"),
        (("risk", "--radius", "1", "--erasure", "0.5"), "known for normal errors only, not with"),
        (
            ("sweep", "--over", "experts", "--misrouting", "0.1"),
            "--over experts cannot be combined",
        ),
        (("sweep", "--over", "misrouting", "--misrouting", "0.1"), "combined with --misrouting"),
        (("sweep", "--over", "erasure", "--erasure", "0"), "combined with --erasure"),
        (("sweep", "--over", "radius", "--radius", "1"), "combined with --radius"),
        (
            ("sweep", "--over", "test_noise_variance", "--test-noise-variance", "1"),
            "--over test_noise_variance cannot be combined with --test-noise-variance",
        ),
        (
            ("sweep", "--over", "leakage", "--leakage-variances", "0.1"),
            "--over leakage cannot be combined with --leakage-variances",
        ),
        (
            ("sweep", "--over", "interference", "--interference-variances", "0.1"),
            "--over interference cannot be combined with --interference-variances",
        ),
        (
            ("sweep", "--over", "interference", "--experts", "1"),
            '--over must not be "interference" for one group, whose block is never inactive',
        ),
        (
            ("sweep", "--over", "experts", "--interference-variances", "1", "--values", "1,2"),
            "--interference-variances must be 0 for one group, whose block is never inactive, got",
        ),
        (("sweep", "--over", "overlap", "--values", "-1"), "at overlap=-1.0: --values must be at"),
        (("sweep", "--over", "erasure", "--drag", "1"), "--drag needs --misrouting"),
        *(
            (("sweep", "--over", over, "--gate", "hard"), message)
            for over, message in (
                ("misrouting", "at misrouting=0.0: --over misrouting needs oracle routing"),
                ("radius", "at radius=0.2: --values needs oracle routing"),
            )
        ),
        (
            ("sweep", "--over", "misrouting", "--experts", "1"),
            "at misrouting=0.0: --experts must be at least 2, got 1",
        ),
        (
            ("sweep", "--over", "misrouting", "--values", "0,1.5"),
            "at misrouting=1.5: --values must be at most 1, got 1.5",
        ),
        (("sweep", "--over", "erasure", "--values", "1"), "at erasure=1.0: --values must be less"),
        (("sweep", "--over", "radius", "--values", "-1"), "at radius=-1.0: --values must be at le"),
        (("sweep", "--over", "leakage", "--values", "-1"), "at leakage=-1.0: --values must be at"),
        (
            ("sweep", "--over", "test_noise_variance", "--values", "-1"),
            "at test_noise_variance=-1.0: --values must be at least 0, got -1",
        ),
        (
            ("sweep", "--over", "radius", "--samples", "600", "--replicates", "0"),
            "at radius=0.2: the risk under a worst-case shift is known for infinitely many samples",
        ),
    ],
)
def test_perturbations_that_cannot_be_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("simulate", "--samples", "9", "--radius", "1", "--erasure", "0.1"),
            "a worst-case shift is known for normal errors only, not with erasure",
        ),
        (
            ("simulate", "--samples", "9", "--radius", "1", "--noise-law", "laplace"),
            "a worst-case shift is known for normal errors only, not with noise that is not normal",
        ),
        (
            ("risk", "--misrouting", "0.1", "--drag", "1e200"),
            "--drag must be 0 or between 1e-12 and 1e+12, got 1e+200",
        ),
        (
            ("risk", "--radius", "1e200"),
            "--radius must be 0 or between 1e-20 and 1e+20, got 1e+200",
        ),
        (
            ("sweep", "--over", "leakage", "--values", "0.5,1e200"),
            "at leakage=1e+200: --values must be less than 1e+150, got 1e+200",
        ),
    ],
)
def test_test_times_without_an_answer_are_one_line_and_exit_2(run, arguments, message):
    code, out, err = run(arguments[0], "--dim", "4", "--experts", "2", *arguments[1:])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("command", ["risk", "simulate", "sweep"])
def test_help_names_the_options_of_test_time(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(command, "--help")
    assert code == 0
    for option in ("--test-noise-variance X", "--test-interference-variances KAPPA"):
        assert f"  {option}" in out
    for option in ("--misrouting EPS", "--drag ETA", "--noise-law LAW"):
        assert f"  {option}" in out
    assert "normal, uniform, laplace, student-t:DF with DF > 2" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
