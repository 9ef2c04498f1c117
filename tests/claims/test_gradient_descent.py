"""Squared errors of trained coefficients on fresh samples: their mean, and its law."""

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.claims.gradient_descent import mean_squared_error

FIT = (0.5, -0.2, 0.3, 1.0)


def model(p: float) -> mt.BlockModel:
    coefficients = [1.0, -0.5, 0.5 * p**-0.5, 2.0 * p**-0.5]
    return mt.BlockModel([1.0 - p, p], [0, 0, 1, 1], [1.0, 2.0, 0.5, 1.0], coefficients, 0.4)


def covariance_risk(model: mt.BlockModel, routed: bool) -> float:
    """The risk from the moments of the mixture: no group is told from another for dense."""
    fit, p = np.array(FIT), model.group_probabilities[model.block_of]
    signal = np.diag(p * model.signal_variances)
    missed = model.coefficients - fit
    noise = model.noise_variance * np.diag(p if routed else np.ones(4))
    return float(missed @ signal @ missed + fit @ noise @ fit)


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize("p", [0.3, 1e-7])
def test_the_mean_is_the_risk_however_rare_a_group(p, routed, agrees):
    found = mean_squared_error(model(p), FIT, routed, 1_200_000, 5)
    assert agrees(found.value, found.sem, found.replicates, covariance_risk(model(p), routed))


@pytest.mark.parametrize("p", [0.3, 1e-7])
def test_the_mean_is_chi_square_with_its_own_standard_error_and_skewness(p):
    """Inputs in proportion to p r make it exactly so; a group missed would leave it half as big."""
    n, truth = 400, covariance_risk(model(p), True)
    means = [mean_squared_error(model(p), FIT, True, n, seed) for seed in range(500)]
    values = np.array([mean.value for mean in means])
    assert stats.kstest(n * values / truth, stats.chi2(n).cdf).pvalue > 1e-6
    for mean in means:
        assert mean.sem >= truth * np.sqrt(2.0 / n) * (1.0 - 1e-4)
        assert mean.skewness == pytest.approx(np.sqrt(8.0 / n), rel=1e-3)
        assert n - 5 < mean.degrees <= n


def test_two_inputs_of_a_group_are_few_degrees_of_freedom():
    found = mean_squared_error(model(0.3), FIT, True, 4, 0)
    assert found.replicates == 4
    assert found.degrees <= 2.0
