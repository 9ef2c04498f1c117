"""Rules that tell groups: against distances and densities by SciPy, and what they are told from."""

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist
from scipy.stats import norm

from moetheory.auditing.group_rules import (
    likeliest_energies,
    nearest_centre,
    nearest_sizes,
    telling_rule,
)

EXPERTS = 3


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    groups = rng.integers(EXPERTS, size=300)
    return rng.standard_normal((300, 5)) * (1.0 + groups[:, np.newaxis]) + groups[:, None], groups


def test_the_nearest_centre(data):
    features, groups = data
    centres = [features[groups == g].mean(axis=0) for g in range(EXPERTS)]
    wanted = cdist(features, centres).argmin(axis=1)
    found = nearest_centre(features, groups, EXPERTS)(features)
    np.testing.assert_array_equal(found, wanted)


def test_the_likeliest_energies(data):
    features, groups = data
    scores = []
    for g in range(EXPERTS):
        own = features[groups == g]
        spread = np.sqrt((np.square(own).sum(axis=0) + 1.0) / (len(own) + 1))
        scores.append(np.log(len(own) + 1) + norm.logpdf(features, 0.0, spread).sum(axis=1))
    found = likeliest_energies(features, groups, EXPERTS)(features)
    np.testing.assert_array_equal(found, np.argmax(scores, axis=0))


def test_the_nearest_sizes(data):
    features, groups = data
    centres = [np.abs(features[groups == g]).mean(axis=0) for g in range(EXPERTS)]
    wanted = cdist(np.abs(features), centres).argmin(axis=1)
    found = nearest_sizes(features, groups, EXPERTS)(features)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rule", ["the largest", "clusters"])
def test_ids_that_signs_do_not_change_are_told_by_sizes(rule):
    """Sparse features, as units of a network are: most are 0."""
    rng = np.random.default_rng(0)
    sizes = np.abs(rng.standard_normal((2000, 6))) * (rng.random((2000, 6)) < 0.2)
    groups = sizes.argmax(axis=1)
    if rule == "clusters":
        groups = kmeans2(sizes, 6, minit="++", rng=1)[1]
    told = telling_rule(sizes * rng.choice((-1.0, 1.0), sizes.shape), groups, 6, rng)
    assert told.by == "nearest sizes"
    assert told.share > 0.8


@pytest.mark.parametrize("fit", [nearest_centre, nearest_sizes, likeliest_energies])
def test_a_group_without_samples_is_told_of_nobody(fit, data):
    features, groups = data
    found = fit(features, np.minimum(groups, 1), EXPERTS)(features)
    assert set(found.tolist()) <= {0, 1}


def test_clusters_are_told_by_their_centres():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((2000, 6))
    groups = kmeans2(features, 4, minit="++", rng=0)[1]
    told = telling_rule(features, groups, 4, rng)
    assert told.by == "nearest centre"
    assert told.share > 0.9
    np.testing.assert_array_equal(
        told.rule(features), nearest_centre(features, groups, 4)(features)
    )


def test_loud_blocks_are_told_by_energies():
    rng = np.random.default_rng(0)
    groups = rng.integers(EXPERTS, size=2000)
    features = rng.standard_normal((2000, 12))
    features *= np.where(groups[:, np.newaxis] == np.arange(12) // 4, 1.0, 0.1)
    told = telling_rule(features, groups, EXPERTS, rng)
    assert told.by == "energies of features"
    assert told.share > 0.99


def test_ids_that_have_nothing_to_do_with_features_are_not_told():
    rng = np.random.default_rng(0)
    for _ in range(20):
        groups = rng.choice(EXPERTS, 400, p=[0.6, 0.3, 0.1])
        assert telling_rule(rng.standard_normal((400, 8)), groups, EXPERTS, rng) is None


def test_one_group_and_one_sample_are_not_told():
    rng = np.random.default_rng(0)
    assert telling_rule(rng.standard_normal((50, 3)), np.zeros(50, dtype=int), 1, rng) is None
    assert telling_rule(np.ones((1, 3)), np.zeros(1, dtype=int), 2, rng) is None
