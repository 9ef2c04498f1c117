"""The experts of an audit: groups from energies or a function, blocks matched, groups merged."""

import re
from itertools import permutations

import numpy as np
import pytest

from moetheory.auditing.arguments import Structure
from moetheory.auditing.features import Features
from moetheory.auditing.structure import blocks_of_groups, complete_structure
from moetheory.auditing.tabular import table_of

BLOCK_OF = np.array([2, 0, 1, 1, 0, 2, 2, 1])
ROWS = np.arange(0, 600, 2)


def prepared(array, rows=ROWS):
    x = Features(table_of(array), lambda rows: None)
    x.check()
    x.prepare(rows, center=True, keep_constant=False)
    return x


@pytest.fixture(scope="module")
def world():
    """Groups, features whose loud block is the group's, in units of their own."""
    rng = np.random.default_rng(0)
    groups = rng.choice(3, 600, p=[0.2, 0.5, 0.3])
    loud = 0.3 + 2.0 * (groups[:, np.newaxis] == BLOCK_OF)
    return groups, prepared(rng.normal(size=(600, 8)) * loud * np.geomspace(1e-3, 1e3, 8))


def whole(x):
    return np.concatenate([chunk for _, chunk in x.chunks(np.arange(x.samples))])


def found_blocks(blocks):
    """A search that finds these blocks, and what it was asked for."""
    asked = []

    def find(experts):
        asked.append(experts)
        return np.asarray(blocks)

    return find, asked


def never(experts):
    raise AssertionError("blocks are given")


def test_groups_that_are_not_given_are_the_loudest_blocks(world):
    _, x = world
    given = Structure(["a", "b", "c"], None, BLOCK_OF)
    found = complete_structure(given, None, x, ROWS, None, never)
    energies = np.stack([(whole(x)[:, g == BLOCK_OF] ** 2).sum(axis=1) for g in range(3)], axis=1)
    np.testing.assert_allclose(found.energies, energies, rtol=1e-12)
    expected = (energies / energies[ROWS].mean(axis=0)).argmax(axis=1)
    np.testing.assert_array_equal(found.groups, expected)
    assert (found.source, found.names, found.merged) == ("found", ["a", "b", "c"], [])
    for block, expected in zip(found.blocks, range(3), strict=True):
        np.testing.assert_array_equal(block, np.flatnonzero(expected == BLOCK_OF))


def test_names_of_what_is_found_are_numbers(world):
    find, asked = found_blocks(BLOCK_OF)
    found = complete_structure(Structure([], None, None), 3, world[1], ROWS, None, find)
    assert (asked, found.names, found.source) == ([3], [0, 1, 2], "found")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_found_blocks_take_the_number_of_their_group(world, order):
    groups, x = world
    find, asked = found_blocks(np.array(order)[BLOCK_OF])
    given = Structure([10, 20, 30], groups, None)
    found = complete_structure(given, None, x, ROWS, None, find)
    assert asked == [3]
    np.testing.assert_array_equal(found.block_of, BLOCK_OF)
    np.testing.assert_array_equal(found.own_blocks, [0, 1, 2])
    np.testing.assert_array_equal(found.groups, groups)
    expected = np.stack([(whole(x)[:, g == BLOCK_OF] ** 2).sum(axis=1) for g in range(3)], axis=1)
    np.testing.assert_allclose(found.energies, expected, rtol=1e-12)


def test_more_groups_than_blocks_share_them(world):
    """Six groups, two to a block."""
    groups, x = world
    six = 3 * (np.arange(600) % 2) + groups
    rows = np.arange(600)
    find, asked = found_blocks(BLOCK_OF)
    found = complete_structure(Structure(list("abcdef"), six, None), None, x, rows, None, find)
    assert asked == [6]
    np.testing.assert_array_equal(found.own_blocks, [0, 1, 2, 0, 1, 2])
    assert found.names == list("abcdef")
    assert found.energies.shape == (600, 3)
    for expert, block in enumerate(found.blocks):
        np.testing.assert_array_equal(block, np.flatnonzero(expert % 3 == BLOCK_OF))


def test_more_groups_than_features_ask_for_no_more_blocks_than_features(world):
    _, x = world
    ten = np.arange(600) % 10
    find, asked = found_blocks(np.arange(8))
    complete_structure(Structure(list(range(10)), ten, None), None, x, np.arange(600), None, find)
    assert asked == [8]


def test_groups_with_fewer_than_two_training_samples_join_the_most_frequent(world):
    _, x = world
    groups = np.where(np.arange(600) < 400, 1, 3)
    groups[[0, 1, 3, 5]] = [0, 2, 2, 2]  # one training sample (row 0); none, all held out
    given = Structure(list("abcd"), groups, np.array([0, 1, 2, 3, 0, 1, 2, 3]))
    found = complete_structure(given, None, x, ROWS, None, never)
    assert (found.names, found.merged) == (["b", "d"], ["a", "c"])
    expected = np.where(np.arange(600) < 400, 0, 1)
    np.testing.assert_array_equal(found.groups, expected)
    np.testing.assert_array_equal(found.own_blocks, [0, 1])
    assert found.joined == 0
    # no feature is left without an expert: the blocks of groups that join are joined, too
    np.testing.assert_array_equal(found.blocks[0], [0, 1, 2, 4, 5, 6])
    np.testing.assert_array_equal(found.blocks[1], [3, 7])
    squares = np.square(whole(x))
    blocks = [squares[:, block].sum(axis=1) for block in found.blocks]
    np.testing.assert_allclose(found.energies, np.stack(blocks, axis=1), rtol=1e-12)


def test_no_group_with_two_training_samples_is_refused():
    x = prepared(np.random.default_rng(0).normal(size=(6, 3)), np.arange(3))
    given = Structure(list("abcdef"), np.arange(6), np.array([0, 0, 0]))
    with pytest.raises(ValueError, match="groups must give an expert at least 2 training samples"):
        complete_structure(given, None, x, np.arange(3), None, lambda k: np.zeros(3, int))


def test_a_block_of_features_that_never_vary_is_refused():
    array = np.random.default_rng(0).normal(size=(20, 4))
    array[:, [1, 3]] = 7.0
    given = Structure(["a", "b"], None, np.array([0, 1, 0, 1]))
    message = "block_of must leave each block a feature that varies, got none for b"
    with pytest.raises(ValueError, match=message):
        complete_structure(given, None, prepared(array, np.arange(20)), np.arange(20), None, never)


# --- a user's router ---------------------------------------------------------------------------


def test_a_function_groups_samples_that_have_no_groups(world):
    _, x = world
    find, asked = found_blocks(BLOCK_OF)
    found = complete_structure(
        Structure([], None, None),
        None,
        x,
        ROWS,
        lambda x: np.where(x[:, 0] > 0.5, "up", np.where(x[:, 0] < -0.5, "down", "flat")),
        find,
    )
    assert (found.source, found.names, asked) == ("router", ["down", "flat", "up"], [3])
    first = whole(x)[:, 0]
    expected = np.where(first > 0.5, 2, np.where(first < -0.5, 0, 1))
    np.testing.assert_array_equal(found.groups, expected)


def test_a_function_does_not_overrule_groups_that_are_given(world):
    groups, x = world
    given = Structure([0, 1, 2], groups, BLOCK_OF)
    found = complete_structure(given, None, x, ROWS, lambda x: 1 / 0, never)
    assert found.source == "given"
    np.testing.assert_array_equal(found.groups, groups)


def test_a_function_may_name_a_group_that_was_merged():
    """With noise it says more often what it said too rarely without."""
    rng = np.random.default_rng(0)
    x = prepared(rng.normal(size=(100, 3)), np.arange(100))
    rare = int(whole(x)[:, 1].argmax())
    limit = np.sort(whole(x)[:, 1])[-2]

    def router(features):
        return np.where(features[:, 1] > limit, "rare", np.where(features[:, 0] > -0.5, "b", "a"))

    found = complete_structure(
        Structure([], None, None), None, x, np.arange(100), router, found_blocks([0, 1, 0])[0]
    )
    assert (found.names, found.merged, found.joined) == (["a", "b"], ["rare"], 1)
    assert found.groups[rare] == 1
    routed = found.routed_by(router).route(np.array([[0.0, 9, 0], [0, 0, 0], [-1, 0, 0]]), 0)
    np.testing.assert_array_equal(routed, [1, 1, 0])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (lambda x: x, "router must give a group for each of 600 samples, got shape (600, 8)"),
        (lambda x: [], "router must give a group for each of 600 samples, got shape (0,)"),
        (lambda x: np.full(len(x), np.nan), "router must give groups, got 600 NaN"),
        (lambda x: x[:, 0], "router must give integers or names, got float64 values"),
    ],
)
def test_what_a_function_may_not_say(world, said, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        complete_structure(Structure([], None, None), None, world[1], ROWS, said, never)


# --- blocks of groups --------------------------------------------------------------------------


def test_blocks_are_matched_by_the_largest_total_of_relative_energies():
    rng = np.random.default_rng(1)
    for _ in range(20):
        energies, groups = rng.exponential(size=(60, 4)), rng.integers(4, size=60)
        relative = energies / energies.mean(axis=0)
        totals = np.stack([relative[groups == g].mean(axis=0) for g in range(4)])
        best = max(permutations(range(4)), key=lambda p: sum(totals[g, p[g]] for g in range(4)))
        np.testing.assert_array_equal(blocks_of_groups(energies, groups, 4), best)


def test_groups_that_are_too_many_take_the_block_they_like_best():
    rng = np.random.default_rng(2)
    energies, groups = rng.exponential(size=(90, 2)), rng.integers(5, size=90)
    energies[:, 1] *= 100.0  # louder for all: what counts is relative
    relative = energies / energies.mean(axis=0)
    best = [relative[groups == g].mean(axis=0).argmax() for g in range(5)]
    np.testing.assert_array_equal(blocks_of_groups(energies, groups, 5), best)
    assert set(best) == {0, 1}
