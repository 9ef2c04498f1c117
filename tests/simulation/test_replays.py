"""Replays: the data set of a replicate bit for bit, and the fit that contributed its risk."""

import numpy as np
import pytest
from own_fits import MODEL, by_group, by_group_function, least_squares, shaken

import moetheory as mt
from moetheory.simulation import fitted_risks

QUIET = MODEL.replace(interference_variances=0.0)
KNOWN = [
    mt.Dense(),
    mt.Dense(ridge=0.2),
    mt.MoE(),
    mt.MoE(ridge=0.1),
    mt.MoE(assignment=(0, 1, 0)),
    mt.MoE(shared=True),
    mt.MoE(assignment=(1, 0, 1), shared=True, ridge=0.1),
]


class Recorder:
    """Least squares that keeps its data."""

    def __init__(self):
        self.seen = []

    def __call__(self, features, labels, groups, rng):
        self.seen.append((features.copy(), labels.copy(), groups.copy(), rng.random()))
        return least_squares(features, labels, groups, rng)


@pytest.mark.parametrize("counts", ["fixed", "multinomial"])
@pytest.mark.parametrize("length", [{"replicates": 130}, {"target_sem": 0.02}])
def test_the_data_are_those_of_the_replicate(counts, length):
    recorder = Recorder()
    options = {"samples": 6000, "counts": counts, "rng": 4, **length}
    estimates = mt.simulate([recorder, mt.MoE()], QUIET, **options)
    seen = recorder.seen[2:]  # two calls see whether it is repeatable
    assert len(seen) == estimates[0].replicates
    before = len(recorder.seen)
    size = estimates.origins[0].run.route.batch
    assert len(seen) > 2 * size  # several batches, and several chunks
    for index in (0, 1, size - 1, size, 2 * size + 1, len(seen) - 1):
        found = mt.replay(estimates[0], index)
        features, labels, groups, _ = seen[index]
        np.testing.assert_array_equal(found.features, features)
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.groups, groups)
        assert found.groups.shape == (6000,)
        assert recorder.seen[-1][3] == seen[index][3]  # its random numbers, too
    assert len(recorder.seen) == before + 6


def true_risks(model, rows):
    """The risk given the group of linear predictors for each group, by matrices."""
    found = []
    for g, row in enumerate(np.broadcast_to(rows, (model.experts, model.dim))):
        active = model.block_of == g
        clean = np.diag(np.where(active, model.signal_variances, model.leakage_variances))
        error = model.coefficients - row
        noise = row @ (model.noise_variance * np.eye(model.dim)) @ row
        found.append(error @ clean @ error + noise + model.label_noise_variance)
    return np.array(found)


@pytest.mark.parametrize("estimator", [*KNOWN, by_group, shaken])
def test_the_fit_has_the_risk_that_the_replicate_contributed(estimator):
    options = {"method": "data", "replicates": 12, "rng": 5}
    estimate = mt.simulate(estimator, QUIET, samples=60, **options)
    risks = fitted_risks([estimator], QUIET, 60, **options)[0]
    assert estimate.mean == pytest.approx(float(np.mean(risks @ QUIET.group_probabilities)))
    for index in (0, 7, 11):
        fit = mt.replay(estimate, index).fit
        np.testing.assert_allclose(true_risks(QUIET, fit), risks[index], rtol=1e-9)
    assert not np.allclose(true_risks(QUIET, mt.replay(estimate, 0).fit), risks[1], rtol=1e-6)


def test_a_gate_has_the_fit_of_its_experts():
    gates = [mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.Learned(30)), mt.MoE()]
    found = mt.replay(mt.simulate(gates, QUIET, samples=600, method="data", replicates=9, rng=1), 3)
    soft, learned, oracle = found.fit
    np.testing.assert_array_equal(soft, oracle)
    np.testing.assert_array_equal(learned, oracle)
    retrained = mt.MoE(gate=mt.Hard(), retrained=True)
    other = mt.replay(
        mt.simulate(retrained, QUIET, samples=600, method="data", replicates=9, rng=1), 3
    )
    np.testing.assert_array_equal(other.features, found.features)
    assert not np.allclose(other.fit, oracle)


def test_functions_come_back_as_functions():
    estimate = mt.simulate([by_group, by_group_function], QUIET, samples=60, replicates=9, rng=1)
    found = mt.replay(estimate, 8)
    rows, function = found.fit
    expected = np.vecdot(found.features, rows[found.groups])
    np.testing.assert_allclose(function(found.features, found.groups), expected, rtol=1e-12)
    difference = mt.replay(estimate.difference(1, 0), 8)
    assert len(difference.fit) == 2
    np.testing.assert_array_equal(difference.labels, found.labels)
    assert not found.features.flags.writeable


def test_each_model_has_its_data():
    models = [QUIET, QUIET.replace(noise_variance=2.0)]
    of_both = mt.simulate([mt.Dense()], models, samples=60, method="data", replicates=9, rng=1)
    for model, each in zip(models, of_both, strict=True):
        alone = mt.simulate(mt.Dense(), model, samples=60, method="data", replicates=9, rng=1)
        expected, found = mt.replay(alone, 2), mt.replay(each, 2)
        np.testing.assert_array_equal(found.features, expected.features)
        np.testing.assert_array_equal(found.fit[0], expected.fit)
    both = mt.simulate(mt.Dense(), models, samples=60, method="data", replicates=9, rng=1)
    np.testing.assert_array_equal(mt.replay(both[1], 2).features, found.features)
    with pytest.raises(mt.ArgumentError, match="of one model and one run"):
        mt.replay(both, 2)


def test_parts_number_their_replicates_as_the_whole_run():
    options = {"samples": 6000, "method": "data", "replicates": 130, "rng": 4}
    whole = mt.simulate(mt.Dense(), QUIET, **options)
    part = mt.simulate(mt.Dense(), QUIET, part=(1, 2), **options)
    first = 130 - part.replicates
    for index in (first, 129):
        np.testing.assert_array_equal(
            mt.replay(part, index).features, mt.replay(whole, index).features
        )
    with pytest.raises(mt.ArgumentError, match=f"index must be .*{first}"):
        mt.replay(part, first - 1)


def test_what_draws_data_without_being_asked_is_replayed_too():
    shared = mt.simulate([mt.MoE(), mt.MoE(shared=True)], QUIET, samples=60, replicates=9, rng=0)
    assert [each.method for each in shared] == ["law", "data"]
    assert mt.replay(shared[1], 4).fit.shape == (3, 6)
    with pytest.raises(mt.ArgumentError, match="got one by law and data"):
        mt.replay(shared, 4)


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, "population"),
        ({"samples": 60}, "law"),
        ({"samples": 60, "method": "statistics"}, "statistics"),
    ],
)
def test_other_methods_are_refused_by_name(options, method):
    estimate = mt.simulate(mt.MoE(), QUIET, replicates=20, rng=0, **options)
    with pytest.raises(mt.ArgumentError, match=f'must be by method="data".*got one by {method}'):
        mt.replay(estimate, 0)


def test_a_replicate_that_is_not_there_is_refused():
    estimate = mt.simulate(mt.MoE(), QUIET, samples=60, method="data", replicates=9, rng=0)
    for index in (9, -1, 2.5):
        with pytest.raises(mt.ArgumentError, match="index must be"):
            mt.replay(estimate, index)
    with pytest.raises(TypeError, match="estimate must be an Estimate, got"):
        mt.replay(0.5, 1)
