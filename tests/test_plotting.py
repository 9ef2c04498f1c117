"""What is in the figure is what is in the result."""

import matplotlib as mpl
import numpy as np
import pytest

import moetheory as mt

mpl.use("Agg")


@pytest.fixture
def sweep():
    return mt.sweep(
        lambda k: mt.BlockModel.isotropic(12, k, 1.0, signal_energy=12.0),
        "experts",
        [1, 2, 3, 4, 6, 12],
        replicates=200,
        rng=0,
    )


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def test_lines_are_theory_and_points_are_simulation(sweep):
    ax = mt.plot(sweep)
    lines = {line.get_label(): line for line in ax.get_lines()}
    for label, column in (
        ("dense", "dense"),
        ("mixture of experts", "moe"),
        ("1/K bound", "bound"),
    ):
        np.testing.assert_array_equal(lines[label].get_ydata(), sweep[column])
        np.testing.assert_array_equal(lines[label].get_xdata(), sweep["experts"])
    assert len(ax.containers) == 2
    for container, label in zip(ax.containers, ("dense", "moe"), strict=True):
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), sweep[f"{label}_simulated"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.972 * sweep[f"{label}_sem"], rtol=1e-3)


def test_axes_are_logarithmic_and_named(sweep):
    ax = mt.plot(sweep)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("number of experts K", "excess risk")
    ax.figure.canvas.draw()
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["1", "2", "3", "6", "12"]


def test_it_draws_on_the_axes_given_and_copes_with_zeros():
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    assert mt.plot(mt.sweep(model, "noise_variance", [0.0, 1.0]), ax) is ax
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    assert len(ax.get_lines()) == 3


def test_only_results_can_be_drawn():
    with pytest.raises(ValueError, match="result must be a Sweep, got list"):
        mt.plot([1, 2])
