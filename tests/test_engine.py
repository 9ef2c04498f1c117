"""simulate: against theory, against the plain way, and against itself done differently."""

import math
import multiprocessing
import tracemalloc

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation import engine
from moetheory.simulation.fitted import Fitted
from moetheory.simulation.routes import Population
from moetheory.simulation.seeding import stream

ESTIMATORS = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.5), mt.MoE(ridge=0.5)]


@pytest.mark.parametrize("leakage", [0.0, 0.3])
def test_simulation_agrees_with_theory(generic, agrees, leakage):
    model = generic(leakage_variances=leakage, label_noise_variance=0.2)
    estimates = mt.simulate(ESTIMATORS, model, replicates=2_500_000, rng=11)
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.risk(estimator, model)
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)


@pytest.mark.parametrize("leakage", [0.0, 1.0])
@pytest.mark.slow
def test_the_paired_difference_agrees_with_the_gap(generic, agrees, leakage):
    model = generic(leakage_variances=leakage)
    estimates = mt.simulate([mt.Dense(), mt.MoE()], model, replicates=4_000_000, rng=14)
    gap, value = estimates.difference(0, 1), mt.gap(model)
    assert math.copysign(1.0, value) == (-1.0 if leakage else 1.0)
    assert agrees(gap.mean, gap.sem, gap.replicates, value)
    assert gap.sem < math.hypot(estimates[0].sem, estimates[1].sem)


@pytest.mark.slow
def test_per_group_means_agree_with_theory(generic, agrees):
    """Given its group an error is normal, so the variance of its square is 2r²."""
    model = generic(label_noise_variance=0.2)
    estimate = mt.simulate(mt.Dense(), model, replicates=6_000_000, rng=12)
    theory = mt.risk(mt.Dense(), model)
    for p, mean, value in zip(
        model.group_probabilities, estimate.per_group, theory.per_group, strict=True
    ):
        n = p * estimate.replicates
        assert agrees(mean, value * math.sqrt(2 / n), int(n), value)


@pytest.mark.parametrize("wrong", [0.99, 1.01])
def test_the_yardstick_notices_one_per_cent(generic, agrees, wrong):
    model = generic()
    estimate = mt.simulate(mt.Dense(), model, replicates=3_000_000, rng=13)
    value = wrong * mt.risk(mt.Dense(), model).value
    assert not agrees(estimate.mean, estimate.sem, estimate.replicates, value)


def test_theory_and_simulation_agree_with_the_plain_way(generic, agrees, mean_and_sem):
    """Draw, fit by least squares, test on fresh data: no code shared but the drawing.

    Fitting on n samples costs about d/n = 2e-5 of the risk, a hundredth of a sem.
    """
    model = generic(label_noise_variance=0.1)
    train, test = model.sample(450_000, rng=1), model.sample(1_300_000, rng=2)
    dense, *_ = np.linalg.lstsq(train.features, train.labels)
    prediction = np.empty_like(test.labels)
    for g in range(model.experts):
        own = model.block_of == g
        here, there = train.groups == g, test.groups == g
        expert, *_ = np.linalg.lstsq(train.features[here][:, own], train.labels[here])
        prediction[there] = test.features[there][:, own] @ expert
    for estimator, errors in (
        (mt.Dense(), test.features @ dense - test.labels),
        (mt.MoE(), prediction - test.labels),
    ):
        assert agrees(*mean_and_sem(errors**2), mt.risk(estimator, model).value)


ROUTES = {
    "population": lambda model: Population.of([mt.Dense(), mt.MoE()], model),
    "training sets": lambda model: Fitted.of([mt.Dense(), mt.MoE()], model, [8, 20, 14]),
}


def _chunk(job):
    route, entropy, index, rows = job
    return route.chunk(stream(entropy, index), rows)


@pytest.mark.parametrize(
    ("method", "samples", "replicates"),
    [("population", None, 30_000), ("training sets", [8, 20, 14], 1000)],
)
def test_chunks_from_other_processes_in_any_order_give_the_same_bits(
    generic, method, samples, replicates
):
    model, entropy = generic(), 99
    route = ROUTES[method](model)
    size = route.chunk_size
    starts = range(0, replicates, size)
    jobs = [(route, entropy, i, min(size, replicates - at)) for i, at in enumerate(starts)]
    assert len(jobs) > 4
    order = np.random.default_rng(0).permutation(len(jobs))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        done = dict(zip(order, pool.map(_chunk, [jobs[i] for i in order]), strict=True))
    merged = done[0]
    for i in range(1, len(jobs)):
        merged = merged.merge(done[i])
    elsewhere = engine._estimates(merged, method, entropy)
    here = mt.simulate(
        [mt.Dense(), mt.MoE()], model, samples=samples, replicates=replicates, rng=entropy
    )
    assert here.method == method
    np.testing.assert_array_equal(elsewhere.means, here.means)
    np.testing.assert_array_equal(elsewhere.covariance, here.covariance)
    np.testing.assert_array_equal(elsewhere.per_group, here.per_group)


@pytest.mark.parametrize("samples", [None, 30])
def test_entropy_replays_and_seeds_matter(generic, samples):
    def run(rng):
        estimate = mt.simulate(mt.MoE(), generic(), samples=samples, replicates=500, rng=rng)
        return estimate.mean, estimate.sem, estimate.entropy

    for rng in (3, np.random.SeedSequence(3).spawn(1)[0], np.random.default_rng(3), None):
        first = run(rng)
        assert run(first[-1]) == first
    assert run(4)[0] != run(3)[0]


@pytest.mark.parametrize("samples", [None, 30])
def test_an_estimator_alone_or_among_others_gets_the_same_bits(generic, samples):
    model = generic(leakage_variances=0.1)
    arguments = {"samples": samples, "replicates": 5000, "rng": 0}
    alone = mt.simulate(mt.MoE(), model, **arguments)
    among = mt.simulate([mt.Dense(), mt.MoE()], model, **arguments)[1]
    assert (alone.mean, alone.sem) == (among.mean, among.sem)
    np.testing.assert_array_equal(alone.per_group, among.per_group)


@pytest.mark.parametrize("samples", [None, 30])
def test_an_estimator_does_not_differ_from_itself(generic, samples):
    model = generic(label_noise_variance=0.1)
    twice = mt.simulate([mt.MoE(), mt.MoE()], model, samples=samples, replicates=2000, rng=0)
    difference = twice.difference(0, 1)
    assert (difference.mean, difference.sem) == (0.0, 0.0)


def test_permuting_coordinates_within_and_across_blocks_keeps_the_risk(generic, agrees):
    """Interleaved blocks: another stream of draws, the same law."""
    model = generic()
    order = np.array([3, 8, 0, 5, 7, 1, 4, 2, 6])
    shuffled = model.replace(
        block_of=model.block_of[order],
        signal_variances=model.signal_variances[order],
        coefficients=model.coefficients[order],
    )
    estimate = mt.simulate(mt.MoE(), shuffled, replicates=2_000_000, rng=21)
    value = mt.risk(mt.MoE(), model).value
    assert agrees(estimate.mean, estimate.sem, estimate.replicates, value)


@pytest.mark.parametrize(("samples", "replicates"), [(None, 20_000), (30, 500)])
def test_memory_is_bounded_by_the_chunk_not_by_the_replicates(generic, samples, replicates):
    model = generic()
    peaks = []
    for total in (replicates, 10 * replicates):
        tracemalloc.start()
        try:
            mt.simulate([mt.Dense(), mt.MoE()], model, samples=samples, replicates=total, rng=0)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 20 * 2**20


@pytest.mark.parametrize(("samples", "replicates"), [(None, 20_001), (30, 501)])
def test_progress_counts_to_the_end(generic, samples, replicates):
    calls = []
    mt.simulate(
        mt.MoE(),
        generic(),
        samples=samples,
        replicates=replicates,
        rng=0,
        progress=lambda *call: calls.append(call),
    )
    assert calls[-1] == (replicates, replicates)
    assert len(calls) > 2
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_a_thousand_training_sets_unless_told_otherwise(generic):
    estimate = mt.simulate(mt.MoE(), generic(), samples=50, rng=0)
    assert (estimate.replicates, estimate.method) == (1000, "training sets")
    assert mt.simulate(mt.MoE(), generic(), rng=0).replicates == 100_000


def test_a_group_that_is_never_drawn_has_no_mean(generic):
    model = generic().replace(group_probabilities=[0.4, 0.6, 0.0])
    per_group = mt.simulate(mt.Dense(), model, replicates=1000, rng=0).per_group
    assert np.isnan(per_group).tolist() == [False, False, True]


def test_without_noise_there_is_nothing_to_see(generic):
    estimate = mt.simulate(mt.MoE(), generic(0.0), replicates=1000, rng=0)
    assert estimate.mean < 1e-28
    assert mt.simulate(mt.Dense(), generic(1.0).replace(coefficients=np.zeros(9)), rng=0).sem == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicates": 1}, "replicates must be at least 2, got 1"),
        ({"replicates": 10.5}, "replicates must be an integer, got 10.5"),
        ({"rng": -1}, "rng must be None"),
        ({"estimator": []}, "estimator must name at least one"),
        ({"estimator": ["dense"]}, "estimator must be Dense"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"samples": 10.5}, "samples must be an integer, got 10.5"),
        ({"samples": [3, 4]}, r"samples must be an integer or have shape \(3,\), got \(2,\)"),
        ({"samples": 9, "counts": "poisson"}, "counts must be .*, got 'poisson'"),
        ({"samples": 9, "counts": None}, "counts must be .*, got None"),
        ({"samples": 9, "counts": ["fixed"]}, "counts must be .*, got \\['fixed'\\]"),
        ({"counts": "multinomial"}, "counts='multinomial' needs samples, .* got samples=None"),
        (
            {"samples": [3, 4, 5], "counts": "multinomial"},
            r'samples must be an integer with counts="multinomial", .* got \[3, 4, 5\]',
        ),
    ],
)
def test_bad_arguments(generic, changes, message):
    arguments = {"estimator": mt.Dense(), "model": generic(), **changes}
    with pytest.raises(ValueError, match=message):
        mt.simulate(**arguments)
