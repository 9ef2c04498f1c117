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


def test_values_in_any_order_give_the_same_lines(sweep):
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    ax = mt.plot(mt.sweep(model, "noise_variance", [10.0, 0.1, 1.0]))
    for line in ax.get_lines():
        assert line.get_xdata().tolist() == [0.1, 1.0, 10.0]
    moe = mt.sweep(model, "noise_variance", [0.1, 1.0, 10.0])["moe"]
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), moe)


def test_a_single_value_is_visible():
    ax = mt.plot(mt.sweep(mt.BlockModel.isotropic(4, 2, 1.0), "noise_variance", [1.0]))
    assert {line.get_marker() for line in ax.get_lines()} == {"_"}


def test_simulated_excess_below_zero_keeps_its_points():
    model = mt.BlockModel.isotropic(4, 2, 1.0, label_noise_variance=1e4)
    result = mt.sweep(model, "noise_variance", [0.1, 1.0], replicates=50, rng=3)
    assert min(result["dense_simulated"].min(), result["moe_simulated"].min()) < 0
    assert mt.plot(result).get_yscale() == "linear"


def test_the_bound_is_called_1_over_k_only_where_it_is():
    ax = mt.plot(
        mt.sweep(
            lambda k: mt.BlockModel.isotropic(12, k, 1.0, leakage_variances=0.1),
            "experts",
            [1, 2, 3],
        )
    )
    assert [line.get_label() for line in ax.get_lines()][-1] == "upper bound for experts"


def test_only_results_can_be_drawn():
    with pytest.raises(ValueError, match="result must be a Sweep, got list"):
        mt.plot([1, 2])
