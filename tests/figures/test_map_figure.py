"""What is in the figure of a map is what is in the map."""

import functools
import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import moetheory as mt
from moetheory.figures import style
from moetheory.figures.obstacles import BACKGROUND

ISO = functools.partial(mt.BlockModel.isotropic, dim=16, noise_variance=1.0, signal_energy=16.0)


@pytest.fixture(scope="module")
def routed():
    return mt.phase_map(ISO, ("experts", [2, 4, 8, 16]), ("misrouting", np.linspace(0.0, 1.0, 21)))


def drawn(ax, gid):
    """The artists of a group."""
    return [each for each in ax.get_children() if each.get_gid() == gid]


def words(ax):
    return {each.get_text(): each for each in drawn(ax, "region")}


def test_cells_have_the_colour_of_the_winner_and_are_paler_near_the_border(routed):
    ax = mt.plot(routed)
    (mesh,) = drawn(ax, BACKGROUND)
    ax.figure.draw_without_rendering()
    colours = mesh.to_rgba(mesh.get_array())[..., :3].reshape(*routed.shape, 3)
    ends = {
        label: np.array(to_rgb(style.look_of(each).colour))
        for label, each in (("dense", mt.Dense()), ("moe", mt.MoE()))
    }
    for winner, end in ends.items():
        for colour in colours[routed.winner == winner]:
            toward = (1.0 - colour) @ (1.0 - end) / np.linalg.norm(1.0 - end)
            assert np.linalg.norm(1.0 - colour) == pytest.approx(toward, abs=0.02)
    strength = np.linalg.norm(1.0 - colours, axis=-1)
    for column in strength.T:  # one rate after another towards the border
        nearest = int(np.argmin(column))
        assert np.all(np.diff(column[: nearest + 1]) <= 1e-9)
        assert np.all(np.diff(column[nearest:]) >= -1e-9)


def test_cells_meet_half_way_on_the_scale_of_the_axis(routed):
    ax = mt.plot(routed)
    (mesh,) = drawn(ax, BACKGROUND)
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, 1:-1, 0], np.sqrt([8.0, 32.0, 128.0]))
    np.testing.assert_allclose(corners[1:-1, 0, 1], np.arange(1, 21) / 20 - 0.025)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert (ax.get_xlim()[0], ax.get_xlim()[1]) == (corners[0, 0, 0], corners[0, -1, 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "number of experts $K$",
        r"misrouting rate $\varepsilon$",
    )


def test_the_border_is_that_of_the_map():
    found = mt.phase_map(
        ISO(experts=4), ("leakage", np.linspace(0.0, 1.0, 5)), ("misrouting", [0.0, 0.5, 1.0])
    )
    lines = drawn(mt.plot(found), "border")
    assert len(lines) == len(found.border_lines) > 0
    for line, points in zip(lines, found.border_lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), points)


@pytest.mark.parametrize("turned", [False, True])
def test_the_border_over_integers_is_steps_along_the_cells(routed, turned):
    axes = ("experts", routed.x_values), ("misrouting", routed.y_values)
    found = mt.phase_map(ISO, *axes[::-1]) if turned else routed
    ax = mt.plot(found)
    (mesh,), (line,) = drawn(ax, BACKGROUND), drawn(ax, "border")
    corners = mesh.get_coordinates()
    edges = corners[:, 0, 1] if turned else corners[0, :, 0]
    across, up = line.get_xydata().T[::-1] if turned else line.get_xydata().T
    np.testing.assert_array_equal(across, np.repeat(edges, 2)[1:-1])
    roots = found.border[:, 0] if turned else found.border[:, 1]
    np.testing.assert_array_equal(up, np.repeat(roots, 2))


def test_words_stand_inside_their_regions(routed):
    ax = mt.plot(routed)
    assert set(words(ax)) == {"dense wins", "mixture wins"}
    ax.figure.draw_without_rendering()
    (mesh,) = drawn(ax, BACKGROUND)
    corners = mesh.get_coordinates()
    for text, artist in words(ax).items():
        label = {"dense wins": "dense", "mixture wins": "moe"}[text]
        box = artist.get_window_extent().transformed(ax.transData.inverted())
        for x in (box.x0, box.x1):
            for y in (box.y0, box.y1):
                column = np.searchsorted(corners[0, :, 0], x) - 1
                row = np.searchsorted(corners[:, 0, 1], y) - 1
                assert routed.winner[row, column] == label


def test_words_that_do_not_fit_are_left_out(routed):
    figure = matplotlib.figure.Figure(figsize=(0.9, 0.9))
    assert not words(mt.plot(routed, figure.add_subplot()))
    always = mt.phase_map(ISO, ("experts", [2, 16]), ("noise_variance", [0.5, 1.0]))
    assert set(words(mt.plot(always))) == {"mixture wins"}


def test_the_colour_bar_tells_factors_without_crowding(routed):
    ax = mt.plot(routed)
    bar = ax.figure.axes[1]
    ax.figure.draw_without_rendering()
    labels = [each for each in bar.get_yticklabels() if each.get_text()]
    texts = [each.get_text() for each in labels]
    assert texts == texts[::-1]
    assert "equal" in texts
    assert len(texts) >= 5
    boxes = [each.get_window_extent() for each in labels]
    assert all(low.y1 < high.y0 for low, high in itertools.pairwise(boxes))
    assert bar.get_ylabel().startswith("dense better")
    assert bar.get_ylabel().endswith("mixture better")


def test_what_has_no_formula_is_hatched_and_said():
    soft = mt.MoE(gate=mt.Soft(0.5))
    found = mt.phase_map(ISO, ("experts", [1, 2, 4]), ("noise_variance", [0.5, 1.0]), b=soft)
    ax = mt.plot(found)
    (hatched,) = drawn(ax, "////")
    assert len(hatched.get_paths()) == 2  # a stretch in each row
    for path in hatched.get_paths():
        assert path.get_extents().x0 == pytest.approx(np.sqrt(2.0), rel=1e-12)
    assert "hatched: no formula" in drawn(ax, "caption")[0].get_text()


def test_what_is_not_certain_is_dotted_and_said():
    exact = mt.phase_map(ISO, ("experts", [2, 4]), ("misrouting", [0.0, 1.0]))
    error = np.array([0.0, 0.0, 9.0, 0.0])
    found = replace(exact, columns={**exact.columns, "error": error})
    ax = mt.plot(found)
    (dotted,) = drawn(ax, "....")
    (path,) = dotted.get_paths()
    assert path.get_extents().x1 == pytest.approx(np.sqrt(8.0), rel=1e-12)
    assert path.get_extents().y0 == 0.5
    assert "dotted: difference within the error" in drawn(ax, "caption")[0].get_text()


def test_estimators_of_one_colour_can_be_told_apart():
    found = mt.phase_map(
        ISO(experts=4),
        ("leakage", [0.0, 0.5]),
        ("noise_variance", [0.5, 1.0]),
        mt.MoE(),
        mt.MoE(shared=True),
    )
    (mesh,) = drawn(mt.plot(found), BACKGROUND)
    ends = mesh.cmap([0.0, 1.0])
    assert np.abs(ends[0] - ends[1]).max() > 0.2
    assert set(words(mesh.axes)) <= {"one expert each wins", "with a shared expert wins"}


def test_of_a_second_map_the_border_is_drawn(routed):
    noisier = mt.phase_map(
        functools.partial(ISO, noise_variance=4.0),
        ("experts", [2, 4, 8, 16]),
        ("misrouting", [0, 1]),
    )
    ax = mt.plot([routed, noisier], label=["$\\sigma^2 = 1$", "$\\sigma^2 = 4$"])
    assert len(drawn(ax, BACKGROUND)) == 1
    lines = drawn(ax, "border")
    assert len(lines) == len(routed.border_lines) + len(noisier.border_lines)
    assert {line.get_label() for line in lines} == {"$\\sigma^2 = 1$", "$\\sigma^2 = 4$"}
    assert not words(ax)
    caption = drawn(ax, "caption")[0].get_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "colours: $\\sigma^2 = 1$" in caption
    assert "$S$ = 16" in caption  # shared
    assert "$\\sigma^2$ =" not in caption


def test_the_first_of_maps_that_nothing_tells_apart_has_the_colours(routed):
    ax = mt.plot([routed, routed])
    assert "colours: the first map" in drawn(ax, "caption")[0].get_text()
    assert not words(ax)


def test_maps_of_estimators_have_their_looks(routed):
    hard = mt.MoE(gate=mt.Hard())
    ax = mt.plot([routed, routed], label=[mt.MoE(), hard])
    wanted = [style.look_of(each, [mt.MoE(), hard]).colour for each in (mt.MoE(), hard)]
    assert [line.get_color() for line in drawn(ax, "border")] == wanted


@pytest.mark.parametrize("infinite", [(True, True), (True, False), (False, True), (False, False)])
def test_infinite_risks_are_said(infinite):
    exact = mt.phase_map(ISO, ("experts", [2, 4]), ("misrouting", [0.0, 1.0]))
    columns = dict(exact.columns)
    for label, is_infinite in zip(("dense", "moe"), infinite, strict=True):
        columns[label] = columns[label].copy()
        columns[label][1] = np.inf if is_infinite else columns[label][1]
    if all(infinite):
        columns["winner"] = np.array(["moe", "tie", "dense", "dense"])
    ax = mt.plot(replace(exact, columns=columns))
    said = drawn(ax, "caption")[0].get_text()
    crossed = drawn(ax, "xxxx")
    assert ("crossed: both infinite" in said) == (len(crossed) == 1) == all(infinite)
    assert ("darkest: an infinite risk" in said) == (infinite[0] != infinite[1])
    for path in (path for each in crossed for path in each.get_paths()):
        assert path.get_extents().x0 == pytest.approx(np.sqrt(8.0), rel=1e-12)
        assert path.get_extents().y1 == 0.5


def test_infinite_risks_have_the_colour_at_the_end():
    model = mt.BlockModel.isotropic(16, 2, 1.0, signal_energy=16.0)
    found = mt.phase_map(model, ("samples", [15, 40, 200]), ("noise_variance", [0.5, 1.0]))
    assert np.isinf(found.excess_b[:, 0]).all()
    ax = mt.plot(found)
    (mesh,) = drawn(ax, BACKGROUND)
    assert not np.ma.is_masked(mesh.get_array())
    ax.figure.draw_without_rendering()


def test_a_second_call_adds_the_border_alone():
    model = mt.BlockModel.isotropic(16, 4, 1.0, signal_energy=16.0)
    axes = ("noise_variance", [0.5, 2.0]), ("misrouting", [0.1, 0.9])
    first, second = mt.phase_map(model, *axes), mt.phase_map(model, *axes, b=mt.MoE(ridge=0.4))
    ax = mt.plot(first)
    number = len(ax.figure.axes)
    mt.plot(second, ax, label="ridge")
    assert len(drawn(ax, BACKGROUND)) == 1
    assert len(ax.figure.axes) == number
