"""Names and aliases of predictors, their outputs, and units."""

import pickle

import numpy as np
import pytest

from moetheory.auditing.predictors import (
    ALIASES,
    NAMES,
    ByName,
    LinearPredictor,
    Predictor,
    Units,
    canonical,
)


class ByHand:
    """A router that says what it is given."""

    def __init__(self, chosen):
        self.chosen = chosen

    def route(self, features, level):
        return self.chosen


@pytest.mark.parametrize(
    ("given", "now"),
    [
        ("moe", "moe(block)"),
        ("moe(hard)", "moe(block, router)"),
        ("moe_sem", "moe(block)_sem"),
        ("moe(hard)_predicted_sem", "moe(block, router)_predicted_sem"),
        ("moe(all)_measured", "moe(all)_measured"),
        ("group mean_accuracy", "group mean_accuracy"),
        ("noise_variance", "noise_variance"),
        ("moes", "moes"),
        ("", ""),
    ],
)
def test_older_names_are_names_of_now(given, now):
    assert canonical(given) == now


def test_no_older_name_hides_a_newer_one():
    assert not set(ALIASES) & set(NAMES)
    assert set(ALIASES.values()) <= set(NAMES)
    for name in NAMES:
        assert canonical(name) == name


def test_values_by_older_names_too_also_in_pickles():
    values = ByName({"moe(block)": 1, "dense": 2})
    for each in (values, pickle.loads(pickle.dumps(values))):
        assert (each["moe"], each["moe(block)"], each["dense"]) == (1, 1, 2)
        assert list(each) == ["moe(block)", "dense"]
        for missing in ("moe(hard)", "no such", 3):
            with pytest.raises(KeyError, match=str(missing).replace("(", ".").replace(")", ".")):
                each[missing]


def test_outputs_are_those_of_each_samples_expert():
    rng = np.random.default_rng(0)
    experts = Predictor(rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 5, 2)))
    features, chosen = rng.normal(size=(9, 5)), np.array([0, 0, 2, 2, 2, 0, 2, 2, 0])
    for level in range(2):
        said = experts.predict(features, chosen, level)
        for i, g in enumerate(chosen):
            expected = experts.intercepts[level, g] + features[i] @ experts.coefficients[level, g]
            np.testing.assert_allclose(said[i], expected, rtol=1e-13)


def test_groups_are_needed_by_experts_without_a_router_alone():
    one, three = np.zeros((2, 1, 1)), np.zeros((2, 3, 1))
    assert not Predictor(one, np.zeros((2, 1, 5, 1))).needs_groups
    assert Predictor(three, np.zeros((2, 3, 5, 1))).needs_groups
    assert not Predictor(three, np.zeros((2, 3, 5, 1)), ByHand([0])).needs_groups


def units(**changes):
    given = {
        "kept": np.array([0, 2, 3]),
        "width": 5,
        "centre": np.array([1.0, -2.0, 1e8]),
        "scale": np.array([2.0, 1e-6, 1e6]),
        "label_unit": 4.0,
        "level": np.array([9.0, 7.0, 9.0, 9.0, -5.0]),
        "names": list("abcde"),
    } | changes
    return Units(**given)


def test_units_keep_centre_and_scale():
    given = np.array([[3.0, np.nan, -2.0 + 3e-6, 1e8 + 5e6, np.inf]])
    np.testing.assert_allclose(units().standardised(given), [[1.0, 3.0, 5.0]], rtol=1e-9)
    np.testing.assert_array_equal(units().all_columns(np.ones(3), -1.0), [1, -1, 1, 1, -1])
    assert (units().name(2), units(names=None).name(2)) == ("c", "2")


def loudest(features):
    """A router of a user's: the loudest column."""
    return np.abs(features).argmax(axis=1)


def test_a_users_function_sees_features_as_they_were_given_whatever_is_left_out():
    given = np.array([[3.0, 7.0, -2.0, 1e8, -5.0], [-8.0, 7.0, -2.0, 0.0, -5.0]])
    seen = units().restored(units().standardised(given))
    np.testing.assert_allclose(seen, given, rtol=1e-12, atol=1e-6)
    function = units().of_units(loudest)
    for each in (function, pickle.loads(pickle.dumps(function))):
        np.testing.assert_array_equal(each(units().standardised(given)), [3, 0])


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_predictor_in_units_of_the_data_says_what_it_said(outputs):
    rng = np.random.default_rng(1)
    experts = Predictor(rng.normal(size=(2, 4, outputs)), rng.normal(size=(2, 4, 3, outputs)))
    features = np.array([1.0, 0, -2.0, 1e8, 0]) + rng.normal(size=(6, 5)) * [2, 9, 1e-6, 1e6, 9]
    found = units().of_data(experts)
    assert isinstance(found, LinearPredictor)
    assert found.needs_groups
    coefficients = found.coefficients.reshape(2, 4, 5, outputs)
    np.testing.assert_array_equal(coefficients[:, :, [1, 4]], 0.0)
    away = features - units().all_columns(units().centre, 0.0)
    for level in range(2):
        for g in range(4):
            expected = experts.predict(units().standardised(features), np.full(6, g), level)
            said = found.intercepts.reshape(2, 4, outputs)[level, g] + away @ coefficients[level, g]
            np.testing.assert_allclose(said, expected, rtol=1e-9, atol=1e-9)
    assert found.intercepts.ndim == (2 if outputs == 1 else 3)
