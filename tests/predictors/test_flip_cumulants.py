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
    units, cumulants = flip_cumulants(WEIGHTS, ESTIMATORS, model, under)
    rows = 100_000
    for group, case in np.ndindex(units.shape):
        taken = group if under.confusion is None else case
        values = drawn_values(model, under, group, taken, rows) / units[group, case]
        centred = values - values.mean()
        for found, sample in zip(
            cumulants[:, group, case], (values, centred**2, centred**3), strict=True
        ):
            assert abs(found - sample.mean()) < 5.0 * sample.std() / np.sqrt(rows)


def test_one_coordinate_is_a_chi_square():
    model = mt.BlockModel([1.0], [0], [1.0], [2.0], 0.5)
    ((unit,),), cumulants = flip_cumulants(np.ones(1), [mt.MoE()], model, UNCHANGED)
    found = cumulants[:, 0, 0] * unit ** np.arange(1, 4)
    mean, variance, skewness = stats.chi2(1).stats(moments="mvs")
    scale = mt.risk(mt.MoE(), model).excess
    expected = scale * mean, scale**2 * variance, scale**3 * skewness * variance**1.5
    assert found == pytest.approx(expected, rel=1e-12)


def test_means_are_risks_given_the_group(generic):
    model = generic(leakage_variances=0.2)
    for estimator in ESTIMATORS:
        units, cumulants = flip_cumulants(np.ones(1), [estimator], model, UNCHANGED)
        assert (units * cumulants[0])[:, 0] == pytest.approx(
            mt.risk(estimator, model).per_group, rel=1e-12
        )


def test_no_power_overflows_or_underflows():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1e20, 1e-40], [1e38, 1e-38], 1e5)
    units, cumulants = flip_cumulants(np.array([1.0, -1.0]), ESTIMATORS[:2], model, UNCHANGED)
    assert np.all(units > 0.0)
    assert np.all(np.isfinite(cumulants))
    assert np.all(cumulants[1] > 0.0)
