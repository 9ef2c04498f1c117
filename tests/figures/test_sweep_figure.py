"""What is in the figure of a sweep is what is in the sweep."""

import numpy as np
import pytest

import moetheory as mt


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
    ax.figure.draw_without_rendering()
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


def test_lines_have_a_gap_where_the_risk_is_infinite(fitted):
    ax = mt.plot(fitted)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training samples n", "excess risk")
    lines = {line.get_label(): line for line in ax.get_lines()}
    for label, column in (("dense", "dense"), ("mixture of experts", "moe")):
        np.testing.assert_array_equal(lines[label].get_ydata(), fitted[column])
        assert np.isinf(lines[label].get_ydata()).any()
    ax.figure.draw_without_rendering()
    low, high = ax.get_ylim()
    finite = fitted["dense"][np.isfinite(fitted["dense"])]
    assert low < fitted["moe"].min() < finite.max() < high < 10 * finite.max()


def test_infinite_risks_are_marked_and_their_simulations_left_out(fitted):
    ax = mt.plot(fitted)
    dotted = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [11, 13, 9, 14]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "dense infinite at n = 11 to 13" in texts
    assert "mixture of experts infinite at n = 9 to 14" in texts
    for container, label in zip(ax.containers, ("dense", "moe"), strict=True):
        drawn = container.lines[0].get_ydata()
        left_out = np.isinf(fitted[label])
        assert np.all(np.isnan(drawn[left_out]))
        np.testing.assert_array_equal(drawn[~left_out], fitted[f"{label}_simulated"][~left_out])


def test_asymptotic_answers_have_a_band(fitted):
    ax = mt.plot(fitted)
    (band,) = [each for each in ax.collections if "error of the formula" in str(each.get_label())]
    vertices = np.concatenate([path.vertices for path in band.get_paths()])
    for n, value, error in zip(
        *(fitted[name] for name in ("samples", "dense", "dense_error")), strict=True
    ):
        at = vertices[vertices[:, 0] == n, 1]
        assert np.isinf(value) == (at.size == 0)
        if at.size:
            seen = min(value + error, 10.0 * ax.get_ylim()[1])
            np.testing.assert_allclose(at.max(), seen, rtol=1e-12)


def test_a_spike_does_not_flatten_the_rest():
    model = mt.BlockModel.isotropic(512, 1, 1.0, signal_energy=512.0)
    result = mt.sweep(model, "samples", [32, 64, 128, 256, 510, 1024, 2048, 4096], [mt.Dense()])
    assert result["dense"].max() > 200
    low, high = mt.plot(result).get_ylim()
    assert low < result["dense"].min() < np.sort(result["dense"])[-2] < high < 200
    columns = {"samples": np.arange(1, 9), "dense": np.array([0.0, 1, 2, 3, 3, 2, 1, 1e6])}
    columns["dense"][3] = np.inf
    linear = mt.plot(mt.Sweep("samples", columns, 0, None, (mt.Dense(),)))
    assert linear.get_yscale() == "linear"
    assert linear.get_ylim()[0] == 0.0
    assert 3.0 < linear.get_ylim()[1] < 20.0


def test_the_legend_is_outside_the_axes(fitted):
    ax = mt.plot(fitted)
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1.0


def test_risks_that_are_all_infinite_can_be_drawn():
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    result = mt.sweep(model, "noise_variance", [0.1, 1.0], samples=4, replicates=5, rng=0)
    ax = mt.plot(result)
    ax.figure.draw_without_rendering()
    assert ax.get_yticks().size == 0
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert r"dense infinite at $\sigma^2$ = 0.1 to 1" in texts


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
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_label()[0] != "_"}
    names = [
        *("dense", "oracle gate", "hard gate", "soft gate", "soft gate, temperature 0.5"),
        *("top-2 gate", "learned gate, 500 samples, full moments"),
    ]
    assert list(lines) == [*names, "1/K bound"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [*names, "1/K bound", r"points: simulated ($95\,\%$)"]
    known = [lines[name] for name in names[:4]]
    assert len({line.get_color() for line in known}) == 4
    assert [line.get_linestyle() for line in known[:2]] == ["-", "-"]
    assert "-" not in {line.get_linestyle() for line in known[2:]}
    for name, label in (("hard gate", "moe(hard)"), ("soft gate", "moe(soft)")):
        np.testing.assert_array_equal(lines[name].get_ydata(), routed[label])


def test_a_gate_without_theory_is_its_points_joined_by_dots(routed):
    ax = mt.plot(routed)
    for name, label in (
        ("soft gate, temperature 0.5", "moe(soft temperature=0.5)"),
        ("learned gate, 500 samples, full moments", "moe(learned samples=500 moments=full)"),
    ):
        (line,) = [line for line in ax.get_lines() if line.get_label() == name]
        assert line.get_linestyle() == ":"
        np.testing.assert_array_equal(line.get_ydata(), routed[f"{label}_simulated"])


def test_a_legend_of_many_entries_is_above(routed):
    for result in (routed, few_gates(routed, 20, 0)):
        ax = mt.plot(result)
        ax.figure.draw_without_rendering()
        legend = ax.get_legend().get_window_extent()
        assert legend.y0 >= ax.get_window_extent().y1 - 1.0
        assert legend.x0 >= 0
        assert legend.x1 <= ax.figure.bbox.x1


def few_gates(routed, replicates, entropy):
    wanted = ("experts", "dense", "moe_", "moe(hard)", "bound")
    columns = {n: c for n, c in routed.columns.items() if n == "moe" or n.startswith(wanted)}
    if not replicates:
        columns = {n: c for n, c in columns.items() if not n.endswith(("_simulated", "_sem"))}
    return mt.Sweep("experts", columns, replicates, entropy, routed.estimators[:3])


def test_infinities_that_gates_share_are_marked_once():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    gates = [mt.MoE(), mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.Hard())]
    ax = mt.plot(mt.sweep(model, "samples", [3, 9, 12, 15, 40, 80], [mt.Dense(), *gates]))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [name for name in names if "infinite" in name] == [
        "dense infinite at n = 12",
        "experts infinite at n = 9 to 15",
    ]


def test_few_entries_stay_inside(routed):
    ax = mt.plot(few_gates(routed, 0, None))
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y1 <= ax.get_window_extent().y1


def test_gates_and_a_ridge_in_words():
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    estimators = [mt.MoE(gate=mt.Soft(2), ridge=0.5), mt.MoE(ridge=0.5)]
    ax = mt.plot(mt.sweep(model, "noise_variance", [1.0, 2.0], estimators, replicates=9, rng=0))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "soft gate, temperature 2, ridge 0.5" in texts
    assert "moe(ridge=0.5)" in texts


@pytest.mark.parametrize(
    ("over", "values", "label", "scales"),
    [
        ("test_noise_variance", [0.1, 1, 10], r"$\sigma_o^2$", ("log", "log")),
        ("test_noise_variance", [0, 1], "test noise variance", ("linear", "linear")),
        ("misrouting", [0, 0.5, 1], r"misrouting rate $\varepsilon$", ("linear", "linear")),
        ("misrouting", [0.01, 0.1, 1], r"misrouting rate $\varepsilon$", ("linear", "linear")),
        ("erasure", [0.01, 0.9], r"erasure probability $\tau$", ("linear", "linear")),
        ("leakage", [0, 1], r"leakage $\alpha$", ("linear", "log")),
        ("leakage", [0.3, 1], r"leakage $\alpha$", ("linear", "log")),
        ("leakage", [0.01, 1], r"leakage $\alpha$", ("log", "log")),
        ("interference", [0, 1], r"interference $\alpha$", ("linear", "log")),
        ("interference", [0.01, 1], r"interference $\alpha$", ("log", "log")),
        ("overlap", [0.3, 1], r"overlap $\alpha$", ("linear", "log")),
        ("radius", [0, 2], "radius of the worst-case shift", ("linear", "log")),
        ("radius", [0.001, 10], "radius of the worst-case shift", ("log", "log")),
    ],
)
def test_axes_of_what_differs_at_test_time(over, values, label, scales):
    ax = mt.plot(mt.sweep(mt.BlockModel.isotropic(4, 2, 1.0), over, values))
    assert label in ax.get_xlabel()
    assert (ax.get_xscale(), ax.get_yscale()) == scales
    ax.figure.draw_without_rendering()
    assert ax.get_xlim()[1] >= values[-1]
    if scales == ("linear", "linear"):
        assert ax.get_ylim()[0] == 0.0
        assert ax.get_ylim()[1] > max(line.get_ydata().max() for line in ax.get_lines())


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        ([0, 1, 2, 3], "linear", "0 1 2 3"),
        ([0], "linear", "0"),
        ([0, 1, 2, 3, 5], "linear", "0 1 2 3 4 5"),
        ([0, 1, 3, 10, 30, 100], "symlog", "0 1 2 5 10 20 50 100"),
        ([1, 3, 10, 30, 100], "log", "1 2 5 10 20 50 100"),
        ([10], "log", "10"),
    ],
)
def test_steps_are_whole_numbers_that_may_begin_with_0(values, scale, ticks):
    ax = mt.plot(mt.sweep(mt.BlockModel.power_law(4, 2, 1.0, decay=1.0), "steps", values))
    assert (ax.get_xlabel(), ax.get_xscale()) == ("steps t of gradient descent", scale)
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    shown = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    assert " ".join(label.get_text() for x, label in shown if low <= x <= high) == ticks


def test_infinities_over_a_new_quantity_have_its_symbol():
    model = mt.BlockModel.isotropic(4, 2, 1.0)
    ax = mt.plot(mt.sweep(model, "erasure", [0.1, 0.5], [mt.MoE()], samples=4))
    (text,) = [t.get_text() for t in ax.get_legend().get_texts() if "infinite" in t.get_text()]
    assert text == r"mixture of experts infinite at $\tau$ = 0.1 to 0.5"


def test_misclassifications_are_drawn_as_accuracies_on_a_linear_axis():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    estimators = [mt.Dense(), mt.MoE(), mt.MoE(mt.Hard())]
    result = mt.sweep(
        model, "noise_variance", [0.1, 1.0, 10.0], estimators, loss="sign", replicates=200, rng=1
    )
    ax = mt.plot(result)
    assert (ax.get_ylabel(), ax.get_xscale(), ax.get_yscale()) == ("accuracy", "log", "linear")
    for label, column in (("dense", "dense"), ("oracle gate", "moe")):
        (line,) = [line for line in ax.get_lines() if line.get_label() == label]
        np.testing.assert_array_equal(line.get_ydata(), 1.0 - result[column])
    for container, label in zip(ax.containers, ("dense", "moe", "moe(hard)"), strict=True):
        points, _, (bars,) = container.lines
        np.testing.assert_array_equal(points.get_ydata(), 1.0 - result[f"{label}_simulated"])
        heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, 2 * 1.972 * result[f"{label}_sem"], rtol=1e-3)
    fitted = mt.sweep(model, "samples", [20, 80], loss="sign", replicates=30, rng=1)
    ax = mt.plot(fitted)
    assert 0.4 < ax.get_ylim()[0] < min(1.0 - fitted["dense_simulated"])


def test_mixtures_that_share_have_names_and_looks_of_their_own():
    mixtures = [mt.MoE(assignment=(0, 0, 1)), mt.MoE(shared=True)]
    model = mt.BlockModel.isotropic(12, 3, 1.0)
    ax = mt.plot(mt.sweep(model, "noise_variance", [0.5, 1.0], [mt.Dense(), mt.MoE(), *mixtures]))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[2:4] == ["2 experts", "with a shared expert"]
    lines = ax.get_lines()[:4]
    assert len({line.get_color() for line in lines}) == 4
    assert [line.get_linestyle() for line in lines[:2]] == ["-", "-"]
    # a shared expert changes nothing in strict blocks: dashes leave what they cover to be seen
    assert {line.get_linestyle() for line in lines[2:]} == {"-.", "--"}
