"""Numbers of experts: what may be asked for, and which is chosen."""

import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.expert_numbers import AUTOMATIC, least_risky_number, numbers_of_experts
from moetheory.common.errors import ArgumentError


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (None, ()),
        (3, (3,)),
        (np.int64(3), (3,)),
        ([3], (3,)),
        (range(2, 5), (2, 3, 4)),
        ([5, 2, 2], (2, 5)),
        (np.array([4, 1]), (1, 4)),
        (np.array(4), (4,)),
        ({5, 2}, (2, 5)),
        ("auto", tuple(range(1, 9))),
        ((k for k in (8, 3)), (3, 8)),
    ],
)
def test_numbers_that_may_be_asked_for(given, asked):
    found = numbers_of_experts(given, 8)
    assert found.asked == asked
    assert found.only == (asked[0] if len(asked) == 1 else None)


def test_automatic_numbers_end_with_sixteen():
    assert numbers_of_experts("auto", 1000).asked == tuple(AUTOMATIC) == tuple(range(1, 17))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "experts must be at least 1, got 0"),
        (9, "experts must be at most 8, got 9"),
        (2.0, "experts must be an integer, got 2.0"),
        (True, "experts must be a number, got True"),
        ("many", "experts must be a number, several numbers or 'auto', got 'many'"),
        ([], "experts must have a number, got none"),
        ([2, 0], "experts must be at least 1, got 0"),
        ([2, "a"], "experts must be an integer, got 'a'"),
        ([2, 3.0], "experts must be an integer, got 3.0"),
    ],
)
def test_numbers_that_may_not(given, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)) as error:
        numbers_of_experts(given, 8)
    assert error.value.argument == "experts"


def test_of_several_numbers_those_up_to_the_features_are_asked_for():
    assert numbers_of_experts(range(2, 17), 8).asked == tuple(range(2, 9))
    assert numbers_of_experts([12, 9], 8).asked == (9,)  # refused once the features are known


@pytest.mark.parametrize("experts", [[5, 6], range(5, 9), 5])
def test_numbers_above_all_features_are_refused_by_their_name(experts):
    features = np.random.default_rng(0).normal(size=(60, 4))
    with pytest.raises(ArgumentError, match="must be at most 4") as error:
        mt.audit(features, features.sum(axis=1), experts=experts, rng=0)
    assert error.value.argument == "experts"


def test_more_experts_than_training_samples_are_refused():
    features = np.random.default_rng(0).normal(size=(20, 40))
    with pytest.raises(ArgumentError, match="experts must be at most 15, as many as the training"):
        mt.audit(features, features.sum(axis=1), experts=24, rng=0)
    assert len(mt.audit(features, features.sum(axis=1), experts=[2, 24], rng=0).names) == 2


def test_the_least_risky_number_or_a_smaller_one_that_is_as_good_within_errors():
    rng = np.random.default_rng(0)
    common = 10.0 * rng.normal(size=400)

    def losses(mean):
        own = rng.normal(size=400)
        return common + own - own.mean() + mean

    # a paired difference has an error of about sqrt(2/400) = 0.07
    assert least_risky_number({2: losses(5.0), 3: losses(1.0), 4: losses(0.9)}) == 3
    assert least_risky_number({2: losses(5.0), 3: losses(1.5), 4: losses(0.9)}) == 4
    assert least_risky_number({4: losses(0.9), 3: losses(1.0), 2: losses(1.02)}) == 2
    same = losses(1.0)
    assert least_risky_number({7: same, 5: same}) == 5
    assert least_risky_number({6: same}) == 6


CASES = [(2, 8, 0.0, 3), (5, 6, 0.05, 4), (9, 4, 0.02, 5), (12, 8, 0.1, 6)]


@pytest.mark.parametrize(("experts", "size", "leakage", "seed"), CASES)
@pytest.mark.parametrize("asked", ["auto", range(2, 17)])
def test_the_number_of_a_block_model_is_chosen(experts, size, leakage, seed, asked):
    dim = experts * size
    model = mt.BlockModel.isotropic(dim, experts, 0.0, signal_energy=float(dim))
    sample = model.replace(leakage_variances=leakage).sample(4000, rng=seed)
    found = mt.audit(
        sample.features, sample.labels, experts=asked, noise_variances=[1.0], repeats=1, rng=0
    )
    assert len(found.names) == found.choice.chosen == experts
    wanted = [k for k in asked if k <= dim] if asked != "auto" else list(range(1, min(17, dim + 1)))
    assert list(found.choice.experts) == wanted
    assert len(found.choice.risks) == len(wanted)
    risk = dict(zip(wanted, found.choice.risks, strict=True))
    assert risk[found.choice.least_risky] <= 1.02 * min(found.choice.risks)
    assert f"by which features are active together: K = {experts}" in found.verdict
    # the structure is that of this number alone
    alone = mt.audit(
        sample.features, sample.labels, experts=experts, noise_variances=[1.0], repeats=1, rng=0
    )
    assert alone.choice is None
    np.testing.assert_array_equal(alone.block_of, found.block_of)


def test_there_is_nothing_to_choose_where_groups_or_blocks_are_given():
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.1)
    sample = model.sample(500, rng=0)
    for given in ({"groups": sample.groups}, {"block_of": model.block_of}):
        options = {**given, "noise_variances": [1.0], "rng": 0}
        with pytest.raises(ValueError, match="experts must be left out where groups or block_of"):
            mt.audit(sample.features, sample.labels, **options, experts=range(2, 5))
        for experts in ("auto", 3, None):
            found = mt.audit(sample.features, sample.labels, **options, experts=experts)
            assert len(found.names) == 3
            assert found.choice is None
