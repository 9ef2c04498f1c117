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
from moetheory.simulation.methods.strata import group_shares

THEOREM = mt.catalogue["generalization"]
ORDER, IDENTITY = THEOREM.claims


def means_over_flips(model, group, rows):
    """Squared errors of dense and MoE on inputs of one group, means over flips, (2, rows)."""
    weights = [mt.optimal_coefficients(e, model) for e in THEOREM.estimators]
    inputs = kernels.draw_inputs(
        np.random.default_rng(group),
        np.full(rows, group),
        model.block_of,
        model.signal_variances,
        None,
        model.coefficients,
        model.noise_variance,
        0.0,
        with_parts=True,
    )
    arguments = model.block_of, np.stack(weights), (False, True), (None, None)
    return kernels.mean_squares_over_flips(inputs, *arguments)


def moments_of_the_mean(model, weights, rows=500_000):
    """n times the variance, n² times the third moment of a mean over strata; with their sems."""
    shares = group_shares([model], THEOREM.estimators)
    found, errors = np.zeros(2), np.zeros(2)
    for g, (p, share) in enumerate(zip(model.group_probabilities, shares, strict=True)):
        values = weights @ means_over_flips(model, g, rows)
        values -= values.mean()
        scale = p**2 / share, p**3 / share**2
        found += np.multiply(scale, [np.mean(values**2), np.mean(values**3)])
        errors += np.square(np.multiply(scale, [(values**2).std(), (values**3).std()])) / rows
    return found, np.sqrt(errors)


@pytest.mark.parametrize(
    ("claim", "weights", "mean", "scale"),
    [
        (ORDER, [0.0, 1.0], lambda dense, moe: moe, lambda dense, moe: moe),
        (IDENTITY, [1.0, -1.0], lambda dense, moe: dense - moe, lambda dense, moe: dense),
    ],
)
def test_the_law_is_exact(generic, claim, weights, mean, scale):
    law, model = ErrorLaw.of(claim, generic(), THEOREM), generic()
    (variance, third), (first_sem, second_sem) = moments_of_the_mean(model, np.array(weights))
    assert abs(law.deviation**2 - variance) < 5 * first_sem < 0.1 * variance
    assert abs(law.skewness * law.deviation**3 - abs(third)) < 5 * second_sem < 0.3 * abs(third)
    assert law.weights.tolist() == weights
    risks = [mt.risk(estimator, model).excess for estimator in THEOREM.estimators]
    assert law.mean == pytest.approx(mean(*risks), rel=1e-12)
    assert law.scale == scale(*risks)


def test_a_rare_group_that_carries_the_risk_costs_no_more_replicates():
    """Strata get it enough inputs; with groups drawn by chance it would take millions."""
    p = 1e-6
    model = mt.BlockModel([1 - p, p], [0, 1], [1.0, 1.0], [1e-3, 1e3], 1.0)
    alone = mt.BlockModel([1.0], [0], [1.0], [1e3], 1.0)
    rare, common = (ErrorLaw.of(ORDER, each, THEOREM).needed(1e-7) for each in (model, alone))
    assert rare < 2.5 * common


@pytest.mark.parametrize("leakage", [0.0, 0.2])
def test_the_law_knows_what_differs_at_test_time(generic, leakage):
    """Spread of half a million means over flips: its own spread is below 1 %."""
    under = mt.Perturbation(1.0, [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]], drag=0.7)
    model = generic(leakage_variances=leakage)
    found = mt.simulate(
        THEOREM.estimators, model, under=under, method="flips", replicates=500_000, rng=3
    )
    for weights in ((1.0, 0.0), (0.0, 1.0), (1.0, -1.0)):
        claim = replace(ORDER, weights=lambda model, w=weights: w, under=lambda model: under)
        law = ErrorLaw.of(claim, model, THEOREM)
        spread = found.combination(weights).sem * math.sqrt(500_000)
        assert law.deviation == pytest.approx(spread, rel=0.02)


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


def test_an_error_that_rounding_hides_needs_infinitely_many_replicates(generic):
    law = ErrorLaw.of(ORDER, generic(), THEOREM)
    hidden = replace(law, rounding=2.0 * law.resolution * law.scale)
    assert math.isfinite(law.needed(1e-7))
    assert hidden.needed(1e-7) == math.inf
    assert hidden.power(1e-30 * law.scale, 5.0) > law.resolution
    assert replace(law, scale=0.0).power(1e-30, 5.0) == math.inf


def test_perturbations_that_make_errors_something_else_are_refused(generic):
    for change in ({"noise": stats.t(5)}, {"erasure": 0.1}, {"radius": 1.0}):
        claim = replace(ORDER, under=lambda _, change=change: mt.Perturbation(**change))
        with pytest.raises(ValueError, match=r"^under of the claim .* noise_variance, confusion"):
            ErrorLaw.of(claim, generic(), THEOREM)
