"""Estimates, their intervals and combinations."""

import math
from dataclasses import replace

import numpy as np
import pytest

import moetheory as mt
from moetheory.results.estimates import student_quantile


@pytest.fixture
def estimates():
    return mt.Estimates(
        means=np.array([3.0, 1.0]),
        covariance=np.array([[0.04, 0.03], [0.03, 0.05]]),
        per_group=np.array([[3.0, 4.0], [1.0, 2.0]]),
        replicates=np.array([1001, 2001]),
        methods=("statistics", "statistics"),
        draws=np.array([0, 0]),
        entropy=5,
        infinite=np.array([False, False]),
    )


def test_a_sequence_of_estimates(estimates):
    assert [float(e) for e in estimates] == [3.0, 1.0]
    assert estimates[-1].sem == math.sqrt(0.05)
    assert [e.mean for e in estimates[:1]] == [3.0]
    with pytest.raises(IndexError):
        estimates[2]


def test_a_loss_is_shown_where_it_is_not_the_square(estimates):
    assert "loss" not in repr(estimates) + repr(estimates[0])
    signs = replace(estimates, loss="sign")
    assert "loss='sign'" in repr(signs)
    assert signs[0].loss == signs.difference(0, 1).loss == "sign"


def test_results_cannot_be_written_to(estimates):
    sweep = mt.sweep(mt.BlockModel.isotropic(4, 2, 1.0), "noise_variance", [0.1])
    risk = mt.risk(mt.Dense(), mt.BlockModel.isotropic(4, 2, 1.0))
    for array in (
        estimates.means,
        estimates.covariance,
        estimates[0].per_group,
        risk.per_group,
        sweep["dense"],
        sweep["noise_variance"],
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


@pytest.mark.parametrize("index", [None, [0, 1], 0.5])
def test_an_index_is_an_integer_or_a_slice(estimates, index):
    with pytest.raises(TypeError):
        estimates[index]


def test_a_difference_is_paired(estimates):
    difference = estimates.difference(0, 1)
    assert difference.mean == 2.0
    assert difference.sem == pytest.approx(math.sqrt(0.04 + 0.05 - 2 * 0.03))
    assert difference.per_group.tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match=r"weights must have shape \(2,\)"):
        estimates.combination([1.0])


def test_z_without_spread_is_zero_or_infinite(estimates):
    sure = estimates.combination([0.0, 0.0])
    assert (sure.z(0.0), sure.z(1.0), sure.z(-1.0)) == (0.0, -math.inf, math.inf)
    assert estimates[0].z(2.8) == pytest.approx(1.0)


def test_intervals_are_students(estimates):
    from scipy import stats

    low, high = estimates[0].interval(0.9)
    half = stats.t.ppf(0.95, 1000) * 0.2
    assert (low, high) == pytest.approx((3.0 - half, 3.0 + half), rel=1e-12)
    for confidence in (0.0, 1.0, 1.5, math.nan):
        with pytest.raises(ValueError, match="confidence must be"):
            estimates[0].interval(confidence)


def test_fewer_degrees_of_freedom_make_a_longer_interval():
    from scipy import stats

    def half(degrees):
        estimate = mt.Estimate(3.0, 0.2, 1001, np.zeros(1), "population", 0, degrees=degrees)
        return 3.0 - estimate.interval(0.9)[0]

    assert half(None) == pytest.approx(0.2 * stats.t.ppf(0.95, 1000), rel=1e-12)
    assert half(2.5) == pytest.approx(0.2 * stats.t.ppf(0.95, 2.5), rel=1e-12)


def test_the_interval_of_a_skewed_mean_is_halls_where_that_is_longer():
    """Hall's statistic is T + G(T² + 1/2)/3 + G²T³/27, in short ((1 + GT/3)³ - 1)/G + G/6."""
    from scipy import stats

    t = float(stats.t.ppf(0.95, 30))
    for skewness in (0.4, -0.4, 1e-3):
        estimate = mt.Estimate(3.0, 0.2, 31, np.zeros(1), "law", 0, skewness=skewness)
        low, high = ((3.0 - end) / 0.2 for end in estimate.interval(0.9))
        plain, skewed = (low, high) if skewness > 0.0 else (high, low)
        assert abs(plain) == pytest.approx(t, rel=1e-12)
        cube = ((1.0 + skewness * skewed / 3.0) ** 3 - 1.0) / skewness + skewness / 6.0
        assert cube == pytest.approx(math.copysign(t, skewed), rel=1e-9)
    plain = mt.Estimate(3.0, 0.2, 31, np.zeros(1), "law", 0)
    nearly = mt.Estimate(3.0, 0.2, 31, np.zeros(1), "law", 0, skewness=1e-6)
    assert nearly.interval() == pytest.approx(plain.interval(), rel=1e-5)


@pytest.mark.parametrize("tail", [0.025, 1e-6, 1e-9])
@pytest.mark.parametrize("degrees", [1, 5, 10_000, 10**7])
def test_quantiles_far_in_the_tail(tail, degrees):
    from scipy import stats

    assert student_quantile(tail, degrees) == pytest.approx(stats.t.isf(tail, degrees), rel=1e-8)


def test_the_median_has_an_interval_that_covers_whatever_the_law():
    rng = np.random.default_rng(0)
    made = [
        mt.Estimate(0.0, math.inf, 50, np.zeros(1), "law", 0, rng.standard_cauchy(50))
        for _ in range(2000)
    ]
    covered = np.mean([low <= 0.0 <= high for low, high in (e.median_interval(0.9) for e in made)])
    # never below 0.9, and not far above: between neighbouring order statistics
    assert 0.9 - 0.02 <= covered <= 0.95
    assert made[0].median == np.median(made[0].values)


def test_too_few_values_bound_no_median():
    few = mt.Estimate(0.0, math.inf, 4, np.zeros(1), "law", 0, np.arange(4.0))
    assert few.median_interval(0.95) == (-math.inf, math.inf)
    none = mt.Estimate(math.nan, math.nan, 0, np.zeros(1), "law", 0, np.empty(0))
    assert math.isnan(none.median)
    assert np.isnan(none.median_interval()).all()
    without = mt.Estimate(1.0, 0.1, 9, np.zeros(1), "law", 0)
    assert (without.median, without.median_interval()) == (None, None)


def test_the_sem_of_independent_draws_and_of_infinite_variances():
    estimates = mt.Estimates(
        means=np.array([3.0, 1.0, 2.0]),
        covariance=np.diag([0.04, 0.05, 7.0]),
        per_group=np.array([[3.0], [1.0], [2.0]]),
        replicates=np.array([10, 20, 20]),
        methods=("statistics", "law", "law"),
        draws=np.array([0, 1, 1]),
        entropy=5,
        infinite=np.array([False, False, True]),
    )
    finite = estimates.difference(0, 1)
    assert (finite.sem, finite.replicates) == (pytest.approx(0.3), 10)
    assert finite.method == "statistics and law, independent draws"
    assert estimates.difference(1, 2).method == "law, same draws"
    assert estimates.combination([1, 1, 1]).method == "statistics and law, partly independent draws"
    assert estimates[2].sem == estimates.difference(0, 2).sem == math.inf
    assert estimates[1].sem < math.inf


NO_INDEX = ["a", None, 1.5, True, [0], 2, -3, float("nan")]


@pytest.mark.parametrize("bad", NO_INDEX)
def test_what_is_no_index_of_the_estimates_is_refused_by_name(estimates, bad):
    for name, call in {
        "position": lambda: estimates[bad],
        "i": lambda: estimates.difference(bad, 0),
        "j": lambda: estimates.paired(0, bad),
    }.items():
        with pytest.raises((IndexError, TypeError), match=rf"^{name} must be ") as error:
            call()
        assert isinstance(error.value, ValueError)
        assert error.value.argument == name


def test_indices_count_from_the_end_too(estimates):
    assert estimates.difference(-2, np.int64(1)).mean == 2.0
    assert estimates.paired(-1, 0)


@pytest.mark.parametrize("bad", ["1", None, True, float("nan"), 1j, [1.0], np.ma.masked])
def test_a_z_score_is_against_a_number(estimates, bad):
    with pytest.raises(ValueError, match=r"^value must "):
        estimates[0].z(bad)


def test_a_z_score_is_against_a_risk_an_estimate_or_infinity_too(estimates):
    risk = mt.risk(mt.Dense(), mt.BlockModel.isotropic(4, 2, 1.0))
    assert estimates[0].z(risk) == estimates[0].z(risk.value)
    assert estimates[0].z(estimates[1]) == estimates[0].z(1) == estimates[0].z(np.float64(1.0))
    assert estimates[0].z(math.inf) == -math.inf


@pytest.mark.parametrize("bad", [0.0, 1.0, "a", True, float("nan"), None])
def test_a_confidence_is_a_share(estimates, bad):
    for method in (estimates[0].interval, estimates[0].median_interval):
        with pytest.raises(ValueError, match=r"^confidence must be"):
            method(bad)


def test_a_notebook_shows_a_row_for_each_estimate(estimates):
    assert "<td>0</td><td>3.00 ± 0.2</td><td>statistics</td>" in estimates._repr_html_()
    assert estimates._repr_html_().count("<tr>") == 3


def test_signs_are_compared_with_a_misclassification():
    found = mt.Estimate(0.3, 0.01, 1001, np.array([0.3]), "population", 0, loss="sign")
    assert found.z(mt.Misclassification(0.25, np.array([0.25]))) == pytest.approx(5.0)
