"""Outcomes: false alarms at the level asked for, and no decision by accident."""

import math

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.claims.experiments import ABSOLUTE, Setting
from moetheory.claims.outcomes import (
    LEAST_VALUES,
    SQUARE_SKEWNESS,
    WITH_SLACK,
    Mean,
    estimate_outcome,
    fitted_exponent,
    inequality_outcome,
    law_outcome,
    mean_outcome,
    rate_outcome,
)

SETTING = Setting(None, 0, 1e-7, 1.0)
MODEL = mt.BlockModel([0.3, 0.7], [0, 0, 1, 1], [1.0, 2.0, 0.5, 1.0], np.ones(4), 0.5)


def normals(n: int, mean: float = 1.0) -> np.ndarray:
    return mean + 0.1 * np.random.default_rng(1).standard_normal(n)


def test_the_law_stands_in_for_what_was_not_drawn():
    """A rare value carries the mean: the observed spread is tiny, the one in theory is not."""
    values = normals(10_000)
    observed = Mean.of(values)
    assert observed.sem == pytest.approx(stats.sem(values), rel=1e-12)
    assert observed.skewness == pytest.approx(stats.skew(values) / 100.0, rel=1e-9)
    foreseen = Mean.of(values, (7.0, 50.0))
    assert foreseen.sem == pytest.approx(0.07)
    assert foreseen.skewness == pytest.approx(0.5)
    assert Mean.of(values, (1e-9, 0.0)).sem == observed.sem
    wrong = {"expected": 1.01, "setting": SETTING, "resolution": 0.02}
    assert mean_outcome(observed, **wrong).z < -9.0
    assert abs(mean_outcome(foreseen, **wrong).z) < 1.0
    assert not mean_outcome(foreseen, **wrong).decides


def test_skewed_values_have_a_larger_threshold():
    """Squares of normal errors: the skewness that was observed is that of the law."""
    values = np.square(normals(40_000, 0.0))
    observed, foreseen = (
        mean_outcome(mean, 0.01, SETTING, resolution=0.1).threshold
        for mean in (Mean.of(values), Mean.of(values, (0.0, SQUARE_SKEWNESS)))
    )
    assert observed == pytest.approx(foreseen, rel=0.01)
    assert foreseen == SETTING.threshold(39_999.0, math.sqrt(8.0 / 40_000))
    assert foreseen > SETTING.threshold(39_999.0) + 0.1


def test_a_skewness_that_was_observed_takes_a_thousand_values():
    sizes = LEAST_VALUES - 1, LEAST_VALUES
    found = [mean_outcome(normals(n), 1.0, SETTING, resolution=0.5) for n in sizes]
    assert [each.decides for each in found] == [False, True]
    assert found[0].needed == LEAST_VALUES


def test_what_is_needed_does_not_hang_on_the_threshold_of_few_values():
    """Ten values with their Student quantile, and as many as then decide."""
    few = mean_outcome(Mean(1.0, 0.01, 10, 9.0), 1.0, SETTING, resolution=0.02)
    assert few.power > 0.1
    n = math.ceil(1.1 * few.needed)
    assert 100 < n < 200
    sem = 0.01 * math.sqrt(10 / n)
    assert mean_outcome(Mean(1.0, sem, n, n - 1.0), 1.0, SETTING, resolution=0.02).decides
    for size in (0.0, math.inf, math.nan):
        assert (
            mean_outcome(Mean(1.0, 0.01, 10, 9.0), size, SETTING, resolution=1.0).needed == math.inf
        )


def test_the_skewness_of_a_mean_has_no_unit():
    values = np.square(normals(2000, 0.0))
    small, large = (Mean.of(unit * values).skewness for unit in (1e-130, 1e130))
    assert small == pytest.approx(Mean.of(values).skewness, rel=1e-9) == pytest.approx(large)


def test_few_values_decide_nothing_whatever_they_are():
    """Two that are close by chance have a tiny standard error."""
    for pair in ([1.0, 1.0 + 1e-9], [1.0, 1.0]):
        found = mean_outcome(np.array(pair), 2.0, SETTING, resolution=0.02)
        assert not found.decides
    slack = Mean.of(np.array([1.0, 1.001]), WITH_SLACK)
    assert not mean_outcome(slack, 1.0, SETTING, resolution=0.02).decides


@pytest.mark.parametrize("expected", [0.0, math.inf, math.nan])
def test_an_expectation_that_is_no_scale_decides_nothing(expected):
    found = mean_outcome(normals(100_000), expected, SETTING, resolution=0.02)
    assert found.power == math.inf
    assert not found.decides
    assert mean_outcome(normals(100_000), 1.0, SETTING, resolution=0.02).decides


def test_what_is_far_off_takes_little_power():
    """A mean of 1 with an error of 0.2 %, and a claim that it is 0.1."""
    mean = Mean(1.0, 0.002, 10**6, 1e6)
    far, near = (mean_outcome(mean, x, SETTING, resolution=0.02) for x in (0.1, 1.001))
    assert far.decides
    assert far.z > far.threshold
    assert far.power == pytest.approx(near.power, rel=0.01)


def test_values_that_do_not_vary_contradict_nothing():
    constant = Mean(1.0, 0.0, 10**6, 1e6)
    assert not mean_outcome(constant, 1.0 + 1e-15, SETTING, resolution=0.02).decides
    assert mean_outcome(constant, 1.0, SETTING, resolution=0.02).decides
    below = constant._replace(value=-1e-16)
    assert not inequality_outcome(1.0, below, SETTING, resolution=0.02).decides


def test_what_is_allowed_is_no_deviation():
    mean = Mean(1.0, 0.01, 10**6, 1e6)
    for expected, z in ((1.05, -2.0), (0.95, 2.0), (1.02, 0.0)):
        found = mean_outcome(mean, expected, SETTING, resolution=1.0, allowed=0.03)
        assert found.z == pytest.approx(z)


def test_rounding_is_no_deviation_and_hides_errors():
    mean = Mean(1e-3, 1e-6, 10**6, 1e6)
    wrong, hidden = (
        mean_outcome(mean, 1.1e-3, SETTING, resolution=0.02, rounding=rounding)
        for rounding in (0.0, 2e-4)
    )
    assert wrong.decides
    assert wrong.z == pytest.approx(-100.0)
    assert hidden.z == 0.0
    assert hidden.power > 0.18
    assert not hidden.decides
    below = Mean(-1e-4, 1e-6, 10**6, 1e6)
    for rounding, z in ((0.0, 100.0), (2e-4, 0.0)):
        found = inequality_outcome(1.0, below, SETTING, resolution=0.02, rounding=rounding)
        assert found.z == pytest.approx(z)
    exact = mean._replace(sem=0.0)
    assert not mean_outcome(exact, 1e-3, SETTING, resolution=0.02, rounding=1e-4).decides


def test_an_inequality_is_absolute_or_relative_to_a_scale_even_if_that_is_1():
    margin = Mean(-0.02, 0.01, 10**6, 1e6)
    absolute, relative, double = (
        inequality_outcome(3.0, margin, SETTING, resolution=0.1, scale=scale)
        for scale in (None, 1.0, 2.0)
    )
    assert absolute.power == relative.power == 2.0 * double.power
    assert absolute.relative_to == ABSOLUTE
    assert relative.relative_to == double.relative_to == "left"
    assert absolute.z == pytest.approx(2.0)
    assert inequality_outcome(3.0, margin._replace(value=1.0), SETTING, resolution=0.1).z == 0.0


def test_estimates_bring_their_degrees_of_freedom():
    """A rare group with two inputs carries the variance."""
    few = mt.Estimate(1.0, 1e-4, 10**6, np.ones(2), "population", 0, degrees=1.5)
    many = mt.Estimate(1.0, 1e-4, 10**6, np.ones(2), "population", 0)
    found = [estimate_outcome(each, 1.01, SETTING, resolution=0.02) for each in (few, many)]
    assert [each.decides for each in found] == [False, True]
    skewness = SQUARE_SKEWNESS / math.sqrt(1.5)
    assert found[0].threshold == SETTING.threshold(1.5, skewness) > stats.t.isf(1e-7, 1.5)
    assert abs(found[1].z) > found[1].threshold
    assert not mean_outcome(
        Mean.of_estimate(many, 0.0)._replace(least=1e7), 1.01, SETTING, resolution=0.02
    ).decides


def test_degrees_of_freedom_bound_the_skewness_of_a_stratified_mean():
    r"""Chi-square strata: the skewness from cumulants, and the one that `Mean` uses."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        sizes = rng.integers(2, 200, 4)
        deviations = 10.0 ** rng.uniform(-4, 0, 4)  # p s of each stratum
        variances = deviations**2 / sizes
        third = np.sum(SQUARE_SKEWNESS * deviations**3 / sizes**2) / variances.sum() ** 1.5
        degrees = variances.sum() ** 2 / np.sum(variances**2 / (sizes - 1))
        estimate = mt.Estimate(1.0, 1.0, 10**6, np.ones(1), "", 0, degrees=degrees)
        bound = Mean.of_estimate(estimate, SQUARE_SKEWNESS).skewness
        assert third <= bound <= 10.0 * third


@pytest.mark.parametrize(("trials", "probability"), [(40, 0.05), (1000, 0.001), (20_000, 0.05)])
def test_rates_raise_false_alarms_as_rarely_as_asked_for(trials, probability):
    setting = SETTING._replace(tail=1e-3)
    counts = np.arange(trials + 1) if trials < 2000 else np.arange(800, 1201)
    found = [
        rate_outcome(int(k), trials, probability, setting, resolution=0.4) for k in counts.tolist()
    ]
    alarms = np.array([abs(each.z) > each.threshold for each in found])
    chances = stats.binom.pmf(counts, trials, probability)
    for side in (counts < trials * probability, counts > trials * probability):
        assert chances[alarms & side].sum() <= setting.tail
    assert 0.05 * setting.tail < chances[alarms].sum()
    z = np.array([each.z for each in found])
    assert np.all(np.diff(z) >= 0.0)
    assert found[0].simulated == counts[0] / trials


def test_few_trials_decide_no_rate():
    assert not rate_outcome(0, 2, 0.05, SETTING, resolution=0.4).decides
    assert not rate_outcome(0, 10**6, 0.0, SETTING, resolution=0.4).decides
    assert rate_outcome(500, 10_000, 0.05, SETTING, resolution=0.4).decides


def test_a_law_is_told_from_one_that_is_five_per_cent_off():
    law = mt.risk_distribution(mt.MoE(), MODEL, 100)
    values = law.sample(20_000, rng=3)
    right = law_outcome(values, law, SETTING, resolution=0.06)
    assert right.decides
    assert abs(right.z) < right.threshold
    wrong = law_outcome(values, law, SETTING._replace(control=1.05), resolution=0.06)
    assert wrong.z > wrong.threshold
    # the distance that is as improbable as the threshold is the one that power is made of
    critical = math.sqrt(-0.5 * math.log(SETTING.tail) / 20_000)
    assert stats.kstwo.sf(critical, 20_000) == pytest.approx(2.0 * SETTING.tail, rel=0.2)
    assert not law_outcome(values[:2], law, SETTING, resolution=0.06).decides


def test_an_exponent_has_the_fewest_degrees_of_freedom():
    errors = [Mean(8.0 / n, 0.01, n, n - 1.0) for n in (30, 60, 120)]
    found = fitted_exponent([30, 60, 120], errors)
    assert found.value == pytest.approx(-1.0)
    assert found.degrees == 29.0
