"""What is in the figure is what is in the result."""

import shutil

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import moetheory as mt
from moetheory.common.errors import ArgumentError

mpl.use("Agg")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1, 2], "result must be a Sweep, an Audit, a BestAssignment or a LawEnds, got list"),
        (3, "result must be a Sweep, an Audit, a BestAssignment or a LawEnds, got int"),
        (None, "result must be a Sweep, an Audit, a BestAssignment or a LawEnds, got NoneType"),
        (
            mt.Sweep("samples", {"samples": np.array([1, 2])}, 0, None),
            "result must be a Sweep with its estimators, got none: there is no curve",
        ),
    ],
)
def test_only_results_can_be_drawn(result, message):
    with pytest.raises(ArgumentError, match=f"^{message}$") as caught:
        mt.plot(result)
    assert caught.value.argument == "result"


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda figure: figure.subplots(2, 2), "an array of 4: pass one of them, axes[0, 0]"),
        (lambda figure: figure.subplots(1, 3), "an array of 3: pass one of them, axes[0]"),
        (lambda figure: list(figure.subplots(2)), "an array of 2: pass one of them, axes[0]"),
        (lambda _: [], "an array of 0"),
        (lambda figure: figure, "Figure: pass figure.add_subplot()"),
        (lambda _: "x", "str"),
        (lambda _: 0, "int"),
        (lambda _: False, "bool"),
    ],
)
def test_what_is_no_single_axes_is_refused_with_advice(sweep, make, got):
    with pytest.raises(TypeError) as caught:
        mt.plot(sweep, ax=make(Figure()))
    assert str(caught.value) == f"ax must be a single matplotlib Axes, got {got}"
    assert caught.value.argument == "ax"


def test_an_axes_of_a_figure_without_pyplot_will_do(sweep):
    from matplotlib import pyplot

    ax = Figure().add_subplot()
    assert mt.plot(sweep, ax) is ax
    assert pyplot.get_fignums() == []


MODEL = mt.BlockModel.isotropic(4, 2, 1.0, signal_energy=4.0)
BOTH = [mt.Dense(0.5), mt.MoE()]
ROUTED = [*BOTH, mt.MoE(mt.Hard()), mt.MoE(mt.Soft())]
EVERY = [*ROUTED, *(mt.MoE(gate) for gate in (mt.Soft(2), mt.TopK(2), mt.Learned(90)))]
KINDS = [
    *((over, [1, 2], BOTH, None) for over in ("experts", "samples", "steps")),
    ("samples", [2, 4, 5, 90], BOTH, 2),
    ("noise_variance", [0.5, 1], ROUTED, None),
    ("noise_variance", [0.5, 1], EVERY, 9),
    *((over, [0.5, 0.9], BOTH, 9) for over in ("misrouting", "erasure", "leakage", "radius")),
    ("test_noise_variance", [0.5, 2], ROUTED, 9),
]


def texts_of(figure):
    """All that is written in a figure; tick labels are Matplotlib's own affair."""
    figure.draw_without_rendering()
    ticks = {tick for ax in figure.axes for tick in (*ax.get_xticklabels(), *ax.get_yticklabels())}
    return [text.get_text() for text in figure.findobj(Text) if text not in ticks]


@pytest.mark.parametrize(("over", "values", "estimators", "replicates"), KINDS)
def test_every_label_is_one_that_latex_can_set(over, values, estimators, replicates):
    source = (lambda k: mt.BlockModel.isotropic(4, k, 1.0)) if over == "experts" else MODEL
    result = mt.sweep(source, over, values, estimators, replicates=replicates, rng=0)
    words = texts_of(mt.plot(result).figure)
    assert len(words) > 3
    assert [text for text in words if not text.isascii()] == []
    assert [text for text in words if "%" in text.replace(r"\%", "")] == []  # begins a comment


def test_every_label_of_an_audit_is_one_that_latex_can_set(audit):
    words = texts_of(mt.plot(audit).figure)
    assert len(words) > 7
    assert [text for text in words if not text.isascii()] == []
    assert [text for text in words if "%" in text.replace(r"\%", "")] == []


@pytest.mark.skipif(shutil.which("latex") is None, reason="there is no LaTeX")
def test_latex_sets_a_figure(audit, fitted, tmp_path):
    with mpl.rc_context({"text.usetex": True}):
        for result in (audit, fitted):
            mt.plot(result).figure.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize("usetex", [False, True])
def test_a_quantity_of_ones_own_is_shown_as_it_is(usetex):
    columns = {"price_in_$": np.array([1.0, 2.0]), "dense": np.array([1.0, 2.0])}
    result = mt.Sweep("price_in_$", columns, 0, None, (mt.Dense(),))
    with mpl.rc_context({"text.usetex": usetex}):
        assert mt.plot(result, Figure().add_subplot()).get_xlabel() == r"price in \$"
