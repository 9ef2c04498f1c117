"""Risks along gradient descent: their costs and their tables."""

import re

import pytest

import moetheory as mt

MODEL = mt.BlockModel([0.3, 0.7], [0, 0, 1], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], 1.0)
MADE = [
    mt.descent(mt.Dense(), MODEL, [0, 1, 5]),
    mt.simulate_descent(mt.Dense(), MODEL, [0, 1, 5], samples=20, replicates=10, rng=0),
]


@pytest.mark.parametrize("made", MADE)
def test_an_unknown_cost_is_refused_by_the_name_that_the_caller_knows(made):
    assert made.cost("iterations").tolist() == [0.0, 1.0, 5.0]
    for bad in ("epochs", 1, None, ["samples"]):
        with pytest.raises(ValueError, match=r"^axis must be one of iterations, samples, "):
            made.cost(bad)


@pytest.mark.parametrize("made", MADE)
def test_a_notebook_shows_a_row_for_each_step(made):
    shown = made._repr_html_()
    assert re.findall(r"<tr><td>(\d)</td>", shown) == ["0", "1", "5"]
