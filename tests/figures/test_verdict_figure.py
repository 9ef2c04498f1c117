"""The figure of a verdict has a row for each claim, with what speaks for it."""

import dataclasses

import numpy as np
import pytest
from placement import captions

import moetheory as mt
from moetheory.figures import style, verdict_figure


def marks(ax, marker):
    found = [line for line in ax.get_lines() if line.get_marker() == marker]
    return {(float(x), int(y)) for line in found for x, y in line.get_xydata()}


def test_rows_are_claims(verdict):
    ax = mt.plot(verdict)
    names = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert names == [claim.name for claim in verdict.claims]
    assert {row for _, row in marks(ax, "o")} == {
        row for row, claim in enumerate(verdict.claims) if claim.proved
    }
    words = captions(ax)
    assert verdict.theorem in words
    assert verdict.status in words


def test_slacks_and_deviations_are_those_of_the_points(verdict):
    ax = mt.plot(verdict)
    slacks, deviations = set(), set()
    for row, claim in enumerate(verdict.claims):
        for point in claim.points:
            if point.slack is not None and point.holds is not None:
                size = abs(point.left) + abs(point.right)
                slacks.add((point.slack / size, row))
            if point.comparison is not None:
                deviations.add((point.comparison.z / point.comparison.threshold, row))
    for marker, wanted, middle in (
        ("|", slacks, verdict_figure._SLACK),
        ("D", deviations, verdict_figure._Z),
    ):
        assert wanted
        drawn = {(x - middle, row) for x, row in marks(ax, marker)}
        np.testing.assert_allclose(sorted(drawn), sorted(wanted), atol=1e-12)


def test_what_is_violated_is_red(verdict):
    first, *others = verdict.claims
    bad = dataclasses.replace(
        verdict, claims=(dataclasses.replace(first, status="violated"), *others)
    )
    ax = mt.plot(bad)
    label, *rest = ax.get_yticklabels()
    assert label.get_color() == style.ALARM
    assert {each.get_color() for each in rest} == {style.INK}
    row = [line for line in ax.get_lines() if line.get_marker() == "|" and 0 in line.get_ydata()]
    assert {line.get_color() for line in row} == {style.ALARM}


def test_a_verdict_without_claims_can_be_drawn():
    leaky = mt.BlockModel.isotropic(4, 2, 1.0, leakage_variances=0.1)
    found = mt.check("one-over-k", leaky)
    assert found.status == "assumptions not met"
    ax = mt.plot(found)
    ax.figure.canvas.draw()
    assert "assumptions not met" in captions(ax)


def test_verdicts_fill_their_axes(verdict):
    with pytest.raises(ValueError, match=r"^result must be one Verdict, which fills its axes"):
        mt.plot([verdict, verdict])
