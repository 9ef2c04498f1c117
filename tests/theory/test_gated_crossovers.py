"""The order of gates over test noise, leakage and interference: both sides, simulation."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory import (
    BlockModel,
    Dense,
    Hard,
    MoE,
    NoClosedForm,
    Perturbation,
    Soft,
    crossover,
    crossovers,
    risk,
)

HARD, SOFT = MoE(gate=Hard()), MoE(gate=Soft())
EQUAL = BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
UNEQUAL = BlockModel(
    [0.2, 0.3, 0.5],
    np.repeat(np.arange(3), [2, 4, 3]),
    np.repeat([3.0, 0.5, 1.0], [2, 4, 3]),
    np.linspace(-1.0, 1.5, 9),
    0.4,
    label_noise_variance=0.1,
)


def there(model, over, value):
    """The model, and the perturbation, with this value of the quantity."""
    if over == "test_noise_variance":
        return model, Perturbation(noise_variance=value)
    variances = value**2 * model.signal_variances
    if over == "overlap":
        return model.replace(noise_variance=model.noise_variance + variances), None
    return model.replace(**{f"{over}_variances": variances}), None


def lead(a, b, model, over, value, samples=None):
    at, under = there(model, over, value)
    one, other = (risk(each, at, samples=samples, under=under).excess for each in (a, b))
    return one - other


CASES = [
    (Dense(), HARD, EQUAL, "test_noise_variance", None),
    (HARD, SOFT, EQUAL, "test_noise_variance", 60),
    (Dense(), HARD, UNEQUAL, "test_noise_variance", None),
    (Dense(), HARD, UNEQUAL, "leakage", None),
    (MoE(), HARD, EQUAL, "leakage", None),
    (Dense(), HARD, UNEQUAL, "interference", None),
    (Dense(), HARD, EQUAL, "overlap", None),
]


@pytest.mark.parametrize(("a", "b", "model", "over", "samples"), CASES)
def test_the_order_changes_there_and_nowhere_before(a, b, model, over, samples):
    end = crossover(a, b, model, over=over, samples=samples)
    first = lead(a, b, model, over, 0.0, samples)
    if first <= 0.0:  # the other way round
        assert end == 0.0
        (end,) = crossovers(a, b, model, over=over, samples=samples)
    sign = math.copysign(1.0, first)
    assert 0.0 < end < math.inf
    for factor in (0.01, 1.0 - 1e-6):
        assert sign * lead(a, b, model, over, factor * end, samples) > 0.0
    for factor in (1.0 + 1e-6, 1.5):
        assert sign * lead(a, b, model, over, factor * end, samples) < 0.0


@pytest.mark.parametrize(
    ("b", "over", "factors"),
    [(SOFT, "test_noise_variance", (0.7, 1.4)), (HARD, "leakage", (0.8, 1.2))],
)
def test_simulation_says_the_same_on_both_sides(b, over, factors):
    end = crossover(Dense(), b, EQUAL, over=over)
    for factor, sign in zip(factors, (1.0, -1.0), strict=True):
        at, under = there(EQUAL, over, factor * end)
        found = mt.simulate([Dense(), b], at, under=under, replicates=10_000, rng=3)
        gain = found.difference(0, 1)
        print(f"{over} = {factor:g} times {end:.4g}: {gain.mean:+.4f} ± {gain.sem:.4f}")
        assert sign * gain.z(0.0) > 6.0


def test_an_expert_behind_a_gate_that_sees_leaked_signals_may_beat_the_oracle():
    """The oracle keeps to the block of the group, the gate follows the loudest one."""
    end = crossover(HARD, MoE(), EQUAL, over="leakage")
    at, _ = there(EQUAL, "leakage", 1.2 * end)
    gain = mt.simulate([MoE(), HARD], at, replicates=10_000, rng=5).difference(0, 1)
    assert end < 1.0
    assert gain.z(0.0) > 10.0


def test_at_the_noise_of_training_it_is_the_order_without_perturbation():
    for a, b in ((Dense(), HARD), (HARD, SOFT)):
        expected = risk(a, UNEQUAL).excess > risk(b, UNEQUAL).excess
        for over, value in (("test_noise_variance", 0.4), ("leakage", 0.0)):
            if b != SOFT or over != "leakage":
                assert (lead(a, b, UNEQUAL, over, value) > 0.0) == expected


def test_the_soft_gate_is_known_in_test_noise_far_beyond_that_of_training():
    changes = crossovers(Dense(), SOFT, EQUAL, over="test_noise_variance")
    assert len(changes) == 1
    assert changes[0] == pytest.approx(3.54, rel=1e-3)


def test_infinite_risks_of_fits_stay_infinite():
    for a, b, first in ((HARD, SOFT, 0.0), (Dense(), HARD, 0.0), (HARD, Dense(), math.inf)):
        assert crossover(a, b, EQUAL, over="test_noise_variance", samples=15) == first
        assert crossovers(a, b, EQUAL, over="test_noise_variance", samples=15) == ()


@pytest.mark.parametrize("over", ["leakage", "interference", "overlap", "test_noise_variance"])
def test_without_signal_nothing_is_better(over):
    silent = UNEQUAL.replace(signal_variances=np.zeros(9))
    assert crossover(Dense(), HARD, silent, over=over) == 0.0
    assert crossovers(Dense(), HARD, silent, over=over) == ()


def test_one_expert_leaves_a_gate_no_choice():
    one = BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], 1.0)
    ridge = Dense(ridge=0.5)
    assert crossovers(ridge, MoE(), one, over="test_noise_variance")
    for over in ("test_noise_variance", "overlap"):
        expected = crossovers(ridge, MoE(), one, over=over)
        assert crossovers(ridge, HARD, one, over=over) == expected


@pytest.mark.parametrize("over", ["leakage", "interference"])
def test_amplitudes_end_where_a_block_looks_the_same_while_inactive(over):
    """Half of the signal variance is there already: an amplitude of at most √½."""
    other = {"leakage": "interference", "interference": "leakage"}[over]
    model = EQUAL.replace(**{f"{other}_variances": 0.5 * EQUAL.signal_variances})
    for end in crossovers(Dense(), HARD, model, over=over):
        assert end < math.sqrt(0.5)
    louder = EQUAL.replace(**{f"{other}_variances": 2.0 * EQUAL.signal_variances})
    with pytest.raises(NoClosedForm, match=rf'above the signal variance.*sweep\(model, "{over}"'):
        crossover(Dense(), HARD, louder, over=over)


@pytest.mark.parametrize(
    ("b", "over", "message"),
    [
        (SOFT, "leakage", r'with leakage_variances; call sweep\(model, "leakage", ...\)'),
        (MoE(gate=Hard(), ridge=0.1), "overlap", r'without ridge.*sweep\(model, "overlap", ...\)'),
        (HARD, "erasure", r'oracle routing only.*call sweep\(model, "erasure", ...\)'),
        (HARD, "misrouting", "the crossover over misrouting is known for dense and for oracle"),
        (HARD, "radius", "the crossover over radius is known for dense and for oracle"),
        (MoE(gate=mt.Learned(100)), "overlap", r'no formula .*sweep\(model, "overlap", ...\)'),
    ],
)
def test_what_has_no_formula_names_the_sweep(b, over, message):
    with pytest.raises(NoClosedForm, match=message):
        crossover(Dense(), b, EQUAL, over=over)


@pytest.mark.parametrize("over", ["leakage", "test_noise_variance"])
def test_what_has_no_formula_is_refused_whichever_is_better_at_the_start(over):
    pair = MoE(gate=mt.TopK(2)), MoE(gate=mt.TopK(2, renormalised=False))
    model = EQUAL if over == "leakage" else EQUAL.replace(noise_variance=0.0)
    for a, b in (pair, pair[::-1]):
        for ask in (crossover, crossovers):
            with pytest.raises(NoClosedForm, match=rf'sweep\(model, "{over}", ...\)'):
                ask(a, b, model, over=over)


def test_no_noise_in_training_and_noise_in_the_test_is_refused():
    with pytest.raises(NoClosedForm, match="noise_variance 0 in training"):
        crossover(Dense(), HARD, EQUAL.replace(noise_variance=0.0), over="test_noise_variance")
