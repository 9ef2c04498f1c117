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


@pytest.fixture(scope="module")
def audit():
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0)
    model = model.replace(leakage_variances=0.05, label_noise_variance=0.1)
    sample = model.sample(1000, rng=0)
    return mt.audit(sample.features, sample.labels, block_of=model.block_of, repeats=1, rng=0)


def test_an_audit_is_lines_foreseen_and_points_measured(audit):
    ax = mt.plot(audit)
    lines = {line.get_label(): line for line in ax.get_lines()}
    names = {
        "dense": "dense",
        "experts told the groups": "moe",
        "experts behind a gate": "moe(hard)",
        "dense, tuned": "dense(tuned)",
        "experts that see all features": "moe(all)",
    }
    for (label, name), container in zip(names.items(), ax.containers, strict=True):
        np.testing.assert_array_equal(lines[label].get_xdata(), audit.noise_variances)
        np.testing.assert_array_equal(lines[label].get_ydata(), audit[f"{name}_predicted"])
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), audit[f"{name}_measured"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.9695 * audit[f"{name}_sem"], rtol=1e-3)
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_ylabel()) == ("symlog", "log", "risk")


def test_where_leads_change_is_a_dashed_line_and_a_band(audit):
    ax = mt.plot(audit)
    predicted_changes = {
        line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"
    }
    places = [place for both in audit.crossovers.values() for place in both.predicted]
    assert (
        predicted_changes
        == {place.value for place in places if 0.0 < place.value < np.inf}
        != set()
    )
    places = [place for both in audit.crossovers.values() for place in both.measured]
    bands = {(band.get_x(), band.get_x() + band.get_width()) for band in ax.patches[:-1]}
    end = audit.noise_variances[-1]
    wanted = [(p.low, min(p.high, end)) for p in places if 0.0 < p.value < np.inf]
    np.testing.assert_allclose(sorted(bands), sorted(wanted))


def test_an_audit_without_leads_or_without_zero_noise(audit):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((200, 4))
    found = mt.audit(
        features, features @ np.ones(4), experts=1, noise_variances=[1.0, 2.0], repeats=1, rng=0
    )
    ax = mt.plot(found)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert not ax.patches
    single = mt.audit(features, features @ np.ones(4), noise_variances=1.0, repeats=1, rng=0)
    assert mt.plot(single).get_xscale() == "linear"


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
