"""What can be drawn, on which axes, with which words."""

import re
import shutil

import matplotlib as mpl
import numpy as np
import pytest
from drawn_models import UNEQUAL
from matplotlib.figure import Figure
from placement import captions

import moetheory as mt
from moetheory.common.errors import ArgumentError
from moetheory.figures import plotting, style
from moetheory.figures.series import SERIES

KNOWN = ", ".join([*(kind.__name__ for kind in plotting._PANELS), "Estimates"])
RISK = mt.risk(mt.MoE(), UNEQUAL)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1, 2], f"result must be one of {KNOWN}, or a list of one kind, got a list with 1"),
        (3, f"result must be one of {KNOWN}, or a list of one kind, got 3"),
        (None, f"result must be one of {KNOWN}, or a list of one kind, got None"),
        ([], "result must be at least one result, got an empty list"),
        (
            [RISK, mt.misclassification(mt.MoE(), UNEQUAL)],
            "result must be a list of one kind, got Risk and Misclassification",
        ),
        (
            mt.Sweep("samples", {"samples": np.array([1, 2])}, 0, None),
            "result must be a Sweep with its estimators, got none: there is no curve",
        ),
    ],
)
def test_only_results_can_be_drawn(result, message):
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$") as caught:
        mt.plot(result)
    assert caught.value.argument == "result"


def test_every_kind_of_result_is_listed():
    kinds = (
        *("Sweep", "Audit", "BestAssignment", "LawEnds", "Risk", "Misclassification", "Estimate"),
        *("Descent", "DescentEstimate", "RoutingMatrix", "RiskDistribution", "SpikedSpectrum"),
        *("Verdict", "Estimates"),
    )
    assert set(kinds) <= set(KNOWN.split(", "))


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda figure: figure.subplots(2, 2), "an array of 4: pass one of them, axes[0, 0]"),
        (lambda figure: figure.subplots(1, 3), "an array of 3: pass one of them, axes[0]"),
        (lambda figure: list(figure.subplots(2)), "an array of 2: pass one of them, axes[0]"),
        (lambda figure: {"groups": figure.subplots(2)}, "an array of 2: pass one of them, axes[0]"),
        (lambda _: [], "an array of 0"),
        (lambda figure: figure, "Figure: pass figure.add_subplot()"),
        (lambda figure: figure.add_subplot(projection="3d"), "3d axes"),
        (lambda figure: figure.add_subplot(projection="polar"), "polar axes"),
        (lambda _: "x", "str"),
        (lambda _: 0, "int"),
        (lambda _: False, "bool"),
    ],
)
def test_what_is_no_single_axes_is_refused_with_advice(make, got):
    with pytest.raises(TypeError) as caught:
        mt.plot(RISK, ax=make(Figure()))
    assert str(caught.value) == f"ax must be a single matplotlib Axes, got {got}"
    assert caught.value.argument == "ax"


@pytest.mark.parametrize("ax", [{}, {"values": None}, {1: None}])
def test_panels_have_names(ax):
    with pytest.raises(ValueError, match=r"^ax must name panels among 'groups', got"):
        mt.plot(RISK, ax)


@pytest.mark.parametrize(
    ("result", "label", "error", "message"),
    [
        (RISK, 3, TypeError, "must be a text or an estimator for each result, got 3"),
        (RISK, ["a"], TypeError, "must be a text or an estimator for each result, got ['a']"),
        ([RISK], [3], TypeError, "must be a text or an estimator for each result, got 3"),
        ([RISK] * 2, "a", ValueError, "must be one for each of the 2 results, got 'a'"),
        ([RISK] * 2, ["a"], ValueError, "must be one for each of the 2 results, got ['a']"),
    ],
)
def test_labels_that_do_not_fit_are_refused(result, label, error, message):
    with pytest.raises(error, match=f"^label {re.escape(message)}$"):
        mt.plot(result, label=label)


@pytest.mark.parametrize("title", [3, ["a"], mt.Dense()])
def test_a_title_is_a_text(title):
    with pytest.raises(TypeError, match=r"^title must be a text, got"):
        mt.plot(RISK, title=title)


def test_refusals_leave_no_figure_behind():
    from matplotlib import pyplot

    for keywords in ({"title": 3}, {"label": 3}, {"ax": 3}):
        with pytest.raises(TypeError):
            mt.plot(RISK, **keywords)
    assert pyplot.get_fignums() == []


def test_axes_of_a_figure_without_pyplot_will_do():
    from matplotlib import pyplot

    ax = Figure().add_subplot()
    assert mt.plot(RISK, ax) is ax
    assert pyplot.get_fignums() == []


def test_results_that_are_drawn_one_by_one_are_told_apart():
    ax = mt.plot(RISK, title="First")
    mt.plot(mt.risk(mt.Dense(), UNEQUAL), ax, label="other")
    mt.plot([RISK, RISK], ax)
    lines = [line for line in ax.get_lines() if line.get_gid() == SERIES]
    names = [line.get_label().split(",")[0] for line in lines]
    assert names == ["mean", "other", "mean 3", "mean 4"]
    assert len({(line.get_color(), str(line._dash_pattern)) for line in lines}) == 4
    assert "First" in captions(ax)


def test_an_estimator_as_label_gives_name_and_look():
    ax = mt.plot([RISK, RISK], label=["mine", mt.MoE(mt.Soft())])
    mine, soft = (line for line in ax.get_lines() if line.get_gid() == SERIES)
    assert (mine.get_color(), soft.get_color()) == (style.INK, style.LOOKS["soft"].colour)
    assert soft.get_label().startswith("soft gate")


NAMES = [
    *("sweep", "fitted", "audit", "laws", "ladder", "risks", "misclassifications", "estimates"),
    *("descents", "paths", "tails", "routing", "spectra", "verdict"),
]


@pytest.mark.skipif(shutil.which("latex") is None, reason="there is no LaTeX")
def test_latex_sets_figures(every, tmp_path):
    with mpl.rc_context({"text.usetex": True}):
        for name in NAMES:
            result, keywords = every[name]
            mt.plot(result, **keywords)
            mpl.pyplot.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize("usetex", [False, True])
def test_a_quantity_of_ones_own_is_shown_as_it_is(usetex):
    columns = {"price_in_$": np.array([1.0, 2.0]), "dense": np.array([1.0, 2.0])}
    result = mt.Sweep("price_in_$", columns, 0, None, (mt.Dense(),))
    if usetex and shutil.which("latex") is None:
        pytest.skip("there is no LaTeX")
    with mpl.rc_context({"text.usetex": usetex}):
        assert mt.plot(result, Figure().add_subplot()).get_xlabel() == r"price in \$"


def test_words_that_are_no_mathematics_are_shown_as_they_are():
    table = mt.sweep(mt.BlockModel.isotropic(4, 2, 1.0), "noise_variance", [0.5, 2.0])
    ax = mt.plot(table, title="cost $5, $x_1^$, $sigma^2$")
    ax.figure.draw_without_rendering()
    assert any(r"cost \$5" in text.get_text() for text in ax.texts)


def test_sweeps_over_several_quantities_have_no_axes_in_common():
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    pair = [mt.sweep(model, over, [0.5, 0.9]) for over in ("noise_variance", "misrouting")]
    with pytest.raises(ValueError, match="result must be a list with one over and one loss, got"):
        mt.plot(pair)


def test_estimates_have_the_names_and_looks_of_their_estimators():
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    ax = mt.plot(mt.simulate([mt.Dense(), mt.MoE()], model, replicates=50, rng=0))
    colours = {line.get_color() for line in ax.get_lines()}
    assert {style.LOOKS["dense"].colour, style.LOOKS["oracle"].colour} <= colours


def test_latex_knows_all_letters_of_maps_and_sweeps():
    model = mt.BlockModel.isotropic(16, 4, 1.0, signal_energy=16.0)
    for result in (
        mt.sweep(model, "noise_variance", [0.5, 1.0, 2.0]),
        mt.phase_map(model, ("noise_variance", [0.5, 2.0]), ("misrouting", [0.1, 0.9])),
    ):
        texts = mt.plot(result).figure.findobj(mpl.text.Text)
        # Matplotlib's own minus is mathematics with LaTeX
        words = [each.get_text().replace("\N{MINUS SIGN}", "-") for each in texts]
        assert [each for each in words if not each.isascii()] == []
