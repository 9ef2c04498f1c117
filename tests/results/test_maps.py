"""The views of a map: ratios, uncertain cells, words, CSV."""

import io
import pickle

import numpy as np
import pytest

import moetheory as mt
from moetheory.results.maps import PhaseMap

NAN, INF = np.nan, np.inf


def made(above, below, winner, error=None, **options):
    """A map of two values of y and three of x."""
    columns = {
        "experts": np.tile([1, 2, 4], 2),
        "noise_variance": np.repeat([0.5, 1.0], 3),
        "dense": np.array(above, dtype=float),
        "moe": np.array(below, dtype=float),
        "winner": np.array(winner),
    }
    if error is not None:
        columns["error"] = np.array(error, dtype=float)
    points = np.array([[1.5, 1.0]])
    return PhaseMap(
        *("experts", "noise_variance", mt.Dense(), mt.MoE(), columns),
        *(points, (points,)),
        setting={"dim": 8},
        **options,
    )


MIXED = made(
    [2.0, 0.0, INF, 1.0, NAN, 3.0],
    [1.0, 0.0, INF, 4.0, 1.0, 3.2],
    ["moe", "tie", "tie", "dense", "", "dense"],
    [0.1, 0.0, 0.0, 5.0, 0.0, 0.25],
)


def test_arrays_are_rows_of_y_and_columns_of_x():
    assert MIXED.shape == (2, 3)
    assert MIXED.x_values.tolist() == [1, 2, 4]
    assert MIXED.y_values.tolist() == [0.5, 1.0]
    assert MIXED.excess_a[0].tolist() == [2.0, 0.0, INF]
    assert MIXED.excess_b[1].tolist() == [4.0, 1.0, 3.2]
    assert MIXED.winner[1].tolist() == ["dense", "", "dense"]


def test_ratios_of_nothing_and_of_infinite_risks():
    np.testing.assert_array_equal(MIXED.advantage, [[2.0, 1.0, 1.0], [0.25, NAN, 3.0 / 3.2]])
    ends = made([1, 0, INF, 1, 1, 1], [0, 1, 1, INF, 1, 1], ["moe"] * 6)
    assert ends.advantage.ravel().tolist() == [INF, 0.0, INF, 0.0, 1.0, 1.0]


def test_uncertain_are_cells_whose_difference_is_within_the_error():
    assert MIXED.uncertain.tolist() == [[False, False, False], [True, False, True]]
    exact = made([1.0] * 6, [1.0] * 6, ["tie"] * 6)
    assert not exact.uncertain.any()
    assert exact.error.tolist() == [[0.0] * 3] * 2


def test_two_infinite_risks_are_told_from_equal_ones():
    assert MIXED.both_infinite.tolist() == [[False, False, True], [False, False, False]]
    one = made([INF, 1, 1, 1, 1, 1], [1, INF, 1, 1, 1, 1], ["moe"] * 6)
    assert not one.both_infinite.any()


def test_a_map_in_words():
    assert MIXED.summary.splitlines() == [
        "dense or moe over experts (1 to 4) and noise_variance (0.5 to 1), 6 cells",
        "moe wins in 16.7 % of the cells, by up to a factor of 2 "
        "(at experts 1, noise_variance 0.5)",
        "dense wins in 33.3 % of the cells, by up to a factor of 4 "
        "(at experts 1, noise_variance 1)",
        "both are equal in 1 cell",
        "both are infinite in 1 cell",
        "no formula is known in 1 cell",
        "the difference is within the error of asymptotic formulas in 2 cells",
        "the order changes at 1 point of the border",
    ]
    assert str(MIXED) == MIXED.summary
    ends = made([1, 1, 1, 1, INF, 1], [0.5] * 6, ["moe"] * 6)
    assert "moe wins in all of the cells, without a limit (at experts 2, noise_v" in ends.summary
    assert "dense wins nowhere" in ends.summary


def test_a_notebook_shows_words_and_cells():
    shown = MIXED._repr_html_()
    assert shown.startswith("<p>dense or moe over experts (1 to 4)")
    assert shown.count("<tr>") == 1 + 6
    assert "<td>dense</td>" in shown


def test_a_map_writes_one_row_a_cell():
    written = io.StringIO()
    MIXED.write_csv(written)
    lines = written.getvalue().splitlines()
    assert lines[0] == "experts,noise_variance,dense,moe,winner,error"
    assert lines[1] == "1,0.5,2.0,1.0,moe,0.1"
    assert lines[5] == "2,1.0,nan,1.0,,0.0"
    assert len(lines) == 7
    with pytest.raises(KeyError, match="name must be one of experts, noise_variance, dense"):
        MIXED["hard"]


def test_a_repr_is_short_and_leaves_out_defaults():
    text = repr(MIXED)
    assert text.startswith("PhaseMap(x='experts', y='noise_variance', a=Dense(ridge=0.0), b=MoE(")
    assert len(text.splitlines()) <= 10
    assert "samples" not in text
    assert "samples=40" in repr(made([1.0] * 6, [1.0] * 6, ["tie"] * 6, samples=40))


def test_a_map_survives_a_pickle():
    again = pickle.loads(pickle.dumps(MIXED))
    assert again.summary == MIXED.summary
    assert dict(again.setting) == {"dim": 8}
    assert not again.columns["moe"].flags.writeable
