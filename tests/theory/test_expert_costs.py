"""What an expert adds to the risk: against risks of whole mixtures."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.expert_costs import FittedCosts, PopulationCosts, numbered

ASSIGNMENTS = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, 2)]
RARE = mt.BlockModel([0.6, 0.4, 0.0], [0, 1, 2], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], 0.5)


def masks(assignment):
    return np.array(assignment) == np.arange(max(assignment) + 1)[:, np.newaxis]


@pytest.mark.parametrize("model", [*GENERAL.values(), RARE], ids=[*GENERAL, "rare"])
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_costs_add_up_to_the_risk_of_the_mixture(model, assignment):
    costs = PopulationCosts(model)
    excess = mt.risk(mt.MoE(assignment=assignment), model).excess
    found = costs.estimates(masks(assignment)).sum() + mt.risk(mt.MoE(), model).excess
    assert found == pytest.approx(excess, rel=1e-12)
    assert costs.rung(masks(assignment)) == (assignment, excess, 0.0)


@pytest.mark.parametrize("model", [*GENERAL.values(), RARE], ids=[*GENERAL, "rare"])
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
@pytest.mark.parametrize("samples", [40, (0, 0, 30), (6, 16, 5)])
def test_costs_of_fits_add_up_to_the_risk_of_the_mixture(model, assignment, samples):
    costs = FittedCosts(model, counts_of(samples, model))
    whole = mt.risk(mt.MoE(assignment=assignment), model, samples=samples)
    assert costs.values(masks(assignment)).sum() == pytest.approx(whole.excess, rel=1e-12)
    found, excess, error = costs.rung(masks(assignment))
    assert found == assignment
    assert (excess, error) == pytest.approx((whole.excess, whole.error), rel=1e-12)


@pytest.mark.parametrize("model", [*GENERAL.values(), RARE], ids=[*GENERAL, "rare"])
def test_estimates_are_exact_for_one_group_and_near_for_several(model):
    one, several = np.eye(3, dtype=bool), ~np.eye(3, dtype=bool)
    costs = FittedCosts(model, counts_of((60, 90, 0), model))
    np.testing.assert_allclose(costs.estimates(one), costs.values(one), rtol=1e-12)
    costs = FittedCosts(model, counts_of(200, model))
    np.testing.assert_allclose(costs.estimates(several), costs.values(several), rtol=0.01)


def test_experts_that_are_never_used_cost_nothing():
    """With 3 and 4 samples for 3 coordinates they would cost infinitely much."""
    ones = [1.0] * 12
    model = mt.BlockModel([0.0, 0.0, 0.5, 0.5], np.arange(12) // 3, ones, ones, 1.0)
    costs = FittedCosts(model, counts_of([3, 4, 50, 50], model))
    unused = np.array([[True, False, False, False], [True, True, False, False]])
    assert costs.values(unused).tolist() == [0.0, 0.0]
    assert mt.best_assignment(model, samples=[3, 4, 50, 50]).experts == 4


def test_an_infinite_risk_is_a_large_estimate(generic):
    costs = FittedCosts(generic(), np.array([3, 40, 40]))
    groups = np.eye(3, dtype=bool)[:1]
    assert costs.values(groups) == np.inf
    assert 1e3 * generic().null_risk < costs.estimates(groups) < np.inf


def test_where_there_is_no_formula_the_rung_is_not_a_number():
    """Without noise some coordinates leak, and dense least squares has no closed form."""
    model = mt.BlockModel(
        [0.5, 0.5], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0,
        leakage_variances=[0.1, 0.0], label_noise_variance=1.0,
    )  # fmt: skip
    costs = FittedCosts(model, np.array([5, 5]))
    assert costs.values(masks((0, 0))) == np.inf
    assert np.isnan(costs.rung(masks((0, 0)))[1:]).all()
    assert np.isfinite(costs.rung(masks((0, 1))).excess)


def test_an_assignment_is_numbered_by_the_first_groups():
    assert numbered(masks((2, 0, 1, 0, 2))) == (0, 1, 2, 1, 0)
