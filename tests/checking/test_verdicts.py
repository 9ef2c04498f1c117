"""Verdicts as tables, and their pickles."""

import pickle

import pytest

import moetheory as mt


@pytest.fixture(scope="module")
def verdict():
    return mt.check("generalization", replicates=1000, rng=0)


def test_the_table_says_what_speaks_for_each_claim(verdict):
    lines = verdict.table().splitlines()
    assert lines[0].split() == ["claim", "evidence", "verdict"]
    assert len(lines) == 1 + len(verdict.claims)
    for line, claim in zip(lines[1:], verdict.claims, strict=True):
        assert line.startswith(claim.name)
        assert line.endswith(claim.outcome)
        assert all(each in line for each in claim.evidence)


def test_the_wide_table_has_the_sides_too(verdict):
    header, first, *_ = verdict.table(wide=True).splitlines()
    point = verdict.claims[0].shown
    assert header.startswith("claim")
    assert "certificate" in header
    assert f"{point.left:.5g}" in first
    assert f"{point.comparison.z:+.2f}" in first


def test_a_narrow_table_becomes_blocks(verdict):
    lines = verdict.table(width=30).splitlines()
    assert lines[0] == f"claim     {verdict.claims[0].name}"
    assert lines[1].startswith("evidence  ")
    assert max(map(len, lines)) <= 30


@pytest.mark.parametrize("bad", [0, -1, 2.5, "wide", True])
def test_a_width_is_a_number_of_columns(verdict, bad):
    with pytest.raises(ValueError, match=r"^width must be "):
        verdict.table(bad)


def test_a_verdict_without_claims_says_why():
    verdict = mt.check("routing", mt.BlockModel.isotropic(4, 1, 1.0), rng=0)
    assert verdict.claims == ()
    assert verdict.table() == f"routing: assumptions not met: needs {verdict.reason}"


def test_a_notebook_shows_the_table(verdict):
    shown = verdict._repr_html_()
    assert shown.startswith("<table><tr><th>claim</th>")
    assert "<td>MoE &lt;= dense</td>" in shown


def test_a_verdict_pickles(verdict):
    assert pickle.loads(pickle.dumps(verdict)) == verdict
