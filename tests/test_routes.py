"""Every route against training sets drawn sample by sample, and which one is chosen."""

import math

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.simulation import fitted_risks
from moetheory.simulation.compression import Grouped, Joint, Plain
from moetheory.simulation.law import Law
from moetheory.simulation.rotation import Rotated
from moetheory.simulation.routes import families

LEVEL = 1e-6  # that any of at most COMPARISONS comparisons of this file fails by chance
COMPARISONS = 300
SETS = 6000
RIDGES = [mt.Dense(), mt.Dense(ridge=0.2), mt.MoE(), mt.MoE(ridge=0.2)]


def wide(sizes=(8, 10), **changes):
    """Two unequal isotropic blocks."""
    model = mt.BlockModel(
        [0.35, 0.65],
        np.repeat([0, 1], sizes),
        np.repeat([2.0, 0.9], sizes),
        np.cos(np.arange(sum(sizes))) + 0.3,
        0.4,
    )
    return model.replace(**changes)


def layouts(estimators, model, samples, counts="fixed"):
    plan = families(estimators, (model,), samples, counts, None, False)
    return {type(getattr(family.route, "layout", family.route)): family.members for family in plan}


def assert_same_law(here, there):
    """Means and variances of the logarithms, whose tails are light, and whole distributions."""
    tail = LEVEL / COMPARISONS
    threshold = stats.norm.isf(tail / 2)
    a, b = np.log(here), np.log(there)
    sem = math.hypot(a.std(), b.std()) / math.sqrt(len(a))
    assert abs(a.mean() - b.mean()) <= threshold * sem + 1e-12
    assert threshold * sem <= 0.12 * max(
        a.std(), 1e-12
    )  # it would have seen an eighth of the spread
    squares = [(v - v.mean()) ** 2 for v in (a, b)]
    spread = math.hypot(squares[0].std(), squares[1].std()) / math.sqrt(len(a))
    assert abs(squares[0].mean() - squares[1].mean()) <= threshold * spread + 1e-12
    assert stats.ks_2samp(here, there, method="asymp").pvalue > tail


CASES = {
    "more samples than coordinates": ({}, [8, 20, 14], "fixed", Joint, Law),
    "label noise": ({"label_noise_variance": 0.3}, [8, 20, 14], "fixed", Joint, Law),
    "a group with few samples": ({}, [1, 20, 14], "fixed", Joint, None),
    "a group without samples": ({}, [0, 20, 14], "fixed", Joint, Law),
    "no feature noise": (
        {"noise_variance": 0.0, "label_noise_variance": 0.3},
        [1, 20, 14],
        "fixed",
        Joint,
        None,
    ),
    "leakage": ({"leakage_variances": 0.3}, [8, 20, 14], "fixed", Grouped, Law),
    "leakage, few samples": ({"leakage_variances": 0.3}, [2, 7, 4], "fixed", Plain, Law),
    "drawn counts": ({"label_noise_variance": 0.3}, 30, "multinomial", Joint, None),
    "leakage, drawn counts": ({"leakage_variances": 0.3}, 30, "multinomial", Grouped, None),
}


@pytest.mark.parametrize("case", CASES)
def test_risks_have_the_law_of_training_sets_drawn_in_full(generic, case):
    changes, samples, counts, layout, experts = CASES[case]
    compare(generic(**changes), samples, counts, layout, experts)


WIDE = {
    "fewer samples than coordinates": ({}, [2, 3], "fixed", Rotated, Law),
    "one group in excess": ({"sizes": (2, 14)}, [6, 3], "fixed", Rotated, Law),
    "rotated, label noise": ({"label_noise_variance": 0.3}, [3, 0], "fixed", Rotated, Law),
    "leakage": ({"leakage_variances": 0.2}, [2, 3], "fixed", Plain, Law),
    "anisotropic": ({"signal_variances": np.linspace(2, 1, 18)}, [2, 3], "fixed", Plain, None),
    "drawn counts": ({}, 5, "multinomial", Plain, Law),
}


@pytest.mark.parametrize("case", WIDE)
def test_risks_have_the_law_of_small_training_sets_drawn_in_full(case):
    changes, samples, counts, layout, experts = WIDE[case]
    compare(wide(**changes), samples, counts, layout, experts)


def compare(model, samples, counts, layout, experts):
    chosen = layouts([mt.Dense(), mt.MoE()], model, samples, counts)
    assert layout in chosen
    assert (Law in chosen) == (experts is Law)
    arguments = {"counts": counts, "replicates": SETS}
    fast = fitted_risks(RIDGES[:3], model, samples, rng=1, **arguments)
    ridge = fitted_risks(RIDGES[3:], model, samples, rng=1, **arguments)
    plain = fitted_risks(RIDGES, model, samples, rng=2, method="data", **arguments)
    for here, there in zip([*fast, *ridge], plain, strict=True):
        for g in range(model.experts):
            if np.ptp(there[:, g]) > 1e-12 * there[0, g]:
                assert_same_law(here[:, g], there[:, g])
            else:  # an expert without samples
                np.testing.assert_allclose(here[:, g], there[:, g], rtol=1e-12)
        p = model.group_probabilities
        assert_same_law(here @ p, there @ p)


def test_experts_from_statistics_have_the_law_of_experts_from_their_law(generic):
    for model, samples in ((generic(), [8, 20, 14]), (wide(), [2, 13])):
        arguments = {"replicates": SETS, "rng": 1}
        law = fitted_risks([mt.MoE()], model, samples, method="law", **arguments)[0]
        statistics = fitted_risks([mt.MoE()], model, samples, method="statistics", **arguments)[0]
        for g in range(model.experts):
            assert_same_law(law[:, g], statistics[:, g])


def test_the_comparison_notices_a_sample_too_many(generic):
    here, there = (
        fitted_risks([mt.Dense(), mt.MoE()], generic(), samples, replicates=40_000, rng=seed)
        for seed, samples in ((1, [8, 20, 14]), (2, [9, 21, 15]))
    )
    for a, b in zip(here, there, strict=True):
        with pytest.raises(AssertionError):
            assert_same_law(a[:, 0], b[:, 0])


def test_conjugate_gradients_are_for_groups_that_all_have_plenty_of_samples():
    """The coefficients of a group without samples hang on noise alone."""
    model = mt.BlockModel([0.5, 0.5], np.repeat([0, 1], 32), np.ones(64), np.ones(64), 1e-12)
    steps = {}
    for samples in ([5000, 5000], [50_000, 0], [50_000, 33], [100, 100]):
        plan = families([mt.Dense()], (model,), samples, "fixed", None, False)
        steps[tuple(samples)] = plan[0].route.iterations
    assert list(map(bool, steps.values())) == [True, False, False, False]


def test_conjugate_gradients_and_solving_agree_on_the_same_draws(monkeypatch):
    model = mt.BlockModel.power_law(80, 4, 0.3, decay=1.0, leakage_variances=0.01)
    estimators = [mt.Dense(), mt.Dense(ridge=0.1)]
    arguments = {"samples": 4000, "replicates": 20, "rng": 0}
    iterated = fitted_risks(estimators, model, **arguments)
    assert families(estimators, (model,), 4000, "fixed", None, False)[0].route.iterations > 0
    monkeypatch.setattr("moetheory.simulation.statistics.DenseStatistics.iterations", 0)
    np.testing.assert_allclose(fitted_risks(estimators, model, **arguments), iterated, rtol=1e-10)


@pytest.mark.parametrize("samples", [10**4, 10**9])
def test_the_number_of_samples_costs_nothing(generic, agrees, samples):
    """n(E R - R) tends to theory's rate; rows do not grow with n."""
    model = generic()
    estimators = [mt.Dense(), mt.MoE()]
    estimates = mt.simulate(estimators, model, samples=samples, replicates=160_000, rng=5)
    for estimator, estimate in zip(estimators, estimates, strict=True):
        limit, rate = mt.risk(estimator, model).value, mt.excess_rate(estimator, model)
        excess = samples * (estimate.mean - limit)
        # a difference of nearly equal numbers keeps few digits at n = 10⁹
        assert agrees(excess, samples * estimate.sem + 1e-16 * samples, 160_000, rate)


def test_leakage_and_a_billion_samples(generic):
    model = generic(leakage_variances=0.2)
    estimates = mt.simulate([mt.Dense(), mt.MoE()], model, samples=10**9, replicates=50, rng=0)
    for estimator, estimate in zip((mt.Dense(), mt.MoE()), estimates, strict=True):
        assert estimate.mean == pytest.approx(mt.risk(estimator, model).value, rel=1e-6)


def test_the_route_is_chosen_shown_and_can_be_forced(generic):
    model, both = generic(), [mt.Dense(), mt.MoE()]
    arguments = {"samples": [8, 20, 14], "replicates": 50, "rng": 0}
    for method, names in (
        (None, ["statistics", "law"]),
        ("statistics", ["statistics", "statistics"]),
        ("data", ["data", "data"]),
    ):
        estimates = mt.simulate(both, model, method=method, **arguments)
        assert [estimate.method for estimate in estimates] == names
        assert estimates.paired(0, 1) == (method == "data")
    assert mt.simulate(mt.MoE(), model, method="law", **arguments).method == "law"
    assert mt.simulate(mt.Dense(), model, method="population", rng=0).method == "population"
    one = mt.BlockModel.power_law(8, 1, 0.5, decay=1.0)
    alone = mt.simulate(both, one, samples=40, replicates=50, method="law", rng=0)
    assert alone[0].mean == alone[1].mean


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "fast", "samples": 30}, "one of population, identity, law, .* got 'fast'"),
        ({"method": "law"}, "method='law' needs samples, .* got samples=None"),
        ({"method": "population", "samples": 30}, "draws no training sets, got samples=30"),
        ({"method": "identity", "samples": 30}, "draws no training sets, got samples=30"),
        ({"method": "law", "samples": 30}, r'"law" is known for MoE, got Dense\(ridge=0.0\)'),
        (
            {"method": "law", "samples": 30, "estimator": mt.MoE(ridge=1.0)},
            'method="law" does not know ridge > 0; leave method=None',
        ),
        (
            {"method": "law", "samples": [1, 2, 30], "estimator": mt.MoE()},
            'method="law" does not know a block with several variances',
        ),
    ],
)
def test_bad_methods(generic, arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.simulate(**{"estimator": mt.Dense(), "model": generic(), **arguments})
