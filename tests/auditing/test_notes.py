"""Warnings: each where it is due, none elsewhere."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.tabular import Table

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 4))
LABELS = FEATURES.sum(axis=1) + RNG.normal(size=400)
GROUPS = np.arange(400) % 2
RARE = np.where(np.arange(400) % 40 == 0, "rare", np.where(LABELS > 0, "up", "down"))


def notes(features=FEATURES, labels=LABELS, **options):
    given = {"groups": GROUPS, "noise_variances": [0.0, 1.0], "repeats": 1, "rng": 0} | options
    return mt.audit(features, labels, **given).notes


def test_plain_data_have_no_notes():
    assert notes() == ()


def constant(*columns):
    """The features with these columns of 7 put between them."""
    return np.insert(FEATURES, columns, 7.0, axis=1)


def doubled(array):
    return np.concatenate([array, array[:30]])


FAINT = np.column_stack([FEATURES, 1e-30 * FEATURES[:, ::-1]])

CASES = {
    "constant": (
        {"features": constant(1, 3)},
        "features that never vary are left out: 2 constant (1, 4).",
    ),
    "near-dead": (
        {"features": np.column_stack([FAINT, np.full(400, 7.0)])},
        "features that never vary are left out: 1 constant (8) and 4 constant but for rounding "
        "(4, 5, 6, 7).",
    ),
    "means": (
        {"features": FEATURES + 5.0},
        "96 % of the mean square of a typical feature is its squared mean: it is subtracted.",
    ),
    "means and no centre": (
        {"features": FEATURES + 5.0, "center": False},
        "96 % of the mean square of a typical feature is its squared mean: it counts as energy, "
        "for it is not subtracted.",
    ),
    "units": (
        {"features": FEATURES * [1, 1, 1, 1e4]},
        "from 0.95 to 1e+04): the same noise on all of them means little; noise='relative' "
        "(--noise relative) is in proportion to each.",
    ),
    "duplicates": (
        {"features": doubled(FEATURES), "labels": doubled(LABELS), "groups": doubled(GROUPS)},
        "30 samples repeat another one: they stay together in the split.",
    ),
    "found groups": (
        {"groups": None, "block_of": [0, 0, 1, 1]},
        "the groups were computed from features without noise. In use nobody tells them, and a "
        "router sees the noise: compare the columns with a router.",
    ),
    "router": (
        {"groups": None, "router": lambda x: x[:, 0] > 0},
        "the groups are what your router says of features without noise. In use it sees the noise: "
        "compare the columns with a router.",
    ),
    "merged": (
        {"groups": np.r_[7, 8, np.zeros(398, int)], "held_out": np.arange(400) > 300},
        "2 groups without 2 training samples joined with the most frequent one (7, 8).",
    ),
    "scarce": (
        {"groups": np.r_[[1] * 4, [0] * 396], "held_out": np.arange(400) > 300},
        "1 of 2 groups have no more training samples than features: their experts",
    ),
    "few held out": ({"held_out": 0.1}, "only 40 samples are held out: measured risks are rough."),
    "a rare class of three": (
        {"labels": RARE},
        "the class rare has 3.3 % of the training samples: standard errors are too small",
    ),
    "a rare class of two": (
        {"labels": RARE == "rare"},
        "the class True has 3.3 % of the training samples: standard errors are too small",
    ),
    "a rare class of two numbers": (
        {"labels": np.where(RARE == "rare", -3, 5), "classes": True},
        "the class -3 has 3.3 % of the training samples: standard errors are too small",
    ),
    "two numbers": (
        {"labels": np.where(LABELS > 0.0, 5.0, -3.0)},
        "labels are two different numbers, -3 and 5, taken as classes; classes=False "
        "(--regression) takes them as numbers.",
    ),
    "collinear": (
        {"features": np.column_stack([FEATURES, FEATURES[:, 0] + 1e-6 * FEATURES[:, 1]])},
        "features are collinear, or nearly, or as many as samples: fits without noise have a "
        "penalty of 1e-8 of each feature's variance.",
    ),
    "divided": (
        {
            "features": doubled(FEATURES),
            "labels": doubled(LABELS),
            "groups": doubled(GROUPS),
            "held_out": np.arange(430) >= 340,
        },
        "30 samples repeat another one: held_out divides 30 sets of them, whose risks are too "
        "small.",
    ),
    "clusters": ({"clusters": np.arange(400) // 4}, "100 clusters stay together."),
    "few clusters": (
        {"clusters": np.arange(400) // 50},
        "8 clusters stay together, which is few: standard errors are rough.",
    ),
    "whole numbers": (
        {"labels": np.clip(np.rint(LABELS), -2, 2)},
        "labels are 5 different whole numbers, taken as numbers; classes=True (--classes) takes",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_due_is_said_and_nothing_else(what):
    changes, said = CASES[what]
    found = notes(**changes)
    assert len(found) == 1, found
    assert said in found[0]


def test_notes_follow_the_three_lines_of_the_verdict():
    audit = mt.audit(
        constant(0) + 5.0, LABELS, groups=GROUPS, noise_variances=[1.0], held_out=0.1, rng=0
    )
    assert len(audit.notes) == 3
    lines, notes = audit.verdict.splitlines(), [f"Note: {note}" for note in audit.notes]
    assert lines[3:6] == notes
    assert not any(line.startswith("Note: ") for line in lines[:3] + lines[6:])
    assert " ".join(str(audit).split()) == " ".join(lines[:6])


def test_relative_noise_says_nothing_of_units():
    assert notes(FEATURES * [1, 1, 1, 1e4], noise="relative") == ()


def test_features_that_are_constant_may_be_refused_instead():
    for features, said in (
        (constant(1, 3), "features must vary, got 2 constant (1, 4): leave them out"),
        (FAINT, "features must vary, got 4 constant but for rounding (4, 5, 6, 7)"),
    ):
        with pytest.raises(ValueError, match="features must vary") as error:
            notes(features, keep_constant=True)
        assert said in str(error.value)
    assert notes(keep_constant=True) == ()


def test_a_split_that_divides_clusters_is_refused():
    with pytest.raises(ValueError, match="held_out must not divide clusters, got 100 that are on"):
        notes(clusters=np.arange(400) % 100, held_out=np.arange(400) >= 300)


def test_names_of_columns_and_groups_command_no_terminal():
    names = ["a\x1b[31m", "b\n", "c", "d"]
    found = mt.audit(
        Table(np.insert(FEATURES, 4, 7.0, axis=1), [*names, "e\x1b"]),
        LABELS,
        groups=np.r_[["x\x1b"], np.where(np.arange(399) % 2, "y", "z")],
        held_out=np.arange(400) > 300,
        rng=0,
    )
    printed = f"{found.table()}{found.verdict}{found!r}"
    assert "\x1b" not in printed
    assert "b\n" not in printed
    assert "a\\x1b[31m" in printed
