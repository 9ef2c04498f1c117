"""Which samples stay together: clusters, duplicates, and both; and standard errors with them."""

import itertools

import numpy as np
import pytest

from moetheory.auditing import features as module
from moetheory.auditing.features import Features
from moetheory.auditing.sample_sets import by_first, mean_and_sem, sample_sets, summed
from moetheory.auditing.tabular import table_of


def sets_of(array, labels, clusters=None):
    x = Features(table_of(array), lambda rows: None)
    return sample_sets(x, np.reshape(labels, (len(array), -1)), clusters)


def data(samples=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, 3)), rng.normal(size=samples)


def linked(array, labels, clusters):
    """Sets by following chains of samples that share all values or the cluster."""
    rows, number = [*zip(map(tuple, array), labels, strict=True)], list(range(len(labels)))
    for i, j in itertools.combinations(range(len(labels)), 2):
        if rows[i] == rows[j] or (clusters is not None and clusters[i] == clusters[j]):
            old, new = number[j], number[i]
            number = [new if each == old else each for each in number]
    return number


def partition(numbers):
    return {frozenset(np.flatnonzero(np.asarray(numbers) == each)) for each in set(numbers)}


def test_different_samples_stand_alone():
    found = sets_of(*data())
    np.testing.assert_array_equal(found.of, np.arange(12))
    assert found.duplicates == 0


@pytest.mark.parametrize("clustered", [False, True])
def test_repeated_samples_and_clusters_are_joined(monkeypatch, clustered):
    """Chains too: two clusters that share a sample are one; copies may be in different chunks."""
    monkeypatch.setattr(module, "ROWS", 4)
    array, labels = data()
    for first, second in ((0, 11), (2, 3), (3, 7)):
        array[second], labels[second] = array[first], labels[first]
    clusters = np.array([0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 1, 5]) if clustered else None
    found = sets_of(array, labels, clusters)
    assert partition(found.of.tolist()) == partition(linked(array, labels, clusters))
    assert found.duplicates == 3


def test_equal_features_with_other_labels_are_no_duplicates():
    array, labels = data()
    array[5] = array[1]
    assert sets_of(array, labels).duplicates == 0


def test_zeros_of_both_signs_are_one_number():
    array, labels = data()
    array[5], labels[5] = array[1], labels[1]
    array[5, 0], array[1, 0] = 0.0, -0.0
    assert sets_of(array, labels).duplicates == 1


def test_one_of_several_labels_tells_samples_apart():
    array, labels = data()
    array[5], labels[5] = array[1], labels[1]
    two = np.column_stack([labels, np.arange(12.0)])
    assert sets_of(array, two).duplicates == 0


def test_features_of_few_values_are_equal_by_chance():
    array = np.random.default_rng(0).integers(0, 2, size=(200, 3))
    found = sets_of(array, np.zeros(200))
    assert found.duplicates == 0
    np.testing.assert_array_equal(found.of, np.arange(200))


def test_sets_are_numbered_as_they_come():
    np.testing.assert_array_equal(by_first(np.array([7, 3, 7, 9, 3])), [0, 1, 0, 2, 1])


# --- standard errors ---------------------------------------------------------------------------

SETS = np.array([4, 4, 1, 0, 1, 1, 9])


def test_contributions_of_sets_have_the_mean_of_the_values():
    values = np.random.default_rng(0).normal(size=(7, 2))
    found = summed(values, SETS)
    expected = np.stack([values[each == SETS].sum(axis=0) * 4 / 7 for each in (0, 1, 4, 9)])
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(found.mean(axis=0), values.mean(axis=0), rtol=1e-13)
    np.testing.assert_array_equal(summed(values, np.arange(7)), values)


def test_samples_alone_have_the_usual_standard_error():
    values = np.random.default_rng(0).normal(size=(9, 2))
    mean, sem = mean_and_sem(values, np.arange(9))
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(sem, values.std(axis=0, ddof=1) / 3.0, rtol=1e-13)


def test_repeating_every_sample_does_not_make_the_mean_surer():
    values = np.random.default_rng(0).normal(size=(9, 2))
    mean, sem = mean_and_sem(np.tile(values, (5, 1)), np.tile(np.arange(9), 5))
    expected = mean_and_sem(values, np.arange(9))
    np.testing.assert_allclose(mean, expected[0], rtol=1e-13)
    np.testing.assert_allclose(sem, expected[1], rtol=1e-13)


def test_standard_errors_of_clusters_are_right():
    """Of means of 2000 draws with a common part in each of 60 clusters of one to four samples."""
    rng = np.random.default_rng(3)
    sizes = np.tile([1, 2, 3, 4], 15)
    sets = np.repeat(np.arange(60), sizes)
    draws = rng.normal(size=(60, 2000))[sets] + 0.5 * rng.normal(size=(len(sets), 2000))
    _, sems = mean_and_sem(draws, sets)
    truth = np.sqrt(np.square(sizes).sum() + 0.25 * sizes.sum()) / sizes.sum()
    # estimated from 60 sets: the bias is of the order of 1/60 (without sets: 0.38)
    assert abs(np.square(sems).mean() / truth**2 - 1.0) < 3.0 / 60.0
