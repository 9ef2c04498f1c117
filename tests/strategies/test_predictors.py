"""Gates and estimators are defined for their model, vary, and shrink to the simplest."""

import math

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import moetheory as mt
from moetheory.strategies import block_models, estimators, gates

QUIET = settings(database=None, max_examples=2000)
MODEL = mt.BlockModel([0.2, 0.5, 0.3], [0, 0, 1, 1, 2], [1.0] * 5, [1.0] * 5, 0.5)


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")  # of few replicates
@settings(max_examples=20)  # a simulation each
@given(model=block_models(max_experts=3, max_block=2, exponents=3), data=st.data())
def test_all_of_them_are_simulated(model, data):
    for strategy in (estimators(model), estimators(), gates(model).map(mt.MoE)):
        estimator = data.draw(strategy)
        assert math.isfinite(mt.simulate(estimator, model, replicates=12, rng=0).mean)


@given(model=block_models(noiseless=True), data=st.data())
def test_risk_has_a_closed_form_with_the_oracle(model, data):
    assert mt.risk(data.draw(estimators(model, oracle=True)), model).excess >= 0.0


@pytest.mark.parametrize(
    ("condition", "simplest"),
    [
        (lambda g: True, mt.Oracle()),
        (lambda g: g != mt.Oracle(), mt.Hard()),
        (lambda g: isinstance(g, mt.Soft), mt.Soft()),
        (lambda g: isinstance(g, mt.TopK) and not g.renormalised, mt.TopK(1, renormalised=False)),
        (lambda g: g.active(3) == 2, mt.TopK(2)),
        (lambda g: isinstance(g, mt.Learned), mt.Learned()),
    ],
)
def test_gates_vary_and_shrink(condition, simplest):
    assert find(gates(MODEL), condition, settings=QUIET) == simplest


@pytest.mark.parametrize(
    ("condition", "simplest"),
    [
        (lambda e: True, mt.Dense()),
        (lambda e: e.ridge > 1.0, mt.Dense(2.0)),
        (lambda e: isinstance(e, mt.MoE), mt.MoE()),
        (lambda e: getattr(e, "shared", False), mt.MoE(shared=True)),
        (lambda e: getattr(e, "retrained", False), mt.MoE(mt.Hard(), retrained=True)),
        (lambda e: getattr(e, "assignment", None) == (0, 1, 0), mt.MoE(assignment=(0, 1, 0))),
    ],
)
def test_estimators_vary_and_shrink(condition, simplest):
    assert find(estimators(MODEL), condition, settings=QUIET) == simplest


@given(gate=gates(), estimator=estimators())
def test_without_a_model_they_suit_all(gate, estimator):
    one = mt.BlockModel.isotropic(2, 1, noise_variance=1.0)
    assert gate.active(1) == 1
    assert estimator.parameters(one).total in (2, 4)
