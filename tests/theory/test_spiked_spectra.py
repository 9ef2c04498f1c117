"""Spectra of fixed designs for dense and experts: each spike by hand, and both readings."""

import math
from dataclasses import replace

import numpy as np
import pytest

import moetheory as mt
from moetheory.formulas import spiked

FIELDS = ("values", "left", "right", "detectable", "threshold", "edge", "condition", "contraction")


def sparse(spikes, noise_variance=0.8, sizes=(9, 12, 7), **changes):
    """Unequal blocks; ``spikes`` are coordinates and their variances."""
    signal = np.zeros(sum(sizes))
    signal[list(spikes)] = list(spikes.values())
    fields = {
        "group_probabilities": [0.2, 0.5, 0.3],
        "block_of": np.repeat([0, 1, 2], sizes),
        "signal_variances": signal,
        "coefficients": np.ones(len(signal)),
        "noise_variance": noise_variance,
    }
    return mt.BlockModel(**{**fields, **changes})


GENERIC = sparse({0: 30.0, 4: 9.0, 10: 0.5, 15: 5.0, 22: 8.0})
COUNTS = [12, 6, 40]


@pytest.mark.parametrize("reading", ["own", "common"])
def test_each_spike_by_hand(reading):
    n, d, noise = 58, 28, 0.8
    found = mt.spiked_spectrum(mt.MoE(), GENERIC, COUNTS, noise=reading)
    assert found.coordinates.tolist() == [0, 4, 10, 15, 22]
    assert found.groups.tolist() == [0, 0, 1, 1, 2]
    for i, (m, g) in enumerate(zip(found.coordinates, found.groups, strict=True)):
        signal = COUNTS[g] / n * GENERIC.signal_variances[m]
        rows, columns = (COUNTS[g], [9, 12, 7][g]) if reading == "own" else (n, d)
        c, s = columns / rows, noise * rows / n
        assert found.signal[i] == pytest.approx(signal, rel=1e-14)
        assert found.threshold[g] == pytest.approx(math.sqrt(c) * s, rel=1e-14)
        edge = s * (1 + math.sqrt(c)) ** 2
        assert found.edge[g] == pytest.approx(edge, rel=1e-14)
        seen = signal > math.sqrt(c) * s
        assert found.detectable[i] == seen
        value = (signal + s) * (signal + c * s) / signal if seen else edge
        assert found.values[i] == pytest.approx(value, rel=1e-13)
        left = 1 - s * (c * s + signal) / (signal * (signal + s)) if seen else 0.0
        right = 1 - c * s * (s + signal) / (signal * (signal + c * s)) if seen else 0.0
        assert (found.left[i], found.right[i]) == pytest.approx((left, right), rel=1e-12)
    assert found.detectable.tolist() == [True, True, False, reading == "own", True]
    for g in range(3):
        own = found.values[found.groups == g]
        kappa = max(own) / min(own)
        assert found.condition[g] == pytest.approx(kappa, rel=1e-14)
        assert found.contraction[g] == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-14)
    assert found.worst == max(found.contraction)


def test_dense_sees_the_whole_whatever_the_reading():
    found = mt.spiked_spectrum(mt.Dense(), GENERIC, COUNTS)
    common = mt.spiked_spectrum(mt.Dense(), GENERIC, COUNTS, noise="common")
    experts = mt.spiked_spectrum(mt.MoE(), GENERIC, COUNTS, noise="common")
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(common, name))
    for name in FIELDS[:4]:
        np.testing.assert_array_equal(getattr(found, name), getattr(experts, name))
    np.testing.assert_array_equal(experts.edge, np.repeat(found.edge, 3))
    assert found.condition == max(found.values) / min(found.values)
    assert found.condition.shape == found.edge.shape == found.threshold.shape == (1,)


@pytest.mark.parametrize("samples", [3, 20, 80])
def test_one_expert_is_dense(samples):
    model = mt.BlockModel([1.0], [0] * 20, [4.0, 1.0, 0.3] + [0.0] * 17, [1.0] * 20, 0.5)
    dense, moe = (mt.spiked_spectrum(each, model, samples) for each in (mt.Dense(), mt.MoE()))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(dense, name), getattr(moe, name))


def test_no_expert_is_worse_at_the_aspect_of_dense_and_its_submatrix_shows_each_spike_truer():
    rng = np.random.default_rng(0)
    larger = 0
    for _ in range(200):
        spikes = dict(
            zip(rng.choice(28, 6, replace=False), 10 ** rng.uniform(-2, 2, 6), strict=True)
        )
        model = sparse(spikes, 10 ** rng.uniform(-2, 2))
        counts = rng.integers(6, 60, 3)
        dense, own, common = (
            mt.spiked_spectrum(each, model, counts, noise=reading)
            for each, reading in ((mt.Dense(), "own"), (mt.MoE(), "own"), (mt.MoE(), "common"))
        )
        assert np.all(own.values <= dense.values)
        assert np.all(own.values >= own.signal)
        assert np.all(own.left >= dense.left)
        assert np.all(own.right >= dense.right)
        assert np.all(own.detectable >= dense.detectable)
        assert np.all(own.threshold <= dense.threshold)
        assert np.nanmax(common.condition) <= dense.condition[0]
        larger += own.worst > dense.worst
    assert 20 < larger < 180  # either can have the larger kappa


def test_a_spike_that_is_not_seen_counts_with_the_edge():
    """An undetected spike has the value of the edge, so kappa is continuous in the signal."""
    conditions = [
        mt.spiked_spectrum(mt.Dense(), sparse({0: 50.0, 1: weak}), COUNTS).condition[0]
        for weak in (1e-6, 2.685, 2.6900)
    ]
    lost = mt.spiked_spectrum(mt.Dense(), sparse({0: 50.0, 1: 1e-6}), COUNTS)
    assert lost.detectable.tolist() == [True, False]
    assert conditions[0] == lost.values[0] / lost.edge[0]
    np.testing.assert_allclose(conditions, conditions[0], rtol=1e-5)


def test_groups_without_samples_or_spikes():
    model = GENERIC.replace(group_probabilities=[0.6, 0.4, 0.0])
    moe = mt.spiked_spectrum(mt.MoE(), model, 50)
    assert moe.coordinates.tolist() == [0, 4, 10, 15]
    assert np.isnan(moe.edge).tolist() == [False, False, True]
    assert np.isnan(moe.contraction).tolist() == [False, False, True]
    assert moe.worst == np.nanmax(moe.contraction)
    dense = mt.spiked_spectrum(mt.Dense(), model, [30, 20, 0])
    np.testing.assert_array_equal(dense.signal, moe.signal)
    assert np.isfinite(dense.edge).all()
    one = mt.spiked_spectrum(mt.MoE(), sparse({10: 3.0}), [1, 20, 9])
    assert one.edge[0] == pytest.approx(0.8 / 30 * (1 + 3) ** 2, rel=1e-14)
    lone = mt.spiked_spectrum(mt.MoE(), sparse({10: 3.0}), COUNTS)
    assert np.isnan(lone.condition).tolist() == [True, False, True]
    assert (lone.condition[1], lone.worst) == (1.0, 0.0)
    for each in (mt.Dense(), mt.MoE()):
        nothing = mt.spiked_spectrum(each, sparse({}), COUNTS)
        assert nothing.values.shape == (0,)
        assert math.isnan(nothing.worst)
        assert np.isfinite(nothing.edge).all()


def test_without_noise_nothing_changes():
    for each in (mt.Dense(), mt.MoE()):
        found = mt.spiked_spectrum(each, GENERIC.replace(noise_variance=0.0), COUNTS)
        np.testing.assert_array_equal(found.values, found.signal)
        np.testing.assert_array_equal(found.left, np.ones(5))
        assert found.detectable.all()
        assert not found.edge.any()


def test_contraction_of_almost_equal_spikes_keeps_its_digits():
    found = mt.spiked_spectrum(mt.MoE(), sparse({0: 5.0, 1: 5.0 * (1 + 1e-9)}), COUNTS)
    top, bottom = (spiked.observed(signal, 9 / 12, 0.8 * 12 / 58) for signal in found.signal[::-1])
    assert found.contraction[0] == pytest.approx((top - bottom) / (top + bottom), rel=1e-6)
    assert 0.0 < found.contraction[0] < 1e-9


def test_what_comes_back_is_read_only():
    found = mt.spiked_spectrum(mt.MoE(), GENERIC, COUNTS)
    for name in (*FIELDS, "coordinates", "groups", "signal"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[0] = 0
    with pytest.raises(AttributeError):
        found.values = found.signal


LEAKING = GENERIC.replace(leakage_variances=0.1)


@pytest.mark.parametrize("verb", [mt.spiked_spectrum, mt.simulate_spectrum])
@pytest.mark.parametrize(
    ("estimator", "model", "samples", "message"),
    [
        ("dense", GENERIC, 50, r"estimator must be Dense\(...\) or MoE\(...\), got 'dense'"),
        (mt.Dense(), "model", 50, "model must be a BlockModel, got 'model'"),
        (mt.Dense(), LEAKING, 50, "model must have strict blocks, leakage_variances=0"),
        (mt.MoE(), LEAKING, 50, "model must have strict blocks"),
        (mt.Dense(ridge=0.1), GENERIC, 50, r"estimator must have no ridge.*got Dense\(ridge=0.1\)"),
        (mt.Dense(), GENERIC, 0, "samples must be at least 1, got 0"),
        (mt.Dense(), GENERIC, [1, 2], r"samples must be an integer or have shape \(3,\)"),
        (mt.Dense(), GENERIC, 2.5, "samples must be an integer"),
        (mt.Dense(), GENERIC, [5, 1, 5], "samples must give group 1 a row for each of its 2 coor"),
        (mt.MoE(), mt.BlockModel.isotropic(8, 2, 1.0), 7, "group 1 a row .* 4 .*, or none, got 3"),
    ],
)
def test_refusals(verb, estimator, model, samples, message):
    with pytest.raises(ValueError, match=message):
        verb(estimator, model, samples)


@pytest.mark.parametrize("verb", [mt.spiked_spectrum, mt.simulate_spectrum])
def test_a_gate_that_looks_is_refused(verb):
    with pytest.raises(mt.NoClosedForm, match=r"known for dense and for oracle routing"):
        verb(mt.MoE(gate=mt.Hard()), GENERIC, 50)


@pytest.mark.parametrize(
    ("estimator", "noise", "changes", "name"),
    [
        (mt.Dense(), "own", {"noise_variance": np.linspace(0.5, 1.0, 28)}, "noise_variance"),
        (mt.MoE(), "own", {"noise_variance": np.linspace(0.5, 1.0, 28)}, "noise_variance"),
        (mt.Dense(), "own", {"interference_variances": 0.3}, "interference_variances"),
        (mt.MoE(), "common", {"interference_variances": 0.3}, "interference_variances"),
    ],
)
def test_noise_of_several_variances_is_simulated(estimator, noise, changes, name):
    model = sparse({3: 2.0, 12: 4.0}).replace(**changes)
    call = rf"got (several in )?{name}; call simulate_spectrum\({type(estimator).__name__}\("
    with pytest.raises(mt.NoClosedForm, match=call):
        mt.spiked_spectrum(estimator, model, 60, noise=noise)
    assert mt.simulate_spectrum(estimator, model, 60, replicates=2, rng=0).replicates == 2


def test_experts_do_not_see_interference():
    model = sparse({3: 2.0, 12: 4.0})
    here, there = (
        mt.spiked_spectrum(mt.MoE(), each, 60)
        for each in (model, model.replace(interference_variances=0.3))
    )
    assert here.values.tolist() == there.values.tolist()


@pytest.mark.parametrize("noise", ["other", None, 1.0, ["own"]])
def test_unknown_readings_are_refused(noise):
    with pytest.raises(ValueError, match='noise must be "own" or "common", got'):
        mt.spiked_spectrum(mt.MoE(), GENERIC, 50, noise=noise)


# --- the theorem ----------------------------------------------------------------------------------

THEOREM = mt.catalogue["convergence-fixed-design"]
OWN = tuple(  # claims about a model of one's own
    replace(claim, symbolic=None)
    for claim in THEOREM.claims
    if tuple(claim.points(GENERIC)) == (GENERIC,)
)


@pytest.mark.parametrize("noise", [1e-5, 1.0, 1e9])
@pytest.mark.parametrize("spikes", [{0: 3.0}, {0: 1e-6, 1: 1e6, 10: 1.0}, {11: 2.0, 12: 2.0}])
def test_it_holds_for_designs_of_ones_own(noise, spikes):
    assert len(OWN) == 3
    verdict = mt.check(replace(THEOREM, claims=OWN), sparse(spikes, noise), rng=0)
    assert verdict.status == "holds", verdict.reason
    assert all(len(claim.points) == 1 for claim in verdict.claims)


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (mt.BlockModel.isotropic(16, 4, 1.0), "few spikes"),
        (sparse({}), "positive signal energy"),
        (LEAKING, "strict blocks"),
        (sparse({0: 3.0}, 0.0), "feature noise"),
    ],
)
def test_it_says_what_a_model_lacks(model, missing):
    verdict = mt.check(THEOREM, model, rng=0)
    assert verdict.status == "assumptions not met"
    assert verdict.reason.startswith(missing)


def test_both_orders_of_kappa_are_shown_on_submatrices():
    """Closed forms and simulation agree, also on the sentence that is false."""
    larger = next(c for c in THEOREM.claims if c.name.startswith("dense's kappa <="))
    sentence = larger.negative_control
    assert sentence.name == "the submatrix never has the larger kappa"
    for claim, status in ((larger, "holds"), (sentence, "violated")):
        verdict = mt.check(replace(THEOREM, claims=(claim,)), rng=0)
        assert verdict.claims[0].status == status
        (comparison,) = verdict.comparisons
        assert comparison.decides
        assert (abs(comparison.z) > comparison.threshold) == (status == "violated")
