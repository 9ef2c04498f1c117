"""Perturbations are defined for their model and estimator, vary, and shrink to none."""

import math

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import moetheory as mt
from moetheory.strategies import block_models, estimators, perturbations

QUIET = settings(database=None, max_examples=2000)
UNSHRUNK = settings(QUIET, phases=[Phase.generate])
MODEL = mt.BlockModel.isotropic(6, 3, noise_variance=1.0)


@given(model=block_models(max_experts=3, max_block=2), data=st.data())
def test_risk_has_a_closed_form_under_all_of_them(model, data):
    estimator = data.draw(estimators(model, oracle=True))
    for under in (data.draw(perturbations(model)), data.draw(perturbations())):
        assert mt.risk(estimator, model, under=under).excess >= 0.0
        assert 0.0 <= under.drag <= 1.0


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")  # of few replicates
@settings(max_examples=20)  # a simulation each
@given(model=block_models(max_experts=3, max_block=2, exponents=3), data=st.data())
def test_they_are_simulated_for_their_estimator(model, data):
    estimator = data.draw(estimators(model))
    under = data.draw(perturbations(model, estimator))
    run = mt.simulate(estimator, model, under=under, replicates=12, rng=0)
    assert math.isfinite(run.mean)


def test_what_should_vary_varies():
    for condition in (
        lambda u: u == mt.Perturbation(),
        lambda u: np.array_equal(u.noise_variance, 0.0),
        lambda u: np.ndim(u.noise_variance) == 1,
        lambda u: np.ndim(u.interference_variances) == 1,
        lambda u: u.confusion is not None and u.drag == 0.0,
        lambda u: u.confusion is not None and not np.array_equal(u.confusion, u.confusion.T),
        lambda u: u.drag == 1.0 and u.erasure > 0.0,
        lambda u: u.drag > 0.0 and u.radius > 0.0,
    ):
        find(perturbations(MODEL), condition, settings=UNSHRUNK)
    assert find(perturbations(MODEL), lambda u: True) == mt.Perturbation()


@pytest.mark.parametrize(
    ("estimator", "never"),
    [
        (None, "confusion"),
        (mt.MoE(mt.Hard()), "confusion"),
        (mt.MoE(mt.Soft()), "radius"),
        (mt.MoE(mt.Learned(99)), "erasure"),
    ],
)
def test_what_is_not_defined_is_not_drawn(estimator, never):
    model = None if estimator is None else MODEL

    @settings(QUIET, max_examples=200)
    @given(under=perturbations(model, estimator))
    def check(under):
        value = getattr(under, never)
        assert value is None or value == 0.0

    check()
