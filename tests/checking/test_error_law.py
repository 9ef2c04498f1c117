"""The law of the errors against moments of drawn ones."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory import kernels
from moetheory.checking.error_law import DISTORTION, ErrorLaw, without_label_noise
from moetheory.results.estimates import student_quantile

THEOREM = mt.catalogue["generalization"]
ORDER, IDENTITY = THEOREM.claims


def squared_errors(model, rows):
    rng = np.random.default_rng(5)
    groups = kernels.draw_groups(rng, rows, model.group_probabilities)
    weights = [mt.optimal_coefficients(e, model) for e in THEOREM.estimators]
    inputs = kernels.draw_inputs(
        rng,
        groups,
        model.block_of,
        model.signal_variances,
        None,
        model.coefficients,
        model.noise_variance,
        0.0,
    )
    errors = kernels.prediction_errors(inputs, model.block_of, np.stack(weights), (False, True))
    return errors**2


def test_the_law_of_one_estimator_is_exact(generic):
    """Moments of a million squared errors; five standard errors of each moment."""
    model = generic()
    law, (_, moe) = ErrorLaw.of(ORDER, model, THEOREM), squared_errors(model, 1_000_000)
    third = law.skewness * law.deviation**3
    for power, value in ((2, law.deviation**2 + law.mean**2), (3, third)):
        moments = moe**power
        assert abs(moments.mean() - value) < 5 * moments.std() / 1000
    assert law.weights.tolist() == [0.0, 1.0]
    assert law.mean == mt.risk(mt.MoE(), model).excess


def test_the_law_of_a_difference_is_an_upper_bound(generic):
    model = generic()
    law, (dense, moe) = ErrorLaw.of(IDENTITY, model, THEOREM), squared_errors(model, 1_000_000)
    assert 0.5 * law.deviation < (dense - moe).std() < law.deviation
    assert np.mean(np.abs(dense - moe) ** 3) < law.skewness * law.deviation**3
    assert law.scale == mt.risk(mt.Dense(), model).excess


@pytest.mark.parametrize("leakage", [0.0, 0.2])
def test_the_law_knows_what_differs_at_test_time(generic, leakage):
    """Spread of half a million squared errors: its own spread is below 1 %."""
    under = mt.Perturbation(1.0, [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]], drag=0.7)
    model = generic(leakage_variances=leakage)
    found = mt.simulate(THEOREM.estimators, model, under=under, replicates=500_000, rng=3)
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        claim = replace(ORDER, weights=lambda model, w=weights: w, under=lambda model: under)
        law = ErrorLaw.of(claim, model, THEOREM)
        spread = found.combination(weights).sem * math.sqrt(500_000)
        assert law.deviation == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("claim", [ORDER, IDENTITY])
def test_what_is_needed_gives_power_and_normality(generic, claim):
    law = ErrorLaw.of(claim, generic().replace(group_probabilities=[0.001, 0.499, 0.5]), THEOREM)
    n, threshold = law.needed(1e-7), student_quantile(1e-7, 10_000)
    assert law.power(law.deviation / math.sqrt(n), threshold) <= 0.01
    assert law.distortion(int(n), threshold) <= DISTORTION
    fewer = n / 1.2
    assert (
        law.power(law.deviation / math.sqrt(fewer), threshold) > 0.01
        or law.distortion(int(fewer), threshold) > DISTORTION
    )


def test_label_noise_changes_nothing(generic):
    noisy = generic(label_noise_variance=3.0)
    assert without_label_noise(noisy) == generic()
    law, clean = (ErrorLaw.of(ORDER, m, THEOREM) for m in (noisy, generic()))
    assert (law.deviation, law.skewness, law.scale) == (
        clean.deviation,
        clean.skewness,
        clean.scale,
    )


def test_no_risk_needs_no_replicates(generic):
    law = ErrorLaw.of(ORDER, generic().replace(coefficients=np.zeros(9)), THEOREM)
    assert (law.deviation, law.skewness, law.needed(1e-7)) == (0.0, 0.0, 0.0)


def test_perturbations_that_make_errors_something_else_are_refused(generic):
    for change in ({"noise": stats.t(5)}, {"erasure": 0.1}, {"radius": 1.0}):
        claim = replace(ORDER, under=lambda _, change=change: mt.Perturbation(**change))
        with pytest.raises(ValueError, match=r"^under of the claim .* noise_variance, confusion"):
            ErrorLaw.of(claim, generic(), THEOREM)
