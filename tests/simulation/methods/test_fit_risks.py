"""True risks of given coefficients, against theory where the coefficients are the optimal ones."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import shared_coefficients, unchecked_optimal_coefficients
from moetheory.simulation.methods.fit_risks import (
    assigned_fit_risks,
    dense_fit_risks,
    expert_fit_risks,
)

CONFUSION = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])
UNDER = {
    "none": None,
    "nothing": mt.Perturbation(),
    "confusion": mt.Perturbation(noise_variance=0.7, confusion=CONFUSION, drag=0.5),
    "shift": mt.Perturbation(confusion=CONFUSION, radius=0.3),
    "erasure": mt.Perturbation(erasure=0.3, interference_variances=0.2),
}


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize(
    "estimator",
    [
        mt.Dense(0.2),
        mt.MoE(ridge=0.2),
        mt.MoE(assignment=(1, 0, 1)),
        mt.MoE(shared=True),
        mt.MoE(ridge=0.3, assignment=(1, 0, 1), shared=True),
    ],
    ids=lambda estimator: estimator.label,
)
def test_optimal_coefficients_have_the_risk_of_the_optimum(estimator, under):
    """Many fits, in slices, of which each has its own coefficients."""
    under, scales = UNDER[under], np.linspace(1.0, 2.0, 4000)
    fits = np.multiply.outer(scales, unchecked_optimal_coefficients(estimator, LEAKING))
    found = shared_coefficients(estimator, LEAKING)
    shared = None if found is None else np.multiply.outer(scales, found.values)

    def risks(loss):
        if isinstance(estimator, mt.Dense):
            return dense_fit_risks(LEAKING, fits, under, loss)
        if estimator.assignment is None and not estimator.shared:
            return expert_fit_risks(LEAKING, fits, Regressions.of(LEAKING, 40), under, loss)
        return assigned_fit_risks(estimator, LEAKING, fits, shared, under, loss)

    squares = risks("squared")
    assert squares.shape == (4000, 3)
    theory = mt.risk(estimator, LEAKING, under=under)
    np.testing.assert_allclose(squares[0], theory.per_group, rtol=1e-12)
    assert np.all(np.diff(squares @ LEAKING.group_probabilities, 2) > 0.0)
    if under is None or not (under.radius or under.erasure):
        theory = mt.misclassification(estimator, LEAKING, under=under)
        # the length of a predictor does not change its signs
        np.testing.assert_allclose(risks("sign"), [theory.per_group] * 4000, rtol=1e-12)
