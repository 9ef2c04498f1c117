"""Largest remainder in exact arithmetic, and what `samples` may be."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.problem.sample_counts import counts_of

MOST = 2**63 - 1


def groups(*probabilities):
    """A model of which only the group probabilities matter."""
    k = len(probabilities)
    return mt.BlockModel(probabilities, np.arange(k), np.ones(k), np.ones(k), 1.0)


@pytest.mark.parametrize(
    ("p", "n", "expected"),
    [
        ((0.7, 0.3), 10, [7, 3]),
        ((0.3, 0.7), 10, [3, 7]),
        ((0.1,) * 10, 10, [1] * 10),
        ((0.2, 0.5, 0.3), 12, [2, 6, 4]),
        ((0.5, 0.5), 3, [2, 1]),
        ((0.25,) * 4, 2, [1, 1, 0, 0]),
        ((0.0, 0.6, 0.4), 7, [0, 4, 3]),
        ((1.0,), 5, [5]),
        ((0.5, 0.5), MOST, [2**62, 2**62 - 1]),
    ],
)
def test_counts_are_the_largest_remainders(p, n, expected):
    assert counts_of(n, groups(*p)).tolist() == expected


def test_the_largest_total_loses_no_sample_to_rounding():
    model = groups(0.7, 0.2, 0.1)
    counts = counts_of(MOST, model).tolist()
    assert sum(counts) == MOST
    total = sum(map(Fraction, model.group_probabilities.tolist()))
    for count, p in zip(counts, model.group_probabilities.tolist(), strict=True):
        assert abs(count - MOST * Fraction(p) / total) < 1


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any),
    st.one_of(st.integers(1, 300), st.integers(1, MOST)),
)
def test_counts_add_up_and_stay_within_one_of_their_share(weights, n):
    model = groups(*(weight / sum(weights) for weight in weights))
    counts = counts_of(n, model)
    assert counts.dtype == np.int64
    assert not counts.flags.writeable
    assert sum(counts.tolist()) == n
    shares = [Fraction(p) for p in model.group_probabilities.tolist()]
    quotas = [n * share / sum(shares) for share in shares]
    up = [quota - math.floor(quota) for quota in quotas]
    for count, quota, share in zip(counts.tolist(), quotas, shares, strict=True):
        assert abs(count - quota) < 1
        assert share > 0 or count == 0
    rounded = [count > quota for count, quota in zip(counts.tolist(), quotas, strict=True)]
    down = [part for part, chosen in zip(up, rounded, strict=True) if not chosen]
    assert all(part >= max(down, default=0) for part, one in zip(up, rounded, strict=True) if one)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any))
def test_counts_are_taken_as_they_are(counts):
    model = groups(0.2, 0.0, 0.8)
    for given_counts in (counts, tuple(counts), np.array(counts, dtype=np.int16)):
        assert counts_of(given_counts, model).tolist() == counts


def test_counts_are_a_copy():
    counts = np.array([1, 2])
    taken = counts_of(counts, groups(0.5, 0.5))
    counts[0] = 9
    assert taken.tolist() == [1, 2]


def test_integers_of_numpy_and_of_unsigned_kind_will_do():
    model = groups(0.5, 0.5)
    for n in (np.int32(6), np.uint64(6), np.array(6)):
        assert counts_of(n, model).tolist() == [3, 3]
    assert counts_of(np.array([1, MOST - 1], dtype=np.uint64), model).tolist() == [1, MOST - 1]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (0, "samples must be at least 1, got 0"),
        (-3, "samples must be at least 1, got -3"),
        (2**63, f"samples must be at most {MOST}, got {2**63}"),
        (10**30, f"samples must be at most {MOST}"),
        (5.0, "samples must be an integer, got 5.0"),
        (math.nan, "samples must be an integer, got nan"),
        (math.inf, "samples must be an integer, got inf"),
        (True, "samples must be an integer, got True"),
        (None, "samples must be an integer, got None"),
        ("12", "samples must be an integer, got '12'"),
        (Fraction(4, 2), "samples must be an integer"),
        ([], r"samples must be an integer or have shape \(2,\), got \(0,\)"),
        ([5], r"samples must be an integer or have shape \(2,\), got \(1,\)"),
        ([1, 2, 3], r"samples must be an integer or have shape \(2,\), got \(3,\)"),
        ([[1, 2]], r"samples must be an integer or have shape \(2,\), got \(1, 2\)"),
        ([[1], [2, 3]], "samples must be a regular array"),
        ([0, 0], "samples must be at least 1 in total, got 0"),
        ([MOST, 1], f"samples must be at most {MOST} in total, got {2**63}"),
        ([2**63, 2**63], r"samples\[0\] must be at most"),
        ([10**30, 1], r"samples\[0\] must be at most"),
        ([3, -1], r"samples\[1\] must be at least 0, got -1"),
        ([3, 1.5], r"samples\[1\] must be an integer, got 1.5"),
        ([math.nan, 1], r"samples\[0\] must be an integer, got nan"),
        ([False, True], r"samples\[0\] must be an integer, got False"),
        ([True, 2], r"samples\[0\] must be an integer, got True"),
        (["3", "4"], r"samples\[0\] must be an integer, got '3'"),
        ([None, 4], r"samples\[0\] must be an integer, got None"),
    ],
)
def test_anything_else_is_refused_with_what_it_was(samples, message):
    with pytest.raises(ValueError, match=message):
        counts_of(samples, groups(0.5, 0.5))
