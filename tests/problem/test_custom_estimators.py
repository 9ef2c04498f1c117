"""Estimators of one's own: names, equality, and what is refused."""

import pickle
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from own_fits import ShrunkMean, least_squares, shaken

import moetheory as mt

MODEL = mt.BlockModel.isotropic(8, 2, noise_variance=1.0)


@dataclass
class Scaled:  # equal to others, and without a hash
    factor: float

    def __call__(self, features, labels, groups, rng):
        return self.factor * least_squares(features, labels, groups, rng)


def test_labels_are_those_of_functions_unless_named():
    named = mt.Custom(least_squares, name="ols")
    partly = mt.Custom(partial(partial(shaken), rng=None))
    found = [each.label for each in (mt.Custom(least_squares), named, partly, mt.Custom(Scaled(2)))]
    assert found == ["least_squares", "ols", "shaken", "Scaled"]
    assert repr(mt.Custom(least_squares, version="2")) == "Custom(least_squares, version='2')"
    assert "0x" not in repr(partly)  # no place in memory


def test_they_are_equal_by_value():
    one = mt.Custom(Scaled(2.0), name="scaled")
    assert one == mt.Custom(Scaled(2.0), name="scaled")
    assert hash(one) == hash(mt.Custom(Scaled(2.0), name="scaled"))
    assert one != mt.Custom(Scaled(3.0), name="scaled")
    assert one != mt.Custom(Scaled(2.0))
    assert one != mt.Custom(Scaled(2.0), name="scaled", version="1")
    assert pickle.loads(pickle.dumps(mt.Custom(least_squares))) == mt.Custom(least_squares)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fit": ShrunkMean(1.0)}, r"fit must be a function fit\(.*return lambda features, groups"),
        ({"fit": ShrunkMean}, "fit must be a function fit.*got <class"),
        ({"fit": np.ones(3)}, "fit must be a function fit.*got an array"),
        ({"fit": least_squares, "name": " "}, "name must not be empty"),
        ({"fit": least_squares, "version": 2}, "version must be a string, got 2"),
    ],
)
def test_what_is_none_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.Custom(**arguments)


def test_an_object_that_fits_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"estimator must be Dense.*MoE.*lasso\(features"):
        mt.simulate(ShrunkMean(1.0), MODEL, samples=20)
    with pytest.raises(TypeError, match=r"estimators\[1\] must be Dense.*got <class"):
        mt.sweep(MODEL, "noise_variance", [1.0], [mt.Dense(), mt.Dense], samples=20)


@pytest.mark.parametrize(
    "ask",
    [
        lambda each: mt.risk(each, MODEL),
        lambda each: mt.risk(each, MODEL, samples=20),
        lambda each: mt.misclassification(each, MODEL),
        lambda each: mt.optimal_coefficients(each, MODEL),
        lambda each: mt.crossover(mt.Dense(), each, MODEL, over="samples"),
        lambda each: mt.descent(each, MODEL, 3),
        lambda each: mt.sweep(MODEL, "noise_variance", [1.0], [each], samples=20),
    ],
)
def test_theory_names_the_simulation(ask):
    with pytest.raises(mt.NoClosedForm, match=r"Custom\(shaken\).*simulate\(.*method=\"data\"\)"):
        ask(mt.Custom(shaken))
