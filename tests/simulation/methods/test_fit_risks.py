"""True risks of given coefficients, against theory where the coefficients are the optimal ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from general_noise import LEAKING
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import shared_coefficients, unchecked_optimal_coefficients
from moetheory.simulation.methods.fit_risks import (
    assigned_fit_risks,
    dense_fit_risks,
    expert_fit_risks,
    rowwise_fit_risks,
)
from moetheory.strategies import block_models

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


@given(block_models(noiseless=True), st.integers(0, 2**32), st.sampled_from([False, True]))
def test_predictors_for_each_group_have_dense_and_experts_among_them(model, seed, perturbed):
    rng = np.random.default_rng(seed)
    fits = rng.integers(-3, 4, (5, model.dim)) * np.array([[1.0], [0.5], [0.0], [2.0], [-1.0]])
    under = None
    if perturbed:
        confusion = rng.integers(0, 3, (model.experts, model.experts)) + np.eye(model.experts)
        confusion /= confusion.sum(axis=1, keepdims=True)
        under = mt.Perturbation(0.5, confusion, 0.7, erasure=0.25)
    alike = np.broadcast_to(fits, (model.experts, *fits.shape))
    np.testing.assert_allclose(
        rowwise_fit_risks(model, alike, under, "squared"),
        dense_fit_risks(model, fits, under) * np.ones(model.experts),
        rtol=1e-12,
    )
    own = model.block_of == np.arange(model.experts)[:, np.newaxis, np.newaxis]
    regressions = Regressions.of(model, np.ones(model.experts, dtype=np.int64))
    np.testing.assert_allclose(
        rowwise_fit_risks(model, np.where(own, fits, 0.0), under, "squared"),
        expert_fit_risks(model, fits, regressions, under),
        rtol=1e-12,
    )


def test_predictors_for_each_group_in_slices_are_those_one_by_one():
    rows = np.random.default_rng(0).standard_normal((3, 2000, 9))
    for loss, under in (
        ("squared", UNDER["confusion"]),
        ("squared", UNDER["shift"]),
        ("sign", None),
    ):
        together = rowwise_fit_risks(LEAKING, rows, under, loss)
        assert together.shape == (2000, 3)
        for place in (0, 777, 1999):
            one = rowwise_fit_risks(LEAKING, rows[:, place : place + 1], under, loss)
            np.testing.assert_allclose(together[place], one[0], rtol=1e-12)
