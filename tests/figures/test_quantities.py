"""Quantities in figures: every one that a sweep or a map takes has a name for its axis."""

import math

import pytest

import moetheory as mt
from moetheory.figures.numbers import plain
from moetheory.figures.quantities import SYMBOLS, axis_label, differences
from moetheory.sweeping.points import QUANTITIES


@pytest.mark.parametrize("name", [*QUANTITIES, "experts", "dim"])
def test_axes_have_words_and_not_the_names_of_arguments(name):
    assert "_" not in axis_label(name).split("$")[0]
    assert name in SYMBOLS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.3333333, "0.3333"),
        (1e6, "1000000"),
        (1.5e-7, r"$1.5\times 10^{-7}$"),
        (1e30, "$10^{30}$"),
        (-math.inf, r"$-\infty$"),
    ],
)
def test_numbers_are_short(value, text):
    assert plain(value) == text


def test_sweeps_without_labels_are_told_apart_by_what_differs():
    model = mt.BlockModel.isotropic(8, 2, 1.0, signal_energy=8.0)
    tables = [
        mt.sweep(model, "noise_variance", [0.5, 2.0], [mt.MoE()], samples=n) for n in (40, 90)
    ]
    assert differences([each.setting for each in tables]) == ["$n$ = 40", "$n$ = 90"]
    ax = mt.plot(tables)
    assert {"$n$ = 40", "$n$ = 90"} <= {line.get_label() for line in ax.get_lines()}
    assert differences([tables[0].setting] * 2) == ["", ""]
