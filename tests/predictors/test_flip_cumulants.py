"""Cumulants of means over flips, against drawn quadratic forms and against chi-square laws."""

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory import kernels
from moetheory.predictors.flip_cumulants import flip_cumulants
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.simulation.methods.flips import FlipsRoute
from moetheory.simulation.methods.perturbed_inputs import PerturbedInputs, draw_test_inputs

WEIGHTS = np.array([1.0, -0.6, 0.4])
ESTIMATORS = (mt.Dense(), mt.MoE(), mt.MoE(assignment=(0, 0, 1), shared=True))
DRAGGED = mt.Perturbation(
    noise_variance=0.7, confusion=[[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]], drag=0.5
)


def drawn_values(model, under, group, taken, rows):
    """Weighted means over flips of inputs of one group that are taken for another."""
    certain = np.tile(np.eye(3)[taken], (3, 1))
    sure = mt.Perturbation(under.noise_variance, certain, drag=under.drag)
    inputs = draw_test_inputs(
        np.random.default_rng(3 * group + taken),
        np.full(rows, group),
        model,
        PerturbedInputs(sure, model),
        with_parts=True,
    )
    route = FlipsRoute((model,), ESTIMATORS)
    return WEIGHTS @ kernels.mean_squares_over_flips(inputs, *route.predictors_of(0))


@pytest.mark.parametrize("under", [UNCHANGED, DRAGGED])
def test_cumulants_are_those_of_drawn_values(generic, under):
    model = generic(leakage_variances=0.2, interference_variances=0.3)
    cumulants = flip_cumulants(WEIGHTS, ESTIMATORS, model, under)
    rows = 100_000
    for group, taken in np.ndindex(3, 3):
        values = drawn_values(model, under, group, taken, rows)
        centred = values - values.mean()
        for found, sample in zip(
            cumulants[:, group, taken], (values, centred**2, centred**3), strict=True
        ):
            assert abs(found - sample.mean()) < 5.0 * sample.std() / np.sqrt(rows)


def test_one_coordinate_is_a_chi_square():
    model = mt.BlockModel([1.0], [0], [1.0], [2.0], 0.5)
    found = flip_cumulants(np.ones(1), [mt.MoE()], model, UNCHANGED)[:, 0, 0]
    mean, variance, skewness = stats.chi2(1).stats(moments="mvs")
    scale = mt.risk(mt.MoE(), model).excess
    expected = scale * mean, scale**2 * variance, scale**3 * skewness * variance**1.5
    assert found == pytest.approx(expected, rel=1e-12)


def test_means_are_risks_given_the_group(generic):
    model = generic(leakage_variances=0.2)
    for estimator in ESTIMATORS:
        means = flip_cumulants(np.ones(1), [estimator], model, UNCHANGED)[0]
        assert np.diagonal(means) == pytest.approx(mt.risk(estimator, model).per_group, rel=1e-12)
