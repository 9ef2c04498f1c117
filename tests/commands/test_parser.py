"""Options as people type them: negative numbers, spelling, absurd sizes."""

import re

import pytest

import moetheory as mt

SMALL = ("--dim", "6", "--experts", "3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("risk", "--noise-variance", "-1e-3"), "--noise-variance must be at least 0, got -0.001"),
        (("risk", "--noise-variance", "-.5"), "--noise-variance must be at least 0, got -0.5"),
        (("risk", "--noise-variance", "-1E5"), "--noise-variance must be at least 0, got -100000"),
        (("risk", "--noise-variance", "-inf"), "--noise-variance must be finite, got -inf"),
        (("risk", "--noise-variance", "-nan"), "--noise-variance must be finite, got nan"),
        (("sweep", "--over", "noise_variance", "--values", "-1e-3,2"), "--values must be at least"),
        (("descent", "--step-size", "-1e-3"), "must be a number above 0, got '-1e-3'"),
        (("risk", "--samples", "-3,2"), "--samples must be one number, or 16 separated by commas"),
    ],
)
def test_a_negative_number_is_a_value(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("columns", range(60, 90, 3))
def test_help_breaks_no_name(run, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("check", "--help")[1].splitlines()
    assert not any(line.endswith("-") for line in lines)
    words = [word.rstrip(",;") for line in lines for word in line.split()]
    assert set(mt.catalogue) <= set(words)


def test_a_negative_number_in_any_form_is_taken(run):
    forms = ("-0.5", "-.5", "-5e-1", "-5E-01")
    printed = {run("risk", *SMALL, "--drag", form, "--misrouting", "0.1") for form in forms}
    assert len(printed) == 1
    assert next(iter(printed))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("risk", "--nose-variance", "2"), "no option --nose-variance; did you mean --noise-var"),
        (("risk", "--noise_variance=2"), "no option --noise_variance; did you mean --noise-varia"),
        (("check", "--rep", "5"), "no option --rep; did you mean --replicates?"),
        (("check", "--no", "5"), "no option --no; did you mean --noise-variance?"),
        (("audit", "x.csv", "--label", "y"), "no option --label; did you mean --labels?"),
        (("--versoin",), "no option --versoin; did you mean --version?"),
        (("risk", "--zzz"), "no option --zzz (see moetheory risk --help)"),
        (("simulate", "--merge", "a", "--mregee"), "no option --mregee; did you mean --merge?"),
    ],
)
def test_an_option_that_does_not_exist_is_answered_with_one_that_does(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_what_follows_two_dashes_is_no_option(run):
    assert "that of a theorem, got '--nothing'" in run("check", "--", "--nothing")[2]


HUGE = ("9" * 25, "9" * 5000, "-" + "9" * 25)


@pytest.mark.parametrize("value", HUGE, ids=["25 digits", "5000 digits", "negative"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("risk", "--dim"),
        ("risk", "--experts"),
        ("risk", "--samples"),
        ("simulate", "--memory"),
        ("simulate", "--replicates"),
        ("check", "--replicates"),
        ("sweep", "--replicates"),
        ("descent", "--replicates"),
    ],
)
def test_an_absurd_integer_is_one_short_line(run, command, option, value):
    more = ("generalization",) if command == "check" else ()
    more += ("--samples", "9") if command == "descent" else ()
    code, _, err = run(command, *more, option, value)
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(rf"{option} must|argument {option}: must", err), err
    assert len(err) < 200
