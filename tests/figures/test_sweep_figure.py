"""What is in the figure of a sweep is what is in the sweep."""

import numpy as np
import pytest
from placement import assert_well_placed, captions

import moetheory as mt
from moetheory.figures import style

MODEL = mt.BlockModel.isotropic(4, 2, 1.0)


def curves(ax):
    return {line.get_label(): line for line in ax.get_lines() if line.get_label()[0] != "_"}


def on(line, x, y):
    """Whether all points (x, y) are on the drawn line, among those that it goes through."""
    drawn = dict(zip(*map(np.ndarray.tolist, line.get_data()), strict=True))
    return [drawn[each] for each in np.asarray(x).tolist()] == np.asarray(y).tolist()


def test_lines_are_theory_and_points_are_simulation(sweep):
    ax = mt.plot(sweep)
    lines = curves(ax)
    assert list(lines) == ["dense", "mixture of experts", "1/K bound"]
    for line, column in zip(lines.values(), ("dense", "moe", "bound"), strict=True):
        # a bound leaves the axes where it is above all curves
        seen = sweep[column] <= ax.get_ylim()[1]
        assert seen.all() or column == "bound"
        drawn = np.interp(sweep["experts"], *line.get_data())
        np.testing.assert_allclose(drawn[seen], sweep[column][seen], rtol=1e-9)
        assert len(line.get_xdata()) > len(sweep)
    for container, label in zip(ax.containers, ("dense", "moe"), strict=True):
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), sweep[f"{label}_simulated"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.972 * sweep[f"{label}_sem"], rtol=1e-3)
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_ylabel()) == ("log", "log", "excess risk")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "3", "6", "12"]
    assert r"$d$ = 12, $\sigma^2$ = 1, $S$ = 12" in captions(ax)


def test_values_in_any_order_give_the_same_lines():
    ordered, shuffled = (
        curves(mt.plot(mt.sweep(MODEL, "noise_variance", values)))
        for values in ([0.1, 1.0, 10.0], [10.0, 0.1, 1.0])
    )
    for name, line in ordered.items():
        np.testing.assert_array_equal(line.get_xydata(), shuffled[name].get_xydata())


def test_single_values_zeros_and_risks_below_zero_can_be_drawn():
    ax = mt.plot(mt.sweep(MODEL, "noise_variance", [1.0]))
    assert {line.get_marker() for line in curves(ax).values()} == {"_"}
    ax = mt.plot(mt.sweep(MODEL, "noise_variance", [0.0, 1.0]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    noisy = MODEL.replace(label_noise_variance=1e4)
    result = mt.sweep(noisy, "noise_variance", [0.1, 1.0], replicates=50, rng=3)
    assert min(result["dense_simulated"].min(), result["moe_simulated"].min()) < 0
    ax = mt.plot(result)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] < result["dense_simulated"].min()


def test_bounds_may_leave_the_axes_and_are_called_1_over_k_only_where_they_are():
    result = mt.sweep(MODEL, "noise_variance", [0.01, 1.0, 100.0])
    ax = mt.plot(result)
    assert result["bound"].max() > 10.0 * ax.get_ylim()[1]
    leaky = mt.sweep(
        lambda k: mt.BlockModel.isotropic(12, k, 1.0, leakage_variances=0.1), "experts", [1, 2, 3]
    )
    assert "bound for experts" in curves(mt.plot(leaky))


def test_infinite_stretches_are_shaded_and_said(fitted):
    ax = mt.plot(fitted)
    spans = [(band.get_x(), band.get_x() + band.get_width()) for band in ax.patches]
    assert spans == [(10.5, 13.5), (8.5, 15.5)]
    words = captions(ax).replace("\n", " ")
    assert "dense at $n$ = 11 to 13; mixture of experts at $n$ = 9 to 15" in words
    for container, label in zip(ax.containers, ("dense", "moe"), strict=True):
        drawn = container.lines[0].get_ydata()
        left_out = np.isinf(fitted[label])
        assert np.all(np.isnan(drawn[left_out]))
        sure = np.isfinite(fitted[f"{label}_sem"]) & ~left_out
        np.testing.assert_array_equal(drawn[sure], fitted[f"{label}_simulated"][sure])
        assert np.isnan(drawn[~sure]).all()
        line = curves(ax)["dense" if label == "dense" else "mixture of experts"]
        seen = ~left_out
        assert on(line, fitted["samples"][seen], fitted[label][seen])
        assert np.isnan(line.get_ydata()).sum() >= left_out.sum()


def test_points_of_infinite_variance_are_open_and_said(fitted):
    ax = mt.plot(fitted)
    assert "open: of infinite variance" in captions(ax).replace("\n", " ")
    unsure = np.isinf(fitted["moe_sem"]) & np.isfinite(fitted["moe"])
    assert unsure.any()
    open_ones = [line for line in ax.get_lines() if line.get_markerfacecolor() == "white"]
    drawn = [np.asarray(line.get_ydata())[unsure] for line in open_ones]
    assert any(np.array_equal(each, fitted["moe_simulated"][unsure]) for each in drawn)


def test_infinities_that_gates_share_are_said_once():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    gates = [mt.MoE(), mt.MoE(mt.Soft()), mt.MoE(mt.Hard())]
    ax = mt.plot(mt.sweep(model, "samples", [3, 9, 12, 15, 40, 80], [mt.Dense(), *gates]))
    assert "oracle gate and soft gate and hard gate at $n$ = " in captions(ax).replace("\n", " ")


def test_asymptotic_answers_have_a_band(fitted):
    ax = mt.plot(fitted)
    (band,) = [each for each in ax.collections if each.get_alpha() == 0.2]
    vertices = np.concatenate([path.vertices for path in band.get_paths()])
    low, high = ax.get_ylim()
    columns = (fitted[name] for name in ("samples", "dense", "dense_error"))
    for n, value, error in zip(*columns, strict=True):
        at = vertices[vertices[:, 0] == n, 1]
        assert np.isinf(value) == (at.size == 0)
        if at.size:
            assert at.max() == pytest.approx(np.clip(value + error, 0.0, high), rel=1e-6)
            assert at.min() >= 0.0
    assert "error of the formula" in captions(ax)
    assert low < fitted["moe"].min()


def test_a_spike_does_not_flatten_the_rest():
    model = mt.BlockModel.isotropic(512, 1, 1.0, signal_energy=512.0)
    result = mt.sweep(model, "samples", [32, 64, 128, 256, 510, 1024, 2048, 4096], [mt.Dense()])
    assert result["dense"].max() > 200
    low, high = mt.plot(result).get_ylim()
    assert low < result["dense"].min() < np.sort(result["dense"])[-2] < high < 1000
    columns = {"samples": np.arange(1, 9), "dense": np.array([0.0, 1, 2, 3, 3, 2, 1, 1e6])}
    columns["dense"][3] = np.inf
    linear = mt.plot(mt.Sweep("samples", columns, 0, None, (mt.Dense(),)))
    assert (linear.get_yscale(), linear.get_ylim()[0]) == ("linear", 0.0)
    assert 3.0 < linear.get_ylim()[1] < 20.0


def test_risks_that_are_all_infinite_can_be_drawn():
    result = mt.sweep(MODEL, "noise_variance", [0.1, 1.0], samples=4, replicates=5, rng=0)
    ax = mt.plot(result)
    assert_well_placed(ax.figure)
    assert "infinite at every value" in captions(ax)


GATES = [mt.Hard(), mt.Soft(), mt.Soft(0.5), mt.TopK(2), mt.Learned(500, "full")]


@pytest.fixture(scope="module")
def routed():
    return mt.sweep(
        lambda k: mt.BlockModel.isotropic(12, k, 1.0, signal_energy=12.0),
        "experts",
        [2, 3, 4],
        [mt.Dense(), mt.MoE(), *(mt.MoE(gate=gate) for gate in GATES)],
        replicates=20,
        rng=0,
    )


def test_gates_have_names_and_looks_of_their_own(routed):
    ax = mt.plot(routed)
    lines = curves(ax)
    names = [
        *("dense", "oracle gate", "hard gate", "soft gate", "soft gate, temperature 0.5"),
        *("top-2 gate", "learned gate, 500 samples, full moments"),
    ]
    assert list(lines) == [*names, "1/K bound"]
    for name, meaning in zip(names[:4], ("dense", "oracle", "hard", "soft"), strict=True):
        assert lines[name].get_color() == style.LOOKS[meaning].colour
    assert len({(line.get_color(), str(line._dash_pattern)) for line in lines.values()}) == 8
    assert_well_placed(ax.figure)


def test_a_gate_without_theory_is_its_points_joined_by_dots(routed):
    dotted = [line for line in mt.plot(routed).get_lines() if line.get_linestyle() == ":"]
    wanted = [routed[f"{mt.MoE(gate).label}_simulated"] for gate in GATES]
    drawn = [line.get_ydata().tolist() for line in dotted]
    assert drawn == [each.tolist() for each in (wanted[2], wanted[4])]


@pytest.mark.parametrize(
    ("over", "values", "label", "scales"),
    [
        ("test_noise_variance", [0.1, 1, 10], r"$\sigma_o^2$", ("log", "log")),
        ("test_noise_variance", [0, 1], "test noise variance", ("linear", "linear")),
        ("misrouting", [0, 0.5, 1], r"misrouting rate $\varepsilon$", ("linear", "linear")),
        ("erasure", [0.01, 0.9], r"erasure probability $\tau$", ("linear", "linear")),
        ("leakage", [0, 1], r"leakage $\alpha$", ("linear", "log")),
        ("leakage", [0.01, 1], r"leakage $\alpha$", ("log", "log")),
        ("interference", [0, 1], r"interference $\alpha$", ("linear", "log")),
        ("overlap", [0.3, 1], r"overlap $\alpha$", ("linear", "log")),
        ("radius", [0, 2], "radius of the worst-case shift", ("linear", "log")),
        ("radius", [0.001, 10], "radius of the worst-case shift", ("log", "log")),
    ],
)
def test_axes_of_what_differs_at_test_time(over, values, label, scales):
    ax = mt.plot(mt.sweep(MODEL, over, values))
    assert label in ax.get_xlabel()
    assert (ax.get_xscale(), ax.get_yscale()) == scales
    assert ax.get_xlim()[1] >= values[-1]
    if scales == ("linear", "linear"):
        assert ax.get_ylim()[0] == 0.0


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0, 1, 2, 3], "linear"), ([0, 1, 3, 10, 30, 100], "symlog"), ([1, 3, 10, 30], "log")],
)
def test_steps_are_whole_numbers_that_may_begin_with_0(values, scale):
    ax = mt.plot(mt.sweep(mt.BlockModel.power_law(4, 2, 1.0, decay=1.0), "steps", values))
    assert (ax.get_xlabel(), ax.get_xscale()) == ("steps $t$ of gradient descent", scale)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert ticks == [round(tick) for tick in ticks]
    assert len(ticks) > 1


def test_misclassifications_are_drawn_as_accuracies_on_a_linear_axis():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    estimators = [mt.Dense(), mt.MoE(), mt.MoE(mt.Hard())]
    values = [0.1, 1.0, 10.0]
    result = mt.sweep(
        model, "noise_variance", values, estimators, loss="sign", replicates=200, rng=1
    )
    ax = mt.plot(result)
    assert (ax.get_ylabel(), ax.get_xscale(), ax.get_yscale()) == ("accuracy", "log", "linear")
    for label, column in (("dense", "dense"), ("oracle gate", "moe")):
        assert on(curves(ax)[label], values, 1.0 - result[column])
    for container, label in zip(ax.containers, ("dense", "moe", "moe(hard)"), strict=True):
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), 1.0 - result[f"{label}_simulated"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.972 * result[f"{label}_sem"], rtol=1e-3)


def test_several_sweeps_share_axes():
    sweeps = [mt.sweep(MODEL, "noise_variance", [0.1, 1.0], samples=n) for n in (30, 300)]
    ax = mt.plot(sweeps, label=["30 samples", "300 samples"])
    names = list(curves(ax))
    assert [name for name in names if "bound" not in name] == [
        *("dense, 30 samples", "mixture of experts, 30 samples"),
        *("dense, 300 samples", "mixture of experts, 300 samples"),
    ]
    low, high = ax.get_ylim()
    for each in sweeps:
        assert low < each["moe"].min() < each["dense"].max() < high
    assert_well_placed(ax.figure)


def test_a_second_sweep_looks_different_and_leaves_the_first_in_view():
    first, second = (
        mt.sweep(MODEL, "noise_variance", values, samples=n)
        for values, n in (([0.1, 1.0, 10.0], None), ([1.0, 10.0, 100.0], 60))
    )
    ax = mt.plot(second, mt.plot(first))
    theory = [line for line in ax.get_lines() if line.get_color() == style.LOOKS["dense"].colour]
    assert len({line.get_linestyle() for line in theory}) == 2
    assert len(ax.get_yticks()) >= 2
    for line in theory:
        x, y = line.get_data()
        assert ax.get_xlim()[0] <= x.min() < x.max() <= ax.get_xlim()[1]
        assert ax.get_ylim()[0] <= np.nanmin(y) < np.nanmax(y) <= ax.get_ylim()[1]


def test_axes_that_are_shared_show_the_curves_of_both():
    from matplotlib.figure import Figure

    left, right = Figure(layout="constrained").subplots(1, 2, sharex=True, sharey=True)
    mt.plot(mt.sweep(MODEL, "noise_variance", [0.1, 1.0, 10.0]), left)
    mt.plot(mt.sweep(MODEL, "noise_variance", [1.0, 10.0, 100.0]), right)
    assert left.get_xlim()[0] < 0.1 < 100.0 < left.get_xlim()[1]
    lowest = min(line.get_ydata().min() for line in left.get_lines() if line.get_gid() != "bound")
    assert left.get_ylim()[0] < lowest


def test_infinite_values_make_no_curve_coarse():
    model = mt.BlockModel.isotropic(64, 8, 1.0, signal_energy=16.0)
    ax = mt.plot(mt.sweep(model, "samples", [16, 32, 60, 64, 70, 128, 512, 1024]))
    line = curves(ax)["mixture of experts"]
    exact = mt.risk(mt.MoE(), model, samples=180).excess
    assert np.interp(180, *line.get_data()) == pytest.approx(exact, rel=0.005)
