"""Estimators of one's own by "data": beside those of the library, in closed form and on inputs."""

import numpy as np
import pytest
from own_fits import (
    MODEL,
    ShrunkMean,
    by_block,
    by_group,
    by_group_function,
    least_squares,
    often_unlucky,
    shaken,
    shaken_function,
)

import moetheory as mt
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods import custom_fits

CONFUSION = [[0.8, 0.15, 0.05], [0.0, 0.9, 0.1], [0.3, 0.1, 0.6]]
PERTURBED = [
    None,
    mt.Perturbation(1.5, CONFUSION, 0.5, erasure=0.1),
    mt.Perturbation(confusion=CONFUSION, radius=0.3),
    mt.Perturbation([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], interference_variances=0.9),
]


@pytest.mark.parametrize("under", PERTURBED)
@pytest.mark.parametrize("counts", ["fixed", "multinomial"])
def test_least_squares_are_dense_and_by_block_they_are_experts(under, counts):
    known, own = [mt.Dense(), mt.MoE()], [least_squares, by_block(MODEL)]
    options = {"under": under, "counts": counts, "replicates": 50, "rng": 0}
    dense, experts, mine, mine_by_block = fitted_risks([*known, *own], MODEL, 60, **options)
    np.testing.assert_allclose(mine, dense, rtol=1e-9)
    np.testing.assert_allclose(mine_by_block, experts, rtol=1e-9)
    assert not np.allclose(mine, experts, rtol=1e-3)


@pytest.mark.parametrize("under", [None, mt.Perturbation(1.5, CONFUSION, 0.5)])
def test_of_signs_too(under):
    options = {"samples": 60, "under": under, "loss": "sign", "replicates": 50, "rng": 0}
    estimators = [mt.Dense(), mt.MoE(), least_squares, by_block(MODEL)]
    means = mt.simulate(estimators, MODEL, method="data", **options).means
    np.testing.assert_allclose(means[2:], means[:2], rtol=1e-9)
    assert abs(means[0] - means[1]) > 1e-3


def test_others_are_the_same_beside_it():
    gate = mt.MoE(gate=mt.Hard())
    known = [mt.Dense(), gate, mt.MoE(shared=True), mt.MoE(ridge=0.3)]
    options = {"samples": 60, "replicates": 400, "rng": 1, "memory": 2**30}
    without = mt.simulate(known, MODEL, method="data", **options)
    mixed = [shaken, *known[:2], by_group_function, *known[2:]]
    beside = mt.simulate(mixed, MODEL, **options)
    assert beside.means[[1, 2, 4, 5]].tolist() == without.means.tolist()
    assert beside.per_group[[1, 2, 4, 5]].tolist() == without.per_group.tolist()
    assert beside.paired(0, 2)
    assert beside.difference(0, 2).method == "data, same draws"


def test_it_is_the_same_beside_others():
    options = {"samples": 60, "replicates": 30, "rng": 1}
    alone = mt.simulate(shaken, MODEL, **options)
    both = mt.simulate([by_group_function, shaken, mt.Dense()], MODEL, **options)
    assert both[1].mean == alone.mean
    assert mt.simulate(shaken, MODEL, **options | {"rng": alone.entropy}).mean == alone.mean


def test_models_that_differ_in_noise_use_the_same_draws():
    louder = MODEL.replace(noise_variance=2.0)
    options = {"samples": 60, "replicates": 30, "rng": 1}
    found = mt.simulate([shaken, by_group_function], [MODEL, louder], **options)
    for model, each in zip((MODEL, louder), found, strict=True):
        assert mt.simulate([shaken, by_group_function], model, **options).means.tolist() == (
            each.means.tolist()
        )


def test_functions_have_the_risk_of_their_coefficients(agrees, monkeypatch):
    monkeypatch.setattr(custom_fits, "TESTS", 5000)  # as many inputs with fewer fits
    under = mt.Perturbation(1.5, CONFUSION, 0.5, erasure=0.1)
    options = {"samples": 60, "under": under, "replicates": 300, "rng": 2}
    found = mt.simulate([by_group, by_group_function], MODEL, **options)
    exact, measured = found[0].mean, found.difference(1, 0)
    assert agrees(exact + measured.mean, measured.sem, measured.replicates, exact)


def test_functions_get_the_random_numbers_of_their_training_set():
    pairs = [by_group, by_group_function, shaken, shaken_function]
    found = mt.simulate(pairs, MODEL, samples=60, replicates=800, rng=2)
    assert abs(found.difference(1, 0).z(0.0)) < 5.0
    assert abs(found.difference(3, 2).z(0.0)) < 5.0
    assert found.difference(2, 0).mean > 20.0 * found[3].sem  # another fit would be seen
    variances = found.covariance.diagonal()
    assert np.all(variances[[1, 3]] > variances[[0, 2]])


def test_functions_are_tested_under_noise_of_any_law():
    from scipy import stats

    under = mt.Perturbation(3.0, noise=stats.laplace())
    found = mt.simulate(
        [by_group, by_group_function], MODEL, samples=60, under=under, replicates=600, rng=3
    )
    assert abs(found.difference(1, 0).z(0.0)) < 5.0
    plain = mt.simulate(by_group, MODEL, samples=60, replicates=600, rng=3)
    assert found[1].mean - plain.mean > 20.0 * found[1].sem  # what was forgotten would be seen


def test_signs_of_functions():
    found = mt.simulate(
        [by_group, by_group_function], MODEL, samples=60, loss="sign", replicates=600, rng=3
    )
    assert abs(found.difference(1, 0).z(0.0)) < 5.0
    assert found[1].sem < 0.01 < 0.1 < found[1].mean < 0.5


def test_rare_groups_are_tested():
    rare = MODEL.replace(group_probabilities=[1e-9, 1.0 - 1e-9, 0.0])
    found = mt.simulate(by_group_function, rare, samples=[20, 20, 20], replicates=5, rng=0)
    assert np.isfinite(found.mean)
    assert np.isfinite(found.per_group).tolist() == [True, True, False]


def test_objects_with_fit_and_predict():
    def adapted(features, labels, groups, rng):
        fitted = ShrunkMean(alpha=2.0).fit(features, labels)
        return lambda features, groups: fitted.predict(features)

    ridge = mt.Dense(ridge=2.0 / 60)
    found = mt.simulate([ridge, adapted], MODEL, samples=60, replicates=1500, rng=0)
    # an intercept that is not needed costs the variance of one more coefficient, 1/n
    extra = found.difference(1, 0)
    assert abs(extra.mean - found[0].mean / 60) < 5.0 * extra.sem + 0.2 * found[0].mean / 60


def test_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")

    def ridge(features, labels, groups, rng):
        fitted = linear_model.Ridge(alpha=2.0, fit_intercept=False).fit(features, labels)
        return fitted.coef_

    dense, mine = fitted_risks([mt.Dense(2.0 / 60), ridge], MODEL, 60, replicates=5, rng=0)
    np.testing.assert_allclose(mine, dense, rtol=1e-9)


# --- what is refused ----------------------------------------------------------------------------


def returning(value):
    return lambda features, labels, groups, rng: value


def predicting(value):
    return lambda features, labels, groups, rng: lambda inputs, groups: value


WRONG = {
    "scalar": (1.0, r"shape \(6,\), one linear predictor, or \(3, 6\), one for each group"),
    "length": (np.ones(5), r"\(3, 6\).*a function predict\(features, groups\), got shape \(5,\)"),
    "column": (np.ones((6, 1)), r"got shape \(6, 1\)"),
    "nothing": (None, "got None"),
    "an object": (ShrunkMean(1.0), r"got <.*return lambda features, groups: fitted\.predict"),
    "nan": ([1.0, np.nan, 0, 0, 0, 0], "must be finite, got nan at index 1"),
    "infinite": (np.full((3, 6), np.inf), r"must be finite, got inf at index \(0, 0\)"),
    "complex": (np.full(6, 1j), "must hold real numbers, got complex128 values"),
    "ragged": ([[1.0], [1.0, 2.0]], "rows of unequal length"),
    "text": ("no", "must hold real numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_coefficients_are_refused(name):
    value, message = WRONG[name]
    with pytest.raises(mt.ArgumentError, match=rf"estimator mine cannot be used: .*{message}"):
        mt.simulate(mt.Custom(returning(value), name="mine"), MODEL, samples=60, replicates=5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), r"predictions must have shape \(256,\).*inputs \(256, 6\), got shape \(3,\)"),
        (np.ones((256, 1)), r"got shape \(256, 1\)"),
        (np.full(256, np.nan), "predictions must be finite, got nan"),
        (np.full(256, 1j), "predictions must hold real numbers"),
        (None, "predictions must hold real numbers"),
    ],
)
def test_wrong_predictions_are_refused(value, message):
    with pytest.raises(mt.ArgumentError, match=message):
        mt.simulate(predicting(value), MODEL, samples=60, replicates=5)


def failing_at(number, error, calls):
    """Least squares, and an error at one of the calls."""

    def fails(features, labels, groups, rng):
        calls.append((features.copy(), labels.copy(), groups.copy()))
        if len(calls) == number:
            raise error
        return least_squares(features, labels, groups, rng)

    return fails


@pytest.mark.parametrize("rng", [0, 7])
def test_an_error_is_chained_and_says_how_to_see_its_data(rng):
    calls = []
    error = RuntimeError("no convergence\nafter many lines")
    own = mt.Custom(failing_at(120, error, calls), name="mine")
    options = {"samples": [1500, 1500, 1500], "replicates": 130}
    with pytest.raises(mt.ArgumentError) as found:
        mt.simulate([mt.Dense(), own], MODEL, rng=rng, **options)
    # the first two calls are those of the check
    message = str(found.value)
    assert "mine cannot be used: raised RuntimeError: no convergence, at replicate 117 " in message
    assert f" with rng={rng} " in message
    assert repr(MODEL).split(",")[0] in message
    assert found.value.__cause__ is error
    assert message.endswith(
        'put Dense() in place of mine with method="data" and this rng, and call '
        "replay(estimate, 117)"
    )
    # what it says is what one does; there are several batches and chunks
    estimate = mt.simulate([mt.Dense(), mt.Dense()], MODEL, method="data", rng=rng, **options)
    batch = estimate.origins[0].run.route.batch
    assert 3 * batch < 117  # in the second batch of the second chunk
    data = mt.replay(estimate, 117)
    for drawn, replayed in zip(calls[-1], (data.features, data.labels, data.groups), strict=True):
        np.testing.assert_array_equal(drawn, replayed)


def test_errors_of_predictions_and_in_processes(pool):
    def broken(features, labels, groups, rng):
        return lambda inputs, groups: {}[0]

    with pytest.raises(mt.ArgumentError, match="the function that it returned raised KeyError: 0"):
        mt.simulate(broken, MODEL, samples=60, replicates=5)
    with pytest.raises(
        mt.ArgumentError, match="raised ArithmeticError: unlucky, at replicate "
    ) as e:
        mt.simulate(often_unlucky, MODEL, samples=60, replicates=50, rng=0, executor=pool)
    assert "at replicate 0 " not in str(e.value)  # which is tried here, before there are others


def test_a_worst_case_shift_needs_coefficients():
    under = mt.Perturbation(radius=0.1)
    mt.simulate(by_group, MODEL, samples=60, under=under, replicates=5)
    with pytest.raises(mt.ArgumentError, match=r"worst-case shift.*got radius=0\.1"):
        mt.simulate(by_group_function, MODEL, samples=60, under=under, replicates=5)


@pytest.mark.parametrize("as_function", [False, True])
def test_a_fit_that_is_not_repeatable_is_refused(as_function):
    hidden = np.random.default_rng(0)

    def fit(features, labels, groups, rng):
        found = least_squares(features, labels, groups, rng) + 0.01 * hidden.standard_normal(6)
        return (lambda inputs, groups: inputs @ found) if as_function else found

    with pytest.raises(mt.ArgumentError, match=r"differs between two calls.*random numbers from"):
        mt.simulate(fit, MODEL, samples=60, replicates=5)


def test_a_fit_that_changes_its_form_is_not_repeatable():
    forms = iter([by_group, shaken_function])
    with pytest.raises(mt.ArgumentError, match="differs between two calls"):
        mt.simulate(lambda *given: next(forms)(*given), MODEL, samples=60, replicates=5)
