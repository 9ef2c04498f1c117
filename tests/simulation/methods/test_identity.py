"""The identity for gates against data: the long way, a plain one that shares nothing, theory."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

import moetheory as mt
from moetheory.common.seeding import stream
from moetheory.problem.gates import Hard, Learned, Soft, TopK
from moetheory.simulation import simulate_routing
from moetheory.simulation.methods.identity import IdentityRoute
from moetheory.simulation.plans import families
from moetheory.strategies import block_models

GATES = [Hard(), Soft(), Soft(0.5), TopK(2)]
MIXTURES = [mt.MoE(gate) for gate in GATES]
ALL = [mt.Dense(), mt.MoE(), *MIXTURES, mt.Dense(0.2), mt.MoE(ridge=0.2)]
ALL += [mt.MoE(gate, 0.2) for gate in GATES]


@pytest.fixture(scope="module")
def blocks():
    """Three unequal isotropic blocks."""
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        [0, 0, 1, 1, 1, 1, 2, 2, 2],
        np.repeat([3.0, 1.0, 2.0], [2, 4, 3]),
        np.cos(np.arange(1.0, 10.0)) + 0.2,
        0.4,
    )


def means(estimators, model, **options):
    estimates = mt.simulate(estimators, model, **{"replicates": 3000, "rng": 5, **options})
    return np.array([estimate.mean for estimate in estimates])


def test_the_identity_agrees_with_plain_data(generic, agrees, mean_and_sem):
    """Densities from SciPy, predictions and squared errors written out.

    Less those of the oracle on the same labels, whose mean is known: much of the spread is theirs.
    """
    model = generic(1.2, label_noise_variance=0.1)
    data = model.sample(700_000, rng=3)
    covariances = [
        stats.Covariance.from_diagonal(
            model.noise_variance + np.where(model.block_of == g, model.signal_variances, 0.0)
        )
        for g in range(3)
    ]
    densities = np.stack(
        [
            math.log(p) + stats.multivariate_normal.logpdf(data.features, cov=v)
            for p, v in zip(model.group_probabilities, covariances, strict=True)
        ],
        axis=1,
    )
    experts = np.eye(3)[densities.argmax(axis=1)]
    posterior = np.exp(densities - densities.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    cold = posterior**2 / (posterior**2).sum(axis=1, keepdims=True)
    cases = [(Hard(), experts, 0.0), (Soft(0.5), cold, 0.0), (Soft(), posterior, 0.3)]
    estimators = [mt.MoE(gate, ridge) for gate, _, ridge in cases]
    estimates = mt.simulate(estimators, model, replicates=600_000, rng=4)

    def squares(weights, ridge=0.0):
        kept = model.signal_variances / (model.signal_variances + model.noise_variance + ridge)
        experts = np.eye(3)[model.block_of] * (model.coefficients * kept)[:, np.newaxis]
        return (data.labels - np.vecdot(data.features @ experts, weights)) ** 2

    oracle, known = squares(np.eye(3)[data.groups]), mt.risk(mt.MoE(), model).value
    for (_, weights, ridge), estimate in zip(cases, estimates, strict=True):
        plain = squares(weights, ridge)
        mean, sem, n = mean_and_sem(known + plain - oracle)
        assert agrees(mean, math.hypot(sem, estimate.sem), n, estimate.mean)
        each = estimate.sem * math.sqrt(estimate.replicates)
        assert each < 0.3 * plain.std() * math.sqrt(1.25)


def test_the_identity_agrees_with_the_long_way(blocks, agrees, pool):
    estimators = [mt.MoE(Hard(), 0.2), mt.MoE(TopK(2))]
    here, there = (
        mt.simulate(estimators, blocks, replicates=n, rng=7, method=method, executor=pool)
        for n, method in ((600_000, "identity"), (1_900_000, "population"))
    )
    assert {each.method for each in here} == {"identity"}
    assert {each.method for each in there} == {"population"}
    for short, long in zip(here, there, strict=True):
        sem = math.hypot(short.sem, long.sem)
        assert agrees(long.mean, sem, long.replicates, short.mean)


def test_the_identity_agrees_with_theory_where_no_gate_sees_the_input(generic, blocks, agrees):
    for model, estimator in ((generic(), mt.Dense()), (blocks, mt.Dense(0.2))):
        estimate = mt.simulate(estimator, model, method="identity", replicates=50_000, rng=9)
        assert agrees(estimate.mean, estimate.sem, 50_000, mt.risk(estimator, model).value)
        exact = mt.simulate(mt.MoE(), model, method="identity", replicates=10, rng=9)
        assert exact.mean == pytest.approx(mt.risk(mt.MoE(), model).value, rel=1e-13)
        assert exact.sem < 1e-15
        np.testing.assert_allclose(exact.per_group, mt.risk(mt.MoE(), model).per_group, rtol=1e-13)


def test_energies_do_what_coordinates_do(blocks):
    """A variance that differs in the last digit makes all coordinates to be drawn."""
    nearly = blocks.replace(signal_variances=blocks.signal_variances * (1 + 1e-15 * np.eye(9)[0]))
    one, other = (IdentityRoute((model,), tuple(ALL)) for model in (blocks, nearly))
    assert (one.cost, other.cost) == (3, 9)
    here, there = (
        mt.simulate(ALL, model, replicates=150_000, rng=1, method="identity")
        for model in (blocks, nearly)
    )
    for a, b in zip(here, there, strict=True):
        assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-13
        np.testing.assert_allclose(a.per_group, b.per_group, rtol=0.03)


def test_groups_weigh_up_to_the_mean(generic, blocks):
    for model in (generic(label_noise_variance=0.1), blocks):
        for estimate in mt.simulate(ALL, model, replicates=5000, rng=0, method="identity"):
            whole = model.group_probabilities @ estimate.per_group
            assert whole == pytest.approx(estimate.mean, rel=1e-12)


def test_soft_is_best_and_gates_lose_to_the_oracle(generic):
    oracle, hard, soft, cold, top = means([mt.MoE(), *MIXTURES], generic(), replicates=200)
    assert oracle < soft < min(hard, cold, top)
    assert soft < means([mt.Dense()], generic(), replicates=200, method="identity")[0]


def test_gates_that_are_the_same_are_the_same_to_the_last_bit(generic):
    three = [mt.MoE(Hard()), mt.MoE(TopK(1)), mt.MoE(Learned()), mt.MoE(Soft(1e-300))]
    assert len(set(means(three, generic()))) == 1
    assert len(set(means([mt.MoE(Soft()), mt.MoE(TopK(3))], generic()))) == 1


def test_a_single_expert_is_routed_by_every_gate(generic):
    one = mt.BlockModel([1.0], [0, 0, 0], [3.0, 1.0, 2.0], [1.0, -1.0, 2.0], 0.4)
    for ridge in (0.0, 0.3):
        same = [mt.MoE(gate, ridge) for gate in (mt.Oracle(), Hard(), Soft(), Soft(3.0), TopK(1))]
        risks = means([mt.Dense(ridge), *same], one)
        np.testing.assert_allclose(risks, risks[0], rtol=1e-13)
    learned = mt.simulate(mt.MoE(Learned(1)), one, replicates=2, rng=0)
    assert learned.mean == pytest.approx(mt.risk(mt.MoE(), one).value, rel=1e-13)


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")
@given(block_models(strict=True, noiseless=True))
@settings(max_examples=60)
def test_whatever_the_model_soft_is_best(model):
    """Whatever is zero or far from everything else; rounding may cost digits of the risk."""
    estimators = [mt.MoE(), *(mt.MoE(gate) for gate in (Soft(), Hard(), Soft(0.5), TopK(1)))]
    oracle, soft, *others = means([*estimators, mt.Dense()], model, replicates=40)
    assert math.isfinite(soft)
    assert oracle <= soft * (1 + 1e-12)
    assert soft <= min(others) * (1 + 1e-12)
    ridged = [mt.MoE(each.gate, 0.5) for each in estimators]
    assert means(ridged, model, replicates=40).min() >= oracle * (1 - 1e-12)
    assert 0.0 <= simulate_routing(Hard(), model, replicates=40, rng=0).misrouting.mean <= 1.0


@pytest.mark.parametrize("method", ["identity", "population"])
def test_a_group_without_probability_has_no_risk(generic, blocks, method):
    for model in (generic(), blocks):
        rare = model.replace(group_probabilities=[0.4, 0.6, 0.0])
        for estimate in mt.simulate(ALL, rare, replicates=2000, rng=0, method=method):
            assert np.isnan(estimate.per_group).tolist() == [False, False, True]
            assert math.isfinite(estimate.mean)


@pytest.mark.parametrize("method", ["identity", "population"])
def test_without_feature_noise_routing_is_perfect(generic, blocks, method):
    for model in (generic(0.0, label_noise_variance=0.0), blocks.replace(noise_variance=0.0)):
        sharp = [mt.Dense(), mt.MoE(), *MIXTURES]
        np.testing.assert_allclose(means(sharp, model, method=method), 0.0, atol=1e-28)
        ridged = [mt.MoE(ridge=0.2), *(mt.MoE(gate, 0.2) for gate in GATES)]
        risks = means(ridged, model, method=method)
        np.testing.assert_allclose(risks, risks[0], rtol=1e-12)
        assert risks[0] > 0.0


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")
@pytest.mark.parametrize("noise", [0.0, 1e-11, 0.5, 1e11])
def test_blocks_without_signal(noise):
    """Their scores are constant, and equal ones tie."""
    for last in ([1.0, 1.0], [1.0, 2.0]):
        signal = [0.0, 0.0, 0.0, *last]
        model = mt.BlockModel([0.3, 0.3, 0.4], [0, 0, 1, 2, 2], signal, [1.0] * 5, noise)
        one, other = (
            mt.simulate(MIXTURES, model, replicates=20_000, rng=1, method=method)
            for method in ("identity", "population")
        )
        for a, b in zip(one, other, strict=True):
            assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-25


def test_the_standard_error_is_that_of_a_stratified_mean():
    """Groups that differ: their shares are not left to chance, and the sem knows it."""
    model = mt.BlockModel([0.2, 0.5, 0.3], [0, 0, 1, 2], [2.0] * 4, [0.1, 0.1, 3.0, 8.0], 1.0)
    route = IdentityRoute((model,), (mt.Dense(), mt.MoE(Hard()), mt.MoE(Soft())))
    tallies = [route.chunk(stream(3, i), 250, None) for i in range(2000)]
    observed = np.cov(np.stack([tally.means for tally in tallies], axis=1))
    claimed = np.mean([tally.covariance for tally in tallies], axis=0)
    np.testing.assert_allclose(observed, claimed, rtol=0.12)
    ratio = np.sqrt(np.diagonal(observed) / np.diagonal(claimed))
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


# --- the same numbers however they are asked for --------------------------------------------------


def same(here, there):
    for a, b in zip(here, there, strict=True):
        assert (a.mean, a.sem, a.replicates) == (b.mean, b.sem, b.replicates)
        np.testing.assert_array_equal(a.per_group, b.per_group)


def test_the_same_bits_for_any_memory_executor_and_after_a_stop(blocks, pool, tmp_path):
    size = families(MIXTURES, (blocks,), None, "fixed", None)[0].route.chunk_size
    arguments = {"replicates": 2 * size + 7, "rng": 99}
    here = mt.simulate(MIXTURES, blocks, **arguments)
    same(mt.simulate(MIXTURES, blocks, memory=120 * 2**20, **arguments), here)
    same(mt.simulate(MIXTURES, blocks, executor=pool, **arguments), here)
    path = tmp_path / "run.npz"
    mt.simulate(MIXTURES, blocks, replicates=size, rng=99, checkpoint=path)
    same(mt.simulate(MIXTURES, blocks, checkpoint=path, replicates=2 * size + 7), here)
    with pytest.raises(ValueError, match="another run"):
        mt.simulate(MIXTURES[:1], blocks, checkpoint=path, replicates=size)


def test_one_model_or_several_and_alone_or_among_others(generic, blocks):
    """Of each group there are as many inputs as the most demanding of them asks for."""
    options = {"replicates": 5000, "rng": 1, "method": "identity"}
    for model in (generic(), blocks):
        models = [model, model.replace(noise_variance=0.9), model.replace(noise_variance=0.0)]
        together = mt.simulate(ALL, models, **options)
        for each, estimates in zip(models, together, strict=True):
            for a, b in zip(mt.simulate(ALL, each, **options), estimates, strict=True):
                assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-25
        twice = mt.simulate([ALL[3], ALL[3]], [model, model], **options)
        for each in twice:
            same([mt.simulate(ALL[3], model, **options)] * 2, each)


def test_differences_are_paired(generic):
    estimates = mt.simulate([mt.Dense(), mt.MoE(Soft()), mt.MoE(Hard())], generic(), rng=0)
    assert [each.method for each in estimates] == ["identity"] * 3
    assert estimates[0].replicates == 100_000
    difference = estimates.difference(2, 1)
    assert difference.sem < 0.6 * math.hypot(estimates[1].sem, estimates[2].sem)
    assert mt.simulate([mt.Dense(), mt.MoE()], generic(), rng=0)[1].method == "population"
    stopped = mt.simulate(mt.MoE(Hard()), generic(), rng=0, target_sem=1e-3)
    assert stopped.sem <= 1e-3


@pytest.mark.parametrize(
    ("estimator", "changes", "message"),
    [
        (mt.MoE(TopK(4)), {}, "k must be at most 3, the number of experts, got 4"),
        (
            mt.MoE(Hard()),
            {"samples": 30},
            "Oracle routing to be fitted, got MoE(gate=Hard(), ridge=0.0)",
        ),
        (mt.MoE(Hard()), {"samples": 30}, "samples of a router are Learned(samples=...)"),
        (mt.MoE(Soft()), {"method": "law"}, 'method="law" needs samples'),
        (mt.MoE(Soft()), {"leak": 0.1}, "must have strict blocks, leakage_variances=0, for gates"),
        (
            mt.Dense(),
            {"leak": 0.1, "method": "identity"},
            "with which dense and oracle routing work",
        ),
        (mt.MoE(Learned(90)), {"method": "population"}, 'simulated with method="identity" only'),
        (mt.MoE(Hard()), {"memory": 10**5}, "memory must be at least"),
    ],
)
def test_refusals(generic, estimator, changes, message):
    changes = dict(changes)
    model = generic(leakage_variances=changes.pop("leak", 0.0))
    with pytest.raises(ValueError, match=re.escape(message)):
        mt.simulate(estimator, model, **changes)
