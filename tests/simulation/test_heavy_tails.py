"""Infinite variances, against exact laws and against simulation."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.heavy_tails import HeavyTail, heavy_tail


@pytest.fixture
def isotropic():
    return mt.BlockModel.isotropic(24, 3, 0.5, signal_energy=24.0)


def infinite(tail):
    """The lowest infinite moment, or None."""
    return None if tail is None else tail.infinite


@pytest.mark.parametrize("samples", range(1, 18))
def test_experts_have_a_heavy_tail_where_their_exact_law_has(isotropic, samples):
    """The law of §4 in its own words: degrees of freedom, and an infinite standard deviation."""
    law = mt.risk_distribution(mt.MoE(), isotropic, [samples, 100, 100])
    lowest = infinite(heavy_tail(mt.MoE(), isotropic, [samples, 100, 100]))
    assert (lowest in ("mean", "variance")) == math.isinf(law.std)
    assert (lowest == "mean") == math.isinf(law.mean)
    # P(R > t) ~ t^-(|n-s|+1)/2
    assert (lowest is not None) == (abs(samples - 8) + 1 <= 6)
    mean = mt.risk(mt.MoE(), isotropic, samples=[samples, 100, 100]).value
    assert (lowest == "mean") == math.isinf(mean)


@pytest.mark.parametrize("away", range(-7, 8))
def test_dense_has_one_within_five_samples_of_its_coordinates(generic, away):
    moments = ["mean", "mean", "variance", "variance", "skewness", "skewness", None, None]
    for model in (generic(), generic(leakage_variances=0.1)):
        assert infinite(heavy_tail(mt.Dense(), model, 9 + away)) == moments[abs(away)]


@pytest.mark.parametrize(("away", "exponent"), [(2, 1.5), (4, 2.5), (-3, 2.0)])
def test_the_tail_of_dense_falls_with_the_exponent_of_the_derivation(generic, away, exponent):
    """P(R > t) ~ t^-(|n-d|+1)/2, by Hill's estimator; it decides which moments exist."""
    from moetheory.simulation import fitted_risks

    n, top = 9 + away, 400
    risks = fitted_risks([mt.Dense()], generic(), n, replicates=80_000, rng=1)[0]
    ordered = np.sort(risks @ generic().group_probabilities)[-top - 1 :]
    hill = 1.0 / np.mean(np.log(ordered[1:] / ordered[0]))
    assert hill == pytest.approx(exponent, rel=5 / math.sqrt(top))


def test_what_makes_a_tail_light(generic, isotropic):
    near = [8, 9, 7]
    assert heavy_tail(mt.MoE(), isotropic, near) == HeavyTail(
        "group 0 has 8 samples for 8 coordinates", "mean"
    )
    assert heavy_tail(mt.MoE(ridge=1e-3), isotropic, near) is None
    assert heavy_tail(mt.Dense(), isotropic, near) is not None
    assert heavy_tail(mt.Dense(ridge=1e-3), isotropic, near) is None
    # nothing is left to fit: no noise in features or labels, or nothing to say
    assert heavy_tail(mt.MoE(), isotropic.replace(noise_variance=0.0), near) is None
    assert heavy_tail(mt.Dense(), isotropic.replace(noise_variance=0.0), near) is None
    silent = isotropic.replace(coefficients=np.zeros(24))
    assert heavy_tail(mt.Dense(), silent, near) is None
    # a group that is never met does not count, one without samples predicts zero
    rare = isotropic.replace(group_probabilities=[0.0, 0.5, 0.5])
    assert heavy_tail(mt.MoE(), rare, [8, 40, 40]) is None
    # unless inputs of other groups are sent to its expert
    for row, met in (([0.0, 1.0, 0.0], False), ([0.1, 0.9, 0.0], True)):
        under = mt.Perturbation(confusion=[[1.0, 0.0, 0.0], row, [0.0, 0.0, 1.0]])
        tail = heavy_tail(mt.MoE(), rare, [8, 40, 40], under=under)
        assert infinite(tail) == ("mean" if met else None)
    assert heavy_tail(mt.MoE(), generic(), [0, 40, 40]) is None


def test_without_feature_noise_dense_is_as_heavy_as_the_experts(isotropic):
    model = isotropic.replace(noise_variance=0.0, label_noise_variance=0.1)
    assert heavy_tail(mt.Dense(), model, [40, 10, 40]) == HeavyTail(
        "group 1 has 10 samples for 8 coordinates", "variance"
    )
    assert heavy_tail(mt.Dense(), model, [2, 14, 8 + 6]) is None  # 30 for 24, yet not coupled


def test_coordinates_that_never_vary_do_not_count():
    model = mt.BlockModel([0.5, 0.5], [0, 0, 0, 0, 1], [1.0, 0, 0, 0, 1.0], np.ones(5), 0.0)
    model = model.replace(label_noise_variance=0.1)
    assert heavy_tail(mt.MoE(), model, [7, 50]) is None
    assert heavy_tail(mt.MoE(), model, [4, 50]).cause == "group 0 has 4 samples for 1 coordinate"


def test_drawn_counts_are_heavy_unless_that_is_all_but_impossible(isotropic):
    assert heavy_tail(mt.MoE(), isotropic, 45, "multinomial").infinite == "mean"
    assert heavy_tail(mt.MoE(), isotropic, 10_000, "multinomial") is None
    assert heavy_tail(mt.Dense(), isotropic, 45, "multinomial") is None
    assert heavy_tail(mt.MoE(), isotropic, 2, "multinomial") is None


def test_without_feature_noise_what_leaks_counts_apart_from_what_does_not():
    """Block 1 leaks, block 0 does not: [A, B; 0, C], as Hill's estimator confirms for A square."""
    leakage = np.repeat([0.0, 1.0], 4)
    model = mt.BlockModel(
        [0.5, 0.5],
        np.repeat([0, 1], 4),
        np.ones(8),
        np.ones(8),
        0.0,
        leakage_variances=leakage,
        label_noise_variance=1.0,
    )
    assert heavy_tail(mt.Dense(), model, [4, 20]).infinite == "mean"
    assert heavy_tail(mt.Dense(), model, [5, 20]).cause == "group 0 has 5 samples for 4 coordinates"
    assert heavy_tail(mt.Dense(), model, [0, 10]) is None
    assert heavy_tail(mt.Dense(), model, [10, 1]).cause == (
        "all groups have 7 samples for 4 coordinates"
    )
    assert heavy_tail(mt.Dense(), model, [30, 30]) is None
    assert heavy_tail(mt.Dense(), model.replace(label_noise_variance=0.0), [4, 20]) is None


def test_labels_count_where_there_are_samples():
    """Group 0 is silent, group 1 never met: what matters is whose samples there are."""
    model = mt.BlockModel(
        [1.0, 0.0], np.repeat([0, 1], 4), np.ones(8), np.repeat([0.0, 1.0], 4), 1.0
    )
    assert heavy_tail(mt.Dense(), model, [4, 4]) == HeavyTail("8 samples for 8 coordinates", "mean")
    assert heavy_tail(mt.Dense(), model, [8, 0]) is None


def partly_noisy(private, shared, **changes):
    """Coordinates without noise, ``private`` in each block, and ``shared`` noisy ones."""
    groups = len(private)
    block_of = np.concatenate([np.repeat(range(groups), private), np.arange(shared) % groups])
    noise = np.repeat([0.0, 1.0], [sum(private), shared])
    dim = len(block_of)
    model = mt.BlockModel(np.ones(groups) / groups, block_of, np.ones(dim), np.ones(dim), noise)
    return model.replace(**{"label_noise_variance": 1.0, **changes})


PARTLY_NOISY = {
    "private, near": ([3, 6], [2, 2], 1, "group 0 has 3 samples for 2 coordinates"),
    "shared, near": ([4, 4], [2, 2], 3, "all groups have 4 samples for 3 coordinates"),
    "private, too few": ([2, 8], [4, 1], 2, "group 0 has 2 samples for 4 coordinates"),
    "shared, too few": ([3, 2], [2, 0], 5, "all groups have 3 samples for 5 coordinates"),
    "all too few": ([2, 2], [3, 4], 1, "group 0 has 2 samples for 4 coordinates"),
}


@pytest.mark.parametrize("case", PARTLY_NOISY)
def test_noise_in_some_coordinates_couples_the_groups_there(case):
    """The smallest singular value is below ε with probability ~ ε^(distance+1), by Hill."""
    samples, private, shared, cause = PARTLY_NOISY[case]
    model = partly_noisy(private, shared)
    assert heavy_tail(mt.Dense(), model, samples).cause == cause
    have, need = (int(word) for word in cause.split() if word.isdigit() and word != "0")
    groups = np.repeat([0, 1], samples)
    seen = np.sqrt((model.block_of == groups[:, np.newaxis]) + model.noise_variance)
    features = seen * np.random.default_rng(0).standard_normal((100_000, *seen.shape))
    squares = np.linalg.eigvalsh(features.mT @ features)
    smallest = np.sort(squares[:, -np.linalg.matrix_rank(features[0])])[:400]
    exponent = 2.0 / np.log(smallest[-1] / smallest).mean()
    assert round(exponent) == abs(have - need) + 1


def test_interference_lets_all_groups_see_a_coordinate():
    quiet = partly_noisy([3, 4], 0)
    assert heavy_tail(mt.Dense(), quiet, [4, 30]).cause == "group 0 has 4 samples for 3 coordinates"
    noisy = quiet.replace(interference_variances=0.5)
    assert heavy_tail(mt.Dense(), noisy, [4, 30]) is None
    assert heavy_tail(mt.Dense(), noisy, [4, 5]).cause == (
        "all groups have 9 samples for 7 coordinates"
    )


def test_labels_without_an_error_are_fitted_exactly():
    """Noise where no label comes from is no error."""
    model = partly_noisy([3, 4], 2, label_noise_variance=0.0)
    assert heavy_tail(mt.Dense(), model, [4, 30]) is not None
    silent = model.replace(coefficients=np.repeat([1.0, 0.0], [7, 2]))
    assert heavy_tail(mt.Dense(), silent, [4, 30]) is None
    # signal elsewhere, and a coefficient where there is never any
    dead = np.where(model.noise_variance > 0.0, 0.0, model.signal_variances)
    assert heavy_tail(mt.Dense(), model.replace(signal_variances=dead), [4, 30]) is None


def test_an_expert_of_several_groups_is_as_heavy_as_dense_on_what_it_serves(generic):
    """Blocks of 2, 4 and 3 coordinates: an expert of 5, and one of 4."""
    assigned = mt.MoE(assignment=(1, 0, 1))
    assert heavy_tail(assigned, generic(), [4, 20, 4]) == HeavyTail(
        "expert 1 has 8 samples for 5 coordinates", "variance"
    )
    assert heavy_tail(assigned, generic(), [40, 4, 40]) == HeavyTail(
        "group 1 has 4 samples for 4 coordinates", "mean"
    )
    assert heavy_tail(assigned, generic(), [2, 20, 9]) is None  # 2 for 2 by itself
    assert heavy_tail(mt.MoE(ridge=0.1, assignment=(1, 0, 1)), generic(), [4, 4, 4]) is None
    assert heavy_tail(assigned, generic(), [0, 20, 0]) is None
    never = generic().replace(group_probabilities=[0.0, 1.0, 0.0])
    assert heavy_tail(assigned, never, [4, 20, 4]) is None
    confused = mt.Perturbation(confusion=[[1, 0, 0], [0.1, 0.9, 0], [0, 0, 1]])
    assert infinite(heavy_tail(assigned, never, [4, 20, 4], under=confused)) == "variance"
    silent = generic().replace(coefficients=np.zeros(9))
    assert heavy_tail(assigned, silent, [4, 20, 4]) is None
    drawn = heavy_tail(assigned, generic(), 40, "multinomial")
    assert drawn.cause == "expert 0 may get within 3 samples of 4 coordinates"
    assert heavy_tail(assigned, generic(), 10_000, "multinomial") is None


def test_a_partly_noisy_expert_is_named_with_its_own_groups(generic):
    """One of its groups has coordinates that vary in the samples of this group alone."""
    noise = np.where(generic().block_of == 2, 0.0, 0.4)
    model = generic(noise, label_noise_variance=0.2)
    assigned = mt.MoE(assignment=(1, 0, 1))
    assert heavy_tail(assigned, model, [40, 40, 5]) == HeavyTail(
        "group 2 has 5 samples for 3 coordinates", "variance"
    )


def test_a_joint_fit_is_heavy_at_any_of_its_thresholds(generic):
    """Blocks of 2, 4 and 3 coordinates, each with a coefficient of two experts."""
    shared = mt.MoE(shared=True)
    for samples, part, lowest in (
        ([4, 30, 30], "4 samples for 2 coordinates", "variance"),
        ([8, 60, 4], "4 samples for 3 coordinates", "mean"),
        ([5, 40, 6], "11 samples for 9 coordinates", "variance"),
        ([6, 8, 7], "21 samples for 18 coordinates", "variance"),
        ([0, 30, 30], None, None),
        ([1, 3, 2], None, None),
        ([30, 30, 30], None, None),
    ):
        cause = f"a part of the joint fit has {part}"
        tail = None if part is None else HeavyTail(cause, lowest)
        assert heavy_tail(shared, generic(), samples) == tail, samples
    assert heavy_tail(mt.MoE(ridge=0.1, shared=True), generic(), [6, 8, 7]) is None
    assert heavy_tail(shared, generic().replace(coefficients=np.zeros(9)), [6, 8, 7]) is None
    drawn = heavy_tail(shared, generic(), 50, "multinomial")
    assert drawn == HeavyTail(
        "a part of the joint fit may get within 3 samples of its coordinates", "mean"
    )
    assert heavy_tail(shared, generic(), 10_000, "multinomial") is None


@pytest.mark.parametrize(("samples", "exponent"), [((4, 30, 30), 1.5), ((6, 8, 7), 2.0)])
def test_the_tail_of_a_joint_fit_falls_with_the_exponent_of_the_derivation(
    generic, samples, exponent
):
    """P(R > t) ~ t^-(δ+1)/2, by Hill's estimator."""
    from moetheory.simulation import fitted_risks

    top = 150
    risks = fitted_risks([mt.MoE(shared=True)], generic(), samples, replicates=15_000, rng=1)[0]
    ordered = np.sort(risks @ generic().group_probabilities)[-top - 1 :]
    hill = 1.0 / np.mean(np.log(ordered[1:] / ordered[0]))
    assert hill == pytest.approx(exponent, rel=0.1 + 4 / math.sqrt(top))
