"""The options of an audit: what is typed, what it becomes, and what help says."""

import argparse

import pytest

from moetheory.commands import audit_options


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", 3),
        ("-1", -1),
        ("auto", "auto"),
        ("2-2", [2]),
        ("2-5", [2, 3, 4, 5]),
        ("8,2,4", [2, 4, 8]),
    ],
)
def test_experts_are_a_number_or_several(text, numbers):
    found = audit_options.expert_numbers(text)
    assert (found if isinstance(found, int | str) else sorted(found)) == numbers


def test_a_range_of_any_length_costs_nothing():
    assert len(audit_options.expert_numbers(f"1-{10**17}")) == 10**17


@pytest.mark.parametrize(
    "text", ["", "x", "1.5", "2-", "-2-4", "2,,4", "2-4,8", "Auto", "9" * 5000]
)
def test_other_texts_are_no_numbers_of_experts(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be an integer, a range A-B, integ"):
        audit_options.expert_numbers(text)


@pytest.mark.parametrize("text", [*audit_options.NOISES, "n.npy", "folder/N.NPY"])
def test_noise_is_a_kind_or_a_file(text):
    assert audit_options.noise(text) == text


@pytest.mark.parametrize(
    ("text", "hint"), [("Dropout", "did you mean dropout?"), ("n.csv", "got 'n.csv'"), ("", "''")]
)
def test_other_texts_are_no_noise(text, hint):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        audit_options.noise(text)
    assert str(caught.value).endswith(hint)


def test_help_is_of_eighty_columns_and_begins_with_what_to_type(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run("audit", "--help")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "usage: moetheory audit FILE --labels COLUMN [option ...]"
    assert lines[3] == "  moetheory audit data.csv --labels y"
    assert "--center " not in out.replace("--no-center ", "")


def test_what_help_says_to_type_can_be_typed(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    out = run("audit", "--help")[1]
    examples = [line.split()[1:] for line in out.splitlines() if line.startswith("  moetheory ")]
    assert len(examples) == 4
    for example in examples:
        code, _, err = run(*example)
        assert (code, err) == (
            2,
            f"moetheory: error: '{example[1]}' cannot be read: No such file or directory\n",
        )
