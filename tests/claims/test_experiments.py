"""The contract of experiments: what an outcome decides, and what chance does to a mean."""

import math

import numpy as np
import pytest
from scipy import stats

from moetheory.claims.experiments import Outcome, Setting

SEEN = Outcome(
    simulated=1.0, sem=0.001, z=9.0, threshold=5.0, replicates=100, power=0.005, resolution=0.01
)


@pytest.mark.parametrize(
    ("changes", "decides"),
    [
        ({}, True),
        ({"enough": 100.0}, True),
        ({"enough": 101.0}, False),
        ({"enough": math.nan}, False),
        ({"power": 0.02}, False),
        ({"power": math.inf}, False),
        ({"power": math.nan}, False),
        ({"z": math.nan}, False),
    ],
)
def test_an_outcome_decides_with_power_a_number_and_enough_replicates(changes, decides):
    assert SEEN._replace(**changes).decides is decides


def test_what_is_needed_grows_with_the_square_of_what_power_lacks():
    assert SEEN._replace(power=0.03).needed == pytest.approx(900.0)
    assert SEEN._replace(power=0.03, enough=50.0).needed == pytest.approx(900.0)
    # a threshold for few degrees of freedom says nothing of how many replicates it takes
    assert SEEN._replace(power=1e9, enough=5000.0).needed == 5000.0


def test_the_threshold_is_a_student_quantile():
    setting = Setting(None, 0, 5e-8, 1.0)
    for degrees in (1.0, 3.5, 150.0, 1e6):
        quantile = stats.t.isf(5e-8, degrees)
        assert setting.threshold(degrees) == pytest.approx(quantile, rel=1e-10)
    assert setting.threshold() == pytest.approx(stats.norm.isf(5e-8), rel=1e-12)


@pytest.mark.parametrize("degrees", [30.0, 1000.0])
@pytest.mark.parametrize("tail", [1e-3, 5e-8])
def test_a_skewed_mean_has_the_threshold_of_a_chi_square_mean(tail, degrees):
    """The mean of squared normal errors, in its own standard errors and in those of the law."""
    setting = Setting(None, 0, tail, 1.0)
    found = setting.threshold(skewness=math.sqrt(8.0 / degrees))
    spread = math.sqrt(2.0 / degrees)
    low, high = (quantile(tail, degrees) / degrees for quantile in (stats.chi2.ppf, stats.chi2.isf))
    assert found == pytest.approx((1.0 - low) / (spread * low), rel=1e-9)
    assert (high - 1.0) / spread < found
    assert setting.threshold(skewness=-math.sqrt(8.0 / degrees)) == found
    assert found > setting.threshold()


def test_a_threshold_grows_from_the_student_quantile_with_the_skewness():
    setting = Setting(None, 0, 5e-8, 1.0)
    found = [setting.threshold(50.0, skewness) for skewness in (0.0, 1e-6, 1e-3, 0.1, 1.0, 100.0)]
    assert found == sorted(found)
    assert found[0] == found[2] == pytest.approx(stats.t.isf(5e-8, 50.0))
    assert setting.threshold(skewness=1.01e-4) == pytest.approx(setting.threshold(), rel=1e-3)
    assert found[-1] == math.inf


def test_chance_exceeds_the_threshold_as_rarely_as_asked_for():
    """Exponential values: a Student quantile is exceeded six times as often, all from below."""
    setting = Setting(None, 0, 1e-3, 1.0)
    values = np.random.default_rng(0).standard_exponential((200_000, 100))
    z = (values.mean(axis=1) - 1.0) / (values.std(axis=1, ddof=1) / 10.0)
    threshold = setting.threshold(99.0, 0.2)
    alarms = np.count_nonzero(np.abs(z) > threshold)
    expected = 2.0 * setting.tail * len(z)
    assert alarms < expected + 5.0 * math.sqrt(expected)
    assert np.count_nonzero(z < -setting.threshold(99.0)) > 4.0 * setting.tail * len(z)
