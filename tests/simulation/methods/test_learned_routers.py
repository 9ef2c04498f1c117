"""Routers that are learned, against routers fitted on data that was drawn in full."""

import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.problem.gates import Hard, Learned, Soft
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation import simulate_routing


@pytest.fixture(scope="module")
def small():
    """A model with unequal blocks, variances and probabilities."""
    return mt.BlockModel(
        [0.35, 0.65], [0, 0, 1, 1, 1], [4.0, 2.0, 1.0, 3.0, 2.0], [1.0, -0.5, 1.2, 0.4, 0.8], 0.5
    )


def log_densities(rows, seen):
    """Log densities of rows (R, T, d), normal with the second moments of rows seen (R, n, d)."""
    moments = seen.mT @ seen / seen.shape[1]
    lengths = np.vecdot(rows @ np.linalg.inv(moments), rows)
    return -0.5 * (lengths + np.linalg.slogdet(moments)[1][:, np.newaxis])


def fitted_choices(train, test, blocks, moments):
    """Choices by log shares and fitted densities; ``train`` has rows (R, n_g, d) of each group."""
    scores = []
    for g in range(2):
        score = math.log(train[g].shape[1])
        if moments == "full":
            score = score + log_densities(test, train[g])
        else:
            for j in range(2):
                # of a block: what was seen of it in the group where it does the same
                seen = train[j if g == j else 1 - j]
                score = score + log_densities(test[..., blocks == j], seen[..., blocks == j])
        scores.append(score)
    return np.argmax(scores, axis=0)


@pytest.mark.parametrize(
    "noise",
    [
        "one",
        pytest.param("general", marks=pytest.mark.slow),
        pytest.param("leaking, and other in the test", marks=pytest.mark.slow),
    ],
)
def test_risks_are_those_of_routers_fitted_on_data(small, agrees, mean_and_sem, noise):
    """Training sets and test sets drawn, experts known, squared errors on labels, and their signs.

    Less those of the oracle on the same labels, whose mean is known: most of the spread is theirs.
    """
    if noise == "general":  # interference below and above the signal
        small = small.replace(
            noise_variance=[0.02, 3.0, 0.5, 0.1, 8.0],
            interference_variances=[1.5, 6.0, 0.2, 4.0, 0.0],
        )
    there, under = small, None
    if noise == "leaking, and other in the test":  # leaking more and less than the signal
        small = small.replace(leakage_variances=[1.0, 0.1, 2.0, 0.5, 0.3])
        under = mt.Perturbation(noise_variance=0.8, interference_variances=[0.2, 0, 0.4, 0, 1.0])
        there = small.replace(
            noise_variance=under.noise_variance, interference_variances=under.interference_variances
        )
    n, sets, tests = 60, 6000 if noise == "one" else 12_000 if noise == "general" else 9000, 250
    counts = counts_of(n, small)
    pool, test = small.sample(5 * n * sets // 3, rng=0), there.sample(sets * tests, rng=1)
    train = []
    for g in range(2):
        rows = pool.features[pool.groups == g][: sets * counts[g]]
        train.append(rows.reshape(sets, counts[g], 5))
    inputs = test.features.reshape(sets, tests, 5)
    labels = test.labels.reshape(sets, tests)
    kept = small.signal_variances / (small.signal_variances + small.noise_variance)

    def losses(groups):
        own = small.block_of == groups[..., np.newaxis]
        predictions = (inputs * own) @ (small.coefficients * kept)
        return {
            "squared": (labels - predictions) ** 2,
            "sign": 1.0 * (labels * predictions < 0.0),
        }

    oracle = losses(test.groups.reshape(sets, tests))
    known = {
        "squared": mt.risk(mt.MoE(), small, under=under).value,
        "sign": mt.misclassification(mt.MoE(), small, under=under).value,
    }
    for moments in ("blocks", "full"):
        learned = mt.MoE(Learned(n, moments))
        plain = losses(fitted_choices(train, inputs, small.block_of, moments))
        # with one noise too few sets show one per cent of the signs
        for loss, value in list(known.items())[: 2 if noise == "general" else 1]:
            mean, sem, _ = mean_and_sem(value + (plain[loss] - oracle[loss]).mean(axis=1))
            more = 5 * sets if loss == "squared" else sets
            options = {"under": under, "replicates": more, "loss": loss}
            estimate = mt.simulate(learned, small, rng=1, **options)
            assert estimate.method == "identity"
            assert agrees(mean, math.hypot(sem, estimate.sem), sets, estimate.mean)


def test_much_is_learned_from_many_samples(small):
    gates = [Hard(), Learned(10**9), Learned(10**9, "full")]
    for model in (small, small.replace(signal_variances=[2.0, 2.0, 3.0, 3.0, 3.0])):
        hard, *learned = (
            mt.simulate(mt.MoE(gate), model, replicates=n, rng=2)
            for gate, n in zip(gates, (200_000, 10_000, 10_000), strict=True)
        )
        for each in learned:
            assert abs(each.mean - hard.mean) < 5 * math.hypot(each.sem, hard.sem)
            np.testing.assert_allclose(each.per_group, hard.per_group, rtol=0.05)


def test_more_moments_take_more_samples(small):
    estimators = [mt.MoE(Learned(n, m)) for n in (20, 80) for m in ("blocks", "full")]
    few, few_full, many, many_full = mt.simulate(estimators, small, replicates=2000, rng=0)
    assert mt.simulate(mt.MoE(Hard()), small, rng=0).mean < many.mean < few.mean
    assert many_full.mean < few_full.mean
    assert few.mean < few_full.mean


def test_a_learned_router_has_draws_of_its_own(small):
    together = mt.simulate(
        [mt.Dense(), mt.MoE(Learned(40)), mt.MoE(Soft()), mt.MoE(Learned(40), 0.2)], small, rng=3
    )
    assert [each.replicates for each in together] == [100_000, 1000, 100_000, 1000]
    assert [together.paired(0, i) for i in range(4)] == [True, False, True, False]
    assert together.paired(1, 3)
    alone = mt.simulate(mt.MoE(Learned(40)), small, rng=3)
    assert (alone.mean, alone.sem) == (together[1].mean, together[1].sem)
    noisier = small.replace(noise_variance=1.0)
    both = mt.simulate(mt.MoE(Learned(40)), [small, noisier], rng=3)
    assert both[0].mean == alone.mean
    assert both[1].mean == mt.simulate(mt.MoE(Learned(40)), noisier, rng=3).mean
    assert both.difference(0, 1).sem < math.hypot(both[0].sem, both[1].sem)


def test_chunks_stops_and_processes_change_nothing(small, pool, tmp_path):
    from moetheory.simulation.plans import families

    estimators = [mt.MoE(Hard()), mt.MoE(Learned(40)), mt.MoE(Learned(40, "full"))]
    plan = families(estimators, (small,), None, "fixed", None)
    total = plan[1].route.chunk_size + 5
    here = mt.simulate(estimators, small, replicates=total, rng=1)
    path = tmp_path / "run.npz"
    mt.simulate(estimators, small, replicates=total // 2, rng=1, checkpoint=path)
    resumed = mt.simulate(estimators, small, replicates=total, checkpoint=path)
    spread = mt.simulate(estimators, small, replicates=total, rng=1, executor=pool)
    for other in (resumed, spread):
        np.testing.assert_array_equal(other.means, here.means)
        np.testing.assert_array_equal(other.covariance, here.covariance)


def test_groups_without_probability_need_no_samples(small):
    model = small.replace(
        group_probabilities=[0.4, 0.6, 0.0],
        block_of=[0, 0, 1, 1, 2],
    )
    for moments in ("blocks", "full"):
        estimate = mt.simulate(mt.MoE(Learned(30, moments)), model, replicates=50, rng=0)
        assert np.isnan(estimate.per_group).tolist() == [False, False, True]
        assert model.group_probabilities[:2] @ estimate.per_group[:2] == pytest.approx(
            estimate.mean, rel=1e-12
        )


@pytest.mark.parametrize(
    ("gate", "needed"), [(Learned(4), 8), (Learned(3, "full"), 13), (Learned(1), 8)]
)
def test_too_few_samples_are_refused_and_how_many_are_needed_is_said(small, gate, needed):
    pattern = (
        rf"^gate must have at least {needed} samples, .* got {re.escape(repr(gate))}, of which"
    )
    for refuse in (lambda: mt.simulate(mt.MoE(gate), small), lambda: simulate_routing(gate, small)):
        with pytest.raises(ValueError, match=pattern):
            refuse()
    enough = Learned(needed, gate.moments)
    assert math.isfinite(mt.simulate(mt.MoE(enough), small, replicates=50, rng=0).mean)


def test_what_cannot_be_learned_is_refused(small):
    still = small.replace(noise_variance=0.0)
    message = re.escape(
        "noise_variance must be greater than 0 for Learned(samples=40, moments='blocks'), got 0"
    )
    with pytest.raises(ValueError, match=message):
        mt.simulate(mt.MoE(Learned(40)), [small, still])
    in_part = small.replace(noise_variance=[1.0, 1.0, 0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=f"{message} in coordinate 2: the moments"):
        mt.simulate(mt.MoE(Learned(40)), in_part)
    interfering = in_part.replace(interference_variances=0.3)
    assert math.isfinite(mt.simulate(mt.MoE(Learned(40)), interfering, rng=0, replicates=9).mean)
    unheard = interfering.replace(signal_variances=[4.0, 2.0, 0.0, 3.0, 2.0])
    with pytest.raises(ValueError, match=f"{message} in coordinate 2: the moments"):
        mt.simulate(mt.MoE(Learned(40)), unheard)
    assert mt.simulate(mt.MoE(Learned()), still, rng=0).mean == 0.0


def test_signs_given_the_group_add_up(small):
    """With a ridge, of two models, and one group that never occurs."""
    models = [small, small.replace(noise_variance=1.0)]
    estimators = [mt.MoE(Learned(40)), mt.MoE(Learned(40), 0.5)]
    for found in mt.simulate(estimators, models, replicates=400, rng=0, loss="sign"):
        for each in found:
            assert small.group_probabilities @ each.per_group == pytest.approx(each.mean, rel=1e-12)
            assert 0.1 < each.mean < 0.5
    model = small.replace(group_probabilities=[0.4, 0.6, 0.0], block_of=[0, 0, 1, 1, 2])
    estimate = mt.simulate(estimators[0], model, replicates=50, rng=0, loss="sign")
    assert np.isnan(estimate.per_group).tolist() == [False, False, True]


@pytest.mark.parametrize("moments", ["blocks", "full"])
@pytest.mark.parametrize("samples", [None, 50])
def test_what_is_learned_from_infinitely_many_samples_is_the_hard_gate(small, moments, samples):
    gates = (Learned(moments=moments), mt.Hard())
    options = {"samples": samples, "replicates": 50, "rng": 1}
    learned, hard = (mt.simulate(mt.MoE(gate), small, **options) for gate in gates)
    assert learned.mean == hard.mean
    assert mt.MoE(gates[0], retrained=True).retrained
