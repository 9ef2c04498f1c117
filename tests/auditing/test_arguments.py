"""What an audit is given: names and numbers brought into one form, or refused by name."""

import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.arguments import (
    checked_clusters,
    checked_structure,
    held_out_mask,
)
from moetheory.common.errors import ArgumentError, Column

NAN, INF = float("nan"), float("inf")


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
        ({"groups": [None, object(), 0, 1]}, "groups must hold integers or names, got object val"),
        (
            {"groups": [1, None, 0, NAN]},
            "groups must hold integers or names, got float64 values, 2 missing, the first at",
        ),
        ({"groups": ["a", None, NAN, "b"]}, "got None at index 1, and 1 more that are no text"),
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


def test_there_may_be_more_groups_than_features():
    names, groups, _ = structure([3, 0, 1, 2])
    assert names == [0, 1, 2, 3]
    np.testing.assert_array_equal(groups, [3, 0, 1, 2])


def test_of_many_blocks_some_are_named():
    with pytest.raises(ValueError, match=re.escape("(0, 1, 2, …, 5), got 7 at index 0")):
        checked_structure([7, 0], range(6), None, 2, 6)


# --- clusters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clusters",
    [
        ["b", "a", "b", "c"],
        [7, -1, 7, 9],
        [7.0, -1.0, 7.0, 9.0],
        np.array(["b", "a", "b", "c"], dtype=np.dtypes.StringDType()),
    ],
)
def test_clusters_are_numbered(clusters):
    found = checked_clusters(clusters, 4)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, [1, 0, 1, 2])


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (["a"] * 3, "clusters must be at least 2, got a 3 times: leave out clusters where"),
        ([1, 2], "clusters must have shape (3,), one for each sample, got (2,)"),
        ([1, 2, 0.5], "clusters must hold integers or names, got float64 values"),
        (["a", None, "b"], "clusters must be all text or none, got None at index 1"),
    ],
)
def test_clusters_refused(clusters, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        checked_clusters(clusters, 3)


# --- who is held out ---------------------------------------------------------------------------


ALONE = np.arange(200)  # a set of each sample


def held(held_out, groups=None, seed=0, sets=ALONE):
    return held_out_mask(held_out, 200, groups, sets, np.random.default_rng(seed))


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
    counts = sum(held_out_mask(0.25, 200, groups, ALONE, rng).astype(int) for _ in range(4000))
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(4000 * 0.25 * 0.75)


@pytest.mark.parametrize("groups", [None, np.repeat([0, 1], 100)])
def test_sets_stay_together_and_a_share_of_them_is_held_out(groups):
    sets = np.repeat(np.arange(50), 4)[np.random.default_rng(1).permutation(200)]
    for seed in range(20):
        found = held(0.3, groups, seed, sets)
        counts = np.bincount(sets[found], minlength=50)
        assert set(counts) == {0, 4}
        assert abs((counts > 0).sum() - 15) <= 1


def test_a_mask_may_divide_sets():
    mask = ALONE % 3 == 0
    np.testing.assert_array_equal(held(mask, sets=ALONE // 2), mask)


def test_a_mask_is_taken_as_it_is_and_copied():
    mask = np.arange(200) % 3 == 0
    found = held(mask)
    np.testing.assert_array_equal(found, mask)
    assert not np.shares_memory(found, mask)
    np.testing.assert_array_equal(held(mask.tolist()), mask)


def test_a_mask_may_be_of_another_library():
    mask = ALONE % 3 == 0
    np.testing.assert_array_equal(held(mask.astype(object)), mask)
    pd = pytest.importorskip("pandas")
    np.testing.assert_array_equal(held(pd.Series(mask, dtype="boolean")), mask)


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
    with pytest.raises(ArgumentError, match="column 2") as error:
        audit_with("features", features)
    assert Column(2) in error.value.args
