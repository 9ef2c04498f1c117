"""Fitted experts behind gates, by the identity: against theory, against data, and rare errors."""

import math
import re

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, STRICT

HARD, SOFT = mt.MoE(mt.Hard()), mt.MoE(mt.Soft())
UNEQUAL = mt.BlockModel(
    [0.2, 0.5, 0.3],
    [2, 0, 1, 1, 2, 1, 0, 2, 1],
    np.array([3.0, 1.0, 2.0])[[2, 0, 1, 1, 2, 1, 0, 2, 1]],
    np.cos(np.arange(1.0, 10.0)) + 0.2,
    0.6,
    interference_variances=np.array([0.3, 0.0, 0.5])[[2, 0, 1, 1, 2, 1, 0, 2, 1]],
    label_noise_variance=0.3,
)
SIX = mt.BlockModel.isotropic(18, 3, noise_variance=1.0, signal_energy=12.0)
LOUDER = mt.Perturbation(noise_variance=1.5, interference_variances=0.4)
QUIET = STRICT.replace(
    noise_variance=np.minimum(STRICT.noise_variance, 3.0), label_noise_variance=0.5
)
SEVERAL = SIX.replace(signal_variances=np.tile([3.0, 1.0, 2.0, 0.5, 1.5, 2.5], 3))

KNOWN = {
    "unequal": ([HARD, SOFT], UNEQUAL, (12, 20, 15), None),
    "other test noise": ([HARD, SOFT], UNEQUAL, (12, 20, 15), LOUDER),
    "few samples": ([HARD, SOFT], SIX, (2, 1, 24), None),
    "no samples": ([HARD, SOFT], SIX, (20, 0, 2), LOUDER),
    "anisotropic": ([HARD], QUIET, (20, 40, 30), None),
    "anisotropic, other noise": ([HARD], QUIET, (20, 40, 30), LOUDER),
}


@pytest.mark.parametrize("case", KNOWN)
def test_the_mean_is_that_of_theory(agrees, case):
    estimators, model, samples, under = KNOWN[case]
    found = mt.simulate(estimators, model, samples=samples, under=under, replicates=26_000, rng=1)
    for estimator, each in zip(estimators, found, strict=True):
        theory = mt.risk(estimator, model, samples=samples, under=under)
        assert each.method == "identity"
        assert agrees(each.mean, each.sem, each.replicates, theory.value)
        np.testing.assert_allclose(each.per_group, theory.per_group, rtol=0.03)


def test_data_have_the_mean_of_theory_too(agrees):
    options = {"samples": (12, 20, 15), "under": LOUDER, "method": "data"}
    found = mt.simulate(HARD, UNEQUAL, replicates=60_000, rng=2, **options)
    theory = mt.risk(HARD, UNEQUAL, samples=(12, 20, 15), under=LOUDER)
    assert agrees(found.mean, found.sem, found.replicates, theory.value)


UNKNOWN = {
    "other gates": (
        [mt.MoE(mt.TopK(2)), mt.MoE(mt.Soft(0.4)), mt.MoE(mt.Soft(), ridge=0.3)],
        QUIET,
        (12, 25, 18),
        "fixed",
        None,
    ),
    "leakage": ([HARD, SOFT, mt.MoE(mt.Learned(90))], LEAKING, (12, 25, 18), "fixed", LOUDER),
    "learned": (
        [mt.MoE(mt.Learned(60)), mt.MoE(mt.Learned(90, "full"))],
        QUIET,
        (12, 25, 18),
        "fixed",
        LOUDER,
    ),
    "drawn counts": ([mt.MoE(mt.Hard(), ridge=0.2)], QUIET, 40, "multinomial", None),
    "few samples of a block with several variances": (
        [HARD, SOFT],
        SEVERAL,
        (2, 24, 1),
        "fixed",
        None,
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_the_mean_is_that_of_data(case):
    """Powerful enough to see errors of 4 %; of 1 % in tests/benchmarks/fitted_gates.py."""
    estimators, model, samples, counts, under = UNKNOWN[case]
    options = {"samples": samples, "counts": counts, "under": under}
    fast = mt.simulate(estimators, model, replicates=8000, rng=1, **options)
    data = mt.simulate(estimators, model, method="data", replicates=4000, rng=2, **options)
    assert {each.method for each in fast} == {"identity"}
    for here, there in zip(fast, data, strict=True):
        sem = math.hypot(here.sem, there.sem)
        print(f"z {(here.mean - there.mean) / sem:+.2f}, {sem / here.mean:.2%}")
        assert abs(here.mean - there.mean) < 4.0 * sem
        assert sem < 0.01 * here.mean
        groups = there.per_group > 0.0
        np.testing.assert_allclose(here.per_group[groups], there.per_group[groups], rtol=0.1)


@pytest.mark.parametrize("noise", [0.1, 0.03])
def test_errors_that_are_never_seen_among_inputs_have_their_cost(noise):
    """Errors of routing in 3e-5 and 2e-7 of the inputs, which cost 5e-5 and 5e-7 of the risk."""
    model = mt.BlockModel.isotropic(32, 4, noise_variance=noise, signal_energy=32.0)
    found = mt.simulate(
        [mt.MoE(), HARD, SOFT], model, samples=80, method="identity", replicates=3000, rng=3
    )
    oracle = mt.risk(mt.MoE(), model, samples=80).value
    for number, gate in ((1, HARD), (2, SOFT)):
        cost = found.difference(number, 0)
        theory = mt.risk(gate, model, samples=80).value - oracle
        assert abs(cost.z(theory)) < 4.0
        assert cost.sem < 0.03 * theory


def test_several_models_and_estimators_share_draws_and_none_depends_on_others():
    learned, noisier = mt.MoE(mt.Learned(60)), UNEQUAL.replace(noise_variance=1.1)
    options = {"samples": (12, 20, 15), "replicates": 300, "rng": 4}
    both = mt.simulate([HARD, mt.MoE(), SOFT, learned], [UNEQUAL, noisier], **options)
    assert [each.method for each in both[0]] == ["identity", "law", "identity", "identity"]
    for place, estimator in ((0, HARD), (2, SOFT), (3, learned)):
        alone = mt.simulate(estimator, [UNEQUAL, noisier], **options)
        assert alone.means.tolist() == [each[place].mean for each in both]
    assert both[0].paired(0, 2)
    assert not both[0].paired(0, 1)
    assert not both[0].paired(0, 3)
    oracle = mt.simulate([HARD, mt.MoE()], UNEQUAL, method="identity", **options)
    assert oracle.paired(0, 1)


def test_groups_that_are_never_drawn_and_one_group_alone():
    model = UNEQUAL.replace(group_probabilities=[0.4, 0.6, 0.0])
    learned = mt.MoE(mt.Learned(60))
    for method in (None, "data"):
        found = mt.simulate(
            [HARD, SOFT, learned], model, samples=(20, 0, 5), method=method, replicates=200, rng=0
        )
        for each in found:
            assert np.isfinite(each.mean)
            assert np.isnan(each.per_group).tolist() == [False, False, True]
    one = mt.BlockModel.power_law(5, 1, 0.5, decay=1.0)
    gates = [HARD, SOFT, learned]
    for each in mt.simulate([mt.MoE(), *gates], one, samples=20, replicates=4000, rng=1):
        assert abs(each.z(mt.risk(mt.MoE(), one, samples=20))) < 4.0


def test_experts_at_their_threshold_have_a_median():
    with pytest.warns(mt.HeavyTailWarning, match="mean and variance .* 4 samples for 4"):
        found = mt.simulate(HARD, UNEQUAL, samples=(12, 4, 15), replicates=200, rng=0)
    assert found.sem == math.inf
    assert found.median is not None
    assert found.median < found.mean
    assert mt.risk(HARD, UNEQUAL, samples=(12, 4, 15)).value == math.inf
    retrained = mt.MoE(mt.Hard(), retrained=True)
    with pytest.warns(mt.HeavyTailWarning, match="may get within 3 samples"):
        mt.simulate(retrained, UNEQUAL, samples=40, replicates=10, rng=0)


RETRAINED = mt.MoE(mt.Hard(), retrained=True)


@pytest.mark.parametrize(
    ("estimators", "options", "message"),
    [
        ([HARD, mt.Dense()], {}, "not known with samples for dense, got Dense(ridge=0.0)"),
        (RETRAINED, {}, "experts that are retrained on what their router sends them"),
        (HARD, {"loss": "sign"}, "for signs, got MoE(gate=Hard()"),
        (HARD, {"under": mt.Perturbation(erasure=0.1)}, "for erasure, got MoE(gate=Hard()"),
        (mt.MoE(mt.Hard(), shared=True), {}, "experts that serve several groups, or a shared"),
        (mt.MoE(mt.Learned(60), ridge=0.1), {}, "a gate that learns and a ridge"),
        (mt.MoE(mt.Learned(60)), {"samples": (12, 6, 15)}, "a gate that learns where group 1 has"),
        (mt.MoE(mt.Learned(60)), {"counts": "multinomial", "samples": 40}, "and drawn counts"),
        (mt.MoE(), {"under": mt.Perturbation(confusion=np.eye(3))}, "for confusion, got MoE("),
        (mt.MoE(), {"under": mt.Perturbation(radius=0.1)}, "for a worst-case shift, got MoE("),
    ],
)
def test_what_is_not_known_is_refused_by_name(estimators, options, message):
    arguments = {"samples": (12, 20, 15), "replicates": 10, "rng": 0, **options}
    with pytest.raises(mt.ArgumentError, match=re.escape(message) + ".*leave out method"):
        mt.simulate(estimators, UNEQUAL, method="identity", **arguments)


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (HARD, {"method": "law"}, '"law" is known for Dense and for oracle routing only, got MoE('),
        (HARD, {"method": "statistics"}, '"statistics" is known for Dense and for oracle routing'),
        (HARD, {"method": "population"}, "draws no training sets, got samples="),
        (HARD, {"under": mt.Perturbation(radius=0.1)}, "radius needs oracle routing"),
        (mt.MoE(mt.Learned(8)), {}, "gate must have at least 9 samples"),
        (mt.MoE(mt.Learned(8)), {"method": "data"}, "gate must have at least 9 samples"),
        (mt.MoE(mt.Learned(90), shared=True), {}, "must have one expert a group"),
    ],
)
def test_bad_arguments(estimator, options, message):
    arguments = {"samples": (12, 20, 15), "replicates": 10, "rng": 0, **options}
    with pytest.raises(mt.ArgumentError, match=re.escape(message)):
        mt.simulate(estimator, UNEQUAL, **arguments)
