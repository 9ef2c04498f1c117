"""A comparison fails for a wrong value, and for too few replicates to see one."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.testing import ErrorBudget, assert_agrees

MODEL = mt.BlockModel.isotropic(dim=16, experts=4, noise_variance=1.0, signal_energy=16.0)
THEORY = mt.risk(mt.MoE(), MODEL)


@pytest.fixture(scope="module")
def estimate():
    return mt.simulate(mt.MoE(), MODEL, method="flips", replicates=500_000, rng=1)


def measured(mean, sem, replicates=1001, **more):
    return SimpleNamespace(mean=mean, sem=sem, replicates=replicates, **more)


def test_the_truth_passes_and_prints_its_power(estimate, capsys):
    assert_agrees(estimate, THEORY, budget=ErrorBudget())
    assert re.fullmatch(r"z [+-]\d\.\d\d of 5\.9\d, power 0\.\d+ %\n", capsys.readouterr().out)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_two_per_cent_off_fails(estimate, factor):
    with pytest.raises(AssertionError, match=r"disagree: simulated 0.\d+ ± .*, expected 0."):
        assert_agrees(estimate, factor * THEORY.value, budget=ErrorBudget())


def test_too_few_replicates_fail_for_the_truth_too():
    few = mt.simulate(mt.MoE(), MODEL, method="flips", replicates=2000, rng=1)
    with pytest.raises(AssertionError, match="not have seen an error of 1 %") as failure:
        assert_agrees(few, THEORY, budget=ErrorBudget())
    (needed,) = re.findall(r"that takes about (\S+) replicates, got 2000", str(failure.value))
    enough = mt.simulate(
        mt.MoE(), MODEL, method="flips", replicates=int(1.1 * float(needed)), rng=1
    )
    assert_agrees(enough, THEORY, budget=ErrorBudget())


@pytest.mark.parametrize("replicates", [400, 4000])  # with the skewness observed, and without
def test_risks_of_fitted_experts_are_compared(replicates):
    run = mt.simulate(mt.MoE(), MODEL, samples=200, replicates=replicates, rng=2)
    theory = mt.risk(mt.MoE(), MODEL, samples=200)
    assert_agrees(run, theory, budget=ErrorBudget(), resolution=0.05)
    with pytest.raises(AssertionError, match="disagree"):
        assert_agrees(run, 1.1 * theory.value, budget=ErrorBudget(), resolution=0.05)


@pytest.mark.parametrize("replicates", [3, 30, 1001])
def test_the_threshold_is_students_for_the_share(replicates):
    """Of normal replicates, so that a false alarm has exactly the probability of the share."""
    level, comparisons = 0.3, 10
    t = stats.t.isf(level / comparisons / 2.0, replicates - 1)
    for side in (-1.0, 1.0):
        for factor, fails in ((1.0 - 1e-6, False), (1.0 + 1e-6, True)):
            found = measured(1.0 + side * factor * t * 1e-4, 1e-4, replicates)
            budget = ErrorBudget(level, comparisons)
            if fails:
                with pytest.raises(AssertionError, match="disagree"):
                    assert_agrees(found, 1.0, budget=budget)
            else:
                assert_agrees(found, 1.0, budget=budget)


def test_the_power_is_the_error_that_99_per_cent_of_simulations_see():
    t = stats.t.isf(1e-6 / 300 / 2.0, 1000)
    seen = (t + stats.norm.isf(0.01)) * 1e-3 / 2.0  # relative to a value of 2
    assert_agrees(measured(2.0, 1e-3), 2.0, budget=ErrorBudget(), resolution=seen * (1.0 + 1e-4))
    with pytest.raises(AssertionError, match="could not have seen"):
        assert_agrees(
            measured(2.0, 1e-3), 2.0, budget=ErrorBudget(), resolution=seen * (1.0 - 1e-4)
        )


def test_false_alarms_are_as_rare_as_the_budget_says():
    """Family-wise level 0.1 over 5 comparisons, 1000 families of normal means."""
    rng, families, alarms = np.random.default_rng(5), 1000, 0
    for _ in range(families):
        budget, alarmed = ErrorBudget(0.1, 5), False
        for _ in range(5):
            values = rng.normal(1.0, 1e-3, 12)
            found = measured(values.mean(), values.std(ddof=1) / math.sqrt(12), 12)
            try:
                assert_agrees(found, 1.0, budget=budget)
            except AssertionError:
                alarmed = True
        alarms += alarmed
    expected = 1.0 - (1.0 - 0.1 / 5) ** 5  # of independent comparisons, below 0.1
    low, high = stats.binom.ppf([1e-6, 1.0 - 1e-6], families, expected)
    assert low <= alarms <= high


def test_the_error_of_a_risk_is_allowed_for():
    wrong = mt.Risk(1.004, 1.004, np.array([1.004]), "asymptotic", 0.005)
    assert_agrees(measured(1.0, 1e-5), wrong, budget=ErrorBudget())
    with pytest.raises(AssertionError, match="disagree"):
        assert_agrees(measured(1.0, 1e-5), wrong.value, budget=ErrorBudget())
    assert_agrees(measured(1.0, 1e-5), wrong.value, error=0.005, budget=ErrorBudget())
    with pytest.raises(AssertionError, match="hides it, whatever the number of replicates"):
        assert_agrees(measured(1.0, 1e-5), wrong, error=0.006, budget=ErrorBudget())


def test_a_share_of_wrong_signs_is_compared_too():
    run = mt.simulate(mt.MoE(), MODEL, loss="sign", replicates=400_000, rng=3)
    theory = mt.misclassification(mt.MoE(), MODEL)
    assert_agrees(run, theory, budget=ErrorBudget(), resolution=0.05)
    with pytest.raises(AssertionError):
        assert_agrees(run, 1.1 * theory.value, budget=ErrorBudget(), resolution=0.05)


def test_a_difference_needs_a_scale():
    nothing = measured(1e-5, 1e-4)
    with pytest.raises(AssertionError, match="no error is small beside a value of 0: give scale="):
        assert_agrees(nothing, 0.0, budget=ErrorBudget())
    assert_agrees(nothing, 0.0, scale=1.0, budget=ErrorBudget())


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (measured(1.0, math.inf), "the variance of the replicates is infinite"),
        (measured(1.1, 0.0), "nothing varied in the simulation, so that chance is unknown"),
    ],
)
def test_without_a_standard_error_nothing_is_known(found, why):
    with pytest.raises(AssertionError, match=why):
        assert_agrees(found, 1.0, budget=ErrorBudget())


def test_what_did_not_vary_and_is_right_passes():
    assert_agrees(measured(1.0, 0.0), 1.0, budget=ErrorBudget())


def test_a_skewed_mean_has_a_larger_threshold():
    found = measured(1.0 + 6.2e-4, 1e-4, 10_001)
    with pytest.raises(AssertionError, match="disagree"):
        assert_agrees(found, 1.0, budget=ErrorBudget())
    found.skewness = 0.2
    assert_agrees(found, 1.0, budget=ErrorBudget())


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"estimate": 1.0}, "estimate must have mean, sem and replicates"),
        ({"estimate": measured(1.0, math.nan)}, "estimate must have a standard error of at least"),
        ({"estimate": measured(1.0, 0.1, 1)}, "replicates must be at least 2, got 1"),
        ({"estimate": measured(math.nan, 0.1)}, "mean must be finite, got nan"),
        ({"value": math.inf}, "value must be finite, got inf"),
        ({"value": "1"}, "value must be a real number"),
        ({"error": -1.0}, "error must be at least 0"),
        ({"resolution": 0.0}, "resolution must be greater than 0"),
        ({"scale": 0.0}, "scale must be greater than 0"),
        ({"budget": 1e-6}, "budget must be an ErrorBudget"),
    ],
)
def test_what_cannot_be_used_is_refused_and_spends_nothing(arguments, wanted):
    budget = ErrorBudget()
    with pytest.raises(mt.ArgumentError, match=wanted):
        assert_agrees(
            **{"estimate": measured(1.0, 1e-4), "value": 1.0, "budget": budget, **arguments}
        )
    assert budget.made == 0
