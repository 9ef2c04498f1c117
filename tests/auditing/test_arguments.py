"""What an audit is given: names and numbers brought into one form, or refused by name."""

import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.arguments import (
    checked_labels,
    checked_noise,
    checked_structure,
    held_out_mask,
)
from moetheory.common.errors import ArgumentError, Column

NAN, INF = float("nan"), float("inf")


# --- labels ------------------------------------------------------------------------------------


def test_labels_that_are_numbers_stay_numbers():
    found = checked_labels(np.array([3, 1, 2, 1], dtype=np.int8), 4)
    np.testing.assert_array_equal(found.values, [3.0, 1.0, 2.0, 1.0])
    assert (found.classes, found.boundary) == (None, None)


@pytest.mark.parametrize(
    ("labels", "values", "classes", "boundary"),
    [
        (["spam", "ham", "spam"], [1, 0, 1], ("ham", "spam"), 0.5),
        (np.array(["spam", "ham", "spam"], dtype=object), [1, 0, 1], ("ham", "spam"), 0.5),
        ([b"no", b"yes", b"no"], [0, 1, 0], (b"no", b"yes"), 0.5),
        ([True, False, True], [1, 0, 1], (False, True), 0.5),
        ([2.0, -1.0, 2.0], [2, -1, 2], (-1.0, 2.0), 0.5),
        (np.array([7, 3, 7], dtype=object), [7, 3, 7], (3.0, 7.0), 5.0),
    ],
)
def test_two_classes_are_named_and_have_a_number_between_them(labels, values, classes, boundary):
    found = checked_labels(labels, 3)
    np.testing.assert_array_equal(found.values, values)
    assert (found.classes, found.boundary) == (classes, boundary)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1.0, 2.0], "labels must have shape (3,), one for each sample, got (2,)"),
        ([[1.0], [2.0], [3.0]], "labels must have shape (3,), one for each sample, got (3, 1)"),
        (2.0, "labels must have shape (3,), one for each sample, got ()"),
        (None, "labels must have shape (3,), one for each sample, got ()"),
        ([1.0, 1.0, 1.0], "labels must differ, got 1.0 3 times"),
        (["a", "a", "a"], "labels must differ, got a 3 times"),
        (["a", "b", "c"], "labels must be numbers or of two classes, got 3 different: a, b, c"),
        ([1.0, NAN, NAN], "labels must be finite, got nan at index 1"),
        ([1.0, 2.0, INF], "labels must be finite, got inf at index 2"),
        ([1j, 2.0, 3.0], "labels must hold real numbers, got complex128 values"),
        ([1.0, None, 2.0], "labels must hold real numbers, got object values"),
        (["a", "b", None], "labels must be all text or none, got None at index 2"),
        (["a", NAN, "a"], "labels must be all text or none, got nan at index 1"),
        (np.array(["a", NAN, "a"], dtype=object), "all text or none, got nan at index 1"),
        ([[1, 2], [3], [4]], "labels must be a regular array"),
        (np.array([[1, 2], [3], [4]], dtype=object), "labels must be a regular array"),
        (np.arange(3).astype("M8[D]"), "labels must hold real numbers, got datetime64[D] values"),
    ],
)
def test_labels_refused(labels, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        checked_labels(labels, 3)


# --- groups and blocks -------------------------------------------------------------------------


def structure(groups=None, block_of=None, experts=None):
    return checked_structure(groups, block_of, experts, 4, 3)


def test_nothing_given_is_all_to_be_found():
    assert structure(experts=2) == ([], None, None)


@pytest.mark.parametrize("experts", [None, 3])
def test_names_are_those_of_blocks_in_order(experts):
    names, groups, block_of = structure(["b", "c", "b", "c"], ["c", "a", "b"], experts)
    assert names == ["a", "b", "c"]
    np.testing.assert_array_equal(groups, [1, 2, 1, 2])
    np.testing.assert_array_equal(block_of, [2, 0, 1])


@pytest.mark.parametrize(
    "groups",
    [
        [10, 2, 2, 10],
        [10.0, 2.0, 2.0, 10.0],
        np.array([10, 2, 2, 10], np.uint8),
        np.array([10, 2, 2, 10], object),
    ],
)
def test_numbers_are_names_too(groups):
    names, found, block_of = structure(groups)
    assert names == [2, 10]
    assert block_of is None
    np.testing.assert_array_equal(found, [1, 0, 0, 1])
    names, found, block_of = structure(groups, [10, 2, 10])
    np.testing.assert_array_equal(found, [1, 0, 0, 1])
    np.testing.assert_array_equal(block_of, [1, 0, 1])
    assert found.dtype == block_of.dtype == np.int64


def test_blocks_alone_leave_the_groups_to_be_found():
    names, groups, block_of = structure(block_of=[True, False, True])
    assert names == [False, True]
    assert groups is None
    np.testing.assert_array_equal(block_of, [1, 0, 1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"groups": [0, 1, 2]}, "groups must have shape (4,), one for each sample, got (3,)"),
        ({"block_of": [0, 1]}, "block_of must have shape (3,), one for each feature, got (2,)"),
        ({"groups": [0, 1, 0.5, 1]}, "groups must hold integers or names, got float64 values"),
        ({"groups": [0, 1, NAN, 1]}, "groups must hold integers or names, got float64 values"),
        ({"groups": [0, 1, INF, 1]}, "groups must hold integers or names, got float64 values"),
        ({"block_of": [0, 1e300, 1]}, "block_of must hold integers or names, got float64 values"),
        ({"groups": ["a", None, "a", "b"]}, "groups must be all text or none, got None at index 1"),
        ({"groups": [1, None, 0, 1]}, "groups must hold integers or names, got object values"),
        ({"groups": [0, 1, 2, 3]}, "groups must be at most 3, as many as there are features"),
        ({"groups": [0, 1, 0, 1], "experts": 3}, "experts must be 2, as many as groups has, got 3"),
        ({"block_of": [0, 1, 0], "experts": 1}, "experts must be 2, as many as block_of has, got"),
        (
            {"groups": [0, 5, 0, 1], "block_of": [0, 1, 0]},
            "groups must be among the blocks of block_of (0, 1), got 5 at index 1",
        ),
        (
            {"groups": ["2", "10", "2", "2"], "block_of": [2, 10, 2]},
            "groups must be named as the blocks of block_of are, got <U2 values for int64 values",
        ),
    ],
)
def test_structure_refused(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        structure(**given)


def test_of_many_blocks_some_are_named():
    with pytest.raises(ValueError, match=re.escape("(0, 1, 2, …, 5), got 7 at index 0")):
        checked_structure([7, 0], range(6), None, 2, 6)


# --- noise -------------------------------------------------------------------------------------


def test_the_default_grid_is_none_and_ten_values_around_the_signal():
    found = checked_noise(None, 3.0)
    assert len(found) == 11
    assert found[0] == 0.0
    assert found[1] == pytest.approx(0.03)
    assert found[-1] == pytest.approx(30.0)
    np.testing.assert_allclose(np.diff(np.log(found[1:])), np.log(1000.0) / 9.0)


def test_noise_is_sorted_once_each_and_one_number_is_a_grid():
    np.testing.assert_array_equal(checked_noise([2, 0.0, 2, -0.0], 1.0), [0.0, 2.0])
    np.testing.assert_array_equal(checked_noise(0.5, 1.0), [0.5])


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ([0.0, -1.0], "noise_variances must be at least 0, got -1 at index 1"),
        (NAN, "noise_variances must be finite, got nan"),
        ([1.0, INF], "noise_variances must be finite, got inf at index 1"),
        ([], "noise_variances must have shape (n,) with n > 0, got (0,)"),
        ([[1.0]], "noise_variances must have shape (n,) with n > 0, got (1, 1)"),
        (1e305, "noise_variances must be at most 1e+300, got 1e+305"),
        ("loud", "noise_variances must hold real numbers, got <U4 values"),
    ],
)
def test_noise_refused(noise, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        checked_noise(noise, 1.0)


# --- who is held out ---------------------------------------------------------------------------


def held(held_out, groups=None, seed=0, samples=200):
    return held_out_mask(held_out, samples, groups, np.random.default_rng(seed))


@pytest.mark.parametrize("share", [0.25, np.float32(0.3), 0.01, 0.99])
def test_a_share_is_held_out_to_within_one_sample(share):
    for seed in range(20):
        assert abs(held(share, seed=seed).sum() - 200 * share) < 1 + 1e-9


def test_of_every_group_its_share():
    groups = np.repeat([0, 1, 2], [10, 51, 139])
    for seed in range(20):
        found = np.bincount(groups[held(0.3, groups, seed)], minlength=3)
        assert np.all(np.abs(found - 0.3 * np.array([10, 51, 139])) < 1 + 1e-9)


@pytest.mark.parametrize("groups", [None, np.repeat([0, 1], [50, 150])])
def test_every_sample_is_held_out_equally_often(groups):
    """Exactly to the systematic count: 4000 splits, none of the 200 beyond 6 standard errors."""
    rng = np.random.default_rng(0)
    counts = sum(held_out_mask(0.25, 200, groups, rng).astype(int) for _ in range(4000))
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(4000 * 0.25 * 0.75)


def test_a_mask_is_taken_as_it_is_and_copied():
    mask = np.arange(200) % 3 == 0
    found = held(mask)
    np.testing.assert_array_equal(found, mask)
    assert not np.shares_memory(found, mask)
    np.testing.assert_array_equal(held(mask.tolist()), mask)


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        (np.ones(200, bool), "held_out must leave at least 2 training samples, got 0"),
        (np.zeros(200, bool), "held_out must leave at least 2 held-out samples, got 0"),
        (np.arange(200) < 1, "held_out must leave at least 2 held-out samples, got 1"),
        (0.001, "held_out must leave at least 2 held-out samples, got"),
        (np.ones(199, bool), "a share or (200,) booleans, got bool values of shape (199,)"),
        (np.arange(200) % 2, "a share or (200,) booleans, got int64 values of shape (200,)"),
        ([0.2, 0.3], "a share or (200,) booleans, got float64 values of shape (2,)"),
        (0, "held_out must be greater than 0, got 0"),
        (1, "held_out must be less than 1, got 1"),
        (50, "held_out must be less than 1, got 50"),
        (-0.5, "held_out must be greater than 0, got -0.5"),
        (NAN, "held_out must be finite, got nan"),
        ("half", "held_out must be a real number, got 'half'"),
        (True, "held_out must be a real number, got True"),
        (None, "held_out must be a real number, got None"),
    ],
)
def test_held_out_refused(held_out, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        held(held_out)


# --- what a whole audit is given ------------------------------------------------------------------

MODEL = mt.BlockModel.isotropic(6, 3, noise_variance=0.0, signal_energy=6.0)
SAMPLE = MODEL.replace(label_noise_variance=0.1).sample(200, rng=0)
MASK = np.arange(200) % 20 == 0
MASKED = {
    "features": np.ma.masked_greater(SAMPLE.features, 2.0),
    "labels": np.ma.masked_array(SAMPLE.labels, MASK),
    "groups": np.ma.masked_array(SAMPLE.groups, MASK),
    "block_of": np.ma.masked_array(MODEL.block_of, [True] + 5 * [False]),
    "held_out": np.ma.masked_array(MASK, MASK),
    "noise_variances": np.ma.masked_array([0.0, 1.0], [False, True]),
}
BAD = [
    ("progress", "x"),
    ("progress", 1),
    ("experts", True),
    ("experts", 0),
    ("repeats", 1.5),
    ("repeats", True),
    ("intercept", 0),
    ("center", "a"),
    ("rng", "a"),
    ("rng", True),
    ("held_out", "half"),
    ("held_out", True),
    ("noise_variances", "a"),
    ("noise_variances", True),
    ("noise_variances", []),
    ("noise_variances", [[0.0], [1.0]]),
    ("groups", 3),
    ("block_of", {}),
    ("features", "a"),
    ("labels", None),
]


def audit_with(name, value, **more):
    given = {"features": SAMPLE.features, "labels": SAMPLE.labels, "rng": 0, **more}
    return mt.audit(**{**given, name: value})


@pytest.mark.parametrize("name", MASKED)
def test_a_mask_is_refused_in_every_array(name):
    with pytest.raises(ValueError, match=rf"^{name} must not be masked, got \d+ masked") as error:
        audit_with(name, MASKED[name])
    assert error.value.argument == name


def test_an_array_that_could_be_masked_but_is_not_is_taken():
    found = audit_with("labels", np.ma.masked_array(SAMPLE.labels), noise_variances=[0.5])
    again = audit_with("labels", SAMPLE.labels, noise_variances=[0.5])
    assert found["moe_measured"].tolist() == again["moe_measured"].tolist()


@pytest.mark.parametrize(("name", "value"), BAD)
def test_each_argument_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must ") as error:
        audit_with(name, value)
    assert error.value.argument == name


def test_messages_name_columns_in_parts():
    features = SAMPLE.features.copy()
    features[3, 2] = NAN
    constant = SAMPLE.features.copy()
    constant[:, 4] = 1.0
    for bad, number in ((features, 2), (constant, 4)):
        with pytest.raises(ArgumentError, match=f"column {number}") as error:
            audit_with("features", bad)
        assert Column(number) in error.value.args
