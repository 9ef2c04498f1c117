"""The share of energy by chance, with groups and blocks computed as the audit's were."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.modularity import how_modular

LEVEL = {"noise_variances": [1.0], "repeats": 1, "rng": 0}


def independent(samples=3000, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.standard_normal((samples, dim)), 0.0)  # rectified
    return features, features @ rng.normal(size=dim) + rng.normal(size=samples)


def quadrant(features):
    """A router by two features; the groups are theirs."""
    return 2 * (features[:, 0] > features[:, 1]) + (features[:, 2] > features[:, 3])


SPARSE = np.random.default_rng(3).exponential(size=(3000, 12))
SPARSE *= np.random.default_rng(3).random((3000, 12)) < 0.2
ARGUMENTS = {
    "found": {"experts": 3},
    "blocks given": {"block_of": np.arange(12) % 3},
    "router": {"router": quadrant},
    "router and blocks": {"router": quadrant, "block_of": np.arange(12) % 4},
    "random ids": {"groups": np.random.default_rng(1).integers(3, size=3000)},
    "ids of the features": {"groups": quadrant(independent()[0])},
    "more ids than blocks": {"groups": np.arange(3000) % 20},
    "hardly a sample for an id": {"groups": np.random.default_rng(2).integers(300, size=3000)},
    "the largest of sparse features": {"groups": SPARSE.argmax(axis=1)},
}
HOW = {
    "found": "features shuffled, blocks and groups found again",
    "blocks given": "features shuffled, groups found again",
    "router": "features shuffled, blocks and groups found again",
    "router and blocks": "features shuffled, groups found again",
    "random ids": "group ids shuffled",
    "ids of the features": "features shuffled, groups told by a rule, ",
    "more ids than blocks": "group ids shuffled",
    "hardly a sample for an id": "group ids shuffled",
    "the largest of sparse features": "features shuffled, groups told by a rule, nearest sizes, ",
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_independent_features_have_the_share_of_chance_and_are_not_modular(what):
    features, labels = independent()
    if what == "the largest of sparse features":
        features = SPARSE * np.random.default_rng(4).choice((-1.0, 1.0), SPARSE.shape)
    audit = mt.audit(features, labels, **ARGUMENTS[what], **LEVEL)
    assert audit.chance.how.startswith(HOW[what])
    assert abs(audit.group_share - audit.chance.share) < 6 * audit.chance.spread
    assert audit.chance_share == audit.chance.share
    assert how_modular(audit.group_share, audit.chance) == "not modular"
    assert audit.verdict.startswith("Not modular: ")
    by_chance = f"by chance it would be {100 * audit.chance.share:.3g} % ({audit.chance.how})."
    assert by_chance in audit.verdict


@pytest.mark.parametrize("what", ["found", "given", "router"])
def test_blocks_of_a_model_are_modular(what):
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.1)
    sample = model.replace(leakage_variances=0.05).sample(3000, rng=0)
    block_of = model.block_of

    def loudest(features):
        return np.stack([(features[:, block_of == g] ** 2).sum(axis=1) for g in range(3)]).argmax(0)

    given = {"found": {}, "given": {"groups": sample.groups}, "router": {"router": loudest}}[what]
    audit = mt.audit(sample.features, sample.labels, **given, **LEVEL)
    assert how_modular(audit.group_share, audit.chance) == "modular"
    assert audit.verdict.startswith("Modular: ")
    assert audit.modularity > 0.5
    way = (audit.group_share - audit.chance.share) / (1.0 - audit.chance.share)
    assert audit.modularity == pytest.approx(way)
    assert audit.source == what
