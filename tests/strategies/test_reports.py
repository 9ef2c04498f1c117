"""What Hypothesis reports can be pasted: the code makes the value that failed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.strategies import (
    block_models,
    estimators,
    gates,
    iso_parameter_models,
    perturbations,
    sample_counts,
)

MODEL = mt.BlockModel(
    [0.2, 0.5, 0.3], [0, 0, 1, 1, 1, 2], [1.0, 2.0, 3.0, 0.5, 0.25, 4.0], [1.0] * 6, 0.5
)


@pytest.mark.parametrize(
    ("strategy", "fails"),
    [
        (block_models(), lambda m: not m.strict and m.experts > 1),
        # too large for a repr
        (iso_parameter_models(dim=60), lambda m: repr(m).startswith("<") and m.experts == 5),
        (perturbations(MODEL), lambda u: u.confusion is not None and np.ndim(u.noise_variance)),
        (perturbations(MODEL), lambda u: u.interference_variances is not None and u.radius > 1.0),
        (gates(MODEL), lambda g: isinstance(g, mt.Learned) and g.moments == "full"),
        (
            estimators(MODEL),
            lambda e: isinstance(e, mt.MoE) and e.assignment and e.gate != mt.Oracle(),
        ),
        (sample_counts(MODEL), lambda n: isinstance(n, list) and n[2] > 0),
    ],
)
def test_a_report_can_be_pasted(reported, strategy, fails):
    value, again = reported(strategy, fails)
    assert again == value
    assert type(again) is type(value)


@given(data=st.data())
def test_the_repr_of_what_is_drawn_can_be_pasted(pasted, data):
    model = data.draw(block_models(max_experts=3, max_block=3))
    for strategy in (perturbations(model), gates(model), estimators(model), sample_counts(model)):
        value = data.draw(strategy)
        assert pasted(repr(value)) == value
    assert pasted(model.to_code()) == model
    assert repr(model) in (model.to_code(), f"<{model.summary}>")


@given(model=iso_parameter_models())
def test_so_can_that_of_models_of_equal_blocks(pasted, model):
    assert pasted(model.to_code()) == model
